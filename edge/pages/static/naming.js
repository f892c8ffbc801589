// The page of `crossing-edge annotate --tracks`: sixty vehicles on a sheet, one key for each, saved as JSON lines.

import { byId, html } from "./elements.js";
import { History, historyKey } from "./history.js";
import { Refused, getJson, pause, postJson, visible } from "./requests.js";

const SHEET = 60;
const TURN_MS = 700; // a picture of the chosen vehicle is shown for so long

const state = await getJson("/state");
const order = new Map(state.names.map(({ name }, place) => [name, place]));
const byKey = new Map(state.names.map(({ key, name }) => [key, name]));
const history = new History(new Map()); // track -> { name, note }
let tracks = []; // in the order shown
let chosen = 0; // a place in it
let sorted = false;
let drawn = null; // which tracks are on the sheet now

byId("video").textContent = `the vehicles of ${state.video} → ${state.file}`;

const nameOf = (one) => history.value.get(one.track)?.name ?? "";
const sheetOf = (place) => Math.floor(place / SHEET);

function say(sentence, kind = "soft") {
  byId("verdict").textContent = sentence;
  byId("verdict").className = kind;
}

function draw() {
  const first = SHEET * sheetOf(chosen);
  const shown = tracks.slice(first, first + SHEET);
  const key = shown.map((one) => one.track).join();
  if (key !== drawn) {
    drawn = key;
    byId("sheet").replaceChildren(...shown.map((one, i) => tile(one, first + i)));
    byId("sheet").scrollTop = 0;
  }
  for (const [i, element] of [...byId("sheet").children].entries()) {
    const name = nameOf(shown[i]);
    element.setAttribute("aria-selected", String(first + i === chosen));
    element.dataset.name = name;
    element.querySelector(".said").textContent = name || "?";
    element.querySelector(".noted").hidden = !history.value.get(shown[i].track)?.note;
  }
  byId("sheet").querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  const one = tracks[chosen];
  for (const button of byId("names").children) {
    button.disabled = !one;
    button.setAttribute("aria-pressed", String(Boolean(one && nameOf(one) === button.dataset.name)));
  }
  if (document.activeElement !== byId("note")) byId("note").value = (one && history.value.get(one.track)?.note) ?? "";
  byId("note").disabled = !one || !nameOf(one);
  const sheets = Math.max(Math.ceil(tracks.length / SHEET), 1);
  byId("sheet-said").textContent = `Sheet ${sheetOf(chosen) + 1} of ${sheets}, ${history.value.size} of ${tracks.length} named`;
  byId("back").disabled = sheetOf(chosen) === 0;
  byId("on").disabled = sheetOf(chosen) >= sheets - 1;
  byId("next").disabled = history.value.size >= tracks.length;
  byId("sort").setAttribute("aria-pressed", String(sorted));
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
  byId("save").disabled = !history.dirty;
}

function tile(one, place) {
  return html("div", { class: "vehicle-tile", role: "option", "data-track": one.track, onclick: () => choose(place) },
    html("img", { src: picture(one, Math.floor(one.pictures / 2)), alt: `Vehicle ${one.track}`, draggable: "false" }),
    html("span", { class: "said" }), html("span", { class: "noted", title: "has a note" }, "✎"));
}

const picture = (one, place) => `/crop?track=${one.track}&place=${place}`;

function choose(place) {
  chosen = Math.max(0, Math.min(place, tracks.length - 1));
  draw();
}

function name(said) {
  const one = tracks[chosen];
  if (!one) return;
  const note = history.value.get(one.track)?.note ?? "";
  history.change(new Map(history.value).set(one.track, { name: said, note }));
  choose(chosen + 1);
}

function forget() {
  const one = tracks[chosen];
  if (!one || !nameOf(one)) return;
  const names = new Map(history.value);
  names.delete(one.track);
  history.change(names);
}

// Back to the vehicle whose name is taken back, wherever it is shown now.
function undo() {
  const before = history.value;
  history.undo();
  const changed = tracks.findIndex((one) => before.get(one.track) !== history.value.get(one.track));
  if (changed >= 0) choose(changed);
}

function sort() {
  const here = tracks[chosen]?.track;
  sorted = !sorted;
  const last = order.size;
  const rank = (one) => order.get(nameOf(one)) ?? last;
  tracks = tracks.toSorted((a, b) => (sorted ? rank(a) - rank(b) : 0) || a.track - b.track);
  choose(sorted ? 0 : tracks.findIndex((one) => one.track === here));
}

