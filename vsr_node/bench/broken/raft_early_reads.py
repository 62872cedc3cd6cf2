#!/usr/bin/env python3
"""A lie: a new leader answers reads before its first entry is committed.

Until then it does not know how much of its log is committed.
"""

from small_node import Body, execute
from small_raft import Raft


class EarlyReads(Raft):
    """Takes its election for enough."""

    def serve(self, client: str, request: Body) -> None:
        """Answer reads at once while the first entry is not committed."""
        if request["type"] == "read" and not self.may_read():
            self.answer(client, request, execute(self.data, request))
        else:
            super().serve(client, request)


if __name__ == "__main__":
    EarlyReads().run()
