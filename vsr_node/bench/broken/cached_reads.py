#!/usr/bin/env python3
"""A lie: a read is served from a cache for 200 ms."""

import json
import time

from small_node import Body, Store

CACHE_S = 0.2


class CachedReads(Store):
    """Keeps the replies to reads."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, tuple[float, Body]] = {}

    def execute(self, client: str, request: Body) -> Body:
        """Serve reads from the cache while it is fresh."""
        if request["type"] != "read":
            return super().execute(client, request)
        key = json.dumps(request["key"])
        until, reply = self.cache.get(key, (0.0, {}))
        if time.monotonic() >= until:
            reply = super().execute(client, request)
            self.cache[key] = time.monotonic() + CACHE_S, reply
        return reply


if __name__ == "__main__":
    CachedReads().run()
