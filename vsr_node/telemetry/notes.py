"""What is noted in a turn, from which its events are made if a handler asks.

Most handlers take few events, and most events are many. So nothing is noted that nobody listens to,
what many events have in common is one note, and no name of a field is written down.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from vsr_node.core.messages import Operation

from .common import COUNT, NANOSECONDS_PER_MICROSECOND

Span: TypeAlias = tuple[Operation, int, int]
"""An operation, and from when to when it was executed (nanoseconds)."""

Row: TypeAlias = tuple[str, int, tuple[int, ...], tuple[object, ...]]
"""An event: name, ``at_us``, the values of its measurements and of its own metadata.

Both are in the order of the catalogue. A plain tuple, as there are many.
"""

OPERATION_START = "state_machine.operation.start"
OPERATION_STOP = "state_machine.operation.stop"
OPERATION_EXCEPTION = "state_machine.operation.exception"
OPERATION_EVENTS = frozenset({OPERATION_START, OPERATION_STOP, OPERATION_EXCEPTION})


class Note(Protocol):
    """One event, or several that follow each other."""

    def rows(self) -> Iterable[Row]:
        """Return or yield the events."""


class Single(NamedTuple):
    """One event whose values were at hand."""

    name: str
    at_us: int
    measurements: tuple[int, ...]
    own: tuple[object, ...]

    def rows(self) -> Iterable[Row]:
        """Return it."""
        return (self,)


class Turn:
    """What was noted in a turn. All events of it have the metadata ``replica`` too."""

    def __init__(self, notes: Sequence[Note], replica: Mapping[str, object]) -> None:
        self.notes = notes
        self.replica = replica

    def rows(self, names: frozenset[str]) -> Iterator[Row]:
        """Yield the events of these names, in order."""
        for note in self.notes:
            for row in note.rows():
                if row[0] in names:
                    yield row


class Executions:
    """Operations that were executed one after the other, each from when to when (nanoseconds)."""

    __slots__ = ("kind_of", "spans")

    def __init__(self, kind_of: Callable[[Operation], str]) -> None:
        self.kind_of = kind_of
        self.spans: list[Span] = []

    def rows(self) -> Iterator[Row]:
        """Yield the start and the stop of each."""
        for operation, began_ns, ended_ns in self.spans:
            own = (self.kind_of(operation),)
            began_at = began_ns // NANOSECONDS_PER_MICROSECOND
            ended_at = ended_ns // NANOSECONDS_PER_MICROSECOND
            yield OPERATION_START, began_at, COUNT, own
            yield OPERATION_STOP, ended_at, (ended_at - began_at,), own


class Notes:
    """What was noted so far in a turn, of the events whose names are ``wanted``.

    ``kind_of`` gives the kind of an operation.
    """

    __slots__ = ("_kind_of", "_notes", "note_span", "wanted")

    def __init__(self, kind_of: Callable[[Operation], str]) -> None:
        self._kind_of = kind_of
        self._notes: list[Note] = []
        self.listen(frozenset())

    def listen(self, wanted: frozenset[str]) -> None:
        """Note only these events from now on."""
        self.wanted = wanted
        is_wanted = not wanted.isdisjoint(OPERATION_EVENTS)
        self.note_span: Callable[[Span], None] | None = self._begin_spans if is_wanted else None
        """Notes an operation; None while nobody listens to operations."""

    def add(self, note: Note) -> None:
        """Take a note."""
        self._notes.append(note)
        if self.note_span is not None:
            self.note_span = self._begin_spans

    def _begin_spans(self, span: Span) -> None:
        """Note the first operation since any other note. Those that follow are of one note."""
        executions = Executions(self._kind_of)
        executions.spans.append(span)
        self._notes.append(executions)
        self.note_span = executions.spans.append

    def note(
        self, name: str, at_us: int, measurements: tuple[int, ...], own: tuple[object, ...] = ()
    ) -> None:
        """Note an event (see ``Row``)."""
        if name in self.wanted:
            self.add(Single(name, at_us, measurements, own))

    def take_all(self) -> list[Note]:
        """Return all notes, and begin anew."""
        notes = self._notes
        self._notes = []
        if self.note_span is not None:
            self.note_span = self._begin_spans
        return notes
