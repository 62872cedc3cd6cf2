// A run step by step, forward and back: each replica's state, and the messages in flight.

/**
 * @typedef {object} ReplicaState
 * @property {string} condition      running, paused, saving or down.
 * @property {string} status         Empty while the replica is down.
 * @property {number} view
 * @property {number} lastNormal
 * @property {number} op
 * @property {number} commit
 * @property {number} checkpoint     The op of its newest checkpoint.
 * @property {number} begin          Where its log begins: earlier ops are in the checkpoint.
 * @property {number[]} log          The entries' numbers; the first is that of op 1.
 *
 * @typedef {[replica: number, condition: string, status: string, view: number, lastNormal: number, op: number,
 *   commit: number, checkpoint: number, begin: number, from: number, entries: number[]]} Change
 *   The replica, its state as above, and its log's entries from an op on.
 *
 * @typedef {object} StoredSteps     Texts and entries are named by number.
 * @property {string[]} replicas
 * @property {number[]} time
 * @property {number[]} text
 * @property {number[]} about
 * @property {Change[][]} changes
 * @property {number[]} departures   For each message the step in which it was sent.
 * @property {number[]} arrivals     For each message the step in which it arrived.
 * @property {string[]} texts
 * @property {string[]} entries
 */

/** @type {Record<string, number>} */
const ABOUT = { client: 1, fault: 2 };
const LOG_ROWS = 8;
const FLIGHTS_SHOWN = 100;
const STEPS_AROUND = 15;
const FIELDS = /** @type {const} */ (["condition", "status", "view", "lastNormal", "op", "commit", "checkpoint", "begin"]);

class Steps {
  /** @param {Run} run @param {StoredSteps} stored @param {(begin: number, now: number, end: number) => void} onMove */
  constructor(run, stored, onMove) {
    this.run = run;
    this.stored = stored;
    this.onMove = onMove;
    this.last = stored.time.length - 1;
    this.now = -1;
    this.states = this.unborn();
    /** The states before the last step, without logs. */
    this.before = this.states;
    this.rendering = 0;
    element("steps-section").hidden = element("inside-section").hidden = false;
    this.slider = elementOf("step", HTMLInputElement);
    this.slider.max = String(this.last);
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    element("step-first").addEventListener("click", () => this.show(0));
    element("step-last").addEventListener("click", () => this.show(this.last));
    element("step-back").addEventListener("click", () => this.move(-1));
    element("step-on").addEventListener("click", () => this.move(1));
    this.stops = elementOf("stops", HTMLSelectElement);
    this.wholeLogs = elementOf("whole-logs", HTMLInputElement);
    this.wholeLogs.addEventListener("change", () => this.renderLogs());
    stored.replicas.forEach((name, number) => this.stops.append(option(`steps of ${name}`, String(number))));
  }

  /** Return whether Back and On stop at a step. @param {number} step */
  isStop(step) {
    const { about, changes } = this.stored;
    const stops = this.stops.value;
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

  /** Go to the next stop in a direction, or to the end if there is none. @param {number} by */
  move(by) {
    let step = this.now + by;
    while (step > 0 && step < this.last && !this.isStop(step)) step += by;
    this.show(step);
  }

  /** @param {number} time @returns {number} The last step at or before a time. */
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

  /** Bring the states to those after a step. @param {number} step */
  add(step) {
    if (step <= this.now) {
      this.states = this.unborn();
      this.now = -1;
    }
    for (let next = this.now + 1; next <= step; next++) {
      if (next === step) this.before = this.states.map((state) => ({ ...state, log: [] }));
      for (const change of this.stored.changes[next]) {
        const [replica, condition, status, view, lastNormal, op, commit, checkpoint, begin, from, entries] = change;
        const { log } = this.states[replica];
        log.length = from - 1;
        log.push(...entries);
        this.states[replica] = { condition, status, view, lastNormal, op, commit, checkpoint, begin, log };
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
    const rows = Math.min(top + 1 - first, this.wholeLogs.checked ? Infinity : LOG_ROWS);
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

  /** List the messages in flight in order of arrival. */
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
