// The run's data: columns in base64 that are opened when they are needed. Times are microseconds.

/**
 * @typedef {object} Operations  One entry for each operation, in order of invocation.
 * @property {(number|string)[]} process
 * @property {number[]} f        Its number in `functions`; so with key, node and client.
 * @property {number[]} key
 * @property {number[]} node
 * @property {number[]} client
 * @property {number[]} outcome  0 ok, 1 fail, 2 unknown.
 * @property {number[]} begin
 * @property {number[]} end      -1 where it never completed.
 * @property {string[]} value
 * @property {string[]} error
 * @property {number[]} event    The index of its first event in the history.
 *
 * @typedef {object} Messages    One entry for each message, in the order in which they were sent.
 * @property {number} count
 * @property {Float64Array} sent
 * @property {Float64Array} ended
 * @property {Uint16Array} source       Its number in `names`; so with destination.
 * @property {Uint16Array} destination
 * @property {Uint16Array} kind
 * @property {Uint8Array} fate
 * @property {number} longest           How long the slowest of them took.
 */

const OUTCOMES = ["ok", "fail", "unknown"];

/** @param {string} id @returns {any} The element, which the page has. */
function element(id) {
  return document.getElementById(id);
}

/** @param {string} name @returns {Promise<Uint8Array | null>} What a block holds; null without it. */
async function opened(name) {
  const block = element(`data-${name}`);
  if (!block) return null;
  const text = atob(block.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} name @returns {Promise<any>} */
async function openedJson(name) {
  return JSON.parse(new TextDecoder().decode((await opened(name)) ?? new Uint8Array()));
}

class Run {
  /** @returns {Promise<Run>} The page's run, all but the bodies of its messages. */
  static async open() {
    const [main, stored] = await Promise.all([openedJson("main"), openedJson("operations")]);
    const run = new Run(main, stored.columns, stored.tables);
    run.messages = await run.openMessages(main.messages);
    run.steps = element("data-steps") ? await openedJson("steps") : null;
    return run;
  }

  constructor(main, columns, tables) {
    this.main = main;
    /** @type {Operations} */
    this.operations = columns;
    /** @type {{functions: string[], keys: string[], nodes: string[], clients: string[]}} */
    this.tables = tables;
    this.count = columns.begin.length;
    /** @type {Messages | null} */
    this.messages = null;
    /** @type {any} What goes on inside, as steps.js reads it; null where nobody knows. */
    this.steps = null;
    /** @type {Map<number, Promise<string[] | null>>} */
    this.bodyBlocks = new Map();
    let end = 1;
    for (let i = 0; i < this.count; i++) end = Math.max(end, columns.begin[i], columns.end[i]);
    for (const fault of main.faults) end = Math.max(end, fault[0], fault[1] ?? 0);
    this.end = end;
  }

  /** @param {number} count @returns {Promise<Messages>} */
  async openMessages(count) {
    const names = ["sent", "took", "source", "destination", "kind", "fate"];
    const blocks = await Promise.all(names.map(opened));
    const [sentAfter, took, source, destination, kind, fate] = blocks.map(
      (bytes) => bytes ?? new Uint8Array(),
    );
    const gaps = new Uint32Array(sentAfter.buffer);
    const durations = new Uint32Array(took.buffer);
    const sent = new Float64Array(count);
    const ended = new Float64Array(count);
    let now = 0;
    let longest = 0;
    for (let i = 0; i < count; i++) {
      now += gaps[i];
      sent[i] = now;
      ended[i] = now + durations[i];
      longest = Math.max(longest, durations[i]);
    }
    return {
      count, sent, ended, longest, fate,
      source: new Uint16Array(source.buffer),
      destination: new Uint16Array(destination.buffer),
      kind: new Uint16Array(kind.buffer),
    };
  }

  /** @param {number} i @returns {Promise<string>} A message's body as JSON, perhaps shortened. */
  async body(i) {
    const size = this.main.blockMessages;
    const number = Math.floor(i / size);
    let block = this.bodyBlocks.get(number);
    if (!block) {
      block = opened(`bodies-${number}`).then((bytes) => bytes && new TextDecoder().decode(bytes).split("\n"));
      this.bodyBlocks.set(number, block);
    }
    const bodies = await block;
    return bodies ? bodies[i - number * size] : "(left out, to keep the page small: it is in messages.jsonl)";
  }

  /** When an operation was over; one that never was lasts to the end. @param {number} i */
  endOf(i) {
    const end = this.operations.end[i];
    return end < 0 ? this.end : end;
  }

  /** @param {number} i @returns {string} What an operation did, in a few words. */
  told(i) {
    const { f, value } = this.operations;
    const name = this.tables.functions[f[i]];
    if (name === "cas") {
      try {
        const [from, to] = JSON.parse(value[i]);
        return `cas ${JSON.stringify(from)} → ${JSON.stringify(to)}`;
      } catch {
        // Shortened, or nothing that a cas has: shown as it is.
      }
    }
    return this.operations.outcome[i] !== 0 && value[i] === "null" ? name : `${name} ${value[i]}`;
  }
}

/** @param {number} time @param {number} [digits] @returns {string} */
function seconds(time, digits = 3) {
  return `${(time / 1e6).toFixed(digits)} s`;
}

/** @param {number} time @returns {string} */
function duration(time) {
  return time < 1000 ? `${time} µs` : time < 1e6 ? `${(time / 1000).toFixed(time < 1e4 ? 2 : 1)} ms` : `${(time / 1e6).toFixed(2)} s`;
}

/** The first place in a sorted column whose value is at least `value`.
 * @param {ArrayLike<number>} column @param {number} value */
function firstAtLeast(column, value) {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
