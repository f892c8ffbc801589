// The page of a site: live counts, today compared with past days, classes, balance, queue.

import { get, live } from "./api.js";
import { band, bars, Chart, classColour, colour, countAxis, hatchAxis, hatched, headings, mirrored, mostOf, hoverTexts, timeAxis } from "./charts.js";
import { choice, el, fill, select, table } from "./dom.js";
import { may, number } from "./numbers.js";
import { showQueue } from "./queue.js";
import { usually } from "./usual.js";
import { count, dayOf, decimal, HATCHED, intervalOf, isoDay, percent, signed, span, timeOf, titled, whenOf, zoneOf } from "./words.js";

const DAY = 86_400_000;
const CONVOYS_MAX = 100; // a card of them
const USUAL_MS = 15 * 60_000;
const SINCE = [["1", "today"], ["7", "7 days"], ["28", "28 days"], ["91", "13 weeks"]];

export async function site({ names }) {
  const [name] = names;
  const page = new Site(name);
  await page.refresh();
  return page;
}

class Site {
  // The answers that are shown; see refresh.
  info;
  usual;
  usualAs;
  usualCame;
  hours;
  whole;
  past;
  balances;
  queues;
  convoysToday;
  states;
  now;
  from;
  to;

  constructor(name) {
    this.name = name;
    this.title = titled(name);
    this.label = "all";
    this.since = "28";
    this.today = new Chart("Today, out above and back below, against past days", { height: 21 });
    this.balance = new Chart("Out minus back of each day", { height: 13 });
    this.queue = new Chart("Queue today", { height: 13 });
    this.top = el("div", { class: "head" });
    this.figures = el("section", { class: "figures wide card", "aria-label": "Today in numbers" });
    this.nowBox = el("section", { class: "card now", "aria-label": "Now" });
    this.todayHead = el("div", { class: "card-head" });
    this.classes = el("div", {});
    this.convoys = el("section", { class: "card", hidden: true });
    this.balanceHead = el("div", {});
    this.balanceTable = el("div", {});
    this.queueHead = el("div", {});
    this.queueCard = el("section", { class: "card", hidden: true }, this.queueHead, this.queue.element);
    this.heads = el("section", { class: "card", hidden: true });
    this.nothing = el("p", { class: "card", hidden: true }, "No report has come from here yet. What its devices say arrives here by itself.");
    this.element = el("div", { class: "page" }, this.top, this.nothing, this.figures,
      this.columns = el("div", { class: "columns" },
        el("div", { class: "stack" },
          this.todayCard = el("section", { class: "card" }, this.todayHead, this.today.element),
          this.balanceCard = el("section", { class: "card" }, this.balanceHead, el("div", { class: "halves" }, this.balanceTable,
            el("div", {}, el("h3", {}, "Out minus back, each day"), this.balance.element))),
          this.heads),
        el("div", { class: "stack" }, this.nowBox, this.queueCard, this.convoys,
          this.classesCard = el("section", { class: "card" }, el("h2", {}, "Classes today"), this.classes))));
    this.onLive = () => this.glance();
    document.addEventListener("live", this.onLive);
    this.clock = setInterval(this.onLive, 5_000);
  }

  async refresh() {
    const path = `/sites/${this.name}`;
    const sites = await get("/sites", { site: this.name });
    [this.info] = sites.sites;
    if (this.info === undefined) throw new Error(`there is no site ${this.name}`);
    this.zone = this.info.time_zone;
    const day = (before) => isoDay(sites.now_ms, this.zone, before); // the collector knows where it begins
    const [from, to, since] = [day(0), day(-1), day(Number(this.since) - 1)]; // today is one of them
    const [usual, hours, whole, past, balances, queues, convoys, states] = await Promise.all([
      this.usualOf(from),
      get(`${path}/counts`, { from, to, interval: "hour", by: "site" }),
      get(`${path}/counts`, { from, to, by: "site", whole: true, estimate: true, likely: true }),
      get(`${path}/counts`, { from: day(Math.max(7, Number(this.since)) - 1), to, interval: "day", by: "site" }),
      get(`${path}/balance`, { from: since, likely: true }),
      get(`${path}/queue`, { from, to, interval: "15min" }),
      get(`${path}/convoys`, { from, to, limit: CONVOYS_MAX }),
      may.read ? get("/devices", { site: this.name }) : null,
    ]);
    Object.assign(this, { states, usual, hours, whole, past, balances, queues, convoysToday: convoys, now: hours.now_ms });
    [this.from, this.to] = [hours.edges_ms[0], hours.edges_ms.at(-1)];
    this.fill();
  }

