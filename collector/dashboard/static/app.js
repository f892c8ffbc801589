// The frame of the dashboard: login, navigation, theme, and refreshing on new reports.

import { get, leave, listen, post, silence } from "./api.js";
import { chartsAt, library } from "./charts.js";
import { byId, el, notice } from "./dom.js";
import { may } from "./numbers.js";
import { overview } from "./overview.js";
import { span } from "./words.js";

const load = (name) => import(name).catch(() => { throw new Error("the collector does not answer"); });
const PAGES = {
  "": { title: "Overview", open: async () => overview },
  site: { title: "Site", open: async () => (await load("./site.js")).site },
  history: { title: "History", open: async () => (await load("./history.js")).history },
  devices: { title: "Devices", open: async () => (await load("./devices.js")).devices, scope: "read" },
  alerts: { title: "Alerts", open: async () => (await load("./alerts.js")).alerts, scope: "read" },
};
const WAIT_PER_MS = 10; // when reports come, a page waits so many times as long as its last renewal took,
const WAIT_MS = [1_000, 10_000]; // within these bounds: a busy collector is asked less often
const LOST_MS = 5_000;
const CHOOSING_MS = 15_000; // a field that was touched so lately is not renewed under the hand
const QUIET_MS = 60_000; // and if none come, it is renewed so often: time goes on

let me = null;
let page = null; // the page shown: { element, refresh(), close() }
let turn = 0;

async function go() {
  const mine = (turn += 1);
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...names] = path.split("/").map(decodeURIComponent);
  const found = PAGES[name] ?? PAGES[""];
  byId("panel").close();
  delete byId("main").dataset.page;
  mark(name);
  try {
    const open = await found.open();
    const next = await open({ names, query: new URLSearchParams(query), me });
    if (mine !== turn) {
      next.close?.();
      return;
    }
    page?.close?.();
    page = next;
    byId("main").replaceChildren(page.element);
    byId("main").dataset.page = PAGES[name] && name ? name : "overview";
    page.shown?.();
    document.title = `${page.title ?? found.title} – Crossing monitor`;
    if (document.activeElement?.closest("nav")) byId("main").focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) return enter();
    page?.close?.();
    page = { element: null, refresh: go }; // try again when something comes
    byId("main").replaceChildren(el("p", { class: "card bad", role: "alert" }, `This page could not be shown: ${error.message}.`));
  }
}

function mark(name) {
  const nav = byId("nav");
  const links = Object.entries(PAGES).filter(([key, one]) => key !== "site" && (!one.scope || may[one.scope]));
  nav.replaceChildren(...links.map(([key, one]) => el("a", {
    href: `#/${key}`, "aria-current": key === name || (key === "" && name === "site") ? "page" : null, id: key === "alerts" ? "nav-alerts" : null,
  }, one.title)));
  nav.hidden = false;
  fillBadge().catch(() => {}); // repeated with the next update
}

let refreshing = null;
let last = performance.now();
let touched = 0;
let wait = WAIT_MS[0];
function scheduleRefresh() {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    last = performance.now();
    if (document.hidden || byId("panel").open) return;
    if (performance.now() - touched < CHOOSING_MS && document.activeElement?.matches("main select, main input")) return scheduleRefresh();
    try {
      await page?.refresh?.();
      await fillBadge();
    } catch (error) {
      if (error.status === 401) enter();
      else notice(`The numbers could not be renewed: ${error.message}.`);
    }
    wait = Math.min(WAIT_MS[1], Math.max(WAIT_MS[0], WAIT_PER_MS * (performance.now() - last)));
  }, Math.max(200, wait - (performance.now() - last)));
}

// Shows whether updates arrive, and if not, since when the page is out of date.
let lost = null;
function pulse(state) {
  const box = byId("pulse");
  if (state === "on" && lost !== null) scheduleRefresh();
  lost = state === "on" ? null : lost ?? performance.now();
  const old = lost === null ? 0 : performance.now() - lost;
  box.hidden = false;
  box.dataset.state = old > LOST_MS ? "lost" : state;
  box.textContent = state === "on" ? "live" : old > LOST_MS ? `no connection, numbers of ${span(old)} ago` : "connecting";
}

