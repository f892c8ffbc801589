// The devices page: status, watched time, missing reports and requests to send them again.

import { get, post } from "./api.js";
import { el, fill, notice, pages, table } from "./dom.js";
import { evidence, may } from "./numbers.js";
import { ago, count, dayOf, NOBODY, percent, span, titled, whenOf, zoneOf } from "./words.js";

const WEEKS = 8;
const PAGE = 100; // devices
const CALENDARS_MS = 60_000; // days change slowly, and there is a question for each site

export async function devices({ names, query }) {
  const page = new Devices(names[0] ?? null, query.get("after"));
  await page.refresh();
  return page;
}

class Devices {
  constructor(only, after) {
    this.only = only;
    this.after = after;
    this.calendarsCame = -Infinity;
    this.title = only ? `Devices of ${titled(only)}` : "Devices";
    this.all = el("section", { class: "card" });
    this.more = el("nav", { class: "row", "aria-label": "More devices", hidden: true });
    this.calendars = el("section", { class: "card" });
    this.gaps = el("section", { class: "card" });
    this.refused = el("section", { class: "card" });
    this.faults = el("section", { class: "card", role: "alert", hidden: true });
    this.element = el("div", { class: "page" }, el("div", { class: "head" }, el("h1", {}, this.title), only ? el("a", { class: "button", href: "#/devices" }, "All devices") : null), this.faults, this.all, this.more, this.calendars, this.gaps, this.refused);
  }

  async refresh() {
    if (this.calendars.contains(document.activeElement)) return; // somebody walks through the days
    const [found, gaps, refused, faults] = await Promise.all([get("/devices", { site: this.only, after: this.after, limit: PAGE }), get("/gaps", { site: this.only }), get("/refusals", { site: this.only, limit: 20 }), get("/faults")]);
    this.now = found.now_ms;
    this.found = found.devices;
    this.fillAll();
    pages(this.more, "devices", this.only ? `#/devices/${this.only}` : "#/devices", this.after, found.next, `${count(this.found.length)} devices on this page`);
    this.fillGaps(gaps);
    this.fillRefused(refused);
    this.fillFaults(faults.faults);
    if (performance.now() - this.calendarsCame > CALENDARS_MS) await this.fillCalendars();
  }

  fillAll() {
    const now = this.now;
    if (this.found.length === 0) {
      fill(this.all, el("p", { class: "soft" }, "No device has been heard yet."));
      return;
    }
    const state = (one) => el("span", { class: `chip ${{ online: "good", degraded: "warn", offline: "bad" }[one.state] ?? ""}`, title: one.reason }, one.state ?? "unknown");
    fill(this.all, el("h2", {}, "Status"), el("p", { class: "soft" }, "Late: from the end of the last bucket until its report was stored, and the worst of a day. Missing: not come yet, and asked for. Gone: the device holds them no more. Ahead: reports of a time that has not come by this collector's clock; they are in no number here until it has, and `crossing-collector ahead` sets them aside, as it does reports of before 2016, by a clock that was not set."), table("Devices",
      ["Device", "State", "Last report", "Heard", { text: "Late", class: "right" }, { text: "Worst", class: "right" }, "Clock", "Ahead", { text: "Missing", class: "right" }, { text: "Gone", class: "right" }, "Says"],
      this.found.map((one) => [
        el("span", {}, el("span", { class: "soft" }, `${titled(one.site)} `), el("strong", {}, one.device)),
        state(one),
        one.last_report_end_ms === null ? "never" : `${whenOf(one.last_report_end_ms, one.time_zone)} ${zoneOf(one.last_report_end_ms, one.time_zone).replace(/.*\(|\)/g, "")}`,
        ago(one.heard_ms, now),
        { class: "right", content: span(one.late_ms) }, { class: "right", content: span(one.worst_late_ms) },
        one.clock_synced === false ? el("span", { class: "warn" }, "not set") : one.clock_ahead_ms > 0 ? el("span", { class: "warn" }, `${span(one.clock_ahead_ms)} ahead`) : "right",
        implausible(one),
        { class: "right", content: one.missing ? el("strong", {}, count(one.missing)) : "0" }, { class: "right", content: count(one.gone) },
        one.reason || [one.model, one.version].filter(Boolean).join(", ") || "–",
      ]), { class: "full" }),
    this.identity(), this.health());
  }

