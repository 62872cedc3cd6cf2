"""What the small nodes for the other workloads share: an honest store, sets, and requests.

Plain Python without packages, as any python3 may start these nodes.
"""

import json
from collections.abc import Callable
from typing import Any

from small_node import TEMPORARILY_UNAVAILABLE, Body, SmallNode, Store

PATIENCE_S = 2.0
"""How long a read waits to learn what it asks for."""


class AllStore(Store):
    """An honest store for every workload: the first node keeps all data, the others forward to it.

    A ``read`` without a key asks for what was added last: messages, elements or a sum.
    """

    def __init__(self) -> None:
        super().__init__()
        self.id_count = 0
        self.elements: dict[str, Any] = {}
        self.sum = 0
        self.logs: dict[str, list[Any]] = {}
        self.committed: dict[str, int] = {}
        self.registers: Body = {}
        self._last_added = ""
        self._waiting: list[tuple[str, Body]] = []

    on_broadcast = on_add = on_txn = Store.on_request
    on_send = on_poll = on_commit_offsets = on_list_committed_offsets = Store.on_request

    def on_echo(self, client: str, request: Body) -> None:
        """Answer without asking anybody."""
        self.reply(client, request, {"type": "echo_ok", "echo": request["echo"]})

    def on_topology(self, client: str, request: Body) -> None:
        """Take it; it means that reads ask for messages."""
        self._last_added = self._last_added or "messages"
        self.reply(client, request, {"type": "topology_ok"})

    def on_generate(self, client: str, request: Body) -> None:
        """Answer without asking anybody."""
        self.id_count += 1
        self.reply(client, request, {"type": "generate_ok", "id": self.new_id()})

    def new_id(self) -> Any:
        """Return an id for the request just counted."""
        return f"{self.name}-{self.id_count}"

    def do(self, client: str, request: Body) -> None:
        """Do a request and answer it; a read waits until something was added."""
        if is_bare_read(request) and not self._last_added:
            self._waiting.append((client, request))
            self.after(PATIENCE_S, self._refuse_waiting)
            return
        super().do(client, request)
        if self._last_added:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                super().do(*each)

    def _refuse_waiting(self) -> None:
        error = {"type": "error", "code": TEMPORARILY_UNAVAILABLE, "text": "nothing was added yet"}
        for client, request in self._waiting[:1]:
            self.reply(client, request, error)
        del self._waiting[:1]

    def execute(self, client: str, request: Body) -> Body:
        """Do a request; return the body of the reply."""
        kind = request["type"]
        if kind in ("write", "cas") or (kind == "read" and not is_bare_read(request)):
            return super().execute(client, request)
        answer: Body = getattr(self, f"do_{kind}")(request)
        return {"type": f"{kind}_ok"} | answer

    def do_broadcast(self, request: Body) -> Body:
        """Add an element."""
        return self.add_element("messages", request["message"])

    def do_add(self, request: Body) -> Body:
        """Add an element to the set, or a number to the sum."""
        if "element" in request:
            return self.add_element("elements", request["element"])
        self._last_added = "sum"
        self.sum += request["delta"]
        return {}

    def add_element(self, last_added: str, element: Any) -> Body:
        """Add an element to the set; return the fields of the reply."""
        self._last_added = last_added
        self.elements[json.dumps(element)] = element
        return {}

    def do_read(self, request: Body) -> Body:
        """Return what was added."""
        del request
        if self._last_added == "sum":
            return {"value": self.sum}
        field = "messages" if self._last_added == "messages" else "value"
        return {field: list(self.elements.values())}

    def do_send(self, request: Body) -> Body:
        """Append a message to the log of its key."""
        log = self.logs.setdefault(request["key"], [])
        log.append(request["msg"])
        return {"offset": len(log) - 1}

    def do_poll(self, request: Body) -> Body:
        """Return the messages from the asked offsets on."""
        messages = {
            key: [[offset + place, each] for place, each in enumerate(self.logs[key][offset:])]
            for key, offset in request["offsets"].items()
            if key in self.logs
        }
        return {"msgs": {key: pairs for key, pairs in messages.items() if pairs}}

    def do_commit_offsets(self, request: Body) -> Body:
        """Note how far the messages were processed."""
        for key, offset in request["offsets"].items():
            self.committed[key] = max(offset, self.committed.get(key, 0))
        return {}

    def do_list_committed_offsets(self, request: Body) -> Body:
        """Return how far the messages were processed."""
        known = [key for key in request["keys"] if key in self.committed]
        return {"offsets": {key: self.committed[key] for key in known}}

    def do_txn(self, request: Body) -> Body:
        """Do all operations of a transaction at once."""
        return {"txn": [self.operate(*each) for each in request["txn"]]}

    def operate(self, f: str, key: Any, value: Any) -> list[Any]:
        """Do an operation of a transaction; return it as it is answered."""
        name = json.dumps(key)
        if f == "r":
            return [f, key, self.registers.get(name)]
        if f == "append":
            self.registers[name] = [*self.registers.get(name, []), value]
        else:
            self.registers[name] = value
        return [f, key, value]


