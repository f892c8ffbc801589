// The picture of one frame with the line, and where on it the chosen vehicle crosses. Pictures lately seen are kept.

import { byId } from "./elements.js";
import { glyph, headingOf, opposite, walk } from "./geometry.js";
import { getBitmap } from "./requests.js";

const KEPT = 48;
const AHEAD = 2;

export class FrameView {
  #canvas = byId("picture");
  #pen = byId("picture").getContext("2d");
  #pictures = new Map();
  #line;
  #wanted = -1;

  constructor(state) {
    const scale = Math.min(1, 800 / state.width);
    this.#canvas.width = Math.round(state.width * scale);
    this.#canvas.height = Math.round(state.height * scale);
    this.#line = state.line.map(([x, y]) => [x * this.#canvas.width, y * this.#canvas.height]);
    const heading = headingOf(this.#line);
    this.ways = { a_to_b: glyph(heading), b_to_a: glyph(opposite(heading)) };
    this.#headings = { a_to_b: heading, b_to_a: opposite(heading) };
  }

  #headings;

  async show(frame, mark) {
    this.#wanted = frame;
    try {
      const picture = await this.#get(frame);
      if (this.#wanted !== frame) return; // somebody stepped on meanwhile
      this.#draw(picture, mark);
      for (let ahead = 1; ahead <= AHEAD; ahead++) this.#get(frame + ahead).catch(() => {});
    } catch { /* not read yet */ }
  }

  #get(frame) {
    let picture = this.#pictures.get(frame);
    if (!picture) {
      picture = getBitmap(`/picture?frame=${frame}`);
      picture.catch(() => this.#pictures.delete(frame));
      this.#pictures.set(frame, picture);
      if (this.#pictures.size > KEPT) this.#pictures.delete(this.#pictures.keys().next().value);
    }
    return picture;
  }

  #draw(picture, mark) {
    const pen = this.#pen;
    pen.drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
    pen.lineCap = pen.lineJoin = "round";
    this.#stroke(this.#line, "rgb(0 0 0 / .6)", 5);
    this.#stroke(this.#line, "#f5c800", 2.5);
    if (!mark || mark.along === null) return;
    const { at: [x, y] } = walk(this.#line, mark.along);
    const [dx, dy] = this.#headings[mark.direction];
    const to = [x + 34 * dx, y + 34 * dy];
    const head = [[to[0] - 10 * dx - 8 * dy, to[1] - 10 * dy + 8 * dx], to, [to[0] - 10 * dx + 8 * dy, to[1] - 10 * dy - 8 * dx]];
    for (const [colour, width] of [["rgb(0 0 0 / .75)", 8], [mark.colour, 4]]) {
      this.#stroke([[x, y], to], colour, width);
      this.#stroke(head, colour, width);
    }
    pen.beginPath();
    pen.arc(x, y, 6, 0, 2 * Math.PI);
    pen.fillStyle = mark.colour;
    pen.fill();
  }

  #stroke(points, colour, width) {
    const pen = this.#pen;
    pen.beginPath();
    points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
  }
}
