import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, centred, centreOfMass, halves, inked, nibbles, rowsOf, SIDE } from "../../../site/play/digits.js";

const rows = (image) => rowsOf(image, SIDE);
/** Columns and rows that ink spans. */
const extent = (image) =>
  [(i) => i % SIDE, (i) => Math.floor(i / SIDE)].map((place) => {
    const inky = [...image.keys()].filter((i) => image[i] > 0.5).map(place);
    return Math.max(...inky) - Math.min(...inky) + 1;
  });
const SEVEN = [
    [
      [2, 3],
      [9, 3],
      [5, 12],
    ],
  ],
  ONE = [
    [
      [20, 20],
      [20, 24],
    ],
  ];

test("a stroke along a row of pixels fills them, and leaves those three away white", () => {
  const image = rows(
    inked([
      [
        [5, 10.5],
        [20, 10.5],
      ],
    ]),
  );
  assert.ok(image[10].slice(5, 20).every((value) => value === 1));
  assert.ok(image[13].every((value) => value === 0));
});

test("a drawing in a corner is centred by its mass and fills a box of 20 pixels, as MNIST's digits do", () => {
  for (const strokes of [SEVEN, ONE]) {
    const image = centred(strokes),
      [x, y] = centreOfMass(image);
    assert.ok(Math.abs(x - 14) < 0.3 && Math.abs(y - 14) < 0.3, `${x}, ${y}`);
    assert.ok(Math.abs(Math.max(...extent(image)) - 20) <= 1, `${extent(image)}`);
  }
});

test("where a digit is drawn and how large makes no difference", () => {
  const moved = SEVEN.map((stroke) => stroke.map(([x, y]) => [2 * x + 5, 2 * y + 1]));
  const [here, there] = [centred(SEVEN), centred(moved)];
  assert.ok(here.every((value, i) => Math.abs(value - there[i]) < 1e-3));
});

test("a dot stays a dot, and an empty board an empty image", () => {
  assert.ok(Math.max(...extent(centred([[[3, 3]]]))) <= 4);
  assert.ok(centred([]).every((value) => value === 0));
  assert.equal(centreOfMass(centred([])), null);
});

test("half precision is read as IEEE 754 has it: 1, -2, 65504, the smallest number, and no infinities", () => {
  assert.deepEqual([...halves([0, 0x3c, 0, 0xc0, 0xff, 0x7b, 1, 0])], [1, -2, 65504, 2 ** -24]);
  assert.throws(() => halves([0, 0x7c]), /number 0 is not finite/);
});

test("two pixels share a byte, the higher bits first", () => {
  assert.deepEqual([...nibbles(bytes("8A=="))], [1, 0]); // 0xf0
});
