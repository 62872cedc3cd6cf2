#!/usr/bin/env python3
"""A lie: voters don't compare logs, so that a leader may lack what was acknowledged."""

from small_raft import Raft


class BlindVotes(Raft):
    """Votes for anybody."""

    def is_up_to_date(self, last: list[int]) -> bool:
        """Return True, whatever the candidate's log is."""
        del last
        return True


if __name__ == "__main__":
    BlindVotes().run()
