// Operations over time, grouped by the node that was asked, a lane for each process.

const LANE_HEIGHT = 20;
const GROUP_GAP = 8;
const HIT_PIXELS = 8;
const ORDER_SHOWN_MAX = 400;
const NUMBER_PIXELS = 16;

/** @typedef {{node: number, process: number | string, begin: number, end: number, operations: number[]}} ProcessSpan */

class Timeline {
  /** @param {Run} run @param {TimeWindow} time @param {(operation: number) => void} onSelect */
  constructor(run, time, onSelect) {
    this.run = run;
    this.time = time;
    this.onSelect = onSelect;
    this.key = -1;
    this.outcomes = run.main.outcomes.map(() => true);
    this.selected = -1;
    this.showsOrder = true;
    /** The numbers that the explanation gives to the violations' operations.
     * @type {Map<number, number>} */
    this.marks = new Map();
    for (const violation of run.main.violations) {
      violation.operations.forEach((operation, place) => this.marks.set(operation, place + 1));
    }
    this.culprits = new Set(run.main.violations.map((violation) => violation.culprit));
    /** @type {number[]} The operations shown, in order of invocation. */
    this.shown = [];
    /** The lane of each operation that is shown. */
    this.laneOf = new Int32Array(run.count);
    /** @type {{node: number, y: number}[]} */
    this.lanes = [];
    /** @type {number[]} The operations of the order that the checker found, as far as they are shown. */
    this.order = [];
    /** The time at which each operation of the order takes its place. */
    this.orderAt = new Float64Array(run.count);
    this.drawing = new Drawing(elementOf("timeline", HTMLCanvasElement), time, (drawing) => this.draw(drawing));
    this.drawing.onClick = (x, y) => this.click(x, y);
    this.drawing.onHover = (x, y, event) => this.hover(x, y, event);
    this.drawing.onLeave = hideTip;
    this.drawing.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.filter();
  }

  /** Apply the filters, and give each process a lane of its node: its own, or one whose process has ended. */
  filter() {
    const { key, outcome } = this.run.operations;
    this.shown = [];
    for (let i = 0; i < this.run.count; i++) {
      if ((this.key < 0 || key[i] === this.key) && this.outcomes[outcome[i]]) this.shown.push(i);
    }
    this.laneOf.fill(-1);
    this.lanes = [];
    const { nodes } = this.run.tables;
    const members = this.run.main.lanes.map((lane) => lane.node);
    const rank = (/** @type {number} */ node) => (members.indexOf(nodes[node]) + 1 || members.length + 1 + node);
    const spans = this.processSpans();
    const asked = [...new Set(spans.map((span) => span.node))].sort((a, b) => rank(a) - rank(b));
    let y = AXIS_HEIGHT + 4;
    for (const node of asked) {
      /** @type {number[]} */
      const busyUntil = [];
      for (const span of spans.filter((each) => each.node === node)) {
        let row = busyUntil.findIndex((until) => until < span.begin);
        if (row < 0) row = busyUntil.length;
        busyUntil[row] = span.end;
        for (const i of span.operations) this.laneOf[i] = this.lanes.length + row;
      }
      busyUntil.forEach((_, row) => this.lanes.push({ node, y: y + row * LANE_HEIGHT }));
      y += busyUntil.length * LANE_HEIGHT + GROUP_GAP;
    }
    this.drawing.height = Math.max(y, AXIS_HEIGHT + LANE_HEIGHT);
    this.findOrder();
    this.drawing.request();
  }

  /** Return the time from the first to the last operation of each process at each node, in order of begin. */
  processSpans() {
    const { process, node, begin, end } = this.run.operations;
    /** @type {Map<string, ProcessSpan>} */
    const spans = new Map();
    for (const i of this.shown) {
      const name = `${node[i]} ${process[i]}`;
      let span = spans.get(name);
      if (!span) {
        span = { node: node[i], process: process[i], begin: begin[i], end: begin[i], operations: [] };
        spans.set(name, span);
      }
      span.end = Math.max(span.end, end[i] < 0 ? begin[i] : end[i]);
      span.operations.push(i);
    }
    return [...spans.values()];
  }

