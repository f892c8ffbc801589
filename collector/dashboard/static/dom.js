// Creates elements without HTML strings, so that no name of a site or line is interpreted as markup.

import { printable } from "./words.js";

const READ = new Set(["title", "aria-label", "alt", "placeholder"]); // attributes that people read

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, READ.has(key) ? printable(value) : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map((child) => (child instanceof Node ? child : printable(child))));
  return element;
}

// Replaces the children of an element; null and false are skipped. The focus moves to the new element in the same place,
// if it is of the same kind, since pages are refreshed while they are used.
export function fill(element, ...children) {
  const had = document.activeElement;
  const path = element.contains(had) && had !== element ? pathTo(had, element) : null;
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  if (path === null || element.contains(had)) return;
  const there = path.reduce((node, i) => node?.children[i], element);
  if (there?.tagName === had?.tagName) there.focus({ preventScroll: true });
}
function pathTo(node, above) {
  const path = [];
  for (let one = node; one !== above; one = one.parentElement) path.unshift([...one.parentElement.children].indexOf(one));
  return path;
}

/** @type {(id: string) => any} An element of index.html, of whatever kind. */
export const byId = (id) => document.getElementById(id);

// A table with a caption for screen readers; cells are texts or elements, the first of a row is its head.
export function table(caption, heads, rows, attributes = {}) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", attributes,
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col", class: head.class }, head.text ?? head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => {
        const content = cell?.content ?? cell;
        return i === 0 ? el("th", { scope: "row" }, content) : el("td", { class: cell?.class }, content);
      }))))));
}

// A choice as buttons; `chosen` is called with the value.
export function choice(label, options, value, chosen) {
  return el("div", { class: "choice", role: "group", "aria-label": label },
    options.map(([of, text]) => el("button", {
      type: "button", "aria-pressed": String(of === value), onclick: () => chosen(of),
    }, text)));
}

export function select(label, options, value, chosen) {
  const box = el("select", { onchange: () => chosen(box.value) },
    options.map(([of, text]) => el("option", { value: of, selected: of === value }, text)));
  return el("label", { class: "field" }, el("span", {}, label), box);
}

// Links to the pages of a list: `here` is the address of the page, `after` where this page begins, `next` where the next
// one does. Only the current page is refreshed, so long lists are as fast as short ones.
export function pages(nav, what, here, after, next, where) {
  nav.hidden = after === null && next === null;
  const there = next === null ? null : `${here}?${new URLSearchParams({ after: next })}`;
  fill(nav, after === null ? null : el("a", { class: "button", href: here }, `First ${what}`),
    there === null ? null : el("a", { class: "button", href: there }, `Next ${what}`), el("span", { class: "soft" }, where));
}

let hide = 0;
export function notice(sentence, kind = "bad") {
  const box = byId("notice");
  box.className = kind;
  box.textContent = printable(sentence);
  box.hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => { box.hidden = true; }, 8_000);
}
