import assert from "node:assert/strict";
import { test } from "node:test";
import { digitsOf, poolOf } from "../../../site/play/digits.js";
import { drawn, FIRST, Race, VISITS } from "../../../site/play/race.js";
import { generator } from "../../../site/play/random.js";

await import(new URL(process.env.KDBOOK_PLAY_DATA, "file:///"));
const { pool: packedPool, heldOut: packedHeldOut } = globalThis.kdbookPlay;
const pool = poolOf(packedPool),
  heldOut = digitsOf(packedHeldOut);
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

const ends = (settings) => {
  const race = new Race(pool, { ...FIRST, ...settings });
  while (!race.done) race.step();
  return race.errors(heldOut);
};

test("the pool and the held-out digits come whole, with labels and the teacher's logits", () => {
  assert.deepEqual(
    [pool.x.length, pool.y.length, pool.logits.length, heldOut.x.length, heldOut.y.length],
    [4000, 4000, 4000, 1000, 1000],
  );
  assert.ok(pool.x.every((image) => image.length === 196));
  assert.deepEqual(pool.y.slice(0, 5), [5, 0, 4, 1, 9]); // the first training digits of MNIST
  assert.deepEqual(heldOut.y.slice(0, 5), [7, 2, 1, 0, 4]);
});

test("a draw has as many digits of each class, each once, and another seed draws others", () => {
  const chosen = drawn(pool.y, 50, generator(1));
  assert.equal(new Set(chosen).size, 50);
  for (let c = 0; c < 10; c++) assert.equal(chosen.filter((i) => pool.y[i] === c).length, 5);
  assert.notDeepEqual(chosen, drawn(pool.y, 50, generator(2)));
});

test("students begin with the same weights, and a seed's race comes again to the last digit", () => {
  const { students } = new Race(pool, { ...FIRST, seed: 3 });
  for (const { net } of students) assert.deepEqual(net.layers[0].w, students[0].net.layers[0].w);
  const short = () => {
    const race = new Race(pool, { ...FIRST, seed: 3 });
    for (let i = 0; i < 20; i++) race.step();
    return race.errors(heldOut);
  };
  assert.deepEqual(short(), short());
});

test("with alpha 0 the teacher is silent: labels are all that the second student learns from", () => {
  const race = new Race(pool, { ...FIRST, alpha: 0, seed: 1 });
  for (let i = 0; i < 5; i++) race.step();
  const [labels, taught] = race.students.map(({ net }) => net.layers[1].w);
  assert.ok(labels.every((value, i) => Math.abs(value - taught[i]) < 1e-6));
});

test("only digits without a label are named by the teacher, and its thoughts on them need no label", () => {
  const race = new Race(pool, { ...FIRST, seed: 1 }),
    flat = new Array(10).fill(0);
  const [known, other] = [race.labelled[0], pool.y.findIndex((_, i) => !race.known.has(i))];
  assert.equal(race.gradient("named", known)(flat).indexOf(-0.9), pool.y[known]);
  assert.equal(
    race.gradient("named", other)(flat).indexOf(-0.9),
    pool.logits[other].indexOf(Math.max(...pool.logits[other])),
  );
  const soft = race.gradient("unlabelled", other)(flat);
  assert.ok(Math.abs(soft.reduce((a, b) => a + b)) < 1e-9 && soft.every((value) => value !== 0));
});

test("curves begin with the untrained nets and end with the last step", () => {
  const race = new Race(pool, { ...FIRST, seed: 1 }, { x: heldOut.x.slice(0, 20), y: heldOut.y.slice(0, 20) });
  while (!race.done) race.step();
  assert.deepEqual([race.curves.labels[0][0], race.curves.labels.at(-1)[0]], [0, VISITS]);
  assert.ok(race.curves.labels.length > 20);
});

test("of ten seeds with 50 labels, soft targets beat labels clearly, and mostly beat the teacher's names", () => {
  const found = SEEDS.map((seed) => ends({ seed }));
  const told = found.map((errors) => JSON.stringify(errors)).join("\n");
  assert.ok(found.filter(({ labels, unlabelled }) => unlabelled <= labels - 0.1).length >= 9, told);
  assert.ok(found.filter(({ named, unlabelled }) => unlabelled < named).length >= 8, told);
  console.log(told);
});