  // Usual counts change slowly, and are requested again rarely.
  async usualOf(date) {
    if (this.usual === undefined || this.usualAs !== date || performance.now() - this.usualCame > USUAL_MS) {
      this.usual = await get(`/sites/${this.name}/usual`, { date });
      [this.usualAs, this.usualCame] = [date, performance.now()];
    }
    return this.usual;
  }

  series(answer, role) {
    return answer.series.find((one) => one.role === role) ?? null;
  }

  // The site's names of out and back, if all lines have the same.
  word(role) {
    const words = new Set(this.info.lines.map((line) => line[role]));
    return words.size === 1 ? [...words][0] : null;
  }

  behind(what, more = {}) {
    const one = this.info.lines.length === 1 ? { device: this.info.lines[0].device, line: this.info.lines[0].line } : {};
    return { site: this.name, from: this.from, to: Math.min(this.now, this.to), zone: this.zone, interval: "day", what, ...one, ...more };
  }

  fill() {
    const { zone } = this;
    fill(this.top, 
      el("div", {}, el("h1", {}, titled(this.name)), el("p", { class: "soft" }, `${whenOf(this.now, zone)}, ${zoneOf(this.now, zone)}`)),
      el("nav", { class: "row", "aria-label": "More of this site" }, el("a", { class: "button", href: `#/history/${this.name}` }, "History"), may.read ? el("a", { class: "button", href: `#/devices/${this.name}` }, "Devices") : null));
    this.nothing.hidden = this.info.first_ms !== null;
    this.figures.hidden = this.columns.hidden = this.info.first_ms === null;
    // a site with zones only has no crossings
    this.zonesOnly = this.info.lines.length === 0 && this.queues.queues.length > 0;
    for (const card of [this.todayCard, this.balanceCard, this.classesCard]) card.hidden = this.zonesOnly;
    this.fillFigures();
    this.fillToday();
    this.fillClasses();
    this.fillBalance();
    this.fillQueue();
    this.fillConvoys();
    this.glance();
  }

