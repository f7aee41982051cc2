// The formulas of distillation, one row of logits at a time. Values in nats, entropy in bits.

/** softmax(z / T), (C,): Hinton et al. 2015, eq. 1. The largest logit is taken away first: nothing overflows. */
export function softTargets(z, temperature = 1) {
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(`temperature must be positive and finite, got ${temperature}`);
  }
  const largest = Math.max(...z);
  const weights = Array.from(z, (value) => Math.exp((value - largest) / temperature));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

/** Entropy in bits, -sum p log2 p, where a class without probability adds nothing. */
export const entropyBits = (p) => p.reduce((sum, share) => sum - (share > 0 ? share * Math.log2(share) : 0), 0);

/** KL(p || q) = sum p log(p / q), where a class without p adds nothing. */
export const kl = (p, q) => p.reduce((sum, share, c) => sum + (share > 0 ? share * Math.log(share / q[c]) : 0), 0);

/** Place of the largest value. */
export const argmax = (z) => z.indexOf(Math.max(...z));

/** A softened answer: its probabilities, top class and its probability, all others together, entropy in bits. */
export function answer(z, temperature = 1) {
  const p = softTargets(z, temperature);
  const top = argmax(p);
  const dark = p.reduce((sum, share, c) => (c === top ? sum : sum + share), 0);
  return { p, top, confidence: p[top], dark, entropy: entropyBits(p) };
}

/** Cross entropy with a label at T = 1, -log softmax(z)[label]. */
export const crossEntropy = (z, label) => -Math.log(softTargets(z)[label]);

/** Its gradient with respect to the logits, softmax(z) - onehot(label). */
export const crossEntropyGradient = (z, label) => softTargets(z).map((share, c) => share - (c === label ? 1 : 0));

/** T^2 KL(p || q) of teacher and student, both softened by T: Hinton et al. 2015, section 2. */
export const kdLoss = (student, teacher, temperature) =>
  temperature ** 2 * kl(softTargets(teacher, temperature), softTargets(student, temperature));

/** Its gradient with respect to the student's logits, T (q - p): T^2 of the factor, 1/T of the logits. */
export function kdGradient(student, teacher, temperature) {
  const p = softTargets(teacher, temperature);
  return softTargets(student, temperature).map((share, c) => temperature * (share - p[c]));
}

/** Gradient of alpha T^2 KL(p || q) + (1 - alpha) cross entropy; without a label (null) only the teacher speaks. */
export function distillationGradient(student, teacher, label, { temperature, alpha }) {
  const soft = kdGradient(student, teacher, temperature);
  if (label === null) return soft;
  const hard = crossEntropyGradient(student, label);
  return soft.map((value, c) => alpha * value + (1 - alpha) * hard[c]);
}

/** Length of a vector. */
export const length = (v) => Math.hypot(...v);

/** Angle between two vectors in degrees; 0 where one of them is 0. */
export function angle(a, b) {
  const product = a.reduce((sum, value, i) => sum + value * b[i], 0),
    lengths = length(a) * length(b);
  return lengths ? (180 / Math.PI) * Math.acos(Math.min(1, Math.max(-1, product / lengths))) : 0;
}

/** Gradient of 1/(2C) sum (s - t)^2 of centred logits: what T^2 KL becomes at a large T (Hinton et al. 2015, eq. 4). */
export function logitMatchingGradient(student, teacher) {
  const gap = Array.from(student, (value, c) => value - teacher[c]);
  const mean = gap.reduce((a, b) => a + b) / gap.length;
  return gap.map((value) => (value - mean) / gap.length);
}
