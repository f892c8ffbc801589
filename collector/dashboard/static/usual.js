// Today compared with past days: the counts of the hours that are over, and the median of the same hours, scaled down to
// the time that was watched today.

import { count, percent } from "./words.js";

const LEAST = 5; // with fewer vehicles no percentage is shown
export const WATCHED_LEAST = 0.8; // of the hours that are over, on either side; below it no percentage is shown

// `series` and `edges` by the hour; "" if too little was watched.
export function usually(series, usual, role, edges, now) {
  const band = usual?.bands.find((one) => one.role === role);
  if (!series || !band) return "";
  const over = edges.slice(0, -1).map((_, i) => i).filter((i) => edges[i + 1] <= now);
  if (over.length === 0) return "";
  const watched = over.reduce((sum, i) => sum + Math.min(1, series.share[i]), 0) / over.length;
  const known = over.filter((i) => band.p50[i] !== null);
  if (watched < WATCHED_LEAST) return `not compared with usual: only ${percent(watched)} was watched`;
  if (known.length === 0) return "";
  if (known.length / over.length < WATCHED_LEAST) return `not compared: past days were watched for ${percent(known.length / over.length)} of these hours`;
  let counted = 0, median = 0, low = 0, high = 0;
  for (const i of known) {
    if (series.all[i] === null) continue;
    const share = Math.min(1, series.share[i]);
    counted += series.all[i];
    median += share * band.p50[i];
    low += share * band.p10[i];
    high += share * band.p90[i];
  }
  if (median < LEAST) return "";
  if (counted >= low && counted <= high) return "as usual";
  const change = counted / median - 1;
  return `${change > 0 ? "▲" : "▼"} ${count(Math.round(Math.abs(100 * change)))} % ${change > 0 ? "above" : "below"} usual`;
}
