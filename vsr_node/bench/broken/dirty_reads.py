#!/usr/bin/env python3
"""A lie: a write shows in reads before a backup confirms it, and is undone if none does."""

from small_node import TEMPORARILY_UNAVAILABLE, Body, Store

PATIENCE_S = 0.2


class DirtyReads(Store):
    """Does a write, asks the backups, and undoes it."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.unconfirmed: dict[int, tuple[str, Body, Body]] = {}

    def do(self, client: str, request: Body) -> None:
        """Answer reads at once, but changes only when a backup confirms them."""
        before = dict(self.data)
        reply = self.execute(client, request)
        if request["type"] == "read" or reply["type"] == "error":
            self.reply(client, request, reply)
            return
        self.number += 1
        number = self.number
        self.unconfirmed[number] = client, request, reply
        self.broadcast({"type": "confirm", "number": number})

        def give_up() -> None:
            if self.unconfirmed.pop(number, None) is not None:
                self.data = before
                error = {"type": "error", "code": TEMPORARILY_UNAVAILABLE, "text": "taken back"}
                self.reply(client, request, error)

        self.after(PATIENCE_S, give_up)

    def on_confirm(self, source: str, body: Body) -> None:
        """Confirm, as a backup."""
        self.send(source, {"type": "confirmed", "number": body["number"]})

    def on_confirmed(self, source: str, body: Body) -> None:
        """Answer the client, as a backup has confirmed."""
        del source
        if body["number"] in self.unconfirmed:
            self.reply(*self.unconfirmed.pop(body["number"]))


if __name__ == "__main__":
    DirtyReads().run()
