"""The loop of the one thread: a selector for the nodes' pipes, and a heap of timers.

Times are whole nanoseconds since the run began. The clock is handed in, so that tests run network,
nemesis and workers in virtual time with ``Timers`` alone.
"""

import gc
import select
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

from vsr_node.bench.nodes.lateness import Lateness

NANOSECONDS_PER_MICROSECOND = 1_000
NANOSECONDS_PER_MILLISECOND = 1_000_000
NANOSECONDS_PER_SECOND = 1_000_000_000

LOOK_AROUND_NS = NANOSECONDS_PER_SECOND // 10
"""The longest wait. Within it the loop notices signals and the end of the run."""

Clock = Callable[[], int]


def clock_from_now() -> Clock:
    """Return a monotonic clock that reads 0 now."""
    start = time.monotonic_ns()
    return lambda: time.monotonic_ns() - start


class Timers:
    """Calls that are due at a time. Of equal times, the call scheduled first comes first."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0

    def call_at(self, due: int, function: Callable[..., None], *arguments: Any) -> None:
        """Call ``function(*arguments)`` once ``due`` has come. It can't be taken back."""
        self._sequence += 1
        heappush(self._heap, (due, self._sequence, function, arguments))

    @property
    def next_due(self) -> int | None:
        """When the next call is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run_due(self) -> None:
        """Make all calls that are due by now, without those that become due meanwhile."""
        heap = self._heap
        now = self.now()
        while heap and heap[0][0] <= now:
            _, _, function, arguments = heappop(heap)
            function(*arguments)


class Loop:
    """Waits for pipes and timers. A turn reads the pipes, runs timers, then calls ``after_turn``.

    ``turns`` counts how long the turns took: a line waits no longer than a turn to be read.
    """

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.turns = Lateness()
        self.after_turn: list[Callable[[], None]] = []
        self._selector = selectors.DefaultSelector()

    def watch(self, file_descriptor: int, events: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` whenever one of ``events`` (of ``selectors``) holds."""
        self._selector.register(file_descriptor, events, handler)

    def forget(self, file_descriptor: int) -> None:
        """End a watch. Do so before the file descriptor is closed."""
        self._selector.unregister(file_descriptor)

    def run_until(self, done: Callable[[], bool]) -> None:
        """Turn until ``done()``, which is called at least every ``LOOK_AROUND_NS``."""
        for action in self.after_turn:  # Lines written before must not wait for the first turn.
            action()
        while not done():
            ready = self._wait()
            start = time.perf_counter_ns()
            for key, _ in ready:
                key.data()
            self.timers.run_due()
            for action in self.after_turn:
                action()
            self.turns.add(time.perf_counter_ns() - start)

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, at the latest when the next timer is due.

        epoll counts in whole milliseconds, which would deliver messages up to one late. select() on
        the selector's own descriptor counts in microseconds.
        """
        ready = self._selector.select(0)
        if ready:
            return ready
        due = self.timers.next_due
        timeout_ns = LOOK_AROUND_NS if due is None else min(due - self.timers.now(), LOOK_AROUND_NS)
        if timeout_ns > 0:
            descriptor = self._selector.fileno()
            select.select([descriptor], [], [], timeout_ns / NANOSECONDS_PER_SECOND)
            ready = self._selector.select(0)
        return ready

    def close(self) -> None:
        """Close the selector's own descriptor."""
        self._selector.close()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic collector from stopping the loop. A run makes next to no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
