#!/usr/bin/env python3
"""A lie: a request that is forwarded once more, as no answer came, is done once more."""

from small_node import Body, execute
from small_raft import Raft


class Twice(Raft):
    """Does not remember what it was asked and what it has done."""

    def serve(self, client: str, request: Body) -> None:
        """Append a change, perhaps once more."""
        self.appended.discard((client, request["msg_id"]))
        super().serve(client, request)

    def do(self, client: str, request: Body) -> Body | None:
        """Do a request, perhaps once more."""
        del client
        return execute(self.data, request)


if __name__ == "__main__":
    Twice().run()
