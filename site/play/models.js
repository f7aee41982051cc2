// What is computed from published distilled models.

/** Rows between two ratios of sizes, of one family or of all (null), the least shrunk first. */
export const chosen = (rows, { from, to, family }) =>
  rows
    .filter((row) => row.ratio >= from && row.ratio <= to && (family === null || row.family === family))
    .sort((a, b) => a.ratio - b.ratio);

/** The value in the middle, or the mean of the two there. */
export function median(values) {
  const order = [...values].sort((a, b) => a - b),
    half = order.length >> 1;
  return order.length % 2 ? order[half] : (order[half - 1] + order[half]) / 2;
}

/** What chosen rows say, as a sentence. */
export function describe(rows, from, to) {
  if (!rows.length) return "No published pair in this table is there: choose a wider range.";
  const kept = rows.map((row) => row.kept);
  const [low, high] = [Math.min(...kept), Math.max(...kept)].map(Math.round);
  const words = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
  const models = new Set(rows.map(({ model }) => model)).size;
  const where =
    `${words(rows.length, "published score")} of ${words(models, "student")}, ${from} to ${to} times smaller than the ` +
    "teacher:";
  if (rows.length === 1) return `${where} it keeps ${low} % of its score.`;
  return (
    `${where} they keep between ${low} and ${high} % of its score, half of them ${Math.round(median(kept))} % or more. ` +
    "Benchmarks differ, and on each a net that guesses keeps something."
  );
}
