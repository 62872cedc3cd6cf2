#!/usr/bin/env python3
"""A lie: backups get a copy of each write after it was acknowledged, and answer reads from it."""

from small_node import Body, Store


class StaleReads(Store):
    """Copies go to the backups when they may."""

    def on_read(self, client: str, request: Body) -> None:
        """Read the own copy."""
        self.serve(client, request)

    def do(self, client: str, request: Body) -> None:
        """Answer, then send the copy."""
        super().do(client, request)
        if request["type"] != "read":
            self.broadcast({"type": "copy", "data": self.data})

    def on_copy(self, source: str, body: Body) -> None:
        """Take the copy."""
        del source
        self.data = body["data"]


if __name__ == "__main__":
    StaleReads().run()
