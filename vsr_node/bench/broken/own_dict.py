#!/usr/bin/env python3
"""A lie: each replica answers from its own dict."""

from small_node import Store


class OwnDict(Store):
    """Every node believes that it keeps the data."""

    def is_keeper(self) -> bool:
        """Return True: each node keeps data of its own."""
        return True


if __name__ == "__main__":
    OwnDict().run()
