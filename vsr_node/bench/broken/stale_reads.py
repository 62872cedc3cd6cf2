#!/usr/bin/env python3
"""A lie: backups answer reads from a copy that gets each write after it was acknowledged."""

from small_node import Body, Store


class StaleReads(Store):
    """Sends copies to the backups when it is too late."""

    def on_read(self, client: str, request: Body) -> None:
        """Read from this node's own copy."""
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
