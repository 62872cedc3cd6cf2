// The charts of latency (a point for each operation, lines for quantiles) and of the rate of outcomes.

const CHART_HEIGHT = 230;
const BINS = 60;
/** @type {[number, number[], string][]} */
const QUANTILES = [[0.5, [], "p50"], [0.95, [6, 3], "p95"], [0.99, [2, 2], "p99"]];

class Charts {
  /** @param {Run} run @param {TimeWindow} time @param {(operation: number) => void} onSelect */
  constructor(run, time, onSelect) {
    this.run = run;
    this.time = time;
    /** The number of the function whose quantiles are drawn, -1 for all functions. */
    this.quantilesOf = -1;
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

  /** Yield the numbers of the completed operations that begin in the window. */
  *inWindow() {
    const { begin, end } = this.time;
    const { operations } = this.run;
    for (let i = firstAtLeast(operations.begin, begin); i < this.run.count && operations.begin[i] <= end; i++) {
      if (operations.end[i] >= 0) yield i;
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
      drawing.faults(this.run.main.faults, AXIS_HEIGHT, CHART_HEIGHT, false);
      const { begin, end, f, outcome } = this.run.operations;
      context.globalAlpha = 0.75;
      for (const i of this.inWindow()) {
        const { colour: fill } = styleOf(f[i]);
        drawPoint(context, f[i], outcome[i] === 0, fill, drawing.x(begin[i]), this.y(end[i] - begin[i]));
      }
      context.globalAlpha = 1;
      this.drawQuantiles(drawing);
    });
  }

  /** @param {Drawing} drawing */
  drawQuantiles(drawing) {
    const { begin, end, f, outcome } = this.run.operations;
    const width = (this.time.end - this.time.begin) / BINS;
    /** @type {number[][]} */
    const bins = Array.from({ length: BINS }, () => []);
    for (const i of this.inWindow()) {
      if (outcome[i] !== 0 || (this.quantilesOf >= 0 && f[i] !== this.quantilesOf)) continue;
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
      let [started, lastX, lastY] = [false, 0, 0];
      bins.forEach((bin, place) => {
        if (!bin.length) return;
        lastX = drawing.x(this.time.begin + (place + 0.5) * width);
        lastY = this.y(bin[Math.min(bin.length - 1, Math.floor(share * bin.length))]);
        if (started) context.lineTo(lastX, lastY);
        else context.moveTo(lastX, lastY);
        started = true;
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
    /** @type {number[][]} */
    const counts = OUTCOMES.map(() => new Array(BINS).fill(0));
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
      drawing.faults(this.run.main.faults, AXIS_HEIGHT, height, false);
      ["ok", "fail", "info"].forEach((name, kind) => {
        context.strokeStyle = colour(name);
        context.lineWidth = 2;
        context.setLineDash(DASHES[kind]);
        context.beginPath();
        counts[kind].forEach((count, place) => {
          const x = drawing.x(this.time.begin + place * width);
          context.lineTo(x, y(count));
          context.lineTo(drawing.x(this.time.begin + (place + 1) * width), y(count));
        });
        context.stroke();
      });
      context.setLineDash([]);
      let x = MARGIN + 8;
      ["ok", "fail", "info"].forEach((name, kind) => {
        context.fillStyle = colour(name);
        context.fillText(OUTCOMES[kind], x, AXIS_HEIGHT + 8);
        x += 16 + 7 * OUTCOMES[kind].length;
      });
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

/** Draw a point whose shape stands for the function, hollow if the operation was not ok.
 * @param {CanvasRenderingContext2D} context @param {number} shape @param {boolean} filled
 * @param {string} fill @param {number} x @param {number} y */
function drawPoint(context, shape, filled, fill, x, y) {
  context.fillStyle = context.strokeStyle = fill;
  context.lineWidth = 1;
  const size = 2.5;
  if (shape % 3 === 1) {
    if (filled) context.fillRect(x - size, y - size, 2 * size, 2 * size);
    else context.strokeRect(x - size, y - size, 2 * size, 2 * size);
    return;
  }
  context.beginPath();
  if (shape % 3 === 0) {
    context.arc(x, y, size, 0, 2 * Math.PI);
  } else {
    context.moveTo(x, y - size - 1);
    context.lineTo(x + size + 1, y + size);
    context.lineTo(x - size - 1, y + size);
    context.closePath();
  }
  if (filled) context.fill();
  else context.stroke();
}
