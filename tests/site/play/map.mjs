// What the map of chapter 06 computes, for Python to compare: node map.mjs doubts.js
import { bytes, halves } from "../../../site/play/digits.js";
import { scaled, symmetric } from "../../../site/play/doubts.js";

await import(new URL(process.argv[2], "file:///"));
const { covariance, classes, factor } = globalThis.kdbookDoubts;
const matrix = symmetric(
  halves(bytes(covariance)).map((value) => value / factor),
  classes.length,
);
console.log(JSON.stringify({ covariance: [...matrix], scaled: [...scaled(matrix, classes.length)] }));
