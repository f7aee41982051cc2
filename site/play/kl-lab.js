// <kd-kl>: one Gaussian fitted to a mixture whose modes are dragged, by forward KL, reverse KL and Jensen-Shannon.
import { choice, html, slider, svg, table } from "./draw.js";
import { fit, GRID, klOf, logMixture, logNormal, madeUp, missed, onGrid, jensenShannon } from "./gaussian.js";

const WORDS = {
  forward: ["forward, KL(p ‖ q)", "soft", ""],
  reverse: ["reverse, KL(q ‖ p)", "teacher", ""],
  jensen: ["Jensen-Shannon, half of each", "control", "7 4"],
};
const SCENES = {
  "two modes": [
    { mean: -2, weight: 0.6 },
    { mean: 2, weight: 0.4 },
  ],
  "three modes": [
    { mean: -4, weight: 0.5 },
    { mean: 0, weight: 0.2 },
    { mean: 4, weight: 0.3 },
  ],
};
const SEEN = 7; // the picture goes from -7 to 7
const FARTHEST = 6; // that a mode can be dragged
const [LEAST, MOST] = [0.05, 1]; // of a mode's weight before they are made to sum to 1
const TALL = 0.46; // density at the upper edge, times the width of a mode: what its own Gaussian reaches, and a little
const MARGIN = { left: 8, right: 8, top: 16, bottom: 24 };
const between = (low, value, high) => Math.min(high, Math.max(low, value));

