#!/usr/bin/env python3
"""A lie: one of fifty writes is acknowledged and not done."""

from small_node import Body, Store

FORGETS_ONE_OF = 50


class ForgetsWrites(Store):
    """Counts writes, and skips some."""

    def __init__(self) -> None:
        super().__init__()
        self.write_count = 0

    def execute(self, client: str, request: Body) -> Body:
        """Skip each fiftieth write."""
        if request["type"] == "write":
            self.write_count += 1
            if self.write_count % FORGETS_ONE_OF == 0:
                return {"type": "write_ok"}
        return super().execute(client, request)


if __name__ == "__main__":
    ForgetsWrites().run()
