// The page of `crossing-edge setup`: the live picture, the drawing over it, and saving.

import { Cards } from "./cards.js";
import { byId, html } from "./elements.js";
import { History, historyKey } from "./history.js";
import { Refused, getBitmap, getJson, pause, postJson, visible } from "./requests.js";
import { Stage } from "./stage.js";

const JUDGE_AFTER_MS = 300;
const HINT = "Drag points to move them; the small dots between them add one. With the keyboard: Tab to a point, then arrow keys, Insert, Delete.";

// The fields beside the drawing: by the id of the element, where the value stands in the draft.
const FIELDS = ["site", "device", "time_zone", "broker-host", "broker-port", "broker-username", "broker-password_file", "broker-tls"];

const state = await getJson("/state");
if (state.new && state.draft.time_zone === "UTC") state.draft.time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
const history = new History(state.draft);
const stage = new Stage(byId("frame"), byId("drawing"), history, { selected: () => cards?.render(), said: showHint });
const cards = new Cards(byId("cards"), history, stage);
let verdict = { error: state.error, warnings: state.warnings, saved: "" };
let judging = 0;
let judgeTimer;

byId("file").textContent = state.new ? `${state.file} (new)` : state.file;

function showHint(said) {
  byId("hint-text").textContent = said?.text ?? HINT;
  byId("finish").hidden = byId("cancel").hidden = !said;
  byId("finish").disabled = !said?.ready;
  for (const group of ["lines", "zones", "masks"]) byId(`draw-${group}`).setAttribute("aria-pressed", String(stage?.drawing === group));
}

function showVerdict() {
  const parts = [];
  const { error, warnings, saved } = verdict;
  if (error) parts.push(html("p", { class: "note bad" }, error));
  else if (history.dirty || (state.unsaved && !state.new)) parts.push(html("p", { class: "soft" }, "Ready to save."));
  else if (saved) parts.push(html("p", { class: "good soft" }, `Saved to ${saved}.`));
  else parts.push(html("p", { class: "soft" }, state.new && !history.value.lines.length && !history.value.zones.length ? "A new configuration: draw a counting line or a zone." : "In order, and nothing to save."));
  parts.push(...warnings.map((warning) => html("p", { class: "note" }, warning)));
  byId("verdict").replaceChildren(...parts);
}

function valueOf(draft, id) {
  const [group, key] = id.split("-");
  return key ? draft[group][key] : draft[group];
}

function withValue(draft, id, value) {
  const [group, key] = id.split("-");
  return { ...draft, [group]: key ? { ...draft[group], [key]: value } : value };
}

// What was typed: the port is a number, and none of it is 0, which is refused in the words of `check`.
function typed(id) {
  const field = byId(id);
  if (field.type === "checkbox") return field.checked;
  const text = field.value.trim();
  return id === "broker-port" ? (/^\d+$/.test(text) ? Number(text) : 0) : text;
}

function fillField(id) {
  const value = valueOf(history.value, id);
  if (typed(id) === value) return;
  if (byId(id).type === "checkbox") byId(id).checked = value;
  else byId(id).value = value;
}

function render() {
  stage.render();
  cards.render();
  for (const id of FIELDS) fillField(id);
  byId("undo").disabled = !history.canUndo;
  byId("redo").disabled = !history.canRedo;
  byId("save").disabled = !history.dirty && !state.unsaved;
  byId("lies-right").disabled = history.dirty || state.new || Boolean(verdict.error);
  showVerdict();
}

// An answer to saving or reloading stands: a judgement of the same draft that is under way must not replace it.
function settle(draft, answer) {
  verdict = answer;
  if (history.value !== draft) return; // what was changed since is still to be judged
  clearTimeout(judgeTimer);
  judging += 1;
}

// Everything drawn is counted with at once, and judged as `check` would.
async function judge() {
  const mine = ++judging;
  let said;
  try {
    said = await postJson("/draft", history.value);
  } catch (error) {
    said = { error: error.message, warnings: [] };
  }
  if (mine !== judging) return;
  verdict = { ...said, saved: verdict.saved };
  showVerdict();
}

