// What the nodes of this folder share: messages as lines of JSON, requests to others with retries.
"use strict";

const waiting = new Map();
let next = 0;

const node = { id: "", ids: [], handlers: {} };

function send(dest, body) {
  process.stdout.write(JSON.stringify({ src: node.id, dest, body }) + "\n");
}

node.reply = (request, body) => send(request.src, { ...body, in_reply_to: request.body.msg_id });

// Resolves to the reply's body, also if it is an error; rejects if none came in time.
node.ask = (dest, body, timeOut = 1000) =>
  new Promise((resolve, reject) => {
    const id = ++next;
    const timer = setTimeout(() => {
      waiting.delete(id);
      reject(new Error("no reply"));
    }, timeOut);
    waiting.set(id, (reply) => {
      clearTimeout(timer);
      resolve(reply);
    });
    send(dest, { ...body, msg_id: id });
  });

// Asks until there is a reply.
node.insist = async (dest, body) => {
  for (;;) {
    try {
      return await node.ask(dest, body, 300);
    } catch (error) {
      void error;
    }
  }
};

async function take(message) {
  const { body } = message;
  if (body.in_reply_to !== undefined) {
    const resolve = waiting.get(body.in_reply_to);
    waiting.delete(body.in_reply_to);
    if (resolve) resolve(body);
  } else if (body.type === "init") {
    node.id = body.node_id;
    node.ids = body.node_ids;
    node.reply(message, { type: "init_ok" });
  } else if (node.handlers[body.type]) {
    try {
      const answer = await node.handlers[body.type](body, message.src);
      node.reply(message, { type: `${body.type}_ok`, ...answer });
    } catch (error) {
      node.reply(message, { type: "error", code: 13, text: String(error) });
    }
  } else {
    node.reply(message, { type: "error", code: 10, text: `no ${body.type} here` });
  }
}

let partial = "";
process.stdin.on("data", (data) => {
  const lines = (partial + data).split("\n");
  partial = lines.pop();
  lines.filter(Boolean).forEach((line) => take(JSON.parse(line)));
});
process.stdin.on("end", () => process.exit(0));

module.exports = node;
