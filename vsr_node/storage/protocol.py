"""What a driver asks of a storage (``core/replica.py``, the driver's duties)."""

from collections.abc import Sequence
from typing import Protocol

from vsr_node.core.messages import DurableState, Record


class Storage(Protocol):
    """Keeps the records of one replica."""

    def load(self) -> DurableState:
        """What all saved records add up to; the default state if there are none."""

    def save(self, records: Sequence[Record]) -> None:
        """Makes ``records`` durable, all of them or none; on return they are."""
