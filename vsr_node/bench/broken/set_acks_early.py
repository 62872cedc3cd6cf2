#!/usr/bin/env python3
"""A lie: an add is acknowledged before another node holds it, and lost if this node is killed."""

from small_workloads import SetReplica

PUSH_S = 0.3


class SetAcksEarly(SetReplica):
    """Keeps a set in memory, and sends the whole of it from time to time."""

    def start(self) -> None:
        """Begin to send the set."""
        self.every(PUSH_S, self.push)

    def push(self) -> None:
        """Send all elements to all other nodes."""
        self.broadcast({"type": "learn", "elements": self.elements})


if __name__ == "__main__":
    SetAcksEarly().run()
