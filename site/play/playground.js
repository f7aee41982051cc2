// <kd-playground>: a teacher and two small students learn in the plane; maps of what each says everywhere.
import { Chart, choice, html, slider, steps, table } from "./draw.js";
import { Duel, FIRST, NETS, tally, VISITS, WHO } from "./duel.js";
import { softTargets } from "./formulas.js";
import { SHAPES, unavoidable } from "./plane.js";

const TEACHERS = {
  knows: "a large net with 1,500 labels",
  same: "a large net with the same labels",
  peer: "a peer that learns beside it",
  self: "an earlier self",
};
const WORDS = { teacher: ["teacher", "teacher"], hard: ["labels only", "hard"], soft: ["labels and teacher", "soft"] };
const NOISE = { moons: 0.25, spirals: 0.1, rings: 0.1 }; // that a shape begins with: classes touch, and can be learned
const LABELS = [10, 20, 30, 60, 100, 200, 500];
const WIDTHS = [2, 3, 4, 8, 16, 32];
const CLASS_COLOURS = [
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
]; // of Okabe and Ito, with marks of their own
const SIDE = 240; // pixels of a map
const CELLS = 60; // that it has a side
const EXTENT = 1.5; // it shows [-1.5, 1.5] x [-1.5, 1.5]
const SLICE = 24; // milliseconds of learning between two pictures
const PICTURES = 5; // times as long as a picture takes, there is none: most of the time is for learning
const MANY = 10; // seeds of the second button
const percent = (part) => `${(100 * part).toFixed(1)} %`;
// Student's t for a 95 % interval, by degrees of freedom from 1; beyond, the last is a little too wide
const T95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];

export class Playground extends HTMLElement {
  connectedCallback() {
    if (this.chart) return;
    Object.assign(this, { settings: { ...FIRST }, seed: 1, runs: [], duel: null, left: 0 });
    this.build();
    this.fresh();
  }

  disconnectedCallback() {
    this.stop();
  }

  build() {
    const maps = NETS.map((name) => {
      const canvas = html("canvas", { width: SIDE, height: SIDE, role: "img" });
      const says = html("span", { class: "kd-says" });
      const [words, colour] = WORDS[name];
      const caption = html("figcaption", {}, html("b", {}, words), says);
      const figure = html("figure", { class: "kd-net", style: `--kd-role: var(--kd-${colour})` }, caption, canvas);
      return [name, { canvas, says, figure }];
    });
    this.maps = Object.fromEntries(maps);
    this.chart = new Chart("error curves on 1,000 test points; the table below has their ends", {
      across: "points seen, with repetition →",
      up: "wrong answers on 1,000 test points",
      extent: VISITS,
    });
    const button = (words, attributes, click) => html("button", { type: "button", ...attributes, click }, words);
    this.go = button("train", { class: "kd-main" }, () => (this.left ? this.stop() : this.start(1)));
    this.again = button("again with another seed", { disabled: true }, () => this.next(1));
    this.many = button("ten seeds", {}, () => this.next(MANY));
    this.live = html("p", { class: "kd-told", "aria-live": "polite" });
    this.table = html("tbody");
    const legend = NETS.map((name) => html("li", { style: `--kd-role: var(--kd-${WORDS[name][1]})` }, WORDS[name][0]));
    legend.push(
      html(
        "li",
        { class: "kd-dashed", style: "--kd-role: var(--kd-quiet)" },
        "what even the true probabilities get wrong",
      ),
    );
    this.ends = table(
      ["seed", ...NETS.map((name) => WORDS[name][0]), "gain"],
      this.table,
      "Wrong answers on the 1,000 test points after the last step; gain of the student with a teacher",
      { hidden: true },
    );
    this.replaceChildren(
      html("div", { class: "kd-controls" }, ...this.controls()),
      html("p", { class: "kd-buttons" }, this.go, this.again, this.many),
      html("div", { class: "kd-maps" }, ...NETS.map((name) => this.maps[name].figure)),
      this.live,
      html("ul", { class: "kd-legend" }, ...legend),
      this.chart.svg,
      this.ends,
    );
  }

