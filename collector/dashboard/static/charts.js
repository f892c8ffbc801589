// Charts, drawn by Plotly, which is part of the collector and loaded after the page. Each is a figure with a text for
// screen readers and a table of its data. Time runs in milliseconds UTC and is labelled in the site's zone, so days of 23
// or 25 hours have their true length.

import { el } from "./dom.js";
import { count, intervalOf, NOBODY, percent, printable, ticksOf } from "./words.js";

let loading = null;
let where = "";
// `marks`: ids of style elements that the library would insert for maps, which the content security policy forbids; empty
// elements with these ids prevent that.
export function chartsAt(address, marks) {
  where = address;
  for (const id of marks) if (!document.getElementById(id)) document.head.append(el("meta", { id }));
}
/** @type {() => any} Plotly brings no types; undefined until its script has run. */
const plotly = () => Reflect.get(window, "Plotly");
export function library() {
  loading ??= new Promise((done, failed) => {
    const script = el("script", { src: where, onload: () => done(plotly()), onerror: () => failed(new Error("the charts could not be loaded")) });
    document.head.append(script);
  });
  return loading;
}

const probe = el("span", { hidden: true });
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
export const faint = (of, alpha) => of.replace(/rgba?\(([^)]+)\)/, (_, parts) => `rgba(${parts.split(",").slice(0, 3).join(",")}, ${alpha})`);
const CLASS_COLOURS = { truck: "c-truck", car: "c-car", van: "c-van", bus: "c-bus", motorcycle: "c-motorcycle", bicycle: "c-bicycle" };
export const classColour = (label) => colour(CLASS_COLOURS[label] ?? "c-other");

const still = matchMedia("(prefers-reduced-motion: reduce)");

// Draws one chart after the other, so that the page stays responsive.
let queue = Promise.resolve();
const inTurn = (act) => (queue = queue.then(() => new Promise((done) => { setTimeout(done); })).then(act));

// A chart: `draw()` returns { data, layout }; it is redrawn when its size, the theme or its data change.
export class Chart {
  constructor(title, { height = 18, below = null } = {}) {
    this.canvas = el("div", { class: "canvas", role: "img", "aria-label": title });
    this.canvas.style.setProperty("--height", `${height}rem`);
    this.table = el("details", { class: "behind" }, el("summary", {}, "The numbers as a table"));
    this.element = el("figure", { class: "chart", "aria-label": title }, this.canvas, below, this.table);
    this.draw = null;
    this.waiting = null;
    this.rows = null;
    this.handlers = {};
    this.width = 0;
    this.table.addEventListener("toggle", () => this.fillTable());
    this.watch = new ResizeObserver(() => {
      if (this.draw !== null && Math.abs(this.canvas.clientWidth - this.width) > 2) this.paint();
    });
    this.watch.observe(this.canvas);
    this.themed = () => this.paint();
    document.addEventListener("themed", this.themed);
  }

  // `rows()` makes the table when it is opened; `summary` describes the chart in a sentence.
  show(draw, rows, summary) {
    this.draw = draw;
    this.rows = rows;
    if (summary) this.canvas.setAttribute("aria-label", printable(summary));
    this.fillTable();
    return this.paint();
  }

  fillTable() {
    if (this.rows === null || !this.table.open) return;
    this.table.replaceChildren(this.table.firstElementChild, this.rows());
  }

  paint() {
    this.waiting ??= inTurn(() => {
      this.waiting = null;
      return this.paintNow();
    });
    return this.waiting;
  }

  async paintNow() {
    if (this.draw === null) return;
    let Plotly;
    try {
      Plotly = await library();
    } catch (error) {
      this.canvas.textContent = `${error.message}; the numbers are in the table below.`;
      return;
    }
    if (!this.canvas.isConnected || this.draw === null) return;
    this.width = this.canvas.clientWidth;
    const { data, layout } = this.draw();
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    await Plotly.react(this.canvas, data, {
      height: this.canvas.clientHeight,
      width: this.width,
      margin: { l: 3.2 * rem, r: 0.6 * rem, t: 0.4 * rem, b: 2 * rem },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 0.78 * rem, color: colour("soft") },
      hovermode: "x unified",
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("edge"), font: { color: colour("ink"), size: 0.8 * rem } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left", font: { size: 0.78 * rem } },
      transition: still.matches ? { duration: 0 } : undefined,
      dragmode: false,
      ...layout,
    }, { displayModeBar: false, responsive: false, showTips: false, doubleClick: false, scrollZoom: false, });
    this.canvas.dataset.drawn = "true";
    for (const [event, act] of Object.entries(this.handlers)) {
      this.canvas.removeAllListeners(event);
      this.canvas.on(event, act);
    }
  }

  gone() {
    this.watch.disconnect();
    document.removeEventListener("themed", this.themed);
    if (this.canvas.dataset.drawn) plotly()?.purge(this.canvas);
  }
}

