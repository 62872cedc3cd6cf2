"""Virtual time: a heap of events in one total order, (time, sequence number)."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, TypeAlias

Microseconds: TypeAlias = int
"""Virtual time since the run began, or a length of it."""

MILLISECOND: Microseconds = 1_000
MICROSECONDS_PER_SECOND: Microseconds = 1_000_000
NANOSECONDS_PER_MICROSECOND = 1_000

Handler = Callable[[Any], None]


class Timeline:
    """The events to come. It calls ``watch``, unless it is None, after each event."""

    __slots__ = ("_events", "_sequence", "_stopped", "now", "watch")

    def __init__(self) -> None:
        self.now = 0
        self.watch: Callable[[], None] | None = None
        self._events: list[tuple[int, int, Handler, Any]] = []
        self._sequence = 0
        self._stopped = False

    @property
    def event_count(self) -> int:
        """How many events were ever scheduled."""
        return self._sequence

    def at(self, time: Microseconds, handler: Handler, argument: Any = None) -> None:
        """Call ``handler(argument)`` at ``time``; those of one time in the order of the calls."""
        self._sequence += 1
        heappush(self._events, (time, self._sequence, handler, argument))

    def stop(self) -> None:
        """Make ``run_until`` return after the present event."""
        self._stopped = True

    def run_until(self, end: Microseconds) -> bool:
        """Run the events up to ``end``, included. Return whether ``stop`` ended it before."""
        events = self._events
        watch = self.watch
        self._stopped = False
        if watch is not None:
            watch()  # What happened since the last event came before the next one.
        while events and events[0][0] <= end:
            self.now, _, handler, argument = heappop(events)
            handler(argument)
            if watch is not None:
                watch()
            if self._stopped:
                return True
        self.now = end
        return False
