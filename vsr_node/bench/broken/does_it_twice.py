#!/usr/bin/env python3
"""A lie: a request that the network repeats is done once more."""

from small_node import Body, Store


class DoesItTwice(Store):
    """Knows no request again."""

    def serve(self, client: str, request: Body) -> None:
        """Do whatever comes."""
        self.do(client, request)


if __name__ == "__main__":
    DoesItTwice().run()
