// Shared by all drawings: a window of time, its axis, and moving it by mouse, touch and keys.

/** The width in pixels of the names on the left of every drawing. */
const MARGIN = 96;
const AXIS_HEIGHT = 22;
const SHORTEST_WINDOW_US = 20;
const DRAG_PIXELS = 4;

const SERIES = 8;
const DASHES = [[], [6, 3], [2, 2], [8, 2, 2, 2], [1, 3]];
const darkness = matchMedia("(prefers-color-scheme: dark)");

/** @param {number} number @returns {{colour: string, dash: number[]}} */
function styleOf(number) {
  return {
    colour: colour(`series-${number % SERIES}`),
    dash: DASHES[Math.floor(number / SERIES) % DASHES.length],
  };
}

/** @type {Map<string, string>} */
const colours = new Map();
darkness.addEventListener("change", () => colours.clear());

/** @param {string} name @returns {string} A colour of the style sheet. */
function colour(name) {
  let found = colours.get(name);
  if (found === undefined) {
    found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    colours.set(name, found);
  }
  return found;
}

/** A window of time, in microseconds, that several drawings may share. */
class TimeWindow {
  /** @param {number} first @param {number} last */
  constructor(first, last) {
    this.first = first;
    this.last = Math.max(last, first + 1);
    this.begin = this.first;
    this.end = this.last;
    /** The marked time; negative if none is marked. */
    this.now = -1;
    /** @type {(() => void)[]} */
    this.listeners = [];
  }

  /** Show a window, kept within the run. @param {number} begin @param {number} end */
  show(begin, end) {
    const width = Math.min(Math.max(end - begin, SHORTEST_WINDOW_US), this.last - this.first);
    const middle = (begin + end) / 2;
    this.begin = Math.min(Math.max(middle - width / 2, this.first), this.last - width);
    this.end = this.begin + width;
    for (const listener of this.listeners) listener();
  }

  /** Mark a time, and show a window. @param {number} now @param {number} begin @param {number} end */
  mark(now, begin, end) {
    this.now = now;
    this.show(begin, end);
  }

  /** @param {number} factor @param {number} [fixed] The time that stays in place. */
  zoom(factor, fixed = (this.begin + this.end) / 2) {
    this.show(fixed - (fixed - this.begin) * factor, fixed + (this.end - fixed) * factor);
  }

  /** @param {number} share A share of the window's width. */
  move(share) {
    const by = (this.end - this.begin) * share;
    const shift = Math.min(Math.max(by, this.first - this.begin), this.last - this.end);
    this.show(this.begin + shift, this.end + shift);
  }
}

/** How long a drawing that is out of sight waits for the end of a movement, in milliseconds. */
const OUT_OF_SIGHT_MS = 120;

/** A canvas with a time axis. A request redraws it at the browser's next frame, or a little later if it is out of
 * sight. */
