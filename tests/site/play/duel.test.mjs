import assert from "node:assert/strict";
import { test } from "node:test";
import { Duel, FIRST, tally, VISITS } from "../../../site/play/duel.js";
import { classesOf, points, SHAPES, testPoints, truth, unavoidable } from "../../../site/play/plane.js";
import { generator } from "../../../site/play/random.js";

const ends = (settings) => {
  const duel = new Duel({ ...FIRST, ...settings });
  while (!duel.done) duel.step();
  return duel.errors();
};

test("classes of every shape take turns, and noise has the standard deviation that was asked for", () => {
  for (const shape of SHAPES) {
    const [clean, noisy] = [1e-9, 0.2].map((noise) => points(shape, 3000, noise, generator(1)));
    assert.deepEqual(
      clean.y.slice(0, 4),
      [0, 1, 2, 3].map((i) => i % classesOf(shape)),
    );
    const [x, y] = [0, 1].map((k) => noisy.x.map((place, i) => place[k] - clean.x[i][k]));
    for (const off of [x, y]) {
      const variance = off.reduce((sum, value) => sum + value ** 2, 0) / off.length;
      assert.ok(Math.abs(Math.sqrt(variance) - 0.2) < 0.01, `${shape} ${variance}`);
    }
  }
});

test("true probabilities are even where two moons mirror each other, and certain on a moon without noise", () => {
  const middle = truth("moons", 0.2, [0, 0]); // a half turn about the middle makes one moon the other
  assert.ok(Math.abs(middle[0] - 0.5) < 1e-6 && Math.abs(middle[0] + middle[1] - 1) < 1e-12);
  assert.ok(truth("rings", 0.05, [0.8, 0])[2] > 0.999);
});

test("nobody need err where noise is small, and everybody errs often where it is as wide as the rings", () => {
  const wrong = (noise) => unavoidable("rings", noise, testPoints("rings", noise));
  assert.equal(wrong(0.02), 0);
  assert.ok(wrong(0.5) > 0.4 && wrong(0.5) < 2 / 3);
});

test("the two students begin alike, and a comparison comes again to the last point", () => {
  const { learners } = new Duel({ ...FIRST, seed: 2 });
  assert.deepEqual(learners.hard.net.layers, learners.soft.net.layers);
  const short = { width: 4, labels: 10, who: "self", seed: 3 };
  assert.deepEqual(ends(short), ends(short));
});

test("a teacher has its students' own points, but for one that knows more, which has 1,500 others", () => {
  const begun = (who) => new Duel({ ...FIRST, who, seed: 1 });
  for (const duel of ["same", "peer", "self"].map(begun)) assert.equal(duel.taught, duel.given);
  const { taught, given } = begun("knows");
  assert.deepEqual([taught.x.length, given.x.length], [1500, 30]);
});

test("peers are told cross entropy and KL, each once: Zhang et al. 2018, equation 4", () => {
  const duel = new Duel({ ...FIRST, who: "peer", seed: 1 });
  const place = [0.3, -0.4];
  const said = Array.from(duel.learners.teacher.net.forward(place));
  const share = (z, c) => 1 / (1 + Math.exp(z[1 - c] - z[c]));
  const z = [0.7, -0.1];
  const found = duel.gradient("soft", place, 1)(z);
  [0, 1].forEach((c) => {
    const expected = share(z, c) - (c === 1 ? 1 : 0) + share(z, c) - share(said, c);
    assert.ok(Math.abs(found[c] - expected) < 1e-6);
  });
});

test("the teacher learns first, alone, and all curves end with the last step", () => {
  const duel = new Duel({ ...FIRST, labels: 10, width: 2, seed: 1 });
  const before = duel.learners.soft.net.layers[0].w.slice();
  while (duel.visits < 0) duel.step();
  assert.deepEqual(duel.learners.soft.net.layers[0].w, before);
  while (!duel.done) duel.step();
  for (const curve of Object.values(duel.curves)) assert.deepEqual([curve[0][0], curve.at(-1)[0]], [0, VISITS]);
});

test("a tally has the mean, its standard error, and counts better, worse and even", () => {
  const found = tally([
    { hard: 0.3, soft: 0.1 },
    { hard: 0.2, soft: 0.2 },
    { hard: 0.1, soft: 0.2 },
  ]);
  // differences 0.2, 0, -0.1: mean 1/30, standard deviation 0.15275, by the square root of 3
  assert.ok(Math.abs(found.mean - 1 / 30) < 1e-12 && Math.abs(found.error - 0.0881917) < 1e-6);
  assert.deepEqual([found.n, found.better, found.worse], [3, 1, 1]);
});

test("of six seeds, the teacher that knows more helps clearly, and the one with the same labels does not", () => {
  const gains = (who) => [1, 2, 3, 4, 5, 6].map((seed) => ends({ who, seed }));
  const [knows, same] = ["knows", "same"].map(gains).map(tally);
  assert.ok(knows.mean - 2 * knows.error > 0.02 && knows.better >= 5, JSON.stringify(knows));
  assert.ok(same.mean < 0.02, JSON.stringify(same));
});
