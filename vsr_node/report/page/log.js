// What the nodes wrote to stderr in the window, as text.

const LOG_ROWS_SHOWN = 200;
const LOG_DELAY_MS = 120;

class LogList {
  /** @param {Run} run @param {TimeWindow} time */
  constructor(run, time) {
    this.log = run.main.log;
    this.time = time;
    this.selected = -1;
    this.timer = 0;
    element("log-section").hidden = !this.log.time.length;
    this.node = elementOf("log-node", HTMLSelectElement);
    this.node.append(option("all nodes", ""), ...[...new Set(this.log.node)].sort().map((name) => option(name, name)));
    this.alarming = elementOf("log-alarming", HTMLInputElement);
    for (const control of [this.node, this.alarming]) control.addEventListener("change", () => this.fill());
    time.listeners.push(() => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.fill(), LOG_DELAY_MS);
    });
    this.fill();
  }

  /** Show a line, and the lines around it. @param {number} line */
  show(line) {
    this.selected = line;
    this.node.value = "";
    this.alarming.checked = false;
    this.fill();
    element("log").querySelector(".selected")?.scrollIntoView({ block: "nearest" });
  }

  fill() {
    const { time, node, text, alarming } = this.log;
    const shown = [];
    for (let i = 0; i < time.length; i++) {
      if (time[i] >= 0 && (time[i] < this.time.begin || time[i] > this.time.end)) continue;
      if (this.node.value && node[i] !== this.node.value) continue;
      if (this.alarming.checked && !alarming[i]) continue;
      shown.push(i);
    }
    const around = shown.indexOf(this.selected);
    const first = Math.max(0, Math.min(around - LOG_ROWS_SHOWN / 2, shown.length - LOG_ROWS_SHOWN));
    element("log").replaceChildren(...shown.slice(first, first + LOG_ROWS_SHOWN).map((i) => {
      const row = tableRow([time[i] < 0 ? "" : seconds(time[i], 6), node[i], text[i]]);
      row.className = [alarming[i] ? "alarming" : "", i === this.selected ? "selected" : ""].join(" ").trim();
      return row;
    }));
    element("log-count").textContent = shown.length > LOG_ROWS_SHOWN
      ? `${LOG_ROWS_SHOWN} of ${shown.length.toLocaleString("en")} lines in this window: zoom in for the others.`
      : `${shown.length.toLocaleString("en")} lines in this window.`;
  }
}
