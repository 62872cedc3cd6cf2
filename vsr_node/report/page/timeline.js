// Operations over time, a lane for each process; above them the faults, and the nodes' views.

const LANE_HEIGHT = 18;
const VIEW_HEIGHT = 16;
const FAULTS_HEIGHT = 20;
const HIT_PIXELS = 8;

class Timeline {
  /** @param {Run} run @param {TimeWindow} time @param {(operation: number) => void} onSelect */
  constructor(run, time, onSelect) {
    this.run = run;
    this.time = time;
    this.onSelect = onSelect;
    this.key = -1;
    this.outcomes = [true, true, true];
    this.selected = -1;
    /** The numbers that the explanation gives to the violations' operations.
     * @type {Map<number, number>} */
    this.marks = new Map();
    for (const violation of run.main.violations) {
      violation.operations.forEach((operation, place) => this.marks.set(operation, place + 1));
    }
    this.strips = viewStrips(run);
    /** @type {number[]} The operations shown, in order of invocation. */
    this.shown = [];
    /** @type {Map<number|string, number>} */
    this.laneOf = new Map();
    this.laneCount = 0;
    this.drawing = new Drawing(elementOf("timeline", HTMLCanvasElement), time, (drawing) => this.draw(drawing));
    this.drawing.onClick = (x, y) => this.click(x, y);
    this.drawing.onHover = (x, y, event) => this.hover(x, y, event);
    this.drawing.onLeave = hideTip;
    this.drawing.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.filter();
  }

  get top() {
    const faults = this.run.main.faults.length ? FAULTS_HEIGHT : 0;
    return AXIS_HEIGHT + faults + this.strips.length * VIEW_HEIGHT + 4;
  }

  /** Apply the filters, and give each process a lane: its own, or one whose process has ended. */
  filter() {
    const { key, outcome, process, begin } = this.run.operations;
    this.shown = [];
    /** @type {Map<number|string, number>} */
    const lastEnd = new Map();
    for (let i = 0; i < this.run.count; i++) {
      if ((this.key >= 0 && key[i] !== this.key) || !this.outcomes[outcome[i]]) continue;
      this.shown.push(i);
      const end = this.run.operations.end[i];
      lastEnd.set(process[i], Math.max(lastEnd.get(process[i]) ?? 0, end < 0 ? begin[i] : end));
    }
    this.laneOf.clear();
    /** @type {number[]} */
    const busyUntil = [];
    for (const i of this.shown) {
      const name = process[i];
      if (this.laneOf.has(name)) continue;
      let lane = busyUntil.findIndex((until) => until < begin[i]);
      if (lane < 0) lane = busyUntil.length;
      busyUntil[lane] = lastEnd.get(name) ?? 0;
      this.laneOf.set(name, lane);
    }
    this.laneCount = busyUntil.length;
    this.drawing.height = this.top + Math.max(1, this.laneCount) * LANE_HEIGHT + 6;
    this.drawing.request();
  }

  /** @param {number} i */
  laneY(i) {
    return this.top + (this.laneOf.get(this.run.operations.process[i]) ?? 0) * LANE_HEIGHT;
  }

  /** @param {Drawing} drawing */
  draw(drawing) {
    const { run } = this;
    drawing.axis(drawing.height);
    drawing.clipped(() => drawing.faults(run.main.faults, AXIS_HEIGHT, drawing.height, true));
    this.drawViews(drawing);
    this.nameLanes(drawing);
    drawing.clipped(() => {
      this.drawOperations(drawing);
      this.drawMarks(drawing);
    });
  }

  /** @param {Drawing} drawing */
  drawViews(drawing) {
    const { context } = drawing;
    const members = this.run.main.members;
    const y0 = AXIS_HEIGHT + (this.run.main.faults.length ? FAULTS_HEIGHT : 0);
    this.strips.forEach(({ node, views }, row) => {
      const y = y0 + row * VIEW_HEIGHT;
      drawing.label(`view ${this.run.main.nodes[node]}`, y + VIEW_HEIGHT / 2);
      drawing.clipped(() => {
        let lastText = -Infinity;
        views.forEach(([begin, view], place) => {
          const left = Math.max(drawing.x(begin), MARGIN);
          const right = Math.min(drawing.x(views[place + 1]?.[0] ?? this.run.end), drawing.width);
          if (right < MARGIN || left > drawing.width) return;
          const primary = view % members.length;
          const { colour: fill } = styleOf(primary);
          context.globalAlpha = primary === node ? 0.9 : 0.25;
          context.fillStyle = fill;
          context.fillRect(left, y + 1, Math.max(1, right - left), VIEW_HEIGHT - 2);
          context.globalAlpha = 1;
          const text = primary === node ? `${view} primary` : `${view}`;
          if (right - left > 8 * text.length && left >= lastText) {
            context.fillStyle = primary === node ? colour("back") : colour("text");
            context.fillText(text, left + 4, y + VIEW_HEIGHT / 2 + 0.5);
            lastText = left + 8 * text.length;
          }
        });
      });
    });
  }

  /** @param {Drawing} drawing */
  nameLanes(drawing) {
    const { begin, end } = this.time;
    const { process, begin: begins } = this.run.operations;
    /** @type {Map<number, number|string>} The process that has a lane in the window. */
    const names = new Map();
    for (const i of this.shown) {
      if (begins[i] > end) break;
      const lane = this.laneOf.get(process[i]) ?? 0;
      if (this.run.endOf(i) >= begin || !names.has(lane)) names.set(lane, process[i]);
    }
    for (const [lane, name] of names) {
      drawing.label(`proc. ${name}`, this.top + lane * LANE_HEIGHT + LANE_HEIGHT / 2);
    }
  }

