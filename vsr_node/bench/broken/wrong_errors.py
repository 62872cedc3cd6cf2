#!/usr/bin/env python3
"""A lie: one of twenty writes and cas that are done gets a definite error for a reply."""

from small_node import PRECONDITION_FAILED, TEMPORARILY_UNAVAILABLE, Body, Store

WRONG_ONE_OF = 20
CODES = {"write_ok": TEMPORARILY_UNAVAILABLE, "cas_ok": PRECONDITION_FAILED}


class WrongErrors(Store):
    """Denies some of its successes."""

    def __init__(self) -> None:
        super().__init__()
        self.done_count = 0

    def execute(self, client: str, request: Body) -> Body:
        """Deny each twentieth success."""
        reply = super().execute(client, request)
        if reply["type"] in CODES:
            self.done_count += 1
            if self.done_count % WRONG_ONE_OF == 0:
                return {"type": "error", "code": CODES[reply["type"]], "text": "not done"}
        return reply


if __name__ == "__main__":
    WrongErrors().run()
