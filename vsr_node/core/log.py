"""The log of requests: op_number 1 is the first (VRR section 4)."""

from collections.abc import Sequence

from .messages import Entries, Entry


class Log:
    """Entries numbered from 1 without a gap."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self._entries = list(entries)

    @property
    def op_number(self) -> int:
        """The number of the last entry; 0 when there is none."""
        return len(self._entries)

    def __getitem__(self, op_number: int) -> Entry:
        assert 1 <= op_number <= len(self._entries), "only what is in the log can be read"
        return self._entries[op_number - 1]

    def suffix(self, first_op_number: int, count_max: int | None = None) -> Entries:
        """The entries from ``first_op_number`` on, at most ``count_max`` of them."""
        assert first_op_number >= 1, "op_numbers begin at 1"
        start = first_op_number - 1
        stop = None if count_max is None else start + count_max
        return tuple(self._entries[start:stop])

    def append(self, entry: Entry) -> None:
        """Puts ``entry`` at op_number + 1."""
        self._entries.append(entry)

    def replace(self, first_op_number: int, entries: Sequence[Entry]) -> None:
        """Makes the log from ``first_op_number`` on be ``entries`` and nothing else."""
        assert 1 <= first_op_number <= len(self._entries) + 1, "a log has no gap (VRR 4.1)"
        self._entries[first_op_number - 1 :] = entries
