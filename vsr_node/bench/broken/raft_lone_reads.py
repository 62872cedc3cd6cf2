#!/usr/bin/env python3
"""A lie: a leader answers reads without asking a majority whether it leads still."""

from small_node import Body, execute
from small_raft import Raft


class LoneReads(Raft):
    """Believes that it leads."""

    def serve(self, client: str, request: Body) -> None:
        """Answer reads at once."""
        if request["type"] == "read" and self.may_read():
            self.answer(client, request, execute(self.data, request))
        else:
            super().serve(client, request)


if __name__ == "__main__":
    LoneReads().run()
