// The history page: out above, back below, an overview to select a span, a comparison with an earlier span, and exports.

import { address, get, whole } from "./api.js";
import { bars, Chart, colour, countAxis, faint, hatchAxis, hatched, headings, lineSaying, mirrored, mostOf, hoverTexts, timeAxis } from "./charts.js";
import { el, fill, select, table } from "./dom.js";
import { number } from "./numbers.js";
import { showQueue } from "./queue.js";
import { count, decimal, HATCHED, intervalOf, isoDay, NOBODY, percent, printable, signed, titled, whenOf, zoneOf } from "./words.js";

const DAY = 86_400_000;
const INTERVALS = [["minute", "minute"], ["5min", "5 minutes"], ["15min", "15 minutes"], ["hour", "hour"], ["day", "day"], ["week", "week"], ["month", "month"], ["year", "year"]];
const LENGTHS = { minute: 60_000, "5min": 300_000, "15min": 900_000, hour: 3_600_000, day: DAY, week: 7 * DAY, month: 30 * DAY, year: 365 * DAY };
const COMPARE = [["", "nothing"], ["before", "the span before"], ["day", "a day before"], ["week", "a week before"], ["4weeks", "4 weeks before"], ["year", "a year before"]];
const PRESETS = [["1", "Today"], ["7", "7 days"], ["28", "28 days"], ["91", "13 weeks"], ["365", "Year"], ["all", "All"]];
const ROWS = 100;
const INTERVALS_MAX = 10_000; // of one answer: a year by the hour
const OTHER = "site:"; // before the name of a site to compare with

// Extends a span to the edges of its intervals.
/** @type {(span: number[], edges: any) => [any, any]} The span in whole intervals, of which there is one at least. */
const widened = ([from, to], edges) => [edges.findLast((edge) => edge <= from) ?? edges[0], edges.find((edge) => edge >= to) ?? edges.at(-1)];

// The changes of models and configuration of a device as texts, without its first entry; newest last.
function changesOf(changes) {
  const found = [];
  changes.forEach((one, i) => {
    const last = changes[i - 1];
    if (!last || last.device !== one.device) return;
    const named = one.naming ? `${one.model} + ${one.naming}` : one.model;
    const words = one.names_anew ? `${one.device} names vehicles with ${named}, before with ${one.before}` : one.configuration !== last.configuration ? `${one.device} has another configuration` : `${one.device} runs version ${one.version}, before ${last.version}`;
    found.push({ at_ms: one.at_ms, words, anew: one.names_anew });
  });
  return found.sort((a, b) => a.at_ms - b.at_ms);
}
const marksOf = (marks) => ({
  shapes: marks.map((one) => ({ type: "line", x0: one.at_ms, x1: one.at_ms, yref: "paper", y0: 0, y1: 1, line: { color: colour("ink"), width: one.anew ? 2 : 1, dash: one.anew ? "dash" : "dot" } })),
  annotations: marks.map((one, i) => ({ x: one.at_ms, yref: "paper", y: 1, yanchor: "bottom", text: String(i + 1), showarrow: false, font: { color: colour("ink") } })),
});

export async function history({ names, query }) {
  const sites = await whole("/sites", "sites", { limit: 1_000 });
  if (sites.sites.length === 0) throw new Error("no device has reported yet");
  const page = new History(sites, names[0] ?? sites.sites[0].site, query);
  await page.refresh();
  return page;
}

class History {
  // The answers that are shown; see refresh.
  found;
  whole;
  queues;
  changes;
  all;
  now;
  turn = 0;