  /** Give each operation of the order a time: the earliest that keeps the order, within the operation. */
  findOrder() {
    const { place, begin } = this.run.operations;
    const isOneKey = this.key >= 0 || this.run.tables.keys.length < 2;
    this.order = isOneKey ? this.shown.filter((i) => place[i] > 0).sort((a, b) => place[a] - place[b]) : [];
    let now = 0;
    for (const i of this.order) this.orderAt[i] = now = Math.max(now, begin[i]);
  }

  /** @param {number} i */
  laneY(i) {
    return this.lanes[this.laneOf[i]].y;
  }

  /** @param {Drawing} drawing */
  draw(drawing) {
    drawing.axis(drawing.height);
    drawing.label("node · process", AXIS_HEIGHT / 2);
    drawing.clipped(() => this.drawConditions(drawing));
    this.nameLanes(drawing);
    drawing.clipped(() => {
      this.drawOperations(drawing);
      if (this.showsOrder) this.drawOrder(drawing);
      this.drawMarks(drawing);
    });
  }

  /** Shade the times in which a fault hit the node itself, or all of its links. @param {Drawing} drawing */
  drawConditions(drawing) {
    const { context } = drawing;
    this.lanes.forEach(({ node, y }) => {
      const name = this.run.tables.nodes[node];
      const lane = this.run.main.lanes.find((each) => each.node === name);
      for (const [begin, end, kind, whole] of lane?.conditions ?? []) {
        const ends = whole ? drawing.ends(begin, end) : null;
        if (!ends) continue;
        context.globalAlpha = 0.13;
        context.fillStyle = colour(conditionStyle(kind).colour);
        context.fillRect(ends[0], y, ends[1] - ends[0], LANE_HEIGHT);
        context.globalAlpha = 1;
      }
    });
    if (!this.run.main.lanes.length) drawing.faults(this.run.main.faults, AXIS_HEIGHT, drawing.height);
  }

  /** @param {Drawing} drawing */
  nameLanes(drawing) {
    const { begin, end } = this.time;
    const { process, begin: begins } = this.run.operations;
    /** @type {Map<number, number|string>} The process that has a lane in the window. */
    const names = new Map();
    for (const i of this.shown) {
      if (begins[i] > end) break;
      const lane = this.laneOf[i];
      if (this.run.endOf(i) >= begin || !names.has(lane)) names.set(lane, process[i]);
    }
    for (const [lane, name] of names) {
      const { node, y } = this.lanes[lane];
      const isFirst = lane === 0 || this.lanes[lane - 1].node !== node;
      const prefix = this.run.tables.nodes[node];
      drawing.label(prefix ? `${prefix} · ${name}` : `process ${name}`, y + LANE_HEIGHT / 2, isFirst && Boolean(prefix));
    }
  }

  /** @param {Drawing} drawing */
  drawOperations(drawing) {
    const { begin, end } = this.time;
    const operations = this.run.operations;
    const [text, back] = [colour("text"), colour("back")];
    /** For each lane and outcome, the end of the last operation drawn. */
    const drawnTo = new Float64Array(this.lanes.length * this.outcomes.length).fill(-1);
    drawing.context.font = "11px system-ui, sans-serif";
    for (const i of this.shown) {
      if (operations.begin[i] > end) break;
      if (this.run.endOf(i) < begin) continue;
      const outcome = operations.outcome[i];
      const y = this.laneY(i) + 3;
      const left = Math.max(drawing.x(operations.begin[i]), MARGIN - 4);
      const right = Math.max(Math.min(drawing.x(this.run.endOf(i)), drawing.width + 4), left + 2);
      const slot = this.laneOf[i] * this.outcomes.length + outcome;
      if (right <= drawnTo[slot]) continue;
      drawnTo[slot] = right;
      const height = LANE_HEIGHT - 6;
      drawBar(drawing.context, outcome, left, y, right - left, height);
      // The dot and the number of the order stand where an operation begins.
      const indent = this.showsOrder && this.order.length && operations.place[i] > 0 ? 30 : 5;
      if (right - left > 39 + indent) {
        const label = this.run.describe(i);
        const room = Math.floor((right - left - indent - 3) / 6.5);
        drawing.context.fillStyle = outcome === 0 ? back : text;
        drawing.context.fillText(label.length > room ? `${label.slice(0, room - 1)}…` : label, left + indent, y + height / 2 + 0.5);
      }
    }
    drawing.context.font = "12px system-ui, sans-serif";
  }

