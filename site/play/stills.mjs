// One comparison of the playground and the fits of its mixture, for the still pictures: node site/play/stills.mjs
import { Duel, FIRST, NETS } from "./duel.js";
import { softTargets } from "./formulas.js";
import { fit, GRID, logMixture, onGrid } from "./gaussian.js";

const SIDE = 60,
  EXTENT = 1.5;
const duel = new Duel({ ...FIRST, seed: 1 });
while (!duel.done) duel.step();
const at = Array.from({ length: SIDE }, (_, i) => (2 * (i + 0.5)) / SIDE - 1).map((part) => part * EXTENT);
const map = (net) => at.map((y) => at.map((x) => softTargets(net.forward([x, y]))[0]));
const modes = [
  { mean: -2, sd: 0.7, weight: 0.6 },
  { mean: 2, sd: 0.7, weight: 0.4 },
];
const density = (logs) => logs.map(Math.exp);
console.log(
  JSON.stringify({
    extent: EXTENT,
    given: duel.given,
    maps: Object.fromEntries(NETS.map((name) => [name, map(duel.learners[name].net)])),
    errors: duel.errors(),
    grid: GRID,
    p: density(logMixture(modes)),
    fits: Object.fromEntries(["forward", "reverse"].map((name) => [name, density(onGrid(fit(name, modes)))])),
  }),
);
