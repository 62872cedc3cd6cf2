"""What the small nodes share: Maelstrom's lines, timers, and an honest key-value store.

Plain Python without packages, as any python3 may start these nodes.
"""

import json
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Data = dict[str, Any]

READ_BYTES = 1 << 16

NOT_SUPPORTED = 10
KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22
TEMPORARILY_UNAVAILABLE = 11


class SmallNode:
    """Reads messages and calls ``on_<type>(source, body)``; dashes become underscores."""

    def __init__(self) -> None:
        self.name = ""
        self.node_ids: list[str] = []
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._output: list[str] = []

    @property
    def peers(self) -> list[str]:
        """All other nodes."""
        return [name for name in self.node_ids if name != self.name]

    def on_init(self, source: str, body: Body) -> None:
        """Learn the node's name and the members."""
        self.name = body["node_id"]
        self.node_ids = body["node_ids"]
        self.reply(source, body, {"type": "init_ok"})
        self.start()

    def start(self) -> None:
        """Begin to work, as the members are known."""

    def send(self, destination: str, body: Body) -> None:
        """Send a message."""
        message = {"src": self.name, "dest": destination, "body": body}
        self._output.append(json.dumps(message) + "\n")

    def broadcast(self, body: Body) -> None:
        """Send a message to all other nodes."""
        for peer in self.peers:
            self.send(peer, body)

    def reply(self, client: str, request: Body, body: Body) -> None:
        """Answer a request."""
        self.send(client, body | {"in_reply_to": request["msg_id"]})

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` once, later."""
        self._timers.append((time.monotonic() + seconds, action))
        self._timers.sort(key=lambda timer: timer[0])

    def every(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` now, and then again and again."""
        action()
        self.after(seconds, lambda: self.every(seconds, action))

    def run(self) -> None:
        """Work until stdin ends."""
        partial = b""
        while True:
            timeout = self._timers[0][0] - time.monotonic() if self._timers else None
            ready, _, _ = select.select([0], [], [], timeout and max(timeout, 0))
            if ready:
                data = os.read(0, READ_BYTES)
                if not data:
                    return
                *lines, partial = (partial + data).split(b"\n")
                for line in lines:
                    self._on_line(line)
            while self._timers and self._timers[0][0] <= time.monotonic():
                self._timers.pop(0)[1]()
            sys.stdout.write("".join(self._output))
            sys.stdout.flush()
            self._output.clear()

    def _on_line(self, line: bytes) -> None:
        message = json.loads(line)
        body = message["body"]
        handler = getattr(self, "on_" + body["type"].replace("-", "_"), None)
        if handler is None:
            error = {"type": "error", "code": NOT_SUPPORTED, "text": f"no {body['type']} here"}
            self.reply(message["src"], body, error)
        else:
            handler(message["src"], body)


def execute(data: Data, request: Body) -> Body:
    """Do a read, write or cas; return the body of the reply."""
    key = json.dumps(request["key"])
    if request["type"] == "write":
        data[key] = request["value"]
        return {"type": "write_ok"}
    if key not in data:
        return {"type": "error", "code": KEY_DOES_NOT_EXIST, "text": f"there is no key {key}"}
    if request["type"] == "read":
        return {"type": "read_ok", "value": data[key]}
    if data[key] != request["from"]:
        text = f"expected {request['from']!r}, it is {data[key]!r}"
        return {"type": "error", "code": PRECONDITION_FAILED, "text": text}
    data[key] = request["to"]
    return {"type": "cas_ok"}


class Store(SmallNode):
    """An honest store: the first node keeps all data, the others forward to it."""

    def __init__(self) -> None:
        super().__init__()
        self.data: Data = {}
        self._last_done: dict[str, int] = {}

    def is_keeper(self) -> bool:
        """Return whether this node keeps the data."""
        return self.name == self.keeper()

    def keeper(self) -> str:
        """Return the node that keeps the data."""
        return self.node_ids[0]

    def on_request(self, client: str, request: Body) -> None:
        """Serve a request here, or forward it."""
        if self.is_keeper():
            self.serve(client, request)
        else:
            self.send(self.keeper(), {"type": "forward", "client": client, "request": request})

    on_read = on_write = on_cas = on_request

    def on_forward(self, source: str, body: Body) -> None:
        """Serve a request that another node forwarded."""
        del source
        self.on_request(body["client"], body["request"])

    def serve(self, client: str, request: Body) -> None:
        """Do a request once: clients number their requests and send one at a time."""
        if request["msg_id"] > self._last_done.get(client, 0):
            self._last_done[client] = request["msg_id"]
            self.do(client, request)

    def do(self, client: str, request: Body) -> None:
        """Do a request and answer it."""
        self.reply(client, request, self.execute(client, request))

    def execute(self, client: str, request: Body) -> Body:
        """Do a request; return the body of the reply."""
        del client
        return execute(self.data, request)


class Views(Store):
    """A store that each node keeps in turn: the primary of the present view."""

    def __init__(self) -> None:
        super().__init__()
        self.view = 0

    def keeper(self) -> str:
        """Return the primary of the present view."""
        return self.node_ids[self.view % len(self.node_ids)]


class Failover(Views):
    """A primary that pushes all its data, and is replaced if it is silent. There are no votes.

    It acknowledges at once, when no other node holds the operation.
    """

    HEARTBEAT_S = 0.05
    SILENCE_S = 0.4

    def __init__(self) -> None:
        super().__init__()
        self.heard_at = time.monotonic()

    def start(self) -> None:
        """Begin to send heartbeats, or to wait for them."""
        self.heard_at = time.monotonic()
        self.every(self.HEARTBEAT_S, self.beat)

    def beat(self) -> None:
        """Push the data as the primary; as a backup, go to the next view after a silence."""
        if self.is_keeper():
            self.push()
        elif time.monotonic() - self.heard_at > self.SILENCE_S:
            self.view += 1
            self.heard_at = time.monotonic()

    def push(self) -> None:
        """Send all data to the backups."""
        self.broadcast({"type": "heartbeat", "view": self.view, "data": self.data})

    def on_heartbeat(self, source: str, body: Body) -> None:
        """Follow a primary of this view or a newer one."""
        del source
        if body["view"] >= self.view:
            self.view = body["view"]
            self.data = body["data"]
            self.heard_at = time.monotonic()

    def do(self, client: str, request: Body) -> None:
        """Do a request and answer it, and only then push the data."""
        super().do(client, request)
        self.push()