history.changed = () => {
  const { group, index } = stage.selection ?? {};
  if (group && !history.value[group][index]) stage.selection = null;
  render();
  clearTimeout(judgeTimer);
  judgeTimer = setTimeout(judge, JUDGE_AFTER_MS);
};

async function save(over = false, lies_right = false) {
  const draft = history.value;
  try {
    const answer = await postJson("/save", { draft, over, lies_right });
    state.new = state.unsaved = false;
    byId("file").textContent = state.file;
    settle(draft, { error: "", warnings: verdict.warnings, saved: answer.saved });
    // Names are now those of the file; what can be undone keeps the old ones, which the next save takes for new.
    if (history.value === draft) history.begin(answer.draft);
  } catch (error) {
    if (error instanceof Refused && error.status === 409) byId("conflict").showModal();
    else settle(draft, { ...verdict, error: error.message });
    render();
  }
}

async function reload() {
  const draft = history.value;
  let now;
  try {
    now = await postJson("/reload", {});
  } catch (error) {
    settle(draft, { ...verdict, error: error.message });
    return showVerdict();
  }
  settle(draft, { error: now.error, warnings: now.warnings, saved: "" });
  history.begin(now.draft);
}

function draw(group, event) {
  if (stage.drawing === group) return stage.cancel();
  if (stage.drawing) stage.cancel();
  if (event.detail === 0) stage.place(group); // pressed with a key
  else stage.begin(group);
}

for (const group of ["lines", "zones", "masks"]) byId(`draw-${group}`).addEventListener("click", (event) => draw(group, event));
byId("finish").addEventListener("click", () => stage.finish());
byId("cancel").addEventListener("click", () => stage.cancel());
byId("undo").addEventListener("click", () => history.undo());
byId("redo").addEventListener("click", () => history.redo());
byId("save").addEventListener("click", () => save());
byId("lies-right").addEventListener("click", () => save(false, true));
byId("conflict-leave").addEventListener("click", () => byId("conflict").close());
byId("conflict-reload").addEventListener("click", () => (byId("conflict").close(), reload()));
byId("conflict-over").addEventListener("click", () => (byId("conflict").close(), save(true)));
for (const id of FIELDS) byId(id).addEventListener("input", () => history.change(withValue(history.value, id, typed(id)), id));
byId("time-zones").replaceChildren(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((value) => html("option", { value })));
document.addEventListener("keydown", (event) => {
  if (stage.drawing && event.key === "Escape") return stage.cancel();
  const target = /** @type {Element} */ (event.target);
  if (stage.drawing && event.key === "Enter" && target.tagName !== "BUTTON") return stage.finish();
  if (target.tagName === "INPUT" && event.key.toLowerCase() !== "s") return; // the field undoes its own typing
  historyKey(event, history, () => save());
});
addEventListener("beforeunload", (event) => history.dirty && event.preventDefault());

function showTrouble(sentence) {
  byId("trouble").textContent = sentence;
  byId("trouble").hidden = !sentence;
}

async function watch() {
  const canvas = byId("picture");
  const pen = canvas.getContext("2d");
  for (let after = 0; ; ) {
    await visible();
    try {
      const sight = await getJson(`/sight?after=${after}`);
      showTrouble(sight.trouble);
      if (!sight.number) continue;
      after = sight.number;
      const picture = await getBitmap(`/picture?number=${after}`);
      if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
      pen.drawImage(picture, 0, 0);
      picture.close();
      stage.setSize(sight.width, sight.height);
      for (const group of ["lines", "zones", "masks"]) byId(`draw-${group}`).disabled = false; // there is something to draw on
      stage.showVehicles(sight, state.colours);
      byId("cost").textContent = sight.cost;
      cards.show(sight);
    } catch (error) {
      if (error instanceof Refused && error.status === 404) continue; // that picture has gone already
      showTrouble("The command that serves this page has ended, or cannot be reached.");
      await pause(2000);
    }
  }
}

showHint(null);
render();
for (const id of FIELDS) byId(id).disabled = false; // what is typed before the state is there would be lost
watch();
