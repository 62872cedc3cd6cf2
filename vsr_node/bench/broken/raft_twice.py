#!/usr/bin/env python3
"""A lie: a request that is forwarded to the next leader, too, is done twice."""

from small_node import Body, execute
from small_raft import Raft


class Twice(Raft):
    """Does not remember what it has done."""

    def do(self, client: str, request: Body) -> Body | None:
        """Do a request, perhaps once more."""
        del client
        return execute(self.data, request)


if __name__ == "__main__":
    Twice().run()
