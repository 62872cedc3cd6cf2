#!/usr/bin/env python3
"""A lie: term and vote are not on disk, so that after a kill a node votes twice in a term."""

from small_raft import Raft


class ForgetsVotes(Raft):
    """Writes the log alone."""

    def save_promise(self) -> None:
        """Write nothing."""


if __name__ == "__main__":
    ForgetsVotes().run()
