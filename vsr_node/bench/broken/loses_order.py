#!/usr/bin/env python3
"""A lie: at each view change the new primary replays the log's end in another order.

The primary changes every half second, without any fault.
"""

from typing import Any

from small_node import Body, Data, Views, execute

VIEW_S = 0.5
REPLAYED = 20


class LosesOrder(Views):
    """Hands over the log's end, and the data before it."""

    def __init__(self) -> None:
        super().__init__()
        self.base: Data = {}
        self.log: list[list[Any]] = []

    def start(self) -> None:
        """Begin to change views."""
        self.every(VIEW_S, self.hand_over)

    def execute(self, client: str, request: Body) -> Body:
        """Do a request, and keep it in the log, whose old entries move into the base."""
        self.log.append([client, request])
        if len(self.log) > REPLAYED:
            execute(self.base, self.log.pop(0)[1])
        return super().execute(client, request)

    def hand_over(self) -> None:
        """Make the next node the primary."""
        if self.is_keeper():
            self.view += 1
            self.broadcast(
                {"type": "new-view", "view": self.view, "base": self.base, "log": self.log}
            )

    def on_new_view(self, source: str, body: Body) -> None:
        """Replay the log by client, not in its order."""
        del source
        self.view = body["view"]
        self.base = body["base"]
        self.log = sorted(body["log"], key=lambda entry: str(entry[0]))
        self.data = dict(self.base)
        for _, request in self.log:
            execute(self.data, request)


if __name__ == "__main__":
    LosesOrder().run()