export class KLLab extends HTMLElement {
  connectedCallback() {
    if (this.picture) return;
    this.sd = 0.7;
    this.build();
    this.begin("two modes");
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  build() {
    this.picture = svg("svg", { class: "kd-chart", role: "group", "aria-label": "the teacher's modes, to be moved" });
    this.scene = choice("the teacher has", Object.keys(SCENES), (words) => this.begin(words));
    this.spread = slider("width of its modes:", {
      min: 0.3,
      max: 1.5,
      step: 0.05,
      value: this.sd,
      shown: (value) => value.toFixed(2),
      change: (value) => ((this.sd = value), this.changed()),
    });
    this.told = html("p", { class: "kd-told", "aria-live": "polite" });
    this.table = html("tbody");
    const heads = [
      "q fitted by",
      "its middle",
      "its width",
      "KL(p ‖ q)",
      "KL(q ‖ p)",
      "JS",
      "of p left out",
      "made up",
    ];
    const legend = Object.values(WORDS).map(([words, colour, dash]) =>
      html("li", { style: `--kd-role: var(--kd-${colour})`, class: dash ? "kd-dashed" : "" }, words),
    );
    this.replaceChildren(
      html("div", { class: "kd-controls" }, this.scene.row, this.spread.row),
      html("ul", { class: "kd-legend" }, html("li", { class: "kd-area" }, "p, the teacher"), ...legend),
      this.picture,
      this.told,
      html(
        "p",
        { class: "kd-given" },
        "Left out: p more than two widths from q's middle. Made up: q where p is below 1/20 of its peak.",
      ),
      table(heads, this.table),
    );
  }

  begin(words) {
    this.modes = SCENES[words].map((mode) => ({ ...mode }));
    this.handles = this.modes.map((mode, i) => this.handle(mode, i));
    this.changed();
  }

  /** A knob on top of a mode, for mouse, finger and keyboard. */
  handle(mode, i) {
    const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] };
    const drag = (event) => {
      if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
      const [x, y] = this.placeOf(event);
      // the knob stands at the height of its own part of the mixture, which its weight sets
      const others = this.modes.reduce((sum, { weight }, k) => (k === i ? sum : sum + weight), 0);
      const share = between(0.03, y * this.sd * Math.sqrt(2 * Math.PI), 0.95);
      this.move(i, x, (share * others) / (1 - share));
    };
    return svg("circle", {
      r: 12,
      class: "kd-knob",
      tabindex: 0,
      role: "slider",
      "aria-label": `mode ${i + 1} of the teacher: left and right move it, up and down change its weight`,
      "aria-valuemin": -FARTHEST,
      "aria-valuemax": FARTHEST,
      pointerdown: (event) => (
        event.preventDefault(),
        event.currentTarget.focus(),
        event.currentTarget.setPointerCapture(event.pointerId)
      ),
      touchstart: (event) => event.preventDefault(), // else the finger scrolls the page: touch-action is the picture's
      pointermove: drag,
      keydown: (event) => {
        const step = keys[event.key];
        if (!step) return;
        event.preventDefault();
        this.move(i, mode.mean + step[0], mode.weight + step[1]);
      },
    });
  }

  move(i, mean, weight) {
    Object.assign(this.modes[i], { mean: between(-FARTHEST, mean, FARTHEST), weight: between(LEAST, weight, MOST) });
    this.changed();
  }

  /** Fit once a frame at most: a drag sends more events than that. */
  changed() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      this.fit();
      this.draw();
    });
  }

  fit() {
    const modes = this.modes.map((mode) => ({ ...mode, sd: this.sd }));
    this.logP = logMixture(modes);
    this.fits = Object.fromEntries(Object.keys(WORDS).map((name) => [name, fit(name, modes)]));
    const cell = (words, i) => html(i ? "td" : "th", {}, words);
    this.table.replaceChildren(
      ...Object.entries(this.fits).map(([name, q]) => {
        const logQ = onGrid(q);
        const numbers = [q.mean, q.sd, klOf(this.logP, logQ), klOf(logQ, this.logP), jensenShannon(this.logP, logQ)];
        const shares = [missed(this.logP, q), madeUp(this.logP, q)].map((part) => `${(100 * part).toFixed(0)} %`);
        const words = numbers.map((value) => value.toFixed(2).replace("-0.00", "0.00"));
        return html("tr", {}, ...[WORDS[name][0], ...words, ...shares].map(cell));
      }),
    );
    this.told.textContent = inWords(this.fits, this.logP);
  }

  frame() {
    const width = this.picture.clientWidth || 600,
      tall = this.picture.clientHeight || 300;
    return {
      width,
      tall,
      x: (value) => MARGIN.left + ((value + SEEN) / (2 * SEEN)) * (width - MARGIN.left - MARGIN.right),
      y: (value) => tall - MARGIN.bottom - ((value * this.sd) / TALL) * (tall - MARGIN.top - MARGIN.bottom),
    };
  }

  /** Where a pointer is, as [x, density]. */
  placeOf(event) {
    const box = this.picture.getBoundingClientRect(),
      { width, tall } = this.frame();
    const across = (event.clientX - box.left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    const up = (tall - MARGIN.bottom - (event.clientY - box.top)) / (tall - MARGIN.top - MARGIN.bottom);
    return [(2 * across - 1) * SEEN, (up * TALL) / this.sd];
  }

  draw() {
    if (!this.fits) return;
    const { width, tall, x, y } = this.frame();
    this.picture.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    const seen = GRID.map((value, i) => [value, i]).filter(([value]) => Math.abs(value) <= SEEN);
    const path = (of) =>
      seen.map(([value, i]) => `${x(value).toFixed(1)},${y(Math.min(TALL / this.sd, of(i))).toFixed(1)}`).join(" ");
    const p = path((i) => Math.exp(this.logP[i]));
    const curves = Object.entries(this.fits).map(([name, q]) => {
      const [, colour, dash] = WORDS[name];
      const points = path((i) => Math.exp(logNormal(q, GRID[i])));
      return svg("polyline", {
        points,
        class: "kd-curve",
        style: `stroke: var(--kd-${colour})`,
        "stroke-dasharray": dash,
      });
    });
    const total = this.modes.reduce((sum, { weight }) => sum + weight, 0);
    this.modes.forEach(({ mean, weight }, i) => {
      const peak = weight / total / (this.sd * Math.sqrt(2 * Math.PI));
      const words = `at ${mean.toFixed(1)}, with ${Math.round((100 * weight) / total)} % of the probability`;
      const all = { cx: x(mean), cy: y(peak), "aria-valuenow": mean.toFixed(1), "aria-valuetext": words };
      for (const [name, value] of Object.entries(all)) this.handles[i].setAttribute(name, value);
    });
    const ticks = [-6, -4, -2, 0, 2, 4, 6].map((at) =>
      svg("text", { x: x(at), y: tall - 6, "text-anchor": "middle" }, String(at)),
    );
    const base = svg("line", { x1: x(-SEEN), x2: x(SEEN), y1: y(0), y2: y(0), class: "kd-grid" });
    const area = svg("polygon", { points: `${x(-SEEN)},${y(0)} ${p} ${x(SEEN)},${y(0)}`, class: "kd-under" });
    const focused = this.handles.indexOf(document.activeElement);
    const drawn = svg("g", {}, area, base, ...ticks, ...curves);
    // a knob that is held stays where it is in the document: moved, it would lose pointer and focus
    if (this.handles.every((handle) => handle.parentNode === this.picture)) this.picture.firstChild.replaceWith(drawn);
    else this.picture.replaceChildren(drawn, ...this.handles);
    if (focused >= 0) this.handles[focused].focus({ preventScroll: true });
  }
}

/** What the three fits make of p, as sentences. */
export function inWords({ forward, reverse, jensen }, logP) {
  const part = (value) => `${Math.round(100 * value)} %`;
  if (Math.abs(forward.mean - reverse.mean) < 0.15 && forward.sd / reverse.sd < 1.15) {
    return "All of them agree: one Gaussian can say nearly all that p says, so how the distance is measured hardly matters.";
  }
  const seeks = missed(logP, reverse) > 0.15 ? "seeks" : "covers here, too";
  const other = reverse.others[0];
  const hollow = other
    ? ` This is its best place, and not the only one to be stuck in: another hollow lies around ${other.mean.toFixed(1)}.`
    : "";
  const near = ({ mean }) => Math.abs(jensen.mean - mean);
  const like = near(forward) < near(reverse) ? "forward" : "reverse";
  return (
    `Forward KL covers: it leaves out ${part(missed(logP, forward))} of p, and puts ${part(madeUp(logP, forward))} of q ` +
    `where p is nearly nothing. Reverse KL ${seeks}: it leaves out ${part(missed(logP, reverse))} of p, and makes up ` +
    `${part(madeUp(logP, reverse))}.${hollow} Jensen-Shannon is like ${like} KL here.`
  );
}