  fillFigures() {
    const out = this.series(this.whole, "out"), back = this.series(this.whole, "back");
    const figure = (name, value, under = "") => el("div", { class: "figure" }, el("span", { class: "name" }, name), value, el("span", { class: "under soft" }, under || " "));
    // per hour: an hour that was watched twice does not compensate for another one
    const share = (one) => this.series(this.hours, one?.role)?.total_share ?? 0;
    const hourly = (role) => usually(this.series(this.hours, role), this.usual, role, this.hours.edges_ms, this.now);
    const told = (role) => [this.word(role), hourly(role)].filter(Boolean).join(", ");
    const both = out?.total != null && back?.total != null;
    const queue = this.queues.queues[0];
    const at = queue ? this.lastKnown(queue.standing_end) : -1;
    const trucks = out?.total_counts.truck;
    const last = queue ? this.queues.last.find((one) => one.device === queue.device && one.zone === queue.zone) : undefined;
    const pictures = last?.pictures == null ? "as last reported" : `as last reported, on ${count(last.pictures)} ${last.pictures === 1 ? "picture" : "pictures"}`;
    const lines = this.zonesOnly ? [] : [
      figure(`Out today`, number(out?.total ?? null, share(out), this.behind("Out today", { direction: this.word("out") }), { big: true }), told("out")),
      figure(`Back today`, number(back?.total ?? null, share(back), this.behind("Back today", { direction: this.word("back") }), { big: true }), told("back")),
      figure("Over there", number(both ? out.total - back.total : null, Math.min(share(out), share(back)), this.behind("Out minus back today"), { big: true, text: both ? signed(out.total - back.total) : null }), "since midnight")];
    fill(this.figures, 
      ...lines,
      trucks === undefined ? null : figure("Trucks out", number(trucks, share(out), this.behind("Trucks out today", { direction: this.word("out"), class: "truck" }), { big: true }),
        out.tonnes?.[0] ? `about ${count(Math.round(out.tonnes[0]))} t, an estimate` : ""),
      queue ? figure(`Queue ${queue.zone}`, number(at < 0 ? null : queue.standing_end[at], at < 0 ? 0 : queue.share[at],
        { ...this.behind("Standing in the queue", { device: queue.device }), from: this.queues.edges_ms[Math.max(0, at)], to: this.queues.edges_ms[Math.max(0, at) + 1], interval: "15min" }, { big: true }),
      at >= 0 && queue.wait_p50_ms[at] ? `waited ${span(queue.wait_p50_ms[at])}, nine in ten up to ${span(queue.wait_p90_ms[at])}` : pictures) : null,
      queue ? this.expected(queue) : null,
      queue ? this.hidden(queue) : null,
      this.watched(this.zonesOnly ? this.queueShare() : Math.min(share(out ?? back), share(back ?? out))));
  }

  // The expected wait of a vehicle that joins the queue now, from the last report; nothing if that is old.
  expected(queue) {
    const last = this.queues.last.find((one) => one.device === queue.device && one.zone === queue.zone);
    if (last === undefined || last.expected_p50_ms === null || this.now - last.until_ms > USUAL_MS) return null;
    return el("div", { class: "figure" }, el("span", { class: "name" }, `Expected wait in ${queue.zone}`),
      el("span", { class: "num big" }, el("span", { class: "value" }, span(last.expected_p50_ms))),
      el("span", { class: "under soft" }, `80 %: ${span(last.expected_p10_ms)} to ${span(last.expected_p90_ms)}`));
  }

  // The estimate of hidden vehicles, from the last report; nothing if that is old or if there are certainly none.
  hidden(queue) {
    const last = this.queues.last.find((one) => one.device === queue.device && one.zone === queue.zone);
    if (last === undefined || !last.hidden_likely_p90 || this.now - last.until_ms > USUAL_MS) return null;
    return el("div", { class: "figure" }, el("span", { class: "name" }, `Likely hidden in ${queue.zone}`),
      el("span", { class: "num big" }, el("span", { class: "value" }, `≈ ${count(Math.round(last.hidden_likely_mean))}`)),
      el("span", { class: "under soft" }, `an estimate, not counted; 80 %: ${last.hidden_likely_p10} to ${last.hidden_likely_p90}`));
  }

  // The watched share of the cameras today and now.
  watched(part) {
    const devices = this.states?.devices ?? [];
    const online = devices.filter((one) => one.state === "online").length;
    const words = devices.length === 0 ? "" : online === devices.length ? `${online} of ${online} online`
      : devices.filter((one) => one.state !== "online").map((one) => `${one.device} ${one.state ?? "unknown"}`).join(", ");
    return el("div", { class: "figure" }, el("span", { class: "name" }, "Watched today"),
      el(may.read ? "a" : "span", { class: `num big ${part < 0.9 ? "warn" : ""}`, href: may.read ? `#/devices/${this.name}` : null }, el("span", { class: "value" }, percent(part))),
      el("span", { class: `under ${online === devices.length ? "soft" : "warn"}` }, words || " "));
  }

  // The watched share of today of the zone that was watched least.
  queueShare() {
    const past = this.queues.edges_ms.slice(0, -1).filter((edge) => edge < this.now).length;
    return Math.min(1, ...this.queues.queues.map((one) => one.share.slice(0, past).reduce((sum, part) => sum + part, 0) / Math.max(1, past)));
  }