// The number of pending alerts, at their link.
async function fillBadge() {
  if (!may.read) return;
  const found = await get("/alerts", { pending: "true", limit: 100 });
  const link = byId("nav-alerts");
  if (!link) return;
  const many = found.alerts.length;
  link.replaceChildren("Alerts", many === 0 ? "" : el("span", { class: "badge" }, found.next === null ? String(many) : `${many}+`, el("span", { class: "unseen" }, " to look at")));
}

function theme(next) {
  const themes = ["auto", "light", "dark"];
  const now = next ?? themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % 3];
  document.documentElement.dataset.theme = now;
  byId("theme").replaceChildren(el("span", { "aria-hidden": "true" }, "◐"), el("span", { class: "roomy" }, "Light or dark: "), now);
  byId("theme").setAttribute("aria-label", `Light or dark: ${now}`);
  try {
    localStorage.setItem("theme", now);
  } catch { /* a browser that keeps nothing */ }
  document.dispatchEvent(new CustomEvent("themed"));
}

// The login form: a token is exchanged for a cookie.
function enter() {
  silence();
  const field = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true, spellcheck: "false" });
  const problem = el("p", { class: "bad", role: "alert" });
  const form = el("form", { class: "card login", onsubmit: async (event) => {
    event.preventDefault();
    try {
      begin(await post("/session", { token: field.value }));
    } catch (error) {
      problem.textContent = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
      field.focus();
    }
  } },
  el("h1", {}, "Crossing monitor"),
  el("p", { class: "soft" }, "Counts of what crosses, and how much of the time somebody watched."),
  el("input", { type: "text", autocomplete: "username", value: "token", hidden: true }),
  el("label", { for: "token" }, "Token"), field, problem,
  el("button", { class: "primary" }, "Enter"),
  el("p", { class: "soft" }, "Whoever runs the collector makes one: ", el("code", {}, "crossing-collector token add"), ", or an address that lets a browser in: ", el("code", {}, "crossing-collector token link"), "."));
  page?.close?.();
  page = null;
  turn += 1;
  byId("nav").hidden = true;
  byId("main").replaceChildren(form);
  field.focus();
}

function begin(who) {
  me = who;
  chartsAt(me.charts, me.charts_marks);
  for (const scope of Object.keys(may)) may[scope] = me.scopes.includes(scope);
  byId("leave").hidden = me.name === "";
  byId("leave").replaceChildren("Leave", el("span", { class: "roomy" }, ` (${me.name})`));
  if (may.read) listen(pulse);
  go();
  const later = window.requestIdleCallback ?? ((act) => setTimeout(act, 300));
  later(() => library().catch(() => {}));
}

async function start() {
  let kept = "auto";
  try {
    kept = localStorage.getItem("theme") ?? "auto";
  } catch { /* a browser that keeps nothing */ }
  theme(kept);
  byId("theme").addEventListener("click", () => theme());
  byId("leave").addEventListener("click", async () => {
    await leave().catch(() => {});
    location.hash = "#/";
    location.reload();
  });
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, () => { touched = performance.now(); });
  byId("panel").addEventListener("close", scheduleRefresh);
  byId("panel").addEventListener("click", (event) => {
    if (event.target === byId("panel")) byId("panel").close();
  });
  addEventListener("hashchange", go);
  document.addEventListener("stored", scheduleRefresh);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) scheduleRefresh(); });
  setInterval(() => {
    if (lost !== null) pulse("off");
    if (performance.now() - last > QUIET_MS) scheduleRefresh();
  }, 5_000);
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  try {
    if (code) history.replaceState(null, "", "#/");
    const who = code ? await post("/session", { code: decodeURIComponent(code) }) : await get("/session");
    if (who.name === "" && !who.public) enter();
    else begin(who);
  } catch (error) {
    enter();
    notice(`${error.message[0].toUpperCase()}${error.message.slice(1)}.`);
  }
}

start();
