// A board to draw a digit on, by mouse, finger, pen or keyboard; it keeps strokes, so that no size is lost.
import { SIDE } from "./digits.js";
import { html } from "./draw.js";

const ZOOM = 10; // pixels of the screen for one of the board
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ERASERS = ["Backspace", "Delete", "Escape"];

export class Board {
  /** change(strokes) is called after each change, told(words) with what a screen reader should say. */
  constructor(change, told) {
    Object.assign(this, { change, told, strokes: [], pen: [SIDE / 2, SIDE / 2], down: false, keys: false });
    this.canvas = html("canvas", {
      class: "kd-board",
      width: SIDE * ZOOM,
      height: SIDE * ZOOM,
      tabindex: 0,
      role: "application",
      "aria-label": "board to draw a digit: arrow keys move the pen, space sets it down or lifts it, Delete clears",
      pointerdown: (event) => this.begin(event),
      pointermove: (event) => this.go(event),
      pointerup: (event) => this.end(event),
      pointercancel: (event) => this.end(event),
      keydown: (event) => this.key(event),
      focus: () => this.draw(),
      blur: () => this.draw(),
    });
    this.draw();
  }

  /** Show strokes, or none; nobody is told. */
  clear() {
    Object.assign(this, { strokes: [], down: false });
    this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  begin(event) {
    if (event.button > 0 || this.drawing !== undefined) return; // the palm of a drawing hand is no pen
    event.preventDefault(); // no text is selected, no page is scrolled
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    Object.assign(this, { drawing: event.pointerId, keys: false, down: false });
    this.strokes.push([]);
    this.go(event);
  }

  go(event) {
    if (this.drawing !== event.pointerId) return;
    for (const each of event.getCoalescedEvents?.() ?? []) this.strokes.at(-1).push(this.place(each));
    this.strokes.at(-1).push(this.place(event));
    this.changed();
  }

  end(event) {
    if (this.drawing === event.pointerId) this.drawing = undefined;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.strokes.push([[...this.pen]]);
      this.told(this.down ? "pen down" : "pen up");
    } else if (MOVES[event.key]) {
      this.pen = this.pen.map((value, k) => Math.min(SIDE - 2, Math.max(2, value + MOVES[event.key][k])));
      if (this.down) this.strokes.at(-1).push([...this.pen]);
    } else if (ERASERS.includes(event.key)) {
      this.clear();
      this.told("board cleared");
    } else return;
    event.preventDefault();
    this.keys = true;
    this.changed();
  }

  changed() {
    this.draw();
    this.change(this.strokes);
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, SIDE * ZOOM, SIDE * ZOOM);
    Object.assign(pen, { lineWidth: 2.5 * ZOOM, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    for (const stroke of this.strokes) {
      pen.beginPath();
      stroke.forEach(([x, y]) => pen.lineTo(x * ZOOM, y * ZOOM));
      pen.lineTo(stroke.at(-1)[0] * ZOOM, stroke.at(-1)[1] * ZOOM + 0.01); // a dot is drawn as well
      pen.stroke();
    }
    if (!this.strokes.length) {
      Object.assign(pen, { fillStyle: "#767676", font: "20px sans-serif", textAlign: "center" });
      pen.fillText("draw a digit here", (SIDE * ZOOM) / 2, (SIDE * ZOOM) / 2 - 30);
    }
    if (this.keys && document.activeElement === this.canvas) {
      pen.beginPath();
      pen.arc(this.pen[0] * ZOOM, this.pen[1] * ZOOM, ZOOM, 0, 2 * Math.PI);
      Object.assign(pen, { lineWidth: 3, strokeStyle: this.down ? "#D55E00" : "#0072B2" });
      pen.stroke();
    }
  }
}
