import assert from "node:assert/strict";
import { test } from "node:test";
import {
  angle,
  answer,
  argmax,
  crossEntropy,
  crossEntropyGradient,
  distillationGradient,
  entropyBits,
  kdGradient,
  kdLoss,
  kl,
  length,
  logitMatchingGradient,
  softTargets,
} from "../../../site/play/formulas.js";

const near = (got, wanted, tolerance = 1e-9) =>
  [got]
    .flat()
    .forEach((value, i) => assert.ok(Math.abs(value - [wanted].flat()[i]) <= tolerance, `${got} is not ${wanted}`));

const S = [2, -1, 0.5],
  T = [1, 0, 3]; // a student's and a teacher's logits

/** Gradient of f at z by central differences. */
const slopes = (f, z, h = 1e-5) =>
  z.map((_, i) => (f(z.map((v, j) => v + (i === j ? h : 0))) - f(z.map((v, j) => v - (i === j ? h : 0)))) / (2 * h));

test("logits of ln 1, ln 2 and ln 5 are answers of an eighth, a quarter and five eighths", () => {
  near(softTargets([0, Math.log(2), Math.log(5)]), [1 / 8, 2 / 8, 5 / 8]);
});

test("at a temperature of 2 the weights are the square roots", () => {
  near(softTargets([0, Math.log(4), Math.log(25)], 2), [1 / 8, 2 / 8, 5 / 8]);
});

test("large logits do not overflow, and a temperature that is not positive is refused with its value", () => {
  near(softTargets([1000, 0]), [1, 0]);
  assert.throws(() => softTargets(S, 0), /positive and finite, got 0/);
  assert.throws(() => softTargets(S, NaN), /got NaN/);
});

test("four equal answers have two bits of entropy, a sure one none", () => {
  near(entropyBits([0.25, 0.25, 0.25, 0.25]), 2);
  near(entropyBits([1, 0, 0]), 0);
});

test("the divergence of a half from a quarter and three quarters is half of ln(4/3)", () => {
  near(kl([0.5, 0.5], [0.25, 0.75]), 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3));
  near(kl([1, 0], [0.5, 0.5]), Math.log(2));
});

test("an answer tells its top class, the rest as dark mass, and its entropy", () => {
  const told = answer([0, Math.log(2), Math.log(5)]);
  assert.equal(told.top, 2);
  near([told.confidence, told.dark, told.entropy], [5 / 8, 3 / 8, 3 / 8 + 0.5 + (5 / 8) * Math.log2(8 / 5)]);
  assert.equal(argmax([3, 7, 7]), 1);
});

test("the gradient of the cross entropy is that of finite differences", () => {
  near(
    crossEntropyGradient(S, 2),
    slopes((z) => crossEntropy(z, 2), S),
    1e-8,
  );
});

for (const temperature of [1, 4, 20]) {
  test(`the gradient of T^2 KL is that of finite differences at T = ${temperature}`, () => {
    near(
      kdGradient(S, T, temperature),
      slopes((z) => kdLoss(z, T, temperature), S),
      1e-6,
    );
  });
}

test("alpha mixes the teacher's gradient with the label's, and without a label only the teacher speaks", () => {
  const mixed = (z) => 0.3 * kdLoss(z, T, 4) + 0.7 * crossEntropy(z, 1);
  near(distillationGradient(S, T, 1, { temperature: 4, alpha: 0.3 }), slopes(mixed, S), 1e-7);
  near(distillationGradient(S, T, null, { temperature: 4, alpha: 0.3 }), kdGradient(S, T, 4));
});

test("at a large temperature T^2 KL pulls as the matching of centred logits does: Hinton et al. 2015, eq. 4", () => {
  const mean = (S[0] + S[1] + S[2] - T[0] - T[1] - T[2]) / 3;
  near(
    logitMatchingGradient(S, T),
    S.map((v, c) => (v - T[c] - mean) / 3),
  );
  near(kdGradient(S, T, 1e5), logitMatchingGradient(S, T), 1e-4);
  assert.ok(angle(kdGradient(S, T, 1e5), logitMatchingGradient(S, T)) < 0.01);
  assert.ok(angle(kdGradient(S, T, 1), logitMatchingGradient(S, T)) > 1);
});

test("without T^2 the gradient falls to a quarter when a large T doubles", () => {
  const plain = (temperature) => length(kdGradient(S, T, temperature)) / temperature ** 2;
  near(plain(1e3) / plain(2e3), 4, 0.01);
});

test("angles of known vectors", () => {
  near(
    [angle([1, 0], [0, 2]), angle([1, 1], [3, 3]), angle([1, 0], [-1, 0]), angle([0, 0], [1, 0])],
    [90, 0, 180, 0],
    1e-5,
  );
});
