// What happened to each node: its views and when it led, the faults that hit it, and what it wrote to stderr.

const VIEW_HEIGHT = 20;
const CONDITION_HEIGHT = 17;
const LOG_HEIGHT = 10;
const LANE_GAP = 8;
const FAULTS_HEIGHT = 20;

/** How each kind of condition is hatched: its colour, and the direction of its lines.
 * @type {Record<string, {colour: string, hatch: "up" | "down" | "across" | "bars"}>} */
const CONDITION_STYLES = {
  killed: { colour: "killed", hatch: "across" },
  starting: { colour: "killed", hatch: "up" },
  ended: { colour: "killed", hatch: "across" },
  paused: { colour: "paused", hatch: "bars" },
  cut: { colour: "cut", hatch: "up" },
  slowed: { colour: "slowed", hatch: "down" },
  chosen: { colour: "leads", hatch: "down" },
};
const OTHER_CONDITION = /** @type {const} */ ({ colour: "faint", hatch: "up" });

/** @param {string} kind */
function conditionStyle(kind) {
  return CONDITION_STYLES[kind] ?? OTHER_CONDITION;
}

/** @type {Map<string, CanvasPattern>} */
const hatches = new Map();
darkness.addEventListener("change", () => hatches.clear());

/** @param {CanvasRenderingContext2D} context @param {string} kind @returns {CanvasPattern | string} */
function hatching(context, kind) {
  const { colour: name, hatch } = conditionStyle(kind);
  const found = hatches.get(kind);
  if (found) return found;
  const size = 8;
  const tile = new OffscreenCanvas(size, size);
  const pen = tile.getContext("2d");
  if (!pen) return colour(name);
  pen.strokeStyle = colour(name);
  pen.lineWidth = 1.3;
  pen.globalAlpha = 0.75;
  pen.beginPath();
  /** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
  const line = (x1, y1, x2, y2) => {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  };
  if (hatch === "up" || hatch === "across") {
    for (const shift of [-size, 0, size]) line(shift - 1, size + 1, shift + size + 1, -1);
  }
  if (hatch === "down" || hatch === "across") {
    for (const shift of [-size, 0, size]) line(shift - 1, -1, shift + size + 1, size + 1);
  }
  if (hatch === "bars") for (const x of [2, 6]) line(x, -1, x, size + 1);
  pen.stroke();
  const pattern = context.createPattern(/** @type {any} */ (tile), "repeat");
  if (!pattern) return colour(name);
  hatches.set(kind, pattern);
  return pattern;
}

/** A lane with the row of each of its conditions, so that none covers another.
 * @typedef {{lane: Lane, top: number, rows: number[], rowCount: number, log: number[]}} PlacedLane */

class Lanes {
  /** @param {Run} run @param {TimeWindow} time @param {(fault: number) => void} onFault @param {(line: number) => void} onLine */
  constructor(run, time, onFault, onLine) {
    this.run = run;
    this.onFault = onFault;
    this.onLine = onLine;
    /** The number of the fault that is shown; -1 if none is. */
    this.fault = -1;
    this.drawing = new Drawing(elementOf("nodes", HTMLCanvasElement), time, (drawing) => this.draw(drawing));
    this.drawing.onClick = (x, y) => this.click(x, y);
    this.drawing.onHover = (x, y, event) => this.hover(x, y, event);
    this.drawing.onLeave = hideTip;
    this.drawing.canvas.addEventListener("keydown", (event) => {
      if (movedByKey(event, time)) event.preventDefault();
      else if (event.key === "0") time.show(time.first, time.last);
    });
    this.faultsHeight = run.main.faults.length ? FAULTS_HEIGHT : 0;
    this.placed = this.place();
    const last = this.placed[this.placed.length - 1];
    this.drawing.height = last ? last.top + laneHeight(last) : AXIS_HEIGHT + this.faultsHeight;
    this.drawing.request();
  }

  /** @returns {PlacedLane[]} */
  place() {
    let top = AXIS_HEIGHT + this.faultsHeight + 2;
    const { log } = this.run.main;
    return this.run.main.lanes.map((lane) => {
      /** @type {number[]} */
      const busyUntil = [];
      const rows = lane.conditions.map(([begin, end]) => {
        let row = busyUntil.findIndex((until) => until <= begin);
        if (row < 0) row = busyUntil.length;
        busyUntil[row] = end ?? Infinity;
        return row;
      });
      const lines = log.time.map((_, i) => i).filter((i) => log.node[i] === lane.node && log.time[i] >= 0);
      const placed = { lane, top, rows, rowCount: busyUntil.length, log: lines };
      top += laneHeight(placed);
      return placed;
    });
  }

