// <kd-doubts>: the map of classes that a generalist finds likely together; a class that is pressed tells who takes it.
import { bytes, halves } from "./digits.js";
import { clustersOf, commonest, inWords, neighbours, scaled, symmetric } from "./doubts.js";
import { choice, html } from "./draw.js";

const VIEWS = ["scaled, as it is clustered", "as it is"];
const LIKELY = [60, 145, 205]; // colours that can be seen in the light and in the dark
const UNLIKELY = [214, 120, 60];
const STRONG = 0.3; // of the largest number: full colour
const SHOWN = 10; // bars
const TOLD = 3; // classes in the sentence
const LOW = 14; // pixels that a kind's name needs

export class DoubtsLab extends HTMLElement {
  connectedCallback() {
    const data = this.data ?? globalThis.kdbookDoubts;
    if (this.map || !data) return; // without data the still picture stays
    this.known = data;
    this.n = data.classes.length;
    const upper = halves(bytes(data.covariance)).map((value) => value / data.factor);
    const matrix = symmetric(upper, this.n);
    this.matrices = { [VIEWS[0]]: scaled(matrix, this.n), [VIEWS[1]]: matrix };
    this.clusters = clustersOf(data.order, data.labels);
    this.place = new Map(data.order.map((c, at) => [c, at]));
    this.view = VIEWS[0];
    this.build();
    this.paint();
    this.choose(data.classes.indexOf(this.getAttribute("chosen") ?? data.classes[data.order[0]]));
    new ResizeObserver(() => this.name()).observe(this.map);
  }

  build() {
    const { n, known } = this;
    const names = `kd-${Math.random().toString(36).slice(2)}`;
    this.map = html("canvas", {
      width: n,
      height: n,
      tabindex: 0,
      role: "slider",
      "aria-label": `map of ${n} classes; up and down choose one, page up and page down another cluster`,
      "aria-orientation": "vertical",
      "aria-valuemin": 1,
      "aria-valuemax": n,
      click: (event) => this.choose(known.order[this.placesOf(event)[1]]),
      pointermove: (event) => this.point(event),
      keydown: (event) => this.key(event),
    });
    [this.row, this.column, this.block] = ["kd-line", "kd-line", "kd-block"].map((name) => html("i", { class: name }));
    this.kinds = html("div", { class: "kd-kinds", "aria-hidden": "true" });
    this.under = html("p", { class: "kd-given" });
    this.field = html("input", {
      type: "text",
      list: names,
      autocomplete: "off",
      change: () => this.find(this.field.value),
      focus: () => this.field.select(),
    });
    this.bars = html("ol", { class: "kd-rows" });
    this.told = html("p", { class: "kd-told", "aria-live": "polite" });
    this.mates = html("div", { class: "kd-mates" });
    this.cluster = html("p", { class: "kd-given" });
    const options = [...known.classes].sort().map((value) => html("option", { value }));
    this.replaceChildren(
      choice("the covariance", VIEWS, (words) => ((this.view = words), this.paint(), this.show())).row,
      html(
        "div",
        { class: "kd-doubts" },
        html(
          "div",
          {},
          html("div", { class: "kd-map" }, this.kinds, this.map, this.row, this.column, this.block),
          this.under,
        ),
        html(
          "div",
          {},
          html("label", {}, "class ", this.field, html("datalist", { id: names }, ...options)),
          this.bars,
        ),
      ),
      this.told,
      this.cluster,
      this.mates,
      html("p", { class: "kd-facts" }, `The nets behind this: ${known.about}.`),
    );
  }

  /** Column and row of the map under a pointer. */
  placesOf(event) {
    const box = this.map.getBoundingClientRect();
    const place = (part) => Math.min(this.n - 1, Math.max(0, Math.floor(part * this.n)));
    return [place((event.clientX - box.left) / box.width), place((event.clientY - box.top) / box.height)];
  }

  point(event) {
    if (event.pointerType !== "mouse") return;
    const [across, down] = this.placesOf(event).map((at) => this.known.order[at]);
    const value = this.matrices[this.view][down * this.n + across];
    this.under.textContent = `“${this.known.classes[down]}” with “${this.known.classes[across]}”: ${number(value)}`;
  }

  key(event) {
    const { order, labels } = this.known;
    const at = this.place.get(this.chosen),
      cluster = this.clusters.findIndex(({ label }) => label === labels[this.chosen]);
    const first = (k) => this.clusters.at(Math.min(Math.max(k, 0), this.clusters.length - 1)).classes[0];
    const goes = {
      ArrowUp: order[at - 1],
      ArrowLeft: order[at - 1],
      ArrowDown: order[at + 1],
      ArrowRight: order[at + 1],
      PageUp: first(cluster - 1),
      PageDown: first(cluster + 1),
      Home: order[0],
      End: order.at(-1),
    };
    if (!(event.key in goes)) return;
    event.preventDefault();
    this.choose(goes[event.key] ?? this.chosen);
  }

