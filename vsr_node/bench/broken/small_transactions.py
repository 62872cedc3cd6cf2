"""What the small nodes with broken transactions share.

Plain Python without packages, as any python3 may start these nodes.
"""

import json
from typing import Any

from small_node import Body
from small_workloads import AllStore

DELAY_S = 0.02
TRANSACTION_CONFLICT = 30


def is_change(request: Body) -> bool:
    """Return whether a transaction writes anything."""
    return any(f != "r" for f, _, _ in request["txn"])


def written_keys(request: Body) -> list[str]:
    """Return the names of the keys that a transaction writes."""
    return list(dict.fromkeys(json.dumps(key) for f, key, _ in request["txn"] if f != "r"))


class NoIsolation(AllStore):
    """Lets other transactions come between the operations of one."""

    STEP_S = 0.005

    def do(self, client: str, request: Body) -> None:
        """Do the operations of a transaction one by one."""
        self.go_on(client, request, [])

    def go_on(self, client: str, request: Body, done: list[Any]) -> None:
        """Do the next operation, or answer."""
        if len(done) == len(request["txn"]):
            self.reply(client, request, {"type": "txn_ok", "txn": done})
            return
        done.append(self.operate(*request["txn"][len(done)]))
        self.after(self.STEP_S, lambda: self.go_on(client, request, done))


class Optimistic(AllStore):
    """Does a transaction on the state at its arrival, and sets later what it wrote."""

    def do(self, client: str, request: Body) -> None:
        """Do a transaction on a copy; answer at once if it only reads."""
        before = dict(self.registers)
        reply = self.execute(client, request)
        written = {key: self.registers[key] for key in written_keys(request)}
        self.registers = dict(before)
        if written:
            self.after(DELAY_S, lambda: self.commit(client, request, reply, before, written))
        else:
            self.reply(client, request, reply)

    def commit(self, client: str, request: Body, reply: Body, before: Body, written: Body) -> None:
        """Set what a transaction wrote, whatever happened since."""
        del before
        self.registers |= written
        self.reply(client, request, reply)


class SnapshotIsolation(Optimistic):
    """Refuses a transaction only if somebody else wrote what it writes."""

    def commit(self, client: str, request: Body, reply: Body, before: Body, written: Body) -> None:
        """Set what a transaction wrote if its keys are as they were."""
        if any(self.registers.get(key) != before.get(key) for key in written):
            reply = {"type": "error", "code": TRANSACTION_CONFLICT, "text": "a key has changed"}
            self.reply(client, request, reply)
            return
        super().commit(client, request, reply, before, written)


class StaleBackup(AllStore):
    """Answers reads at a backup from a copy that gets each write after it was acknowledged."""

    def on_txn(self, client: str, request: Body) -> None:
        """Read from this node's own copy."""
        if is_change(request):
            self.on_request(client, request)
        else:
            self.serve(client, request)

    def do(self, client: str, request: Body) -> None:
        """Answer, then send the copy."""
        super().do(client, request)
        if is_change(request):
            self.broadcast({"type": "copy", "data": self.registers})

    def on_copy(self, source: str, body: Body) -> None:
        """Take the copy."""
        del source
        self.registers = body["data"]
