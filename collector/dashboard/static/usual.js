// Today against past days: what was counted in the hours that are over, beside the median of the same hours.

import { count } from "./words.js";

const LEAST = 5; // of fewer vehicles no share is told

// `series` and `edges` by the hour; "" where there is too little to say.
export function usually(series, usual, role, edges, now) {
  const band = usual?.bands.find((one) => one.role === role);
  if (!series || !band) return "";
  let counted = 0, median = 0, low = 0, high = 0;
  edges.slice(0, -1).forEach((_, i) => {
    if (edges[i + 1] > now || series.share[i] < 0.9 || band.p50[i] === null || series.all[i] === null) return;
    counted += series.all[i];
    median += band.p50[i];
    low += band.p10[i];
    high += band.p90[i];
  });
  if (median < LEAST) return "";
  if (counted >= low && counted <= high) return "as usual";
  const change = counted / median - 1;
  return `${change > 0 ? "▲" : "▼"} ${count(Math.round(Math.abs(100 * change)))} % ${change > 0 ? "above" : "below"} usual`;
}
