"""A state machine that is watched: what it executes, and how long that takes."""

from collections.abc import Callable
from typing import TypeAlias

from vsr_node.core.messages import Operation, Parts, Result
from vsr_node.core.replica import StateMachine

from .common import NANOSECONDS_PER_MICROSECOND, Span

Execute: TypeAlias = Callable[[Operation], Result]


class WatchedMachine:
    """Passes everything on to ``machine``, and notes it while somebody listens.

    ``clock_ns`` gives nanoseconds. ``fail`` is called before an exception of the machine goes on
    its way, with the operation and when it began: it ends the replica, so no turn will have it.
    """

    def __init__(
        self,
        machine: StateMachine,
        clock_ns: Callable[[], int],
        fail: Callable[[Operation, int, Exception], None],
    ) -> None:
        self._machine = machine
        self._clock_ns = clock_ns
        self._fail = fail
        self.spans: list[Span] | None = None
        """Takes the operations; None while nobody listens to them."""
        self.apply = self._watched(machine.apply)
        self.read = self._watched(machine.read)
        self.snapshot_us = 0
        """How long the last snapshot took, or the last ``restore``."""

    def _watched(self, execute: Execute) -> Execute:
        """Return a function that executes an operation and notes it. Closures are the fastest."""
        clock_ns = self._clock_ns

        def watched(operation: Operation) -> Result:
            spans = self.spans
            if spans is None:
                return execute(operation)
            began_ns = clock_ns()
            try:
                result = execute(operation)
            except Exception as error:
                self._fail(operation, began_ns, error)
                raise
            spans.append((operation, began_ns, clock_ns()))
            return result

        return watched

    def snapshot(self) -> Parts:
        """Return the state."""
        began_ns = self._clock_ns()
        parts = self._machine.snapshot()
        self._measure_from(began_ns)
        return parts

    def restore(self, parts: Parts) -> None:
        """Take over a state."""
        began_ns = self._clock_ns()
        self._machine.restore(parts)
        self._measure_from(began_ns)

    def _measure_from(self, began_ns: int) -> None:
        self.snapshot_us = (self._clock_ns() - began_ns) // NANOSECONDS_PER_MICROSECOND
