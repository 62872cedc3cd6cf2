#!/usr/bin/env python3
"""A lie: elements are a list in place of a set, so what arrives twice is kept twice."""

from typing import Any

from small_workloads import SetReplica

AGAIN_S = 0.2


class TellsTwice(SetReplica):
    """Sends until it is acknowledged, and keeps all that arrives."""

    def learn(self, element: Any) -> None:
        """Keep an element, whether it is there or not."""
        self.elements.append(element)

    def spread(self, element: Any) -> None:
        """Send an element to each other node until that one has it."""
        body = {"type": "learn", "elements": [element]}
        for peer in self.peers:
            self.ask(peer, body, lambda answer: None, AGAIN_S)


if __name__ == "__main__":
    TellsTwice().run()
