"""g-counter and pn-counter: a counter that grows, and one that goes both ways."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import ClassVar

from vsr_node.bench.workloads.additions import READ, Additions
from vsr_node.bench.workloads.examiner import Examiner, Step
from vsr_node.bench.workloads.workload import Function, Operation


def _additions_of(deltas: Sequence[int]) -> Step:
    """Return a step that adds to the counter at each node and waits until all nodes agree."""

    def additions(examiner: Examiner) -> None:
        total = 0
        first = examiner.perform("0 at first", examiner.names[0], READ)
        if first is not None and first.value != 0:
            examiner.mistake("0 at first", f"{first.value} before anything was added", "0")
        for name, delta in zip(examiner.names * len(deltas), cycle(deltas), strict=False):
            if examiner.perform("add", name, Operation("add", None, delta)) is None:
                return
            total += delta
            examiner.ok("add", f"{delta} at {name}")
        for name in examiner.names:
            step, expected = f"read at {name}", f"{total}, the sum of what was added"
            if not examiner.become(step, name, READ, partial(_difference, total), expected):
                return

    return additions


def _difference(total: int, value: int) -> str:
    return "" if value == total else f"the sum is {value}"


class _Counter(Additions):
    """Draws reads and deltas from -5 to 4 as Maelstrom does."""

    functions = (
        Function("add", "add a number", ("delta",)),
        Function("read", "ask for the sum", reply_field="value", idempotent=True),
    )
    answer = int
    errors_are_info = True
    delta_min: ClassVar[int]
    """Additions of less are drawn again, reads included."""

    def next_operation(self, thread: int) -> Operation:
        """Return an addition or a read."""
        del thread
        while self._random.random() >= 0.5:
            delta = self._random.randrange(-5, 5)
            if delta >= self.delta_min:
                return Operation("add", None, delta)
        return READ


class GCounter(_Counter):
    """The workload with additions alone."""

    name = "g-counter"
    document = "workloads.md, Workload: G-counter"
    delta_min = 0
    doctor_steps = (_additions_of((3, 0, 4)),)


class PnCounter(_Counter):
    """The workload with additions and subtractions."""

    name = "pn-counter"
    document = "workloads.md, Workload: Pn-counter"
    delta_min = -5
    doctor_steps = (_additions_of((3, -5, 4)),)
