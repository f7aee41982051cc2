// What the page loads. In JupyterLab, an anywidget would import the classes, give them `data`, and append them.
import { DigitLab } from "./digit-lab.js";
import { GradientLab } from "./gradient-lab.js";
import { TrainLab } from "./train-lab.js";

for (const [name, element] of [
  ["kd-digit-lab", DigitLab],
  ["kd-train", TrainLab],
  ["kd-gradient", GradientLab],
]) {
  if (!customElements.get(name)) customElements.define(name, element);
}
export { DigitLab, GradientLab, TrainLab };
