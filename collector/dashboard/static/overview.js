// The overview page: all sites with today's counts out and back, the balance, the queues, and the state of the cameras.

import { get, live } from "./api.js";
import { isUnfinished, isWhole } from "./charts.js";
import { byId, el, fill, pages } from "./dom.js";
import { number } from "./numbers.js";
import { usually } from "./usual.js";
import { ago, count, HATCHED, intervalOf, NOBODY, percent, printable, signed, span, timeOf, titled, zoneOf } from "./words.js";

export async function overview({ query: asked }) {
  const after = asked.get("after");
  const grid = el("div", { class: "sites" });
  const more = el("nav", { class: "row", "aria-label": "More sites", hidden: true });
  const nobody = el("p", { class: "card soft" }, "No device has reported yet. What they say arrives here by itself.");
  const element = el("div", { class: "page" },
    el("div", { class: "head" }, el("h1", {}, "Overview"), el("p", { class: "soft" }, `Vehicles today so far, in the time of each site. ${HATCHED}`)),
    grid, more);
  const cards = new Map();
  const usual = new Map();
  let found = null;

  async function refresh() {
    found = await get("/overview", { after });
    if (byId("panel").open) return; // what had the focus has it again when that closes, and then all is renewed
    for (const one of found.sites) {
      if (!cards.has(one.site)) cards.set(one.site, el("article", { class: "card site", "aria-labelledby": `site-${one.site}` }));
      fillCard(cards.get(one.site), one, found.now_ms, usual.get(one.site));
    }
    const shown = found.total === 0 ? [nobody] : found.sites.map((one) => cards.get(one.site));
    if (shown.length !== grid.children.length || shown.some((card, i) => card !== grid.children[i])) grid.replaceChildren(...shown);
    const to = found.before + found.sites.length;
    pages(more, "sites", "#/", after, found.next, to > found.before ? `${count(found.before + 1)} to ${count(to)} of ${count(found.total)} sites` : "There are no more sites.");
  }

  const onLive = (event) => {
    const card = cards.get(event.detail.site);
    if (card) glance(card.querySelector(".glance"), event.detail.site);
  };
  document.addEventListener("live", onLive);
  await refresh();
  return {
    element,
    title: "Overview",
    refresh,
    close: () => document.removeEventListener("live", onLive),
    async shown() { // what is usual takes longer: one site after the other
      for (const { site } of found.sites) {
        if (!element.isConnected) return;
        try {
          usual.set(site, await get(`/sites/${site}/usual`));
        } catch {
          continue;
        }
        const one = found.sites.find((now) => now.site === site); // it may have been renewed meanwhile
        if (one && !byId("panel").open) fillCard(cards.get(site), one, found.now_ms, usual.get(site));
      }
    },
  };
}

function fillCard(card, one, now, usual) {
  const zone = one.time_zone;
  const of = (role) => one.series.find((series) => series.role === role) ?? null;
  const out = of("out"), back = of("back");
  const behind = (series, what) => (series === null ? null
    : { site: one.site, from: one.from_ms, to: Math.min(now, one.to_ms), zone, interval: "day", what });
  const watched = one.series.length ? Math.min(1, ...one.series.map((series) => series.total_share)) : null;
  const both = out !== null && back !== null && out.total !== null && back.total !== null;
  fill(card, 
    el("div", { class: "card-head" },
      el("h2", { id: `site-${one.site}` }, el("a", { href: `#/site/${one.site}` }, titled(one.site))),
      el("span", { class: "soft" }, `${timeOf(now, zone)} ${zoneOf(now, zone)}`)),
    one.series.length === 0 ? null : el("div", { class: "figures" },
      figure("Out today", number(out?.total ?? null, out?.total_share, behind(out, "Out today"), { big: true }), out && usually(out, usual, "out", one.edges_ms, now)),
      figure("Back today", number(back?.total ?? null, back?.total_share, behind(back, "Back today"), { big: true }), back && usually(back, usual, "back", one.edges_ms, now)),
      figure("Over there", number(both ? out.total - back.total : null, both ? Math.min(out.total_share, back.total_share) : null, behind(out, "Out minus back today"),
        { big: true, text: both ? signed(out.total - back.total) : null }), "since midnight")),
    one.series.length ? strip(one, out, back, now) : el("p", { class: "soft" }, one.zones.length ? "Queues alone are watched here." : "No report has come from here yet."),
    el("div", { class: "chips" },
      states(one, now),
      watched === null ? null : el("span", { class: `chip ${watched < 0.9 ? "warn" : ""}` }, `watched ${percent(watched)} of today`),
      one.zones.map((queue) => el("span", { class: "chip" }, queue.standing === null ? `Queue ${queue.zone}: blind`
        : `Queue ${queue.zone}: ${count(queue.standing)}${queue.wait_p50_ms ? `, waited ${span(queue.wait_p50_ms)}` : ""}`)),
      el("span", { class: "glance chip", hidden: true })));
  glance(card.querySelector(".glance"), one.site);
}