  constructor(sites, name, query) {
    this.sites = sites;
    this.info = sites.sites.find((one) => one.site === name);
    if (this.info === undefined) throw new Error(`there is no site ${name}`);
    this.title = `History of ${titled(name)}`;
    this.name = name;
    this.zone = this.info.time_zone;
    /** @type {any} Milliseconds; null until the first answer says what is shown. */
    this.from = Number(query.get("from")) || null;
    /** @type {any} */
    this.to = Number(query.get("to")) || null;
    this.every = query.get("interval") ?? "auto";
    this.scheme = query.get("scheme") ?? "own";
    this.compare = query.get("compare") ?? "";
    this.label = query.get("class") ?? "all";
    this.line = query.get("line") ?? "";
    this.preset = this.from === null ? "28" : "";
    this.chart = new Chart("Counts over time", { height: 22 });
    this.extent = new Chart("All that there is, by day", { height: 6 });
    this.extent.table.hidden = true;
    this.controls = el("div", { class: "card controls" });
    this.sums = el("div", { class: "figures wide card" });
    this.queue = new Chart("Queue over time", { height: 13 });
    this.queueHead = el("div", {});
    this.queueCard = el("section", { class: "card", hidden: true }, this.queueHead, this.queue.element);
    this.rows = el("section", { class: "card" });
    const empty = this.info.first_ms === null;
    this.element = el("div", { class: "page" },
      el("div", { class: "head" }, el("div", {}, el("h1", {}, "History"), (this.under = el("p", { class: "soft" })))),
      this.controls, empty ? el("p", { class: "card" }, "No report has come from here yet.") : this.sums,
      el("section", { class: "card" }, this.chart.element, (this.marks = el("ol", { class: "soft marks", "aria-label": "Changes of model and configuration" })),
        el("div", { class: "row" },
          [["Earlier", -1, 1], ["Later", 1, 1], ["Closer", 0, 0.5], ["Wider", 0, 2]].map(([text, by, times]) => el("button", { type: "button", class: "small", onclick: () => this.move(by, times) }, text)),
          el("p", { class: "soft" }, `Or drag: over the chart to look closer, over the strip below to choose from all that there is. ${HATCHED}`)),
        this.extent.element),
      this.queueCard, this.rows);
    this.chart.handlers.plotly_relayout = (event) => {
      if (event["xaxis.range[0]"] !== undefined) this.choose(...widened([event["xaxis.range[0]"], event["xaxis.range[1]"]], this.found.edges_ms));
    };
    this.extent.handlers.plotly_selected = (event) => {
      if (event?.range?.x) this.choose(...widened(event.range.x, this.all.edges_ms));
    };
  }

  choose(from, to) {
    const least = 15 * 60_000;
    if (to - from < least) [from, to] = [(from + to) / 2 - least / 2, (from + to) / 2 + least / 2];
    this.from = Math.round(from / 60_000) * 60_000;
    this.to = Math.round(to / 60_000) * 60_000;
    this.preset = "";
    this.every = "auto";
    this.change();
  }

  // Moves by half a span, or zooms around the middle, within the available time; usable without a mouse.
  move(by, times) {
    const [first, last] = [this.info.first_ms ?? this.from, Math.max(this.now, this.to)];
    const length = Math.min(times * (this.to - this.from), last - first);
    const middle = (this.from + this.to) / 2 + by * (this.to - this.from) / 2;
    const from = Math.max(first, Math.min(middle - length / 2, last - length));
    this.choose(from, from + length);
  }

  change(more = {}) {
    Object.assign(this, more);
    const query = new URLSearchParams({ from: this.from ?? "", to: this.to ?? "", interval: this.every, scheme: this.scheme, compare: this.compare, class: this.label, line: this.line });
    for (const [key, value] of [...query]) if (value === "" || value === "auto" || value === "own" || value === "all") query.delete(key);
    window.history.replaceState(null, "", `#/history/${this.name}?${query}`);
    this.refresh().catch((error) => fill(this.sums, el("p", { class: "bad" }, error.message)));
  }

  get then() {
    return this.other ? titled(this.other) : "then";
  }

  get other() {
    return this.compare.startsWith(OTHER) ? this.compare.slice(OTHER.length) : null;
  }

  get interval() {
    if (this.fits(this.every)) return this.every;
    const length = this.to - this.from;
    return ["5min", "15min", "hour", "day", "week", "month"].find((one) => this.fits(one) && length / LENGTHS[one] <= 260) ?? "year";
  }

  // Intervals shorter than the reports would look mostly unwatched.
  fits(interval) {
    return LENGTHS[interval] >= (this.info.width_ms ?? 0);
  }

  query(more = {}) {
    return { from: this.from, to: this.to, interval: this.interval, by: this.line ? "place" : "site", line: this.line || null, scheme: this.scheme, limit: INTERVALS_MAX, ...more };
  }

