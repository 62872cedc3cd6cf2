"""Events as lines for people, and through stdlib ``logging``."""

import logging
from collections.abc import Callable
from datetime import datetime

from .catalogue import COMMON_METADATA, KINDS, Level
from .dispatch import Event


def describe(event: Event) -> str:
    """Return an event on one line: the replica, its view, and the event's own fields."""
    metadata = event.metadata
    role = "primary" if metadata["is_primary"] else "backup"
    own = {name: value for name, value in metadata.items() if name not in COMMON_METADATA}
    fields = {**event.measurements, **own}
    texts = " ".join(f"{name}={_plain(value)}" for name, value in fields.items())
    numbers = f"commit {metadata['commit_number']} of {metadata['op_number']}"
    return (
        f"{metadata['node_id']} {event.name} (view {metadata['view_number']}, {role},"
        f" {metadata['status']}, {numbers}) {texts}"
    )


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


class HumanLog:
    """A handler that writes events of a level, and above, as lines for people."""

    def __init__(self, write: Callable[[str], None], level: Level) -> None:
        self._write = write
        self._level = level.value

    def __call__(self, event: Event) -> None:
        """Write an event, with the time of day."""
        level = KINDS[event.name].level
        if level.value >= self._level:
            now = datetime.now().astimezone().isoformat(timespec="milliseconds")
            self._write(f"{now} {level.name:7} {describe(event)}")


class StandardLogging:
    """A handler that logs each event to the logger ``PREFIX.EVENT``, at its level.

    The record has the event as ``record.vsr_event``, for formatters that want its fields.
    """

    def __init__(self, prefix: str = "vsr_node") -> None:
        self._prefix = prefix

    def __call__(self, event: Event) -> None:
        """Log an event."""
        logger = logging.getLogger(f"{self._prefix}.{event.name}")
        level = KINDS[event.name].level.value
        if logger.isEnabledFor(level):
            logger.log(level, "%s", describe(event), extra={"vsr_event": event})
