"""A state machine that is watched: what it applied, and how long that took."""

from collections.abc import Callable
from typing import NamedTuple

from vsr_node.core.messages import Operation, Parts, Result
from vsr_node.core.replica import StateMachine

from .dispatch import Telemetry


class Applied(NamedTuple):
    """An operation that the machine executed; ``error`` is the exception that it raised."""

    operation: Operation
    began_at: int
    ended_at: int
    error: str | None = None


class WatchedMachine:
    """Passes everything on to ``machine``, and notes it while somebody listens.

    ``clock`` is in microseconds. ``failed`` is called before an exception of the machine goes on
    its way: it ends the replica, so no turn will tell of it.
    """

    def __init__(
        self,
        machine: StateMachine,
        telemetry: Telemetry,
        clock: Callable[[], int],
        failed: Callable[[Applied], None],
    ) -> None:
        self._machine = machine
        self._telemetry = telemetry
        self._clock = clock
        self._failed = failed
        self.applied: list[Applied] = []
        self.snapshot_us = 0
        """How long the last snapshot took, or the last ``restore``."""

    def apply(self, operation: Operation) -> Result:
        """Execute one operation."""
        if not self._telemetry.is_active:
            return self._machine.apply(operation)
        return self._watch(self._machine.apply, operation)

    def read(self, operation: Operation) -> Result:
        """Answer an operation that changes nothing."""
        if not self._telemetry.is_active:
            return self._machine.read(operation)
        return self._watch(self._machine.read, operation)

    def _watch(self, execute: Callable[[Operation], Result], operation: Operation) -> Result:
        began_at = self._clock()
        try:
            result = execute(operation)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            self._failed(Applied(operation, began_at, self._clock(), text))
            raise
        self.applied.append(Applied(operation, began_at, self._clock()))
        return result

    def snapshot(self) -> Parts:
        """Return the state."""
        began_at = self._clock()
        parts = self._machine.snapshot()
        self.snapshot_us = self._clock() - began_at
        return parts

    def restore(self, parts: Parts) -> None:
        """Take over a state."""
        began_at = self._clock()
        self._machine.restore(parts)
        self.snapshot_us = self._clock() - began_at
