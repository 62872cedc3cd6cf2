"""Maelstrom's services, ``seq-kv``, ``lin-kv``, ``lww-kv`` and ``lin-tso``: nodes of the network.

Each behaves as in Maelstrom 0.2.4, with two differences: a request of an unknown type gets error
10 rather than no reply, and where ``seq-kv`` draws a state that it no longer keeps, the oldest one
that it keeps stands for it.
"""

from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple, Protocol

import orjson

from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.nodes.loop import Timers
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.wire import parse_message

STATES_KEPT = 32
"""How many states ``seq-kv`` keeps."""
REPLICA_COUNT = 2
"""How many replicas ``lww-kv`` has."""

Body = dict[str, Any]


class Service(Protocol):
    """Answers requests, one after another."""

    def handle(self, source: str, body: Body) -> Body:
        """Return the reply to a request of a node. Raises KeyError if a field is missing."""


def offer_services(network: Network, timers: Timers, random: Random) -> None:
    """Add all services to a network; ``random`` draws what they may choose."""
    services: Mapping[str, Service] = {
        "lin-kv": LinearizableStore(),
        "seq-kv": SequentialStore(random),
        "lww-kv": LastWriteWinsStore(random),
        "lin-tso": TimestampOracle(),
    }
    for name, service in services.items():
        network.add_service(name, _Port(name, service, network, timers))


class _Port:
    """Takes the messages to a service, and sends its replies."""

    def __init__(self, name: str, service: Service, network: Network, timers: Timers) -> None:
        self._name = name
        self._service = service
        self._network = network
        self._timers = timers

    def write(self, payload: bytes) -> bool:
        """Take a request. Its reply leaves once the request is in the journal."""
        self._timers.call_at(self._timers.now(), self._answer, parse_message(payload))
        return True

    def _answer(self, message: dict[str, Any]) -> None:
        source, request = message["src"], message["body"]
        try:
            reply = self._service.handle(source, request)
        except KeyError as error:
            reply = _error(KnownError.MALFORMED_REQUEST, f"{error} is missing")
        body = reply | {"in_reply_to": request.get("msg_id")}
        message = {"src": self._name, "dest": source, "body": body}
        self._network.on_line(self._name, orjson.dumps(message))


# Key-value stores


class Effect(NamedTuple):
    """What a request does to a store."""

    reply: Body
    key: str
    """The key as text."""
    value: Any = None
    changes: bool = False
    """Whether the key gets the value, which may be the one that it has."""


def effect_of(body: Body, values: Mapping[str, Any]) -> Effect:
    """Return what a request does to a store with these values. Raises KeyError."""
    kind = body.get("type")
    if kind not in ("read", "write", "cas"):
        return Effect(_unknown(kind), "")
    key = _text(body["key"])
    if kind == "write":
        return Effect({"type": "write_ok"}, key, body["value"], changes=True)
    if key not in values:
        if kind == "cas" and body.get("create_if_not_exists"):
            return Effect({"type": "cas_ok"}, key, body["to"], changes=True)
        return Effect(_error(KnownError.KEY_DOES_NOT_EXIST, "key does not exist"), key)
    value = values[key]
    if kind == "read":
        return Effect({"type": "read_ok", "value": value}, key)
    if _text(value) == _text(body["from"]):
        return Effect({"type": "cas_ok"}, key, body["to"], changes=True)
    text = f"current value {_text(value)} is not {_text(body['from'])}"
    return Effect(_error(KnownError.PRECONDITION_FAILED, text), key)


class LinearizableStore:
    """lin-kv: each request sees all before it."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def handle(self, source: str, body: Body) -> Body:
        """Return the reply to a request."""
        del source
        effect = effect_of(body, self._values)
        if effect.changes:
            self._values[effect.key] = effect.value
        return effect.reply


class SequentialStore:
    """seq-kv: each node sees states in their order, but perhaps old ones.

    A request is tried at a state between the last one that its node saw and the newest. If it
    changes nothing there, it happened there. Else it is done on the newest state, which that
    changes.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._states: deque[dict[str, Any]] = deque([{}], maxlen=STATES_KEPT)
        """The newest states, the newest last."""
        self._newest = 0
        self._seen: dict[str, int] = {}
        """The number of the last state that each node saw."""

    def handle(self, source: str, body: Body) -> Body:
        """Return the reply to a request."""
        index = self._drawn(self._seen.get(source, 0))
        state = self._states[max(index - self._newest - 1, -len(self._states))]
        effect = effect_of(body, state)
        if not _changes(effect, state):
            self._seen[source] = index
            return effect.reply
        newest = self._states[-1]
        effect = effect_of(body, newest)
        self._states.append(newest | ({effect.key: effect.value} if effect.changes else {}))
        self._newest += 1
        self._seen[source] = self._newest
        return effect.reply

    def _drawn(self, seen: int) -> int:
        """Draw a state from ``seen`` on; as in Maelstrom the newest only if that was seen."""
        return seen if seen == self._newest else self._random.randrange(seen, self._newest)


class _Stamped(NamedTuple):
    """A value of lww-kv, with the clock's time when it was written."""

    time: int
    value: Any


class _Replica:
    """One replica of lww-kv. Its clock is Lamport's."""

    def __init__(self) -> None:
        self.clock = 0
        self.values: dict[str, _Stamped] = {}

    def merge(self, other: "_Replica") -> None:
        """Take what is newer at another replica; of equal times the greater value, as text."""
        self.clock = max(self.clock, other.clock)
        for key, theirs in other.values.items():
            ours = self.values.setdefault(key, theirs)
            self.values[key] = max(ours, theirs, key=lambda each: (each.time, _text(each.value)))


class LastWriteWinsStore:
    """lww-kv: replicas that merge now and then; a request is served by any of them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._replicas = [_Replica() for _ in range(REPLICA_COUNT)]

    def handle(self, source: str, body: Body) -> Body:
        """Return the reply to a request; before it, a replica is merged into another."""
        del source
        body = body | {"create_if_not_exists": False}
        giver, taker, server = (self._random.choice(self._replicas) for _ in range(3))
        taker.merge(giver)
        effect = effect_of(body, {key: each.value for key, each in server.values.items()})
        if effect.changes:
            server.values[effect.key] = _Stamped(server.clock, effect.value)
            server.clock += 1
        return effect.reply


class TimestampOracle:
    """lin-tso: hands out 0, 1, 2, ..."""

    def __init__(self) -> None:
        self._next = 0

    def handle(self, source: str, body: Body) -> Body:
        """Return the reply to a request."""
        del source
        if body.get("type") != "ts":
            return _unknown(body.get("type"))
        self._next += 1
        return {"type": "ts_ok", "ts": self._next - 1}


def _changes(effect: Effect, state: Mapping[str, Any]) -> bool:
    """Return whether an effect makes another state of this one."""
    if not effect.changes:
        return False
    return effect.key not in state or _text(state[effect.key]) != _text(effect.value)


def _text(value: Any) -> str:
    """Return the JSON of a value, the same for equal values."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _error(code: KnownError, text: str) -> Body:
    return {"type": "error", "code": int(code), "text": text}


def _unknown(kind: Any) -> Body:
    return _error(KnownError.NOT_SUPPORTED, f"no request of type {kind} is known here")
