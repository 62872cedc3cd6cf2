#!/usr/bin/env python3
"""A lie, or rather a trap: one of ten commits is refused, so its poll counts as failed.

The client has moved on nevertheless: what that poll returned is skipped.
"""

from small_node import TEMPORARILY_UNAVAILABLE, Body
from small_workloads import AllStore

REFUSED_ONE_OF = 10


class LogRefusesCommits(AllStore):
    """Counts commits, and refuses some."""

    def __init__(self) -> None:
        super().__init__()
        self.commit_count = 0

    def execute(self, client: str, request: Body) -> Body:
        """Refuse each tenth commit."""
        if request["type"] == "commit_offsets":
            self.commit_count += 1
            if self.commit_count % REFUSED_ONE_OF == 0:
                return {"type": "error", "code": TEMPORARILY_UNAVAILABLE, "text": "not now"}
        return super().execute(client, request)


if __name__ == "__main__":
    LogRefusesCommits().run()
