"""Reads without a key that came before anything was written: their shape is not known yet.

Each has been answered by a quorum, with nothing. It is held until this node's own state knows a
kind, and takes effect then: a state only grows, so it has all that the read must see.
"""

from collections.abc import Iterator

PATIENCE_US = 2_000_000
"""How long a read is held."""

COUNT_MAX = 1_024

READ_ALL = ("read_all",)


class HeldReads:
    """The reads that are held, by client and number, with the times at which they are refused."""

    __slots__ = ("deadlines",)

    def __init__(self) -> None:
        self.deadlines: dict[tuple[str, int], int] = {}
        """Microseconds of the node's clock, the first one first."""

    def hold(self, client: str, request_number: int, now: int) -> bool:
        """Hold a read from ``now`` on, in microseconds; return False if too many are held."""
        if len(self.deadlines) >= COUNT_MAX:
            return False
        self.deadlines.setdefault((client, request_number), now + PATIENCE_US)
        return True

    def release(self, until: int | None = None) -> Iterator[tuple[str, int]]:
        """Yield and forget the reads whose time has come ``until`` then; None stands for all."""
        for key, deadline in list(self.deadlines.items()):
            if until is None or deadline <= until:
                del self.deadlines[key]
                yield key
