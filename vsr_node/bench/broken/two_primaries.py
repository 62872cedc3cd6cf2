#!/usr/bin/env python3
"""A lie: a primary that was replaced never steps down, and still serves clients."""

from small_node import Body, Failover


class TwoPrimaries(Failover):
    """Stays primary for ever."""

    def on_heartbeat(self, source: str, body: Body) -> None:
        """Follow, unless this node is a primary itself."""
        if not self.is_keeper():
            super().on_heartbeat(source, body)


if __name__ == "__main__":
    TwoPrimaries().run()
