// The space-time diagram: nodes are lines, messages are arrows from sender to receiver.

const ROW_HEIGHT = 64;
const ARROWS_MAX = 800;
/** Up to how many arrows have heads: more would only blacken the drawing. */
const HEADS_MAX = 500;
const LISTED_MAX = 200;
const MARGIN_OF_OPERATION = 0.35;
const OPERATION_SHOWN_MAX_US = 5e6;
const STOPPED = new Set(["cut", "lost", "dropped", "killed"]);

class SpaceTime {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    this.messages = /** @type {Messages} */ (run.messages);
    const { messages } = this;
    const last = messages.count ? messages.sent[messages.count - 1] + messages.longest : 0;
    this.time = new TimeWindow(0, Math.max(run.end, last));
    this.operation = -1;
    this.scope = "all";
    this.selected = -1;
    this.kinds = run.main.kinds.map(() => true);
    /** @type {number[]} The messages in the window that pass the filters. */
    this.shown = [];
    this.drawn = 0;
    this.total = 0;
    /** @type {string[]} The rows: the operation's client, all other clients, the nodes. */
    this.labels = [];
    /** @type {number[]} The row of each name. */
    this.rows = [];
    this.nodes = new Set(run.main.nodes);
    this.drawing = new Drawing(elementOf("space-time", HTMLCanvasElement), this.time, (drawing) => this.draw(drawing));
    this.drawing.onClick = (x, y) => this.select(this.at(x, y));
    this.drawing.onHover = (x, y, event) => this.hover(x, y, event);
    this.drawing.onLeave = hideTip;
    this.drawing.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.listDetails = elementOf("list-details", HTMLDetailsElement);
    this.listDetails.addEventListener("toggle", () => this.drawing.request());
    this.listing = 0;
  }

  /** Show the time around an operation. @param {number} operation */
  around(operation) {
    this.operation = operation;
    const begin = this.run.operations.begin[operation];
    const end = Math.min(this.run.endOf(operation), begin + OPERATION_SHOWN_MAX_US);
    const margin = Math.max((end - begin) * MARGIN_OF_OPERATION, 500);
    this.layOut();
    this.select(-1);
    this.time.show(begin - margin, end + margin);
  }

  get client() {
    return this.operation < 0 ? "" : this.run.tables.clients[this.run.operations.client[this.operation]];
  }

  get node() {
    return this.operation < 0 ? "" : this.run.tables.nodes[this.run.operations.node[this.operation]];
  }

  layOut() {
    this.labels = [...(this.client ? [this.client] : []), "clients", ...this.nodes];
    const places = new Map(this.labels.map((name, row) => [name, row]));
    const others = places.get("clients") ?? 0;
    this.rows = this.run.main.names.map((name) => places.get(name) ?? others);
    this.drawing.height = AXIS_HEIGHT + this.labels.length * ROW_HEIGHT;
  }

  /** @param {number} row */
  rowY(row) {
    return AXIS_HEIGHT + row * ROW_HEIGHT + ROW_HEIGHT / 2;
  }

  /** @param {number} i */
  passes(i) {
    const { kind, source, destination } = this.messages;
    if (!this.kinds[kind[i]]) return false;
    if (this.scope === "all") return true;
    const names = this.run.main.names;
    const ends = [names[source[i]], names[destination[i]]];
    if (this.scope === "node") return ends.includes(this.node);
    if (this.scope === "client" && ends.includes(this.client)) return true;
    return ends.every((name) => this.nodes.has(name));
  }

  /** Find the messages to draw: at most so many, evenly chosen among those in the window. */
  find() {
    const { sent, ended, longest, count } = this.messages;
    const { begin, end } = this.time;
    /** @type {number[]} */
    const found = [];
    for (let i = firstAtLeast(sent, begin - longest); i < count && sent[i] <= end; i++) {
      if (ended[i] >= begin && this.passes(i)) found.push(i);
    }
    this.total = found.length;
    const stride = Math.max(1, this.total / ARROWS_MAX);
    this.shown = stride === 1 ? found : Array.from({ length: ARROWS_MAX }, (_, place) => found[Math.floor(place * stride)]);
  }

  /** @param {Drawing} drawing */
  draw(drawing) {
    if (!this.labels.length) this.layOut();
    this.find();
    drawing.axis(drawing.height);
    const { context } = drawing;
    this.labels.forEach((name, row) => {
      drawing.label(name, this.rowY(row), this.nodes.has(name));
      context.strokeStyle = name === this.node ? colour("text") : colour("faint");
      context.lineWidth = name === this.node ? 2.5 : 1;
      context.beginPath();
      context.moveTo(MARGIN, this.rowY(row));
      context.lineTo(drawing.width, this.rowY(row));
      context.stroke();
    });
    drawing.clipped(() => {
      this.drawConditions(drawing);
      this.drawOperation(drawing);
      this.drawArrows(drawing, this.shown, false);
      if (this.selected >= 0) this.drawArrows(drawing, [this.selected], true);
    });
    const kept = this.run.main.messages < this.run.main.messagesTotal
      ? ` The page has ${this.run.main.messages.toLocaleString("en")} of ${this.run.main.messagesTotal.toLocaleString("en")}.` : "";
    element("messages-count").textContent = this.total > ARROWS_MAX
      ? `${ARROWS_MAX.toLocaleString("en")} of ${this.total.toLocaleString("en")} messages are drawn: zoom in for all.${kept}`
      : `${this.total.toLocaleString("en")} messages.${kept}`;
    this.list();
  }

  /** @param {Drawing} drawing */
  drawOperation(drawing) {
    if (this.operation < 0) return;
    const { context } = drawing;
    const left = drawing.x(this.run.operations.begin[this.operation]);
    const right = drawing.x(this.run.endOf(this.operation));
    const y = this.rowY(0);
    context.globalAlpha = 0.35;
    context.fillStyle = colour("accent");
    context.fillRect(left, y - 8, Math.max(2, right - left), 16);
    context.globalAlpha = 1;
    context.fillStyle = colour("text");
    context.fillText(this.run.describe(this.operation), Math.max(left, MARGIN) + 3, y - 17);
  }

  /** @param {number} i @returns {[number, number, number, number]} */
  arrow(i) {
    const { sent, ended, source, destination, fate } = this.messages;
    const [x1, y1] = [this.drawing.x(sent[i]), this.rowY(this.rows[source[i]])];
    let [x2, y2] = [this.drawing.x(ended[i]), this.rowY(this.rows[destination[i]])];
    if (STOPPED.has(this.run.main.fates[fate[i]])) y2 = y1 + (y2 - y1) * 0.55;
    return [x1, y1, x2, y2];
  }

  /** Hatch the times in which a fault hit the node itself, or all of its links. @param {Drawing} drawing */
  drawConditions(drawing) {
    const { context } = drawing;
    for (const lane of this.run.main.lanes) {
      const y = this.rowY(this.labels.indexOf(lane.node));
      for (const [begin, end, kind, whole] of lane.conditions) {
        const ends = whole ? drawing.ends(begin, end) : null;
        if (!ends) continue;
        context.fillStyle = hatching(context, kind);
        context.fillRect(ends[0], y - 9, ends[1] - ends[0], 18);
        drawing.textIn(kind, ends[0], y + 17, ends[1] - ends[0], colour(conditionStyle(kind).colour), colour("back"));
      }
    }
  }

  /** Draw arrows, those of a type at once. @param {Drawing} drawing @param {number[]} arrows @param {boolean} selected */
  drawArrows(drawing, arrows, selected) {
    const { context } = drawing;
    /** @type {Map<number, number[]>} */
    const byKind = new Map();
    for (const i of arrows) {
      const kind = this.messages.kind[i];
      const others = byKind.get(kind);
      if (others) others.push(i);
      else byKind.set(kind, [i]);
    }
    for (const [kind, those] of byKind) {
      const { colour: stroke, dash } = styleOf(kind);
      context.strokeStyle = context.fillStyle = selected ? colour("text") : stroke;
      context.lineWidth = selected ? 3 : 1.4;
      context.setLineDash(dash);
      context.beginPath();
      for (const i of those) {
        const [x1, y1, x2, y2] = this.arrow(i);
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      }
      context.stroke();
      context.setLineDash([]);
      if (arrows.length <= HEADS_MAX) for (const i of those) this.drawEnd(context, i);
    }
  }

  /** Draw a message's head, or the cross of one that was stopped. @param {CanvasRenderingContext2D} context @param {number} i */
  drawEnd(context, i) {
    const [x1, y1, x2, y2] = this.arrow(i);
    const fate = this.run.main.fates[this.messages.fate[i]];
    if (STOPPED.has(fate)) {
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x2 - 4, y2 - 4);
      context.lineTo(x2 + 4, y2 + 4);
      context.moveTo(x2 + 4, y2 - 4);
      context.lineTo(x2 - 4, y2 + 4);
      context.stroke();
      return;
    }
    const angle = Math.atan2(y2 - y1, x2 - x1);
    context.beginPath();
    context.moveTo(x2, y2);
    context.lineTo(x2 - 7 * Math.cos(angle - 0.4), y2 - 7 * Math.sin(angle - 0.4));
    context.lineTo(x2 - 7 * Math.cos(angle + 0.4), y2 - 7 * Math.sin(angle + 0.4));
    context.fill();
    if (fate === "repeated") {
      context.beginPath();
      context.arc((x1 + x2) / 2, (y1 + y2) / 2, 3, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  /** @param {number} x @param {number} y @returns {number} The message whose arrow is there, or -1. */
  at(x, y) {
    let [best, nearest] = [-1, HIT_PIXELS ** 2];
    for (const i of this.shown) {
      const [x1, y1, x2, y2] = this.arrow(i);
      const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
      const along = length ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length)) : 0;
      const away = (x1 + along * (x2 - x1) - x) ** 2 + (y1 + along * (y2 - y1) - y) ** 2;
      if (away < nearest) [best, nearest] = [i, away];
    }
    return best;
  }

  /** @param {number} i @returns {string} */
  describe(i) {
    const { names, kinds, fates } = this.run.main;
    const { sent, ended, source, destination, kind, fate } = this.messages;
    return `${kinds[kind[i]]} ${names[source[i]]} → ${names[destination[i]]}, ${fates[fate[i]]}, ` +
      `sent ${seconds(sent[i], 6)}, took ${duration(ended[i] - sent[i])}`;
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  async hover(x, y, event) {
    const i = this.at(x, y);
    this.hovered = i;
    if (i < 0) return hideTip();
    showTip(this.describe(i), event);
    const body = await this.run.body(i);
    if (this.hovered === i && !tip.hidden) showTip(`${this.describe(i)}\n${body}`, event);
  }

  /** @param {number} i */
  async select(i) {
    this.selected = i;
    this.drawing.request();
    const place = element("message");
    if (i < 0) {
      place.replaceChildren(paragraph("No message is selected."));
      return;
    }
    const body = document.createElement("pre");
    place.replaceChildren(paragraph(this.describe(i)), body);
    const text = await this.run.body(i);
    if (this.selected === i) body.textContent = text;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (movedByKey(event, this.time)) {
      event.preventDefault();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      this.step(event.key === "ArrowLeft" ? -1 : 1);
    } else if (event.key === "Escape") {
      element("timeline").focus();
    }
  }

  /** @param {number} by */
  step(by) {
    this.find();  // The drawing may not be up to date yet.
    const { sent } = this.messages;
    const place = this.shown.indexOf(this.selected);
    let next = place + by;
    if (place < 0) {
      const begin = this.operation < 0 ? this.time.begin : this.run.operations.begin[this.operation];
      next = this.shown.findIndex((i) => sent[i] >= begin);
    }
    if (next >= 0 && next < this.shown.length) this.select(this.shown[next]);
  }

  /** Fill the list while it is open. */
  async list() {
    if (!this.listDetails.open) return;
    const listing = ++this.listing;
    const { names, kinds, fates } = this.run.main;
    const { sent, ended, source, destination, kind, fate } = this.messages;
    const rows = this.shown.slice(0, LISTED_MAX);
    const bodies = await Promise.all(rows.map((i) => this.run.body(i)));
    if (listing !== this.listing) return;
    element("list").replaceChildren(...rows.map((i, place) => tableRow([
      seconds(sent[i], 6), duration(ended[i] - sent[i]), names[source[i]], names[destination[i]],
      kinds[kind[i]], fates[fate[i]], bodies[place],
    ])));
  }
}

/** @param {string} text */
function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

/** @param {string[]} cells */
function tableRow(cells) {
  const row = document.createElement("tr");
  for (const cell of cells) row.insertCell().textContent = cell;
  return row;
}