  /** Choose the class of this name, or else the first that begins so. */
  find(name) {
    const { classes } = this.known;
    const found = classes.includes(name) ? name : classes.find((each) => name && each.startsWith(name.toLowerCase()));
    this.choose(found ? classes.indexOf(found) : this.chosen);
  }

  choose(c) {
    this.chosen = c;
    this.show();
  }

  show() {
    const { known, chosen, n } = this;
    const { classes } = known;
    const at = this.place.get(chosen);
    const { label, classes: mates } = this.clusters.find((cluster) => cluster.label === known.labels[chosen]);
    const percent = (part) => `${(100 * part) / n}%`;
    this.row.style.cssText = `left: 0; right: 0; height: ${percent(1)}; top: ${percent(at)}`;
    this.column.style.cssText = `top: 0; bottom: 0; width: ${percent(1)}; left: ${percent(at)}`;
    const from = percent(this.place.get(mates[0]));
    this.block.style.cssText = `left: ${from}; top: ${from}; width: ${percent(mates.length)}; height: ${percent(mates.length)}`;
    this.map.setAttribute("aria-valuenow", at + 1);
    this.map.setAttribute("aria-valuetext", classes[chosen]);
    this.field.value = classes[chosen];
    const matrix = this.matrices[this.view],
      near = neighbours(matrix, n, chosen, SHOWN);
    this.bars.replaceChildren(...near.map(({ c, value }) => this.bar(c, value, value / near[0].value)));
    this.told.textContent = inWords(
      known,
      chosen,
      near.filter(({ c }) => c !== chosen).slice(0, TOLD),
    );
    const [kind, count] = commonest(mates.map((c) => known.groups[c]));
    this.cluster.textContent =
      `Its cluster, number ${label}, has ${mates.length} classes, ${count} of them of the kind “${kind}”. Framed: the ones ` +
      `that specialist ${label} knows.`;
    this.mates.replaceChildren(
      ...mates.map((c) => this.button(c, known.members[label].includes(c) ? "kd-special" : "")),
    );
  }

  button(c, name, ...children) {
    const chosen = c === this.chosen ? "true" : null;
    const made = html("button", { type: "button", class: name, "aria-current": chosen, click: () => this.choose(c) });
    made.append(...(children.length ? children : [this.known.classes[c]]));
    return made;
  }

  bar(c, value, share) {
    const own = c === this.chosen;
    const words = html("span", {}, own ? "itself: its variance" : this.known.classes[c]);
    const bar = html("i", { class: own ? "kd-own" : "", style: `width: ${Math.max(0, 100 * share)}%` });
    return html("li", {}, this.button(c, "", words, html("b", {}, number(value)), bar));
  }

  paint() {
    const { n, known } = this,
      matrix = this.matrices[this.view],
      pixels = new ImageData(n, n);
    const largest = matrix.reduce((best, value) => Math.max(best, value), 0);
    known.order.forEach((down, y) =>
      known.order.forEach((across, x) => {
        const part = matrix[down * n + across] / largest / STRONG;
        const [colour, strength] = part > 0 ? [LIKELY, Math.sqrt(part)] : [UNLIKELY, -part];
        pixels.data.set([...colour, 255 * Math.min(1, strength)], 4 * (y * n + x));
      }),
    );
    this.map.getContext("2d").putImageData(pixels, 0, 0);
  }

  /** Names of kinds beside the clusters of which they are the commonest, where there is room. */
  name() {
    const tall = this.map.clientHeight,
      runs = [];
    for (const { classes } of this.clusters) {
      const [kind] = commonest(classes.map((c) => this.known.groups[c]));
      if (runs.at(-1)?.kind === kind) runs.at(-1).length += classes.length;
      else runs.push({ kind, from: this.place.get(classes[0]), length: classes.length });
    }
    const roomy = runs.filter(({ length }) => (length * tall) / this.n >= LOW);
    const style = ({ from, length }) => `top: ${(100 * from) / this.n}%; height: ${(100 * length) / this.n}%`;
    this.kinds.replaceChildren(...roomy.map((run) => html("span", { style: style(run) }, run.kind)));
  }
}

/** A number of the map, scaled or not. */
const number = (value) => (Math.abs(value) >= 0.001 || value === 0 ? value.toFixed(3) : value.toExponential(1));
