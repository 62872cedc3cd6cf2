#!/usr/bin/env python3
"""A lie: nodes exchange a total for each node and keep the highest, which forgets subtractions."""

from small_node import Body, SmallNode

PUSH_S = 0.1


class CounterMaxMerge(SmallNode):
    """Merges as a counter may that only grows."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: dict[str, int] = {}

    def start(self) -> None:
        """Begin to send the totals."""
        self.totals = dict.fromkeys(self.node_ids, 0)
        self.every(PUSH_S, self.push)

    def push(self) -> None:
        """Send all totals to all other nodes."""
        self.broadcast({"type": "merge", "totals": self.totals})

    def on_merge(self, source: str, body: Body) -> None:
        """Keep the higher total of each node."""
        del source
        for name, total in body["totals"].items():
            self.totals[name] = max(total, self.totals.get(name, 0))

    def on_add(self, client: str, request: Body) -> None:
        """Add to this node's total."""
        self.totals[self.name] += request["delta"]
        self.reply(client, request, {"type": "add_ok"})

    def on_read(self, client: str, request: Body) -> None:
        """Return the sum of all totals."""
        self.reply(client, request, {"type": "read_ok", "value": sum(self.totals.values())})


if __name__ == "__main__":
    CounterMaxMerge().run()
