#!/usr/bin/env python3
"""A lie: the snapshot for a follower that lags lacks the last change that it claims to have."""

from small_node import Body, Data
from small_raft import Raft


class ShortSnapshot(Raft):
    """Remembers the data as they were before the last change."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Data = {}

    def do(self, client: str, request: Body) -> Body | None:
        """Do a request, and keep the data without it if it changes them."""
        before = dict(self.data)
        reply = super().do(client, request)
        if self.data != before:
            self.before = before
        return reply

    def send(self, destination: str, body: Body) -> None:
        """Send a message, a snapshot with the data of before."""
        if body["type"] == "snapshot":
            index, term, _, done = body["snapshot"]
            body = body | {"snapshot": (index, term, self.before, done)}
        super().send(destination, body)


if __name__ == "__main__":
    ShortSnapshot().run()
