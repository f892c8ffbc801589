// The alerts page: each alert has its reason, links to its reports, and can be acknowledged.

import { address, get, post } from "./api.js";
import { choice, el, fill, notice, select } from "./dom.js";
import { evidence, may } from "./numbers.js";
import { ago, count, decimal, span, titled, whenOf, zoneOf } from "./words.js";

const WHOLE = { blind: "Whole site blind", silent: "Whole site silent" };
const KINDS = {
  first: "First in a long time", likely: "Likely first: please look", surge: "Surge", drop: "Drop", cessation: "Nothing comes any more", resumption: "Comes again", queue: "Long queue", convoy: "Convoy",
  balance: "Balance off", blind: "Camera blind", silent: "Device silent", clock: "Clock wrong", outbox: "Outbox growing", identity: "Another device of this name",
};
const kindOf = (one) => (one.device || !(one.kind in WHOLE) ? KINDS[one.kind] ?? one.kind : WHOLE[one.kind]);
const CLASSES = ["car", "van", "truck", "bus", "motorcycle", "bicycle"];
const GRAVE = new Set(["blind", "silent", "clock", "outbox", "identity"]);

export async function alerts({ query }) {
  const page = new Alerts(query.get("site"));
  await page.refresh();
  return page;
}

class Alerts {
  constructor(only) {
    this.only = only;
    this.title = "Alerts";
    this.pending = true;
    this.drafts = new Map(); // unsaved notes by the id of the alert, since the list is refreshed meanwhile
    this.list = el("div", { class: "alerts" });
    this.head = el("div", { class: "row" });
    this.more = el("div", { class: "row" });
    this.element = el("div", { class: "page" }, el("div", { class: "head" }, el("div", {}, el("h1", {}, only ? `Alerts of ${titled(only)}` : "Alerts"), el("p", { class: "soft" }, "To look at: what is not over, and what nobody has noted yet.")), this.head), this.list, this.more);
  }

  async refresh() {
    if (this.list.contains(document.activeElement) && document.activeElement?.matches("input")) return; // a note is being written
    const found = await get("/alerts", { site: this.only, pending: this.pending ? "true" : null, limit: 50 });
    this.now = found.now_ms;
    fill(this.head, choice("Which", [[true, "To look at"], [false, "All"]], this.pending, (value) => {
      this.pending = value;
      this.refresh();
    }));
    fill(this.list, found.alerts.map((one) => this.card(one)));
    if (found.alerts.length === 0) fill(this.list, el("p", { class: "card soft" }, this.pending ? "No alert is open, and all that there were have been noted." : "There has been no alert yet."));
    this.page(found.next);
  }

  page(next) {
    fill(this.more, (next === null ? [] : [el("button", { type: "button", onclick: async () => {
      const found = await get("/alerts", { site: this.only, pending: this.pending ? "true" : null, before: next, limit: 50 });
      this.list.append(...found.alerts.map((one) => this.card(one)));
      this.page(found.next);
    } }, "Older alerts")]));
  }

