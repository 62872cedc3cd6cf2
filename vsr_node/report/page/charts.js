// The charts of latency (a point for each operation, lines for quantiles) and of the rate of outcomes.

const CHART_HEIGHT = 230;
const BINS = 60;
/** Points nearer to each other than so many pixels are one. */
const POINT_GRID = 2;
/** @type {[number, number[], string][]} */
const QUANTILES = [[0.5, [], "p50"], [0.95, [6, 3], "p95"], [0.99, [2, 2], "p99"]];

class Charts {
  /** @param {Run} run @param {TimeWindow} time @param {(operation: number) => void} onSelect */
  constructor(run, time, onSelect) {
    this.run = run;
    this.time = time;
    /** The number of the function that is drawn, -1 for all functions. */
    this.function = -1;
    let [least, most] = [Infinity, 1];
    for (let i = 0; i < run.count; i++) {
      if (run.operations.end[i] < 0) continue;
      const took = Math.max(1, run.operations.end[i] - run.operations.begin[i]);
      least = Math.min(least, took);
      most = Math.max(most, took);
    }
    this.lowest = Math.floor(Math.log10(Math.min(least, most)));
    this.highest = Math.max(this.lowest + 1, Math.ceil(Math.log10(most)));
    this.latency = new Drawing(elementOf("latency", HTMLCanvasElement), time, (drawing) => this.drawLatency(drawing));
    this.rate = new Drawing(elementOf("rate", HTMLCanvasElement), time, (drawing) => this.drawRate(drawing));
    this.latency.height = CHART_HEIGHT;
    this.rate.height = CHART_HEIGHT * 0.7;
    this.latency.onClick = (x, y) => {
      const operation = this.at(x, y);
      if (operation >= 0) onSelect(operation);
    };
    this.latency.onHover = (x, y, event) => {
      const operation = this.at(x, y);
      if (operation >= 0) showTip(describeOperation(run, operation), event);
      else hideTip();
    };
    this.latency.onLeave = hideTip;
    this.latency.request();
    this.rate.request();
  }

  /** @param {number} took */
  y(took) {
    const share = (Math.log10(Math.max(1, took)) - this.lowest) / (this.highest - this.lowest);
    return CHART_HEIGHT - 10 - share * (CHART_HEIGHT - 20 - AXIS_HEIGHT);
  }

  /** Yield the numbers of the completed operations of the function that begin in the window. */
  *inWindow() {
    const { begin, end } = this.time;
    const { operations } = this.run;
    for (let i = firstAtLeast(operations.begin, begin); i < this.run.count && operations.begin[i] <= end; i++) {
      if (operations.end[i] >= 0 && (this.function < 0 || operations.f[i] === this.function)) yield i;
    }
  }

  /** @param {Drawing} drawing */
  drawLatency(drawing) {
    const { context } = drawing;
    drawing.axis(CHART_HEIGHT);
    for (let power = this.lowest; power <= this.highest; power++) {
      const y = this.y(10 ** power);
      drawing.label(duration(10 ** power), y);
      context.strokeStyle = colour("line");
      context.beginPath();
      context.moveTo(MARGIN, y);
      context.lineTo(drawing.width, y);
      context.stroke();
    }
    drawing.clipped(() => {
      drawing.faults(this.run.main.faults, AXIS_HEIGHT, CHART_HEIGHT);
      const { begin, end, outcome } = this.run.operations;
      /** @type {Set<number>[]} The places that have a point of each outcome. */
      const drawn = this.run.main.outcomes.map(() => new Set());
      for (const i of this.inWindow()) {
        const x = Math.round(drawing.x(begin[i]) / POINT_GRID) * POINT_GRID;
        const y = Math.round(this.y(end[i] - begin[i]));
        if (drawn[outcome[i]].has(x * CHART_HEIGHT + y)) continue;
        drawn[outcome[i]].add(x * CHART_HEIGHT + y);
        drawPoint(context, outcome[i], x, y);
      }
      this.drawQuantiles(drawing);
    });
  }

