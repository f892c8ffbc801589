// The drawing: lines, zones and masks as the server knows them. Every change makes a new value. Pure.

import { headingOf, opposite, wordOf } from "./geometry.js";

export const GROUPS = {
  lines: { one: "line", title: "Counting line", closed: false, least: 2 },
  zones: { one: "zone", title: "Queue zone", closed: true, least: 3 },
  masks: { one: "mask", title: "Mask", closed: true, least: 3 },
};

function freshName(draft, group) {
  const names = new Set(draft[group].map((shape) => shape.name));
  for (let n = 1; ; n++) if (!names.has(`${GROUPS[group].one}-${n}`)) return `${GROUPS[group].one}-${n}`;
}

export function added(draft, group, points) {
  const shape = { name: freshName(draft, group), was: "", points, a_to_b: "", b_to_a: "" };
  if (group === "lines") {
    shape.a_to_b = wordOf(headingOf(points));
    shape.b_to_a = wordOf(opposite(headingOf(points)));
  }
  return { ...draft, [group]: [...draft[group], shape] };
}

export function changed(draft, group, index, changes) {
  return { ...draft, [group]: draft[group].map((shape, i) => (i === index ? { ...shape, ...changes } : shape)) };
}

export function removed(draft, group, index) {
  return { ...draft, [group]: draft[group].filter((_, i) => i !== index) };
}

export function withPoint(draft, group, index, at, point, insert = false) {
  const points = [...draft[group][index].points];
  points.splice(at, insert ? 0 : 1, point);
  return changed(draft, group, index, { points });
}

// Without a point; the shape itself goes when too few are left.
export function withoutPoint(draft, group, index, at) {
  const points = draft[group][index].points.filter((_, i) => i !== at);
  return points.length < GROUPS[group].least ? removed(draft, group, index) : changed(draft, group, index, { points });
}

export function turned(draft, index) {
  const { a_to_b, b_to_a } = draft.lines[index];
  return changed(draft, "lines", index, { a_to_b: b_to_a, b_to_a: a_to_b });
}
