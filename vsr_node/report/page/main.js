// Puts the parts together and opens the page at the violation.

/** @param {string} text @param {string} value */
function option(text, value) {
  const made = document.createElement("option");
  made.textContent = text;
  made.value = value;
  return made;
}

/** How much of the messages a valid run shows at first. */
const FIRST_SHOWN_US = 1e6;

class Page {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    this.time = new TimeWindow(0, run.end);
    this.lanes = new Lanes(run, this.time, (fault) => this.showFault(fault), (line) => this.log.show(line));
    this.timeline = new Timeline(run, this.time, (operation) => this.choose(operation));
    this.charts = new Charts(run, this.time, (operation) => this.choose(operation));
    this.log = new LogList(run, this.time);
    this.spaceTime = run.messages?.count ? new SpaceTime(run) : null;
    this.steps = run.steps ? new Steps(run, run.steps, (...moments) => this.showStep(...moments)) : null;
    element("messages-section").hidden = !this.spaceTime;
    element("nodes-section").hidden = !run.main.lanes.length;
    this.fillKeys();
    this.fillFunctions();
    this.fillOutcomes();
    this.listenToTimeline();
    if (this.spaceTime) this.listenToMessages(this.spaceTime);
    for (const button of document.querySelectorAll("[data-operation]")) {
      button.addEventListener("click", () => this.choose(Number(button.getAttribute("data-operation"))));
    }
    element("zoom-violation").hidden = !run.main.violations.length;
    if (this.steps) element("steps-section").after(element("messages-section"), element("inside-section"));
    if (run.main.violations.length) this.openAtViolation(run.main.violations[0]);
    else if (this.steps) this.steps.show(run.main.failed ? this.steps.last : 0);
    else this.spaceTime?.time.show(0, FIRST_SHOWN_US);
    this.time.listeners.push(() => this.spaceTime?.time.show(this.time.begin, this.time.end));
    addEventListener("hashchange", () => this.openAtAnchor());
    this.openAtAnchor();
  }

  /** Mark a step's time, and show the messages around it. @param {number} begin @param {number} now @param {number} end */
  showStep(begin, now, end) {
    const { time } = this;
    const half = (time.end - time.begin) / 2;
    const isInView = now >= time.begin && now <= time.end;
    time.mark(now, isInView ? time.begin : now - half, isInView ? time.end : now + half);
    const margin = Math.max(100, (end - begin) * 0.1);
    this.spaceTime?.time.mark(now, begin - margin, end + margin);
  }

  /** Show all from the last acknowledged change to the operation that has no place, and select that one.
   * @param {FailingPart} violation */
  openAtViolation(violation) {
    const last = this.run.endOf(violation.culprit);
    this.showKey(this.run.operations.key[violation.culprit]);
    this.select(violation.culprit, last);
    const margin = Math.max(1000, (last - violation.begin) * 0.08);
    this.time.show(violation.begin - margin, last + margin);
    this.spaceTime?.time.show(violation.begin - margin, last + margin);
  }

  /** Show what the page's address names: an operation by its first event, or a fault. */
  openAtAnchor() {
    const [, what, number] = /^#(op|fault)-(\d+)$/.exec(location.hash) ?? [];
    if (what === "op") {
      const operation = this.run.operations.event.indexOf(Number(number));
      if (operation < 0) return;
      this.showKey(this.run.operations.key[operation]);
      this.select(operation);
      element("timeline-section").scrollIntoView();
    } else if (what === "fault" && Number(number) >= 1 && Number(number) <= this.run.main.faults.length) {
      this.showFault(Number(number) - 1);
    }
  }

  /** Select an operation, and name it in the page's address. @param {number} operation */
  choose(operation) {
    this.showKey(this.run.operations.key[operation]);
    this.select(operation);
    history.replaceState(null, "", `#op-${this.run.operations.event[operation]}`);
  }

  /** Show the time of a fault, and mark it. @param {number} fault */
  showFault(fault) {
    const [begin, end] = this.run.main.faults[fault];
    this.lanes.fault = fault;
    const last = end ?? this.run.end;
    const isInView = begin <= this.time.end && last >= this.time.begin;
    const margin = Math.max(1000, (last - begin) * 0.25);
    if (!isInView || location.hash === `#fault-${fault + 1}`) this.time.show(begin - margin, last + margin);
    this.lanes.drawing.request();
    const link = document.createElement("a");
    link.href = `#fault-${fault + 1}`;
    link.textContent = `#fault-${fault + 1}`;
    const text = paragraph(`${this.lanes.describeFault(fault)} `);
    text.append(link);
    element("fault").replaceChildren(text);
    for (const row of document.querySelectorAll("tr.selected-fault")) row.className = "";
    document.getElementById(`fault-${fault + 1}`)?.setAttribute("class", "selected-fault");
  }

  /** @param {number} operation @param {number} [moment] The time whose step is shown; by default the operation's begin. */
  select(operation, moment = this.run.operations.begin[operation]) {
    this.timeline.selected = operation;
    this.steps?.show(this.steps.stepAt(moment));
    const begin = this.run.operations.begin[operation];
    const end = this.run.endOf(operation);
    if (begin > this.time.end || end < this.time.begin) {
      const half = (this.time.end - this.time.begin) / 2;
      this.time.show(begin - half, begin + half);
    }
    this.timeline.drawing.request();
    const link = document.createElement("a");
    link.href = `#op-${this.run.operations.event[operation]}`;
    link.textContent = link.hash;
    const text = paragraph(`${describeOperation(this.run, operation)} `);
    text.append(link);
    element("selected").replaceChildren(text);
    for (const button of document.querySelectorAll("[data-operation]")) {
      button.setAttribute("aria-pressed", String(Number(button.getAttribute("data-operation")) === operation));
    }
    this.spaceTime?.around(operation);
  }

  fillKeys() {
    const select = elementOf("key", HTMLSelectElement);
    select.append(option("all", "-1"));
    this.run.tables.keys.forEach((key, number) => select.append(option(key, String(number))));
    select.labels[0].hidden = this.run.tables.keys.length < 2;
  }

  /** @param {number} key */
  showKey(key) {
    if (this.timeline.key === key || this.run.tables.keys.length < 2) return;
    elementOf("key", HTMLSelectElement).value = String(key);
    this.timeline.key = key;
    this.timeline.filter();
  }

  fillFunctions() {
    const select = elementOf("function", HTMLSelectElement);
    select.append(option("all", "-1"));
    this.run.tables.functions.forEach((name, number) => select.append(option(name, String(number))));
    select.addEventListener("change", () => {
      this.charts.function = Number(select.value);
      this.charts.latency.request();
    });
  }

  /** Add a checkbox with a bar and a point for each outcome that the run has. */
  fillOutcomes() {
    const present = new Set(this.run.operations.outcome);
    this.run.main.outcomes.forEach((name, outcome) => {
      if (!present.has(outcome)) return;
      const box = checkbox(`show-${OUTCOME_COLOURS[outcome]}`, (checked) => {
        this.timeline.outcomes[outcome] = checked;
        this.timeline.filter();
      });
      const sample = swatch(50, 14, (context) => {
        drawBar(context, outcome, 1, 1, 30, 12);
        drawPoint(context, outcome, 42, 7);
      });
      const label = document.createElement("label");
      label.append(box, sample, name);
      element("outcomes").append(label);
    });
    const order = elementOf("show-order", HTMLInputElement);
    order.addEventListener("change", () => {
      this.timeline.showsOrder = order.checked;
      this.timeline.drawing.request();
    });
    order.labels?.forEach((label) => { label.hidden = !this.run.operations.place.some(Boolean); });
  }

  listenToTimeline() {
    const { time, timeline } = this;
    const key = elementOf("key", HTMLSelectElement);
    key.addEventListener("change", () => {
      timeline.key = Number(key.value);
      timeline.filter();
    });
    element("zoom-in").addEventListener("click", () => time.zoom(0.5));
    element("zoom-out").addEventListener("click", () => time.zoom(2));
    element("zoom-all").addEventListener("click", () => time.show(time.first, time.last));
    element("zoom-violation").addEventListener("click", () => {
      if (this.run.main.violations.length) this.openAtViolation(this.run.main.violations[0]);
    });
  }

  /** @param {SpaceTime} spaceTime */
  listenToMessages(spaceTime) {
    const { time, drawing } = spaceTime;
    const scope = elementOf("scope", HTMLSelectElement);
    scope.addEventListener("change", () => {
      spaceTime.scope = scope.value;
      drawing.request();
    });
    element("messages-in").addEventListener("click", () => time.zoom(0.5));
    element("messages-out").addEventListener("click", () => time.zoom(2));
    element("messages-operation").addEventListener("click", () => {
      if (spaceTime.operation >= 0) spaceTime.around(spaceTime.operation);
    });
    const boxes = this.run.main.kinds.map((name, number) => kindBox(name, number, (shown) => {
      spaceTime.kinds[number] = shown;
      drawing.request();
    }));
    const setAll = (/** @type {boolean} */ shown) => {
      for (const box of boxes) box.checked = shown;
      spaceTime.kinds.fill(shown);
      drawing.request();
    };
    element("kinds-all").addEventListener("click", () => setAll(true));
    element("kinds-none").addEventListener("click", () => setAll(false));
  }
}

