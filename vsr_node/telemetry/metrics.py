"""Numbers about a replica, counted from its events.

They are plain integers: an event costs a few additions, whichever system reads them later
(``prometheus``, ``open_telemetry``). Times are seconds where they are read, microseconds here.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from .dispatch import Noted

Labels: TypeAlias = tuple[tuple[str, str], ...]
Measurements: TypeAlias = Mapping[str, int]
Own: TypeAlias = Mapping[str, object]
Taker: TypeAlias = Callable[[Measurements, Own], None]

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

    def add(self, value: int) -> None:
        """Count a value in."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


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
        self._calls: dict[Labels, int] = {}
        self._call_times: dict[Labels, Histogram] = {}
        self._round_trips: dict[Labels, int] = {}
        self._lags: dict[Labels, int] = {}
        self._quorum_times = Histogram(TIME_BOUNDS_US)
        self._apply_times = Histogram(TIME_BOUNDS_US)
        self._flush_times = Histogram(TIME_BOUNDS_US)
        self._checkpoint_times = Histogram(TIME_BOUNDS_US)
        self._batches = Histogram(ENTRY_BOUNDS)
        self._takers: dict[str, Taker] = {
            "leadership.start": self._on_leadership_start,
            "leadership.stop": self._on_leadership_stop,
            "view_change.start": self._on_view_change,
            "timer.primary_timeout": self._on_suspicion,
            "timer.quorum_timeout": self._on_suspicion,
            "driver.stalled": self._on_stall,
            "state_transfer.snapshot_received": self._on_transfer,
            "protocol.client_request.stop": self._on_call,
            "protocol.prepare_ok.received": self._on_prepare_ok,
            "protocol.prepare.sent": self._on_prepare,
            "replication.quorum_reached": _timed(self._quorum_times),
            "state_machine.operation.stop": _timed(self._apply_times),
            "durability.flush": _timed(self._flush_times),
            "checkpoint.taken": _timed(self._checkpoint_times),
        }

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events that it needs; the last one ends each turn."""
        return (*self._takers, "driver.turn")

    def take_turn(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        """Count the events of a turn."""
        self._numbers = replica
        takers = self._takers
        for name, _, measurements, own in events:
            taker = takers.get(name)
            if taker is not None:
                taker(measurements, own)

    def families(self) -> Iterator[Family]:
        """Yield all metrics as they are now, the same ones at any time."""
        numbers, node = self._numbers, self._node
        commit_number, op_number = _whole(numbers, "commit_number"), _whole(numbers, "op_number")
        status = str(numbers["status"])
        for name, text, value in (
            ("vsr_status", "0 normal, 1 view change, 2 recovering, -1 starting", STATUSES[status]),
            ("vsr_is_primary", "whether it serves as primary", self._is_serving),
            ("vsr_view_number", "the view", _whole(numbers, "view_number")),
            ("vsr_commit_number", "the last entry executed", commit_number),
            ("vsr_uncommitted_entries", "entries beyond that", op_number - commit_number),
        ):
            yield Family(name, "gauge", text, {node: value})
        for name, text, value in (
            ("vsr_view_changes_total", "newer views entered", self._view_changes),
            ("vsr_suspicions_total", "times a primary or a quorum was silent", self._suspicions),
            ("vsr_state_transfers_total", "parts of a log or state received", self._transfers),
            ("vsr_driver_stalls_total", "turns that came late", self._stalls),
        ):
            yield Family(name, "counter", text, {node: value})
        second = MICROSECONDS_PER_SECOND
        yield Family(
            "vsr_calls_total", "counter", "requests by kind and outcome", _of(node, self._calls)
        )
        alone: Labels = ()
        for name, text, times in (
            ("vsr_call_duration_seconds", "from request to answer", self._call_times),
            (
                "vsr_quorum_duration_seconds",
                "from PREPARE to a quorum",
                {alone: self._quorum_times},
            ),
            ("vsr_apply_duration_seconds", "executing an operation", {alone: self._apply_times}),
            ("vsr_flush_duration_seconds", "making a turn durable", {alone: self._flush_times}),
            ("vsr_checkpoint_duration_seconds", "a snapshot", {alone: self._checkpoint_times}),
        ):
            yield Family(name, "histogram", text, _of(node, times), second)
        yield Family(
            "vsr_batch_entries", "histogram", "entries in a PREPARE", {node: self._batches}
        )
        yield Family(
            "vsr_peer_round_trip_seconds",
            "gauge",
            "the last round trip, seen by the primary",
            _of(node, self._round_trips),
            second,
        )
        yield Family(
            "vsr_peer_lag_entries", "gauge", "entries that it lacks", _of(node, self._lags)
        )

    def _on_leadership_start(self, measurements: Measurements, own: Own) -> None:
        self._is_serving = 1

    def _on_leadership_stop(self, measurements: Measurements, own: Own) -> None:
        self._is_serving = 0

    def _on_view_change(self, measurements: Measurements, own: Own) -> None:
        self._view_changes += 1

    def _on_suspicion(self, measurements: Measurements, own: Own) -> None:
        self._suspicions += 1

    def _on_stall(self, measurements: Measurements, own: Own) -> None:
        self._stalls += 1

    def _on_transfer(self, measurements: Measurements, own: Own) -> None:
        self._transfers += 1

    def _on_call(self, measurements: Measurements, own: Own) -> None:
        kind = ("kind", str(own["kind"]))
        labels = (kind, ("outcome", str(own["outcome"])))
        self._calls[labels] = self._calls.get(labels, 0) + 1
        times = self._call_times.get((kind,))
        if times is None:
            times = self._call_times[(kind,)] = Histogram(TIME_BOUNDS_US)
        times.add(measurements["duration_us"])

    def _on_prepare_ok(self, measurements: Measurements, own: Own) -> None:
        peer = (("peer", str(own["peer"])),)
        self._round_trips[peer] = measurements["round_trip_us"]
        self._lags[peer] = measurements["lag"]

    def _on_prepare(self, measurements: Measurements, own: Own) -> None:
        self._batches.add(measurements["entries"])


def _timed(times: Histogram) -> Taker:
    def take(measurements: Measurements, own: Own) -> None:
        times.add(measurements["duration_us"])

    return take


def _of(
    node: Labels, samples: Mapping[Labels, int] | Mapping[Labels, Histogram]
) -> Mapping[Labels, "int | Histogram"]:
    """Add the node's label to all."""
    return {node + labels: value for labels, value in samples.items()}


def _whole(numbers: Mapping[str, object], name: str) -> int:
    value = numbers[name]
    assert isinstance(value, int)
    return value