function unnamed(after = chosen) {
  const places = [...tracks.keys()].filter((place) => !nameOf(tracks[place]));
  choose(places.find((place) => place > after) ?? places[0] ?? chosen);
}

async function save(over = false) {
  if (!tracks.length) return;
  const saved = history.value;
  const names = [...saved].map(([track, said]) => ({ track, class: said.name, note: said.note }));
  try {
    const { saved: path } = await postJson("/save", { names, over: over === true });
    history.saved(saved);
    say(`Saved ${names.length} names to ${path}.`, "good");
  } catch (error) {
    if (error instanceof Refused && error.status === 409) byId("conflict").showModal();
    else say(error.message, "note bad");
  }
}

function columns() {
  return getComputedStyle(byId("sheet")).gridTemplateColumns.split(" ").length;
}

const MOVES = {
  ArrowLeft: () => chosen - 1, ArrowRight: () => chosen + 1,
  ArrowUp: () => chosen - columns(), ArrowDown: () => chosen + columns(),
  PageUp: () => SHEET * (sheetOf(chosen) - 1), PageDown: () => SHEET * (sheetOf(chosen) + 1),
  Home: () => 0, End: () => tracks.length - 1,
};

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const typing = event.target === byId("note");
  if (typing && !((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s")) {
    if (event.key === "Enter" || event.key === "Escape") byId("sheet").focus();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) undo();
  else if (historyKey(event, history, save)) return;
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "Backspace") undo();
  else if (event.key === "Delete") forget();
  else if (MOVES[event.key]) choose(MOVES[event.key]());
  else if (byKey.has(event.key.toLowerCase())) name(byKey.get(event.key.toLowerCase()));
  else if (event.key === "r") sort();
  else if (event.key === "n") unnamed();
  else return;
  event.preventDefault();
});

byId("names").append(...state.names.map(({ key, name: said }) =>
  html("button", { class: "small", "data-name": said, disabled: true, onclick: () => name(said) }, html("kbd", {}, key), ` ${said}`)));
byId("note").addEventListener("input", () => {
  const one = tracks[chosen];
  const said = one && history.value.get(one.track);
  if (said) history.change(new Map(history.value).set(one.track, { ...said, note: byId("note").value }), `note ${one.track}`);
});
byId("back").addEventListener("click", () => choose(MOVES.PageUp()));
byId("on").addEventListener("click", () => choose(MOVES.PageDown()));
byId("sort").addEventListener("click", sort);
byId("next").addEventListener("click", () => unnamed());
byId("undo").addEventListener("click", undo);
byId("redo").addEventListener("click", () => history.redo());
byId("save").addEventListener("click", save);
byId("conflict-leave").addEventListener("click", () => byId("conflict").close());
byId("conflict-over").addEventListener("click", () => { byId("conflict").close(); save(true); });
window.addEventListener("beforeunload", (event) => { if (history.dirty) event.preventDefault(); });
history.changed = draw;

// The pictures of the chosen vehicle in turn: from the side, from behind, near and far.
let turn = 0;
setInterval(() => {
  const one = tracks[chosen];
  if (!one || one.pictures < 2) return;
  turn += 1;
  const shown = byId("sheet").querySelector('[aria-selected="true"] img');
  if (shown) shown.src = picture(one, turn % one.pictures);
}, TURN_MS);

for (;;) {
  await visible();
  const progress = await getJson("/progress");
  byId("progress").max = state.frames || Math.max(progress.frames, 1);
  byId("progress").value = progress.frames;
  if (progress.done) {
    const found = await getJson("/tracks");
    tracks = found.tracks;
    history.begin(new Map(found.names.map((one) => [one.track, { name: one.class, note: one.note }])));
    byId("progress").hidden = true;
    const more = [
      progress.trouble,
      progress.left_out ? `${progress.left_out} further vehicles are left out.` : "",
      found.others ? `${found.others} rows of another count of this recording stay as they are.` : "",
    ].filter(Boolean).join(" ");
    say(`${tracks.length} vehicles. ${more}`, progress.trouble ? "note bad" : "soft");
    unnamed(-1);
    byId("sheet").focus();
    break;
  }
  say(`Reading the recording: ${progress.frames} frames.`);
  await pause(500);
}
