#!/usr/bin/env python3
"""A lie: a leader commits an entry of an older term as soon as a majority has it.

Such an entry may be replaced still (the Raft paper, figure 8).
"""

from small_raft import Raft


class OldTerms(Raft):
    """Counts, whatever the term of an entry is, and so needs no entry of its own."""

    def begin_term(self) -> None:
        """Send the log as it is."""
        self.replicate()

    def may_commit(self, index: int) -> bool:
        """Return True, whatever the entry's term is."""
        del index
        return True

    def may_read(self) -> bool:
        """Return whether all that the leader has is committed."""
        return self.commit == self.last


if __name__ == "__main__":
    OldTerms().run()