  async refresh() {
    if (this.preset) {
      const day = await get(`/sites/${this.name}/usual`, { days: 3 });
      this.to = day.edges_ms.at(-1);
      this.from = this.preset === "all" ? this.info.first_ms ?? day.edges_ms[0] : day.edges_ms[0] - (Number(this.preset) - 1) * DAY;
      const days = Math.ceil((day.edges_ms[0] - (this.info.first_ms ?? this.from)) / DAY); // there is no more
      if (this.preset !== "all") this.from = Math.max(this.from, day.edges_ms[0] - Math.max(0, days) * DAY);
    }
    const path = `/sites/${this.name}/counts`;
    const turn = (this.turn += 1);
    const compare = this.other ? "" : this.compare;
    const against = this.other ?? null;
    const [found, whole, queues, models] = await Promise.all([
      get(path, this.query({ compare, against })),
      get(path, this.query({ compare, against, whole: true, estimate: true })),
      get(`/sites/${this.name}/queue`, { from: this.from, to: this.to, interval: this.interval, limit: INTERVALS_MAX }),
      get(`/sites/${this.name}/models`),
    ]);
    if (turn !== this.turn) return;
    Object.assign(this, { found, whole, queues, now: found.now_ms });
    this.changes = changesOf(models.changes);
    this.fill();
    if (!this.all) {
      this.all = await get(path, { interval: this.now - (this.info.first_ms ?? this.now) > 800 * DAY ? "week" : "day", by: "site" });
      this.fillExtent();
    }
  }

  role(answer, role) {
    return answer.series.find((one) => one.role === role) ?? null;
  }

  values(one) {
    if (one === null) return [];
    return this.label === "all" ? one.all : one.counts[this.label] ?? one.all.map(() => null);
  }

  total(one) {
    if (one === null) return null;
    return this.label === "all" ? one.total : one.total_counts[this.label] ?? null;
  }

  word(role) {
    const words = new Set(this.info.lines.map((line) => line[role]));
    return words.size === 1 ? [...words][0] : null;
  }

  behind(what, role, from, to, interval = this.interval) {
    return { site: this.name, line: this.line, direction: this.word(role), class: this.label === "all" || this.scheme !== "own" ? null : this.label, from, to: Math.min(to, this.now), zone: this.zone, interval, what };
  }

  fill() {
    const { zone } = this;
    this.under.textContent = printable(`${titled(this.name)}, ${whenOf(this.from, zone)} to ${whenOf(this.to, zone)}, ${zoneOf(this.from, zone)}`);
    const labels = [...new Set(this.found.series.flatMap((one) => Object.keys(one.counts)))];
    if (this.label !== "all" && !labels.includes(this.label)) this.label = "all";
    const lines = [...new Set([...this.info.lines.map((one) => one.line), ...this.info.places])];
    const dates = (key, text) => {
      const field = el("input", { type: "date", value: isoDay(key === "to" ? this.to - 1 : this.from, zone), onchange: async () => {
        if (!field.value) return;
        // the collector knows where a day of this zone begins
        const day = await get(`/sites/${this.name}/usual`, { date: field.value, days: 3 });
        this.change({ preset: "", [key]: key === "to" ? day.edges_ms.at(-1) : day.edges_ms[0] });
      } });
      return el("label", { class: "field" }, el("span", {}, text), field);
    };
    const formats = [["xlsx", "Excel"], ["csv", "CSV"], ["jsonl", "JSON lines"], ["parquet", "Parquet"], ["arrow", "Arrow"], ["xlsx", "Totals (Excel)", "totals"], ["xlsx", "Balance (Excel)", "balance"]];
    fill(this.controls, 
      select("Site", this.sites.sites.map((one) => [one.site, titled(one.site)]), this.name, (value) => { location.hash = `#/history/${value}`; }),
      el("div", { class: "choice", role: "group", "aria-label": "Span" }, PRESETS.map(([of, text]) => el("button", { type: "button", "aria-pressed": String(this.preset === of), onclick: () => this.change({ preset: of, every: "auto" }) }, text))),
      dates("from", "From"), dates("to", "Through"),
      select("Interval", [["auto", `auto: ${this.interval}`], ...INTERVALS.filter(([one]) => this.fits(one))], this.every, (every) => this.change({ every })),
      lines.length > 1 ? select("Line", [["", "all lines"], ...lines.map((one) => [one, one])], this.line, (line) => this.change({ line })) : null,
      select("Class", [["all", "all"], ...labels.map((one) => [one, one])], this.label, (label) => this.change({ label })),
      select("Scheme", this.sites.schemes.map((one) => [one, one]), this.scheme, (scheme) => this.change({ scheme, label: "all" })),
      select("Compare with", [...COMPARE, ...this.sites.sites.filter((one) => one.site !== this.name).map((one) => [OTHER + one.site, titled(one.site)])], this.compare, (compare) => this.change({ compare })),
      el("div", { class: "field" }, el("span", {}, "Download"), el("div", { class: "row" }, formats.map(([format, text, rows]) => el("a", { class: "button", download: true, href: address(`/sites/${this.name}/export`, this.query({ by: "place", limit: null, format, rows, class: this.label === "all" ? null : this.label })) }, text)))));
    this.fillSums();
    this.fillChart();
    this.fillQueue();
    this.fillRows();
  }