  controls() {
    const picked = (name, words, values) =>
      steps(words, values, this.settings[name], (value) => this.set(name, value)).row;
    this.noise = slider("noise:", {
      min: 0.05,
      max: 0.5,
      step: 0.05,
      value: this.settings.noise,
      shown: (value) => value.toFixed(2),
      change: (value) => this.set("noise", value),
    });
    const who = (words) =>
      this.set(
        "who",
        WHO.find((name) => TEACHERS[name] === words),
      );
    return [
      choice("shape", SHAPES, (shape) => this.set("shape", shape)).row,
      choice(
        "the teacher is",
        WHO.map((name) => TEACHERS[name]),
        who,
      ).row,
      this.noise.row,
      picked("labels", "points with a label:", LABELS),
      picked("width", "units in each of the student's two layers:", WIDTHS),
    ];
  }

  /** Other settings begin another comparison: what was trained with the old ones is forgotten. */
  set(name, value) {
    if (this.settings[name] === value) return;
    this.settings[name] = value;
    if (name === "shape") this.noise.set(NOISE[value]);
    this.runs = [];
    this.live.textContent = "";
    this.fresh();
  }

  /** Nets that have learned nothing, for these settings. */
  fresh() {
    this.stop();
    this.duel = new Duel({ ...this.settings, seed: this.seed });
    this.best = unavoidable(this.settings.shape, this.settings.noise, this.duel.test);
    this.draw();
  }

  next(count) {
    if (this.runs.length) this.seed = Math.max(...this.runs.map(({ seed }) => seed)) + 1;
    this.start(count);
  }

  /** Train `count` comparisons, one seed after the other. */
  start(count) {
    this.stop();
    this.left = count;
    this.duel = new Duel({ ...this.settings, seed: this.seed });
    this.go.textContent = "stop";
    this.again.disabled = this.many.disabled = true;
    this.live.textContent = "learning …";
    this.learn();
  }

  learn() {
    const until = performance.now() + SLICE;
    while (!this.duel.done && performance.now() < until) this.duel.step();
    if (performance.now() > this.rest) this.draw();
    if (this.duel.done) this.finish();
    else this.waiting = setTimeout(() => this.learn());
  }

  finish() {
    const run = { seed: this.seed, ends: this.duel.errors(), curves: this.duel.curves };
    this.runs = [...this.runs.filter(({ seed }) => seed !== this.seed), run];
    this.left -= 1;
    if (this.left) {
      this.seed += 1;
      this.duel = new Duel({ ...this.settings, seed: this.seed });
      this.waiting = setTimeout(() => this.learn());
      return;
    }
    this.stop();
    this.live.textContent = inWords(this.runs, this.best);
    this.draw();
  }

  stop() {
    clearTimeout(this.waiting);
    const broken = this.left > 0;
    this.left = 0;
    this.go.textContent = "train";
    this.again.disabled = !this.runs.length;
    this.many.disabled = false;
    if (broken && this.live.textContent)
      this.live.textContent = this.runs.length ? inWords(this.runs, this.best) : "stopped";
  }

  draw() {
    const began = performance.now(),
      { learners, given, taught, curves } = this.duel;
    for (const name of NETS) {
      const { canvas, says } = this.maps[name];
      map(canvas, learners[name].net, name === "teacher" ? taught : given);
      const error = curves[name].at(-1)[1];
      says.textContent = `${percent(error)} wrong`;
      canvas.setAttribute(
        "aria-label",
        `map of what the net of ${WORDS[name][0]} says everywhere: ${says.textContent}`,
      );
    }
    const older = this.runs.filter((run) => run.curves !== curves);
    const lines = [...older, { curves }].flatMap((run, i) =>
      NETS.map((name) => ({ points: run.curves[name], colour: WORDS[name][1], faint: i < older.length })),
    );
    const floor = {
      points: [
        [0, this.best],
        [VISITS, this.best],
      ],
      colour: "quiet",
      dash: "7 4",
    };
    this.chart.show([floor, ...lines]);
    this.ends.hidden = !this.runs.length;
    this.table.replaceChildren(
      ...this.runs.map(({ seed, ends }) => {
        const gain = (100 * (ends.hard - ends.soft)).toFixed(1);
        const cells = [...NETS.map((name) => percent(ends[name])), gain > 0 ? `+${gain}` : gain.replace("-", "−")];
        return html("tr", {}, html("th", {}, String(seed)), ...cells.map((words) => html("td", {}, words)));
      }),
    );
    this.rest = performance.now() + Math.max(100, PICTURES * (performance.now() - began));
  }
}

