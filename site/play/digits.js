// Digits as MNIST has them, and the bytes in which they and the nets come to a page.
import { MLP } from "./mlp.js";

export const SIDE = 28; // pixels
export const HALF = 14; // of the digits that learn in the page
const BOX = 20; // MNIST's digits fill a box of 20 x 20, and their centre of mass lies in the middle of 28 x 28
const PEN = 1.25; // half the width of a stroke, pixels: about what MNIST's have
const LARGEST = 8; // times that a small drawing is enlarged: a dot stays a dot

/** Bytes of a base64 text. */
export const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** Numbers of IEEE half precision, two bytes each, little end first. */
export function halves(raw) {
  const found = new Float32Array(raw.length / 2);
  for (let i = 0; i < found.length; i++) {
    const half = raw[2 * i] | (raw[2 * i + 1] << 8);
    const sign = half & 0x8000 ? -1 : 1,
      exponent = (half >> 10) & 31,
      fraction = half & 1023;
    if (exponent === 31) throw new RangeError(`number ${i} is not finite: the file is damaged`);
    found[i] = sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024);
  }
  return found;
}

/** Two pixels of 16 levels a byte, the higher four bits first, as numbers in [0, 1]. */
export function nibbles(raw) {
  const found = new Float32Array(2 * raw.length);
  raw.forEach((byte, i) => found.set([(byte >> 4) / 15, (byte & 15) / 15], 2 * i));
  return found;
}

/** Rows of `width` numbers. */
export const rowsOf = (numbers, width) =>
  Array.from({ length: numbers.length / width }, (_, i) => numbers.subarray(i * width, (i + 1) * width));

/** Digits of a page: images of 14 x 14 as rows, and labels. */
export const digitsOf = ({ x, y }) => ({ x: rowsOf(nibbles(bytes(x)), HALF * HALF), y: Array.from(bytes(y)) });

/** The pool that students learn from, with the teacher's logits. */
export const poolOf = (pool) => ({ ...digitsOf(pool), logits: rowsOf(halves(bytes(pool.logits)), 10) });

/** A net of the page from what `pack.py` wrote of it. */
export const netOf = ({ sizes, weights }) => MLP.of(sizes, halves(bytes(weights)));

/** Ink in [0, 1] that a straight stroke from a to b leaves in the pixel whose middle is at (x, y); edges are soft. */
function ink([ax, ay], [bx, by], x, y) {
  const dx = bx - ax,
    dy = by - ay,
    square = dx * dx + dy * dy;
  const along = square ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / square)) : 0;
  return Math.min(1, Math.max(0, PEN + 0.5 - Math.hypot(x - ax - along * dx, y - ay - along * dy)));
}

/** Strokes, lists of [x, y] in pixels, as an image (784,) in [0, 1]. */
export function inked(strokes) {
  const image = new Float32Array(SIDE * SIDE);
  for (const stroke of strokes) {
    stroke.forEach((end, n) => {
      const start = stroke[Math.max(n - 1, 0)];
      // pixels that the pen can reach, as [first, last + 1] of columns and of rows
      const [[left, right], [top, bottom]] = [0, 1].map((k) => [
        Math.max(0, Math.floor(Math.min(start[k], end[k]) - PEN - 1)),
        Math.min(SIDE, Math.ceil(Math.max(start[k], end[k]) + PEN + 1)),
      ]);
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const i = y * SIDE + x;
          image[i] = Math.max(image[i], ink(start, end, x + 0.5, y + 0.5));
        }
      }
    });
  }
  return image;
}

/** Centre of mass [x, y] of an image, in pixels from its upper left corner; null of an empty one. */
export function centreOfMass(image) {
  let mass = 0,
    sx = 0,
    sy = 0;
  image.forEach((value, i) => {
    mass += value;
    sx += value * ((i % SIDE) + 0.5);
    sy += value * (Math.floor(i / SIDE) + 0.5);
  });
  return mass > 0 ? [sx / mass, sy / mass] : null;
}

/** A drawing as MNIST would have it: scaled into the box of 20 x 20, its centre of mass in the middle. */
export function centred(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(SIDE * SIDE);
  const [xs, ys] = [0, 1].map((k) => points.map((point) => point[k]));
  const [left, up] = [Math.min(...xs), Math.min(...ys)];
  const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - up);
  const scale = Math.min(LARGEST, (BOX - 2 * PEN) / (extent || 1e-9));
  const moved = (dx, dy) =>
    strokes.map((stroke) => stroke.map(([x, y]) => [(x - left) * scale + dx, (y - up) * scale + dy]));
  const corner = (SIDE - BOX) / 2 + PEN;
  const [mx, my] = centreOfMass(inked(moved(corner, corner)));
  return inked(moved(corner + SIDE / 2 - mx, corner + SIDE / 2 - my));
}
