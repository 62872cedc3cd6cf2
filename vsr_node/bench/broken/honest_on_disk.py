#!/usr/bin/env python3
"""An honest node: the first one keeps all data in a folder, its argument, and finds it again.

It writes without a flush: data survive when the process is killed, but not always when the machine
loses power.
"""

import json
import sys
from pathlib import Path

from small_node import Body, Store, execute


class OnDisk(Store):
    """A store whose writes are on disk before they are acknowledged."""

    def start(self) -> None:
        """Read the lines of an earlier process of this node, but not one that was cut short."""
        path = Path(sys.argv[1]) / f"{self.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for line in lines:
            if line.endswith(b"\n"):
                execute(self.data, json.loads(line))
        self._file = path.open("ab", buffering=0)
        if lines and not lines[-1].endswith(b"\n"):
            self._file.truncate(sum(map(len, lines[:-1])))

    def execute(self, client: str, request: Body) -> Body:
        """Write each request that changes the data to disk."""
        reply = super().execute(client, request)
        if reply["type"] in ("write_ok", "cas_ok"):
            self._file.write(json.dumps(request).encode() + b"\n")
        return reply


if __name__ == "__main__":
    OnDisk().run()
