"""g-counter and pn-counter: a counter that grows, and one that goes both ways."""

from typing import ClassVar

from vsr_node.bench.workloads.additions import READ, Additions
from vsr_node.bench.workloads.workload import Function, Operation


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


class PnCounter(_Counter):
    """The workload with additions and subtractions."""

    name = "pn-counter"
    document = "workloads.md, Workload: Pn-counter"
    delta_min = -5
