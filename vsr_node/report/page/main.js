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
    this.timeline = new Timeline(run, this.time, (operation) => this.select(operation));
    this.charts = new Charts(run, this.time, (operation) => this.select(operation));
    this.spaceTime = run.messages?.count ? new SpaceTime(run) : null;
    this.steps = run.steps ? new Steps(run, run.steps, (...moments) => this.showStep(...moments)) : null;
    element("messages-section").hidden = !this.spaceTime;
    this.fillKeys();
    this.fillFunctions();
    this.listenToTimeline();
    if (this.spaceTime) this.listenToMessages(this.spaceTime);
    for (const button of document.querySelectorAll("[data-operation]")) {
      button.addEventListener("click", () => {
        const operation = Number(button.getAttribute("data-operation"));
        this.showKey(run.operations.key[operation]);
        this.select(operation);
      });
    }
    element("zoom-violation").hidden = !run.main.violations.length;
    if (this.steps) element("steps-section").after(element("messages-section"), element("inside-section"));
    if (run.main.violations.length) this.openAtViolation(run.main.violations[0]);
    else if (this.steps) this.steps.show(run.main.failed ? this.steps.last : 0);
    else this.spaceTime?.time.show(0, FIRST_SHOWN_US);
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

  /** Show the last operations of the part that fails, and select its culprit. @param {FailingPart} violation */
  openAtViolation(violation) {
    const late = violation.operations.slice(-violation.late);
    const { begin, key } = this.run.operations;
    const first = Math.min(...late.map((i) => begin[i]));
    const last = this.run.endOf(violation.culprit);
    const margin = Math.max(1000, (last - first) * 0.25);
    this.showKey(key[violation.culprit]);
    this.select(violation.culprit, last);
    this.time.show(first - margin, last + margin);
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
    element("selected").replaceChildren(paragraph(describeOperation(this.run, operation)));
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
    const select = elementOf("quantiles", HTMLSelectElement);
    select.append(option("all functions", "-1"));
    const names = this.run.tables.functions;
    names.forEach((name, number) => {
      select.append(option(name, String(number)));
      const swatch = document.createElement("canvas");
      swatch.width = swatch.height = 14;
      swatch.style.cssText = "width:14px;height:14px;border:0;display:inline-block;vertical-align:middle";
      const context = swatch.getContext("2d");
      if (context) drawPoint(context, number, true, styleOf(number).colour, 7, 7);
      const label = document.createElement("span");
      label.append(swatch, ` ${name}  `);
      element("functions").append(label);
    });
    element("functions").append("(hollow: not ok)");
    select.addEventListener("change", () => {
      this.charts.quantilesOf = Number(select.value);
      this.charts.latency.request();
    });
  }

  listenToTimeline() {
    const { time, timeline } = this;
    const key = elementOf("key", HTMLSelectElement);
    key.addEventListener("change", () => {
      timeline.key = Number(key.value);
      timeline.filter();
    });
    ["show-ok", "show-fail", "show-info"].forEach((id, outcome) => {
      const box = elementOf(id, HTMLInputElement);
      box.addEventListener("change", () => {
        timeline.outcomes[outcome] = box.checked;
        timeline.filter();
      });
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

/** Add a checkbox with a sample of a type's arrows. @param {string} name @param {number} number
 * @param {(shown: boolean) => void} onChange @returns {HTMLInputElement} */
function kindBox(name, number, onChange) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  box.addEventListener("change", () => onChange(box.checked));
  const line = document.createElement("canvas");
  line.width = 52;
  line.height = 26;
  const paint = () => {
    const context = line.getContext("2d");
    if (!context) return;
    const { colour: stroke, dash } = styleOf(number);
    context.clearRect(0, 0, 52, 26);
    context.strokeStyle = stroke;
    context.lineWidth = 4;
    context.setLineDash(dash.map((length) => 2 * length));
    context.beginPath();
    context.moveTo(0, 13);
    context.lineTo(52, 13);
    context.stroke();
  };
  paint();
  darkness.addEventListener("change", paint);
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