  fillSums() {
    const soFar = this.whole.unfinished === null ? "" : " so far";
    const figure = (name, role) => {
      const one = this.role(this.whole, role);
      return el("div", { class: "figure" }, el("span", { class: "name" }, `${name}${soFar}`), number(this.total(one), this.role(this.found, role)?.total_share, this.behind(name, role, this.from, this.to, null), { big: true }),
        el("span", { class: "under soft" }, this.whole.earlier ? this.compared(role) : this.word(role) ?? " "));
    };
    const out = this.role(this.whole, "out"), back = this.role(this.whole, "back");
    const both = this.total(out) !== null && this.total(back) !== null;
    const estimates = this.label === "all" && out?.estimates ? Object.values(out.estimates).map((of) => of[0]).filter((x) => x !== null).reduce((a, b) => a + b, 0) : null;
    fill(this.sums, figure("Out", "out"), figure("Back", "back"),
      el("div", { class: "figure" }, el("span", { class: "name" }, `Over there${soFar}`), number(both ? this.total(out) - this.total(back) : null, Math.min(out?.total_share ?? 0, back?.total_share ?? 0), this.behind("Out minus back", null, this.from, this.to, null), { big: true, text: both ? signed(this.total(out) - this.total(back)) : null }), el("span", { class: "under soft" }, "out minus back")),
      estimates !== null && out.total_share < 0.98 ? el("div", { class: "figure" }, el("span", { class: "name" }, "Out, estimated"), el("span", { class: "num big estimate" }, el("span", { class: "value" }, `≈ ${count(Math.round(estimates))}`)), el("span", { class: "under soft" }, "scaled to unseen time: no count")) : null,
      out?.tonnes?.[0] != null && this.label === "all" ? el("div", { class: "figure" }, el("span", { class: "name" }, "Load out"), el("span", { class: "num big estimate" }, el("span", { class: "value" }, `≈ ${count(Math.round(out.tonnes[0]))} t`)), el("span", { class: "under soft" }, "an estimate by class")) : null);
  }

  // Compares the span with another one: the same hours, as far as both were watched.
  compared(role) {
    const found = this.whole.comparison?.find((one) => one.role === role);
    const of = this.label === "all" ? found?.all : found?.classes[this.label];
    if (!of) return `${this.then}: nothing to compare`;
    if (found.reason !== null) return `not compared: ${found.reason}`;
    if (of.then === null) return `not compared: ${NOBODY}`;
    const change = of.change === null ? "" : `, ${of.change >= 0 ? "▲" : "▼"} ${decimal(Math.abs(100 * of.change))} %`;
    return `in the hours that both watched ${count(Math.round(of.now))}, ${this.then} ${count(Math.round(of.then))}${change}`;
  }

  fillChart() {
    const { edges_ms: edges, earlier } = this.found;
    const out = this.role(this.found, "out"), back = this.role(this.found, "back");
    const draw = () => {
      const tones = { out: colour("out"), back: colour("back") };
      const data = [headings(edges, this.zone, this.interval)];
      const rows = [[out, 1, "out"], [back, -1, "back"]].filter(([one]) => one !== null);
      for (const [one, sign, role] of rows) {
        const values = this.values(one);
        data.push(...bars(this.word(role) ?? role, edges, values, tones[role], { sign, now: this.now, texts: hoverTexts(values, edges, this.now, one.share) }));
      }
      if (earlier) {
        const shift = this.other ? 0 : edges[0] - earlier.edges_ms[0];
        for (const [, sign, role] of rows) {
          const then = this.role(earlier, role);
          if (then === null) continue;
          const values = this.values(then);
          const look = { color: colour("ink"), width: 1.5, dash: sign > 0 ? "solid" : "dot" };
          data.push(...lineSaying(`${this.word(role) ?? role}, ${this.then}`, earlier.edges_ms.map((edge) => edge + shift), values.map((n) => (n === null ? null : sign * n)), look, hoverTexts(values, earlier.edges_ms, this.now, then.share)));
        }
      }
      data.push(hatched(edges, edges.slice(0, -1).map((_, i) => Math.min(...rows.map(([one]) => one.share[i]))), this.now));
      const most = mostOf(data);
      const marks = this.marked(edges);
      return { data, layout: { ...marksOf(marks), dragmode: "zoom", barmode: "relative", bargap: 0, xaxis: timeAxis(edges, this.zone, this.chart.width, { fixedrange: false }), yaxis: mirrored(most), yaxis2: hatchAxis } };
    };
    this.chart.show(draw, () => el("p", { class: "soft" }, "The numbers are in the table at the end of this page."),
      `${titled(this.name)} by ${this.interval}: ${this.total(this.role(this.whole, "out")) ?? "blind"} out, ${this.total(this.role(this.whole, "back")) ?? "blind"} back.`);
    this.chart.table.hidden = true;
    fill(this.marks, this.marked(edges).map((one, i) => el("li", { value: i + 1 }, `${whenOf(one.at_ms, this.zone)}: ${one.words}`)));
    if (this.all) this.fillExtent();
  }

