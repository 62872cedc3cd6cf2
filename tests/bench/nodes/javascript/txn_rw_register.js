// txn-rw-register, read committed and always available: transactions are done at the node that is
// asked, and their writes go to the others whole, stamped with a Lamport clock. The last stamp wins.
"use strict";
const node = require("./node.js");

const registers = new Map();
let clock = 0;

const later = (one, other) => one[0] > other[0] || (one[0] === other[0] && one[1] > other[1]);

function apply(stamp, writes) {
  clock = Math.max(clock, stamp[0]);
  for (const [key, value] of writes) {
    const held = registers.get(key);
    if (held === undefined || later(stamp, held.stamp)) registers.set(key, { stamp, value });
  }
}

node.handlers = {
  txn: ({ txn }) => {
    const writes = new Map();
    const done = txn.map(([f, key, value]) => {
      if (f === "w") writes.set(key, value);
      const held = writes.has(key) ? writes.get(key) : registers.get(key)?.value ?? null;
      return [f, key, f === "w" ? value : held];
    });
    const stamp = [++clock, node.id];
    apply(stamp, [...writes]);
    for (const other of node.ids.filter((id) => id !== node.id)) {
      if (writes.size) node.insist(other, { type: "apply", stamp, writes: [...writes] });
    }
    return { txn: done };
  },
  apply: ({ stamp, writes }) => {
    apply(stamp, writes);
    return {};
  },
};