  /** @param {Drawing} drawing */
  drawQuantiles(drawing) {
    const { begin, end, outcome } = this.run.operations;
    const width = (this.time.end - this.time.begin) / BINS;
    /** @type {number[][]} */
    const bins = Array.from({ length: BINS }, () => []);
    for (const i of this.inWindow()) {
      if (outcome[i] !== 0) continue;
      bins[Math.min(BINS - 1, Math.floor((begin[i] - this.time.begin) / width))].push(end[i] - begin[i]);
    }
    for (const bin of bins) bin.sort((a, b) => a - b);
    const { context } = drawing;
    context.strokeStyle = colour("text");
    context.fillStyle = colour("text");
    context.lineWidth = 1.5;
    /** @type {number[]} The heights of names, so that none covers another. */
    const named = [];
    for (const [share, dash, name] of QUANTILES) {
      context.setLineDash(dash);
      context.beginPath();
      let [started, joined, lastX, lastY] = [false, false, 0, 0];
      bins.forEach((bin, place) => {
        if (!bin.length) {
          joined = false;
          return;
        }
        const left = drawing.x(this.time.begin + place * width);
        lastX = drawing.x(this.time.begin + (place + 1) * width);
        lastY = this.y(bin[Math.min(bin.length - 1, Math.floor(share * bin.length))]);
        if (joined) context.lineTo(left, lastY);
        else context.moveTo(left, lastY);
        context.lineTo(lastX, lastY);
        started = joined = true;
      });
      context.stroke();
      if (!started) continue;
      let y = lastY - 7;
      while (named.some((other) => Math.abs(other - y) < 12)) y -= 12;
      named.push(y);
      context.fillText(name, Math.min(lastX + 3, drawing.width - 26), y);
    }
    context.setLineDash([]);
  }

  /** @param {Drawing} drawing */
  drawRate(drawing) {
    const { context, height } = drawing;
    const { end, begin, outcome } = this.run.operations;
    const width = (this.time.end - this.time.begin) / BINS;
    const { outcomes } = this.run.main;
    /** @type {number[][]} */
    const counts = outcomes.map(() => new Array(BINS).fill(0));
    for (let i = 0; i < this.run.count; i++) {
      const at = end[i] < 0 ? begin[i] : end[i];
      if (at < this.time.begin || at > this.time.end) continue;
      counts[outcome[i]][Math.min(BINS - 1, Math.floor((at - this.time.begin) / width))]++;
    }
    const most = Math.max(1, ...counts.flat());
    const y = (/** @type {number} */ count) => height - 10 - (count / most) * (height - 20 - AXIS_HEIGHT);
    drawing.axis(height);
    for (const count of [0, most]) drawing.label(`${+((count / width) * 1e6).toPrecision(3)} /s`, y(count));
    drawing.clipped(() => {
      drawing.faults(this.run.main.faults, AXIS_HEIGHT, height);
      const present = outcomes.map((_, kind) => kind).filter((kind) => counts[kind].some(Boolean));
      for (const kind of present) {
        context.strokeStyle = colour(OUTCOME_COLOURS[kind]);
        context.lineWidth = 2;
        context.setLineDash(DASHES[kind]);
        context.beginPath();
        counts[kind].forEach((count, place) => {
          const x = drawing.x(this.time.begin + place * width);
          context.lineTo(x, y(count));
          context.lineTo(drawing.x(this.time.begin + (place + 1) * width), y(count));
        });
        context.stroke();
      }
      let x = MARGIN + 8;
      for (const kind of present) {
        context.strokeStyle = context.fillStyle = colour(OUTCOME_COLOURS[kind]);
        context.beginPath();
        context.moveTo(x, AXIS_HEIGHT + 8);
        context.lineTo(x + 20, AXIS_HEIGHT + 8);
        context.setLineDash(DASHES[kind]);
        context.stroke();
        context.fillText(outcomes[kind], x + 25, AXIS_HEIGHT + 8);
        x += 42 + context.measureText(outcomes[kind]).width;
      }
      context.setLineDash([]);
    });
  }

  /** @param {number} x @param {number} y @returns {number} The operation whose point is there, or -1. */
  at(x, y) {
    const { begin, end } = this.run.operations;
    let [best, nearest] = [-1, HIT_PIXELS ** 2];
    for (const i of this.inWindow()) {
      const away = (this.latency.x(begin[i]) - x) ** 2 + (this.y(end[i] - begin[i]) - y) ** 2;
      if (away < nearest) [best, nearest] = [i, away];
    }
    return best;
  }
}

/** Draw a point whose form and colour are its outcome's: a dot; a square for an answer of no; a cross if it was
 * refused; a triangle if it timed out; a diamond if its outcome is unknown.
 * @param {CanvasRenderingContext2D} context @param {number} outcome @param {number} x @param {number} y */
function drawPoint(context, outcome, x, y) {
  context.fillStyle = context.strokeStyle = colour(OUTCOME_COLOURS[outcome]);
  context.lineWidth = 1.4;
  const size = 2.5;
  if (outcome <= 1) {
    const side = outcome === 0 ? 3 : 5;
    context.fillRect(x - side / 2, y - side / 2, side, side);
    return;
  }
  context.beginPath();
  if (outcome === 2) {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
  } else {
    context.moveTo(x, y - size - 1);
    context.lineTo(x + size + 1, outcome === 3 ? y + size : y);
    if (outcome === UNKNOWN) context.lineTo(x, y + size + 1);
    context.lineTo(x - size - 1, outcome === 3 ? y + size : y);
    context.closePath();
  }
  context.stroke();
}
