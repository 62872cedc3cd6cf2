#!/usr/bin/env python3
"""A lie: a poll begins one message before the offset that was asked for."""

from small_node import Body
from small_workloads import AllStore


class LogRepeats(AllStore):
    """Takes an offset for the one that the client has already."""

    def do_poll(self, request: Body) -> Body:
        """Return one message too many."""
        offsets = {key: max(offset - 1, 0) for key, offset in request["offsets"].items()}
        return super().do_poll({"offsets": offsets})


if __name__ == "__main__":
    LogRepeats().run()
