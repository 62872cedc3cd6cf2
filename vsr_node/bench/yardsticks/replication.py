"""The bare replication node: the cost of a replicated log in Python without any safety.

The first node is the primary for ever. It forwards, batches, replicates to a quorum and answers:
no views, no time-outs, no checks, no retries, no recognition of repeated requests. A lost message
stops it.

It sends only the messages that a Viewstamped Replication node of this kind needs. A write takes one
round trip: on three nodes, a backup that gets the primary's PREPARE knows that two hold the entry,
so it commits, and the node that took the request answers; in larger groups the primary answers. A
read does not enter the log: the node that was asked asks enough others for a quorum how long their
logs are, once for all reads of a turn, and answers from its own data when it has applied that much.
"""

from collections import deque
from typing import Any

from lines import Body, line_of, serve

Entry = list[Any]
"""Client, msg_id, the node that took the request, and its body."""


class Replication:
    """The node."""

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self._log: list[Entry] = []
        self._committed = self._applied = self._prepared = self._acknowledged = self._told = 0
        self._data: dict[str, Any] = {}
        self._new: list[Entry] = []  # Requests of this turn: to be logged or forwarded.
        self._reads: list[tuple[str, Body]] = []
        self._asked: dict[int, list[Any]] = {}  # Reads that wait for answers: count, index, reads.
        self._ask_number = 0
        self._ready: deque[tuple[int, list[tuple[str, Body]]]] = deque()
        self._handlers = {
            "init": self._on_init,
            "read": lambda client, body: self._reads.append((client, body)),
            "write": self._on_write,
            "cas": self._on_write,
            "forward": lambda _, body: self._new.extend(body["entries"]),
            "prepare": self._on_prepare,
            "prepare_ok": self._on_prepare_ok,
            "commit": lambda _, body: self._commit(body["commit"]),
            "ask": lambda peer, body: self._send(
                peer, {"type": "tell", "number": body["number"], "op": len(self._log)}
            ),
            "tell": self._on_tell,
        }

    def on_message(self, source: str, body: Body) -> None:
        """Take a message."""
        self._handlers[body["type"]](source, body)

    def _on_init(self, client: str, body: Body) -> None:
        self._name = body["node_id"]
        nodes = body["node_ids"]
        self._peers = [node for node in nodes if node != self._name]
        self._quorum = len(nodes) // 2 + 1
        self._primary = nodes[0]
        self._is_primary = self._name == nodes[0]
        self._held = dict.fromkeys(self._peers, 0)
        self._send(client, {"type": "init_ok", "in_reply_to": body["msg_id"]})

    def _on_write(self, client: str, body: Body) -> None:
        self._new.append([client, body["msg_id"], self._name, body])

    def _on_prepare(self, _: str, body: Body) -> None:
        self._log += body["entries"]
        self._commit(len(self._log) if self._quorum == 2 else body["commit"])

    def _on_prepare_ok(self, peer: str, body: Body) -> None:
        self._held[peer] = body["op"]
        held = sorted([len(self._log), *self._held.values()], reverse=True)
        self._commit(held[self._quorum - 1])

    def _on_tell(self, _: str, body: Body) -> None:
        asked = self._asked[body["number"]]
        asked[0] -= 1
        asked[1] = max(asked[1], body["op"])
        if not asked[0]:
            self._ready.append((asked[1], self._asked.pop(body["number"])[2]))

    def _commit(self, op_number: int) -> None:
        self._committed = max(self._committed, op_number)

    def end_turn(self) -> None:
        """Log or forward the new requests, acknowledge, apply, answer."""
        if self._is_primary:
            self._log += self._new
            if len(self._log) > self._prepared:
                body = {"type": "prepare", "commit": self._committed}
                self._broadcast(body | {"entries": self._log[self._prepared :]})
                self._prepared, self._told = len(self._log), self._committed
            elif self._quorum > 2 and self._committed > self._told:
                self._broadcast({"type": "commit", "commit": self._committed})
                self._told = self._committed
        elif self._new:
            self._send(self._primary, {"type": "forward", "entries": self._new})
        self._new = []
        if not self._is_primary and len(self._log) > self._acknowledged:
            self._acknowledged = len(self._log)
            self._send(self._primary, {"type": "prepare_ok", "op": self._acknowledged})
        if self._reads:
            self._ask()
        for client, msg_id, taker, body in self._log[self._applied : self._committed]:
            reply = self._execute(body)
            if taker == self._name if self._quorum == 2 else self._is_primary:
                self._send(client, reply | {"in_reply_to": msg_id})
        self._applied = self._committed
        while self._ready and self._ready[0][0] <= self._applied:
            for client, body in self._ready.popleft()[1]:
                self._send(client, self._execute(body) | {"in_reply_to": body["msg_id"]})

    def _ask(self) -> None:
        self._ask_number += 1
        self._asked[self._ask_number] = [self._quorum - 1, len(self._log), self._reads]
        self._reads = []
        for peer in self._peers[: self._quorum - 1]:
            self._send(peer, {"type": "ask", "number": self._ask_number})

    def _execute(self, body: Body) -> Body:
        key = str(body["key"])
        if body["type"] == "write":
            self._data[key] = body["value"]
            return {"type": "write_ok"}
        if key not in self._data:
            return {"type": "error", "code": 20, "text": "no such key"}
        if body["type"] == "read":
            return {"type": "read_ok", "value": self._data[key]}
        if self._data[key] != body["from"]:
            return {"type": "error", "code": 22, "text": "another value"}
        self._data[key] = body["to"]
        return {"type": "cas_ok"}

    def _send(self, destination: str, body: Body) -> None:
        self.output.append(line_of(self._name, destination, body))

    def _broadcast(self, body: Body) -> None:
        for peer in self._peers:
            self._send(peer, body)


if __name__ == "__main__":
    node = Replication()
    serve(node.on_message, node.end_turn, node.output)
