// One Gaussian q fitted to a mixture p by three ways to measure how far they are apart. Values in nats.

const [FROM, TO, STEP] = [-14, 14, 0.05];
export const GRID = Array.from({ length: Math.round((TO - FROM) / STEP) + 1 }, (_, i) => FROM + i * STEP);

/** log density of a Gaussian { mean, sd } at x. */
export const logNormal = ({ mean, sd }, x) =>
  -((x - mean) ** 2) / (2 * sd ** 2) - Math.log(sd * Math.sqrt(2 * Math.PI));

/** log density on the grid of a mixture of modes { mean, sd, weight }, whose weights need not sum to 1. */
export function logMixture(modes) {
  const total = modes.reduce((sum, { weight }) => sum + weight, 0);
  return GRID.map((x) => {
    const parts = modes.map((mode) => Math.log(mode.weight / total) + logNormal(mode, x));
    const largest = Math.max(...parts);
    return largest + Math.log(parts.reduce((sum, part) => sum + Math.exp(part - largest), 0));
  });
}

const integral = (of) => STEP * GRID.reduce((sum, _, i) => sum + of(i), 0);

/** KL(a || b) of two log densities on the grid. */
export const klOf = (a, b) => integral((i) => Math.exp(a[i]) * (a[i] - b[i]));

/** Jensen-Shannon: the mean of KL to the average of both, from either. */
export function jensenShannon(a, b) {
  const middle = a.map((value, i) => Math.log((Math.exp(value) + Math.exp(b[i])) / 2 || Number.MIN_VALUE));
  return (klOf(a, middle) + klOf(b, middle)) / 2;
}

/** Mean and standard deviation of a log density: the Gaussian that minimises KL(p || q). */
export function moments(logP) {
  const mean = integral((i) => Math.exp(logP[i]) * GRID[i]);
  return { mean, sd: Math.sqrt(integral((i) => Math.exp(logP[i]) * (GRID[i] - mean) ** 2)) };
}

export const onGrid = (q) => GRID.map((x) => logNormal(q, x));

/** Lowest point of a loss of { mean, sd } near a start: steps along each axis, halved when none of them goes down. */
export function descend(loss, { mean, sd }) {
  let best = [mean, Math.log(sd)];
  const at = ([m, s]) => loss({ mean: m, sd: Math.exp(s) });
  let lowest = at(best);
  for (let step = 0.5; step > 1e-4;) {
    const [m, s] = best;
    const around = [
      [m + step, s],
      [m - step, s],
      [m, s + step],
      [m, s - step],
    ].map((place) => [at(place), place]);
    const [value, place] = around.reduce((a, b) => (b[0] < a[0] ? b : a));
    if (value < lowest) [lowest, best] = [value, place];
    else step /= 2;
  }
  return { mean: best[0], sd: Math.exp(best[1]), loss: lowest };
}

export const MEASURES = {
  forward: (logP) => (q) => klOf(logP, onGrid(q)),
  reverse: (logP) => (q) => klOf(onGrid(q), logP),
  jensen: (logP) => (q) => jensenShannon(logP, onGrid(q)),
};

/** The best Gaussian { mean, sd, loss } by one measure, and every other hollow in which a descent may end. */
export function fit(name, modes) {
  const logP = logMixture(modes),
    loss = MEASURES[name](logP);
  if (name === "forward") return { ...moments(logP), loss: loss(moments(logP)), others: [] };
  const found = [...modes, moments(logP)].map((start) => descend(loss, start)).sort((a, b) => a.loss - b.loss);
  const others = found.filter((each, i) => found.slice(0, i).every(({ mean }) => Math.abs(mean - each.mean) > 0.1));
  return { ...others[0], others: others.slice(1) };
}

/** Share of p that lies more than two standard deviations from the middle of q: what the student leaves out. */
export const missed = (logP, q) => integral((i) => (Math.abs(GRID[i] - q.mean) > 2 * q.sd ? Math.exp(logP[i]) : 0));

/** Share of q where p is below a twentieth of its peak: what the student makes up. */
export function madeUp(logP, q) {
  const little = Math.max(...logP) - Math.log(20);
  return integral((i) => (logP[i] < little ? Math.exp(logNormal(q, GRID[i])) : 0));
}
