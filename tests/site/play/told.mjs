// What the page computes, for Python to compare: node told.mjs data.js < {"digits": [...], "pairs": [...]}
import { readFileSync } from "node:fs";
import { netOf } from "../../../site/play/digits.js";
import { answer, distillationGradient, kdLoss } from "../../../site/play/formulas.js";

await import(new URL(process.argv[2], "file:///"));
const { digits, pairs } = JSON.parse(readFileSync(0, "utf8"));
const nets = Object.entries(globalThis.kdbookPlay.nets).map(([name, net]) => [name, netOf(net)]);
const answers = ([, net]) =>
  digits.map((x) => {
    const logits = Array.from(net.forward(x.map((level) => level / 255)));
    return [1, 20].map((T) => answer(logits, T));
  });
const losses = ({ student, teacher, label, temperature, alpha }) => ({
  loss: kdLoss(student, teacher, temperature),
  gradient: distillationGradient(student, teacher, label, { temperature, alpha }),
});
console.log(
  JSON.stringify({ nets: Object.fromEntries(nets.map((each) => [each[0], answers(each)])), losses: pairs.map(losses) }),
);
