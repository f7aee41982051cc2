import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clustersOf,
  commonest,
  counted,
  gainInWords,
  inWords,
  knownTo,
  neighbours,
  scaled,
  symmetric,
} from "../../../site/play/doubts.js";

const matrix = symmetric([9, 3, -4, 8, 0, 7], 3);
const counts = { texts: [2, 3, 1], alone: [1, 2, 0], gained: [0, 1, 1], lost: [1, 0, 0] };
const team = { classes: ["orchid", "shrub", "writer"], members: [[0, 1], [1]], counts };

test("a symmetric matrix comes back from its upper half", () => {
  assert.deepEqual([...matrix], [9, 3, -4, 3, 8, 0, -4, 0, 7]);
});

test("scaled, every row has length 1 and nothing of a class's own variance; a row of nothing stays so", () => {
  assert.deepEqual([...scaled(matrix, 3)], [0, 0.6, -0.8, 1, 0, 0, -1, 0, 0]);
  assert.deepEqual([...scaled(new Float64Array(4), 2)], [0, 0, 0, 0]);
  assert.equal(matrix[0], 9, "the matrix itself is left alone");
});

test("a class's neighbours fall, and the class itself is among them where its own variance is", () => {
  assert.deepEqual(neighbours(matrix, 3, 1, 2), [
    { c: 1, value: 8 },
    { c: 0, value: 3 },
  ]);
});

test("clusters are runs of one label, and their commonest word is counted", () => {
  assert.deepEqual(clustersOf([1, 0, 2], [5, 3, 5]), [
    { label: 3, classes: [1] },
    { label: 5, classes: [0, 2] },
  ]);
  assert.deepEqual(commonest(["plant", "animal", "plant"]), ["plant", 2]);
});

test("gains of several classes are sums, and right with specialists is right alone, plus gained, less lost", () => {
  assert.deepEqual(counted(counts, [0, 1]), { texts: 5, alone: 3, gained: 1, lost: 1 });
  const words = gainInWords(counted(counts, [1]));
  assert.match(words, /^of 3 test definitions the generalist gets 2 right, .* 3 \(1 gained, 0 lost\)$/);
});

test("a class that nobody knows is told so, and one of two specialists names both", () => {
  assert.deepEqual(knownTo(team.members, 1), [0, 1]);
  const [orchid, shrub, writer] = [
    inWords(team, 0, [{ c: 1 }]),
    inWords(team, 1, [{ c: 0 }, { c: 2 }]),
    inWords(team, 2, [{ c: 0 }]),
  ];
  assert.match(shrub, /^“shrub” is likely together with “orchid” and “writer”. Specialists 0 and 1 know it: /);
  assert.match(writer, /with “orchid”. No specialist knows it: of 1 test definition /);
  assert.match(writer, /All classes that no specialist knows: 0 → 1 of 1 right \(\+1, −0\)\.$/);
  assert.match(orchid, /Specialist 0 knows it: .* Specialist 0, all of its classes: 3 → 3 of 5 right \(\+1, −1\)\.$/);
});
