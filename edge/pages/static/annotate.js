// The page of `crossing-edge annotate`: click the vehicles on the strip, say what they are, save a truth file.

import { byId, html } from "./elements.js";
import { FrameView } from "./frame_view.js";
import { History, historyKey } from "./history.js";
import { Refused, getJson, pause, postJson, visible } from "./requests.js";
import { StripView, clock } from "./strip_view.js";
import { begun, changed, dismissed, keyOf, likely, open, placed, removed, withId } from "./truth.js";

const LIGHT = new Set(["car"]); // the one colour on which white letters read better than dark ones

const state = await getJson("/state");
const colours = Object.fromEntries(state.classes.map((one) => [one.name, one.colour]));
const history = new History(begun(state.truth));
const kept = new Map(); // which crossing of the file each of ours was
const view = new FrameView(state);
const strip = new StripView(state, { clicked: place, chosen: choose });
let suggestions = [];
let suggesting = false;
let selected = null; // an id, of a suggestion its key
let frames = 0;
let complete = false;
let verdict = { sentence: "", kind: "soft" };

remember(history.value, state.truth.crossings);
byId("video").textContent = `${state.video} → ${state.file}`;

function remember(truth, saved) {
  truth.crossings.forEach((one, i) => kept.set(one.id, saved[i].kept));
}

const openNow = () => (suggesting ? open(history.value, suggestions, state.fps) : []);

function marks() {
  const looks = (one) => ({ ...one, colour: colours[one.class], light: LIGHT.has(one.class) });
  return [
    ...history.value.crossings.map(looks),
    ...openNow().map((one) => ({ ...looks(one), id: keyOf(one), suggested: true })),
  ].sort((a, b) => a.frame - b.frame);
}

const chosenMark = () => marks().find((one) => one.id === selected);

function render() {
  const all = marks();
  const mark = all.find((one) => one.id === selected);
  strip.show(all, selected, view.ways);
  view.show(strip.frame ?? 0, mark);
  const own = mark && !mark.suggested;
  byId("chosen-title").textContent = mark ? `${mark.suggested ? "Counted" : "Crossing"} at ${clock(mark.frame / state.fps)}, frame ${mark.frame}` : "Nothing chosen";
  for (const id of ["move", "turn", "doubt", "remove"]) byId(id).disabled = !mark;
  byId("doubt").setAttribute("aria-pressed", String(Boolean(own && mark.uncertain)));
  byId("way").textContent = mark ? view.ways[mark.direction] : "";
  for (const button of byId("classes").children) {
    button.disabled = !mark;
    button.setAttribute("aria-pressed", String(Boolean(mark && mark.class === button.dataset.class)));
  }
  byId("accept").disabled = !mark?.suggested;
  byId("accept-all").disabled = !openNow().length;
  byId("suggest").setAttribute("aria-pressed", String(suggesting));
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
  byId("save").disabled = !complete;
  if (document.activeElement !== byId("notes")) byId("notes").value = history.value.notes;
  showWhere();
  const number = history.value.crossings.length;
  const said = `${number} ${number === 1 ? "crossing" : "crossings"}${history.dirty ? ", not saved" : ""}. `;
  byId("verdict").replaceChildren(html("p", { class: "soft" }, said, html("span", { class: verdict.kind }, verdict.sentence)));
}

function showWhere() {
  const frame = strip.frame ?? 0;
  byId("where").textContent = `Frame ${frame}, ${clock(frame / state.fps)}`;
}

history.changed = () => {
  if (selected !== null && !marks().some((one) => one.id === selected)) selected = null;
  render();
};

function choose(id) {
  selected = id;
  const mark = chosenMark();
  if (mark) strip.cursor(mark.frame, true);
  render();
}

function step(by) {
  strip.cursor(Math.min(Math.max((strip.frame ?? 0) + by, 0), Math.max(frames - 1, 0)), true);
  view.show(strip.frame, chosenMark());
  showWhere();
}

function place(frame, along) {
  const guess = likely(history.value, suggestions, frame, along, state.fps);
  const crossing = withId({ frame, along: Math.round(along * 1e4) / 1e4, ...guess });
  selected = crossing.id;
  strip.cursor(frame);
  history.change(placed(history.value, crossing));
}

// What the count suggests is accepted by being corrected.
function edit(changes) {
  const mark = chosenMark();
  if (!mark) return;
  if (!mark.suggested) return history.change(changed(history.value, selected, changes));
  const crossing = { ...taken(mark), ...changes };
  selected = crossing.id;
  history.change(placed(history.value, crossing));
}

const turn = () => edit({ direction: chosenMark()?.direction === "a_to_b" ? "b_to_a" : "a_to_b" });
const doubt = () => edit({ uncertain: !chosenMark()?.uncertain });
const move = () => edit({ frame: strip.frame });

function remove() {
  const mark = chosenMark();
  if (!mark) return;
  const next = neighbour(1);
  history.change(mark.suggested ? dismissed(history.value, mark) : removed(history.value, selected));
  if (mark.suggested && next) choose(next.id);
}

function neighbour(by) {
  const all = marks();
  const at = all.findIndex((one) => one.id === selected);
  if (at >= 0) return all[at + by];
  const frame = strip.frame ?? 0;
  return by > 0 ? all.find((one) => one.frame >= frame) : all.findLast((one) => one.frame < frame);
}

