// <kd-speculative>: a draft guesses letters, a target keeps or corrects them; whose distribution comes out?
import { choice, html } from "./draw.js";
import { countsOf, Decoder, GUESSES, judged, kept, LETTERS, models, perCall } from "./speculative.js";
import { generator } from "./random.js";

const DRAFTS = {
  "that looks at one letter": "letter",
  "that knows how often letters are": "often",
  "that knows nothing": "even",
};
const START = [LETTERS.indexOf(" "), LETTERS.indexOf("t")];
const TRIES = 1000; // of the button that repeats one place
const SHOWN = 160; // letters of the text
const ENOUGH = 100; // judged guesses before their share is compared with theory
const said = (letter) => (LETTERS[letter] === " " ? "␣" : LETTERS[letter]);
const percent = (part) => `${(100 * part).toFixed(0)} %`;

export class SpeculativeLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookIdeas;
    if (this.bars || !data) return; // without data the still picture stays
    this.models = models(countsOf(data.letters));
    this.seed = 1;
    this.build();
    this.begin("that looks at one letter");
  }

  build() {
    this.text = html("p", { class: "kd-text" });
    this.live = html("p", { class: "kd-told", "aria-live": "polite" });
    this.facts = html("p", { class: "kd-given" });
    this.bars = Array.from(LETTERS, (_, c) => {
      const [q, p, dot] = ["kd-q", "kd-p", "kd-dot"].map((name) => html("i", { class: name }));
      return { q, p, dot, column: html("div", { class: "kd-column" }, q, p, dot, html("span", {}, said(c))) };
    });
    this.plot = html("div", { class: "kd-bars kd-letters", role: "img" }, ...this.bars.map(({ column }) => column));
    const button = (words, click, name = "") => html("button", { type: "button", class: name, click }, words);
    const legend = [
      ["teacher", "", "p, the target, and letters that come from it"],
      ["soft", "", "q, the draft, and letters of it that are kept"],
      ["ink", "kd-dotted", "what came out of 1,000 tries here"],
    ].map(([colour, name, words]) => html("li", { class: name, style: `--kd-role: var(--kd-${colour})` }, words));
    this.replaceChildren(
      choice("a draft", Object.keys(DRAFTS), (words) => this.begin(words)).row,
      html(
        "p",
        { class: "kd-buttons" },
        button("step", () => this.step(), "kd-main"),
        button("a round", () => this.round()),
        button("write 1,000 letters", () => this.write()),
        button("try this place 1,000 times", () => this.repeat()),
      ),
      this.text,
      this.live,
      html("ul", { class: "kd-legend" }, ...legend),
      this.plot,
      this.facts,
    );
  }

  begin(words) {
    this.draft = this.models[DRAFTS[words]];
    this.decoder = new Decoder(this.models.target, this.draft, generator(this.seed++), START);
    this.last = { kind: "begin" };
    this.marks = [null, null]; // how each letter of the text came there
    this.show();
  }

  advance() {
    this.last = this.decoder.step();
    if (this.last.kind !== "guess") this.marks.push(this.last.kind);
  }

  step() {
    this.advance();
    this.show();
  }

  /** To the end of a round: until the next thing to do is to guess. */
  round() {
    do this.advance();
    while (this.decoder.guesses.length || this.decoder.owed);
    this.show();
  }

  write() {
    const until = this.decoder.letters + TRIES;
    while (this.decoder.letters < until || this.decoder.guesses.length || this.decoder.owed) this.advance();
    this.show();
  }

  /** The letter after the text as it stands, again and again: the text does not move. */
  repeat() {
    const [p, q] = [this.models.target, this.draft].map((model) => model(this.decoder.text));
    const random = generator(10_000 + this.seed++);
    const counts = new Array(LETTERS.length).fill(0);
    let good = 0;
    for (let i = 0; i < TRIES; i++) {
      const { keep, letter } = judged(p, q, random);
      counts[letter] += 1;
      good += keep;
    }
    this.show({ p, q, out: counts.map((count) => count / TRIES), good: good / TRIES });
  }

  show(tried = null) {
    const { decoder, last } = this;
    // the bars stand at the place that the last step was about; before one, at the next place
    const p = tried?.p ?? last.p ?? this.models.target(decoder.text),
      q = tried?.q ?? (last.kind === "extra" ? null : (last.q ?? this.draft(decoder.text)));
    const highest = Math.max(...p, ...(q ?? [0]), ...(tried?.out ?? [0]));
    this.bars.forEach(({ q: left, p: right, dot, column }, c) => {
      left.style.height = `${q ? (100 * q[c]) / highest : 0}%`;
      right.style.height = `${(100 * p[c]) / highest}%`;
      dot.hidden = !tried;
      if (tried) dot.style.bottom = `calc(${(100 * tried.out[c]) / highest}% - 3px)`;
      column.classList.toggle("kd-marked", !tried && (last.letter === c || last.guess === c));
    });
    const rows = Array.from(LETTERS, (_, c) => `${said(c)} ${percent(p[c])}${q ? ` against ${percent(q[c])}` : ""}`);
    this.plot.setAttribute("aria-label", `target against draft: ${rows.join(", ")}`);
    this.spell();
    this.live.textContent = tried ? inWordsOfTries(tried) : inWords(last, decoder, p, q);
    if (!decoder.guesses.length && !decoder.owed) this.facts.textContent = inNumbers(decoder);
  }

  /** The text, each letter marked by how it came there, then the guesses that are not judged yet. */
  spell() {
    const { text, guesses } = this.decoder;
    const from = Math.max(0, text.length - SHOWN);
    const letters = text.slice(from).map((letter, i) => {
      const kind = this.marks[from + i];
      return html(
        "span",
        { class: kind ? `kd-${kind}` : "" },
        LETTERS[letter] === " " ? "\u00a0\u200b" : LETTERS[letter],
      );
    });
    const open = guesses.map(({ letter }) => html("span", { class: "kd-guess" }, said(letter)));
    this.text.replaceChildren(from ? "… " : "", ...letters, ...open);
  }
}

