// A run step by step, forward and back: each replica's inside, and the messages in flight.

/**
 * @typedef {object} ReplicaState
 * @property {string} condition      running, paused, saving or down.
 * @property {string} status         Empty while it is down.
 * @property {number} view
 * @property {number} lastNormal
 * @property {number} op
 * @property {number} commit
 * @property {number} checkpoint     Of which op its newest checkpoint is.
 * @property {number} begin          Where its log begins: what was before is in the checkpoint.
 * @property {number[]} log          The entries' numbers; the first is of op 1.
 *
 * @typedef {[number, string, string, number, number, number, number, number, number, number, number[]]} Change
 *   The replica, its state as above, and from which op on its log is which entries.
 */

const ABOUT = { client: 1, fault: 2 };
const LOG_ROWS = 8;
const FLIGHTS_SHOWN = 100;
const STEPS_AROUND = 15;
const FIELDS = /** @type {const} */ (["condition", "status", "view", "lastNormal", "op", "commit", "checkpoint", "begin"]);

class Steps {
  /** @param {Run} run @param {any} stored @param {(begin: number, now: number, end: number) => void} onMove */
  constructor(run, stored, onMove) {
    this.run = run;
    this.stored = stored;
    this.onMove = onMove;
    this.last = stored.time.length - 1;
    this.now = -1;
    this.states = this.unborn();
    /** As they were before the last step, without logs. */
    this.before = this.states;
    this.rendering = 0;
    element("steps-section").hidden = element("inside-section").hidden = false;
    this.slider = element("step");
    this.slider.max = String(this.last);
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    element("step-first").addEventListener("click", () => this.show(0));
    element("step-last").addEventListener("click", () => this.show(this.last));
    element("step-back").addEventListener("click", () => this.move(-1));
    element("step-on").addEventListener("click", () => this.move(1));
    element("whole-logs").addEventListener("change", () => this.renderLogs());
    stored.replicas.forEach((name, number) => element("stops").append(option(`steps of ${name}`, String(number))));
  }

  /** Whether one stops at a step that is not passed over. @param {number} step */
  isStop(step) {
    const { about, changes } = this.stored;
    const stops = element("stops").value;
    if (stops === "all") return true;
    if (stops in ABOUT) return (about[step] & ABOUT[stops]) !== 0;
    if (stops === "view") return changes[step].some((change) => this.changesView(step, change));
    return changes[step].some((change) => change[0] === Number(stops));
  }

  /** @param {number} step @param {Change} change */
  changesView(step, change) {
    for (let i = step - 1; i >= 0; i--) {
      const earlier = this.stored.changes[i].find((other) => other[0] === change[0]);
      if (earlier) return earlier[2] !== change[2] || earlier[3] !== change[3];
    }
    return true;
  }

  /** To the next stop in that direction; to the end where there is none. @param {number} by */
  move(by) {
    let step = this.now + by;
    while (step > 0 && step < this.last && !this.isStop(step)) step += by;
    this.show(step);
  }

  /** @param {number} time @returns {number} The last step that is not after a time. */
  stepAt(time) {
    return Math.max(0, firstAtLeast(this.stored.time, time + 1) - 1);
  }

  /** @param {number} wanted */
  show(wanted) {
    const step = Math.min(Math.max(wanted, 0), this.last);
    this.add(step);
    this.now = step;
    const { time, text, texts } = this.stored;
    this.slider.value = String(step);
    this.slider.setAttribute("aria-valuetext", `step ${step} of ${this.last}, ${seconds(time[step], 6)}: ${texts[text[step]]}`);
    element("step-place").textContent = `Step ${step.toLocaleString("en")} of ${this.last.toLocaleString("en")}, ${seconds(time[step], 6)}`;
    element("step-text").textContent = texts[text[step]];
    this.renderReplicas();
    this.renderLogs();
    this.renderFlights();
    const [first, last] = [Math.max(0, step - STEPS_AROUND), Math.min(this.last, step + STEPS_AROUND)];
    this.onMove(time[first], time[step], time[last]);
  }

