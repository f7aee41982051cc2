// <kd-digit-lab>: draw or pick a digit, and four nets answer.
import { Board } from "./board.js";
import { bytes, centred, netOf, SIDE } from "./digits.js";
import { Bars, choice, html, paint, share, slider, table } from "./draw.js";
import { answer, argmax } from "./formulas.js";

const NETS = {
  teacher: ["teacher", "teacher"],
  hard: ["student, hard labels", "hard"],
  soft: ["student, soft targets", "soft"],
  no3: ["student that never saw a 3", "soft"],
};
const MISSING = 3; // the class that one student never saw
const LIMITS = { log2T: [-1, 6.65], bias: [-2, 12] };
const SURE = 0.9; // probability
const PRESETS = [1, 4, 20];
const QUIET = 700; // milliseconds without a change after which a screen reader is told

export class DigitLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookPlay;
    if (this.bars || !data) return; // without data the still picture stays
    this.nets = Object.fromEntries(Object.entries(data.nets).map(([name, net]) => [name, netOf(net)]));
    this.digits = data.digits.x.map((text, i) => ({
      image: Float32Array.from(bytes(text), (level) => level / 255),
      y: data.digits.y[i],
      index: data.digits.index[i],
    }));
    this.chosenBias = data.nets.no3.measured.bias;
    Object.assign(this, { temperature: 1, bias: 0, scale: "linear", image: null });
    this.bars = Object.fromEntries(
      Object.entries(NETS).map(([name, [words, colour]]) => [name, new Bars(words, colour, MISSING)]),
    );
    this.build(data);
    this.scene(this.three, 1, 0);
  }

  /** The first 3 that the student without 3s takes for something else. */
  get three() {
    return this.digits.findIndex((d) => d.y === MISSING && answer(this.nets.no3.forward(d.image)).top !== MISSING);
  }

  /** Of the other digits that the teacher knows well, the one that looks most like a 3 to it. */
  get likeness() {
    const found = this.digits.map(({ image, y }) => {
      const { top, confidence, p } = answer(this.nets.teacher.forward(image));
      return y !== MISSING && top === y && confidence > SURE ? p[MISSING] : 0;
    });
    return argmax(found);
  }

  build(data) {
    this.live = html("p", { class: "kd-hidden", "aria-live": "polite" });
    this.board = new Board(
      (strokes) => this.see(strokes.length ? centred(strokes) : null),
      (words) => (this.live.textContent = words),
    );
    this.seen = html("canvas", { class: "kd-seen", role: "img", "aria-label": "what the nets see: nothing yet" });
    const empty = () => (this.board.clear(), this.see(null));
    this.told = html("p", { class: "kd-told" });
    this.table = html("tbody");
    const panels = Object.values(this.bars).map((bars) => bars.figure);
    this.replaceChildren(
      html("div", { class: "kd-scenes", role: "group", "aria-label": "three things to try" }, ...this.scenes()),
      this.told,
      html(
        "div",
        { class: "kd-lab" },
        html(
          "div",
          { class: "kd-input" },
          html(
            "div",
            { class: "kd-boards" },
            this.board.canvas,
            html(
              "div",
              {},
              this.seen,
              html("small", {}, "what the nets see"),
              html("button", { type: "button", click: empty }, "clear"),
            ),
          ),
          html("small", {}, "By keyboard: arrows move the pen, space sets it down or lifts it, Delete clears."),
          this.thumbs(),
        ),
        html("div", { class: "kd-answers" }, ...panels),
      ),
      this.controls(),
      this.live,
      this.numbers(),
      identities(data.nets),
    );
  }

  scenes() {
    const scene = (words, change) => html("button", { type: "button", click: change }, words);
    return [
      scene("1. Show it a 3", () => this.scene(this.three, 1, 0)),
      scene("2. Hear what its teacher told it", () => this.scene(this.likeness, 4, 0)),
      scene("3. Give class 3 a bias", () => this.scene(this.three, 1, this.chosenBias)),
    ];
  }

  /** Pick a test digit and set the sliders. */
  scene(at, temperature, bias) {
    this.t.set(Math.log2(temperature));
    this.b.set(bias);
    this.scaleChoice.set("linear");
    this.pick(at);
  }

  thumbs() {
    this.buttons = this.digits.map(({ image, y, index }, i) => {
      const canvas = html("canvas", { "aria-hidden": "true" });
      paint(canvas, image, SIDE);
      return html(
        "button",
        {
          type: "button",
          "aria-pressed": "false",
          "aria-label": `test digit ${index}, a ${y}`,
          click: () => this.pick(i),
        },
        canvas,
      );
    });
    return html(
      "details",
      { class: "kd-thumbs", open: matchMedia("(min-width: 700px)").matches },
      html("summary", {}, "or pick a test digit"),
      html("div", { role: "group", "aria-label": "test digits" }, ...this.buttons),
    );
  }

  controls() {
    const presets = PRESETS.map((T) =>
      html("button", { type: "button", "aria-label": `T = ${T}`, click: () => this.t.set(Math.log2(T)) }, T),
    );
    const [least, most] = LIMITS.log2T;
    this.t = slider("temperature T =", {
      min: least,
      max: most,
      step: 0.01,
      value: 0,
      extra: [html("span", { class: "kd-presets" }, ...presets)],
      shown: (log2) => (2 ** log2).toFixed(2),
      change: (log2) => this.set({ temperature: 2 ** log2 }),
    });
    const found = html(
      "button",
      { type: "button", click: () => this.b.set(this.chosenBias) },
      `${this.chosenBias}, chosen on validation digits`,
    );
    const none = html("button", { type: "button", click: () => this.b.set(0) }, "0");
    this.b = slider("added to class 3 of the net that never saw one:", {
      min: LIMITS.bias[0],
      max: LIMITS.bias[1],
      step: 0.1,
      value: 0,
      extra: [html("span", { class: "kd-presets" }, none, found)],
      shown: (bias) => bias.toFixed(1),
      change: (bias) => this.set({ bias }),
    });
    this.scaleChoice = choice("scale", ["linear", "logarithmic"], (scale) => this.set({ scale }));
    return html("div", { class: "kd-controls" }, this.t.row, this.b.row, this.scaleChoice.row);
  }

  numbers() {
    return html(
      "details",
      {},
      html("summary", {}, "The same as numbers"),
      table(["class", ...Object.values(NETS).map(([words]) => words)], this.table),
    );
  }

  set(change) {
    Object.assign(this, change);
    this.show();
  }

  pick(at) {
    const { image, y, index } = this.digits[at];
    this.board.clear();
    this.see(image, `test digit ${index}, a ${y}`, at);
  }

  see(image, words = "your digit, centred and scaled as MNIST's are", at = -1) {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === at)));
    paint(this.seen, image ?? new Float32Array(SIDE * SIDE), SIDE);
    this.seen.setAttribute("aria-label", image ? `what the nets see: ${words}` : "what the nets see: nothing yet");
    this.label = at < 0 ? null : this.digits[at].y;
    this.set({ image });
  }

  /** Answers of all nets to the image, by name. */
  answers() {
    return Object.fromEntries(
      Object.entries(this.nets).map(([name, net]) => {
        const logits = Array.from(net.forward(this.image));
        if (name === "no3") logits[MISSING] += this.bias;
        return [name, answer(logits, this.temperature)];
      }),
    );
  }

  show() {
    const found = this.image && this.answers();
    for (const [name, bars] of Object.entries(this.bars)) bars.show(found?.[name] ?? null, this.scale);
    this.told.textContent = found ? inWords(found, this) : "Draw a digit, or pick one.";
    const lines = found
      ? Array.from({ length: 10 }, (_, c) => [c, ...Object.keys(NETS).map((name) => found[name].p[c].toFixed(4))])
      : [];
    this.table.replaceChildren(
      ...lines.map((line) => html("tr", {}, ...line.map((cell, i) => html(i ? "td" : "th", {}, cell)))),
    );
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => (this.live.textContent = this.told.textContent), QUIET);
  }
}

