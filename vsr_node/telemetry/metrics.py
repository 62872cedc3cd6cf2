"""Numbers about a replica, counted from its events.

They are plain integers: an event costs a few additions, whichever system reads them later
(``prometheus``, ``open_telemetry``). Times are seconds where they are read, microseconds here.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from vsr_node.core.messages import NewCheckpoint, NewState, Prepare, PrepareOk

from .common import NANOSECONDS_PER_MICROSECOND
from .messages import Heard, Sent
from .notes import Executions, Single, Turn
from .records import Flushed
from .requests import Stops

Labels: TypeAlias = tuple[tuple[str, str], ...]
Taker: TypeAlias = Callable[[Any], None]
"""Takes a note of one type."""

EVENTS_OF_NOTES = (
    "state_machine.operation.stop",
    "protocol.client_request.stop",
    "durability.flush",
    "protocol.prepare_ok.received",
    "state_transfer.snapshot_received",
    "protocol.prepare.sent",
)
"""The events that are counted from other notes than ``Single``."""

MICROSECONDS_PER_SECOND = 1_000_000

TIME_BOUNDS_US = (100, 250, 500, *(n * 10**e for e in range(3, 7) for n in (1, 2, 5)), 10_000_000)
"""The upper bounds of the buckets of durations, in microseconds."""

ENTRY_BOUNDS = tuple(1 << exponent for exponent in range(10))
"""The upper bounds of the buckets of batches, in entries."""

STATUSES = {"starting": -1, "normal": 0, "view_change": 1, "recovering": 2}

BEFORE_THE_FIRST_EVENT: Mapping[str, object] = {
    "status": "starting",
    "view_number": 0,
    "op_number": 0,
    "commit_number": 0,
}


class Histogram:
    """How many values fell below each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add_all(self, values: Sequence[int]) -> None:
        """Count values in; there is at least one."""
        self.total += sum(values)
        if max(values) <= self.bounds[0]:
            self.counts[0] += len(values)
        else:
            for value in values:
                self.counts[bisect_left(self.bounds, value)] += 1


