// What pages load. In JupyterLab, an anywidget would import the classes, give them `data`, and append them.
import { DigitLab } from "./digit-lab.js";
import { DoubtsLab } from "./doubts-lab.js";
import { GradientLab } from "./gradient-lab.js";
import { KLLab } from "./kl-lab.js";
import { ModelsLab } from "./models-lab.js";
import { Playground } from "./playground.js";
import { SpeculativeLab } from "./speculative-lab.js";
import { TrainLab } from "./train-lab.js";

for (const [name, element] of [
  ["kd-digit-lab", DigitLab],
  ["kd-train", TrainLab],
  ["kd-gradient", GradientLab],
  ["kd-playground", Playground],
  ["kd-kl", KLLab],
  ["kd-speculative", SpeculativeLab],
  ["kd-models", ModelsLab],
  ["kd-doubts", DoubtsLab],
]) {
  if (!customElements.get(name)) customElements.define(name, element);
}
export { DigitLab, DoubtsLab, GradientLab, KLLab, ModelsLab, Playground, SpeculativeLab, TrainLab };
