#!/usr/bin/env python3
"""A lie: one of ten messages is left out of a poll."""

from small_node import Body
from small_workloads import AllStore

LEFT_OUT_ONE_OF = 10


class LogLeavesOut(AllStore):
    """Counts the messages that it returns, and skips some."""

    def __init__(self) -> None:
        super().__init__()
        self.returned_count = 0

    def do_poll(self, request: Body) -> Body:
        """Leave out each tenth message."""
        messages = super().do_poll(request)["msgs"]
        return {"msgs": {key: list(filter(self.is_returned, messages[key])) for key in messages}}

    def is_returned(self, pair: object) -> bool:
        """Count a message; return whether it is not a tenth one."""
        del pair
        self.returned_count += 1
        return self.returned_count % LEFT_OUT_ONE_OF != 0


if __name__ == "__main__":
    LogLeavesOut().run()
