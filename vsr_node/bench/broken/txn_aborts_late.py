#!/usr/bin/env python3
"""A lie: one of twenty transactions that were done gets a definite error for a reply."""

from small_node import Body
from small_transactions import TRANSACTION_CONFLICT, is_change
from small_workloads import AllStore

ABORTED_ONE_OF = 20


class TxnAbortsLate(AllStore):
    """Denies some of its successes."""

    def __init__(self) -> None:
        super().__init__()
        self.change_count = 0

    def execute(self, client: str, request: Body) -> Body:
        """Deny each twentieth change."""
        reply = super().execute(client, request)
        if is_change(request):
            self.change_count += 1
            if self.change_count % ABORTED_ONE_OF == 0:
                return {"type": "error", "code": TRANSACTION_CONFLICT, "text": "not done"}
        return reply


if __name__ == "__main__":
    TxnAbortsLate().run()
