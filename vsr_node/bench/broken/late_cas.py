#!/usr/bin/env python3
"""A lie: cas compares when it arrives and sets later, whatever happened in between."""

import json

from small_node import Body, Store

DELAY_S = 0.02


class LateCas(Store):
    """Compares now, sets later."""

    def do(self, client: str, request: Body) -> None:
        """Delay the change of a cas that compared well."""
        key = json.dumps(request["key"])
        if request["type"] != "cas" or self.data.get(key) != request["from"]:
            super().do(client, request)
            return

        def set_late() -> None:
            self.data[key] = request["to"]
            self.reply(client, request, {"type": "cas_ok"})

        self.after(DELAY_S, set_late)


if __name__ == "__main__":
    LateCas().run()