  /** @returns {ReplicaState[]} */
  unborn() {
    return this.stored.replicas.map(() => ({ condition: "", status: "", view: 0, lastNormal: 0, op: 0, commit: 0, checkpoint: 0, begin: 1, log: [] }));
  }

  /** Makes the states those after a step. @param {number} step */
  add(step) {
    if (step <= this.now) {
      this.states = this.unborn();
      this.now = -1;
    }
    for (let next = this.now + 1; next <= step; next++) {
      if (next === step) this.before = this.states.map((state) => ({ ...state, log: [] }));
      for (const [replica, ...change] of this.stored.changes[next]) {
        const state = this.states[replica];
        FIELDS.forEach((field, place) => Object.assign(state, { [field]: change[place] }));
        const [from, entries] = change.slice(FIELDS.length);
        state.log.length = from - 1;
        state.log.push(...entries);
      }
    }
  }

  /** @param {number} replica */
  isPrimary(replica) {
    const { condition, status, view } = this.states[replica];
    return condition !== "down" && status === "normal" && view % this.states.length === replica;
  }

  renderReplicas() {
    element("replicas").replaceChildren(...this.states.map((state, replica) => {
      const row = tableRow([this.stored.replicas[replica] + (this.isPrimary(replica) ? " (primary)" : ""), ...FIELDS.map((field) => String(state[field]))]);
      FIELDS.forEach((field, place) => {
        if (this.before[replica][field] !== state[field]) row.cells[place + 1].className = "changed";
      });
      return row;
    }));
  }

  renderLogs() {
    const top = Math.max(...this.states.map((state) => state.log.length));
    const first = Math.min(...this.states.map((state) => state.begin));
    const rows = Math.min(top + 1 - first, element("whole-logs").checked ? Infinity : LOG_ROWS);
    element("logs-head").replaceChildren(...["op", ...this.stored.replicas].map((name) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      return cell;
    }));
    element("logs").replaceChildren(...Array.from({ length: rows }, (_, place) => this.logRow(top - place)));
  }

  /** @param {number} op */
  logRow(op) {
    const logged = this.states.map((state) => (op < state.begin ? undefined : state.log[op - 1]));
    const differ = new Set(logged.filter((entry) => entry !== undefined)).size > 1;
    const row = tableRow([`${op}${differ ? " ≠" : ""}`]);
    logged.forEach((entry, replica) => {
      const cell = row.insertCell();
      if (entry === undefined) return;
      const committed = op <= this.states[replica].commit;
      cell.textContent = `${committed ? "✓" : "·"} ${this.stored.entries[entry]}`;
      cell.className = committed ? "committed" : "uncommitted";
    });
    return row;
  }

  /** The messages in flight, the next to arrive first. */
  async renderFlights() {
    const rendering = ++this.rendering;
    const { departures, arrivals, time } = this.stored;
    const { names, kinds } = this.run.main;
    const { source, destination, kind, ended } = /** @type {Messages} */ (this.run.messages);
    /** @type {number[]} */
    const flying = [];
    for (let i = 0; i < departures.length && departures[i] <= this.now; i++) {
      if (arrivals[i] > this.now) flying.push(i);
    }
    flying.sort((a, b) => ended[a] - ended[b]);
    const shown = flying.slice(0, FLIGHTS_SHOWN);
    const bodies = await Promise.all(shown.map((i) => this.run.body(i)));
    if (rendering !== this.rendering) return;
    element("flights-title").textContent = `In flight: ${flying.length}` +
      (flying.length > FLIGHTS_SHOWN ? `, of which these ${FLIGHTS_SHOWN} arrive first` : "");
    element("flights").replaceChildren(...shown.map((i, place) => {
      const row = tableRow([
        names[source[i]], names[destination[i]], kinds[kind[i]],
        `in ${duration(Math.max(0, ended[i] - time[this.now]))}`, bodies[place],
      ]);
      if (departures[i] === this.now) row.className = "changed";
      return row;
    }));
  }
}
