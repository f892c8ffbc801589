// The crossings as the page has them, and which suggestions are left beside them. Every change makes a new value. Pure.

let lastId = 0;

export const withId = (crossing) => ({ along: null, uncertain: false, ...crossing, id: ++lastId });
export const begun = (truth) => ({ crossings: truth.crossings.map(withId), notes: truth.notes, dismissed: [] });
export const keyOf = (suggestion) => `${suggestion.frame} ${suggestion.direction} ${suggestion.along}`;

export function placed(truth, crossing) {
  return { ...truth, crossings: [...truth.crossings, crossing] };
}

export function changed(truth, id, changes) {
  return { ...truth, crossings: truth.crossings.map((one) => (one.id === id ? { ...one, ...changes } : one)) };
}

export function removed(truth, id) {
  return { ...truth, crossings: truth.crossings.filter((one) => one.id !== id) };
}

export function dismissed(truth, suggestion) {
  return { ...truth, dismissed: [...truth.dismissed, keyOf(suggestion)] };
}

// Suggestions that nobody has answered: no crossing of that direction is within half a second at about that place.
export function open(truth, suggestions, fps) {
  return suggestions.filter((one) => !truth.dismissed.includes(keyOf(one)) && !truth.crossings.some((other) =>
    other.direction === one.direction && Math.abs(other.frame - one.frame) <= fps / 2 &&
    (other.along === null || Math.abs(other.along - one.along) < 0.12)));
}

// What a new crossing most likely is: vehicles keep to their side of the road, so as the nearest one along the line.
export function likely(truth, suggestions, frame, along, fps) {
  const near = suggestions.find((one) => Math.abs(one.frame - frame) <= fps / 2 && Math.abs(one.along - along) < 0.15);
  if (near) return { class: near.class, direction: near.direction };
  const others = [...truth.crossings, ...suggestions].filter((one) => one.along !== null);
  const nearest = others.sort((one, other) => Math.abs(one.along - along) - Math.abs(other.along - along))[0];
  return { class: "car", direction: nearest?.direction ?? "a_to_b" };
}
