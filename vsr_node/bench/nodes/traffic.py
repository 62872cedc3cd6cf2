"""Counters of messages by type, and of those between servers also by sender and receiver."""

from collections.abc import Mapping
from typing import Any

TYPES_MAX = 100
"""Bodies have few types. If a node makes up more, the others are counted together."""

OTHER_TYPES = "(other)"


class Traffic:
    """Counters of the messages that involve a client."""

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.types: dict[str, int] = {}

    def count_sent(self, body: Mapping[str, Any]) -> None:
        """Count a message that was sent."""
        self.sent += 1
        kind = body.get("type")
        if type(kind) is not str or (kind not in self.types and len(self.types) >= TYPES_MAX):
            kind = OTHER_TYPES
        self.types[kind] = self.types.get(kind, 0) + 1


class ServerTraffic:
    """Counters of the messages between servers by flow: (source, destination, type)."""

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.bytes_sent = 0
        self.flows: dict[tuple[str, str, str], int] = {}
        self.newest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        """The newest body of each flow."""
        self._kinds = {OTHER_TYPES}

    def count_sent(
        self, source: str, destination: str, body: Mapping[str, Any], size_bytes: int
    ) -> None:
        """Count a message that was sent, a line of ``size_bytes``."""
        self.sent += 1
        self.bytes_sent += size_bytes
        kind = body.get("type")
        if type(kind) is not str or kind not in self._kinds:
            kind = self._admitted(kind)
        flow = (source, destination, kind)
        self.flows[flow] = self.flows.get(flow, 0) + 1
        self.newest[flow] = body

    def _admitted(self, kind: object) -> str:
        """Return the name under which to count a type that was not seen before."""
        if type(kind) is not str or len(self._kinds) > TYPES_MAX:
            return OTHER_TYPES
        self._kinds.add(kind)
        return kind

    @property
    def types(self) -> dict[str, int]:
        """How many messages of each type were sent."""
        types: dict[str, int] = {}
        for (_, _, kind), count in self.flows.items():
            types[kind] = types.get(kind, 0) + count
        return types