  /** Draw the order that the checker found: a line from operation to operation. @param {Drawing} drawing */
  drawOrder(drawing) {
    const { begin, end } = this.time;
    const { context } = drawing;
    const seen = this.order.filter((i) => this.orderAt[i] >= begin && this.orderAt[i] <= end);
    this.drawing.canvas.dataset.order = String(seen.length);
    if (seen.length > ORDER_SHOWN_MAX) return;
    const points = seen.map((i) => /** @type {[number, number]} */ ([drawing.x(this.orderAt[i]), this.laneY(i) + LANE_HEIGHT / 2]));
    // Operations that take their places at one time stand side by side.
    for (let n = 1; n < points.length; n++) points[n][0] = Math.max(points[n][0], points[n - 1][0] + 3);
    context.strokeStyle = context.fillStyle = colour("order");
    context.lineWidth = 1.3;
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    context.stroke();
    for (const [x, y] of points) {
      context.beginPath();
      context.arc(x, y, 3.2, 0, 2 * Math.PI);
      context.fillStyle = colour("back");
      context.fill();
      context.stroke();
    }
    context.font = "600 10px system-ui, sans-serif";
    let numberedTo = -Infinity;
    points.forEach(([x, y], n) => {
      if (x < numberedTo) return;
      const number = String(this.run.operations.place[seen[n]]);
      const width = context.measureText(number).width;
      context.fillStyle = colour("back");
      context.fillRect(x + 4, y - 8, width + 2, 10);
      context.fillStyle = colour("order");
      context.fillText(number, x + 5, y - 3);
      numberedTo = x + NUMBER_PIXELS + width;
    });
    context.font = "12px system-ui, sans-serif";
  }

  /** Outline and number the violation's operations, and outline the selected one. @param {Drawing} drawing */
  drawMarks(drawing) {
    const { context } = drawing;
    for (const i of [...this.marks.keys(), this.selected]) {
      if (i < 0 || this.laneOf[i] < 0) continue;
      const y = this.laneY(i);
      const left = drawing.x(this.run.operations.begin[i]) - 2;
      const right = Math.max(drawing.x(this.run.endOf(i)), left + 6) + 2;
      context.strokeStyle = i === this.selected ? colour("text") : colour("accent");
      context.lineWidth = i === this.selected ? 3 : 2;
      context.strokeRect(left, y + 1, right - left, LANE_HEIGHT - 2);
      const mark = this.marks.get(i);
      if (!mark) continue;
      context.fillStyle = colour("accent");
      context.font = "bold 12px system-ui, sans-serif";
      context.textAlign = "right";
      context.fillText(`${mark}`, left - 3, y + LANE_HEIGHT / 2);
      context.textAlign = "left";
      if (this.culprits.has(i)) this.markCulprit(drawing, left - 20, right + 4, y + LANE_HEIGHT / 2);
      context.font = "12px system-ui, sans-serif";
    }
  }

  /** Write that an operation has no place, after it or, if there is no room, before it.
   * @param {Drawing} drawing @param {number} before @param {number} after @param {number} y */
  markCulprit(drawing, before, after, y) {
    const { context } = drawing;
    const text = "✗ no place";
    const fits = after + context.measureText(text).width < drawing.width;
    context.textAlign = fits ? "left" : "right";
    context.fillText(text, fits ? after : before, y);
    context.textAlign = "left";
  }

