import assert from "node:assert/strict";
import { test } from "node:test";
import { descend, fit, jensenShannon, klOf, logMixture, madeUp, missed, onGrid } from "../../../site/play/gaussian.js";

const two = [
  { mean: -2, sd: 0.7, weight: 0.6 },
  { mean: 2, sd: 0.7, weight: 0.4 },
];
const three = [
  { mean: -3, sd: 0.6, weight: 0.5 },
  { mean: 0, sd: 0.6, weight: 0.2 },
  { mean: 3, sd: 0.6, weight: 0.3 },
];
const near = (found, expected, within) => assert.ok(Math.abs(found - expected) < within, `${found} for ${expected}`);

test("KL of two Gaussians is the closed formula, either way round, and nothing is 0 from itself", () => {
  const [a, b] = [onGrid({ mean: 0, sd: 1 }), onGrid({ mean: 1, sd: 2 })];
  near(klOf(a, b), Math.log(2) + (1 + 1) / 8 - 0.5, 1e-6);
  near(klOf(b, a), -Math.log(2) + (4 + 1) / 2 - 0.5, 1e-5);
  assert.equal(klOf(a, a), 0);
});

test("Jensen-Shannon is 0 from itself and at most the logarithm of two", () => {
  const [a, b] = [onGrid({ mean: -6, sd: 0.3 }), onGrid({ mean: 6, sd: 0.3 })];
  near(jensenShannon(a, a), 0, 1e-12);
  near(jensenShannon(a, b), Math.log(2), 1e-6);
});

test("a descent finds the lowest point of a bowl", () => {
  const { mean, sd } = descend((q) => (q.mean - 1.3) ** 2 + (Math.log(q.sd) - 0.2) ** 2, { mean: 0, sd: 1 });
  near(mean, 1.3, 1e-3);
  near(Math.log(sd), 0.2, 1e-3);
});

// Middle, width and loss by scipy: minimize(method="Nelder-Mead") from every mode and from the moments, densities on
// 20,001 places from -14 to 14.
for (const [name, modes, mean, sd, loss] of [
  ["forward", two, -0.4, 2.0809, 0.42237],
  ["reverse", two, -1.986, 0.7202, 0.50519],
  ["jensen", two, -0.3922, 2.0518, 0.11708],
  ["forward", three, -0.6, 2.6833, 0.48739],
  ["reverse", three, -2.9716, 0.6369, 0.6799],
  ["jensen", three, -0.5451, 2.5511, 0.12482],
]) {
  test(`the ${name} fit of ${modes.length} modes is that of scipy`, () => {
    const found = fit(name, modes);
    near(found.mean, mean, 1e-3);
    near(found.sd, sd, 1e-3);
    near(found.loss, loss, 1e-4);
  });
}

test("reverse KL has other hollows where modes lie apart, and one where they do not", () => {
  assert.ok(fit("reverse", two).others.some(({ mean }) => Math.abs(mean - 1.976) < 1e-2));
  const close = two.map((mode) => ({ ...mode, mean: mode.mean / 8 }));
  assert.deepEqual(fit("reverse", close).others, []);
});

test("forward KL leaves nearly nothing out and makes much up, reverse KL the other way round", () => {
  const logP = logMixture(two);
  const [forward, reverse] = ["forward", "reverse"].map((name) => fit(name, two));
  assert.ok(missed(logP, forward) < 0.01 && madeUp(logP, forward) > 0.15);
  assert.ok(missed(logP, reverse) > 0.4 && madeUp(logP, reverse) < 0.05);
});

test("weights need not sum to 1", () => {
  const doubled = two.map((mode) => ({ ...mode, weight: 2 * mode.weight }));
  const expected = logMixture(two);
  logMixture(doubled).forEach((value, i) => near(value, expected[i], 1e-12));
});
