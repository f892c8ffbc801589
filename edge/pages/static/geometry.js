// Places on the picture. Pure; a point is [x, y].

/** @type {(p: number[], q: number[]) => number} */
export const distance = ([x1, y1], [x2, y2]) => Math.hypot(x2 - x1, y2 - y1);
/** @type {(p: number[], q: number[]) => number[]} */
export const middle = ([x1, y1], [x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2];
export const within = (value) => Math.min(Math.max(value, 0), 1);
/** @type {(point: number[]) => number[]} */
export const rounded = ([x, y]) => [Math.round(x * 1e4) / 1e4, Math.round(y * 1e4) / 1e4];

// The point at a share (0 to 1) of a polyline's length, and the unit direction there.
export function walk(points, share) {
  const lengths = points.slice(1).map((point, i) => distance(points[i], point));
  let left = share * lengths.reduce((sum, one) => sum + one, 0);
  let i = 0;
  while (i < lengths.length - 1 && left > lengths[i]) left -= lengths[i++];
  const [p, q, length] = [points[i], points[i + 1], lengths[i] || 1];
  const direction = [(q[0] - p[0]) / length, (q[1] - p[1]) / length];
  return { at: [p[0] + direction[0] * left, p[1] + direction[1] * left], direction };
}

// Where vehicles go that cross from a to b: to the right-hand side of the arrow from the first point to the last.
export function headingOf(points) {
  const [first, last] = [points[0], points[points.length - 1]];
  const to = distance(first, last) > 0 ? last : points[1];
  const length = distance(first, to) || 1;
  return [-(to[1] - first[1]) / length, (to[0] - first[0]) / length];
}

const GLYPHS = "→↘↓↙←↖↑↗";
const WORDS = ["right", "down", "down", "down", "left", "up", "up", "up"];
/** @type {(heading: number[]) => number} */
const eighth = ([x, y]) => (Math.round(Math.atan2(y, x) / (Math.PI / 4)) + 8) % 8;
export const glyph = (heading) => GLYPHS[eighth(heading)];
export const wordOf = (heading) => WORDS[eighth(heading)];
/** @type {(heading: number[]) => number[]} */
export const opposite = ([x, y]) => [-x, -y];