class Drawing {
  /**
   * @param {HTMLCanvasElement} canvas @param {TimeWindow} time
   * @param {(drawing: Drawing) => void} draw
   */
  constructor(canvas, time, draw) {
    this.canvas = canvas;
    this.time = time;
    this.draw = draw;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.height = 200;
    this.width = 0;
    this.waiting = false;
    this.inSight = true;
    this.timer = 0;
    new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting;
      if (this.inSight && this.timer) this.requestFrame();
    }).observe(canvas);
    time.listeners.push(() => this.request());
    new ResizeObserver(() => this.request()).observe(canvas.parentElement ?? canvas);
    darkness.addEventListener("change", () => this.request());
    this.listenToPointers();
  }

  request() {
    this.canvas.dataset.begin = String(this.time.begin);
    this.canvas.dataset.end = String(this.time.end);
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.inSight) this.requestFrame();
    else this.timer = setTimeout(() => this.requestFrame(), OUT_OF_SIGHT_MS);
  }

  requestFrame() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.prepare();
      this.draw(this);
    });
  }

  prepare() {
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.style.height = `${this.height}px`;
    this.width = this.canvas.clientWidth;
    this.canvas.width = Math.max(1, Math.round(this.width * scale));
    this.canvas.height = Math.round(this.height * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.font = "12px system-ui, sans-serif";
    this.context.textBaseline = "middle";
  }

  /** @param {number} time */
  x(time) {
    const { begin, end } = this.time;
    return MARGIN + ((time - begin) / (end - begin)) * (this.width - MARGIN);
  }

  /** @param {number} x */
  timeAt(x) {
    const { begin, end } = this.time;
    return begin + ((x - MARGIN) / Math.max(1, this.width - MARGIN)) * (end - begin);
  }

  /** Draw the axis along the top, and lines down to `bottom`. @param {number} bottom */
  axis(bottom) {
    const { begin, end } = this.time;
    const wanted = (end - begin) / Math.max(2, (this.width - MARGIN) / 110);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted) ?? wanted;
    const digits = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step))));
    const { context } = this;
    context.strokeStyle = colour("line");
    context.fillStyle = colour("faint");
    context.lineWidth = 1;
    context.textAlign = "left";
    for (let tick = Math.ceil(begin / step) * step; tick <= end; tick += step) {
      const x = Math.round(this.x(tick)) + 0.5;
      context.beginPath();
      context.moveTo(x, AXIS_HEIGHT - 6);
      context.lineTo(x, bottom);
      context.stroke();
      if (x < this.width - 40) context.fillText(seconds(tick, digits), x + 3, AXIS_HEIGHT / 2);
    }
    if (this.time.now >= begin && this.time.now <= end) {
      context.fillStyle = colour("accent");
      context.fillRect(this.x(this.time.now) - 1, AXIS_HEIGHT - 6, 2, bottom);
    }
  }

  /** Return the left and right end of a time in the window; null if it is outside.
   * @param {number} begin @param {number | null} end @returns {[number, number] | null} */
  ends(begin, end) {
    const left = Math.max(MARGIN, this.x(begin));
    const right = Math.min(this.width, end === null ? this.width : this.x(end));
    return right <= MARGIN || left >= this.width ? null : [left, Math.max(right, left + 1)];
  }

  /** Shade the times of the faults. @param {FaultSpan[]} faults @param {number} top @param {number} bottom */
  faults(faults, top, bottom) {
    this.context.fillStyle = colour("fault");
    for (const [begin, end] of faults) {
      const ends = this.ends(begin, end);
      if (ends) this.context.fillRect(ends[0], top, ends[1] - ends[0], bottom - top);
    }
  }

  /** Write a text that ends where its room does, on a plate. @param {string} text @param {number} x @param {number} y
   * @param {number} room @param {string} ink @param {string} [plate] */
  textIn(text, x, y, room, ink, plate) {
    if (room < 14) return;
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y - 8, room, 16);
    context.clip();
    if (plate) {
      context.fillStyle = plate;
      context.fillRect(x, y - 7, Math.min(room, context.measureText(text).width + 8), 14);
    }
    context.fillStyle = ink;
    context.textAlign = "left";
    context.fillText(text, x + 4, y + 0.5);
    context.restore();
  }

  /** Write a name in the margin. @param {string} text @param {number} y @param {boolean} [strong] */
  label(text, y, strong = false) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(0, y - 12, MARGIN - 6, 24);
    context.clip();
    context.fillStyle = colour(strong ? "text" : "faint");
    if (strong) context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "left";
    context.fillText(text, 6, y);
    context.restore();
  }

  /** Call `draw`, clipped to the right of the margin. @param {() => void} draw */
  clipped(draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(MARGIN, 0, this.width - MARGIN, this.height);
    this.context.clip();
    draw();
    this.context.restore();
  }

  listenToPointers() {
    /** @type {Map<number, {x: number, y: number}>} */
    const pointers = new Map();
    let travelled = 0;
    const { canvas } = this;
    /** @param {PointerEvent} event */
    const place = (event) => ({ x: event.offsetX, y: event.offsetY });
    canvas.addEventListener("pointerdown", (event) => {
      if (pointers.size === 0) travelled = 0;
      pointers.set(event.pointerId, place(event));
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      const now = place(event);
      if (!before) {
        this.onHover(now.x, now.y, event);
        return;
      }
      const others = [...pointers.entries()].filter(([id]) => id !== event.pointerId);
      travelled += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      pointers.set(event.pointerId, now);
      if (others.length) {
        const other = others[0][1];
        const widthBefore = Math.max(20, Math.abs(before.x - other.x));
        this.time.zoom(widthBefore / Math.max(20, Math.abs(now.x - other.x)), this.timeAt(other.x));
      } else if (travelled > DRAG_PIXELS) {
        this.time.move((before.x - now.x) / Math.max(1, this.width - MARGIN));
      }
    });
    const ended = (/** @type {PointerEvent} */ event) => {
      pointers.delete(event.pointerId);
      if (event.type === "pointerup" && travelled <= DRAG_PIXELS && pointers.size === 0) {
        this.onClick(event.offsetX, event.offsetY);
      }
    };
    canvas.addEventListener("pointerup", ended);
    canvas.addEventListener("pointercancel", ended);
    canvas.addEventListener("pointerleave", () => this.onLeave());
    canvas.addEventListener("wheel", (event) => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.time.zoom(Math.exp(Math.max(-100, Math.min(100, event.deltaY)) / 200), this.timeAt(event.offsetX));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        this.time.move(sideways / Math.max(1, this.width));
      }
    }, { passive: false });
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  onHover(x, y, event) {}

  /** @param {number} x @param {number} y */
  onClick(x, y) {}

  onLeave() {}
}

/** Move a window by a key. @param {KeyboardEvent} event @param {TimeWindow} time @returns {boolean} Whether the key moves it. */
function movedByKey(event, time) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "+" || event.key === "=") time.zoom(0.6);
  else if (event.key === "-" || event.key === "_") time.zoom(1 / 0.6);
  else if (event.shiftKey && event.key === "ArrowLeft") time.move(-0.25);
  else if (event.shiftKey && event.key === "ArrowRight") time.move(0.25);
  else return false;
  return true;
}

const tip = element("tip");

/** Show a text beside the pointer. @param {string} text @param {PointerEvent} event */
function showTip(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  const { offsetWidth, offsetHeight } = tip;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - offsetWidth - 8))}px`;
  const below = event.clientY + 18;
  tip.style.top = `${below + offsetHeight > innerHeight ? event.clientY - offsetHeight - 10 : below}px`;
}

function hideTip() {
  tip.hidden = true;
}