export function timeAxis(edges, zone, width, more = {}) {
  const from = edges[0], to = edges.at(-1);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { values, texts } = ticksOf(from, to, zone, Math.max(3, Math.floor(width / (5 * rem))));
  return {
    type: "linear", range: [from, to], tickvals: values, ticktext: texts, tickangle: 0, unifiedhovertitle: { text: " " }, fixedrange: true, showgrid: false, zeroline: false,
    linecolor: colour("edge"), tickcolor: colour("edge"), ticks: "outside", ticklen: 4, ...more,
  };
}
export const countAxis = (more = {}) => ({
  fixedrange: true, gridcolor: colour("grid"), zerolinecolor: colour("axis"), zerolinewidth: 1.5, rangemode: "tozero", ...more,
});

// The greatest absolute value of traces.
export const mostOf = (data) => data.reduce((most, one) => (one.yaxis === "y2" ? most : (one.y ?? []).reduce((a, v) => Math.max(a, Math.abs(v ?? 0)), most)), 4);

// An axis that counts upwards both ways: out above, back below.
export function mirrored(most) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000];
  const step = steps.find((one) => most / one <= 5) ?? most;
  const values = [];
  for (let v = -Math.ceil(most / step) * step; v <= most + step; v += step) values.push(v);
  return countAxis({ range: [-most * 1.08, most * 1.08], tickvals: values, ticktext: values.map((v) => count(Math.abs(v))) });
}

// Whether an interval was watched up to now; its last bucket may be open, or not arrived yet.
export const isWhole = (from, to, share, now) => share > 0.98 || (to > now && (1 - share) * (now - from) < 10 * 60_000);

const middles = (edges) => edges.slice(0, -1).map((edge, i) => (edge + edges[i + 1]) / 2);
const widths = (edges, part = 1) => edges.slice(0, -1).map((edge, i) => part * (edges[i + 1] - edge));

// Steps over the intervals between two rows of values, as closed pieces: null is a gap. `low` null: from zero.
function steps(edges, low, high) {
  const x = [], y = [];
  const isGap = (i) => high[i] === null || high[i] === undefined || (low !== null && (low[i] === null || low[i] === undefined));
  for (let i = 0; i + 1 < edges.length; i += 1) {
    if (isGap(i)) continue;
    const from = i;
    if (x.length) { x.push(null); y.push(null); }
    x.push(edges[from]); y.push(low === null ? 0 : low[from]);
    for (; i + 1 < edges.length && !isGap(i); i += 1) { x.push(edges[i], edges[i + 1]); y.push(high[i], high[i]); }
    if (low === null) { x.push(edges[i]); y.push(0); }
    else for (let k = i - 1; k >= from; k -= 1) { x.push(edges[k + 1], edges[k]); y.push(low[k], low[k]); }
  }
  return { x, y };
}
const area = (outline, fillcolor) => ({ type: "scatter", mode: "lines", ...outline, line: { width: 0 }, fill: "toself", fillcolor, hoverinfo: "skip", hoveron: "points" });

// Invisible points, so that the hover text of an interval is the same everywhere in it.
const saying = (name, x, y, texts) => ({
  type: "scatter", mode: "lines", x, y, line: { width: 0 }, showlegend: false, name: safe(name), customdata: texts, hovertemplate: `%{customdata}<extra>${safe(name)}</extra>`,
});

// The hover text of an interval: its number and watched share, or that it was not watched, or that it is to come.
/**
 * @param {any[]} values @param {number[]} edges @param {number} now @param {number[]} shares
 * @param {(n: number, i: number) => string} say
 */
export function hoverTexts(values, edges, now, shares, say = count) {
  return values.map((n, i) => {
    if (n === null || n === undefined) return edges[i] >= now ? "to come" : NOBODY;
    const watched = shares ? `, watched ${percent(Math.min(1, shares[i]))}` : "";
    return `${say(n, i)}${watched}${isUnfinished(edges, i, now) ? ", not over yet" : ""}`;
  });
}
export const isUnfinished = (edges, i, now) => edges[i] < now && now < edges[i + 1];

