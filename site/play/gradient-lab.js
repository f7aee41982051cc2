// <kd-gradient>: what a student is told at a temperature, with T^2 and without, and when that is logit matching.
import { bytes, netOf, SIDE } from "./digits.js";
import { Bars, Chart, html, paint, SignedBars, slider } from "./draw.js";
import { angle, answer, kdGradient, length, logitMatchingGradient } from "./formulas.js";

const LIMITS = [-1, 7]; // log2 of T
const PRESETS = [1, 4, 20, 100];
const POINTS = 81; // of the curve
const DEGREES = [0, 15, 30, 45, 60, 75, 90];

export class GradientLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookPlay;
    if (this.chart || !data) return; // without data the still sentence stays
    const teacher = netOf(data.nets.teacher),
      student = netOf(data.nets.hard);
    this.digits = data.digits.x.map((text, i) => {
      const image = Float32Array.from(bytes(text), (level) => level / 255);
      const [t, s] = [teacher, student].map((net) => Array.from(net.forward(image)));
      return { image, t, s, y: data.digits.y[i], index: data.digits.index[i] };
    });
    this.build();
    const gap = ({ t, s }) => (answer(t).top === answer(s).top ? 0 : length(logitMatchingGradient(s, t)));
    this.pick(this.digits.reduce((best, digit, i) => (gap(digit) > gap(this.digits[best]) ? i : best), 0));
  }

  build() {
    const words = this.digits.map(({ y, index }, i) => html("option", { value: i }, `test digit ${index}, a ${y}`));
    this.select = html("select", { change: () => this.pick(Number(this.select.value)) }, ...words);
    this.picture = html("canvas", { class: "kd-seen", "aria-hidden": "true" });
    const presets = PRESETS.map((T) =>
      html("button", { type: "button", "aria-label": `temperature ${T}`, click: () => this.t.set(Math.log2(T)) }, T),
    );
    this.t = slider("temperature T =", {
      min: LIMITS[0],
      max: LIMITS[1],
      step: 0.01,
      value: 0,
      extra: [html("span", { class: "kd-presets" }, ...presets)],
      shown: (log2) => (2 ** log2).toFixed(2),
      change: (log2) => ((this.log2T = log2), this.show()),
    });
    this.log2T = 0;
    this.p = new Bars("p, the teacher at T", "teacher");
    this.q = new Bars("q, the student at T", "hard");
    this.plain = new SignedBars("(q − p) / T, the gradient of KL", "soft");
    this.scaled = new SignedBars("T (q − p), the same times T²", "soft");
    this.told = html("p", { class: "kd-told", "aria-live": "polite" });
    this.chart = new Chart(
      "angle between the gradient and that of logit matching, over T; the sentence above tells it at this T",
      {
        across: "T, from 0.5 to 128, each doubling as wide →",
        up: "angle to the gradient of logit matching",
        extent: LIMITS[1] - LIMITS[0],
        levels: DEGREES,
        words: (level) => `${level}°`,
      },
    );
    this.replaceChildren(
      html("div", { class: "kd-boards" }, this.picture, html("label", {}, "digit ", this.select)),
      html("div", { class: "kd-controls" }, this.t.row),
      this.told,
      html("div", { class: "kd-answers" }, ...[this.p, this.q, this.plain, this.scaled].map((bars) => bars.figure)),
      this.chart.svg,
    );
  }

  pick(at) {
    this.select.value = at;
    this.digit = this.digits[at];
    paint(this.picture, this.digit.image, SIDE);
    this.show();
  }

  show() {
    const { t, s, y } = this.digit,
      T = 2 ** this.log2T;
    const scaled = kdGradient(s, t, T),
      plain = scaled.map((value) => value / T ** 2),
      matching = logitMatchingGradient(s, t);
    const turn = (log2) => angle(kdGradient(s, t, 2 ** log2), matching);
    const largest = Math.max(...[T, 1, 128].flatMap((each) => kdGradient(s, t, each).map(Math.abs)));
    this.p.show(answer(t, T), "linear");
    this.q.show(answer(s, T), "linear");
    this.plain.show(plain, largest);
    this.scaled.show(scaled, largest);
    const [without, times] = [plain, scaled].map((gradient) => length(gradient).toPrecision(2));
    this.told.textContent =
      `A digit labelled ${y} at T = ${Number(T.toFixed(2))}: the gradient of KL has length ${without}, ` +
      `times T² ${times}. ` +
      `Its direction is ${turn(this.log2T).toFixed(1)}° from that of logit matching.`;
    const at = Array.from({ length: POINTS }, (_, i) => (i / (POINTS - 1)) * (LIMITS[1] - LIMITS[0]));
    this.chart.show([{ points: at.map((x) => [x, turn(x + LIMITS[0])]), colour: "soft" }], this.log2T - LIMITS[0]);
  }
}
