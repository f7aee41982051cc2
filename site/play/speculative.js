// Speculative decoding (Leviathan et al. 2023; Chen et al. 2023) over letters: a draft guesses, a target keeps or corrects.
import { bytes } from "./digits.js";

export const LETTERS = "abcdefghijklmnopqrstuvwxyz "; // the last stands for everything between words
const N = LETTERS.length;
export const GUESSES = 4; // letters that a draft guesses before the target is asked

/** Counts of three letters in a row, (27, 27, 27), from the text that `pack` wrote. */
export const countsOf = (text) => new Uint32Array(bytes(text).buffer);

const normalised = (weights) => {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
};

/** Models of the next letter, functions of the letters so far (their numbers): what they know is counts. */
export function models(counts) {
  const sum = (keep) => {
    const found = new Float64Array(N ** keep);
    counts.forEach((count, i) => (found[i % N ** keep] += count));
    return found;
  };
  const [one, two] = [sum(1), sum(2)];
  const row = (table, at) => normalised(Array.from(table.subarray(at * N, at * N + N)));
  const last = (text, back) => text[text.length - back];
  return {
    target: (text) => row(counts, last(text, 2) * N + last(text, 1)),
    letter: (text) => row(two, last(text, 1)),
    often: () => row(one, 0),
    even: () => new Array(N).fill(1 / N),
  };
}

/** Probability that a guess is kept, sum of min(p, q) = 1 - total variation. */
export const kept = (p, q) => p.reduce((sum, value, i) => sum + Math.min(value, q[i]), 0);

/** What is left of p where the draft says too little, made to sum to 1: from here comes the letter in a refused one's place. */
export const residual = (p, q) => normalised(p.map((value, i) => Math.max(0, value - q[i])));

/** Number of a letter drawn from probabilities. */
export function draw(p, random) {
  let left = random();
  const at = p.findIndex((value) => (left -= value) < 0);
  return at >= 0 ? at : p.reduce((last, value, i) => (value > 0 ? i : last), 0); // rounding took the last bit
}

/** Letters that one call of the target brings on average, if each guess is kept with the same probability (ibid., eq. 1). */
export const perCall = (share, guesses = GUESSES) =>
  share === 1 ? guesses + 1 : (1 - share ** (guesses + 1)) / (1 - share);

/** One letter at a place: { guess, p, q, u, keep, letter }, of which `letter` is distributed as p, whatever q is. */
export function judged(p, q, random, guess = draw(q, random)) {
  const u = random();
  const keep = u < p[guess] / q[guess];
  return { guess, p, q, u, keep, letter: keep ? guess : draw(residual(p, q), random) };
}

/** Decoding a step at a time: `guess` all letters of a round, judge one after the other, and a last one for nothing. */
export class Decoder {
  constructor(target, draft, random, start) {
    Object.assign(this, { target, draft, random, text: [...start], guesses: [] });
    Object.assign(this, { calls: 0, judged: 0, keptOnes: 0, letters: 0 });
  }

  step() {
    if (!this.guesses.length && !this.owed) return this.guess();
    if (this.owed) return this.extra();
    return this.judge();
  }

  guess() {
    const ahead = [...this.text];
    for (let k = 0; k < GUESSES; k++) {
      const q = this.draft(ahead),
        letter = draw(q, this.random);
      this.guesses.push({ letter, q });
      ahead.push(letter);
    }
    this.calls += 1; // the target reads all of them at once
    return { kind: "guess", p: this.target(this.text), ...this.guesses[0], guess: this.guesses[0].letter };
  }

  judge() {
    const { letter, q } = this.guesses.shift();
    const said = judged(this.target(this.text), q, this.random, letter);
    this.judged += 1;
    this.add(said.letter);
    if (said.keep) this.keptOnes += 1;
    else this.guesses = []; // those after it were guessed from a letter that is not there
    this.owed = said.keep && !this.guesses.length;
    return { kind: said.keep ? "kept" : "refused", ...said };
  }

  extra() {
    const p = this.target(this.text),
      letter = draw(p, this.random);
    this.owed = false;
    this.add(letter);
    return { kind: "extra", p, q: null, letter };
  }

  add(letter) {
    this.text.push(letter);
    this.letters += 1;
  }
}