  /** @param {number} x @param {number} y @returns {number} The operation there, or -1. */
  at(x, y) {
    const lane = this.lanes.findIndex((each) => y >= each.y && y < each.y + LANE_HEIGHT);
    const time = this.drawing.timeAt(x);
    const slack = this.drawing.timeAt(x + HIT_PIXELS) - time;
    let best = -1;
    let nearest = slack;
    for (const i of this.shown) {
      const begin = this.run.operations.begin[i];
      if (begin > time + slack) break;
      if (lane < 0 || this.laneOf[i] !== lane) continue;
      const away = Math.max(begin - time, time - this.run.endOf(i), 0);
      if (away <= nearest) {
        nearest = away;
        best = i;
      }
    }
    return best;
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    const operation = this.at(x, y);
    if (operation >= 0) this.onSelect(operation);
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  hover(x, y, event) {
    const operation = x >= MARGIN ? this.at(x, y) : -1;
    if (operation >= 0) showTip(describeOperation(this.run, operation), event);
    else hideTip();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (movedByKey(event, this.time)) {
      event.preventDefault();
    } else if (event.key in steps) {
      event.preventDefault();
      this.step(steps[event.key]);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      this.changeLane(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "0") {
      this.time.show(this.time.first, this.time.last);
    } else if (event.key === "v") {
      element("zoom-violation").click();
    } else if (event.key === "Enter" && this.selected >= 0) {
      element("space-time").focus();
    }
  }

  /** Select the operation before or after; the first in view if none is selected. @param {number} by */
  step(by) {
    if (!this.shown.length) return;
    let place = this.shown.indexOf(this.selected);
    if (place < 0) {
      const { begin } = this.run.operations;
      const first = this.shown.findIndex((i) => begin[i] >= this.time.begin);
      place = first < 0 ? this.shown.length - 1 : first;
    } else {
      place = Math.min(Math.max(place + by, 0), this.shown.length - 1);
    }
    this.onSelect(this.shown[place]);
  }

  /** Select the operation of the next lane that is nearest in time. @param {number} by */
  changeLane(by) {
    if (this.selected < 0) return this.step(1);
    const { begin } = this.run.operations;
    const lane = this.laneOf[this.selected] + by;
    let best = -1;
    for (const i of this.shown) {
      if (this.laneOf[i] !== lane) continue;
      const away = Math.abs(begin[i] - begin[this.selected]);
      if (best < 0 || away < Math.abs(begin[best] - begin[this.selected])) best = i;
    }
    if (best >= 0) this.onSelect(best);
  }
}

/** Draw an operation as a bar whose form and colour are its outcome's: full; half full for an answer of no; hollow
 * and crossed out if it was refused; dashed if it timed out; dotted if its outcome is unknown.
 * @param {CanvasRenderingContext2D} context @param {number} outcome @param {number} x @param {number} y
 * @param {number} width @param {number} height */
function drawBar(context, outcome, x, y, width, height) {
  const ink = colour(OUTCOME_COLOURS[outcome]);
  context.fillStyle = context.strokeStyle = ink;
  if (outcome === 0) {
    context.fillRect(x, y, width, height);
    return;
  }
  context.lineWidth = 1.8;
  if (outcome === 3) context.setLineDash([5, 3]);
  if (outcome === UNKNOWN) context.setLineDash([1.5, 2.5]);
  context.strokeRect(x + 1, y + 1, Math.max(1, width - 2), height - 2);
  context.setLineDash([]);
  if (outcome === 1) context.fillRect(x, y + height - 4, width, 4);
  if (outcome === 2) {
    const size = Math.min(width, height);
    context.lineWidth = 1.4;
    context.beginPath();
    context.moveTo(x + width - size, y);
    context.lineTo(x + width, y + height);
    context.moveTo(x + width, y);
    context.lineTo(x + width - size, y + height);
    context.stroke();
  }
}

/** @param {Run} run @param {number} i @returns {string} */
function describeOperation(run, i) {
  const { process, key, node, client, outcome, begin, end, error, event, place } = run.operations;
  const { keys, nodes, clients } = run.tables;
  const lasted = end[i] < 0 ? "never completed" : `to ${seconds(end[i])} (${duration(end[i] - begin[i])})`;
  const where = [nodes[node[i]] && `node ${nodes[node[i]]}`, clients[client[i]] && `client ${clients[client[i]]}`];
  const parts = [
    `${run.describe(i)}: ${run.main.outcomes[outcome[i]]}`,
    `process ${process[i]}`,
    keys[key[i]] === "null" ? "" : `key ${keys[key[i]]}`,
    ...where,
    `${seconds(begin[i])} ${lasted}`,
    place[i] ? `place ${place[i]} in the order found` : "",
    `event ${event[i]}`,
    error[i] && `error ${error[i]}`,
  ];
  return parts.filter(Boolean).join(", ");
}
