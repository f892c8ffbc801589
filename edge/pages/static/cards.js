// The list beside the picture: of every line, zone and mask its name, its words, its counts and what is wrong with it.
//
// Cards are made when shapes come or go, and else only brought up to date: nobody who types loses the field.

import { GROUPS, changed, turned } from "./draft.js";
import { byId, html } from "./elements.js";
import { glyph, headingOf, opposite } from "./geometry.js";

const WAYS = ["a_to_b", "b_to_a"];

export class Cards {
  #root;
  #history;
  #stage;
  #sight = null;
  #made = "";

  constructor(root, history, stage) {
    this.#root = root;
    this.#history = history;
    this.#stage = stage;
  }

  render() {
    const draft = this.#history.value;
    const wanted = JSON.stringify(Object.keys(GROUPS).map((group) => draft[group].length));
    if (wanted !== this.#made) this.#make(draft);
    this.#made = wanted;
    this.#update(draft);
    if (this.#sight) this.show(this.#sight);
  }

  #make(draft) {
    const cards = Object.keys(GROUPS).flatMap((group) => draft[group].map((_, index) => this.#card(group, index)));
    if (!cards.length) cards.push(html("p", { class: "soft card" }, "Nothing is drawn yet. Draw a counting line across the road, where vehicles are in sight well before and after it."));
    this.#root.replaceChildren(...cards);
  }

  #card(group, index) {
    const id = `${group}-${index}`;
    const card = html("section", { class: "card", id: `${id}-card` });
    card.addEventListener("focusin", () => card.classList.contains("selected") || this.#stage.select({ group, index }));
    card.append(html("div", { class: "row" },
      html("label", { for: `${id}-name` }, GROUPS[group].title),
      html("div", { class: "grow" }, this.#input(group, index, "name")),
      html("button", { class: "small", id: `${id}-remove`, title: "Remove", onclick: () => this.#stage.remove(group, index) }, "✕")));
    if (group === "lines") {
      for (const way of WAYS) {
        card.append(html("div", { class: "row" },
          html("span", { class: "heading", id: `${id}-${way}-heading`, "aria-hidden": "true" }),
          html("div", { class: "grow" }, this.#input(group, index, way)),
          html("output", { class: "count", id: `${id}-${way}-count` }, "0")));
      }
      card.append(html("div", { class: "row" },
        html("p", { class: "soft grow", id: `${id}-classes` }),
        html("button", { class: "small", onclick: () => this.#history.change(turned(this.#history.value, index)) }, "Swap words")));
    } else if (group === "zones") {
      card.append(html("p", { class: "soft", id: `${id}-now` }, "..."));
    } else {
      card.append(html("p", { class: "soft" }, "Nothing that stands in here is a vehicle."));
    }
    card.append(html("div", { id: `${id}-advice` }));
    return card;
  }

  #input(group, index, key) {
    const id = `${group}-${index}-${key}`;
    const input = html("input", { type: "text", id, maxlength: 64, autocomplete: "off", spellcheck: "false" });
    input.addEventListener("input", () => this.#history.change(changed(this.#history.value, group, index, { [key]: input.value.trim() }), id));
    return input;
  }

  #update(draft) {
    const selection = this.#stage.selection;
    for (const group of Object.keys(GROUPS)) {
      draft[group].forEach((shape, index) => {
        const id = `${group}-${index}`;
        const card = byId(`${id}-card`);
        card.classList.toggle("selected", selection?.group === group && selection.index === index);
        card.setAttribute("aria-label", `${GROUPS[group].title} ${shape.name}`);
        byId(`${id}-remove`).setAttribute("aria-label", `Remove ${shape.name}`);
        fill(`${id}-name`, shape.name);
        if (group !== "lines") return;
        const heading = headingOf(shape.points);
        for (const [way, to] of Object.entries({ a_to_b: heading, b_to_a: opposite(heading) })) {
          put(`${id}-${way}-heading`, glyph(to));
          fill(`${id}-${way}`, shape[way]);
          byId(`${id}-${way}`).setAttribute("aria-label", `What you call the direction ${glyph(to)} over ${shape.name}`);
          byId(`${id}-${way}-count`).setAttribute("aria-label", `Counted ${shape[way]}`);
        }
      });
    }
  }

  // What is counted and advised now.
  show(sight) {
    this.#sight = sight;
    const draft = this.#history.value;
    draft.lines.forEach((line, index) => {
      const counts = sight.counts[line.name];
      const classes = {};
      for (const way of WAYS) {
        const labels = counts?.[way] ?? {};
        put(`lines-${index}-${way}-count`, String(Object.values(labels).reduce((sum, n) => sum + n, 0)));
        for (const [label, n] of Object.entries(labels)) classes[label] = (classes[label] ?? 0) + n;
      }
      const said = Object.entries(classes).map(([label, n]) => `${n} ${label}`).join(", ");
      put(`lines-${index}-classes`, `${said || "none yet"}, in ${sight.counted_s} s`);
      const box = byId(`lines-${index}-advice`);
      const advice = sight.advice[line.name] ?? [];
      if (box && box.dataset.said !== advice.join()) {
        box.dataset.said = advice.join();
        box.replaceChildren(...advice.map((sentence) => html("p", { class: "note" }, sentence)));
      }
    });
    draft.zones.forEach((zone, index) => {
      const now = sight.zones[zone.name];
      put(`zones-${index}-now`, now ? `${now.inside} inside, ${now.standing} of them standing` : "...");
    });
  }
}

function put(id, text) {
  const element = byId(id);
  if (element && element.textContent !== text) element.textContent = text;
}

// What somebody types is ours already, but for the spaces at its end.
function fill(id, value) {
  const input = byId(id);
  if (input.value.trim() !== value) input.value = value;
}
