// The list beside the picture: of every line, zone and mask its name, its words, its counts and what is wrong with it.

import { GROUPS, changed, turned } from "./draft.js";
import { byId, html } from "./elements.js";
import { glyph, headingOf, opposite } from "./geometry.js";

export class Cards {
  #root;
  #history;
  #stage;
  #sight = null;

  constructor(root, history, stage) {
    this.#root = root;
    this.#history = history;
    this.#stage = stage;
  }

  render() {
    const focused = document.activeElement?.id;
    const draft = this.#history.value;
    const cards = Object.keys(GROUPS).flatMap((group) => draft[group].map((shape, index) => this.#card(group, index, shape)));
    if (!cards.length) cards.push(html("p", { class: "soft card" }, "Nothing is drawn yet. Draw a counting line across the road, where vehicles are in sight well before and after it."));
    this.#root.replaceChildren(...cards);
    if (focused) byId(focused)?.focus({ preventScroll: true });
    if (this.#sight) this.show(this.#sight);
  }

  #card(group, index, shape) {
    const { title } = GROUPS[group];
    const selection = this.#stage.selection;
    const selected = selection?.group === group && selection.index === index;
    const id = `${group}-${index}`;
    const card = html("section", { class: `card${selected ? " selected" : ""}`, "data-card": `${group} ${index}`, "aria-label": `${title} ${shape.name}` });
    card.addEventListener("focusin", () => selected || this.#stage.select({ group, index }));
    card.append(html("div", { class: "row" },
      html("label", { for: `${id}-name` }, title),
      html("div", { class: "grow" }, this.#input(`${id}-name`, shape.name, (name) => changed(this.#history.value, group, index, { name }))),
      html("button", { class: "small", "aria-label": `Remove ${shape.name}`, title: "Remove", onclick: () => this.#stage.remove(group, index) }, "✕")));
    if (group === "lines") {
      const heading = headingOf(shape.points);
      for (const [way, to] of [["a_to_b", heading], ["b_to_a", opposite(heading)]]) {
        card.append(html("div", { class: "row" },
          html("span", { class: "heading", "aria-hidden": "true" }, glyph(to)),
          html("div", { class: "grow" }, this.#input(`${id}-${way}`, shape[way], (word) => changed(this.#history.value, group, index, { [way]: word }), `What you call the direction ${glyph(to)} over ${shape.name}`)),
          html("output", { class: "count", id: `${id}-${way}-count`, "aria-label": `Counted ${shape[way]}` }, "0")));
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

  #input(id, value, change, label) {
    const input = html("input", { type: "text", id, value, maxlength: 64, autocomplete: "off", spellcheck: "false", "aria-label": label });
    input.addEventListener("change", () => this.#history.change(change(input.value.trim())));
    return input;
  }

  // What is counted and advised now.
  show(sight) {
    this.#sight = sight;
    const draft = this.#history.value;
    draft.lines.forEach((line, index) => {
      const counts = sight.counts[line.name];
      const classes = {};
      for (const way of ["a_to_b", "b_to_a"]) {
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
