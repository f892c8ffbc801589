// What can be undone: a value that is never changed in place, and those before and after it.

const STEPS_MAX = 300;
const MERGE_MS = 1200;

export class History {
  #before = [];
  #after = [];
  #value;
  #saved;
  /** @type {{key: string | null, at: number}} */
  #merge = { key: null, at: 0 };

  constructor(value) {
    this.#value = this.#saved = value;
    this.changed = () => {};
  }

  get value() { return this.#value; }
  get canUndo() { return this.#before.length > 0; }
  get canRedo() { return this.#after.length > 0; }
  get dirty() { return this.#value !== this.#saved; }

  /**
   * Changes with the same key in quick succession (a held arrow key) are one step.
   * @param {any} value @param {string | null} key
   */
  change(value, key = null) {
    const merges = key !== null && key === this.#merge.key && Date.now() - this.#merge.at < MERGE_MS;
    if (!merges) this.#before.push(this.#value);
    if (this.#before.length > STEPS_MAX) this.#before.shift();
    this.#merge = { key, at: Date.now() };
    this.#after = [];
    this.#value = value;
    this.changed();
  }

  undo() { this.#step(this.#before, this.#after); }
  redo() { this.#step(this.#after, this.#before); }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.#value);
    this.#value = from.pop();
    this.#merge.key = null;
    this.changed();
  }

  // What is on disk now.
  saved(value = this.#value) {
    this.#saved = value;
    this.#merge.key = null;
    this.changed();
  }

  // Another value altogether, with nothing to undo.
  begin(value) {
    this.#before = [];
    this.#after = [];
    this.#value = this.#saved = value;
    this.changed();
  }
}

// Undo, redo and save by the keys that everybody knows; true if the key was one of them.
export function historyKey(event, history, save) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) history.undo();
  else if (key === "y" || key === "z") history.redo();
  else if (key === "s") save();
  else return false;
  event.preventDefault();
  return true;
}
