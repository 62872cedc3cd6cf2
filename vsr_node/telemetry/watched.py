"""A state machine that is watched: what it executes, and how long that takes."""

from collections.abc import Callable

from vsr_node.core.messages import Operation, Parts, Result
from vsr_node.core.replica import StateMachine

from .common import COUNT, Note
from .dispatch import Telemetry

START = "state_machine.operation.start"
STOP = "state_machine.operation.stop"
EXCEPTION = "state_machine.operation.exception"
OPERATION_EVENTS = frozenset({START, STOP, EXCEPTION})


class WatchedMachine:
    """Passes everything on to ``machine``, and notes it while somebody listens.

    ``clock`` is in microseconds. ``fail`` is called before an exception of the machine goes on its
    way: it ends the replica, so no turn will tell of it.
    """

    def __init__(
        self,
        machine: StateMachine,
        telemetry: Telemetry,
        note: Note,
        clock: Callable[[], int],
        kind_of: Callable[[Operation], str],
        fail: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._telemetry = telemetry
        self._note = note
        self._clock = clock
        self._kind_of = kind_of
        self._fail = fail
        # The metadata of operations, by kind: there are few kinds and many operations.
        self._kinds: dict[str, dict[str, object]] = {}
        self.snapshot_us = 0
        """How long the last snapshot took, or the last ``restore``."""

    def apply(self, operation: Operation) -> Result:
        """Execute one operation."""
        if OPERATION_EVENTS.isdisjoint(self._telemetry.wanted):
            return self._machine.apply(operation)
        return self._watch(self._machine.apply, operation)

    def read(self, operation: Operation) -> Result:
        """Answer an operation that changes nothing."""
        if OPERATION_EVENTS.isdisjoint(self._telemetry.wanted):
            return self._machine.read(operation)
        return self._watch(self._machine.read, operation)

    def _watch(self, execute: Callable[[Operation], Result], operation: Operation) -> Result:
        kind = self._kind_of(operation)
        metadata = self._kinds.get(kind)
        if metadata is None:
            metadata = self._kinds[kind] = {"kind": kind}
        began_at = self._clock()
        self._note(START, began_at, COUNT, metadata)
        try:
            result = execute(operation)
        except Exception as error:
            now = self._clock()
            self._note(
                EXCEPTION,
                now,
                {"duration_us": now - began_at},
                {**metadata, "error": f"{type(error).__name__}: {error}"},
            )
            self._fail()
            raise
        now = self._clock()
        duration = {"duration_us": now - began_at}
        self._note(STOP, now, duration, metadata)
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
