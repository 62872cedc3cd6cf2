"""What a driver asks of a storage (``core/replica.py``, the driver's duties)."""

from collections.abc import Sequence
from typing import Protocol

from vsr_node.core.messages import DurableState, Record


class StorageError(Exception):
    """Records can't be made durable, or what is there can't be used; the text is for people.

    After one of ``save`` nobody may act on the turn: what it told would not be true after a crash.
    """


class Storage(Protocol):
    """Keeps the records of one replica."""

    @property
    def waits_for_disk(self) -> bool:
        """If ``save`` takes so long that what need not wait for it should leave first."""

    def load(self) -> DurableState:
        """What all saved records add up to; the default state if there are none.

        Records that can't be trusted are left out, and the state says ``is_recovering``, from
        then on until a ``Recovered`` is saved. Raises StorageError when it is not even known what
        the replica promised, that is, its view.
        """

    def save(self, records: Sequence[Record]) -> None:
        """Makes ``records`` durable, all of them or none; on return they are.

        A commit number that came alone may wait for the next save: a replica that has forgotten
        one learns it again. Raises StorageError.
        """

    def close(self) -> None:
        """Lets go of what it holds; nothing that was saved is lost."""
