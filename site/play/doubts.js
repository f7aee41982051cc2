// Which classes a net finds likely together, whose cluster they are in, and what specialists add to them.

/** Symmetric matrix, n rows of n numbers one after the other, from its rows' parts on and right of the diagonal. */
export function symmetric(upper, n) {
  const found = new Float64Array(n * n);
  let at = 0;
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) found[i * n + j] = found[j * n + i] = upper[at++];
  return found;
}

/** What classes are clustered by: rows of length 1 in which a class's own variance is left out. */
export function scaled(matrix, n) {
  const found = Float64Array.from(matrix);
  for (let i = 0; i < n; i++) {
    const row = found.subarray(i * n, (i + 1) * n);
    row[i] = 0;
    const length = Math.max(1e-12, Math.hypot(...row));
    row.forEach((value, j) => (row[j] = value / length));
  }
  return found;
}

/** The largest numbers { c, value } of a class's row, falling. */
export function neighbours(matrix, n, chosen, count) {
  const row = Array.from(matrix.subarray(chosen * n, (chosen + 1) * n), (value, c) => ({ c, value }));
  return row.sort((a, b) => b.value - a.value).slice(0, count);
}

/** Numbers of the specialists that know a class; `members` are lists of classes. */
export const knownTo = (members, chosen) => members.flatMap((classes, k) => (classes.includes(chosen) ? [k] : []));

/** Clusters as { label, classes } in the order in which their classes stand. */
export function clustersOf(order, labels) {
  const found = [];
  for (const c of order) {
    if (found.at(-1)?.label !== labels[c]) found.push({ label: labels[c], classes: [] });
    found.at(-1).classes.push(c);
  }
  return found;
}

/** The commonest of some words, and how often it is there: [word, count]. */
export function commonest(words) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best));
}

/** Sums { texts, alone, gained, lost } over some classes. */
export const counted = (counts, classes) =>
  Object.fromEntries(Object.entries(counts).map(([name, of]) => [name, classes.reduce((sum, c) => sum + of[c], 0)]));

const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0]);
const inAll = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;

/** What specialists make of the answers that { texts, alone, gained, lost } counts. */
export const gainInWords = ({ texts, alone, gained, lost }) =>
  `of ${inAll(texts, "test definition")} the generalist gets ${alone} right, with the specialists ` +
  `${alone + gained - lost} (${gained} gained, ${lost} lost)`;

const inShort = ({ texts, alone, gained, lost }) =>
  `${alone} → ${alone + gained - lost} of ${texts} right (+${gained}, −${lost})`;

/** Whom a class is likely together with, and who takes it. */
export function inWords({ classes, members, counts }, chosen, near) {
  const known = knownTo(members, chosen);
  const who = known.length
    ? `Specialist${known.length > 1 ? "s" : ""} ${listed(known.map(String))} ${known.length > 1 ? "know" : "knows"} it`
    : "No specialist knows it";
  const nobodys = classes.map((_, c) => c).filter((c) => !knownTo(members, c).length);
  const groups = known.length
    ? known.map((k) => [`Specialist ${k}, all of its classes`, members[k]])
    : [["All classes that no specialist knows", nobodys]];
  const shares = groups.map(([name, of]) => ` ${name}: ${inShort(counted(counts, of))}.`);
  return (
    `“${classes[chosen]}” is likely together with ${listed(near.map(({ c }) => `“${classes[c]}”`))}. ${who}: ` +
    `${gainInWords(counted(counts, [chosen]))}.${shares.join("")}`
  );
}
