import assert from "node:assert/strict";
import { test } from "node:test";
import { chosen, describe, median } from "../../../site/play/models.js";

const rows = [
  { model: "a", ratio: 10, kept: 90, family: "texts" },
  { model: "b", ratio: 2, kept: 97.6, family: "soft" },
  { model: "b", ratio: 2, kept: 80, family: "soft" },
  { model: "c", ratio: 400, kept: 36, family: "texts" },
];

test("a range has both its ends, and the least shrunk stands first", () => {
  const found = chosen(rows, { from: 2, to: 10, family: null });
  assert.deepEqual(
    found.map(({ model }) => model),
    ["b", "b", "a"],
  );
  assert.deepEqual(chosen(rows, { from: 2, to: 10, family: "texts" }), [rows[0]]);
});

test("a median is the middle, or the mean of the two in the middle", () => {
  assert.equal(median([3, 100, 1]), 3);
  assert.equal(median([4, 1, 2, 100]), 3);
});

test("the sentence counts scores and students apart and names the smallest, the largest and the middle", () => {
  const words = describe(chosen(rows, { from: 1, to: 20, family: null }), 1, 20);
  assert.match(words, /^3 published scores of 2 students, 1 to 20 times smaller/);
  assert.match(words, /between 80 and 98 % of its score, half of them 90 % or more/);
  assert.match(describe([rows[3]], 100, 500), /^1 published score of 1 student, .* keeps 36 % of its score/);
  assert.match(describe([], 100, 200), /wider range/);
});
