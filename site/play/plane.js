// Points in the plane, in classes that noise lets overlap: moons, spirals and rings.
import { generator } from "./random.js";

/** A class's curve: place in [-1, 1] x [-1, 1] of t in [0, 1), of class c. */
const CURVES = {
  moons: (c, t) => {
    const turn = Math.PI * t;
    return c
      ? [0.3 - 0.55 * Math.cos(turn), 0.12 - 0.55 * Math.sin(turn)]
      : [0.55 * Math.cos(turn) - 0.3, 0.55 * Math.sin(turn) - 0.12];
  },
  spirals: (c, t) => {
    const turn = 2 * Math.PI * (c / 3 + 0.75 * t);
    return [(0.12 + 0.78 * t) * Math.cos(turn), (0.12 + 0.78 * t) * Math.sin(turn)];
  },
  rings: (c, t) => [(0.2 + 0.3 * c) * Math.cos(2 * Math.PI * t), (0.2 + 0.3 * c) * Math.sin(2 * Math.PI * t)],
};
const CLASSES = { moons: 2, spirals: 3, rings: 3 };
export const SHAPES = Object.keys(CURVES);
export const classesOf = (shape) => CLASSES[shape];

/** A number of the normal distribution (Box and Muller). */
export const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** n points { x: [[x, y]], y: classes } of a shape, with noise of a standard deviation; classes take turns. */
export function points(shape, n, noise, random) {
  const y = Array.from({ length: n }, (_, i) => i % CLASSES[shape]);
  const x = y.map((c) => CURVES[shape](c, random()).map((value) => value + noise * normal(random)));
  return { x, y };
}

/** Test points of a shape: the same for every seed of a comparison. */
export const testPoints = (shape, noise, n = 1000) => points(shape, n, noise, generator(1_000_003));

const STEPS = 200; // of the sum that stands for the integral along a curve

/** True probabilities of the classes at a place: how often a point there is of each. */
export function truth(shape, noise, [x, y]) {
  const squares = Array.from({ length: CLASSES[shape] }, (_, c) =>
    Array.from({ length: STEPS }, (_, i) => {
      const [a, b] = CURVES[shape](c, (i + 0.5) / STEPS);
      return ((x - a) ** 2 + (y - b) ** 2) / (2 * noise ** 2);
    }),
  );
  const least = Math.min(...squares.flat());
  const weights = squares.map((of) => of.reduce((sum, square) => sum + Math.exp(least - square), 0));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

/** Share of points { x, y } that even the true probabilities get wrong. */
export const unavoidable = (shape, noise, { x, y }) =>
  x.filter((place, i) => {
    const p = truth(shape, noise, place);
    return p.indexOf(Math.max(...p)) !== y[i];
  }).length / x.length;