  identity() {
    const said = this.found.flatMap((one) => one.identity.map((sentence) => `${titled(one.site)}: ${sentence}`));
    return said.length ? el("ul", { class: "identity warn", "aria-label": "Who reports under these names" }, said.map((sentence) => el("li", {}, sentence))) : null;
  }

  health() {
    const said = this.found.filter((one) => one.health || one.dropped !== null);
    if (said.length === 0) return null;
    const of = (health, key, words) => (!health || health[key] === null || health[key] === undefined ? "–" : words(health[key]));
    return el("details", {}, el("summary", {}, "Health messages"), table("Health", ["Device", "As of", { text: "Frames/s", class: "right" }, { text: "Inference p95", class: "right" }, { text: "Temperature", class: "right" }, { text: "Outbox", class: "right" }, { text: "Disk free", class: "right" }, "Camera", "Lost unsent", { text: "Held no more", class: "right" }],
      said.map((one) => [`${titled(one.site)} ${one.device}`, ago(one.health_ms, this.now),
        { class: "right", content: of(one.health, "frames_per_second", (x) => x.toFixed(1)) }, { class: "right", content: of(one.health, "inference_ms_p95", (x) => `${Math.round(x)} ms`) },
        { class: "right", content: of(one.health, "temperature_c", (x) => `${Math.round(x)} °C`) }, { class: "right", content: of(one.health, "outbox_unsent", count) },
        { class: "right", content: of(one.health, "disk_free_mb", (x) => `${count(Math.round(x))} MB`) }, one.health ? one.health.camera || one.health.blind || "well" : "–", lost(one), { class: "right", content: one.forgotten === null ? "–" : count(one.forgotten) }])));
  }

  async fillCalendars() {
    this.calendars.hidden = this.found.length === 0;
    const here = new Set(this.found.map((one) => `${one.site}/${one.device}`));
    const sites = [...new Set(this.found.map((one) => one.site))];
    const from = this.now - (WEEKS * 7 - 1) * 86_400_000;
    const parts = await Promise.all(sites.map((site) => get(`/sites/${site}/coverage`, { from, interval: "day" })));
    this.calendarsCame = performance.now();
    fill(this.calendars, el("h2", {}, "When they watched"),
      el("p", { class: "soft legend" }, "A cell is a day of the site. ", key("full", "watched"), key("half", "in part"), key("blind-day", `${NOBODY}: blind`), key("silent-day", `${NOBODY}: no report`)),
      parts.flatMap((found) => found.covers.filter((one) => here.has(`${one.site}/${one.device}`)).map((one) => this.calendar(one, found))));
  }

