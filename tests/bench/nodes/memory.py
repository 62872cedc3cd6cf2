"""The bench's honest store for all workloads, with flaws.

Its first argument is what a read returns: messages, elements or the sum. The others are flaws: a
request's type, a colon, and what is done to ``reply``, or ``memory``, before it leaves.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "vsr_node/bench/broken"))

from small_node import Body, Store
from small_workloads import AllStore

READ, *FLAWS = sys.argv[1:] or ["messages"]


class Memory(AllStore):
    """Knows from the beginning what a read returns, and gives ids at the first node."""

    def __init__(self) -> None:
        super().__init__()
        self._last_added = READ

    on_generate = Store.on_request

    def do_generate(self, request: Body) -> Body:
        """Return a number."""
        del request
        self.id_count += 1
        return {"id": self.id_count}

    def reply(self, client: str, request: Body, body: Body) -> None:
        """Answer a request, as far as the flaws let it."""
        for flaw in FLAWS:
            kind, _, code = flaw.partition(":")
            if kind == request["type"]:
                exec(code, {"body": request, "reply": body, "memory": self})
        super().reply(client, request, body)


if __name__ == "__main__":
    Memory().run()
