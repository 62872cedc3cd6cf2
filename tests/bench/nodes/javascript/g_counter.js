// g-counter on seq-kv: one key that all nodes change with cas, and a write before each read, as
// seq-kv may show a node an old state until that node changes something.
"use strict";
const node = require("./node.js");

const store = (body) => node.insist("seq-kv", body);

async function add(delta) {
  for (;;) {
    const { value } = await store({ type: "read", key: "sum" });
    const from = value ?? 0;
    const body = { type: "cas", key: "sum", from, to: from + delta, create_if_not_exists: true };
    const reply = await node.ask("seq-kv", body, 4000);
    if (reply.type === "cas_ok") return;
  }
}

let count = 0;

node.handlers = {
  add: async ({ delta }) => {
    if (delta !== 0) await add(delta);
    return {};
  },
  read: async () => {
    await store({ type: "write", key: node.id, value: ++count });
    const { value } = await store({ type: "read", key: "sum" });
    return { value: value ?? 0 };
  },
};