  calendar(cover, found) {
    const zone = found.time_zone;
    const cells = cover.watched.map((share, i) => {
      const [from, to] = [found.edges_ms[i], found.edges_ms[i + 1]];
      const kind = share > 0.98 ? "full" : share < 0.02 ? (cover.blind[i] > cover.silent[i] ? "blind-day" : "silent-day") : "half";
      const words = `${dayOf(from, zone)}: watched ${percent(Math.min(1, share))}, blind ${percent(Math.min(1, cover.blind[i]))}, no report ${percent(Math.min(1, cover.silent[i]))}`;
      const cell = el("button", { type: "button", class: `day ${kind}`, title: words, "aria-label": words, tabindex: i === 0 ? "0" : "-1",
        onclick: () => evidence({ site: cover.site, device: cover.device, from, to, zone, interval: "day", what: "Watched" }, percent(Math.min(1, share)), share) });
      cell.style.setProperty("--share", String(Math.min(1, share)));
      return cell;
    });
    const row = el("div", { class: "days", role: "toolbar", "aria-label": `Days of ${cover.device}, use the arrow keys`, onkeydown: (event) => {
      const at = cells.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: cells.length - 1 }[event.key];
      if (to === undefined || !cells[to]) return;
      event.preventDefault();
      cells[at].tabIndex = -1;
      cells[to].tabIndex = 0;
      cells[to].focus();
    } }, cells);
    const since = cover.watched.slice(Math.max(0, cover.reports.findIndex((n) => n > 0))); // it may be newer than these weeks
    const mean = since.reduce((a, b) => a + Math.min(1, b), 0) / Math.max(1, since.length);
    return el("div", { class: "calendar" }, el("div", { class: "who" }, el("span", { class: "soft" }, `${titled(cover.site)} `), el("strong", {}, cover.device), el("span", { class: "soft" }, ` watched ${percent(mean)}`)), row,
      el("div", { class: "soft ends" }, el("span", {}, dayOf(found.edges_ms[0], zone)), el("span", {}, `${dayOf(found.edges_ms.at(-2), zone)}, ${zone}`)));
  }

  fillFaults(found) {
    this.faults.hidden = found.length === 0;
    fill(this.faults, el("h2", {}, "The collector itself has trouble"), table("Trouble of the collector", ["Part", "At", "Since", { text: "Times", class: "right" }, "Why"],
      found.map((one) => [one.part, one.subject, ago(one.since_ms, this.now), { class: "right", content: count(one.times) }, one.reason])));
  }

  fillRefused(found) {
    const who = (one) => el("span", {}, el("span", { class: "soft" }, `${titled(one.site)} `), el("strong", {}, one.device || "unknown"));
    fill(this.refused, el("h2", {}, "Refused messages"), found.looked_at === 0 ? el("p", { class: "soft" }, "Nothing was refused.") : [
      el("p", { class: "soft" }, `What a device sent and was not taken is in no number here. Of the ${count(found.looked_at)} newest that are kept:`),
      table("Refusals by reason", ["Device", { text: "Times", class: "right" }, "Why"], found.counts.map((one) => [who(one), { class: "right", content: count(one.times) }, one.reason])),
      el("details", {}, el("summary", {}, "The newest"), table("Newest refusals", ["Device", "Channel", "Came", "Why"], found.refusals.map((one) => [who(one), one.channel, ago(one.received_ms, this.now), one.reason])))]);
  }

  fillGaps(found) {
    const missing = found.gaps.filter((one) => !one.gone), gone = found.gaps.filter((one) => one.gone);
    const zones = new Map(this.found.map((one) => [one.site, one.time_zone]));
    const again = (one) => {
      const button = el("button", { type: "button", class: "small", onclick: async () => {
        button.disabled = true;
        try {
          const said = await post(`/devices/${one.site}/${one.device}/resend`, { journal: one.journal, first: one.first, last: one.last });
          notice(said.heard ? `${one.device} is being asked for ${count(said.reports)} reports.` : `${one.device} has not been heard lately; it is asked for ${count(said.reports)} reports once it is back.`, "good");
        } catch (error) {
          button.disabled = false;
          notice(`${error.message}.`);
        }
      } }, "Ask again now");
      return may.operate ? button : "–";
    };
    const rows = [...missing, ...gone].map((one) => [
      el("span", {}, el("span", { class: "soft" }, `${titled(one.site)} `), el("strong", {}, one.device)),
      one.first === one.last ? String(one.first) : `${one.first} to ${one.last}`,
      { class: "right", content: count(one.reports) },
      whenOf(one.since_ms, zones.get(one.site) ?? "UTC"),
      one.gone ? "the device holds them no more" : one.asked === 0 ? "not asked for yet" : `asked ${one.asked}×, last ${ago(one.asked_ms, this.now)}`,
      one.gone ? "" : again(one)]);
    fill(this.gaps, el("h2", {}, "Missing reports"), rows.length ? table("Missing reports", ["Device", "Numbers", { text: "Reports", class: "right" }, "Missed since", "Asked", ""], rows)
      : el("p", { class: "soft" }, "Nothing is missing: every report that a device numbered is here."));
  }
}

function lost(one) {
  if (one.dropped === null) return "–";
  const before = Object.entries(one.health?.letters ?? {}).filter(([, of]) => of?.lost_before > 0);
  const found = Object.entries({ report: one.dropped, ...one.letters_lost }).filter(([, number]) => number > 0).map(([kind, number]) => `${kind} ${count(number)}`);
  if (found.length === 0) return "nothing";
  const end = before.length ? ` (when the last process ended: ${before.map(([kind, of]) => `${kind} ${count(of.lost_before)}`).join(", ")})` : "";
  return el("span", { class: "warn" }, `${found.join(", ")}${end}`);
}

function implausible(one) {
  const found = [];
  if (one.ahead) found.push(`${count(one.ahead)}, up to ${whenOf(one.ahead_to_ms, one.time_zone)}`);
  if (one.early) found.push(`${count(one.early)} of before 2016`);
  if (found.length) return el("span", { class: "warn" }, found.join("; "));
  return one.set_aside ? `${count(one.set_aside)} set aside` : "0";
}

const key = (kind, text) => el("span", { class: "key" }, el("span", { class: `day ${kind}`, "aria-hidden": "true" }), text);