/** What can be seen, as a sentence. */
function inWords(found, { temperature, bias, label }) {
  const { teacher, no3 } = found;
  const what = label === null ? "Your digit" : `${label === 8 ? "An" : "A"} ${label}`;
  const at = Number(temperature.toFixed(2));
  const shifted = bias ? `, with ${bias.toFixed(1)} added to class 3,` : "";
  const says = (who, { top, confidence, p }) =>
    `${who} says ${top} (${share(confidence)}) and gives class 3 ${share(p[MISSING])}.`;
  const student = `The student that never saw a 3${shifted}`;
  return `${what} at T = ${at}: ${says("the teacher", teacher)} ${says(student, no3)}`;
}

/** Who the nets are: the trials that `results/weights` keeps, with what was measured of them. */
function identities(nets) {
  const lines = Object.entries(NETS).map(([name, [words]]) => {
    const { name: trial, sizes, measured } = nets[name];
    const shifted = measured.test_errors_shifted ?? "not measured";
    const cells = [words, sizes.join("-"), measured.test_errors, shifted, html("code", {}, trial)];
    return html("tr", {}, ...cells.map((cell) => html("td", {}, cell)));
  });
  return html(
    "details",
    {},
    html("summary", {}, "Which nets are these?"),
    table(
      ["net", "units", "wrong of 10,000 test digits", "wrong when each is shifted", "trial"],
      html("tbody", {}, ...lines),
    ),
  );
}
