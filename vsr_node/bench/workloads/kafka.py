"""kafka: logs that clients append to and poll from, with an offset committed for each.

A poll asks for the keys that its client was assigned, from where the client has come to. If it
returns anything, the client commits its highest offsets within the same operation. A client that is
given up forgets its keys; the next one begins at the committed offsets.

In the end each thread takes a new client, is assigned all keys from their beginning and polls until
it has seen the highest offset of each that anybody ever saw.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any, ClassVar

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.examiner import Examiner, json_text
from vsr_node.bench.workloads.transactions import Drawing
from vsr_node.bench.workloads.workload import (
    ClientCrashError,
    Exchange,
    Function,
    Operation,
    Setting,
    Workload,
)

ASSIGN_SHARE = 1 / 64
CATCH_UP_SHARE = 1 / 3
"""How many assignments take all keys with messages that nobody polled, too."""
CRASH_INTERVAL_S = 30.0
"""The mean time from one crash of a client to its next, if the rate is kept."""

CRASH = Operation("crash", None, None)
POLL = Operation("poll", None, [["poll"]])

Offsets = dict[str, int]


# The doctor's steps

MESSAGES = 3
"""How many messages the doctor sends to a key at each node."""


LARGE_OFFSET = 1_000_000


def unknown_key(examiner: Examiner) -> None:
    """Poll a key without messages, and ask for its committed offset."""
    step, node = "unknown key", examiner.serving[0]
    if examiner.perform(step, node, Operation("assign", None, ["nowhere"])) is None:
        return
    done = examiner.perform(step, node, POLL)
    if done is not None:
        _report_strangers(examiner, step, done.value[0][1], {})


def sends(examiner: Examiner) -> None:
    """Send messages to two keys at each node; the offsets of a key have to grow."""
    for name in examiner.serving * MESSAGES:
        for key in ("1", "2"):
            log = examiner.values.setdefault(key, {})
            message = len(log)
            done = examiner.perform("send", name, Operation("send", None, [["send", key, message]]))
            if done is None:
                return
            offset = done.value[0][2][0]
            if log and offset <= max(log):
                text = f"{name} gave {offset} to a message of key {key} after {max(log)} was given"
                examiner.mistake("send", text, "offsets of a key grow, whichever node gives them")
                return
            log[offset] = message
    examiner.ok("send", f"{len(examiner.values['1'])} messages to each of two keys")
    highest = max(examiner.values["1"])
    if highest > LARGE_OFFSET:
        text = f"an offset of {highest}: Maelstrom's checker takes memory for each one below it"
        examiner.note("send", text, "offsets that grow by little")


def polls(examiner: Examiner) -> None:
    """Poll all messages at each node, from their beginning, and in one order."""
    logs = examiner.values
    if not _are_filled(logs):
        return
    for name in examiner.serving:
        step = f"poll at {name}"
        examiner.perform(step, name, Operation("assign", None, sorted(logs), is_final=True))
        seen: dict[str, list[list[Any]]] = {key: [] for key in logs}
        text = f"all messages of {len(logs)} keys, in order"
        if not examiner.become(step, name, POLL, partial(_missing, logs, seen), text):
            return
        if any(_disorder(examiner, step, pairs) for pairs in seen.values()):
            return


def _are_filled(logs: Mapping[str, Offsets]) -> bool:
    return bool(logs) and all(logs.values())


def _missing(logs: Any, seen: dict[str, list[list[Any]]], polled: Any) -> str:
    """Add what was polled to what was seen; describe what is wrong with it, or still missing."""
    for key, pairs in polled[0][1].items():
        seen.setdefault(key, []).extend(pairs)
        for offset, message in pairs:
            if logs.get(key, {}).get(offset, object()) != message:
                return f"offset {offset} of key {key} has {json_text(message)}, which is not there"
    missing = [(k, o) for k in logs for o in logs[k] if o not in [pair[0] for pair in seen[k]]]
    return "offset {1} of key {0} is missing".format(*missing[0]) if missing else ""


def _disorder(examiner: Examiner, step: str, pairs: Sequence[Sequence[int]]) -> bool:
    """Report offsets that do not grow; return whether there are any."""
    for (one, _), (other, _) in pairwise(pairs):
        if other <= one:
            text = f"offset {other} came after {one}"
            examiner.mistake(
                step, text, "offsets grow within a poll, and from one poll to the next"
            )
            return True
    return False


def commits(examiner: Examiner) -> None:
    """Commit offsets, and ask for them: a new client would begin there."""
    logs, step = examiner.values, "committed offsets"
    if not _are_filled(logs):
        return
    last = {key: max(logs[key]) for key in logs}
    body = {"type": "commit_offsets", "offsets": last}
    if not examiner.expect(step, examiner.serving[0], body, text="they are taken"):
        text = "a poll whose commit fails counts as failed, but its client has moved on"
        examiner.note(step, text, "else what it returned counts as skipped and lost")
        return
    name = examiner.serving[-1]
    reply = examiner.answer(step, name, {"type": "list_committed_offsets", "keys": [*last, "none"]})
    offsets: Any = None if reply is None else reply.get("offsets")
    if not _is_offsets(offsets):
        text = f"{name} answered {json_text(reply)}"
        examiner.mistake(step, text, "an integer for each key that has one, no other keys")
        return
    ahead = [key for key in last if offsets.get(key, 0) > last[key] + 1]
    if ahead:
        text = f"{name} has {json_text(offsets)}, where {json_text(last)} was committed"
        examiner.mistake(step, text, "a new client begins there, and would skip messages")
    elif any(key not in offsets for key in last):
        text = f"{name} does not know them: a new client begins at 0"
        examiner.note(step, text, json_text(last))
    else:
        examiner.ok(step, f"{name} knows them")


def empty_polls(examiner: Examiner) -> None:
    """Poll behind the last message, where a trap is: an empty list hides a skip that follows."""
    logs, step = examiner.values, "nothing to poll"
    if not _are_filled(logs):
        return
    behind = {key: max(logs[key]) + 1 for key in logs}
    reply = examiner.answer(step, examiner.serving[0], {"type": "poll", "offsets": behind})
    messages: Any = None if reply is None else reply.get("msgs")
    if not _is_messages(messages):
        examiner.mistake(step, f"it answered {json_text(reply)}", "a poll_ok without messages")
    elif any(messages.values()):
        text = f"a poll from {json_text(behind)} returned {json_text(messages)}"
        examiner.mistake(step, text, "no message before the offset that was asked for")
    elif messages:
        text = "an empty list for a key without messages"
        examiner.note(step, text, "the key is left out: Maelstrom misses a skip behind such a list")
    else:
        examiner.ok(step, "keys without messages are left out")


def _report_strangers(examiner: Examiner, step: str, messages: Any, logs: Any) -> None:
    """Report messages that nobody sent, or that there are none."""
    wrong = _missing(logs, {}, [["poll", messages]])
    if wrong:
        examiner.mistake(step, wrong, "no messages")
    else:
        examiner.ok(step, "no messages")


class Kafka(Workload):
    """The workload."""

    name = "kafka"
    document = "workloads.md, Workload: Kafka"
    functions = (
        Function(
            "send", 'append a message; keys are text: "1"', ("key", "msg"), reply_field="offset"
        ),
        Function("poll", "ask for messages from these offsets on", ("offsets",), "msgs"),
        Function("assign", "", ("keys",), idempotent=True),
        Function("crash", "", ends_client=True),
    )
    first_requests: ClassVar[Mapping[str, str]] = {
        "send": "send",
        "poll": "poll",
        "assign": "list_committed_offsets",
    }
    options = ("key_count", "max_writes_per_key", "strict")
    doctor_steps = (unknown_key, sends, polls, commits, empty_polls)
    reusable = False
    has_final_phase = True

    def __init__(self, setting: Setting, random: Random) -> None:
        super().__init__(setting, random)
        self._drawing = Drawing(random, setting.parameters)
        self._crash_share = setting.concurrency / CRASH_INTERVAL_S / setting.parameters.rate
        self._places: list[Offsets] = [{} for _ in range(setting.concurrency)]
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
            return POLL
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
            yield POLL._replace(is_final=True)

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