/** What whole rounds have brought so far. */
function inNumbers({ letters, calls, judged: asked, keptOnes }) {
  if (!asked) return "";
  const words = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
  const theory =
    asked < ENOUGH
      ? ""
      : ` If each guess were kept with that chance, theory says ${perCall(keptOnes / asked).toFixed(2)} a call.`;
  return (
    `So far ${words(letters, "letter")} by ${words(calls, "call")} of the target, ${(letters / calls).toFixed(2)} a call; ` +
    `alone it would bring 1. Kept: ${percent(keptOnes / asked)} of the guesses that were judged.${theory}`
  );
}

/** What the last step did. */
function inWords({ kind, guess, letter, p, q, u }, decoder, nowP, nowQ) {
  if (kind === "begin") {
    return (
      `The bars tell what comes after “␣t”. Here a guess is kept with ${percent(kept(nowP, nowQ))}: that is how much ` +
      "of the two overlaps. Press “step”."
    );
  }
  if (kind === "guess") {
    return (
      `The draft guesses ${GUESSES} letters, “${decoder.guesses.map((each) => said(each.letter)).join("")}”. Now the ` +
      `target reads all of them in one call. Its first question: is “${said(guess)}” kept?`
    );
  }
  if (kind === "extra") {
    return (
      "All that was guessed is kept, and the target, which has read it, adds a letter of its own for nothing: " +
      `“${said(letter)}”.`
    );
  }
  const ratio = p[guess] / q[guess];
  const odds = `“${said(guess)}”: p / q = ${p[guess].toFixed(3)} / ${q[guess].toFixed(3)} = ${ratio.toFixed(2)}`;
  if (ratio >= 1) return `${odds}, at least 1: it is kept for certain.`;
  if (kind === "kept") return `${odds}. The die says ${u.toFixed(2)}, which is below: kept.`;
  return (
    `${odds}. The die says ${u.toFixed(2)}, which is not below: refused, with all guesses after it. In its place comes ` +
    `“${said(letter)}”, drawn from where p is above q.`
  );
}

/** What many tries at one place show. */
function inWordsOfTries({ p, q, out, good }) {
  const far = (a, b) => percent(1 - kept(a, b));
  return (
    `${TRIES.toLocaleString("en")} tries at this place: ${percent(good)} of the guesses were kept; p and q overlap by ` +
    `${percent(kept(p, q))}. What came out (dots) is ${far(out, p)} away from the target, as chance alone would have ` +
    `it, and ${far(out, q)} from the draft.`
  );
}
