"""Events, and the handlers that listen to them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias


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


def is_under(name: str, prefix: str) -> bool:
    """Return whether an event is meant by a prefix: its name, the names above it, or nothing."""
    return not prefix or name == prefix or name.startswith(f"{prefix}.")


class Attachment:
    """A handler, the events that it listens to, and what to call when a turn has ended."""

    __slots__ = ("flush", "handler", "prefixes")

    def __init__(
        self, prefixes: tuple[str, ...], handler: Handler, flush: Callable[[], None] | None
    ) -> None:
        self.prefixes = prefixes
        self.handler = handler
        self.flush = flush

    def takes(self, name: str) -> bool:
        """Return whether the handler listens to events of this name."""
        return any(is_under(name, prefix) for prefix in self.prefixes)


class Telemetry:
    """The handlers of one replica, or of several.

    A handler that raises is detached, and ``report`` gets one line that says so. All others, and
    the replica, go on.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._attachments: list[Attachment] = []
        # Filled as events come; an attached or detached handler makes it anew.
        self._by_name: dict[str, tuple[Attachment, ...]] = {}

    @property
    def is_active(self) -> bool:
        """Whether any handler is attached."""
        return bool(self._attachments)

    def attach(
        self, handler: Handler, *prefixes: str, flush: Callable[[], None] | None = None
    ) -> Attachment:
        """Let a handler listen to the events under these names; to all, if none is given.

        ``view_change`` stands for ``view_change.start`` and all others that begin so. ``flush`` is
        called after the last event of each turn, for handlers that gather what they write.
        """
        attachment = Attachment(prefixes or ("",), handler, flush)
        self._attachments.append(attachment)
        self._by_name = {}
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Let a handler listen no more. Detached twice, it is still detached."""
        if attachment in self._attachments:
            self._attachments.remove(attachment)
            self._by_name = {}

    def listeners(self, name: str) -> tuple[Attachment, ...]:
        """Return the handlers that listen to events of this name."""
        found = self._by_name.get(name)
        if found is None:
            found = tuple(each for each in self._attachments if each.takes(name))
            self._by_name[name] = found
        return found

    def emit(self, event: Event) -> None:
        """Hand an event to all that listen to it."""
        for attachment in self.listeners(event.name):
            try:
                attachment.handler(event)
            except Exception as error:
                self._drop(attachment, event.name, error)

    def flush(self) -> None:
        """Let all handlers write what they have gathered: a turn has ended."""
        for attachment in tuple(self._attachments):
            if attachment.flush is not None:
                try:
                    attachment.flush()
                except Exception as error:
                    self._drop(attachment, "a turn's end", error)

    def _drop(self, attachment: Attachment, when: str, error: Exception) -> None:
        self.detach(attachment)
        self._report(
            f"telemetry: a handler raised {type(error).__name__} at {when} and is detached: {error}"
        )
