import assert from "node:assert/strict";
import { test } from "node:test";
import { crossEntropy, crossEntropyGradient } from "../../../site/play/formulas.js";
import { MLP, SGD } from "../../../site/play/mlp.js";
import { generator, shuffled } from "../../../site/play/random.js";

// w is (inputs, outputs): two inputs, two hidden units, one output
const tiny = () => MLP.of([2, 2, 1], Float32Array.from([1, -1, 2, 0.5, 0, 0.25, 3, -2, 1]));

test("a net of two hidden units answers as by hand", () => {
  // hidden: relu(1*1 + 2*2 + 0) = 5 and relu(1*-1 + 2*0.5 + 0.25) = 0.25; output: 3*5 - 2*0.25 + 1
  assert.deepEqual([...tiny().forward([1, 2])], [15.5]);
  // hidden: relu(-2) = 0 and relu(2 + 0.25) = 2.25; output: -2*2.25 + 1
  assert.deepEqual([...tiny().forward([-2, 0])], [-3.5]);
});

test("its gradients are those of finite differences, in every weight and bias of three layers", () => {
  const net = MLP.fresh([5, 6, 4, 3], generator(1)),
    x = [0.5, -1, 0, 2, 0.3];
  const sgd = new SGD(net);
  sgd.learn(x, (z) => crossEntropyGradient(z, 2));
  const h = 1e-3;
  net.layers.forEach((l, n) => {
    for (const part of ["w", "b"]) {
      l[part].forEach((value, i) => {
        const at = (v) => ((l[part][i] = v), crossEntropy(net.forward(x), 2));
        const slope = (at(value + h) - at(value - h)) / (2 * h);
        l[part][i] = value;
        assert.ok(Math.abs(slope - sgd.gradient[n][part][i]) < 2e-3, `layer ${n} ${part}[${i}]`);
      });
    }
  });
});

test("momentum moves a weight as torch.optim.SGD does", () => {
  const net = MLP.of([1, 1], Float32Array.from([2, 0]));
  const sgd = new SGD(net, 0.5);
  const step = (gradient) => (sgd.learn([1], () => [gradient]), sgd.step(0.1), net.layers[0].w[0]);
  assert.ok(Math.abs(step(1) - 1.9) < 1e-6); // speed 1
  assert.ok(Math.abs(step(1) - 1.75) < 1e-6); // speed 0.5 * 1 + 1
});

test("a batch moves by the mean of its rows", () => {
  const net = MLP.of([1, 1], Float32Array.from([0, 0])),
    sgd = new SGD(net, 0);
  for (const gradient of [1, 3]) sgd.learn([1], () => [gradient]);
  sgd.step(1);
  assert.equal(net.layers[0].w[0], -2);
});

test("numbers of a seed come again, and those of the next one are others", () => {
  const first = (seed) => Array.from({ length: 4 }, generator(seed));
  assert.deepEqual(first(7), first(7));
  assert.ok(first(7).every((value, i) => value !== first(8)[i]));
});

test("random numbers fill [0, 1) evenly, and every place of a shuffle is as likely", () => {
  const random = generator(3),
    n = 20_000,
    counts = new Array(10).fill(0),
    firsts = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    counts[Math.floor(10 * random())]++;
    firsts[shuffled(3, random)[0]]++;
  }
  assert.ok(
    counts.every((count) => Math.abs(count - n / 10) < 5 * Math.sqrt(n / 10)),
    `${counts}`,
  );
  assert.ok(
    firsts.every((count) => Math.abs(count - n / 3) < 5 * Math.sqrt(n / 3)),
    `${firsts}`,
  );
});
