"""Events, and the handlers that listen to them."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias, cast, runtime_checkable

from .catalogue import EVENTS, KINDS
from .common import Row
from .turns import Turn


class Event(NamedTuple):
    """Something that a replica did or met; ``catalogue`` lists the names and their fields.

    ``at_us`` is microseconds of the driver's clock. Measurements are numbers, metadata are texts,
    numbers, truth values and tuples of texts.
    """

    name: str
    at_us: int
    measurements: Mapping[str, int]
    metadata: Mapping[str, object]


Handler: TypeAlias = Callable[[Event], None]


def event_of(row: Row, replica: Mapping[str, object]) -> Event:
    """Return an event as handlers take it, with the metadata ``replica`` too."""
    name, at_us, measurements, own = row
    kind = KINDS[name]
    return Event(
        name,
        at_us,
        dict(zip(kind.measurements, measurements, strict=True)),
        {**replica, **dict(zip(kind.metadata, own, strict=True))},
    )


@runtime_checkable
class TurnHandler(Protocol):
    """A handler that takes a whole turn at once, which costs less."""

    def take_turn(self, turn: Turn, names: frozenset[str]) -> None:
        """Take the events of a turn that have these names, to which it listens."""


def is_under(name: str, prefix: str) -> bool:
    """Return whether an event is meant by a prefix: its name, the names above it, or nothing."""
    return not prefix or name == prefix or name.startswith(f"{prefix}.")


def names_under(prefixes: Iterable[str]) -> frozenset[str]:
    """Return the names of all events that are meant. Raises ValueError if a prefix means none."""
    names: set[str] = set()
    for prefix in prefixes:
        found = {kind.name for kind in EVENTS if is_under(kind.name, prefix)}
        if not found:
            raise ValueError(f"no event begins with {prefix}")
        names |= found
    return frozenset(names)


class Attachment:
    """A handler, and the names of the events that it listens to."""

    __slots__ = ("_handler", "_take_turn", "names")

    def __init__(self, handler: Handler | TurnHandler, names: frozenset[str]) -> None:
        self.names = names
        self._handler = handler
        self._take_turn = handler.take_turn if isinstance(handler, TurnHandler) else self._take_each

    def take(self, turn: Turn) -> None:
        """Hand on what the handler listens to. Raises whatever the handler raises."""
        self._take_turn(turn, self.names)

    def _take_each(self, turn: Turn, names: frozenset[str]) -> None:
        handler = cast("Handler", self._handler)
        for row in turn.rows(names):
            handler(event_of(row, turn.replica))


class Telemetry:
    """The handlers of one replica, or of several.

    A handler that raises is detached, and ``report`` gets one line that says so. All others, and
    the replica, go on.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._attachments: list[Attachment] = []
        self.wanted: frozenset[str] = frozenset()
        """The names of the events that anybody listens to."""

    def attach(self, handler: Handler | TurnHandler, *prefixes: str) -> Attachment:
        """Let a handler listen to the events under these names; to all, if none is given.

        ``view_change`` stands for ``view_change.start`` and all others that begin so. Raises
        ValueError if no event begins so.
        """
        attachment = Attachment(handler, names_under(prefixes or ("",)))
        self._attachments.append(attachment)
        self.wanted |= attachment.names
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Let a handler listen no more. Detached twice, it is still detached."""
        if attachment in self._attachments:
            self._attachments.remove(attachment)
            self.wanted = frozenset().union(*(each.names for each in self._attachments))

    def emit(self, turn: Turn) -> None:
        """Hand the events of a turn to all that listen to them."""
        for attachment in tuple(self._attachments):
            try:
                attachment.take(turn)
            except Exception as error:
                self.detach(attachment)
                self._report(
                    f"telemetry: a handler raised {type(error).__name__} and is detached: {error}"
                )
