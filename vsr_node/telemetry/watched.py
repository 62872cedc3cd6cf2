"""A state machine that is watched: what it executes, and how long that takes."""

from collections.abc import Callable
from typing import TypeAlias

from vsr_node.core.messages import Operation, Parts, Result
from vsr_node.core.replica import StateMachine

from .common import COUNT, NANOSECONDS_PER_MICROSECOND
from .notes import OPERATION_EXCEPTION, OPERATION_START, Notes

Execute: TypeAlias = Callable[[Operation], Result]


class WatchedMachine:
    """Passes everything on to ``machine``, and notes it while somebody listens.

    ``clock_ns`` gives nanoseconds. ``fail`` is called before an exception of the machine goes on
    its way: it ends the replica, so no turn will have it.
    """

    def __init__(
        self,
        machine: StateMachine,
        notes: Notes,
        clock_ns: Callable[[], int],
        kind_of: Callable[[Operation], str],
        fail: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._notes = notes
        self._clock_ns = clock_ns
        self._kind_of = kind_of
        self._fail = fail
        self.apply = self._watched(machine.apply)
        self.read = self._watched(machine.read)
        self.snapshot_us = 0
        """How long the last snapshot took, or the last ``restore``."""

    def _watched(self, execute: Execute) -> Execute:
        """Return a function that executes an operation and notes it. Closures are the fastest."""
        notes, clock_ns = self._notes, self._clock_ns

        def watched(operation: Operation) -> Result:
            if notes.note_span is None:
                return execute(operation)
            began_ns = clock_ns()
            try:
                result = execute(operation)
            except Exception as error:
                self._on_exception(operation, began_ns, error)
                raise
            notes.note_span((operation, began_ns, clock_ns()))
            return result

        return watched

    def _on_exception(self, operation: Operation, began_ns: int, error: Exception) -> None:
        began_at = began_ns // NANOSECONDS_PER_MICROSECOND
        now = self._clock_ns() // NANOSECONDS_PER_MICROSECOND
        kind, text = self._kind_of(operation), f"{type(error).__name__}: {error}"
        self._notes.note(OPERATION_START, began_at, COUNT, (kind,))
        self._notes.note(OPERATION_EXCEPTION, now, (now - began_at,), (kind, text))
        self._fail()

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
