"""lin-kv: a linearizable key-value store with read, write and compare-and-set.

As in Maelstrom (Jepsen's linearizable-register test): groups of 2 x nodes threads work on one key
each. The first half of the first group only reads, all others mix write, cas, cas with values 0 to
4: the readers are counted over all threads, not in each group, so half of all operations are reads
with one group, a quarter with two, a sixth with three. A
group moves to the next key when more than ``PROCESSES_PER_KEY`` processes would have worked on it:
operations left open make judging hard, and each costs a process.

In a thorough run most values are new, so that a read names its write, and most cas compare with the
last value that was seen.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.workloads.examiner import Body, Examiner, json_text, same_json
from vsr_node.bench.workloads.verdict import Culprit, KeyFigures, WorkloadVerdict
from vsr_node.bench.workloads.workload import (
    Function,
    Operation,
    Setting,
    Workload,
)
from vsr_node.checker import Bounds, RegisterModel, check
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.lin_kv import as_maelstrom

PROCESSES_PER_KEY = 20
VALUE_COUNT = 5
OLD_VALUE_SHARE = 1 / 8
WRONG_CAS_SHARE = 1 / 4

NULL = {"type": "read_ok", "value": None}
"""Maelstrom lets a node answer so where a key does not exist."""

LARGE_MSG_ID = 1_000_000

ODD_VALUES: tuple[Any, ...] = (
    None,
    False,
    -1,
    1.5,
    "",
    'größer \u2028 "\\',
    [1, [2]],
    {"a": {"b": None}},
    2**53 + 1,
)


def read(key: Any) -> Body:
    """Return the body of a read."""
    return {"type": "read", "key": key}


def write(key: Any, value: Any) -> Body:
    """Return the body of a write."""
    return {"type": "write", "key": key, "value": value}


def cas(key: Any, old: Any, new: Any) -> Body:
    """Return the body of a compare-and-set."""
    return {"type": "cas", "key": key, "from": old, "to": new}


# The doctor's steps


def serving_nodes(examiner: Examiner) -> None:
    """Learn which nodes serve requests."""
    if len(examiner.names) > 1:
        examiner.find_serving("serving nodes", read("nowhere"))


def registers(examiner: Examiner) -> None:
    """Write, read and compare-and-set one key."""
    _refuse_missing(examiner, "read of no key", read("nowhere"))
    _write(examiner, "write", 1, 3)
    _read(examiner, "read", 1)
    _write(examiner, "write again", 1, 4)
    _read(examiner, "read again", 1)
    _cas(examiner, "cas", 1, 2)
    _read(examiner, "read after cas", 1)


def errors(examiner: Examiner) -> None:
    """Ask for what must be refused, and check that it changed nothing."""
    if 1 in examiner.values:
        node, body = examiner.serving[0], cas(1, 4, 0)
        mismatch = KnownError.PRECONDITION_FAILED
        examiner.refuse("cas, other value", node, body, mismatch, noted=NULL)
        _read(examiner, "nothing was set", 1)
    _refuse_missing(examiner, "cas of no key", cas("no", 1, 2))
    _refuse_missing(examiner, "nothing was made", read("no"))


def _refuse_missing(examiner: Examiner, step: str, body: Body) -> None:
    examiner.refuse(step, examiner.serving[0], body, KnownError.KEY_DOES_NOT_EXIST, noted=NULL)


def _write(examiner: Examiner, step: str, key: Any, value: Any, node: str | None = None) -> None:
    done = examiner.expect(step, node or examiner.serving[0], write(key, value))
    _keep(examiner, key, value, done)


def _cas(examiner: Examiner, step: str, key: Any, new: Any) -> None:
    """Set a key whose value is known."""
    if key in examiner.values:
        body = cas(key, examiner.values[key], new)
        _keep(examiner, key, new, examiner.expect(step, examiner.serving[0], body))


def _keep(examiner: Examiner, key: Any, value: Any, done: bool) -> None:
    """Keep what was acknowledged; what was not leaves the value of the key unknown."""
    examiner.values.pop(key, None)
    if done:
        examiner.values[key] = value


def _read(examiner: Examiner, step: str, key: Any, node: str | None = None) -> None:
    """Read a key whose value is known."""
    if key in examiner.values:
        reply = {"value": examiner.values[key]}
        examiner.expect(step, node or examiner.serving[0], read(key), reply)


def keys(examiner: Examiner) -> None:
    """Check that a write of one key leaves the other alone."""
    _write(examiner, "another key", 2, 0)
    _read(examiner, "keys are apart", 1)
    _read(examiner, "keys are apart", 2)


def other_nodes(examiner: Examiner) -> None:
    """Read at every node that serves, write at the last one, and read that at the first."""
    for name in examiner.serving[1:]:
        _read(examiner, f"read at {name}", 1, name)
    last = examiner.serving[-1]
    _write(examiner, f"write at {last}", 1, 1, last)
    _read(examiner, "and read it", 1)


def ids(examiner: Examiner) -> None:
    """Use large and jumping ids, and the same id from two clients."""
    if 1 not in examiner.values:
        return
    for client in ("c91", "c92"):
        examiner.expect(
            "ids",
            examiner.serving[0],
            read(1),
            {"value": examiner.values[1]},
            text=f"{client} used the msg_id {LARGE_MSG_ID}",
            where="protocol.md, Message Bodies",
            client=client,
            msg_id=LARGE_MSG_ID,
        )


def several_at_once(examiner: Examiner) -> None:
    """Send many requests before the first reply."""
    if 1 in examiner.values:
        examiner.at_once("several at once", read(1), {"value": examiner.values[1]})


def odd_values(examiner: Examiner) -> None:
    """Write and read odd values: any JSON may be one, though the workload sends small integers."""
    node = examiner.serving[0]
    changed = []
    for value in ODD_VALUES:
        written = examiner.answer("odd values", node, write("ö", value))
        reply = examiner.answer("odd values", node, read("ö"))
        if written is None or reply is None:
            return
        if "value" not in reply or not same_json(reply["value"], value):
            changed.append(json_text(value))
    if changed:
        text = f"not read back as they were written: {', '.join(changed)}"
        examiner.note("odd values", text, "any JSON may be a value")
    else:
        examiner.ok("odd values", f"all {len(ODD_VALUES)} were read back")


class LinKv(Workload):
    """The workload. Keys are 0, 1, 2, ... over all groups."""

    name = "lin-kv"
    document = "workloads.md, Workload: Lin-kv"
    functions = (
        Function("read", "ask for a key's value", ("key",), reply_field="value", idempotent=True),
        Function("write", "set it; keys and values are JSON, or else text", ("key", "value")),
        Function("cas", "set it if it is FROM", ("key", "from", "to")),
    )
    model = "register"
    follows_faults = True
    doctor_steps = (
        *(serving_nodes, registers, errors, keys, other_nodes),
        *(ids, several_at_once, odd_values),
    )

    def __init__(self, setting: Setting, random: Random) -> None:
        super().__init__(setting, random)
        self._is_thorough = setting.thorough
        self._value_count = 0
        self._seen: dict[int, Any] = {}
        """The value of each key that a reply named last."""
        self._reader_count = setting.node_count
        self._group_size = self.threads_per_group(setting.node_count)
        group_count = setting.concurrency // self._group_size
        self._keys = list(range(group_count))
        self._next_key = group_count
        self._processes = [self._group_size] * group_count
        self._changed: list[int] = []

    @staticmethod
    def time_out_s(mean_latency_ms: float) -> float:
        """Return ten mean latencies, or a second if that is longer."""
        return max(10 * mean_latency_ms / 1_000, 1.0)

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """Return the size of a group: a reader and a writer for each node."""
        return 2 * node_count

    def next_operation(self, thread: int) -> Operation:
        """Return a read, or one of write, cas, cas."""
        key = self._keys[thread // self._group_size]
        if thread < self._reader_count:
            return Operation("read", key, None)
        if key not in self._changed:
            self._changed.append(key)
        draw = self._random.randrange(3)
        if draw == 0 or (self._is_thorough and key not in self._seen):
            return Operation("write", key, self._value())
        return Operation("cas", key, [self._expected(key), self._value()])

    def _value(self) -> int:
        """Return a value to write. Mostly one that nobody wrote before: it names its write."""
        if not self._is_thorough:
            return self._random.randrange(VALUE_COUNT)
        if self._value_count and self._random.random() < OLD_VALUE_SHARE:
            return self._random.randrange(self._value_count)
        self._value_count += 1
        return self._value_count - 1

    def _expected(self, key: int) -> Any:
        """Return what a cas compares with. Mostly the last known value, so that most succeed."""
        if not self._is_thorough:
            return self._random.randrange(VALUE_COUNT)
        if self._random.random() < WRONG_CAS_SHARE:
            return self._random.randrange(self._value_count)
        return self._seen[key]

    def result(self, operation: Operation, body: Body) -> Any:
        """Return the value of the ok event, and remember it as that of the key."""
        value = super().result(operation, body)
        self._seen[operation.key] = value[1] if operation.f == "cas" else value
        return value

    def on_new_process(self, thread: int) -> None:
        """Count the processes of the group, and move to the next key after enough of them."""
        group = thread // self._group_size
        self._processes[group] += 1
        if self._processes[group] > max(PROCESSES_PER_KEY, self._group_size):
            self._begin_key(group)

    def _begin_key(self, group: int) -> None:
        self._keys[group] = self._next_key
        self._next_key += 1
        self._processes[group] = self._group_size

    def move_on(self) -> Sequence[Operation]:
        """Let each group work on a new key, unless nobody has asked to change its present one.

        Return a read of each key that somebody has asked to change, the newest first.
        """
        for group, key in enumerate(self._keys):
            if key in self._changed:
                self._begin_key(group)
        return [Operation("read", key, None) for key in reversed(self._changed)]

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Check whether the history of each key is linearizable."""
        verdict = check(events, RegisterModel(), bounds)
        keys = tuple(
            KeyFigures(key.key, Validity.of(key.valid), key.operation_count, key.reason)
            for key in verdict.keys
        )
        culprits = [
            Culprit(key.key, key.culprit.invoked, key.culprit.completed)
            for key in verdict.keys
            if key.culprit is not None and key.culprit.completed is not None
        ]
        culprits.sort(key=lambda culprit: culprit.completed)
        valid, theirs = Validity.of(verdict.valid), as_maelstrom(events, verdict, bounds)
        return WorkloadVerdict(
            valid,
            verdict.explanation(),
            tuple(culprits),
            keys,
            as_maelstrom=None if theirs is valid else theirs,
        )
