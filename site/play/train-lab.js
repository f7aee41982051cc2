// <kd-train>: four small students learn in the page, from labels, from a teacher's answers, and from more digits.
import { digitsOf, HALF, poolOf } from "./digits.js";
import { Chart, html, paint, slider, steps, table } from "./draw.js";
import { FIRST, Race, STUDENTS, VISITS } from "./race.js";

const WORDS = {
  labels: ["labels only", "hard", null],
  taught: ["the teacher's answers too, same digits", "soft", "7 4"],
  named: ["more digits, named by the teacher", "control", null],
  unlabelled: ["more digits, with all that the teacher thinks of them", "soft", null],
};
const LABELS = [10, 20, 50, 100, 200, 500, 1000];
const UNLABELLED = [0, 100, 300, 1000, 3000];
const SLICE = 24; // milliseconds of learning between two pictures
const SHOWN = 20; // labelled digits that are shown

const percent = (part) => `${(100 * part).toFixed(1)} %`;

export class TrainLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookPlay;
    if (this.chart || !data) return; // without data the still picture stays
    this.pool = poolOf(data.pool);
    this.heldOut = digitsOf(data.heldOut);
    Object.assign(this, { settings: { ...FIRST }, seed: 1, runs: [], curves: null });
    this.build();
    this.draw();
  }

  disconnectedCallback() {
    this.stop();
  }

  build() {
    this.chart = new Chart("error curves of four students on held-out digits; the table below has their ends", {
      across: "digits seen, with repetition →",
      up: "wrong answers on 1,000 held-out digits",
      extent: VISITS,
    });
    this.examples = html("div", { class: "kd-examples", role: "img" });
    this.live = html("p", { class: "kd-told", "aria-live": "polite" });
    this.table = html("tbody");
    this.go = html(
      "button",
      { type: "button", class: "kd-main", click: () => (this.race ? this.stop() : this.start()) },
      "train",
    );
    this.again = html(
      "button",
      { type: "button", disabled: true, click: () => ((this.seed += 1), this.start()) },
      "again with another seed",
    );
    const legend = Object.values(WORDS).map(([words, colour, dash]) =>
      html("li", { style: `--kd-role: var(--kd-${colour})`, class: dash ? "kd-dashed" : "" }, words),
    );
    this.ends = table(
      ["seed", ...Object.values(WORDS).map(([words]) => words)],
      this.table,
      "Wrong answers on the 1,000 held-out digits after the last step",
      { hidden: true },
    );
    this.replaceChildren(
      html("div", { class: "kd-controls" }, ...this.sliders()),
      html("p", { class: "kd-given" }, "All the labels that the students are given", (this.more = html("span")), ":"),
      this.examples,
      html("p", { class: "kd-buttons" }, this.go, this.again),
      html("ul", { class: "kd-legend" }, ...legend),
      this.chart.svg,
      this.live,
      this.ends,
    );
    this.given();
  }

  sliders() {
    const picked = (name, words, values) =>
      steps(words, values, this.settings[name], (value) => this.set(name, value)).row;
    const [labels, unlabelled] = [
      picked("labels", "digits with a label:", LABELS),
      picked("unlabelled", "digits without:", UNLABELLED),
    ];
    const temperature = slider("temperature T =", {
      min: 0,
      max: 4.33,
      step: 0.01,
      value: Math.log2(this.settings.temperature),
      shown: (log2) => (2 ** log2).toFixed(1),
      change: (log2) => this.set("temperature", 2 ** log2),
    }).row;
    const alpha = slider("weight of the teacher, alpha =", {
      min: 0,
      max: 1,
      step: 0.05,
      value: this.settings.alpha,
      shown: (value) => value.toFixed(2),
      change: (value) => this.set("alpha", value),
    }).row;
    return [labels, unlabelled, temperature, alpha];
  }

  /** Other settings begin another comparison: what was trained with the old ones is forgotten. */
  set(name, value) {
    if (this.settings[name] === value) return;
    this.stop();
    this.settings[name] = value;
    Object.assign(this, { runs: [], curves: null });
    this.live.textContent = "";
    this.given();
    this.draw();
  }

  /** Show the labelled digits of this seed. */
  given() {
    const { labelled } = new Race(this.pool, { ...this.settings, seed: this.seed });
    const chosen = labelled.slice(0, SHOWN);
    this.more.textContent = labelled.length > SHOWN ? `, the first ${SHOWN} of ${labelled.length}` : "";
    this.examples.setAttribute("aria-label", `handwritten digits: ${chosen.map((i) => this.pool.y[i]).join(", ")}`);
    this.examples.replaceChildren(
      ...chosen.map((i) => {
        const canvas = html("canvas");
        paint(canvas, this.pool.x[i], HALF);
        return html("span", {}, canvas, String(this.pool.y[i]));
      }),
    );
  }

  start() {
    this.stop();
    this.given();
    this.race = new Race(this.pool, { ...this.settings, seed: this.seed }, this.heldOut);
    this.curves = this.race.curves;
    this.go.textContent = "stop";
    this.again.disabled = true;
    this.live.textContent = "learning …";
    this.learn();
  }

  /** Learn for a moment, draw, and leave the browser time for everything else. */
  learn() {
    const until = performance.now() + SLICE;
    while (!this.race.done && performance.now() < until) this.race.step();
    this.draw();
    if (this.race.done) this.finish();
    else this.waiting = setTimeout(() => this.learn());
  }

  finish() {
    const ends = Object.fromEntries(Object.entries(this.curves).map(([name, points]) => [name, points.at(-1)[1]]));
    this.runs = [...this.runs.filter((run) => run.seed !== this.seed), { seed: this.seed, ends, curves: this.curves }];
    this.stop();
    this.live.textContent = inWords(this.runs);
    this.draw();
  }

  stop() {
    clearTimeout(this.waiting);
    this.race = null;
    if (!this.go) return;
    this.go.textContent = "train";
    this.again.disabled = !this.runs.length;
    if (this.live.textContent === "learning …") this.live.textContent = "stopped";
  }

  draw() {
    const before = this.runs.filter(({ curves }) => curves !== this.curves);
    const drawn = [...before.map(({ curves }) => [curves, true]), ...(this.curves ? [[this.curves, false]] : [])];
    this.chart.show(
      drawn.flatMap(([curves, faint]) =>
        Object.entries(curves).map(([name, points]) => ({
          points,
          colour: WORDS[name][1],
          dash: WORDS[name][2],
          faint,
        })),
      ),
    );
    this.ends.hidden = !this.runs.length;
    const cell = (text, tag = "td") => html(tag, {}, text);
    this.table.replaceChildren(
      ...this.runs.map(({ seed, ends }) =>
        html("tr", {}, cell(String(seed), "th"), ...STUDENTS.map((name) => cell(percent(ends[name])))),
      ),
    );
  }
}

/** What all seeds so far say, as a sentence. */
export function inWords(runs) {
  const [labels, taught, named, soft] = STUDENTS.map((name) =>
    percent(runs.reduce((sum, { ends }) => sum + ends[name], 0) / runs.length),
  );
  const better = (other) => runs.filter(({ ends }) => ends.unlabelled < ends[other]).length;
  const n = runs.length;
  const many =
    ` The last is better than labels with ${better("labels")} of ${n} seeds, ` +
    `and better than names with ${better("named")}.`;
  return (
    `${n === 1 ? "One seed" : `${n} seeds`}: ${labels} wrong from labels only, ${taught} when the teacher also ` +
    `speaks about the same digits, ${named} when it names digits without labels, ${soft} when it says all that it ` +
    `thinks of them.${n > 1 ? many : ""}`
  );
}