def is_bare_read(request: Body) -> bool:
    """Return whether a request reads all that was added."""
    return request["type"] == "read" and "key" not in request


class Asking(SmallNode):
    """A node that asks others, and hears their answers."""

    def __init__(self) -> None:
        super().__init__()
        self._ask_count = 0
        self._open: dict[int, Callable[[Body], None]] = {}

    def ask(
        self,
        destination: str,
        body: Body,
        then: Callable[[Body], None],
        again_s: float | None = None,
    ) -> None:
        """Send a request, and again as long as it is open; hand its first answer to ``then``.

        ``again_s`` is the time between two attempts; None makes only one.
        """
        self._ask_count += 1
        number = self._ask_count
        self._open[number] = then
        self._attempt(destination, body | {"msg_id": number}, again_s)

    def _attempt(self, destination: str, body: Body, again_s: float | None) -> None:
        if body["msg_id"] in self._open:
            self.send(destination, body)
            if again_s is not None:
                self.after(again_s, lambda: self._attempt(destination, body, again_s))

    def on_answer(self, source: str, body: Body) -> None:
        """Hand an answer to whatever waits for it."""
        del source
        then = self._open.pop(body["in_reply_to"], None)
        if then is not None:
            then(body)

    on_read_ok = on_write_ok = on_cas_ok = on_error = on_learn_ok = on_change_ok = on_answer


class SetReplica(Asking):
    """A node with a set of its own, for broadcast and g-set. Subclasses spread it to others."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Any] = []
        self._read_field = "value"

    def on_topology(self, client: str, request: Body) -> None:
        """Take it; it means that elements are messages."""
        self._read_field = "messages"
        self.reply(client, request, {"type": "topology_ok"})

    def on_broadcast(self, client: str, request: Body) -> None:
        """Keep a message, spread it, and acknowledge it."""
        self.add(request["message"])
        self.reply(client, request, {"type": "broadcast_ok"})

    def on_add(self, client: str, request: Body) -> None:
        """Keep an element, spread it, and acknowledge it."""
        self.add(request["element"])
        self.reply(client, request, {"type": "add_ok"})

    def on_read(self, client: str, request: Body) -> None:
        """Return the elements that this node has."""
        self.reply(client, request, {"type": "read_ok", self._read_field: self.elements})

    def add(self, element: Any) -> None:
        """Keep an element that a client added, and spread it."""
        self.learn(element)
        self.spread(element)

    def learn(self, element: Any) -> None:
        """Keep an element."""
        if element not in self.elements:
            self.elements.append(element)

    def spread(self, element: Any) -> None:
        """Hand an element to the others."""

    def on_learn(self, source: str, body: Body) -> None:
        """Keep elements that another node handed on."""
        for element in body["elements"]:
            self.learn(element)
        if "msg_id" in body:
            self.reply(source, body, {"type": "learn_ok"})
