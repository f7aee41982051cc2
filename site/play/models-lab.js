// <kd-models>: published distilled models, how much smaller they are and how much of the teacher's score they keep.
import { choice, html, steps, svg, table } from "./draw.js";
import { chosen, describe } from "./models.js";

const COLOURS = ["soft", "shifted", "control", "hard", "yours"]; // of families, as in chapter 09
const EVERYTHING = "everything";
const RATIOS = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500]; // ticks, and places of the sliders
const LEVELS = [0, 25, 50, 75, 100, 125]; // per cent of the teacher's score
const MARGIN = { left: 44, right: 14, top: 16, bottom: 38 };
const NAMED = 9; // so few marks have their names beside them
const billions = (n) => (n >= 1 ? `${Number(n.toPrecision(3))} B` : `${Number((1000 * n).toPrecision(3))} M`);

export class ModelsLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookIdeas;
    if (this.chart || !data) return; // without data the still picture stays
    this.rows = data.models;
    this.families = [...new Set(this.rows.map(({ family }) => family))];
    Object.assign(this, { from: 0, to: RATIOS.length - 1, family: null });
    this.build();
    this.show();
    new ResizeObserver(() => this.draw()).observe(this.chart);
  }

  build() {
    const times = (words, at, brushed) =>
      steps(
        words,
        RATIOS,
        RATIOS[at],
        (_, i) => this.brush(...brushed(i)),
        (ratio) => `${ratio} times smaller`,
      );
    this.sliders = {
      from: times("from", this.from, (i) => [i, Math.max(i, this.to)]),
      to: times("to", this.to, (i) => [Math.min(i, this.from), i]),
    };
    this.chart = svg("svg", {
      class: "kd-chart kd-models",
      role: "img",
      "aria-label":
        "share of the teacher's score over how many times smaller the student is; the table below has the same",
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.drag(event),
      pointerup: () => (this.pressed = null),
      pointercancel: () => (this.pressed = null),
    });
    this.told = html("p", { class: "kd-told", "aria-live": "polite" });
    this.table = html("tbody");
    const heads = ["student", "teacher", "times smaller", "of its score kept", "scores", "benchmark", "source"];
    const legend = this.families.map((words, i) => html("li", { style: `--kd-role: var(--kd-${COLOURS[i]})` }, words));
    this.replaceChildren(
      choice(
        "learned from",
        [EVERYTHING, ...this.families],
        (words) => ((this.family = words === EVERYTHING ? null : words), this.show()),
      ).row,
      html("div", { class: "kd-controls" }, this.sliders.from.row, this.sliders.to.row),
      html("p", { class: "kd-given" }, "Or drag across the picture. A hollow mark: the source was not read in full."),
      html("ul", { class: "kd-legend" }, ...legend),
      this.chart,
      this.told,
      table(heads, this.table, null, {
        class: "kd-scroll kd-high",
        tabindex: 0,
        role: "region",
        "aria-label": "the chosen models",
      }),
    );
  }

  /** Choose the students from RATIOS[from] to RATIOS[to] times smaller. */
  brush(from, to) {
    if (from === this.from && to === this.to) return;
    Object.assign(this, { from, to });
    for (const name of ["from", "to"])
      if (Number(this.sliders[name].input.value) !== this[name]) this.sliders[name].set(this[name]);
    this.show();
  }

  press(event) {
    event.preventDefault();
    this.chart.setPointerCapture(event.pointerId);
    this.pressed = { at: this.nearest(event), left: false };
  }

  drag(event) {
    if (!this.pressed) return;
    const here = this.nearest(event),
      { at } = this.pressed;
    this.pressed.left ||= here !== at; // a finger that scrolls the page stays at its tick
    if (this.pressed.left) this.brush(Math.min(here, at), Math.max(here, at));
  }

  /** The tick nearest to a pointer. */
  nearest(event) {
    const { x } = this.frame(),
      at = event.clientX - this.chart.getBoundingClientRect().left;
    return RATIOS.reduce((best, ratio, i) => (Math.abs(x(ratio) - at) < Math.abs(x(RATIOS[best]) - at) ? i : best), 0);
  }

  chosen() {
    return chosen(this.rows, { from: RATIOS[this.from], to: RATIOS[this.to], family: this.family });
  }

  show() {
    const rows = this.chosen();
    this.told.textContent = describe(rows, RATIOS[this.from], RATIOS[this.to]);
    this.table.replaceChildren(
      ...rows.map((row) =>
        html(
          "tr",
          {},
          html("th", { scope: "row" }, row.model),
          ...[
            `${row.teacher}, ${billions(row.teacherSize)}`,
            `${row.ratio.toPrecision(2).replace(/\.0$/, "")}, ${billions(row.studentSize)}`,
            `${Math.round(row.kept)} %`,
            `${row.student} of ${row.score}`,
            row.benchmark,
            `${row.source} (${row.checked})`,
          ].map((words) => html("td", {}, words)),
        ),
      ),
    );
    this.draw();
  }

  frame() {
    const width = this.chart.clientWidth || 600,
      tall = this.chart.clientHeight || 340;
    const across = (ratio) => Math.log(ratio) / Math.log(RATIOS.at(-1));
    return {
      width,
      tall,
      x: (ratio) => MARGIN.left + across(ratio) * (width - MARGIN.left - MARGIN.right),
      y: (kept) => tall - MARGIN.bottom - (kept / LEVELS.at(-1)) * (tall - MARGIN.top - MARGIN.bottom),
    };
  }

  draw() {
    const { width, tall, x, y } = this.frame();
    this.chart.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    const right = x(RATIOS.at(-1));
    const grid = LEVELS.flatMap((level) => [
      svg("line", { x1: x(1), x2: right, y1: y(level), y2: y(level), class: level === 100 ? "kd-here" : "kd-grid" }),
      svg("text", { x: MARGIN.left - 6, y: y(level) + 4, "text-anchor": "end" }, `${level} %`),
    ]);
    const ticks = RATIOS.map((ratio) => svg("text", { x: x(ratio), y: tall - 20, "text-anchor": "middle" }, ratio));
    const words = [
      svg("text", { x: right, y: tall - 4, "text-anchor": "end" }, "times smaller than its teacher →"),
      svg("text", { x: right, y: MARGIN.top + 12, "text-anchor": "end" }, "of the teacher's score kept"),
    ];
    const [low, high] = [x(RATIOS[this.from]), x(RATIOS[this.to])];
    const band = svg("rect", {
      x: low - 6,
      width: high - low + 12,
      y: y(LEVELS.at(-1)),
      height: y(0) - y(LEVELS.at(-1)),
      class: "kd-band",
    });
    const rows = this.chosen();
    const marks = this.rows.map((row) => {
      const colour = `var(--kd-${COLOURS[this.families.indexOf(row.family)]})`;
      const seen = rows.includes(row) ? "" : "kd-unchosen";
      const look = `stroke: ${colour}; fill: ${row.read ? colour : "none"}`;
      const title = svg("title", {}, `${row.model}, ${Math.round(row.kept)} % of ${row.teacher} on ${row.benchmark}`);
      return svg(
        "circle",
        { cx: x(row.ratio), cy: y(row.kept), r: 5, style: look, class: seen, "stroke-width": 2 },
        title,
      );
    });
    this.chart.replaceChildren(band, ...grid, ...ticks, ...words, ...marks, ...this.names(rows, x, y, width));
  }

  /** Names beside few marks, each once, and none over another. */
  names(rows, x, y, width) {
    const once = rows.filter((row, i) => rows.findIndex(({ model }) => model === row.model) === i);
    if (once.length > NAMED) return [];
    const taken = [];
    return once.map((row) => {
      const left = x(row.ratio) > width / 2;
      let place = y(row.kept) + 4;
      while (taken.some(([side, other]) => side === left && Math.abs(other - place) < 13)) place += 13;
      taken.push([left, place]);
      const across = x(row.ratio) + (left ? -9 : 9);
      return svg("text", { x: across, y: place, "text-anchor": left ? "end" : "start", class: "kd-name" }, row.model);
    });
  }
}
