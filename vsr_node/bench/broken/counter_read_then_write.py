#!/usr/bin/env python3
"""A lie: an add reads the sum and writes it back without a cas, so another between them is lost."""

from small_node import Body
from small_workloads import Asking

SERVICE = "lin-kv"
KEY = "sum"


class CounterReadThenWrite(Asking):
    """Keeps the sum in a service."""

    def on_read(self, client: str, request: Body) -> None:
        """Ask the service for the sum, and answer."""

        def answer(found: Body) -> None:
            self.reply(client, request, {"type": "read_ok", "value": found.get("value", 0)})

        self.ask(SERVICE, {"type": "read", "key": KEY}, answer)

    def on_add(self, client: str, request: Body) -> None:
        """Read the sum, write the new one, and acknowledge."""

        def write(found: Body) -> None:
            value = found.get("value", 0) + request["delta"]
            self.ask(SERVICE, {"type": "write", "key": KEY, "value": value}, acknowledge)

        def acknowledge(written: Body) -> None:
            del written
            self.reply(client, request, {"type": "add_ok"})

        self.ask(SERVICE, {"type": "read", "key": KEY}, write)


if __name__ == "__main__":
    CounterReadThenWrite().run()
