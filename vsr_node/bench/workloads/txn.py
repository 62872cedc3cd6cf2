"""txn-list-append and txn-rw-register: transactions on lists that grow, and on registers."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, ClassVar

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.examiner import Body, Examiner, json_text, same_json
from vsr_node.bench.workloads.transactions import Drawing
from vsr_node.bench.workloads.workload import (
    Function,
    Operation,
    Setting,
    Workload,
)

# The doctor's steps


def _asked(examiner: Examiner, step: str, node: str, *operations: list[object]) -> Any:
    """Do a transaction; return its operations as answered, None if they are not those asked."""
    asked = [list(operation) for operation in operations]
    done = examiner.perform(step, node, Operation("txn", None, asked))
    if done is None:
        return None
    kept = [[f, key, None if f == "r" else value] for f, key, value in done.value]
    if not same_json(kept, asked):
        text = f"{json_text(asked)} came back as {json_text(done.value)}"
        examiner.mistake(step, text, "the transaction that was asked, with values for its reads")
        return None
    return done.value


def _expect(examiner: Examiner, step: str, found: object, expected: Sequence[object]) -> bool:
    """Report whether a read returned one of the values expected."""
    if any(same_json(found, each) for each in expected):
        examiner.ok(step, f"r is {json_text(found)}")
        return True
    examiner.mistake(step, f"a read returned {json_text(found)}", json_text(expected[0]))
    return False


def missing_key(examiner: Examiner) -> None:
    """Read a key that nobody wrote."""
    done = _asked(examiner, "missing key", examiner.serving[0], ["r", 99, None])
    if done is not None:
        _expect(examiner, "missing key", done[0][2], [None, []])


def own_writes(examiner: Examiner) -> None:
    """Read what the same transaction wrote, between its writes."""
    write, step = _write_of(examiner), "own writes"
    operations = [[write, 1, 1], ["r", 1, None], [write, 1, 2], ["r", 1, None]]
    done = _asked(examiner, step, examiner.serving[0], *operations)
    if done is not None and _expect(examiner, step, done[1][2], [_value(write, 1)]):
        _expect(examiner, step, done[3][2], [_value(write, 1, 2)])


def other_transactions(examiner: Examiner) -> None:
    """Write at each node, and read what was written there and at all others."""
    write = _write_of(examiner)
    elements = []
    for place, name in enumerate(examiner.serving, 1):
        if _asked(examiner, "write", name, [write, 2, place], [write, 3, place]) is None:
            return
        elements.append(place)
        examiner.ok("write", f"two keys at {name}")
    last = _value(write, *elements)
    for name in examiner.serving:
        step, read = f"read at {name}", Operation("txn", None, [["r", 2, None], ["r", 3, None]])
        done = examiner.become(step, name, read, partial(_obstacle, elements), "what was written")
        if done is None:
            return
        found = [value for _, _, value in done.value]
        if not same_json(found, [last, last]):
            text = f"the keys are {json_text(found)}, not {json_text(last)}"
            examiner.note(step, text, "with strict-serializable the last write is seen, in order")


def _obstacle(elements: Sequence[int], done: Sequence[Sequence[Any]]) -> str:
    """Describe a read that does not fit these writes under any model; empty if all do."""
    for _, key, value in done:
        is_list = type(value) is list and all(type(each) is int for each in value)
        if value not in elements and not (is_list and sorted(value) == elements):
            return f"key {key} is {json_text(value)}"
    return ""


def _write_of(examiner: Examiner) -> str:
    return TxnListAppend.write if examiner.workload == TxnListAppend.name else TxnRwRegister.write


def _value(write: str, *elements: int) -> object:
    """Return what a key holds after these writes."""
    return list(elements) if write == TxnListAppend.write else elements[-1]


class _Transactions(Workload):
    """Each operation is a transaction of one to ``--max-txn-length`` operations."""

    functions = (Function("txn", "do all of a list of operations", ("txn",), reply_field="txn"),)
    options = (
        *("key_count", "max_txn_length", "max_writes_per_key"),
        *("consistency_models", "strict"),
    )
    doctor_steps = (missing_key, own_writes, other_transactions)
    write: ClassVar[str]
    """The function that changes a key."""

    def __init__(self, setting: Setting, random: Random) -> None:
        super().__init__(setting, random)
        self._drawing = Drawing(random, setting.parameters)

    def next_operation(self, thread: int) -> Operation:
        """Return a transaction."""
        del thread
        length = self._random.randint(1, self.parameters.max_txn_length)
        drawn = [self._drawing.operation() for _ in range(length)]
        value = [
            ["r", key, None] if element is None else [self.write, key, element]
            for key, element in drawn
        ]
        return Operation("txn", None, value)

    def result(self, operation: Operation, body: Body) -> list[list[object]]:
        """Return the transaction with what it read. Raises WireError if it has another shape."""
        require_fields(body, "txn_ok", frozenset(("txn",)))
        done = body["txn"]
        if type(done) is not list or not all(map(_is_operation, done)):
            raise WireError(
                Kind.MALFORMED_REPLY,
                'a malformed reply: "txn" is no list of operations, [function, key, value] each',
            )
        return done


def _is_operation(value: object) -> bool:
    return type(value) is list and len(value) == 3 and type(value[0]) is str


class TxnListAppend(_Transactions):
    """The workload on lists."""

    name = "txn-list-append"
    document = "workloads.md, Workload: Txn-list-append"
    write = "append"


class TxnRwRegister(_Transactions):
    """The workload on registers."""

    name = "txn-rw-register"
    document = "workloads.md, Workload: Txn-rw-register"
    write = "w"
