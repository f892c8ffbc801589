// The strip as a tall scrolled picture: tiles, seconds, crossings and the line of the frame that is shown.

import { byId, html } from "./elements.js";

const STRETCHES = [0.5, 1, 2, 3, 4, 6, 8, 12];

export class StripView {
  #state;
  #scroll = byId("strip");
  #reel = byId("reel");
  #cursor = byId("cursor");
  #tiles = [];
  #frames = 0;
  #stretch;
  #marks = new Map();

  // `clicked` gets a frame and a share of the line.
  constructor(state, { clicked, chosen }) {
    this.#state = state;
    this.chosen = chosen;
    this.#stretch = STRETCHES.reduce((best, one) => (Math.abs(one * state.fps - 45) < Math.abs(best * state.fps - 45) ? one : best));
    this.#reel.addEventListener("click", (event) => {
      if (event.target.closest(".mark")) return;
      const box = this.#reel.getBoundingClientRect();
      const frame = Math.floor((event.clientY - box.top) / this.#stretch);
      if (frame >= 0 && frame < this.#frames) clicked(frame, Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
    });
  }

  // So many frames are there now.
  grow(frames) {
    if (frames === this.#frames) return;
    const before = this.#frames;
    this.#frames = frames;
    const rows = this.#state.tile_rows;
    for (let number = Math.floor(before / rows); number * rows < frames; number++) {
      const tile = this.#tiles[number] ?? html("img", { alt: "", draggable: "false" });
      if (!this.#tiles[number]) this.#reel.append((this.#tiles[number] = tile));
      tile.src = `/tile?number=${number}&rows=${Math.min(frames - number * rows, rows)}`;
    }
    this.#lay();
  }

  stretch(by) {
    const at = STRETCHES.indexOf(this.#stretch) + by;
    if (!STRETCHES[at]) return;
    const middle = (this.#scroll.scrollTop + this.#scroll.clientHeight / 2) / this.#stretch;
    this.#stretch = STRETCHES[at];
    this.#lay();
    this.#scroll.scrollTop = middle * this.#stretch - this.#scroll.clientHeight / 2;
  }

  #lay() {
    const rows = this.#state.tile_rows;
    this.#reel.style.height = `${this.#frames * this.#stretch}px`;
    this.#tiles.forEach((tile, number) => {
      tile.style.top = `${number * rows * this.#stretch}px`;
      tile.style.height = `${Math.min(this.#frames - number * rows, rows) * this.#stretch}px`;
    });
    const second = this.#state.fps * this.#stretch;
    const step = [1, 2, 5, 10, 30, 60].find((seconds) => seconds * second >= 28) ?? 60;
    this.#reel.querySelectorAll(".tick").forEach((tick) => tick.remove());
    for (let s = 0; s * this.#state.fps < this.#frames; s += step) {
      const tick = html("span", { class: "tick", "aria-hidden": "true" }, clock(s));
      tick.style.top = `${s * second}px`;
      this.#reel.append(tick);
    }
    for (const mark of this.#marks.values()) this.#put(mark);
    this.cursor(this.frame ?? 0);
  }

  #put(mark) {
    mark.style.top = `${(Number(mark.dataset.frame) + 0.5) * this.#stretch}px`;
  }

  // `marks` have id, frame, along, class, direction, uncertain, suggested and what they are called.
  show(marks, selected, ways) {
    const focused = document.activeElement?.getAttribute("data-id");
    const old = this.#marks;
    this.#marks = new Map();
    for (const one of [...marks].sort((a, b) => a.frame - b.frame)) {
      const mark = html("button", {
        class: `mark${one.suggested ? " suggested" : ""}${one.uncertain ? " uncertain" : ""}${one.id === selected ? " selected" : ""}${one.along > 0.6 ? " flip" : ""}${one.light ? " light" : ""}`,
        "data-id": one.id, "data-frame": one.frame,
        "aria-label": `${one.suggested ? "Counted" : "Crossing"}: ${one.class}, ${one.direction}, frame ${one.frame}${one.uncertain ? ", uncertain" : ""}`,
        "aria-current": one.id === selected ? "true" : null,
        onclick: () => this.chosen(one.id),
      }, html("span", { class: "way" }, ways[one.direction]), html("span", { class: "name" }, one.class));
      mark.style.left = `${100 * (one.along ?? 0.04)}%`;
      mark.style.setProperty("--class", one.colour);
      this.#marks.set(String(one.id), mark);
      this.#put(mark);
    }
    this.#reel.append(...this.#marks.values());
    for (const mark of old.values()) mark.remove();
    if (focused) this.#marks.get(focused)?.focus({ preventScroll: true });
  }

  // The frame that is shown; it is brought into sight.
  cursor(frame, reveal = false) {
    this.frame = frame;
    const y = (frame + 0.5) * this.#stretch;
    this.#cursor.style.top = `${y - 1}px`;
    if (!reveal) return;
    const { scrollTop, clientHeight } = this.#scroll;
    if (y < scrollTop + 40 || y > scrollTop + clientHeight - 40) this.#scroll.scrollTop = y - clientHeight / 3;
  }
}

export const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
