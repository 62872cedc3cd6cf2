#!/usr/bin/env python3
"""A lie: one add of fifty is acknowledged and not done."""

from typing import Any

from small_node import Body
from small_workloads import AllStore

DROPS_ONE_OF = 50


class SetDrops(AllStore):
    """Counts adds, and skips some."""

    def __init__(self) -> None:
        super().__init__()
        self.add_count = 0

    def add_element(self, last_added: str, element: Any) -> Body:
        """Skip each fiftieth add."""
        self.add_count += 1
        return (
            {} if self.add_count % DROPS_ONE_OF == 0 else super().add_element(last_added, element)
        )


if __name__ == "__main__":
    SetDrops().run()
