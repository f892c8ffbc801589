// The queues of a site: vehicles standing and their waits, per interval.

import { BARS_MAX, bars, colour, countAxis, faint, hatchAxis, hatched, headings, hoverTexts, timeAxis } from "./charts.js";
import { el, fill, table } from "./dom.js";
import { number } from "./numbers.js";
import { count, decimal, intervalOf, span } from "./words.js";

// `of` is the name of the intervals; `behind(zone, from, to)` makes the link from a number to its reports.
export function showQueue(chart, head, { answer, title, of, interval, now, behind }) {
  const { queues: zones, edges_ms: edges, time_zone: zone } = answer;
  const crowded = edges.length - 1 > BARS_MAX;
  fill(head, el("h2", {}, title), el("p", { class: "soft" }, `Vehicles standing: the mean of each ${of}, and ${crowded ? "paler" : "as a whisker"} the most.`));
  const traces = (one, k) => {
    const tone = colour(k === 0 ? "queue" : "c-van");
    const say = (n, i) => `${decimal(n)} standing, ${one.standing_max[i]} at most${one.wait_p50_ms[i] ? `, waited ${span(one.wait_p50_ms[i])}` : ""}${one.pictures[i] === null ? "" : `, on ${count(one.pictures[i])} pictures`}`;
    const mean = { now, texts: hoverTexts(one.standing_mean, edges, now, one.share, say), showlegend: zones.length > 1 };
    if (crowded) return [...bars(one.zone, edges, one.standing_max, faint(tone, 0.3), { showlegend: false }), ...bars(one.zone, edges, one.standing_mean, tone, mean)];
    const above = one.standing_max.map((most, i) => (most === null ? 0 : most - one.standing_mean[i]));
    return [...bars(one.zone, edges, one.standing_mean, tone, { ...mean, error_y: { type: "data", symmetric: false, array: above, arrayminus: above.map(() => 0), color: colour("axis"), thickness: 1, width: 0 } })];
  };
  const draw = () => ({
    data: [headings(edges, zone, interval),
      ...zones.flatMap(traces),
      hatched(edges, edges.slice(0, -1).map((_, i) => Math.max(...zones.map((one) => one.share[i]))), now)],
    layout: { barmode: "group", xaxis: timeAxis(edges, zone, chart.width), yaxis: countAxis(), yaxis2: hatchAxis },
  });
  const stills = zones.some((one) => one.pictures.some((n) => n !== null)); // without waits
  const right = (text) => ({ text, class: "right" });
  const rows = () => table(`Queue by ${of}`, [of[0].toUpperCase() + of.slice(1), "Zone", right("Standing"), right("Most"), right("Waited, half"), right("Nine in ten"), right("Longest"), ...(stills ? [right("Pictures")] : [])],
    zones.flatMap((one) => edges.slice(0, -1).map((edge, i) => [i, edge]).filter(([, edge]) => edge < now).reverse().map(([i, edge]) => [
      intervalOf(edge, edges[i + 1], zone, interval), one.zone,
      { class: "right", content: number(one.standing_mean[i], one.share[i], behind(one, edge, edges[i + 1]), { text: one.standing_mean[i] === null ? null : decimal(one.standing_mean[i]) }) },
      { class: "right", content: one.standing_max[i] === null ? "–" : count(one.standing_max[i]) },
      { class: "right", content: span(one.wait_p50_ms[i]) }, { class: "right", content: span(one.wait_p90_ms[i]) }, { class: "right", content: span(one.wait_max_ms[i]) },
      ...(stills ? [{ class: "right", content: one.pictures[i] === null ? "–" : count(one.pictures[i]) }] : [])])));
  chart.show(draw, rows, `${title} in ${zones.map((one) => one.zone).join(" and ")}.`);
}
