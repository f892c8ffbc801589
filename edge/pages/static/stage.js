// The drawing over the picture: shows lines, zones, masks and vehicles, and lets mouse, finger, pen and keys change them.
//
// Places are fractions of the picture everywhere but inside the SVG, whose units are the picture's pixels.

import { GROUPS, added, removed, withPoint, withoutPoint } from "./draft.js";
import { svg } from "./elements.js";
import { distance, headingOf, middle, opposite, rounded, walk, within } from "./geometry.js";

const TAP_PX = 10; // what a finger or hand trembles
const STEP = 0.005;
const FINE_STEP = 0.001;
const TRAIL = 40; // the frames that a vehicle's trail goes back

export class Stage {
  #frame;
  #svg;
  #history;
  #size = [1280, 720];
  #layers = {};
  /** @type {any} What the pointer holds: { pointer, from } and, of a point of a shape, which; null while nothing. */
  #drag = null;
  /** @type {{group: string, points: number[][], pointer: number[] | null} | null} The shape that is being drawn. */
  #drawing = null;
  #flashes = new Map();
  #trails = new Map();

  // `said` is told what to do next while something is drawn, and null when nothing is.
  constructor(frame, root, history, { selected, said }) {
    this.#frame = frame;
    this.#svg = root;
    this.#history = history;
    this.selection = null;
    this.onSelect = selected;
    this.onSaid = said;
    const pattern = svg("pattern", { id: "hatch", width: 10, height: 10, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { width: 10, height: 10, fill: "rgb(0 0 0 / .35)" }), svg("rect", { width: 4, height: 10, fill: "rgb(255 122 192 / .45)" }));
    root.append(svg("defs", {}, pattern));
    for (const name of ["region", "vehicles", "shapes", "rubber"]) root.append((this.#layers[name] = svg("g")));
    root.addEventListener("pointerdown", (event) => this.#down(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#up(event));
    root.addEventListener("pointercancel", () => this.#dropDrag());
    root.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.resize()).observe(frame.parentElement);
    this.resize();
  }

  get drawing() { return this.#drawing?.group ?? null; }

  // The picture has this many pixels; it fills the room there is.
  setSize(width, height) {
    if (this.#size[0] === width && this.#size[1] === height) return;
    this.#size = [width, height];
    this.resize();
  }

  resize() {
    const [width, height] = this.#size;
    const room = this.#frame.parentElement.getBoundingClientRect();
    const below = matchMedia("(max-width: 900px)").matches ? window.innerHeight * 0.7 : Math.max(room.height - 60, 160);
    const wide = Math.max(Math.min(room.width, (below * width) / height), 120);
    this.#frame.style.width = `${wide}px`;
    this.#frame.style.height = `${(wide * height) / width}px`;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#unit = width / wide;
    this.render();
  }

  #unit = 1; // the SVG's units in a pixel of the screen

  begin(group) {
    this.#drawing = { group, points: [], pointer: null };
    this.#frame.classList.add("drawing");
    this.select(null);
    this.#say();
  }

  // By keys: a shape in the middle, whose points can be moved.
  place(group) {
    const points = group === "lines" ? [[0.3, 0.55], [0.7, 0.55]] : [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]];
    const index = this.#history.value[group].length;
    this.selection = { group, index };
    this.#history.change(added(this.#history.value, group, points));
    this.select(this.selection);
    this.#focus({ group, index, point: 0 });
  }

  cancel() {
    this.#drawing = null;
    this.#frame.classList.remove("drawing");
    this.#say();
    this.render();
  }

  finish() {
    if (!this.#drawing) return;
    const { group, points } = this.#drawing;
    if (points.length < GROUPS[group].least) return;
    this.cancel();
    this.selection = { group, index: this.#history.value[group].length };
    this.#history.change(added(this.#history.value, group, points.map(rounded)));
    this.select(this.selection);
  }

  select(selection) {
    this.selection = selection;
    this.render();
    this.onSelect(selection);
  }

  #say() {
    const drawing = this.#drawing;
    if (!drawing) return this.onSaid(null);
    const { one, least, closed } = GROUPS[drawing.group];
    const count = drawing.points.length;
    let text = closed ? `Click or tap the corners of the ${one}.` : "Drag from one side of the road to the other, or click point by point.";
    if (count) text = `${count} ${count === 1 ? "point" : "points"}. ${count < least ? "Go on." : closed ? "Go on, or click the first one again." : "Go on, or click the last one again."}`;
    this.onSaid({ text, ready: count >= least });
  }

  // Pointers

  #place(event) {
    const box = this.#svg.getBoundingClientRect();
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  #apart(p, q) {
    return distance([p[0] * this.#size[0], p[1] * this.#size[1]], [q[0] * this.#size[0], q[1] * this.#size[1]]) / this.#unit;
  }

  #down(event) {
    if (event.button !== 0 || this.#drag) return;
    const place = this.#place(event);
    this.#svg.setPointerCapture(event.pointerId);
    if (this.#drawing) {
      this.#drag = { pointer: event.pointerId, from: place };
      this.#drawing.pointer = place;
      event.preventDefault();
      return this.render();
    }
    const target = event.target.closest("[data-group]");
    if (!target) return this.select(null);
    const { group, index, point, insert } = readKey(target);
    this.select({ group, index });
    if (point === null) return;
    event.preventDefault(); // the focus is ours to set
    this.#drag = { pointer: event.pointerId, from: place, group, index, point, insert, value: null };
    if (!insert) this.#focus({ group, index, point });
  }

  #move(event) {
    const place = this.#place(event);
    if (this.#drawing) {
      if (this.#drag && this.#drag.pointer !== event.pointerId) return;
      this.#drawing.pointer = place;
      return this.#renderRubber();
    }
    const drag = this.#drag;
    if (!drag || drag.pointer !== event.pointerId) return;
    if (!drag.value && this.#apart(drag.from, place) < 3) return;
    drag.value = withPoint(this.#history.value, drag.group, drag.index, drag.point, rounded(place), drag.insert);
    this.render(drag.value);
  }

  #up(event) {
    const drag = this.#drag;
    if (!drag || drag.pointer !== event.pointerId) return;
    this.#drag = null;
    if (this.#drawing) return this.#drawn(drag.from, this.#place(event));
    if (!drag.value) return;
    this.#history.change(drag.value);
    this.#focus(drag);
  }

  #dropDrag() {
    this.#drag = null;
    this.render();
  }

  // A stroke of the pointer while drawing: a whole line, one more point, or the sign that it is finished.
  #drawn(from, to) {
    if (!this.#drawing) return;
    const { group, points } = this.#drawing;
    const stroke = this.#apart(from, to) > TAP_PX;
    if (group === "lines" && !points.length && stroke) {
      points.push(from, to);
      return this.finish();
    }
    const closing = GROUPS[group].closed ? points[0] : points[points.length - 1];
    if (points.length >= GROUPS[group].least && this.#apart(closing, to) < 1.6 * TAP_PX) return this.finish();
    if (!points.length || this.#apart(points[points.length - 1], to) > 3) points.push(to);
    if (points.length >= 32) return this.finish();
    this.#say();
    this.render();
  }

  // Keys

  #key(event) {
    const target = event.target.closest("[data-group]");
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    const { group, index, point } = readKey(target);
    if (point === null) return;
    const draft = this.#history.value;
    const points = draft[group][index].points;
    const step = event.shiftKey ? FINE_STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      const [x, y] = points[point];
      const to = rounded([within(x + moves[event.key][0]), within(y + moves[event.key][1])]);
      this.#history.change(withPoint(draft, group, index, point, to), `move ${group} ${index} ${point}`);
      this.#focus({ group, index, point });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.removePoint(group, index, point);
    } else if (event.key === "Insert" || event.key === "+") {
      const closed = GROUPS[group].closed;
      const next = point + 1 < points.length ? point + 1 : closed ? 0 : point - 1;
      const at = point + 1 < points.length || closed ? point + 1 : point;
      this.#history.change(withPoint(draft, group, index, at, rounded(middle(points[point], points[next])), true));
      this.#focus({ group, index, point: at });
    } else return;
    event.preventDefault();
  }

  removePoint(group, index, point) {
    const draft = withoutPoint(this.#history.value, group, index, point);
    const gone = draft[group].length < this.#history.value[group].length;
    if (gone) this.selection = null;
    this.#history.change(draft);
    if (gone) this.onSelect(null);
    else this.#focus({ group, index, point: Math.max(point - 1, 0) });
  }

  remove(group, index) {
    this.selection = null;
    this.#history.change(removed(this.#history.value, group, index));
    this.onSelect(null);
  }

  #focus({ group, index, point }) {
    this.#svg.querySelector(`.handle[data-group="${group}"][data-index="${index}"][data-point="${point}"]`)?.focus({ preventScroll: true });
  }

  // Showing

  render(draft = this.#history.value) {
    const focused = document.activeElement?.closest?.(".handle[data-group]");
    const key = focused && this.#svg.contains(focused) ? readKey(focused) : null;
    const shapes = [];
    for (const group of ["masks", "zones", "lines"]) draft[group].forEach((shape, index) => shapes.push(this.#shape(group, index, shape)));
    const chosen = shapes.findIndex((one) => one.classList.contains("selected"));
    if (chosen >= 0) shapes.push(...shapes.splice(chosen, 1)); // its points must be in reach
    this.#layers.shapes.replaceChildren(...shapes);
    this.#renderRubber();
    if (key) this.#focus(key);
  }

  /** @param {number[]} place */
  #px([x, y]) { return [x * this.#size[0], y * this.#size[1]]; }

  #shape(group, index, shape) {
    const { one, closed } = GROUPS[group];
    const unit = this.#unit;
    const points = shape.points.map((point) => this.#px(point));
    const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const selected = this.selection?.group === group && this.selection.index === index;
    const flash = this.#flashes.get(shape.name) > performance.now() && group === "lines";
    const whole = svg("g", { class: `shape ${one}${selected ? " selected" : ""}${flash ? " flash" : ""}`, "data-group": group, "data-index": index });
    if (closed) whole.append(svg("polygon", { points: path, class: "area" }));
    else for (const part of ["halo", "", "hit"]) whole.append(svg("polyline", { points: path, class: `stroke ${part}` }));
    const words = [];
    if (closed) words.push(this.#word(shape.name, [average(points, 0), average(points, 1)], "middle"));
    else whole.append(...this.#arrows(shape, points, words));
    const sides = points.map((point, i) => [point, points[(i + 1) % points.length], i + 1]).slice(0, closed ? undefined : -1);
    if (selected && points.length < 32) {
      for (const [p, q, at] of sides) {
        const [cx, cy] = middle(p, q);
        if (distance(p, q) < 60 * unit) continue;
        whole.append(svg("circle", { class: "middle", cx, cy, r: 6 * unit, ...keyOf(group, index, at), "data-insert": "1" }));
      }
    }
    points.forEach(([cx, cy], point) => {
      const [x, y] = shape.points[point].map((value) => Math.round(100 * value));
      whole.append(svg("circle", { class: "reach", cx, cy, r: 20 * unit, ...keyOf(group, index, point) }), svg("circle", {
        class: "handle", cx, cy, r: (selected ? 8.5 : 6) * unit, tabindex: 0, role: "button", ...keyOf(group, index, point),
        "aria-label": `Point ${point + 1} of ${one} ${shape.name}, ${x}% across, ${y}% down. Arrow keys move it, Insert adds one after it, Delete removes it.`,
      }));
    });
    whole.append(...words);
    return whole;
  }

  // On each side of a line, where vehicles go and what the user calls that.
  #arrows(shape, points, words) {
    const unit = this.#unit;
    const { at } = walk(points, 0.5);
    const parts = [];
    for (const [heading, word] of [[headingOf(points), shape.a_to_b], [opposite(headingOf(points)), shape.b_to_a]]) {
      const on = (away, aside = 0) => [at[0] + heading[0] * away * unit - heading[1] * aside * unit, at[1] + heading[1] * away * unit + heading[0] * aside * unit];
      const [from, tip, left, right] = [on(9), on(40), on(30, 8), on(30, -8)];
      const path = `M${from}L${tip}M${left}L${tip}L${right}`;
      parts.push(svg("path", { d: path, class: "arrow halo" }), svg("path", { d: path, class: "arrow" }));
      const far = on(52);
      const anchor = heading[0] > 0.4 ? "start" : heading[0] < -0.4 ? "end" : "middle";
      words.push(this.#word(word, [far[0], far[1] + 5 * unit], anchor));
    }
    const [x, y] = points[0];
    words.push(this.#word(shape.name, [x, y - 16 * unit], x > this.#size[0] * 0.8 ? "end" : "start"));
    return parts;
  }

  /** @param {string} text @param {number[]} place @param {string} anchor */
  #word(text, [x, y], anchor) {
    return svg("text", { class: "word", x, y, "text-anchor": anchor, "font-size": 14 * this.#unit, "stroke-width": 4 * this.#unit }, text);
  }

  #renderRubber() {
    const drawing = this.#drawing;
    if (!drawing) return this.#layers.rubber.replaceChildren();
    const from = !drawing.points.length && this.#drag && drawing.group === "lines" ? [this.#drag.from] : drawing.points;
    const places = [...from, ...(drawing.pointer ? [drawing.pointer] : [])].map((point) => this.#px(point));
    this.#layers.rubber.replaceChildren(
      svg("polyline", { class: "rubber", points: places.map((place) => place.join(",")).join(" ") }),
      ...drawing.points.map((point) => svg("circle", { class: "handle", cx: this.#px(point)[0], cy: this.#px(point)[1], r: 6 * this.#unit })),
    );
  }

  // What the detector sees in the picture that is shown.
  showVehicles(sight, colours) {
    const [width, height] = this.#size;
    const whole = sight.regions.length === 1 && sight.regions[0].join() === "0,0,1,1";
    const looked = whole ? [] : sight.regions;
    this.#layers.region.replaceChildren(...looked.map(([left, top, right, bottom]) => svg("rect", { class: "region", x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height })));
    const parts = [];
    this.#trails = new Map(sight.tracks.map(({ id, box: [x1, , x2, y2] }) => [id, [...(this.#trails.get(id) ?? []), [((x1 + x2) / 2) * width, y2 * height]].slice(-TRAIL)]));
    for (const { id, box: [x1, y1, x2, y2], label, seen } of sight.tracks) {
      const [x, y, wide, high] = [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height];
      parts.push(svg("rect", { class: `vehicle${seen ? "" : " unseen-now"}`, x, y, width: wide, height: high, rx: 2 * this.#unit, stroke: colours[label] }));
      parts.push(svg("polyline", { class: "trail", points: this.#trails.get(id).map((place) => place.map((value) => value.toFixed(1)).join(",")).join(" "), stroke: colours[label] }));
      if (high > 26 * this.#unit) parts.push(svg("text", { class: "word", x, y: y - 3 * this.#unit, "font-size": 11 * this.#unit, "stroke-width": 3 * this.#unit }, `${id} ${label}`));
    }
    this.#layers.vehicles.replaceChildren(...parts);
    if (!sight.crossings.length) return;
    for (const { line } of sight.crossings) this.#flashes.set(line, performance.now() + 600);
    if (!this.#drag) this.render();
    setTimeout(() => this.#drag || this.render(), 650);
  }
}

const keyOf = (group, index, point) => ({ "data-group": group, "data-index": index, "data-point": point });
const average = (points, axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;

function readKey(element) {
  const { group, index, point, insert } = element.dataset;
  return { group, index: Number(index), point: point === undefined ? null : Number(point), insert: insert !== undefined };
}