  /** @param {Drawing} drawing */
  draw(drawing) {
    drawing.axis(drawing.height);
    if (this.faultsHeight) drawing.label("faults", AXIS_HEIGHT + FAULTS_HEIGHT / 2);
    for (const placed of this.placed) {
      drawing.context.fillStyle = colour("raised");
      drawing.context.fillRect(MARGIN, placed.top, drawing.width - MARGIN, laneHeight(placed) - LANE_GAP);
      drawing.label(placed.lane.node, placed.top + VIEW_HEIGHT / 2, true);
    }
    drawing.clipped(() => {
      this.drawFaults(drawing);
      for (const placed of this.placed) {
        this.drawViews(drawing, placed);
        placed.lane.conditions.forEach((condition, i) => this.drawCondition(drawing, placed, condition, placed.rows[i]));
        this.drawLog(drawing, placed);
      }
    });
  }

  /** @param {Drawing} drawing */
  drawFaults(drawing) {
    const { faults } = this.run.main;
    faults.forEach(([begin, end, name, text], number) => {
      const ends = drawing.ends(begin, end);
      if (!ends) return;
      const [left, right] = ends;
      drawing.context.fillStyle = colour("fault");
      drawing.context.fillRect(left, AXIS_HEIGHT, right - left, FAULTS_HEIGHT - 3);
      if (number === this.fault) {
        drawing.context.strokeStyle = colour("text");
        drawing.context.lineWidth = 2;
        drawing.context.strokeRect(left + 1, AXIS_HEIGHT + 1, right - left - 2, FAULTS_HEIGHT - 5);
      }
      // Faults overlap: each name ends where the next one begins.
      const room = Math.min(right, number + 1 < faults.length ? drawing.x(faults[number + 1][0]) : right) - left;
      drawing.textIn(`${name} ${text}`, left, AXIS_HEIGHT + FAULTS_HEIGHT / 2 - 1, room, colour("text"));
    });
  }

  /** @param {Drawing} drawing @param {PlacedLane} placed */
  drawViews(drawing, { lane, top }) {
    const { context } = drawing;
    for (const [begin, end] of lane.leads) {
      const ends = drawing.ends(begin, end);
      if (!ends) continue;
      context.fillStyle = colour("leads");
      context.fillRect(ends[0], top + 1, ends[1] - ends[0], VIEW_HEIGHT - 2);
    }
    context.strokeStyle = colour("faint");
    context.lineWidth = 1;
    const { viewWord: word } = this.run.main;
    for (const [begin, end, view] of lane.views) {
      const ends = drawing.ends(begin, end);
      if (!ends) continue;
      const [left, right] = ends;
      context.beginPath();
      context.moveTo(Math.round(left) + 0.5, top + 2);
      context.lineTo(Math.round(left) + 0.5, top + VIEW_HEIGHT - 2);
      context.stroke();
      const leads = lane.leads.find(([from, to]) => from < (end ?? Infinity) && (to ?? Infinity) > Math.max(begin, drawing.timeAt(left)));
      const room = (leads ? Math.max(left, drawing.x(leads[0])) : right) - left;
      if (room > 20) drawing.textIn(room > 60 ? `${word} ${viewName(view)}` : viewName(view), left, top + VIEW_HEIGHT / 2, room, colour("faint"));
    }
    for (const [begin, end] of lane.leads) {
      const ends = drawing.ends(begin, end);
      if (!ends) continue;
      const room = ends[1] - ends[0];
      const view = lane.views.find(([from, to]) => from <= begin && (to ?? Infinity) > begin)?.[2];
      const name = view === undefined ? "" : viewName(view);
      const text = !name ? "leads" : room > 96 ? `leads, ${word} ${name}` : room > 34 ? name : "";
      drawing.textIn(`★ ${text}`, ends[0], top + VIEW_HEIGHT / 2, room, colour("back"));
    }
  }

  /** @param {Drawing} drawing @param {PlacedLane} placed @param {Condition} condition @param {number} row */
  drawCondition(drawing, placed, [begin, end, kind, whole, text, fault], row) {
    const ends = drawing.ends(begin, end);
    if (!ends) return;
    const [left, right] = ends;
    const { context } = drawing;
    const y = placed.top + VIEW_HEIGHT + row * CONDITION_HEIGHT + 1;
    const height = CONDITION_HEIGHT - 3;
    const ink = colour(conditionStyle(kind).colour);
    if (whole) {
      context.fillStyle = hatching(context, kind);
      context.fillRect(left, y, right - left, height);
    }
    context.strokeStyle = fault >= 0 && fault === this.fault ? colour("text") : ink;
    context.lineWidth = fault >= 0 && fault === this.fault ? 2.5 : 1.2;
    context.setLineDash(whole ? [] : [4, 3]);
    context.strokeRect(left + 0.5, y + 0.5, Math.max(1, right - left - 1), height - 1);
    context.setLineDash([]);
    const label = kind === "cut" && whole ? `cut off: ${text}` : text;
    const fitting = [label, kind].find((text) => context.measureText(text).width + 14 <= right - left);
    if (fitting) drawing.textIn(fitting, left + 3, y + height / 2, right - left - 6, ink, whole ? colour("raised") : undefined);
  }

