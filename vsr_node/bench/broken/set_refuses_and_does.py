#!/usr/bin/env python3
"""A lie: one of twenty additions that are done gets a definite error for a reply."""

from small_node import TEMPORARILY_UNAVAILABLE, Body
from small_workloads import AllStore

REFUSES_ONE_OF = 20


class SetRefusesAndDoes(AllStore):
    """Denies some of its successes."""

    def execute(self, client: str, request: Body) -> Body:
        """Deny each twentieth success."""
        reply = super().execute(client, request)
        if request["type"] == "broadcast" and len(self.elements) % REFUSES_ONE_OF == 0:
            return {"type": "error", "code": TEMPORARILY_UNAVAILABLE, "text": "not done"}
        return reply


if __name__ == "__main__":
    SetRefusesAndDoes().run()
