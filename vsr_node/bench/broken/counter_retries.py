#!/usr/bin/env python3
"""A lie: a node sends an add again after its own time-out, and the first node does it again."""

from collections.abc import Callable

from small_node import Body
from small_workloads import Asking

AGAIN_S = 0.05


class CounterRetries(Asking):
    """The first node keeps the sum; the others hand requests to it until it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = 0

    def on_add(self, client: str, request: Body) -> None:
        """Add at the first node, then acknowledge."""

        def acknowledge(changed: Body) -> None:
            del changed
            self.reply(client, request, {"type": "add_ok"})

        self._change(request["delta"], acknowledge)

    def on_read(self, client: str, request: Body) -> None:
        """Add nothing at the first node, and answer with the sum."""

        def answer(changed: Body) -> None:
            self.reply(client, request, {"type": "read_ok", "value": changed["sum"]})

        self._change(0, answer)

    def _change(self, delta: int, then: Callable[[Body], None]) -> None:
        self.ask(self.node_ids[0], {"type": "change", "delta": delta}, then, AGAIN_S)

    def on_change(self, source: str, body: Body) -> None:
        """Add as often as asked, and answer with the sum."""
        self.sum += body["delta"]
        self.reply(source, body, {"type": "change_ok", "sum": self.sum})


if __name__ == "__main__":
    CounterRetries().run()
