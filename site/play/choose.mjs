// Errors of the page's students by learning rate, on digits that no curve shows:
//   python site/pack.py choose.json && node site/play/choose.mjs choose.json
import { readFileSync } from "node:fs";
import { digitsOf, poolOf } from "./digits.js";
import { FIRST, Race, STUDENTS } from "./race.js";

const data = JSON.parse(readFileSync(process.argv[2], "utf8"));
const pool = poolOf(data.pool),
  validation = digitsOf(data.heldOut);
const SEEDS = [101, 102, 103];
for (const rate of [0.02, 0.05, 0.1]) {
  const sums = Object.fromEntries(STUDENTS.map((name) => [name, 0]));
  for (const seed of SEEDS) {
    const race = new Race(pool, { ...FIRST, seed, rate });
    while (!race.done) race.step();
    for (const [name, wrong] of Object.entries(race.errors(validation))) sums[name] += wrong / SEEDS.length;
  }
  console.log(`rate ${rate}`, ...STUDENTS.map((name) => `${name} ${(100 * sums[name]).toFixed(1)} %`));
}
