"""A node for all workloads of Maelstrom but lin-kv: the first node keeps everything in its memory.

Its first argument is what a read returns: messages, elements or the sum. The others are flaws: a
request's type, a colon, and what is done to ``reply``, once that is made.
"""

import json
import sys
from typing import Any

Body = dict[str, Any]

READ, *FLAWS = sys.argv[1:] or ["messages"]


class Memory:
    """What the first node holds."""

    def __init__(self) -> None:
        self.elements: list[Any] = []
        self.sum = 0
        self.ids = 0
        self.keys: dict[Any, Any] = {}
        self.logs: dict[str, list[Any]] = {}
        self.committed: dict[str, int] = {}

    def serve(self, body: Body) -> Body:
        """Return the reply to a request."""
        serve = getattr(self, f"on_{body['type']}", None)
        if serve is None:
            return {"type": "error", "code": 10, "text": "unknown"}
        return {"type": f"{body['type']}_ok", **serve(body)}

    def on_echo(self, body: Body) -> Body:
        return {"echo": body["echo"]}

    def on_generate(self, body: Body) -> Body:
        self.ids += 1
        return {"id": self.ids}

    def on_topology(self, body: Body) -> Body:
        return {}

    def on_broadcast(self, body: Body) -> Body:
        self._add(body["message"])
        return {}

    def on_add(self, body: Body) -> Body:
        if "element" in body:
            self._add(body["element"])
        else:
            self.sum += body["delta"]
        return {}

    def _add(self, element: Any) -> None:
        if element not in self.elements:
            self.elements.append(element)

    def on_read(self, body: Body) -> Body:
        name = "messages" if READ == "messages" else "value"
        return {name: self.sum if READ == "sum" else self.elements}

    def on_send(self, body: Body) -> Body:
        log = self.logs.setdefault(body["key"], [])
        log.append(body["msg"])
        return {"offset": len(log) - 1}

    def on_poll(self, body: Body) -> Body:
        polled = {}
        for key, offset in body["offsets"].items():
            log = self.logs.get(key, [])
            polled[key] = [[place, log[place]] for place in range(offset, len(log))]
        return {"msgs": {key: pairs for key, pairs in polled.items() if pairs}}

    def on_commit_offsets(self, body: Body) -> Body:
        for key, offset in body["offsets"].items():
            self.committed[key] = max(offset, self.committed.get(key, 0))
        return {}

    def on_list_committed_offsets(self, body: Body) -> Body:
        return {"offsets": {k: self.committed[k] for k in body["keys"] if k in self.committed}}

    def on_txn(self, body: Body) -> Body:
        done = []
        for f, key, value in body["txn"]:
            if f == "r":
                held = self.keys.get(key)
                value = list(held) if isinstance(held, list) else held
            elif f == "w":
                self.keys[key] = value
            else:
                self.keys.setdefault(key, []).append(value)
            done.append([f, key, value])
        return {"txn": done}


class Node:
    """Answers what it can, and forwards the rest to the first node."""

    def __init__(self) -> None:
        self.name = self.first = ""
        self.memory = Memory()
        self.count = 0
        self.waiting: dict[int, tuple[str, int]] = {}

    def run(self) -> None:
        """Serve until the input ends."""
        for line in sys.stdin:
            message = json.loads(line)
            self.take(message["src"], message["body"])

    def take(self, source: str, body: Body) -> None:
        """Take a message."""
        if body["type"] == "init":
            self.name, self.first = body["node_id"], body["node_ids"][0]
            self.reply(source, body["msg_id"], {"type": "init_ok"})
        elif body["type"] == "forward":
            self.send(source, {"type": "answer", "n": body["n"], "body": self.serve(body["body"])})
        elif body["type"] == "answer":
            client, msg_id = self.waiting.pop(body["n"])
            self.reply(client, msg_id, body["body"])
        elif self.name == self.first:
            self.reply(source, body["msg_id"], self.serve(body))
        else:
            self.count += 1
            self.waiting[self.count] = (source, body["msg_id"])
            self.send(self.first, {"type": "forward", "n": self.count, "body": body})

    def serve(self, body: Body) -> Body:
        """Return the reply to a request, unless a flaw changes it."""
        reply = self.memory.serve(body)
        for flaw in FLAWS:
            kind, _, code = flaw.partition(":")
            if kind == body["type"]:
                exec(code, {"body": body, "reply": reply, "memory": self.memory})
        return reply

    def reply(self, client: str, msg_id: int, body: Body) -> None:
        """Answer a request."""
        self.send(client, body | {"in_reply_to": msg_id})

    def send(self, destination: str, body: Body) -> None:
        """Send a message."""
        print(json.dumps({"src": self.name, "dest": destination, "body": body}), flush=True)


if __name__ == "__main__":
    Node().run()