  lastKnown(values) {
    for (let i = values.length - 1; i >= 0; i -= 1) if (values[i] !== null) return i;
    return -1;
  }

  fillToday() {
    const labels = [...new Set(this.hours.series.flatMap((one) => Object.keys(one.counts)))];
    fill(this.todayHead, 
      el("div", {}, el("h2", {}, "Today"), el("p", { class: "soft" }, this.label === "all"
        ? `Vehicles by the hour. Shaded: p10 to p90 of the last ${this.usual.days} days, dotted: the median.`
        : this.label === "classes" ? "Vehicles by the hour, each class." : `Vehicles by the hour, only ${this.label}.`, ` ${HATCHED} The paler bar is not over yet.`)),
      select("Class", [["all", "all classes"], ["classes", "each class"], ...labels.map((label) => [label, label])], this.label, (value) => {
        this.label = value;
        this.fillToday();
      }));
    const out = this.series(this.hours, "out"), back = this.series(this.hours, "back");
    const of = (one) => (one === null ? [] : this.label === "all" || this.label === "classes" ? one.all : one.counts[this.label] ?? []);
    const { edges_ms: edges } = this.hours;
    const texts = (one) => hoverTexts(of(one), edges, this.now, one.share);
    const bands = this.label === "all" ? this.usual.bands : [];
    const draw = () => {
      const tones = { out: colour("out"), back: colour("back") };
      const data = [headings(edges, this.zone, "hour")];
      for (const one of bands) data.push(...band("usual", this.usual.edges_ms, one.p10, one.p50, one.p90, tones[one.role], one.role === "out" ? 1 : -1));
      for (const [one, sign, name, role] of [[out, 1, this.word("out") ?? "out", "out"], [back, -1, this.word("back") ?? "back", "back"]]) {
        if (one === null) continue;
        if (this.label === "classes") {
          for (const label of labels.filter((label) => one.total_counts[label])) {
            data.push(...bars(label, edges, one.counts[label], classColour(label), { sign, now: this.now, legendgroup: label, showlegend: sign > 0 || !out?.total_counts[label] }));
          }
          data.push(bars(name, edges, one.all, "rgba(0,0,0,0)", { sign, texts: hoverTexts(one.all, edges, this.now, one.share, (_, i) => this.mixOf(one, labels, i)) })[1]);
        } else data.push(...bars(name, edges, of(one), tones[role], { sign, now: this.now, texts: texts(one) }));
      }
      const worst = edges.slice(0, -1).map((_, i) => Math.min(...[out, back].filter(Boolean).map((one) => one.share[i])));
      data.push(hatched(edges, worst, this.now));
      const most = Math.max(mostOf(data), ...(this.label === "classes" ? [...(out?.all ?? []), ...(back?.all ?? [])] : []).map((v) => v ?? 0));
      return { data, layout: {
        barmode: "relative", xaxis: timeAxis(edges, this.zone, this.today.width), yaxis: mirrored(most), yaxis2: hatchAxis,
        shapes: [{ type: "line", x0: this.now, x1: this.now, yref: "paper", y0: 0, y1: 1, line: { color: colour("axis"), width: 1, dash: "dash" } }],
      } };
    };
    const rows = () => table("Today by the hour", ["Hour", { text: "Out", class: "right" }, { text: "Back", class: "right" }, { text: "Usual out", class: "right" }, { text: "Usual back", class: "right" }],
      edges.slice(0, -1).map((edge, i) => [i, edge]).filter(([, edge]) => edge < this.now).map(([i, edge]) => {
        const behind = (role) => ({ ...this.behind(`${role} ${timeOf(edge, this.zone)}`, { direction: this.word(role), ...(["all", "classes"].includes(this.label) ? {} : { class: this.label }) }), from: edge, to: edges[i + 1], interval: "hour" });
        const usual = (role) => this.usual.bands.find((one) => one.role === role)?.p50[i];
        const words = (x) => (x === null || x === undefined ? "–" : decimal(x));
        return [`${intervalOf(edge, edges[i + 1], this.zone)}${i === this.hours.unfinished ? ", not over yet" : ""}`, { class: "right", content: number(of(out)[i], out?.share[i], behind("out")) }, { class: "right", content: number(of(back)[i], back?.share[i], behind("back")) },
          { class: "right", content: words(usual("out")) }, { class: "right", content: words(usual("back")) }];
      }));
    this.today.show(draw, rows, `Today by the hour: ${out?.total ?? "blind"} out, ${back?.total ?? "blind"} back so far.`);
  }

