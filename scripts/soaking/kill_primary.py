"""Kills the first node of a fresh group and measures how soon another one serves a write.

Real processes; messages are passed on without delay. A trial: all nodes answer init, n1 is asked to
write every 20 ms for a second, in which the group learns its round trip, then n0 is killed
(kill -9) and n1 is asked on. The time runs from the kill to the first write_ok that answers a
request which was sent after it.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ASK_INTERVAL_S = 0.02
SETTLE_S = 1.0
PATIENCE_S = 20.0

Message = Mapping[str, Any]


class Group:
    """Nodes n0, n1, ... as processes, and the network between them. A context manager."""

    def __init__(self, command: str, node_count: int, folder: Path) -> None:
        self.names = tuple(f"n{number}" for number in range(node_count))
        self.replies: list[Message] = []
        self._selector = selectors.DefaultSelector()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._remainders: dict[str, bytes] = {}
        self._message_ids: Counter[str] = Counter()
        for name in self.names:
            with (folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    [command],
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    bufsize=0,
                )
            assert process.stdout is not None
            self._processes[name] = process
            self._remainders[name] = b""
            self._selector.register(process.stdout, selectors.EVENT_READ, name)

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()
        self._selector.close()

    def kill(self, name: str) -> None:
        """End a node with SIGKILL."""
        self._processes[name].kill()

    def ask(self, client: str, node: str, body: Message) -> int:
        """Send a client's request; return its msg_id."""
        self._message_ids[client] += 1
        msg_id = self._message_ids[client]
        self._deliver({"src": client, "dest": node, "body": {**body, "msg_id": msg_id}})
        return msg_id

    def run_until(self, is_done: Callable[[], bool], deadline: float) -> bool:
        """Pass messages on until `is_done` or `deadline`; return whether it was done."""
        while not is_done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                self._read(key.data, key.fd)
        return True

    def _read(self, name: str, descriptor: int) -> None:
        data = os.read(descriptor, 1 << 16)
        if not data:
            self._selector.unregister(descriptor)
            return
        *lines, self._remainders[name] = (self._remainders[name] + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["dest"] in self._processes:
                self._deliver(message)
            else:
                self.replies.append(message)

    def _deliver(self, message: Message) -> None:
        pipe = self._processes[message["dest"]].stdin
        assert pipe is not None
        try:
            pipe.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            # To a node that was killed; nobody hears it.
            return


def measure(command: str, node_count: int, folder: Path) -> float:
    """Return how long writes failed after the kill, in seconds. Raises TimeoutError.

    The nodes work in `folder`, and their stderr is left there: n0.log, n1.log, ...
    """
    with Group(command, node_count, folder) as group:
        for name in group.names:
            group.ask("c0", name, {"type": "init", "node_id": name, "node_ids": group.names})
        _wait(group, lambda: _count(group, "c0", "init_ok") == node_count, "init_ok of all nodes")
        settled_at = time.monotonic() + SETTLE_S
        while time.monotonic() < settled_at:
            _ask_to_write(group, "c1", lambda: False)
        if not _count(group, "c1", "write_ok"):
            raise TimeoutError(f"no write succeeded in the first {SETTLE_S:g} s")
        group.kill("n0")
        killed_at = time.monotonic()
        while not _count(group, "c2", "write_ok"):
            if time.monotonic() - killed_at > PATIENCE_S:
                raise TimeoutError(f"no write succeeded within {PATIENCE_S:g} s of the kill")
            _ask_to_write(group, "c2", lambda: _count(group, "c2", "write_ok") > 0)
        return time.monotonic() - killed_at


def _ask_to_write(group: Group, client: str, is_done: Callable[[], bool]) -> None:
    """Send one request, and pass messages on until the next is due or `is_done`."""
    group.ask(client, "n1", {"type": "write", "key": 0, "value": 0})
    group.run_until(is_done, time.monotonic() + ASK_INTERVAL_S)


def _wait(group: Group, is_done: Callable[[], bool], what: str) -> None:
    if not group.run_until(is_done, time.monotonic() + PATIENCE_S):
        raise TimeoutError(f"{what}: not within {PATIENCE_S:g} s")


def _count(group: Group, client: str, type_: str) -> int:
    return sum(
        reply["dest"] == client and reply["body"]["type"] == type_ for reply in group.replies
    )


def main() -> int:
    """Measure as often as asked, tell the times; return 0 when all are within the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--node-count", type=int, default=3)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--within", type=float, default=1.0, help="seconds")
    arguments = parser.parse_args()
    times = []
    for _ in range(arguments.times):
        with tempfile.TemporaryDirectory() as folder:
            times.append(measure(arguments.bin, arguments.node_count, Path(folder)))
        print(f"{times[-1] * 1000:.0f} ms", flush=True)
    within = sum(each < arguments.within for each in times)
    print(f"{within} of {len(times)} within {arguments.within:g} s; longest {max(times):.3f} s")
    return 0 if within == len(times) else 1


if __name__ == "__main__":
    sys.exit(main())