// Above this number of intervals bars have no gaps, and are drawn as one outline: a year by the hour is one element
// instead of 9,000. Returns traces. `texts`: hover texts of the intervals, see `hoverTexts`.
export const BARS_MAX = 150;
/**
 * @param {string} name @param {number[]} edges @param {(number | null)[]} values @param {string | string[]} fill
 * @param {{part?: number, sign?: number, texts?: string[] | null, now?: number, [ofPlotly: string]: any}} look
 * @returns {any[]}
 */
export function bars(name, edges, values, fill, { part = 0.86, sign = 1, texts = null, now = 0, ...more } = {}) {
  const x = middles(edges), y = values.map((v) => (v === null ? null : sign * v));
  const isOutline = values.length > BARS_MAX;
  const drawn = isOutline ? { name: safe(name), ...area(steps(edges, null, y), fill), ...more } : {
    name: safe(name), type: "bar", x, y, width: widths(edges, part), hoverinfo: "skip",
    marker: { color: fill, opacity: values.map((_, i) => (isUnfinished(edges, i, now) ? 0.55 : 1)), line: { width: 0 } }, ...more,
  };
  return texts === null ? [drawn] : [drawn, saying(name, x, y.map((v) => v ?? 0), texts)];
}

// Hatched columns: the unwatched share of each interval up to now, from above.
/** @returns {any} */
export function hatched(edges, shares, now) {
  const columns = []; // { from, to, part }; what lies side by side and is the same is one
  edges.slice(0, -1).forEach((from, i) => {
    const share = Math.min(1, shares[i]), to = edges[i + 1];
    if (from >= now || isWhole(from, to, share, now)) return;
    const last = columns.at(-1);
    if (last?.to === from && last.part === 1 - share) last.to = to;
    else columns.push({ from, to, part: 1 - share });
  });
  return {
    type: "bar", name: NOBODY, x: columns.map((of) => (of.from + of.to) / 2), width: columns.map((of) => of.to - of.from),
    y: columns.map((of) => of.part), base: columns.map((of) => 1 - of.part), yaxis: "y2", showlegend: columns.length > 0, hoverinfo: "skip",
    marker: {
      color: "rgba(0,0,0,0)", line: { width: 0 },
      pattern: { shape: "/", size: 7, solidity: 0.28, fgcolor: colour("hatch"), bgcolor: faint(colour("hatch"), 0.07), fillmode: "overlay" },
    },
  };
}
export const hatchAxis = { overlaying: "y", range: [0, 1], visible: false, fixedrange: true };

// A band between two rows of values over the intervals, and the line in the middle, in steps like bars.
export function band(name, edges, low, middle, high, tone, sign = 1) {
  const signed = (values) => values.map((v) => (v === null ? null : sign * v));
  return [
    { ...area(steps(edges, signed(low), signed(high)), faint(tone, 0.16)), name, legendgroup: name, showlegend: sign > 0 },
    { ...line("median", edges, signed(middle), { width: 1.6, color: faint(tone, 0.9), dash: "dot" }), legendgroup: name, showlegend: false },
  ];
}

// A stepped line over the intervals, with a gap at each null.
export function line(name, edges, values, look) {
  const x = [], y = [];
  for (let i = 0; i + 1 < edges.length; i += 1) {
    const v = values[i] ?? null;
    if (v === null && y.length && y.at(-1) !== null) { x.push(edges[i]); y.push(null); }
    if (v !== null) { x.push(edges[i], edges[i + 1]); y.push(v, v); }
  }
  return { type: "scatter", mode: "lines", name: safe(name), x, y, line: look, connectgaps: false, hoverinfo: "skip" };
}
// The same with hover texts.
export const lineSaying = (name, edges, values, look, texts) => [line(name, edges, values, look), saying(name, middles(edges), values.map((v) => v ?? 0), texts)];

// The heading of the hover box: the interval, as an invisible first trace.
/** @returns {any} */
export function headings(edges, zone, interval) {
  return {
    type: "scatter", mode: "lines", x: middles(edges), y: middles(edges).map(() => 0), line: { width: 0 }, showlegend: false,
    text: edges.slice(0, -1).map((edge, i) => intervalOf(edge, edges[i + 1], zone, interval)), hovertemplate: "%{text}<extra></extra>",
  };
}

// Escapes names for Plotly, which interprets some markup in texts.
export const safe = (text) => printable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
