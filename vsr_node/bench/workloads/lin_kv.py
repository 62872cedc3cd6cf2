"""lin-kv: a linearizable key-value store with read, write and compare-and-set.

As in Maelstrom (Jepsen's linearizable-register test): groups of 2 x nodes threads work on one key
each. The first half of a group only reads, the others mix write, cas, cas with values 0 to 4. A
group moves to the next key when more than ``PROCESSES_PER_KEY`` processes would have worked on it:
operations left open make judging hard, and each costs a process.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.workloads.examiner import Body, Examiner, json_text, same_json
from vsr_node.bench.workloads.workload import (
    Culprit,
    Function,
    KeyFigures,
    Operation,
    Workload,
    WorkloadVerdict,
)
from vsr_node.checker import Bounds, RegisterModel, check
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity

PROCESSES_PER_KEY = 20
VALUE_COUNT = 5

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


def registers(examiner: Examiner) -> None:
    """Write, read and compare-and-set one key."""
    node = examiner.names[0]
    _refuse_missing(examiner, "read of no key", read("nowhere"))
    examiner.expect("write", node, write(1, 3))
    examiner.expect("read", node, read(1), {"value": 3})
    examiner.expect("write again", node, write(1, 4))
    examiner.expect("read again", node, read(1), {"value": 4})
    examiner.expect("cas", node, cas(1, 4, 2))
    examiner.expect("read after cas", node, read(1), {"value": 2})


def errors(examiner: Examiner) -> None:
    """Ask for what must be refused, and check that it changed nothing."""
    node = examiner.names[0]
    mismatch = KnownError.PRECONDITION_FAILED
    examiner.refuse("cas, other value", node, cas(1, 4, 0), mismatch, noted=NULL)
    examiner.expect("nothing was set", node, read(1), {"value": 2})
    _refuse_missing(examiner, "cas of no key", cas("no", 1, 2))
    _refuse_missing(examiner, "nothing was made", read("no"))


def _refuse_missing(examiner: Examiner, step: str, body: Body) -> None:
    examiner.refuse(step, examiner.names[0], body, KnownError.KEY_DOES_NOT_EXIST, noted=NULL)


def keys(examiner: Examiner) -> None:
    """Check that a write of one key leaves the other alone."""
    node = examiner.names[0]
    examiner.expect("another key", node, write(2, 0))
    examiner.expect("keys are apart", node, read(1), {"value": 2})
    examiner.expect("keys are apart", node, read(2), {"value": 0})


def other_nodes(examiner: Examiner) -> None:
    """Read at every node, write at the last one, and read that at the first."""
    for name in examiner.names[1:]:
        examiner.expect(f"read at {name}", name, read(1), {"value": 2})
    last = examiner.names[-1]
    examiner.expect(f"write at {last}", last, write(1, 1))
    examiner.expect("and read it", examiner.names[0], read(1), {"value": 1})


def ids(examiner: Examiner) -> None:
    """Use large and jumping ids, and the same id from two clients."""
    for client in ("c91", "c92"):
        examiner.expect(
            "ids",
            examiner.names[0],
            read(1),
            {"value": 1},
            text=f"{client} used the msg_id {LARGE_MSG_ID}",
            where="protocol.md, Message Bodies",
            client=client,
            msg_id=LARGE_MSG_ID,
        )


def several_at_once(examiner: Examiner) -> None:
    """Send many requests before the first reply."""
    examiner.at_once("several at once", read(1), {"value": 1})


def odd_values(examiner: Examiner) -> None:
    """Write and read odd values: any JSON may be one, though the workload sends small integers."""
    node = examiner.names[0]
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
    doctor_steps = (registers, errors, keys, other_nodes, ids, several_at_once, odd_values)

    def __init__(self, node_count: int, concurrency: int, random: Random) -> None:
        super().__init__(node_count, concurrency, random)
        self._reader_count = node_count
        self._group_size = self.threads_per_group(node_count)
        group_count = concurrency // self._group_size
        self._keys = list(range(group_count))
        self._next_key = group_count
        self._processes = [self._group_size] * group_count

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """Return the size of a group: a reader and a writer for each node."""
        return 2 * node_count

    def next_operation(self, thread: int) -> Operation:
        """Return a read, or one of write, cas, cas."""
        group, member = divmod(thread, self._group_size)
        key = self._keys[group]
        if member < self._reader_count:
            return Operation("read", key, None)
        if self._random.randrange(3) == 0:
            return Operation("write", key, self._value())
        return Operation("cas", key, [self._value(), self._value()])

    def _value(self) -> int:
        return self._random.randrange(VALUE_COUNT)

    def on_new_process(self, thread: int) -> None:
        """Count the processes of the group, and move to the next key after enough of them."""
        group = thread // self._group_size
        self._processes[group] += 1
        if self._processes[group] > max(PROCESSES_PER_KEY, self._group_size):
            self._keys[group] = self._next_key
            self._next_key += 1
            self._processes[group] = self._group_size

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
        return WorkloadVerdict(
            Validity.of(verdict.valid), verdict.explanation(), tuple(culprits), keys
        )