  /** @param {Drawing} drawing */
  drawOperations(drawing) {
    const { context } = drawing;
    const { begin, end } = this.time;
    const operations = this.run.operations;
    const colours = ["ok", "fail", "info"].map(colour);
    const [text, back] = [colour("text"), colour("back")];
    /** @type {Map<number, number>} For each lane and outcome, the end of the last operation drawn. */
    const drawnTo = new Map();
    for (const i of this.shown) {
      if (operations.begin[i] > end) break;
      if (this.run.endOf(i) < begin) continue;
      const outcome = operations.outcome[i];
      const y = this.laneY(i) + 3;
      const left = Math.max(drawing.x(operations.begin[i]), MARGIN - 4);
      const right = Math.max(Math.min(drawing.x(this.run.endOf(i)), drawing.width + 4), left + 2);
      const slot = y * 4 + outcome;
      if (right <= (drawnTo.get(slot) ?? -1)) continue;
      drawnTo.set(slot, right);
      const height = LANE_HEIGHT - 6;
      if (outcome === 0) {
        context.fillStyle = colours[0];
        context.fillRect(left, y, right - left, height);
      } else {
        context.strokeStyle = colours[outcome];
        context.lineWidth = 2;
        context.setLineDash(outcome === 2 ? [4, 3] : []);
        context.strokeRect(left + 1, y + 1, Math.max(1, right - left - 2), height - 2);
        context.setLineDash([]);
      }
      if (right - left > 44) {
        const label = this.run.describe(i);
        const room = Math.floor((right - left - 8) / 6.5);
        context.fillStyle = outcome === 0 ? back : text;
        context.fillText(label.length > room ? `${label.slice(0, room - 1)}…` : label, left + 5, y + height / 2 + 0.5);
      }
    }
  }

  /** Outline and number the violation's operations, and outline the selected one. @param {Drawing} drawing */
  drawMarks(drawing) {
    const { context } = drawing;
    const visible = new Set(this.shown);
    const outlined = [...this.marks.keys(), this.selected];
    for (const i of outlined) {
      if (!visible.has(i)) continue;
      const y = this.laneY(i);
      const left = drawing.x(this.run.operations.begin[i]) - 2;
      const right = Math.max(drawing.x(this.run.endOf(i)), left + 6) + 2;
      context.strokeStyle = i === this.selected ? colour("text") : colour("accent");
      context.lineWidth = i === this.selected ? 3 : 2;
      context.strokeRect(left, y + 1, right - left, LANE_HEIGHT - 2);
      const mark = this.marks.get(i);
      if (mark) {
        context.fillStyle = colour("accent");
        context.font = "bold 12px system-ui, sans-serif";
        context.textAlign = "right";
        context.fillText(`${mark}`, left - 3, y + LANE_HEIGHT / 2);
        context.textAlign = "left";
        context.font = "12px system-ui, sans-serif";
      }
    }
  }

  /** @param {number} x @param {number} y @returns {number} The operation there, or -1. */
  at(x, y) {
    const lane = Math.floor((y - this.top) / LANE_HEIGHT);
    const time = this.drawing.timeAt(x);
    const slack = this.drawing.timeAt(x + HIT_PIXELS) - time;
    let best = -1;
    let nearest = slack;
    for (const i of this.shown) {
      const begin = this.run.operations.begin[i];
      if (begin > time + slack) break;
      if (this.laneOf.get(this.run.operations.process[i]) !== lane) continue;
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
    const operation = y >= this.top ? this.at(x, y) : -1;
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
    const { process, begin } = this.run.operations;
    const lane = (this.laneOf.get(process[this.selected]) ?? 0) + by;
    let best = -1;
    for (const i of this.shown) {
      if (this.laneOf.get(process[i]) !== lane) continue;
      const away = Math.abs(begin[i] - begin[this.selected]);
      if (best < 0 || away < Math.abs(begin[best] - begin[this.selected])) best = i;
    }
    if (best >= 0) this.onSelect(best);
  }
}

/** Return each member's views, with the time when it was first seen in each. @param {Run} run */
function viewStrips(run) {
  /** @type {Map<number, [number, number][]>} */
  const strips = new Map();
  for (const [node, time, view] of run.main.views) {
    if (!strips.has(node)) strips.set(node, []);
    strips.get(node)?.push([time, view]);
  }
  return [...strips.entries()].sort((a, b) => a[0] - b[0]).map(([node, views]) => ({ node, views }));
}

/** @param {Run} run @param {number} i @returns {string} */
function describeOperation(run, i) {
  const { process, key, node, client, outcome, begin, end, error, event } = run.operations;
  const { keys, nodes, clients } = run.tables;
  const lasted = end[i] < 0 ? "never completed" : `to ${seconds(end[i])} (${duration(end[i] - begin[i])})`;
  const where = [nodes[node[i]] && `node ${nodes[node[i]]}`, clients[client[i]] && `client ${clients[client[i]]}`];
  const parts = [
    `${run.describe(i)}: ${OUTCOMES[outcome[i]]}`,
    `process ${process[i]}`,
    keys[key[i]] === "null" ? "" : `key ${keys[key[i]]}`,
    ...where,
    `${seconds(begin[i])} ${lasted}`,
    `event ${event[i]}`,
    error[i] && `error ${error[i]}`,
  ];
  return parts.filter(Boolean).join(", ");
}