  /** @param {Drawing} drawing @param {PlacedLane} placed */
  drawLog(drawing, placed) {
    const { log } = this.run.main;
    const y = logTop(placed) + LOG_HEIGHT / 2;
    const { context } = drawing;
    let drawnTo = -1;
    for (const alarming of [false, true]) {
      context.fillStyle = context.strokeStyle = colour(alarming ? "killed" : "faint");
      drawnTo = -1;
      for (const i of placed.log) {
        if (log.alarming[i] !== alarming || log.time[i] < drawing.time.begin || log.time[i] > drawing.time.end) continue;
        const x = Math.round(drawing.x(log.time[i]));
        if (x <= drawnTo) continue;
        drawnTo = x + (alarming ? 3 : 1);
        context.beginPath();
        if (alarming) {
          context.moveTo(x, y - 5);
          context.lineTo(x + 4.5, y + 3.5);
          context.lineTo(x - 4.5, y + 3.5);
          context.fill();
        } else {
          context.fillRect(x, y - 3, 1.5, 7);
        }
      }
    }
  }

  /** Return what is at a place: a condition, a fault's number, or a line of a log; null if it is nothing.
   * @param {number} x @param {number} y @returns {{text: string, fault: number, line: number} | null} */
  at(x, y) {
    const time = this.drawing.timeAt(x);
    const within = (/** @type {number} */ begin, /** @type {number | null} */ end) => begin <= time && time < (end ?? Infinity);
    if (y < AXIS_HEIGHT + this.faultsHeight) {
      let found = -1;
      this.run.main.faults.forEach(([begin, end], number) => { if (within(begin, end)) found = number; });
      return y < AXIS_HEIGHT || found < 0 ? null : { text: this.describeFault(found), fault: found, line: -1 };
    }
    const placed = this.placed.find((each) => y >= each.top && y < each.top + laneHeight(each));
    if (!placed) return null;
    if (y < placed.top + VIEW_HEIGHT) return this.viewAt(placed.lane, within);
    const row = Math.floor((y - placed.top - VIEW_HEIGHT) / CONDITION_HEIGHT);
    const condition = placed.lane.conditions.find(([begin, end], i) => placed.rows[i] === row && within(begin, end));
    if (condition) {
      const text = `${placed.lane.node}: ${condition[4]}, ${seconds(condition[0])} to ${condition[1] === null ? "the end" : seconds(condition[1])}`;
      return { text: condition[5] < 0 ? text : `${text}\n${this.describeFault(condition[5])}`, fault: condition[5], line: -1 };
    }
    return this.lineAt(placed, x, y);
  }

  /** @param {Lane} lane @param {(begin: number, end: number | null) => boolean} within */
  viewAt(lane, within) {
    const view = lane.views.find(([begin, end]) => within(begin, end));
    const leads = lane.leads.some(([begin, end]) => within(begin, end));
    if (!view && !leads) return null;
    const parts = [view ? `${this.run.main.viewWord} ${viewName(view[2])} from ${seconds(view[0])}` : "", leads ? "leads" : ""];
    return { text: `${lane.node}: ${parts.filter(Boolean).join(", ")}`, fault: -1, line: -1 };
  }

  /** @param {PlacedLane} placed @param {number} x @param {number} y */
  lineAt(placed, x, y) {
    if (y < logTop(placed)) return null;
    const { log } = this.run.main;
    let [best, nearest] = [-1, HIT_PIXELS];
    for (const i of placed.log) {
      const away = Math.abs(this.drawing.x(log.time[i]) - x) - (log.alarming[i] ? 2 : 0);
      if (away < nearest) [best, nearest] = [i, away];
    }
    return best < 0 ? null : { text: `${placed.lane.node}, ${seconds(log.time[best], 6)}: ${log.text[best]}`, fault: -1, line: best };
  }

  /** @param {number} number */
  describeFault(number) {
    const [begin, end, name, text] = this.run.main.faults[number];
    return `fault ${number + 1}: ${name} ${text}, ${seconds(begin)} to ${end === null ? "the end" : seconds(end)}`;
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    const found = this.at(x, y);
    if (found && found.fault >= 0) this.onFault(found.fault);
    if (found && found.line >= 0) this.onLine(found.line);
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  hover(x, y, event) {
    const found = x >= MARGIN ? this.at(x, y) : null;
    if (found) showTip(found.text, event);
    else hideTip();
  }
}

/** @param {PlacedLane} placed */
function logTop(placed) {
  return placed.top + VIEW_HEIGHT + placed.rowCount * CONDITION_HEIGHT;
}

/** @param {PlacedLane} placed */
function laneHeight(placed) {
  return VIEW_HEIGHT + placed.rowCount * CONDITION_HEIGHT + (placed.log.length ? LOG_HEIGHT : 0) + LANE_GAP;
}
