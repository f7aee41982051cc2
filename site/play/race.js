// Small students that learn side by side: from a few labels, from a teacher about the same digits, and from a teacher
// about digits that nobody labelled, whose class it names or of which it tells all that it thinks.
import { argmax, crossEntropyGradient, distillationGradient } from "./formulas.js";
import { MLP, SGD } from "./mlp.js";
import { generator, shuffled } from "./random.js";

export const STUDENTS = ["labels", "taught", "named", "unlabelled"];
export const SIZES = [196, 32, 10]; // images of 14 x 14, one hidden layer
const BATCH = 16;
const CLASSES = 10;
/** Digits that every student sees, whatever it has: all take as many steps. */
export const VISITS = 12_000;
export const RATE = 0.05; // of learning; chosen on other training digits (`choose.mjs`), never on those of the curves

/** What is compared first. */
export const FIRST = { labels: 50, unlabelled: 1000, temperature: 4, alpha: 0.9 };
const LOOKS = 25; // times that the held-out digits are read on the way

/** Places of n digits of the pool, as many of each class, in an order of the seed. */
export function drawn(labels, n, random) {
  const left = new Array(CLASSES).fill(n / CLASSES);
  return shuffled(labels.length, random).filter((i) => left[labels[i]]-- > 0);
}

/**
 * A race of four students that begin with the same weights.
 *
 * pool: { x: images (196,), y: labels, logits: the teacher's (10,) of each }
 * settings: { labels, unlabelled, temperature, alpha, seed, rate }
 * heldOut: { x, y }, digits that `curves` tell of as [digits seen, share of wrong answers]; without them there are none
 */
export class Race {
  constructor(pool, settings, heldOut = null) {
    const { labels, unlabelled, seed, rate = RATE } = settings;
    const random = generator(seed);
    const curves = Object.fromEntries(STUDENTS.map((name) => [name, []]));
    Object.assign(this, { pool, settings, heldOut, curves, visits: 0 });
    this.labelled = drawn(pool.y, labels, random);
    this.known = new Set(this.labelled);
    const others = shuffled(pool.y.length, random)
      .filter((i) => !this.known.has(i))
      .slice(0, unlabelled);
    const first = MLP.fresh(SIZES, random);
    this.students = STUDENTS.map((name) => {
      const net = first.copy();
      return {
        name,
        net,
        rate,
        sgd: new SGD(net),
        sees: name === "labels" || name === "taught" ? this.labelled : [...this.labelled, ...others],
        random: generator(seed + 1),
        order: [],
      };
    });
    this.look();
  }

  get done() {
    return this.visits >= VISITS;
  }

  /** What a student is told about digit i, as the gradient of its loss with respect to its logits z. */
  gradient(name, i) {
    const { y, logits } = this.pool,
      { temperature, alpha } = this.settings;
    const label = this.known.has(i) ? y[i] : null;
    if (name === "labels" || name === "named") return (z) => crossEntropyGradient(z, label ?? argmax(logits[i]));
    return (z) => distillationGradient(z, logits[i], label, { temperature, alpha });
  }

  /** One batch for every student; the rate falls to 0 along a cosine. */
  step() {
    const falling = (1 + Math.cos((Math.PI * this.visits) / VISITS)) / 2;
    for (const student of this.students) {
      for (let k = 0; k < BATCH; k++) {
        if (!student.order.length) student.order = shuffled(student.sees.length, student.random);
        const i = student.sees[student.order.pop()];
        student.sgd.learn(this.pool.x[i], this.gradient(student.name, i));
      }
      student.sgd.step(student.rate * falling);
    }
    this.visits += BATCH;
    if (this.done || this.visits >= (this.curves.labels.length * VISITS) / LOOKS) this.look();
  }

  look() {
    if (!this.heldOut) return;
    const errors = this.errors(this.heldOut);
    for (const name of STUDENTS) this.curves[name].push([this.visits, errors[name]]);
  }

  /** Share of wrong answers of each student on held-out digits { x, y }. */
  errors({ x, y }) {
    return Object.fromEntries(this.students.map(({ name, net }) => [name, net.errors(x, y)]));
  }
}