  // The classes of an interval as text.
  mixOf(one, labels, i) {
    return labels.filter((label) => one.counts[label]?.[i]).map((label) => `${count(one.counts[label][i])} ${label}`).join(", ") || "0";
  }

  fillClasses() {
    const out = this.series(this.whole, "out"), back = this.series(this.whole, "back");
    const labels = [...new Set([...Object.keys(out?.total_counts ?? {}), ...Object.keys(back?.total_counts ?? {})])];
    const sum = (label) => (out?.total_counts[label] ?? 0) + (back?.total_counts[label] ?? 0);
    labels.sort((a, b) => sum(b) - sum(a));
    const all = Math.max(1, labels.reduce((total, label) => total + sum(label), 0));
    const mix = (label) => {
      const bar = el("span", { class: "mix", "aria-hidden": "true" });
      bar.style.setProperty("--share", String(sum(label) / all));
      bar.style.setProperty("--tone", classColour(label));
      return [bar, el("span", { class: "soft" }, percent(sum(label) / all))];
    };
    const likely = (label) => [["out", out], ["back", back]].map(([role, one]) => [role, one?.likely?.classes[label]]).filter(([, of]) => of).map(([role, [low, high]]) => `${role} ${count(low)} to ${count(high)}`).join(", ") || "–";
    const cell = (one, role, label) => ({ class: "right", content: number(one?.total_counts[label] ?? null, this.series(this.hours, role)?.total_share, this.behind(`${label}, ${role}`, { direction: this.word(role), class: label })) });
    fill(this.classes, table("Classes today", ["Class", { text: "Out", class: "right" }, { text: "Back", class: "right" }, { text: "Over there", class: "right" }, { text: "95 %, names only", class: "right" }, "Part of all"],
      labels.map((label) => {
        const [o, b] = [out?.total_counts[label], back?.total_counts[label]];
        return [label, cell(out, "out", label), cell(back, "back", label), { class: "right", content: o == null || b == null ? "–" : signed(o - b) }, { class: "right", content: likely(label) }, { content: mix(label), class: "mixed" }];
      })));
  }

