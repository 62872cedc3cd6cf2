"""kafka: logs that clients append to and poll from, with an offset committed for each.

A poll asks for the keys that its client was assigned, from where the client has come to. If it
returns anything, the client commits its highest offsets within the same operation. A client that is
given up forgets its keys; the next one begins at the committed offsets.

In the end each thread takes a new client, is assigned all keys from their beginning and polls until
it has seen the highest offset of each that anybody ever saw.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.transactions import Drawing
from vsr_node.bench.workloads.workload import (
    DEFAULTS,
    ClientCrashError,
    Exchange,
    Function,
    Operation,
    Parameters,
    Workload,
)

ASSIGN_SHARE = 1 / 64
CATCH_UP_SHARE = 1 / 3
"""How many assignments take all keys with messages that nobody polled, too."""
CRASH_INTERVAL_S = 30.0
"""The mean time from one crash of a client to its next, if the rate is kept."""

CRASH = Operation("crash", None, None)

Offsets = dict[str, int]


class Kafka(Workload):
    """The workload."""

    name = "kafka"
    document = "workloads.md, Workload: Kafka"
    functions = (
        Function("send", "append a message to a key's log", ("key", "msg"), reply_field="offset"),
        Function("poll", "ask for messages from these offsets on", ("offsets",), "msgs"),
        Function("assign", "", ("keys",), idempotent=True),
        Function("crash", "", ends_client=True),
    )
    options = ("key_count", "max_writes_per_key", "strict")
    reusable = False
    has_final_phase = True

    def __init__(
        self,
        node_count: int,
        concurrency: int,
        random: Random,
        *,
        thorough: bool = False,
        parameters: Parameters = DEFAULTS,
    ) -> None:
        super().__init__(node_count, concurrency, random, thorough=thorough, parameters=parameters)
        self._drawing = Drawing(random, parameters)
        self._crash_share = concurrency / CRASH_INTERVAL_S / parameters.rate
        self._places: list[Offsets] = [{} for _ in range(concurrency)]
        """For each client, the next offset of each of its keys."""
        self._sent: Offsets = {}
        """The highest offset that was sent to each key."""
        self._polled: Offsets = {}
        """The highest offset that was polled from each key."""

    @classmethod
    def requests(cls) -> tuple[Function, ...]:
        """Return all requests; those of commits come with polls and assignments."""
        send, poll = cls.function("send"), cls.function("poll")
        commit = Function("commit_offsets", "note what was processed", ("offsets",))
        committed = Function(
            "list_committed_offsets", "ask what was", ("keys",), reply_field="offsets"
        )
        return send, poll, commit, committed

    # What clients do

    def next_operation(self, thread: int) -> Operation:
        """Return a send, a poll, now and then an assignment or a crash."""
        del thread
        if self._random.random() < self._crash_share:
            return CRASH
        number, message = self._drawing.operation()
        key = str(number)
        if self._random.random() < ASSIGN_SHARE:
            return Operation("assign", None, self._assigned(key))
        if message is None:
            return Operation("poll", None, [["poll"]])
        return Operation("send", None, [["send", key, message]])

    def _assigned(self, key: str) -> list[str]:
        """Return the keys of an assignment."""
        if self._random.random() >= CATCH_UP_SHARE:
            return [key]
        unseen = [each for each in self._sent if self._polled.get(each, -1) < self._sent[each]]
        return list(dict.fromkeys([*unseen, key]))

    def final(self, thread: int) -> Iterator[Operation]:
        """Yield a crash, an assignment of all keys, and polls until all was seen."""
        wanted = _merged(self._sent, self._polled)
        if wanted:
            yield CRASH._replace(is_final=True)
            yield Operation("assign", None, sorted(wanted, key=int), is_final=True)
        while any(self._places[thread].get(key, 0) <= wanted[key] for key in wanted):
            yield Operation("poll", None, [["poll"]], is_final=True)

    def on_new_process(self, thread: int) -> None:
        """Forget the keys of a client that was given up."""
        self._places[thread] = {}

    def perform(self, thread: int, operation: Operation) -> Exchange:
        """Carry an operation out; a poll commits what it got."""
        if operation.f == "send":
            return (yield from self._send(operation))
        if operation.f == "poll":
            return (yield from self._poll(thread))
        if operation.f == "assign":
            return (yield from self._assign(thread, operation))
        raise ClientCrashError("the client is given up")

    def _send(self, operation: Operation) -> Exchange:
        ((_, key, message),) = operation.value
        reply = yield {"type": "send", "key": key, "msg": message}
        require_fields(reply, "send_ok", frozenset(("offset",)))
        offset = reply["offset"]
        if type(offset) is not int:
            raise _malformed('"offset" is no integer')
        self._sent = _merged(self._sent, {key: offset})
        return [["send", key, [offset, message]]]

    def _poll(self, thread: int) -> Exchange:
        reply = yield {"type": "poll", "offsets": self._places[thread]}
        require_fields(reply, "poll_ok", frozenset(("msgs",)))
        messages = reply["msgs"]
        if not _is_messages(messages):
            raise _malformed('"msgs" has no list of [offset, message] for each key')
        highest = {key: max(pair[0] for pair in pairs) for key, pairs in messages.items() if pairs}
        # As in Maelstrom, the place moves before the commit, and stays if that fails.
        places = {key: offset + 1 for key, offset in highest.items()}
        self._places[thread] = _merged(self._places[thread], places)
        if highest:
            reply = yield {"type": "commit_offsets", "offsets": highest}
            require_fields(reply, "commit_offsets_ok", frozenset())
        self._polled = _merged(self._polled, highest)
        return [["poll", messages]]

    def _assign(self, thread: int, operation: Operation) -> Exchange:
        keys: Sequence[str] = operation.value
        if operation.is_final:
            self._places[thread] = dict.fromkeys(keys, 0)
            return list(keys)
        reply = yield {"type": "list_committed_offsets", "keys": keys}
        require_fields(reply, "list_committed_offsets_ok", frozenset(("offsets",)))
        committed = reply["offsets"]
        if not _is_offsets(committed):
            raise _malformed('"offsets" has no integer for each key')
        known = committed | self._places[thread]
        self._places[thread] = {key: known.get(key, 0) for key in keys}
        return list(keys)


def _merged(one: Mapping[str, int], other: Mapping[str, int]) -> Offsets:
    """Return the higher offset of each key."""
    return {**one, **{key: max(offset, one.get(key, offset)) for key, offset in other.items()}}


def _is_offsets(value: Any) -> bool:
    return type(value) is dict and all(type(offset) is int for offset in value.values())


def _is_messages(value: Any) -> bool:
    return type(value) is dict and all(
        type(pairs) is list and all(map(_is_pair, pairs)) for pairs in value.values()
    )


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) is int


def _malformed(detail: str) -> WireError:
    return WireError(Kind.MALFORMED_REPLY, f"a malformed reply: {detail}")
