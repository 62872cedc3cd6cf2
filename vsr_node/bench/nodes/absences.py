"""Nodes that are down, and the messages for them.

As in Maelstrom, ten messages are kept until the node is back and initialized; the others are lost.
"""

from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Absence:
    herald: str = ""
    """The client whose messages reach the node all the same; empty if there is none yet."""
    kept: list[Envelope] = field(default_factory=list)


class Absences:
    """Keeps messages for the nodes that are down."""

    def __init__(self) -> None:
        self.kept_count = 0
        self.lost_count = 0
        self._by_node: dict[str, _Absence] = {}

    def begin(self, node: str) -> None:
        """Take note that a node went down, or went down again before it was back."""
        self._by_node.setdefault(node, _Absence()).herald = ""

    def expect(self, node: str, herald: str) -> None:
        """Let the messages of one client reach a node that starts again."""
        self._by_node[node].herald = herald

    def end(self, node: str) -> list[Envelope]:
        """Return what was kept for a node that is back."""
        return self._by_node.pop(node).kept

    def reaches(self, envelope: Envelope) -> bool:
        """Return whether a message reaches its node."""
        absence = self._by_node.get(envelope.destination)
        return absence is None or envelope.source == absence.herald

    def keep(self, envelope: Envelope) -> bool:
        """Keep a message for a node that is down; return whether there was room for it."""
        kept = self._by_node[envelope.destination].kept
        if len(kept) >= KEPT_WHILE_DOWN:
            self.lost_count += 1
            return False
        self.kept_count += 1
        kept.append(envelope)
        return True