  fillBalance() {
    const lines = this.balances.balances;
    fill(this.balanceHead, 
      el("div", { class: "card-head" }, el("div", {}, el("h2", {}, "Over there"), el("p", { class: "soft" }, "Out minus back, as counted: who went and has not come back. One 95 % interval is about the vehicles of time that nobody watched, and the other about wrong names. Vehicles that were missed or counted twice are in neither.")),
        choice("Since", SINCE, this.since, async (value) => {
          this.since = value;
          await this.refresh();
        })));
    fill(this.balanceTable, lines.map((one) => {
      const words = (of) => (of.low === null ? "unknown: too little was watched" : `${signed(Math.round(of.low))} to ${signed(Math.round(of.high))}`);
      const behind = (what, more) => ({ site: this.name, device: one.device, line: one.line, from: one.from_ms, to: one.to_ms, zone: this.zone, what, ...more });
      const labels = Object.keys(one.classes).filter((label) => one.classes[label].out || one.classes[label].back);
      const row = (name, of, more) => [name,
        { class: "right", content: number(of.out, one.share, behind(`${name} ${one.out}`, { direction: one.out, ...more })) },
        { class: "right", content: number(of.back, one.share, behind(`${name} ${one.back}`, { direction: one.back, ...more })) },
        { class: "right strong", content: of.balance === null ? "blind" : signed(of.balance) }, { class: "right", content: words(of) }, { class: "right", content: named(name) }];
      const named = (label) => (one.likely.balance[label] ? one.likely.balance[label].map(signed).join(" to ") : "–");
      return el("div", {}, lines.length > 1 ? el("h3", {}, [one.device, one.line].filter(Boolean).join(" · ")) : null,
        table(`Balance over ${one.line}`, ["Class", { text: one.out, class: "right" }, { text: one.back, class: "right" }, { text: "Over there", class: "right" }, { text: "95 %, unwatched time only", class: "right" }, { text: "95 %, names only", class: "right" }],
          [row("all", one.all, {}), ...labels.map((label) => row(label, one.classes[label], { class: label }))]),
        one.likely.reason ? el("p", { class: "soft" }, `No interval for names: ${one.likely.reason}.`) : null);
    }));
    const { edges_ms: edges } = this.past;
    const out = this.series(this.past, "out"), back = this.series(this.past, "back");
    if (out === null || back === null) return;
    const each = edges.slice(0, -1).map((_, i) => (out.all[i] === null || back.all[i] === null ? null : out.all[i] - back.all[i]));
    const shares = each.map((_, i) => Math.min(out.share[i], back.share[i]));
    this.balance.show(() => ({
      data: [headings(edges, this.zone, "day"),
        ...bars("out minus back", edges, each, each.map((n) => colour(n !== null && n < 0 ? "back" : "out")), { now: this.now, texts: hoverTexts(each, edges, this.now, shares, signed), showlegend: false }),
        hatched(edges, shares, this.now)],
      layout: { barmode: "relative", xaxis: timeAxis(edges, this.zone, this.balance.width), yaxis: countAxis({ rangemode: "normal" }), yaxis2: hatchAxis },
    }), () => table("Out minus back by day", ["Day", { text: "Out", class: "right" }, { text: "Back", class: "right" }, { text: "Difference", class: "right" }],
      each.map((n, i) => {
        const behind = (what, role) => ({ ...this.behind(`${what} ${dayOf(edges[i], this.zone)}`, { direction: this.word(role) }), from: edges[i], to: edges[i + 1] });
        return [`${dayOf(edges[i], this.zone)}${i === this.past.unfinished ? ", not over yet" : ""}`, { class: "right", content: number(out.all[i], out.share[i], behind("Out", "out")) },
          { class: "right", content: number(back.all[i], back.share[i], behind("Back", "back")) }, { class: "right", content: n === null ? "–" : signed(n) }];
      }).reverse()), "Out minus back of each day.");
  }

  fillQueue() {
    const zones = this.queues.queues;
    this.queueCard.hidden = zones.length === 0;
    if (zones.length === 0) return;
    showQueue(this.queue, this.queueHead, {
      answer: this.queues, title: "Queue today", of: "quarter of an hour", interval: "15min", now: this.now,
      behind: (zone, from, to) => ({ ...this.behind("Standing in the queue", { device: zone.device }), from, to, interval: "15min" }),
    });
  }

  // The convoys.
  fillConvoys() {
    const { convoys, more } = this.convoysToday;
    this.convoys.hidden = convoys.length === 0;
    const several = new Set(convoys.map((one) => one.device)).size > 1;
    const many = { bus: "buses" };
    const vehicles = (one) => Object.entries(one.by_class).map(([label, n]) => `${count(n)} ${n === 1 ? label : many[label] ?? `${label}s`}`).join(", ");
    const edges = (one) => [["before", one.began], ["after", one.ended]].flatMap(([side, edge]) =>
      edge === "unwatched" ? [`not watched ${side}`] : edge === "limit" ? [`more ${side}`] : []).join(", ");
    fill(this.convoys, el("h2", {}, "Convoys today"), el("p", { class: "soft" }, `Vehicles that crossed one soon after the other.${more ? ` The first ${count(convoys.length)}.` : ""} Where the time before or after was not watched, a convoy may be longer.`),
      table("Convoys today", ["When", "Direction", { text: "Vehicles", class: "right" }, "Headways"],
        convoys.map((one) => [
          [`${timeOf(one.since_ms, this.zone)} to ${timeOf(one.until_ms, this.zone)}`, edges(one) ? el("span", { class: "soft" }, ` ${edges(one)}`) : ""],
          `${one.direction} over ${one.line}${several ? ` (${one.device})` : ""}`,
          { class: "right", content: vehicles(one) }, `half up to ${span(one.gap_p50_ms)}, all to ${span(one.gap_max_ms)}`])));
  }