class Family(NamedTuple):
    """A metric with all its samples; ``scale`` is what its integers are divided by."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    text: str
    samples: Mapping[Labels, "int | Histogram"]
    scale: int = 1


class Metrics:
    """A handler that counts. Attach it to the ``events`` of one replica."""

    def __init__(self, node_id: str) -> None:
        self._node: Labels = (("node_id", node_id),)
        self._numbers: Mapping[str, object] = BEFORE_THE_FIRST_EVENT
        self._is_serving = 0
        self._view_changes = 0
        self._suspicions = 0
        self._stalls = 0
        self._transfers = 0
        self._calls: dict[tuple[str, str], int] = {}
        self._call_times: dict[str, Histogram] = {}
        self._round_trips: dict[str, int] = {}
        self._lags: dict[str, int] = {}
        self._quorum_times = Histogram(TIME_BOUNDS_US)
        self._apply_times = Histogram(TIME_BOUNDS_US)
        self._flush_times = Histogram(TIME_BOUNDS_US)
        self._checkpoint_times = Histogram(TIME_BOUNDS_US)
        self._batches = Histogram(ENTRY_BOUNDS)
        self._takers: Mapping[type, Taker] = {
            Single: self._on_single,
            Executions: self._on_executions,
            Stops: self._on_stops,
            Flushed: self._on_flushed,
            Heard: self._on_heard,
            Sent: self._on_sent,
        }
        self._single_takers: Mapping[str, Taker] = {
            "leadership.start": self._on_leadership_start,
            "leadership.stop": self._on_leadership_stop,
            "view_change.start": self._on_view_change,
            "timer.primary_timeout": self._on_suspicion,
            "timer.quorum_timeout": self._on_suspicion,
            "driver.stalled": self._on_stall,
            "replication.quorum_reached": _timed(self._quorum_times),
            "checkpoint.taken": _timed(self._checkpoint_times),
        }

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events that it needs; the last one ends each turn."""
        return (*self._single_takers, *EVENTS_OF_NOTES, "driver.turn")

    def take_turn(self, turn: Turn, _: frozenset[str]) -> None:
        """Count what was noted in a turn."""
        self._numbers = turn.replica
        takers = self._takers
        for note in turn.notes:
            taker = takers.get(type(note))
            if taker is not None:
                taker(note)

    def families(self) -> Iterator[Family]:
        """Yield all metrics as they are now, the same ones at any time."""
        node = self._node
        for name, text, gauge in self._gauges():
            yield Family(name, "gauge", text, {node: gauge})
        for name, text, count in (
            ("vsr_view_changes_total", "newer views entered", self._view_changes),
            ("vsr_suspicions_total", "times a primary or a quorum was silent", self._suspicions),
            ("vsr_state_transfers_total", "parts of a log or state received", self._transfers),
            ("vsr_driver_stalls_total", "turns that came late", self._stalls),
        ):
            yield Family(name, "counter", text, {node: count})
        calls = {
            (*node, ("kind", kind), ("outcome", outcome)): count
            for (kind, outcome), count in self._calls.items()
        }
        yield Family("vsr_calls_total", "counter", "requests by kind and outcome", calls)
        second = MICROSECONDS_PER_SECOND
        call_times = self._with_label("kind", self._call_times)
        text = "from request to answer"
        yield Family("vsr_call_duration_seconds", "histogram", text, call_times, second)
        for name, text, times in (
            ("vsr_quorum_duration_seconds", "from PREPARE to a quorum", self._quorum_times),
            ("vsr_apply_duration_seconds", "executing an operation", self._apply_times),
            ("vsr_flush_duration_seconds", "making a turn durable", self._flush_times),
            ("vsr_checkpoint_duration_seconds", "a snapshot", self._checkpoint_times),
        ):
            yield Family(name, "histogram", text, {node: times}, second)
        batches = {node: self._batches}
        yield Family("vsr_batch_entries", "histogram", "entries in a PREPARE", batches)
        round_trips = self._with_label("peer", self._round_trips)
        text = "the last round trip, seen by the primary"
        yield Family("vsr_peer_round_trip_seconds", "gauge", text, round_trips, second)
        lags = self._with_label("peer", self._lags)
        yield Family("vsr_peer_lag_entries", "gauge", "entries that it lacks", lags)

    def _gauges(self) -> Iterator[tuple[str, str, int]]:
        """Yield the name, the text and the value of what follows from the last turn's end."""
        numbers = self._numbers
        commit_number, op_number = _whole(numbers, "commit_number"), _whole(numbers, "op_number")
        status = STATUSES[str(numbers["status"])]
        yield "vsr_status", "0 normal, 1 view change, 2 recovering, -1 starting", status
        yield "vsr_is_primary", "whether it serves as primary", self._is_serving
        yield "vsr_view_number", "the view", _whole(numbers, "view_number")
        yield "vsr_commit_number", "the last entry executed", commit_number
        yield "vsr_uncommitted_entries", "entries beyond that", op_number - commit_number

    def _with_label(
        self, name: str, samples: Mapping[str, int] | Mapping[str, Histogram]
    ) -> Mapping[Labels, "int | Histogram"]:
        """Return samples with the node's label and one of their own."""
        return {(*self._node, (name, value)): sample for value, sample in samples.items()}

    def _on_single(self, event: Single) -> None:
        taker = self._single_takers.get(event.name)
        if taker is not None:
            taker(event)

    def _on_leadership_start(self, _: Single) -> None:
        self._is_serving = 1

    def _on_leadership_stop(self, _: Single) -> None:
        self._is_serving = 0

    def _on_view_change(self, _: Single) -> None:
        self._view_changes += 1

    def _on_suspicion(self, _: Single) -> None:
        self._suspicions += 1

    def _on_stall(self, _: Single) -> None:
        self._stalls += 1

    def _on_executions(self, executions: Executions) -> None:
        self._apply_times.add_all(
            [
                (ended_ns - began_ns) // NANOSECONDS_PER_MICROSECOND
                for _, began_ns, ended_ns in executions.spans
            ]
        )

    def _on_stops(self, stops: Stops) -> None:
        at_us = stops.at_us
        durations: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for _, _, (taken_at, kind, _), outcome, _ in stops.stops:
            durations[kind, outcome].append(at_us - taken_at)
        for key, times in durations.items():
            self._calls[key] = self._calls.get(key, 0) + len(times)
            histogram = self._call_times.get(key[0])
            if histogram is None:
                histogram = self._call_times[key[0]] = Histogram(TIME_BOUNDS_US)
            histogram.add_all(times)

    def _on_flushed(self, flushed: Flushed) -> None:
        self._flush_times.add_all((flushed.duration_us,))

    def _on_heard(self, heard: Heard) -> None:
        if isinstance(heard.message, PrepareOk):
            self._lags[heard.peer], self._round_trips[heard.peer] = heard.measured
        elif isinstance(heard.message, NewState | NewCheckpoint):
            self._transfers += 1

    def _on_sent(self, sent: Sent) -> None:
        message = sent.send.message
        if isinstance(message, Prepare):
            self._batches.add_all((len(message.entries),))


def _timed(times: Histogram) -> Taker:
    """Return what takes events whose first measurement is a duration."""

    def take(event: Single) -> None:
        times.add_all(event.measurements[:1])

    return take


def _whole(numbers: Mapping[str, object], name: str) -> int:
    value = numbers[name]
    assert isinstance(value, int)
    return value
