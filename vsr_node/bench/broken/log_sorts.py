#!/usr/bin/env python3
"""A lie: the messages of a poll are sorted by their values, as texts."""

import json

from small_node import Body
from small_workloads import AllStore


class LogSorts(AllStore):
    """Prefers its own order to that of the offsets."""

    def do_poll(self, request: Body) -> Body:
        """Sort the messages of each key."""
        messages = super().do_poll(request)["msgs"]
        for pairs in messages.values():
            pairs.sort(key=lambda pair: json.dumps(pair[1]))
        return {"msgs": messages}


if __name__ == "__main__":
    LogSorts().run()
