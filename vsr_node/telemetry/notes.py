"""What is noted in a turn, from which its events are made if a handler asks.

Most handlers take few events, and most events are many. So nothing is noted that nobody listens to,
what many events have in common is one note, and no name of a field is written down.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

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

    @cached_property
    def rows(self) -> list[Row]:
        """All events, in order, some of which nobody may listen to."""
        return [row for note in self.notes for row in note.rows()]

    def rows_named(self, names: frozenset[str]) -> list[Row]:
        """Return the events of these names, in order."""
        return [row for row in self.rows if row[0] in names]


class Notes:
    """What was noted so far in a turn, of the events whose names are ``wanted``."""

    __slots__ = ("notes", "wanted", "wants_operations")

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.listen(frozenset())

    def listen(self, wanted: frozenset[str]) -> None:
        """Note only these events from now on."""
        self.wanted = wanted
        self.wants_operations = not wanted.isdisjoint(OPERATION_EVENTS)

    def note(
        self, name: str, at_us: int, measurements: tuple[int, ...], own: tuple[object, ...] = ()
    ) -> None:
        """Note an event (see ``Row``)."""
        if name in self.wanted:
            self.notes.append(Single(name, at_us, measurements, own))

    def take_all(self) -> list[Note]:
        """Return all notes, and begin anew."""
        notes = self.notes[:]
        self.notes.clear()
        return notes
