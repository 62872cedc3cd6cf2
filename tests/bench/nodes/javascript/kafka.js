// kafka on lin-kv: a key's next offset is taken with cas, and each message has a key of its own.
"use strict";
const node = require("./node.js");

const store = (body) => node.insist("lin-kv", body);

async function raise(key, atLeast) {
  for (;;) {
    const { value } = await store({ type: "read", key });
    const from = value ?? 0;
    const to = atLeast === undefined ? from + 1 : Math.max(from, atLeast);
    const body = { type: "cas", key, from, to, create_if_not_exists: true };
    const reply = await node.ask("lin-kv", body, 4000);
    if (reply.type === "cas_ok") return from;
  }
}

node.handlers = {
  send: async ({ key, msg }) => {
    const offset = await raise(`next ${key}`);
    await store({ type: "write", key: `${key} ${offset}`, value: msg });
    return { offset };
  },
  poll: async ({ offsets }) => {
    const msgs = {};
    for (const [key, first] of Object.entries(offsets)) {
      const pairs = [];
      for (let offset = first; pairs.length < 20; offset++) {
        // A gap may be a message that is still to be written: nothing behind it can be shown.
        const reply = await store({ type: "read", key: `${key} ${offset}` });
        if (reply.type === "error") break;
        pairs.push([offset, reply.value]);
      }
      if (pairs.length) msgs[key] = pairs;
    }
    return { msgs };
  },
  commit_offsets: async ({ offsets }) => {
    for (const [key, offset] of Object.entries(offsets)) await raise(`committed ${key}`, offset);
    return {};
  },
  list_committed_offsets: async ({ keys }) => {
    const offsets = {};
    for (const key of keys) {
      const reply = await store({ type: "read", key: `committed ${key}` });
      if (reply.type === "read_ok") offsets[key] = reply.value;
    }
    return { offsets };
  },
};
