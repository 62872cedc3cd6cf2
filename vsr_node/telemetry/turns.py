"""What went into a turn and came out of it, from which its events are made if a handler asks.

Most handlers take few events, and most events are many. So a turn keeps what its driver handed over
as it came: no value is computed and no name of a field is written down that nobody asks for.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from vsr_node.core.messages import Operation

from .catalogue import COMMON_METADATA, EVENTS
from .common import (
    COUNT,
    NANOSECONDS_PER_MICROSECOND,
    Asked,
    Flush,
    Heard,
    Measured,
    Row,
    Sent,
    Span,
    State,
    Stop,
)
from .messages import MESSAGE_EVENTS, NEWS, received, sent
from .records import RECORD_EVENTS, recorded
from .requests import READ_ANSWERED, START, STOP, started, stopped

OPERATION_START = "state_machine.operation.start"
OPERATION_STOP = "state_machine.operation.stop"
OPERATION_EXCEPTION = "state_machine.operation.exception"
OPERATION_EVENTS = frozenset({OPERATION_START, OPERATION_STOP, OPERATION_EXCEPTION})
COMMIT_ADVANCE = "state.commit_advance"
TURN = "driver.turn"


class Turn:
    """A turn of one replica. Handlers may not change it.

    ``before`` is the replica's state at the end of the last turn, ``after`` that at the end of this
    one. ``ended_at`` is None outside of turns.
    """

    __slots__ = (
        "after",
        "asked",
        "before",
        "began_at",
        "ended_at",
        "flushes",
        "heard",
        "kind_of",
        "noted",
        "now",
        "sent",
        "spans",
        "starts",
        "stops",
    )

    def __init__(self, kind_of: Callable[[Operation], str], before: State) -> None:
        self.kind_of = kind_of
        self.before = self.after = before
        self.now = self.began_at = 0
        self.ended_at: int | None = None
        self.asked: list[Asked] = []
        self.starts: list[Asked] = []
        self.heard: list[Heard] = []
        self.spans: list[Span] = []
        self.flushes: list[Flush] = []
        self.sent: list[Sent] = []
        self.noted: list[Row] = []
        self.stops: list[Stop] = []

    @property
    def replica(self) -> Mapping[str, object]:
        """The metadata that all events of this turn have."""
        return dict(zip(COMMON_METADATA, self.after[-len(COMMON_METADATA) :], strict=True))

    def note(
        self, name: str, at_us: int, measurements: Measured, own: tuple[object, ...] = ()
    ) -> None:
        """Note an event that follows from more than this turn."""
        self.noted.append((name, at_us, measurements, own))

    def rows(self, names: frozenset[str]) -> Iterator[Row]:
        """Yield the events of these names."""
        for make in makers_of(names):
            for row in make(self):
                if row[0] in names:
                    yield row


Make: TypeAlias = Callable[[Turn], Iterator[Row]]


def executed(turn: Turn) -> Iterator[Row]:
    """Yield the start and the stop of each operation."""
    for operation, began_ns, ended_ns in turn.spans:
        own = (turn.kind_of(operation),)
        began_at = began_ns // NANOSECONDS_PER_MICROSECOND
        ended_at = ended_ns // NANOSECONDS_PER_MICROSECOND
        yield OPERATION_START, began_at, COUNT, own
        yield OPERATION_STOP, ended_at, (ended_at - began_at,), own


def _noted(turn: Turn) -> Iterator[Row]:
    return iter(turn.noted)


def _committed(turn: Turn) -> Iterator[Row]:
    before, after = turn.before.commit_number, turn.after.commit_number
    if after != before and turn.ended_at is not None:
        yield COMMIT_ADVANCE, turn.ended_at, (after - before,), (before, after)


def _ended(turn: Turn) -> Iterator[Row]:
    """Yield the end of the turn."""
    if turn.ended_at is not None:
        measurements = turn.ended_at - turn.began_at, len(turn.asked) + len(turn.heard)
        yield TURN, turn.ended_at, measurements, ()


MAKERS: tuple[tuple[Make, frozenset[str]], ...] = (
    (started, frozenset({START})),
    (received, frozenset(each.received for each in (*MESSAGE_EVENTS.values(), NEWS))),
    (executed, frozenset({OPERATION_START, OPERATION_STOP})),
    (recorded, RECORD_EVENTS),
    (sent, frozenset(each.sent for each in (*MESSAGE_EVENTS.values(), NEWS))),
    (_noted, frozenset(kind.name for kind in EVENTS)),
    (_committed, frozenset({COMMIT_ADVANCE})),
    (stopped, frozenset({STOP, READ_ANSWERED})),
    (_ended, frozenset({TURN})),
)
"""What makes the events of a turn, in their order, and their names."""


@lru_cache(64)
def makers_of(names: frozenset[str]) -> tuple[Make, ...]:
    """Return what makes the events of these names."""
    return tuple(make for make, made in MAKERS if not names.isdisjoint(made))
