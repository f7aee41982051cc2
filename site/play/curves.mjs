// The curves of one race, for the still picture: node site/play/curves.mjs data.js
import { digitsOf, poolOf } from "./digits.js";
import { FIRST, Race } from "./race.js";

await import(new URL(process.argv[2], `file://${process.cwd()}/`));
const { pool, heldOut } = globalThis.kdbookPlay;
const race = new Race(poolOf(pool), { ...FIRST, seed: 1 }, digitsOf(heldOut));
while (!race.done) race.step();
console.log(JSON.stringify(race.curves));
