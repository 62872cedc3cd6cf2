"""Events, and the handlers that listen to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, cast, runtime_checkable

from .catalogue import EVENTS


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

Noted: TypeAlias = tuple[str, int, Mapping[str, int], Mapping[str, object]]
"""An event without the metadata that all events of its turn share. Plain, as there are many."""


@runtime_checkable
class TurnHandler(Protocol):
    """A handler that takes all events of a turn at once, which costs less."""

    def take_turn(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        """Take a turn's events; all have the metadata ``replica`` too."""


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

    def take(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        """Hand on what the handler listens to. Raises whatever the handler raises."""
        if len(self.names) < len(EVENTS):
            events = [event for event in events if event[0] in self.names]
        self._take_turn(events, replica)

    def _take_each(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        handler = cast("Handler", self._handler)
        for name, at_us, measurements, own in events:
            handler(Event(name, at_us, measurements, {**replica, **own}))


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

    def emit(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        """Hand the events of a turn to all that listen to them."""
        for attachment in tuple(self._attachments):
            try:
                attachment.take(events, replica)
            except Exception as error:
                self.detach(attachment)
                self._report(
                    f"telemetry: a handler raised {type(error).__name__} and is detached: {error}"
                )
