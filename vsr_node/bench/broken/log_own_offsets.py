#!/usr/bin/env python3
"""A lie: each node gives offsets by a log of its own."""

from small_workloads import AllStore


class LogOwnOffsets(AllStore):
    """Every node believes that it keeps the logs."""

    def is_keeper(self) -> bool:
        """Return True: each node keeps logs of its own."""
        return True


if __name__ == "__main__":
    LogOwnOffsets().run()