  card(one) {
    const zone = one.time_zone;
    const about = [one.device, one.line, one.direction, one.label, one.zone].filter(Boolean).join(" · ");
    const figures = Object.entries(one.figures).filter(([, value]) => value !== null);
    const ranges = one.evidence.map((of) => el("button", { type: "button", class: "link", onclick: () => evidence(
      { site: of.site, device: of.device, from: of.from_ms, to: of.to_ms, zone, what: kindOf(one), line: one.line, direction: one.direction, class: one.label === "all" ? null : one.label }, `${count(of.reports)} reports`, null) },
    `${of.device}, ${count(of.reports)} report${of.reports === 1 ? "" : "s"}`));
    const card = el("article", { class: `card alert ${one.open || !one.acknowledged ? "pending" : "over"} ${GRAVE.has(one.kind) ? "grave" : "news"}`, "aria-labelledby": `alert-${one.id}`, "data-id": one.id },
      el("div", { class: "card-head" },
        el("h2", { id: `alert-${one.id}` }, el("span", { class: `chip ${GRAVE.has(one.kind) ? "bad" : "warn"}` }, kindOf(one)), " ", el("a", { href: `#/site/${one.site}` }, titled(one.site)), el("span", { class: "soft" }, about ? ` ${about}` : "")),
        el("span", { class: "soft" }, `${whenOf(one.at_ms, zone)} ${zoneOf(one.at_ms, zone)}, ${ago(one.at_ms, this.now)}`)),
      el("p", { class: "reason" }, one.reason),
      one.ending ? el("p", { class: "soft" }, `Over: ${one.ending}`) : null,
      one.picture ? el("img", { class: "evidence", src: address(`/alerts/${one.id}/picture`), alt: "What the camera saw", loading: "lazy" }) : null,
      el("div", { class: "row" },
        ranges.length ? el("span", {}, el("span", { class: "soft" }, "Reports: "), ranges.slice(0, 4), ranges.length > 4 ? el("span", { class: "soft" }, ` and ${ranges.length - 4} more ranges`) : null) : null,
        figures.length ? el("details", {}, el("summary", {}, "Figures"), el("dl", { class: "figures-list" }, figures.map(([name, value]) => [el("dt", {}, words(name)), el("dd", {}, figureText(name, value, zone))]))) : null),
      this.verdicts(one),
      this.note(one));
    return card;
  }

  // The verdicts on the vehicle of an alert, and the buttons to give one; the last one of a person is valid.
  verdicts(one) {
    if (!["first", "likely"].includes(one.kind) || !one.label) return null;
    const plain = (name) => name.replaceAll("-", " ");
    const label = plain(one.label);
    const told = { yes: `a ${label}`, no: `no ${label}`, "nothing-there": "nothing there" };
    const named = (said) => told[said] ?? `a ${plain(said)}`;
    const say = async (said) => {
      try {
        await post("/verdicts", { alert: one.id, said });
        await this.refresh();
      } catch (error) {
        notice(`${error.message}.`);
      }
    };
    const others = CLASSES.filter((name) => name !== one.label);
    return el("div", { class: "row verdicts" },
      may.acknowledge ? [el("span", {}, `Was it a ${label}?`),
        el("div", { class: "choice", role: "group", "aria-label": `Was it a ${label}?` },
          [["yes", "Yes"], ["no", "No"], ["nothing-there", "Nothing was there"]].map(([said, text]) => el("button", { type: "button", onclick: () => say(said) }, text))),
        select("It was", [["", "another class"], ...others.map((name) => [name, `a ${plain(name)}`])], "", (said) => said && say(said))] : null,
      one.verdicts.map((of) => el("span", { class: "soft verdict" }, `${of.by}: ${named(of.said)}`)));
  }

  note(one) {
    if (one.acknowledged) return el("p", { class: "soft taken" }, `Noted by ${one.acknowledged.by}, ${ago(one.acknowledged.at_ms, this.now)}${one.acknowledged.note ? `: ${one.acknowledged.note}` : "."}`);
    if (!may.acknowledge) return el("p", { class: "soft" }, "Nobody has taken note yet.");
    const field = el("input", { type: "text", maxlength: "2000", id: `note-${one.id}`, placeholder: "a note, if you like", value: this.drafts.get(one.id), oninput: () => this.drafts.set(one.id, field.value) });
    return el("form", { class: "row", onsubmit: async (event) => {
      event.preventDefault();
      try {
        const now = await post(`/alerts/${one.id}/acknowledge`, { note: field.value });
        this.list.querySelector(`[data-id="${one.id}"]`).replaceWith(this.card(now));
      } catch (error) {
        notice(`${error.message}.`);
      }
    } }, el("label", { class: "unseen", for: `note-${one.id}` }, "Note"), field, el("button", {}, "Acknowledge"));
  }
}

const words = (name) => titled(name.replaceAll("_", "-").replace(/-(ms|share|minutes)$/, ""));
function figureText(name, value, zone) {
  if (typeof value !== "number") return String(value);
  if (name.endsWith("_ms")) return value > 1e11 ? whenOf(value, zone) : span(value);
  if (name.endsWith("_share")) return `${Math.round(100 * value)} %`;
  return Number.isInteger(value) ? count(value) : decimal(value);
}
