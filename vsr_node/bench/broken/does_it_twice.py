#!/usr/bin/env python3
"""A lie: a request that the network repeats is done once more."""

from small_node import Body
from small_workloads import AllStore


class DoesItTwice(AllStore):
    """Recognizes no request."""

    def serve(self, client: str, request: Body) -> None:
        """Do each request that arrives."""
        self.do(client, request)


if __name__ == "__main__":
    DoesItTwice().run()