  // The changes of model and configuration in the chart, by number.
  marked(edges) {
    return this.changes.filter((one) => edges[0] < one.at_ms && one.at_ms < edges.at(-1));
  }

  fillQueue() {
    this.queueCard.hidden = this.queues.queues.length === 0;
    if (this.queueCard.hidden) return;
    const of = INTERVALS.find(([one]) => one === this.interval)?.[1];
    showQueue(this.queue, this.queueHead, {
      answer: this.queues, title: "Queue", of, interval: this.interval, now: this.now,
      behind: (zone, from, to) => ({ site: this.name, device: zone.device, from, to: Math.min(to, this.now), zone: this.zone, interval: this.interval, what: "Standing in the queue" }),
    });
  }

  fillExtent() {
    const { edges_ms: edges } = this.all;
    const out = this.role(this.all, "out"), back = this.role(this.all, "back");
    if (out === null || edges.length < 3) return;
    const sums = out.all.map((n, i) => (n === null && (back?.all[i] ?? null) === null ? null : (n ?? 0) + (back?.all[i] ?? 0)));
    this.extent.show(() => ({
      data: [{ ...bars("out and back", edges, sums, faint(colour("accent"), 0.75), { part: 1, now: this.now, showlegend: false })[0], selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: 1 } } },
        { ...hatched(edges, out.share, this.now), showlegend: false }],
      layout: { hovermode: false, dragmode: "select", selectdirection: "h", barmode: "overlay", xaxis: timeAxis(edges, this.zone, this.extent.width), yaxis: countAxis({ nticks: 3 }), yaxis2: hatchAxis,
        selections: [], shapes: [{ type: "rect", x0: Math.max(this.from, edges[0]), x1: Math.min(this.to, edges.at(-1)), yref: "paper", y0: 0, y1: 1, fillcolor: faint(colour("accent"), 0.14), line: { color: colour("accent"), width: 1.5 } }] },
    }), null, "All that there is, by day; the span shown is marked.");
  }

  fillRows(shown = ROWS) {
    const { edges_ms: edges } = this.found;
    const out = this.role(this.found, "out"), back = this.role(this.found, "back");
    const come = edges.slice(0, -1).map((edge, i) => [i, edge]).filter(([, edge]) => edge < this.now).reverse();
    const cell = (one, role, i) => ({ class: "right", content: number(one === null ? null : this.values(one)[i], one?.share[i], this.behind(role, role, edges[i], edges[i + 1])) });
    fill(this.rows, el("h2", {}, "The numbers"),
      table("Counts over time", [titled(this.interval), { text: "Out", class: "right" }, { text: "Back", class: "right" }, { text: "Out minus back", class: "right" }, { text: "Watched", class: "right" }],
        come.slice(0, shown).map(([i, edge]) => {
          const [o, b] = [this.values(out)[i] ?? null, this.values(back)[i] ?? null];
          return [`${intervalOf(edge, edges[i + 1], this.zone, this.interval)}${i === this.found.unfinished ? ", not over yet" : ""}`, cell(out, "out", i), cell(back, "back", i), { class: "right", content: o === null || b === null ? "–" : signed(o - b) }, { class: "right", content: percent(Math.min(1, out?.share[i] ?? 0)) }];
        })),
      come.length > shown ? el("button", { type: "button", onclick: () => this.fillRows(shown + 5 * ROWS) }, `Show more (${count(come.length - shown)} left)`) : null,
      this.found.next_from_ms === null ? null : el("p", { class: "soft" }, "There is more than one answer holds: choose a longer interval, or download."));
  }

  close() {
    for (const chart of [this.chart, this.queue, this.extent]) chart.gone();
  }

  shown() {
    for (const chart of [this.chart, this.queue, this.extent]) chart.paint();
  }
}
