// A number with its watched share and a link to its reports: the first click lists them, the second shows one. There is no
// number if the time was not watched.

import { get } from "./api.js";
import { byId, el, fill, table } from "./dom.js";
import { count, intervalOf, NOBODY, percent, timeOf, whenOf, zoneOf } from "./words.js";

// `of`: { site, device, line, direction, class, from, to, zone, interval, what } for the evidence; null: no link.
/** @param {any} value @param {any} share @param {any} of @param {{big?: boolean, text?: string | null}} look `text` stands instead of the value */
export function number(value, share, of, { big = false, text = null } = {}) {
  const blind = value === null || value === undefined;
  const shown = blind ? "blind" : (text ?? count(value));
  const watched = share === null || share === undefined ? "" : `watched ${percent(Math.min(1, share))} of the time`;
  const bar = el("span", { class: "bar", "aria-hidden": "true" }, el("span", {}));
  bar.style.setProperty("--share", String(Math.min(1, share ?? 0)));
  const classes = `num${big ? " big" : ""}${blind ? " blind" : ""}`;
  const inside = [el("span", { class: "value" }, shown), watched ? bar : null];
  const title = [of?.what, blind ? NOBODY : shown, watched].filter(Boolean).join(": ");
  if (of === null || !may.read) return el("span", { class: classes, title }, inside);
  return el("button", { type: "button", class: classes, title: `${title}. Show the reports`, "aria-label": `${title}. Show the reports`, onclick: () => evidence(of, shown, share) }, inside);
}

export const may = { read: false, pictures: false, acknowledge: false, operate: false };

// The panel of reports behind a number.
export async function evidence(of, shown, share) {
  const panel = byId("panel");
  const body = el("div", { class: "panel-body" }, el("p", { class: "soft wait" }, "Looking for the reports …"));
  const where = [of.site, of.device, of.line, of.direction, of.class].filter(Boolean).join(" · ");
  fill(panel, 
    el("div", { class: "panel-head" },
      el("div", {},
        el("h2", { id: "panel-title", tabindex: "-1" }, `${of.what ?? "Reports"}: ${shown}`),
        el("p", { class: "soft" }, where),
        el("p", { class: "soft" }, `${intervalOf(of.from, of.to, of.zone, of.interval)}, ${zoneOf(of.from, of.zone)}`)),
      el("button", { type: "button", class: "quiet", onclick: () => panel.close(), "aria-label": "Close" }, "✕")),
    body);
  if (!panel.open) panel.showModal();
  byId("panel-title").focus();
  try {
    await page(body, of, share, 0);
  } catch (error) {
    fill(body, el("p", { class: "bad" }, error.message));
  }
}

async function page(body, of, share, after) {
  const query = { from: of.from, to: of.to, device: of.device, line: of.device ? of.line : null, direction: of.direction, class: of.class, after, limit: 50 };
  const found = await get(`/sites/${of.site}/evidence`, query);
  const devices = new Set(found.ranges.map((one) => one.device));
  const raw = el("div", { class: "raw", "aria-live": "polite" });
  const rows = found.page.map((one) => [
    el("button", { type: "button", class: "link", onclick: (event) => show(event, raw, one, of.zone) }, `${one.run} ${one.seq}`),
    whenOf(one.start_ms, of.zone),
    one.device,
    { class: "right", content: percent(one.watched_ms / one.width_ms) },
    { class: one.state, content: one.state },
    { class: "right", content: one.counted !== null ? count(one.counted) : one.kept ? "blind" : "–" },
  ]);
  fill(body, 
    el("p", {}, found.reports === 0
      ? "No report says anything about this time: the camera was off, or its reports have not come."
      : `${count(found.reports)} report${found.reports === 1 ? "" : "s"} of ${[...devices].join(" and ")}. Open one to see it as it came.`),
    devices.size > 1 ? el("p", { class: "soft" }, "Several devices watch this line; of each interval, the one that watched most is taken.") : null,
    rows.length ? table("Reports behind the number", ["Report", "Bucket", "Device", { text: "Watched", class: "right" }, "State", { text: "Counted", class: "right" }], rows) : null,
    el("div", { class: "row" },
      after > 0 ? el("button", { type: "button", onclick: () => page(body, of, share, Math.max(0, after - 50)) }, "Earlier reports") : null,
      found.next === null ? null : el("button", { type: "button", onclick: () => page(body, of, share, found.next) }, "Later reports")),
    raw);
}

async function show(event, raw, one, zone) {
  fill(raw, el("p", { class: "soft wait" }, "Reading …"));
  for (const button of raw.parentElement.querySelectorAll("button.link")) button.removeAttribute("aria-current");
  event.currentTarget.setAttribute("aria-current", "true");
  try {
    const found = await get(`/reports/${one.site}/${one.device}/${one.run}/${one.seq}`);
    fill(raw, 
      el("h3", {}, `Report ${one.run} ${one.seq}`),
      el("p", { class: "soft" }, `came ${whenOf(found.received_ms, zone)}:${String(Math.floor(found.received_ms / 1000) % 60).padStart(2, "0")}; bucket from ${timeOf(one.start_ms, zone)}`),
      found.report === null ? el("p", {}, "The message of this report is kept no more; its numbers are.")
        : el("pre", { tabindex: "0" }, JSON.stringify(found.report, null, 2)));
    raw.scrollIntoView({ block: "nearest" });
  } catch (error) {
    fill(raw, el("p", { class: "bad" }, error.message));
  }
}
