"""Numbers about a replica, counted from its events.

They are plain integers: an event costs a few additions, whichever system reads them later
(``prometheus``, ``open_telemetry``). Times are seconds where they are read, microseconds here.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from vsr_node.core.messages import NewCheckpoint, NewState, Prepare, PrepareOk, SaveCheckpoint

from .common import BEFORE_THE_START, NANOSECONDS_PER_MICROSECOND, Row, State
from .messages import answer_to_prepare
from .records import CHECKPOINT_TAKEN, FLUSH, is_taken
from .requests import STOP
from .turns import OPERATION_STOP, TURN, Turn

MEMBER = "member"
"""The role of a connection to another member."""

Labels: TypeAlias = tuple[tuple[str, str], ...]
Taker: TypeAlias = Callable[[Row], None]

EVENTS_OF_TURNS = (
    OPERATION_STOP,
    STOP,
    FLUSH,
    CHECKPOINT_TAKEN,
    "protocol.prepare_ok.received",
    "state_transfer.snapshot_received",
    "protocol.prepare.sent",
    TURN,
)
"""The events that are counted from what a turn keeps, and not one by one."""

MICROSECONDS_PER_SECOND = 1_000_000
NANOSECONDS_PER_SECOND = NANOSECONDS_PER_MICROSECOND * MICROSECONDS_PER_SECOND

TIME_BOUNDS_US = (100, 250, 500, *(n * 10**e for e in range(3, 7) for n in (1, 2, 5)), 10_000_000)
"""The upper bounds of the buckets of durations, in microseconds."""

TIME_BOUNDS_NS = tuple(bound * NANOSECONDS_PER_MICROSECOND for bound in TIME_BOUNDS_US)

ENTRY_BOUNDS = tuple(1 << exponent for exponent in range(10))
"""The upper bounds of the buckets of batches, in entries."""

STATUSES = {"starting": -1, "normal": 0, "view_change": 1, "recovering": 2}


class Histogram:
    """How many values fell below each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int) -> None:
        """Count a value in."""
        self.total += value
        self.counts[bisect_left(self.bounds, value)] += 1

    def add_all(self, values: Sequence[int]) -> None:
        """Count values in; there is at least one."""
        if max(values) <= self.bounds[0]:
            self.total += sum(values)
            self.counts[0] += len(values)
        else:
            for value in values:
                self.add(value)


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
        self._state: State = BEFORE_THE_START
        self._is_serving = 0
        self._view_changes = 0
        self._suspicions = 0
        self._stalls = 0
        self._transfers = 0
        self._calls: dict[tuple[str, str], int] = {}
        self._call_times: dict[str, Histogram] = {}
        self._round_trips: dict[str, int] = {}
        self._lags: dict[str, int] = {}
        self._expired = 0
        self._connected: dict[str, int] = {}
        self._clients = 0
        self._dropped: dict[str, int] = {}
        self._quorum_times = Histogram(TIME_BOUNDS_US)
        self._apply_times = Histogram(TIME_BOUNDS_NS)
        self._flush_times = Histogram(TIME_BOUNDS_US)
        self._checkpoint_times = Histogram(TIME_BOUNDS_US)
        self._batches = Histogram(ENTRY_BOUNDS)
        self._takers: Mapping[str, Taker] = {
            "leadership.start": self._on_leadership_start,
            "leadership.stop": self._on_leadership_stop,
            "view_change.start": self._on_view_change,
            "timer.primary_timeout": self._on_suspicion,
            "timer.quorum_timeout": self._on_suspicion,
            "driver.stalled": self._on_stall,
            "replication.quorum_reached": self._on_quorum,
            "session.expired": self._on_session_expired,
            "transport.connected": self._on_connected,
            "transport.disconnected": self._on_disconnected,
            "transport.dropped": self._on_dropped,
        }

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events that it needs."""
        return (*self._takers, *EVENTS_OF_TURNS)

    def take_turn(self, turn: Turn, names: frozenset[str]) -> None:
        """Count what happened in a turn."""
        self._state = turn.after
        for row in turn.noted:
            taker = self._takers.get(row[0])
            if taker is not None:
                taker(row)
        if turn.spans:
            self._apply_times.add_all([ended_ns - began_ns for _, began_ns, ended_ns in turn.spans])
        for records, _, duration_us, snapshot_us, _ in turn.flushes:
            self._flush_times.add(duration_us)
            for record in records:
                if type(record) is SaveCheckpoint and is_taken(record):
                    self._checkpoint_times.add(snapshot_us)
        if turn.heard:
            self._count_heard(turn)
        for send, *_ in turn.sent:
            if type(send.message) is Prepare:
                self._batches.add(len(send.message.entries))
        if turn.stops:
            self._count_calls(turn)

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
            ("vsr_sessions_expired_total", "calls of a forgotten session", self._expired),
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
        applied = {node: self._apply_times}
        text = "executing an operation"
        yield Family(
            "vsr_apply_duration_seconds", "histogram", text, applied, NANOSECONDS_PER_SECOND
        )
        for name, text, times in (
            ("vsr_quorum_duration_seconds", "from PREPARE to a quorum", self._quorum_times),
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
        connected = self._with_label("peer", self._connected)
        yield Family("vsr_peer_connected", "gauge", "whether it is connected over TCP", connected)
        dropped = self._with_label("peer", self._dropped)
        text = "messages over TCP that did not leave"
        yield Family("vsr_peer_dropped_total", "counter", text, dropped)

    def _gauges(self) -> Iterator[tuple[str, str, int]]:
        """Yield the name, the text and the value of what follows from the last turn's end."""
        state = self._state
        status = STATUSES[state.status]
        uncommitted = state.op_number - state.commit_number
        yield "vsr_status", "0 normal, 1 view change, 2 recovering, -1 starting", status
        yield "vsr_is_primary", "whether it serves as primary", self._is_serving
        yield "vsr_view_number", "the view", state.view_number
        yield "vsr_commit_number", "the last entry executed", state.commit_number
        yield "vsr_uncommitted_entries", "entries beyond that", uncommitted
        yield "vsr_clients", "clients connected over TCP", self._clients

    def _with_label(
        self, name: str, samples: Mapping[str, int] | Mapping[str, Histogram]
    ) -> Mapping[Labels, "int | Histogram"]:
        """Return samples with the node's label and one of their own."""
        return {(*self._node, (name, value)): sample for value, sample in samples.items()}

    def _on_leadership_start(self, _: Row) -> None:
        self._is_serving = 1

    def _on_leadership_stop(self, _: Row) -> None:
        self._is_serving = 0

    def _on_view_change(self, _: Row) -> None:
        self._view_changes += 1

    def _on_suspicion(self, _: Row) -> None:
        self._suspicions += 1

    def _on_stall(self, _: Row) -> None:
        self._stalls += 1

    def _on_quorum(self, row: Row) -> None:
        _, _, (duration_us, _), _ = row
        self._quorum_times.add(duration_us)

    def _on_session_expired(self, _: Row) -> None:
        self._expired += 1

    def _on_connected(self, row: Row) -> None:
        peer, role, *_ = row[3]
        if role == MEMBER:
            self._connected[str(peer)] = 1
        else:
            self._clients += 1

    def _on_disconnected(self, row: Row) -> None:
        peer, role, *_ = row[3]
        if role == MEMBER:
            self._connected[str(peer)] = 0
        else:
            self._clients -= 1

    def _on_dropped(self, row: Row) -> None:
        _, _, (messages, _), (peer,) = row
        self._dropped[str(peer)] = self._dropped.get(str(peer), 0) + messages

    def _count_heard(self, turn: Turn) -> None:
        for peer, message, *_ in turn.heard:
            if type(message) is PrepareOk:
                self._lags[peer], self._round_trips[peer] = answer_to_prepare(turn, message)
            elif isinstance(message, NewState | NewCheckpoint):
                self._transfers += 1

    def _count_calls(self, turn: Turn) -> None:
        at_us, kind_of = turn.ended_at, turn.kind_of
        assert at_us is not None, "requests end with their turn"
        durations: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for asked, outcome, _ in turn.stops:
            durations[kind_of(asked[2]), outcome].append(at_us - asked[-1])
        for key, times in durations.items():
            self._calls[key] = self._calls.get(key, 0) + len(times)
            histogram = self._call_times.get(key[0])
            if histogram is None:
                histogram = self._call_times[key[0]] = Histogram(TIME_BOUNDS_US)
            histogram.add_all(times)
