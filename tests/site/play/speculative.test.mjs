import assert from "node:assert/strict";
import { test } from "node:test";
import { generator } from "../../../site/play/random.js";
import { Decoder, draw, judged, kept, LETTERS, models, perCall, residual } from "../../../site/play/speculative.js";

const p = [0.5, 0.3, 0.2, 0],
  q = [0.2, 0.2, 0.2, 0.4];
const near = (found, expected, within) => assert.ok(Math.abs(found - expected) < within, `${found} for ${expected}`);

test("the chance to be kept is one minus the total variation, and the rest comes from where p is above q", () => {
  near(kept(p, q), 0.6, 1e-12); // 1 - (0.3 + 0.1 + 0 + 0.4) / 2
  residual(p, q).forEach((value, i) => near(value, [0.75, 0.25, 0, 0][i], 1e-12));
});

test("what comes out is distributed as the target, whatever the draft", () => {
  const n = 40_000;
  for (const draft of [q, [0.25, 0.25, 0.25, 0.25], [0.01, 0.01, 0.01, 0.97], p]) {
    const random = generator(1),
      counts = [0, 0, 0, 0];
    let good = 0;
    for (let i = 0; i < n; i++) {
      const { keep, letter } = judged(p, draft, random);
      counts[letter] += 1;
      good += keep;
    }
    counts.forEach((count, i) => near(count / n, p[i], 0.01)); // four standard errors
    near(good / n, kept(p, draft), 0.01);
  }
});

test("letters a call are theorem 1 of Leviathan et al. 2023", () => {
  near(perCall(0.5, 4), 1.9375, 1e-12); // 1 + 1/2 + 1/4 + 1/8 + 1/16
  assert.equal(perCall(1, 4), 5);
  assert.equal(perCall(0, 4), 1);
});

test("a draw never gives what has no probability, not even at the end of rounding", () => {
  assert.equal(
    draw([0.3, 0.7, 0], () => 0.9999999999999999),
    1,
  );
  assert.equal(
    draw([0, 1], () => 0),
    1,
  );
});

test("models are counts of three letters, of two and of one", () => {
  const counts = new Uint32Array(27 ** 3),
    [a, b, c] = [0, 1, 2];
  const put = (x, y, z, n) => (counts[(x * 27 + y) * 27 + z] = n);
  (put(a, b, c, 3), put(a, b, a, 1), put(c, b, a, 4));
  const { target, letter, often, even } = models(counts);
  assert.deepEqual([target([a, b])[a], target([a, b])[c]], [0.25, 0.75]);
  assert.deepEqual([letter([c, b])[a], letter([a, b])[c]], [5 / 8, 3 / 8]);
  assert.deepEqual([often()[a], often()[c]], [5 / 8, 3 / 8]);
  near(even()[7], 1 / LETTERS.length, 1e-12);
});

test("a round guesses four letters, calls the target once, and stops at the first that is refused", () => {
  const only = (c) => () => Array.from(LETTERS, (_, i) => (i === c ? 1 : 0));
  const kinds = (decoder, n) => Array.from({ length: n }, () => decoder.step().kind);
  const agreed = new Decoder(only(3), only(3), generator(1), [0, 0]);
  assert.deepEqual(kinds(agreed, 6), ["guess", "kept", "kept", "kept", "kept", "extra"]);
  assert.deepEqual([agreed.calls, agreed.letters, agreed.text.slice(2)], [1, 5, [3, 3, 3, 3, 3]]);
  const apart = new Decoder(only(3), only(4), generator(1), [0, 0]);
  assert.deepEqual(kinds(apart, 4), ["guess", "refused", "guess", "refused"]);
  assert.deepEqual([apart.calls, apart.letters, apart.text.slice(2)], [2, 2, [3, 3]]);
});
