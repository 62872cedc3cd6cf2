"""Nodes that are down, and the messages for them.

As in Maelstrom, ten messages are kept until the node is back and initialized; the others are lost.
"""

from typing import NamedTuple

KEPT_WHILE_DOWN = 10


class Envelope(NamedTuple):
    """A message under way; ``payload`` is its line with an id."""

    sent: int
    """In nanoseconds since the run began."""
    source: str
    destination: str
    payload: bytes
    repeated: bool


class Absences:
    """Keeps messages for the nodes that are down."""

    def __init__(self) -> None:
        self.counted = {"killed": 0, "kept": 0}
        self._kept: dict[str, list[Envelope]] = {}
        self._heralds: dict[str, str] = {}

    def begin(self, node: str) -> None:
        """Take note that a node went down, or went down again before it was back."""
        self._kept.setdefault(node, [])
        self._heralds.pop(node, None)

    def expect(self, node: str, herald: str) -> None:
        """Let the messages of one client reach a node that starts again."""
        self._heralds[node] = herald

    def end(self, node: str) -> list[Envelope]:
        """Return the messages that were kept for a node that is back."""
        del self._heralds[node]
        return self._kept.pop(node)

    def reaches(self, envelope: Envelope) -> bool:
        """Return whether a message reaches its node."""
        node = envelope.destination
        return node not in self._kept or self._heralds.get(node) == envelope.source

    def keep(self, envelope: Envelope) -> bool:
        """Keep a message for a node that is down; return whether there was room for it."""
        kept = self._kept[envelope.destination]
        has_room = len(kept) < KEPT_WHILE_DOWN
        if has_room:
            kept.append(envelope)
        self.counted["kept" if has_room else "killed"] += 1
        return has_room
