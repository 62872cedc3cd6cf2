#!/usr/bin/env python3
"""A lie: what an aborted transaction wrote can be read for a while."""

from small_node import Body
from small_transactions import DELAY_S, TRANSACTION_CONFLICT, is_change, written_keys
from small_workloads import AllStore

ABORTED_ONE_OF = 10


class RegDirty(AllStore):
    """Does a transaction, and undoes it."""

    def __init__(self) -> None:
        super().__init__()
        self.change_count = 0

    def do(self, client: str, request: Body) -> None:
        """Abort each tenth change, but not at once."""
        self.change_count += is_change(request)
        if not is_change(request) or self.change_count % ABORTED_ONE_OF:
            super().do(client, request)
            return
        before = {key: self.registers.get(key) for key in written_keys(request)}
        self.execute(client, request)
        self.after(DELAY_S, lambda: self.abort(client, request, before))

    def abort(self, client: str, request: Body, before: Body) -> None:
        """Set the keys back, and answer with an error."""
        self.registers |= before
        error = {"type": "error", "code": TRANSACTION_CONFLICT, "text": "taken back"}
        self.reply(client, request, error)


if __name__ == "__main__":
    RegDirty().run()
