// A fully connected ReLU net in typed arrays, which answers one image and learns by SGD with momentum.
import { argmax } from "./formulas.js";

/** Weights of one layer: `w` (inputs, outputs) row by row of its inputs, `b` (outputs,). */
function layer(inputs, outputs, w = new Float32Array(inputs * outputs), b = new Float32Array(outputs)) {
  return { inputs, outputs, w, b };
}

export class MLP {
  /** A net of layers { inputs, outputs, w, b }; see `MLP.fresh`. */
  constructor(layers) {
    this.layers = layers;
    this.heights = layers.map((l) => new Float32Array(l.outputs)); // what each layer says
  }

  /** A net that has learned nothing; weights and biases uniform in +-1/sqrt(inputs), as PyTorch's Linear has them. */
  static fresh(sizes, random) {
    const layers = sizes.slice(1).map((outputs, i) => layer(sizes[i], outputs));
    for (const { inputs, w, b } of layers) {
      const bound = 1 / Math.sqrt(inputs);
      for (const values of [w, b]) for (let i = 0; i < values.length; i++) values[i] = bound * (2 * random() - 1);
    }
    return new MLP(layers);
  }

  /** A net whose numbers lie one layer after the other in one array: w (inputs, outputs), then b. */
  static of(sizes, numbers) {
    let at = 0;
    const take = (n) => numbers.subarray(at, (at += n));
    return new MLP(
      sizes.slice(1).map((outputs, i) => layer(sizes[i], outputs, take(sizes[i] * outputs), take(outputs))),
    );
  }

  copy() {
    return new MLP(this.layers.map((l) => layer(l.inputs, l.outputs, l.w.slice(), l.b.slice())));
  }

  /** Logits (C,) of one image (inputs,); they live until the next call. Pixels and units that are 0 cost nothing. */
  forward(x) {
    this.layers.forEach(({ inputs, outputs, w, b }, n) => {
      const from = n ? this.heights[n - 1] : x,
        to = this.heights[n];
      to.set(b);
      for (let i = 0; i < inputs; i++) {
        const value = from[i];
        if (value === 0) continue;
        for (let j = 0, k = i * outputs; j < outputs; j++, k++) to[j] += value * w[k];
      }
      if (n < this.layers.length - 1) for (let j = 0; j < outputs; j++) if (to[j] < 0) to[j] = 0;
    });
    return this.heights.at(-1);
  }

  /** Share of wrong answers on images x, an array of (inputs,), with labels y. */
  errors(x, y) {
    return x.reduce((wrong, image, i) => wrong + (argmax(this.forward(image)) !== y[i] ? 1 : 0), 0) / x.length;
  }
}

/** SGD with momentum for one net: add up gradients of a batch with `learn`, then `step`. */
export class SGD {
  constructor(net, momentum = 0.9) {
    Object.assign(this, { net, momentum, rows: 0 });
    const zeros = () => net.layers.map((l) => layer(l.inputs, l.outputs));
    [this.gradient, this.speed] = [zeros(), zeros()];
    this.deltas = net.layers.map((l) => new Float32Array(l.outputs));
  }

  /** Add the gradient of one image x, given that of the loss with respect to its logits, a function of them. */
  learn(x, lossGradient) {
    const { layers, heights } = this.net;
    this.deltas.at(-1).set(lossGradient(this.net.forward(x)));
    for (let n = layers.length - 1; n >= 0; n--) {
      const { inputs, outputs, w } = layers[n];
      const { w: gw, b: gb } = this.gradient[n];
      const from = n ? heights[n - 1] : x,
        delta = this.deltas[n],
        below = n ? this.deltas[n - 1] : null;
      for (let j = 0; j < outputs; j++) gb[j] += delta[j];
      for (let i = 0; i < inputs; i++) {
        const value = from[i];
        if (below) below[i] = 0;
        if (value === 0) continue; // no weight from here has a gradient, and ReLU passes nothing down
        let sum = 0;
        for (let j = 0, k = i * outputs; j < outputs; j++, k++) {
          gw[k] += value * delta[j];
          if (below) sum += w[k] * delta[j];
        }
        if (below) below[i] = sum;
      }
    }
    this.rows++;
  }

  /** Move the weights by the mean gradient of the rows since the last step, as torch.optim.SGD does. */
  step(rate) {
    const { momentum, rows } = this;
    this.net.layers.forEach((l, n) => {
      for (const part of ["w", "b"]) {
        const value = l[part],
          gradient = this.gradient[n][part],
          speed = this.speed[n][part];
        for (let i = 0; i < value.length; i++) {
          speed[i] = momentum * speed[i] + gradient[i] / rows;
          value[i] -= rate * speed[i];
          gradient[i] = 0;
        }
      }
    });
    this.rows = 0;
  }
}
