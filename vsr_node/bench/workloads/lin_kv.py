"""lin-kv: a linearizable key-value store with read, write and compare-and-set.

As in Maelstrom (Jepsen's linearizable-register test): groups of 2 x nodes threads work on one key
each. The first half of a group only reads, the others mix write, cas, cas with values 0 to 4. A
key is left for the next one when more than `PROCESSES_PER_KEY` processes would have worked on it:
operations left open make judging hard, and each costs a process.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.workloads.workload import Operation, Violation, WorkloadVerdict
from vsr_node.checker import Bounds, RegisterModel, check
from vsr_node.checker.history import Event

PROCESSES_PER_KEY = 20
VALUE_COUNT = 5

READ_FIELDS = frozenset({"value"})
NO_FIELDS: frozenset[str] = frozenset()


class LinKv:
    """The workload. Keys are 0, 1, 2, ... over all groups."""

    name = "lin-kv"
    idempotent = frozenset({"read"})

    def __init__(self, node_count: int, concurrency: int, random: Random) -> None:
        self._random = random
        self._reader_count = node_count
        self._group_size = self.threads_per_group(node_count)
        group_count = concurrency // self._group_size
        self._keys = list(range(group_count))
        self._next_key = group_count
        self._processes = [self._group_size] * group_count

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """As many readers as writers, one of each for each node."""
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
        """Count the group's processes, and take the next key once this one had enough of them."""
        group = thread // self._group_size
        self._processes[group] += 1
        if self._processes[group] > max(PROCESSES_PER_KEY, self._group_size):
            self._keys[group] = self._next_key
            self._next_key += 1
            self._processes[group] = self._group_size

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return Maelstrom's read, write or cas."""
        f, key, value = operation
        if f == "read":
            return {"type": "read", "key": key}
        if f == "write":
            return {"type": "write", "key": key, "value": value}
        return {"type": "cas", "key": key, "from": value[0], "to": value[1]}

    def result(self, operation: Operation, body: dict[str, Any]) -> Any:
        """Return the value that was read, or the value that was asked for."""
        if operation.f == "read":
            require_fields(body, "read_ok", READ_FIELDS)
            return body["value"]
        require_fields(body, f"{operation.f}_ok", NO_FIELDS)
        return operation.value

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Ask the checker whether each key's history is linearizable."""
        verdict = check(events, RegisterModel(), bounds)
        keys = [
            {
                "key": key.key,
                "valid": "unknown" if key.valid is None else key.valid,
                "operation_count": key.operation_count,
                "reason": key.reason,
            }
            for key in verdict.keys
        ]
        violations = [
            Violation(key.key, key.culprit.invoked, key.culprit.completed)
            for key in verdict.keys
            if key.culprit is not None and key.culprit.completed is not None
        ]
        violations.sort(key=lambda violation: violation.completed)
        return WorkloadVerdict(verdict.valid, verdict.explanation(), violations, {"keys": keys})