function go(by) {
  const next = neighbour(by);
  if (next) choose(next.id);
}

const taken = ({ frame, along, direction, class: label }) => withId({ frame, along, direction, class: label });

function accept() {
  const mark = chosenMark();
  if (!mark?.suggested) return;
  const rest = openNow();
  const next = rest[rest.findIndex((one) => keyOf(one) === selected) + 1];
  const crossing = taken(mark);
  selected = crossing.id;
  history.change(placed(history.value, crossing));
  if (next) choose(keyOf(next));
}

function acceptAll() {
  history.change(openNow().reduce((truth, one) => placed(truth, taken(one)), history.value));
}

function suggest() {
  suggesting = !suggesting;
  if (suggesting && !chosenMark()) selected = openNow()[0] ? keyOf(openNow()[0]) : null;
  if (selected !== null) choose(selected);
  render();
}

async function save(over = false) {
  document.activeElement?.closest?.("textarea")?.blur();
  const truth = history.value;
  const crossings = [...truth.crossings].sort((a, b) => a.frame - b.frame); // as the file will have them
  const said = crossings.map(({ id, frame, class: label, direction, uncertain, along }) => ({ frame, class: label, direction, uncertain, along, kept: kept.get(id) ?? null }));
  try {
    const answer = await postJson("/save", { truth: { crossings: said, notes: truth.notes }, over });
    kept.clear();
    remember({ crossings }, answer.truth.crossings);
    verdict = { sentence: `Saved to ${answer.saved}.`, kind: "good" };
    history.saved(truth);
  } catch (error) {
    if (error instanceof Refused && error.status === 409) return byId("conflict").showModal();
    verdict = { sentence: error.message, kind: "note bad" };
    render();
  }
}

async function reload() {
  let now;
  try {
    now = await postJson("/reload", {});
  } catch (error) {
    verdict = { sentence: error.message, kind: "note bad" };
    return render();
  }
  kept.clear();
  const truth = begun(now.truth);
  remember(truth, now.truth.crossings);
  history.begin(truth);
}

state.classes.forEach(({ name, colour }, i) => {
  const swatch = html("span", { class: "swatch" });
  swatch.style.background = colour;
  byId("classes").append(html("button", { "data-class": name, "aria-pressed": "false", onclick: () => edit({ class: name }) }, swatch, html("span", { class: "grow" }, name), html("kbd", {}, String(i + 1))));
});

const actions = {
  suggest, accept, "accept-all": acceptAll, undo: () => history.undo(), redo: () => history.redo(), save: () => save(),
  back: () => step(-1), on: () => step(1), move, remove, turn, doubt,
  place: () => place(strip.frame ?? 0, 0.5), shrink: () => strip.stretch(-1), stretch: () => strip.stretch(1),
  "conflict-leave": () => byId("conflict").close(),
  "conflict-reload": () => (byId("conflict").close(), reload()),
  "conflict-over": () => (byId("conflict").close(), save(true)),
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", () => action());
byId("notes").addEventListener("change", () => history.change({ ...history.value, notes: byId("notes").value }));

const KEYS = {
  ArrowLeft: (event) => step(event.shiftKey ? -10 : -1), ArrowUp: (event) => step(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => step(event.shiftKey ? 10 : 1), ArrowDown: (event) => step(event.shiftKey ? 10 : 1),
  n: () => go(1), p: () => go(-1), d: turn, " ": turn, u: doubt, m: move, c: actions.place, s: suggest, a: accept,
  Delete: remove, Backspace: remove, "+": actions.stretch, "-": actions.shrink,
};

document.addEventListener("keydown", (event) => {
  if (byId("conflict").open) return;
  const target = /** @type {Element} */ (event.target);
  if (target.closest("textarea") && event.key.toLowerCase() !== "s") return;
  if (historyKey(event, history, () => save()) || event.ctrlKey || event.metaKey || event.altKey || target.closest("textarea")) return;
  if (event.key === " " && target.closest("button:not(.mark), summary")) return; // presses that button
  const label = state.classes[Number(event.key) - 1]?.name;
  const action = label ? () => edit({ class: label }) : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action(event);
});
addEventListener("beforeunload", (event) => history.dirty && event.preventDefault());

async function follow() {
  for (;;) {
    await visible();
    try {
      const { strip: reading, count } = await getJson("/progress");
      const first = frames === 0 && reading.frames > 0;
      const counted = count.crossings.length !== suggestions.length;
      const finished = reading.done && !complete;
      frames = reading.frames;
      complete = reading.done;
      suggestions = count.crossings;
      strip.grow(frames);
      const share = complete ? count.frames / frames : frames / (state.frames || frames || 1);
      byId("progress").value = Math.min(share, 1);
      byId("progress").hidden = complete && count.done;
      byId("strip-said").textContent = reading.trouble || (!complete ? `Reading: ${frames} of ${state.frames || "?"} frames` : !count.done ? `Counting for you: ${count.frames} of ${frames} frames` : count.trouble || `${frames} frames. ${suggestions.length} counted.`);
      if (first || counted || finished) render();
      if (complete && count.done) return;
      await pause(400);
    } catch {
      byId("strip-said").textContent = "The command that serves this page has ended, or cannot be reached.";
      await pause(2000);
    }
  }
}

render();
follow();
