// What components are drawn with: elements, digits, bars of an answer, curves that grow.

/** An element with attributes (a function is a listener) and children; `html` and `svg` know their namespaces. */
const maker =
  (create) =>
  (tag, attributes = {}, ...children) => {
    const made = create(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };
export const html = maker((tag) => document.createElement(tag));
export const svg = maker((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));

/** Probabilities, with as many digits as tell them apart from 0 and from 1. */
export const share = (p) => (p >= 0.001 ? p.toFixed(3) : p >= 1e-6 ? p.toFixed(6) : "< 0.000001");

/** Paint an image of numbers in [0, 1], black on white, on a canvas of as many pixels. */
export function paint(canvas, image, side) {
  canvas.width = canvas.height = side;
  const pixels = new ImageData(side, side);
  image.forEach((value, i) => {
    pixels.data.fill(255 - 255 * value, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A labelled slider; `shown` makes words of its number, which a screen reader says as well. */
export function slider(label, { min, max, step, value, shown, change, extra = [] }) {
  const told = html("output");
  const input = html("input", { type: "range", min, max, step, value });
  const tell = (number) => {
    told.textContent = shown(number);
    input.setAttribute("aria-valuetext", told.textContent);
  };
  const set = (number) => ((input.value = number), tell(number), change(number)); // between two steps too
  input.addEventListener("input", () => (tell(Number(input.value)), change(Number(input.value))));
  tell(value);
  return {
    input,
    set,
    row: html("div", { class: "kd-slider" }, html("label", {}, html("span", {}, label, " ", told), input), ...extra),
  };
}

/** A slider over a list of values, from the first to the last. */
export function steps(label, values, value, change, shown = String) {
  return slider(label, {
    min: 0,
    max: values.length - 1,
    step: 1,
    value: values.indexOf(value),
    shown: (i) => shown(values[i]),
    change: (i) => change(values[i], i),
  });
}

/** A table with its headings, in a frame of its own that scrolls; `body` is filled later. */
export function table(heads, body, caption = null, frame = {}) {
  const top = html("thead", {}, html("tr", {}, ...heads.map((words) => html("th", { scope: "col" }, words))));
  const rows = caption === null ? [top, body] : [html("caption", {}, caption), top, body];
  return html("div", { class: "kd-scroll", ...frame }, html("table", {}, ...rows));
}

/** A choice of a few words, one of which is chosen. */
export function choice(label, words, change) {
  const name = `kd-${Math.random().toString(36).slice(2)}`;
  const options = words.map((word, i) =>
    html(
      "label",
      {},
      html("input", { type: "radio", name, value: word, checked: i === 0, change: () => change(word) }),
      word,
    ),
  );
  const row = html("fieldset", { class: "kd-choice" }, html("legend", {}, label), ...options);
  const set = (word) => (options[words.indexOf(word)].querySelector("input").checked = true) && change(word);
  return { row, set };
}

const LOWEST = 1e-6; // probability at the foot of a logarithmic scale
const TICKS = { linear: [0, 0.5, 1], logarithmic: [LOWEST, 1e-4, 1e-2, 1] };
const TICK_WORDS = { [LOWEST]: "10⁻⁶", 1e-4: "10⁻⁴", 1e-2: "0.01", 0: "0", 0.5: "½", 1: "1" };

/** Height of a probability in [0, 1] on a scale. */
export const height = (p, scale) => (scale === "linear" ? p : Math.max(0, 1 - Math.log10(p) / Math.log10(LOWEST)));

/** The answers of one net as ten bars under its name. */
export class Bars {
  constructor(name, colour, marked) {
    this.says = html("span", { class: "kd-says" });
    this.facts = html("p", { class: "kd-facts" });
    this.ticks = html("div", { class: "kd-ticks", "aria-hidden": "true" });
    this.bars = Array.from({ length: 10 }, () => html("i"));
    const columns = this.bars.map((bar, c) =>
      html("div", { class: c === marked ? "kd-column kd-marked" : "kd-column" }, bar, html("span", {}, c)),
    );
    this.plot = html("div", { class: "kd-bars", role: "img" }, this.ticks, ...columns);
    const caption = html("figcaption", {}, html("b", {}, name), this.says);
    this.figure = html(
      "figure",
      { class: "kd-net", style: `--kd-role: var(--kd-${colour})` },
      caption,
      this.plot,
      this.facts,
    );
    this.name = name;
  }

  /** Show an `answer` on a scale, or nothing (null) before there is an image. */
  show(told, scale) {
    this.ticks.replaceChildren(
      ...TICKS[scale].map((tick) => html("span", { style: `bottom: ${100 * height(tick, scale)}%` }, TICK_WORDS[tick])),
    );
    this.bars.forEach((bar, c) => {
      bar.style.height = `${told ? 100 * height(told.p[c], scale) : 0}%`;
      bar.classList.toggle("kd-top", told?.top === c);
    });
    this.says.textContent = told ? `${told.top}, with ${share(told.confidence)}` : "…";
    this.facts.textContent = told ? `entropy ${told.entropy.toFixed(2)} bits, dark mass ${share(told.dark)}` : "";
    this.plot.setAttribute(
      "aria-label",
      told ? `${this.name}: ${told.p.map((p, c) => `${c} ${share(p)}`).join(", ")}` : "no digit yet",
    );
  }
}

/** Ten numbers of either sign as bars up and down from a line. */
export class SignedBars {
  constructor(name, colour) {
    this.name = name;
    this.bars = Array.from({ length: 10 }, () => html("i"));
    const columns = this.bars.map((bar, c) => html("div", { class: "kd-column kd-signed" }, bar, html("span", {}, c)));
    this.plot = html("div", { class: "kd-bars", role: "img" }, ...columns);
    this.figure = html(
      "figure",
      { class: "kd-net", style: `--kd-role: var(--kd-${colour})` },
      html("figcaption", {}, html("b", {}, name)),
      this.plot,
    );
  }

  /** Show values, of which `largest` would fill half the height. */
  show(values, largest) {
    values.forEach((value, c) => {
      const part = (50 * Math.min(1, Math.abs(value) / largest)).toFixed(2);
      this.bars[c].style.cssText =
        value > 0 ? `bottom: 50%; height: ${part}%` : `top: 50%; bottom: auto; height: ${part}%`;
    });
    this.plot.setAttribute(
      "aria-label",
      `${this.name}: ${values.map((value, c) => `${c} ${value.toPrecision(2)}`).join(", ")}`,
    );
  }
}

const SHARES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]; // what is above, such as a net that has learned nothing, is cut off
const MARGIN = { left: 42, right: 12, top: 10, bottom: 34 };

/** Curves over [0, extent], drawn in the pixels that the page gives them. */
export class Chart {
  constructor(alt, { across, up, extent, levels = SHARES, words = (level) => `${Math.round(100 * level)} %` }) {
    this.svg = svg("svg", { role: "img", "aria-label": alt, class: "kd-chart" });
    Object.assign(this, { across, up, extent, levels, words, curves: [], at: null });
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  /** Show curves { points: [[x, y]], colour, dash, faint }, and a line across them at x (null: none). */
  show(curves, at = null) {
    Object.assign(this, { curves, at });
    this.draw();
  }

  draw() {
    const width = this.svg.clientWidth || 600,
      tall = this.svg.clientHeight || 300;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    const x = (value) => MARGIN.left + (value / this.extent) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => tall - MARGIN.bottom - (value / this.levels.at(-1)) * (tall - MARGIN.bottom - MARGIN.top);
    const grid = this.levels.flatMap((level) => [
      svg("line", { x1: x(0), x2: x(this.extent), y1: y(level), y2: y(level), class: "kd-grid" }),
      svg("text", { x: MARGIN.left - 6, y: y(level) + 4, "text-anchor": "end" }, this.words(level)),
    ]);
    const here =
      this.at === null
        ? []
        : [svg("line", { x1: x(this.at), x2: x(this.at), y1: y(0), y2: MARGIN.top, class: "kd-here" })];
    const words = [
      svg("text", { x: x(this.extent), y: tall - 4, "text-anchor": "end" }, this.across),
      svg("text", { x: x(this.extent), y: MARGIN.top + 14, "text-anchor": "end" }, this.up),
    ];
    const lines = this.curves.map(({ points, colour, dash, faint }) =>
      svg("polyline", {
        points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "),
        class: faint ? "kd-curve kd-faint" : "kd-curve",
        style: `stroke: var(--kd-${colour})`,
        "stroke-dasharray": dash ?? "",
      }),
    );
    this.svg.replaceChildren(...grid, ...here, ...lines, ...words);
  }
}
