"""Kills the first node of a new group and measures how soon another one serves a write.

Nodes are real processes; messages are passed on without delay. In a trial all nodes answer init, n1
gets a write every 20 ms for a second, in which the group learns its round trip, then n0 is killed
(kill -9) and n1 gets further writes. The time runs from the kill to the first write_ok for a
request that was sent after the kill.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.soaking.group import PATIENCE_S, Group, Message

ASK_INTERVAL_S = 0.02
SETTLE_S = 1.0


def measure(command: Sequence[str], node_count: int, folder: Path) -> float:
    """Return how long writes failed after the kill, in seconds. Raises TimeoutError.

    The nodes run in ``folder``, which keeps their stderr: n0.log, n1.log, ...
    """
    replies: list[Message] = []
    with Group(command, node_count, folder, replies.append) as group:
        group.start()
        settled_at = time.monotonic() + SETTLE_S
        while time.monotonic() < settled_at:
            _ask_to_write(group, "c1", lambda: False)
        if not _count(replies, "c1"):
            raise TimeoutError(f"no write succeeded in the first {SETTLE_S:g} s")
        group.kill("n0")
        killed_at = time.monotonic()
        while not _count(replies, "c2"):
            if time.monotonic() - killed_at > PATIENCE_S:
                raise TimeoutError(f"no write succeeded within {PATIENCE_S:g} s of the kill")
            _ask_to_write(group, "c2", lambda: _count(replies, "c2") > 0)
        return time.monotonic() - killed_at


def _ask_to_write(group: Group, client: str, is_done: Callable[[], bool]) -> None:
    """Send one request, and pass messages on until the next is due or ``is_done()``."""
    group.ask(client, "n1", {"type": "write", "key": 0, "value": 0})
    group.run_until(is_done, time.monotonic() + ASK_INTERVAL_S)


def _count(replies: Sequence[Message], client: str) -> int:
    return sum(reply["dest"] == client and reply["body"]["type"] == "write_ok" for reply in replies)


def main() -> int:
    """Measure and print the times; return 0 if all are within the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--node-count", type=int, default=3)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--within", type=float, default=1.0, help="seconds")
    arguments = parser.parse_args()
    times = []
    for _ in range(arguments.times):
        with tempfile.TemporaryDirectory() as folder:
            times.append(measure([arguments.bin], arguments.node_count, Path(folder)))
        print(f"{times[-1] * 1000:.0f} ms", flush=True)
    within = sum(each < arguments.within for each in times)
    print(f"{within} of {len(times)} within {arguments.within:g} s; longest {max(times):.3f} s")
    return 0 if within == len(times) else 1


if __name__ == "__main__":
    sys.exit(main())