/** Paint what a net says everywhere, and the points that it learns from. */
function map(canvas, net, { x, y }) {
  const cells = new ImageData(CELLS, CELLS);
  for (let i = 0; i < CELLS * CELLS; i++) {
    const [across, down] = [i % CELLS, Math.floor(i / CELLS)].map((cell) => ((2 * (cell + 0.5)) / CELLS - 1) * EXTENT);
    const p = softTargets(net.forward([across, -down]));
    // as much white as the answer is unsure: an even answer is nearly white
    const depth = 0.1 + (0.6 * (Math.max(...p) - 1 / p.length)) / (1 - 1 / p.length);
    const level = (k) => 255 - depth * (255 - p.reduce((sum, part, c) => sum + part * CLASS_COLOURS[c][k], 0));
    cells.data.set([level(0), level(1), level(2), 255], 4 * i);
  }
  const small = html("canvas", { width: CELLS, height: CELLS }),
    pen = canvas.getContext("2d");
  small.getContext("2d").putImageData(cells, 0, 0);
  pen.drawImage(small, 0, 0, SIDE, SIDE);
  const place = (value) => ((value / EXTENT + 1) / 2) * SIDE;
  const radius = x.length > 600 ? 1.5 : x.length > 150 ? 2.2 : 3.5;
  x.forEach(([a, b], i) => mark(pen, y[i], place(a), place(-b), radius));
}

/** A point of a class: dot, square or triangle. */
function mark(pen, c, x, y, radius) {
  pen.beginPath();
  if (c === 0) pen.arc(x, y, radius, 0, 2 * Math.PI);
  else if (c === 1) pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else
    for (const turn of [-90, 30, 150])
      pen.lineTo(
        x + 1.3 * radius * Math.cos((turn * Math.PI) / 180),
        y + 1.3 * radius * Math.sin((turn * Math.PI) / 180),
      );
  pen.closePath();
  pen.fillStyle = `rgb(${CLASS_COLOURS[c].map((level) => Math.round(0.55 * level))})`;
  pen.fill();
  if (radius > 3) Object.assign(pen, { strokeStyle: "#fff", lineWidth: 1 }).stroke();
}

/** What all seeds so far say, as sentences. */
export function inWords(runs, best) {
  const { n, mean, error, better, worse } = tally(runs.map(({ ends }) => ends));
  const [hard, soft] = ["hard", "soft"].map((name) => percent(runs.reduce((sum, { ends }) => sum + ends[name], 0) / n));
  const start =
    `${n === 1 ? "One seed" : `${n} seeds`}: ${hard} wrong from labels only, ${soft} with the teacher as well. ` +
    `Even the true probabilities get ${percent(best)} of these points wrong.`;
  if (n === 1) return `${start} One seed proves nothing: press “ten seeds”.`;
  const half = 100 * error * T95[Math.min(n - 1, T95.length) - 1];
  const gain = 100 * mean;
  const verdict =
    gain - half > 0 ? "the teacher helps" : gain + half < 0 ? "the teacher does harm" : "these seeds cannot tell";
  const signed = `${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(1)}`;
  const ties = n - better - worse;
  const counts = `better with ${better}, worse with ${worse}${ties ? `, even with ${ties}` : ""}`;
  return (
    `${start} With the teacher: ${counts}; mean gain ${signed} points, give or take ${half.toFixed(1)} (95 %): ` +
    `${verdict}.`
  );
}
