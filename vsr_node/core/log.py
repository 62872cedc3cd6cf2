"""The log of requests: op_number 1 is the first (VRR section 4).

Its beginning may be gone: a log need not keep what a checkpoint covers (VRR section 5.1).
"""

from collections.abc import Sequence

from .messages import Entries, Entry
from .size import fitting, size_of_entry


class Log:
    """Entries numbered from ``first_op_number`` to ``op_number`` without a gap.

    With no entry, ``op_number`` is that before the first.
    """

    __slots__ = ("_appended", "_appended_from", "_entries", "first_op_number", "op_number")

    def __init__(self, entries: Sequence[Entry] = (), first_op_number: int = 1) -> None:
        assert first_op_number >= 1, "op_numbers begin at 1"
        self.first_op_number = first_op_number
        self._entries = list(entries)
        # Kept rather than counted: it is looked at dozens of times for each operation.
        self.op_number = first_op_number + len(self._entries) - 1
        self._forget_appended()

    def _forget_appended(self) -> None:
        # What was appended last is executed, saved and sent in the same turn: one tuple for all.
        self._appended: Entries = ()
        self._appended_from = self.op_number + 1

    def __getitem__(self, op_number: int) -> Entry:
        assert self.first_op_number <= op_number <= self.op_number, "it must be in the log"
        return self._entries[op_number - self.first_op_number]

    def suffix(self, first_op_number: int, count_max: int | None = None) -> Entries:
        """Return the entries from ``first_op_number`` on, at most ``count_max`` of them."""
        if first_op_number == self._appended_from and (
            count_max is None or count_max >= len(self._appended)
        ):
            return self._appended
        start = first_op_number - self.first_op_number
        assert start >= 0, "what is truncated can't be read"
        stop = None if count_max is None else start + count_max
        return tuple(self._entries[start:stop])

    def batch(self, first_op_number: int, count_max: int, size_max: int) -> Entries:
        """Return what fits in one message, from ``first_op_number`` on: at least one entry."""
        return fitting(self.suffix(first_op_number, count_max), size_max, size_of_entry)

    def append(self, entries: Sequence[Entry]) -> None:
        """Put ``entries`` at op_number + 1 and after."""
        self._appended = tuple(entries)
        self._appended_from = self.op_number + 1
        self._entries += entries
        self.op_number += len(entries)

    def replace(self, first_op_number: int, entries: Sequence[Entry]) -> None:
        """Make the log from ``first_op_number`` on be ``entries`` and nothing else."""
        start = first_op_number - self.first_op_number
        assert 0 <= start <= len(self._entries), "a log has no gap (VRR 4.1)"
        self._entries[start:] = entries
        self.op_number = first_op_number + len(entries) - 1
        self._forget_appended()

    def truncate(self, first_op_number: int) -> None:
        """Forget what is below ``first_op_number``, where the log begins from now on.

        A log that ended below it is empty then.
        """
        assert first_op_number >= self.first_op_number, "what is forgotten does not come back"
        del self._entries[: first_op_number - self.first_op_number]
        self.first_op_number = first_op_number
        self.op_number = first_op_number + len(self._entries) - 1
        self._forget_appended()