  // The open bucket of every device of the site: a preview, not counted yet.
  glance() {
    const here = [...live.entries()].filter(([key, one]) => key.startsWith(`${this.name}/`) && performance.now() - one.came < 60_000);
    const rows = here.sort().map(([, one]) => el("div", { class: "live-device", "data-device": one.device },
      el("h3", {}, one.device, el("span", { class: "soft" }, ` as of ${timeOf(Date.parse(one.as_of), this.zone)}:${one.as_of.slice(17, 19)}`)),
      one.lines === null ? el("p", { class: "blind" }, `Blind: ${one.blind || "nothing can be seen"}.`)
        : Object.entries(one.lines).map(([line, ways]) => el("dl", { class: "live" },
          Object.entries(ways).map(([way, classes]) => {
            const sum = Object.values(classes).reduce((a, b) => a + b, 0);
            const kinds = Object.entries(classes).filter(([, n]) => n > 0).map(([label, n]) => `${n} ${label}`).join(", ");
            return [el("dt", {}, `${line}, ${way}`, kinds ? `: ${kinds}` : ""), el("dd", {}, el("strong", {}, String(sum)))];
          }),
          [el("dt", {}, "in view"), el("dd", {}, el("strong", {}, String(one.in_view)))],
          Object.entries(one.standing).map(([zone, n]) => [el("dt", {}, `standing in ${zone}`), el("dd", {}, el("strong", {}, String(n)))])))));
    fill(this.nowBox, el("div", { class: "card-head" }, el("h2", {}, "Now"), el("span", { class: "soft" }, "what has crossed in the bucket that is open")),
      rows.length ? el("div", { class: "live-all" }, rows) : el("p", { class: "soft" }, "No device says what it sees at this moment."));
  }

  close() {
    document.removeEventListener("live", this.onLive);
    clearInterval(this.clock);
    for (const chart of [this.today, this.balance, this.queue]) chart.gone();
  }

  shown() {
    for (const chart of [this.today, this.balance, this.queue]) chart.paint();
    this.compareDevices();
  }

  async compareDevices() {
    if (!may.read || !this.info.places.length) return;
    let found;
    try {
      found = await get(`/sites/${this.name}/head-to-head`, { from: this.from - 7 * DAY, interval: "hour" });
    } catch { // the rest of the page does without
      return;
    }
    this.heads.hidden = found.pairs.length === 0;
    const behind = (one, which) => {
      const [device, line] = which.split("/");
      return { site: this.name, device, line, direction: one.direction, from: this.from - 7 * DAY, to: this.now, zone: this.zone, what: `${which}, ${one.direction}` };
    };
    const pairs = Map.groupBy(found.pairs, (one) => `${one.first} and ${one.second}`);
    fill(this.heads, el("h2", {}, "Devices head to head"), el("p", { class: "soft" }, "The last 7 days, by the hour, where both watched."),
      [...pairs].map(([names, of]) => [el("h3", {}, `${of[0].place}: ${names}`),
        table(`${names}, head to head`, ["Direction", { text: "First", class: "right" }, { text: "Second", class: "right" }, { text: "Ratio", class: "right" }, { text: "Equal hours", class: "right" }],
          of.map((one) => [one.direction, { class: "right", content: number(one.first_total, null, behind(one, one.first)) },
            { class: "right", content: number(one.second_total, null, behind(one, one.second)) },
            { class: "right", content: one.ratio === null ? "–" : percent(one.ratio) }, { class: "right", content: `${count(one.intervals_equal)} of ${count(one.intervals)}` }]))]));
  }
}
