#!/usr/bin/env python3
"""A lie: each message is handed to the others once; what a partition swallows is not sent again."""

from typing import Any

from small_workloads import SetReplica


class TellsOnce(SetReplica):
    """Trusts the network."""

    def spread(self, element: Any) -> None:
        """Send an element to all other nodes once."""
        self.broadcast({"type": "learn", "elements": [element]})


if __name__ == "__main__":
    TellsOnce().run()
