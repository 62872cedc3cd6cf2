#!/usr/bin/env python3
"""A lie: an id is the node's name and the time, and a millisecond has room for two requests."""

import time

from small_workloads import AllStore


class IdsByClock(AllStore):
    """Relies on the clock."""

    def new_id(self) -> str:
        """Return the name and the milliseconds."""
        return f"{self.name}-{time.time_ns() // 1_000_000}"


if __name__ == "__main__":
    IdsByClock().run()
