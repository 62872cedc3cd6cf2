// broadcast: each message goes to every other node until that has confirmed it.
"use strict";
const node = require("./node.js");

const messages = new Set();

node.handlers = {
  topology: () => ({}),
  read: () => ({ messages: [...messages] }),
  broadcast: ({ message }) => {
    messages.add(message);
    for (const other of node.ids.filter((id) => id !== node.id)) {
      node.insist(other, { type: "gossip", message });
    }
    return {};
  },
  gossip: ({ message }) => {
    messages.add(message);
    return {};
  },
};