/** @param {string} id @param {(checked: boolean) => void} onChange */
function checkbox(id, onChange) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.id = id;
  box.checked = true;
  box.addEventListener("change", () => onChange(box.checked));
  return box;
}

/** A small drawing beside a name, in the colours of the day. @param {number} width @param {number} height
 * @param {(context: CanvasRenderingContext2D) => void} draw */
function swatch(width, height, draw) {
  const canvas = document.createElement("canvas");
  canvas.className = "swatch";
  canvas.width = 2 * width;
  canvas.height = 2 * height;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const paint = () => {
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context);
  };
  paint();
  darkness.addEventListener("change", paint);
  return canvas;
}

/** Add a checkbox with a sample of a type's arrows. @param {string} name @param {number} number
 * @param {(shown: boolean) => void} onChange @returns {HTMLInputElement} */
function kindBox(name, number, onChange) {
  const label = document.createElement("label");
  const box = checkbox(`kind-${number}`, onChange);
  const line = swatch(26, 13, (context) => {
    const { colour: stroke, dash } = styleOf(number);
    context.strokeStyle = stroke;
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(0, 6.5);
    context.lineTo(26, 6.5);
    context.stroke();
  });
  label.append(box, line, name);
  element("kinds").append(label);
  return box;
}

if (typeof DecompressionStream === "undefined") {
  element("problem").textContent = "This browser is too old to open the page's data: it lacks DecompressionStream.";
  element("problem").hidden = false;
} else {
  Run.open().then((run) => {
    new Page(run);
    document.documentElement.dataset.ready = "true";
  }).catch((error) => {
    element("problem").textContent = `The page's data can't be shown: ${error}`;
    element("problem").hidden = false;
    console.error(error);
  });
}
