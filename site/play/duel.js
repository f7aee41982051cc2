// A teacher and two students in the plane, twins that begin alike: one has labels only, the other a teacher as well.
import { crossEntropyGradient, distillationGradient } from "./formulas.js";
import { MLP, SGD } from "./mlp.js";
import { classesOf, points, testPoints } from "./plane.js";
import { generator, shuffled } from "./random.js";

export const WHO = ["knows", "same", "peer", "self"];
export const NETS = ["teacher", "hard", "soft"];
export const FIRST = { shape: "moons", noise: 0.25, labels: 30, width: 16, who: "knows" };
const LARGE = 48; // units of each of the large teacher's two hidden layers
const KNOWN = 1500; // labels of the teacher that knows more
const BATCH = 10;
export const VISITS = 24_000; // points that every net sees, whatever it has: all take as many steps
const RATE = 0.05; // of learning, falling to 0 along a cosine
const SOFT = { temperature: 1, alpha: 0.9 };
const LOOKS = 24; // times that the test points are read on the way

/**
 * Everything of one comparison.
 *
 * settings: { shape, noise, labels, width, who, seed }; who teaches is one of
 *   knows: a large net with 1,500 labels    same: a large net with the students' own labels
 *   peer: a small net that learns at the same time, from the student as the student from it (Zhang et al. 2018)
 *   self: a net of the student's own size with the same labels (Furlanello et al. 2018)
 */
export class Duel {
  constructor(settings) {
    const { shape, noise, labels, width, who, seed, rate = RATE, soft = SOFT } = settings;
    const random = generator(seed);
    this.given = points(shape, labels, noise, random);
    this.taught = who === "knows" ? points(shape, KNOWN, noise, random) : this.given;
    this.test = testPoints(shape, noise);
    const classes = classesOf(shape);
    const small = MLP.fresh([2, width, width, classes], random);
    const large = who === "knows" || who === "same";
    const teacher = MLP.fresh(large ? [2, LARGE, LARGE, classes] : [2, width, width, classes], random);
    const learner = (net, data) => ({ net, data, sgd: new SGD(net), random: generator(seed + 1), order: [] });
    this.learners = {
      teacher: learner(teacher, this.taught),
      hard: learner(small, this.given),
      soft: learner(small.copy(), this.given),
    };
    Object.assign(this, { settings, rate, soft, said: new Map(), visits: who === "peer" ? 0 : -VISITS });
    this.curves = { teacher: [], hard: [], soft: [] };
    this.look();
  }

  get done() {
    return this.visits >= VISITS;
  }

  get phase() {
    return this.visits < 0 ? ["teacher"] : this.settings.who === "peer" ? NETS : ["hard", "soft"];
  }

  /** Gradient of a learner's loss at a point, with respect to its logits. */
  gradient(name, x, label) {
    const peer = this.settings.who === "peer";
    if (name === "hard" || (name === "teacher" && !peer)) return (z) => crossEntropyGradient(z, label);
    const other = this.learners[name === "soft" ? "teacher" : "soft"].net;
    if (!peer && !this.said.has(x)) this.said.set(x, Array.from(other.forward(x))); // it learns no more
    if (!peer) return (z) => distillationGradient(z, this.said.get(x), label, this.soft);
    const said = Array.from(other.forward(x));
    // peers: cross entropy + KL, each with weight 1 (Zhang et al. 2018, eq. 4); twice the halves
    return (z) => distillationGradient(z, said, label, { temperature: 1, alpha: 0.5 }).map((value) => 2 * value);
  }

  /** One batch for every net whose turn it is. */
  step() {
    const gone = (this.visits + VISITS) % VISITS;
    const falling = (1 + Math.cos((Math.PI * gone) / VISITS)) / 2;
    for (const name of this.phase) {
      const learner = this.learners[name];
      for (let k = 0; k < BATCH; k++) {
        if (!learner.order.length) learner.order = shuffled(learner.data.x.length, learner.random);
        const i = learner.order.pop();
        learner.sgd.learn(learner.data.x[i], this.gradient(name, learner.data.x[i], learner.data.y[i]));
      }
    }
    for (const name of this.phase) this.learners[name].sgd.step(this.rate * falling);
    const before = this.phase;
    this.visits += BATCH;
    if ((gone + BATCH) % (VISITS / LOOKS) < BATCH) this.look(before, gone + BATCH);
  }

  look(names = NETS, at = 0) {
    const { x, y } = this.test;
    for (const name of names) this.curves[name].push([at, this.learners[name].net.errors(x, y)]);
  }

  /** Share of wrong answers of each net on the test points. */
  errors() {
    return Object.fromEntries(NETS.map((name) => [name, this.learners[name].net.errors(this.test.x, this.test.y)]));
  }
}

/** How seeds of one comparison came out: mean difference hard - soft, its standard error, wins, losses and ties. */
export function tally(ends) {
  const gaps = ends.map(({ hard, soft }) => hard - soft),
    n = gaps.length;
  const mean = gaps.reduce((a, b) => a + b, 0) / n;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (n - 1);
  return {
    n,
    mean,
    error: n > 1 ? Math.sqrt(variance / n) : null,
    better: gaps.filter((gap) => gap > 0).length,
    worse: gaps.filter((gap) => gap < 0).length,
  };
}
