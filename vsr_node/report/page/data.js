// The run's data: columns in base64 that are opened when they are needed. Times are in microseconds.

/**
 * @typedef {object} Operations  One entry for each operation, in order of invocation.
 * @property {(number|string)[]} process
 * @property {number[]} f        Its number in `functions`; likewise key, node and client.
 * @property {number[]} key
 * @property {number[]} node
 * @property {number[]} client
 * @property {number[]} outcome  Its number in `outcomes`.
 * @property {number[]} begin
 * @property {number[]} end      -1 if it never completed.
 * @property {string[]} value
 * @property {string[]} error
 * @property {number[]} event    The index of its first event in the history.
 * @property {number[]} place    Its place in the order that the checker found for its key, from 1; 0 if it has none.
 *
 * @typedef {object} Messages    One entry for each message, in the order of sending.
 * @property {number} count
 * @property {Float64Array} sent
 * @property {Float64Array} ended
 * @property {Uint16Array} source       Its number in `names`; likewise destination.
 * @property {Uint16Array} destination
 * @property {Uint16Array} kind
 * @property {Uint8Array} fate
 * @property {number} longest           How long the slowest message took.
 *
 * @typedef {[begin: number, end: number | null, name: string, text: string]} FaultSpan
 *   The end is null if the fault lasted to the end of the run.
 *
 * @typedef {object} FailingPart
 * @property {number[]} operations  Their numbers.
 * @property {number} culprit       The number of the operation that has no place.
 * @property {number} begin         Where its view opens: when the last acknowledged change before it began.
 *
 * @typedef {[begin: number, end: number | null, kind: string, whole: boolean, text: string, fault: number]} Condition
 *   What befell a node, or only some of its links. The fault is its number, or -1.
 *
 * @typedef {object} Lane           What happened to a node; an end is null if it lasted to the end of the run.
 * @property {string} node
 * @property {Condition[]} conditions
 * @property {[begin: number, end: number | null, view: number][]} views  Its views or terms.
 * @property {[begin: number, end: number | null][]} leads
 *
 * @typedef {object} Log            One entry for each line of the nodes' stderr, in order of time.
 * @property {number[]} time        -1 if it is not known.
 * @property {string[]} node
 * @property {string[]} text
 * @property {boolean[]} alarming
 *
 * @typedef {object} Main         All but the columns.
 * @property {FaultSpan[]} faults
 * @property {Lane[]} lanes
 * @property {string} viewWord      What the nodes' messages call the number of a view.
 * @property {string[]} outcomes
 * @property {Log} log
 * @property {string[]} nodes
 * @property {string[]} names
 * @property {string[]} kinds
 * @property {string[]} fates
 * @property {boolean} failed
 * @property {number} messages       How many of them are on the page.
 * @property {number} messagesTotal
 * @property {number} blockMessages  How many of them have their bodies in one block.
 * @property {FailingPart[]} violations
 *
 * @typedef {{functions: string[], keys: string[], nodes: string[], clients: string[]}} Tables
 */

const UNKNOWN = 4;

const VIEWS_PER_EPOCH = 2 ** 32;
/** The colours of outcomes in the style sheet, by number. */
const OUTCOME_COLOURS = ["ok", "no", "refused", "timeout", "unknown"];

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
function elementOf(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} "${id}"`);
  return found;
}

/** @param {string} id */
function element(id) {
  return elementOf(id, HTMLElement);
}

/** @param {string} name */
function dataBlock(name) {
  return document.getElementById(`data-${name}`);
}

/** @param {string} name @returns {Promise<Uint8Array | null>} The bytes in a block, null if it is left out. */
async function opened(name) {
  const block = dataBlock(name);
  if (!block) return null;
  const text = atob(block.textContent ?? "");
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
  /** @returns {Promise<Run>} The page's run, without the bodies of its messages. */
  static async open() {
    const [main, stored] = await Promise.all([openedJson("main"), openedJson("operations")]);
    const run = new Run(main, stored.columns, stored.tables);
    run.messages = await run.openMessages(main.messages);
    run.steps = dataBlock("steps") ? await openedJson("steps") : null;
    return run;
  }

  /** @param {Main} main @param {Operations} operations @param {Tables} tables */
  constructor(main, operations, tables) {
    this.main = main;
    this.operations = operations;
    this.tables = tables;
    this.count = operations.begin.length;
    /** @type {Messages | null} */
    this.messages = null;
    /** @type {StoredSteps | null} The inside of the run; null if it was not observed. */
    this.steps = null;
    /** @type {Map<number, Promise<string[] | null>>} */
    this.bodyBlocks = new Map();
    let end = 1;
    for (let i = 0; i < this.count; i++) end = Math.max(end, operations.begin[i], operations.end[i]);
    for (const fault of main.faults) end = Math.max(end, fault[0], fault[1] ?? 0);
    for (const lane of main.lanes) for (const [begin] of lane.views) end = Math.max(end, begin);
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

  /** @param {number} i @returns {Promise<string>} A message's body as JSON, shortened if it is long. */
  async body(i) {
    const size = this.main.blockMessages;
    const number = Math.floor(i / size);
    let block = this.bodyBlocks.get(number);
    if (!block) {
      block = opened(`bodies-${number}`).then((bytes) => bytes && new TextDecoder().decode(bytes).split("\n"));
      this.bodyBlocks.set(number, block);
    }
    const bodies = await block;
    return bodies ? bodies[i - number * size] : "(left out to keep the page small; it is in messages.jsonl)";
  }

  /** The end of an operation; of one that never completed, the end of the run. @param {number} i */
  endOf(i) {
    const end = this.operations.end[i];
    return end < 0 ? this.end : end;
  }

  /** @param {number} i @returns {string} An operation in a few words. */
  describe(i) {
    const { f, value } = this.operations;
    const name = this.tables.functions[f[i]];
    if (name === "cas") {
      try {
        const [from, to] = JSON.parse(value[i]);
        return `cas ${JSON.stringify(from)} → ${JSON.stringify(to)}`;
      } catch {
        // Shortened, or not a value of a cas: shown unchanged.
      }
    }
    return this.operations.outcome[i] !== 0 && value[i] === "null" ? name : `${name} ${value[i]}`;
  }
}

/** @param {number} time @param {number} [digits] @returns {string} */
function seconds(time, digits = 3) {
  return `${(time / 1e6).toFixed(digits)} s`;
}

/** The number of a view; in a later epoch the epoch's, a point, and the view's within it. @param {number} view */
function viewName(view) {
  const epoch = Math.floor(view / VIEWS_PER_EPOCH);
  return epoch ? `${epoch}.${view % VIEWS_PER_EPOCH}` : `${view}`;
}

/** @param {number} time @returns {string} */
function duration(time) {
  return time < 1000 ? `${time} µs` : time < 1e6 ? `${(time / 1000).toFixed(time < 1e4 ? 2 : 1)} ms` : `${(time / 1e6).toFixed(2)} s`;
}

/** Return the first place in a sorted column whose value is at least `value`.
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
