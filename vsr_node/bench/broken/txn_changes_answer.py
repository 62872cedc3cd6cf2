#!/usr/bin/env python3
"""A lie: an answer lacks the last operation of its transaction."""

from small_node import Body
from small_workloads import AllStore


class TxnChangesAnswer(AllStore):
    """Does all, and returns a part."""

    def do_txn(self, request: Body) -> Body:
        """Leave out the last of several operations."""
        done = super().do_txn(request)["txn"]
        return {"txn": done[:-1] or done}


if __name__ == "__main__":
    TxnChangesAnswer().run()