const figure = (name, value, note) => el("div", { class: "figure" }, el("span", { class: "name" }, name), value, el("span", { class: "under soft" }, note || " "));

// The hours of today: darker means more vehicles, hatched means not watched; with a table for screen readers.
function strip(one, out, back, now) {
  const most = Math.max(1, ...[out, back].flatMap((series) => series?.all ?? []).map((n) => n ?? 0));
  const zone = one.time_zone;
  const row = (series, name, role) => el("tr", {}, el("th", { scope: "row" }, name),
    one.edges_ms.slice(0, -1).map((edge, i) => {
      const n = series?.all[i] ?? null, share = series?.share[i] ?? 0;
      const come = edge < now && !(n === null && isWhole(edge, one.edges_ms[i + 1], share, now)); // or just begun
      const words = `${intervalOf(edge, one.edges_ms[i + 1], zone)}: ${!come ? "to come" : n === null ? `${NOBODY} (0 %)` : `${count(n)} ${name}, watched ${percent(Math.min(1, share))}${isUnfinished(one.edges_ms, i, now) ? ", not over yet" : ""}`}`;
      const cell = el("td", { class: `cell ${role}${!come ? " later" : n === null ? " unseen-hour" : isWhole(edge, one.edges_ms[i + 1], share, now) ? "" : " part"}`, title: words },
        el("span", { class: "unseen" }, !come ? "–" : n === null ? "blind" : count(n)));
      cell.style.setProperty("--level", String(n === null ? 0 : n / most));
      cell.style.setProperty("--share", String(Math.min(1, share)));
      return cell;
    }));
  const hours = one.edges_ms.slice(0, -1).map((edge, i) => el("th", { scope: "col", class: i % 6 === 0 ? "mark" : "" },
    i % 6 === 0 ? timeOf(edge, zone).slice(0, 2) : el("span", { class: "unseen" }, timeOf(edge, zone))));
  return el("table", { class: "strip" }, el("caption", { class: "unseen" }, `Today by the hour at ${titled(one.site)}`),
    el("thead", {}, el("tr", {}, el("td", {}), hours)),
    el("tbody", {}, row(out, "out", "out"), row(back, "back", "back")));
}

function states(one, now) {
  if (one.devices === null) return [];
  const late = one.last_ms === null ? null : now - one.last_ms;
  const chips = [];
  if (one.online) chips.push(el("span", { class: "chip good" }, `${one.online} watching`));
  if (one.degraded) chips.push(el("span", { class: "chip warn" }, `${one.degraded} degraded`));
  if (one.offline) chips.push(el("span", { class: "chip bad" }, `${one.offline} offline`));
  if (one.missing) chips.push(el("a", { class: "chip warn", href: "#/devices" }, `${count(one.missing)} reports missing`));
  if (one.ahead) chips.push(el("a", { class: "chip warn", href: `#/devices/${one.site}` }, `${count(one.ahead)} ${one.ahead === 1 ? "report" : "reports"} ahead of the clock, not counted`));
  if (one.early) chips.push(el("a", { class: "chip warn", href: `#/devices/${one.site}` }, `${count(one.early)} ${one.early === 1 ? "report" : "reports"} of before 2016`));
  if (late !== null && late > 15 * 60_000) chips.push(el("span", { class: "chip warn" }, `last report ${ago(one.last_ms, now)}`));
  return chips;
}

function glance(box, site) {
  const here = [...live.values()].filter((one) => one.site === site && performance.now() - one.came < 60_000);
  box.hidden = here.length === 0;
  if (here.length === 0) return;
  const seeing = here.filter((one) => one.lines !== null);
  box.classList.toggle("blind", seeing.length === 0);
  box.textContent = printable(seeing.length === 0 ? `now: blind (${here[0].blind || "nothing to be seen"})`
    : `now: ${count(Math.max(...seeing.map((one) => one.in_view)))} in view`);
}
