"""Kills and restarts one node of three at random times, under load, and looks for lost writes.

Each writer writes keys of its own, each once, one after the other, through any node, even one that
is down; without a reply it continues as another client. At the end each key whose write was
acknowledged must be there, and no node may ever refuse to start.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from scripts.soaking.group import PATIENCE_S, Group, Message
from vsr_node.maelstrom.errors import ErrorCode

NODE_COUNT = 3
WRITER_COUNT = 4
TIME_OUT_S = 0.25

PAUSE_S = 0.004
"""The time between a reply and the next write."""

LIFE_MAX_S = 0.6
"""The longest time from a node's init_ok to its end."""

DOWN_MAX_S = 0.1

READER = "c1"
READS_AT_A_TIME = 256


class Writer:
    """Writes one key at a time. ``acknowledged`` has the keys of successful writes."""

    def __init__(self, number: int, group: Group, random: Random) -> None:
        self.acknowledged: list[str] = []
        self.due = 0.0
        self._number = number
        self._group = group
        self._random = random
        self._key_count = 0
        self._client_count = 0
        self._asked: tuple[str, int] | None = None

    def go_on(self, now: float) -> None:
        """Send the next write, giving up one that is not answered yet."""
        if self._asked is not None:
            self._client_count += 1
        self._key_count += 1
        client = f"c{self._number}.{self._client_count}"
        body = {"type": "write", "key": self._key, "value": self._key_count}
        node = self._random.choice(self._group.names)
        self._asked = client, self._group.ask(client, node, body)
        self.due = now + TIME_OUT_S

    def on_reply(self, reply: Message) -> None:
        """Take a reply; ignore a late one."""
        body = reply["body"]
        if (reply["dest"], body["in_reply_to"]) == self._asked:
            self._asked = None
            self.due = time.monotonic() + PAUSE_S
            if body["type"] == "write_ok":
                self.acknowledged.append(self._key)

    @property
    def _key(self) -> str:
        return f"{self._number}:{self._key_count}"


class Trial:
    """A group under load."""

    def __init__(self, command: Sequence[str], folder: Path, random: Random) -> None:
        self.group = Group(command, NODE_COUNT, folder, self._on_reply)
        self._random = random
        self._writers = {
            f"c{number}": Writer(number, self.group, random)
            for number in range(2, 2 + WRITER_COUNT)
        }
        self._reads: dict[int, str] = {}
        self._lost: list[str] = []

    @property
    def acknowledged(self) -> list[str]:
        """All keys whose writes succeeded."""
        return [key for writer in self._writers.values() for key in writer.acknowledged]

    def write_for(self, seconds: float) -> None:
        """Let the writers write for a time."""
        self.write_until(lambda: False, time.monotonic() + seconds)

    def write_until(self, is_done: Callable[[], bool], end: float) -> None:
        """Let the writers write until ``is_done()``, at the latest until ``end`` (monotonic)."""
        while not is_done() and (now := time.monotonic()) < end:
            for writer in self._writers.values():
                if writer.due <= now:
                    writer.go_on(now)
            wake = min(self._due(), end)
            self.group.run_until(partial(self._is_over, is_done, wake), wake)

    def _is_over(self, is_done: Callable[[], bool], wake: float) -> bool:
        """Return whether a reply has made something due before ``wake``."""
        return is_done() or self._due() < wake

    def _due(self) -> float:
        return min(writer.due for writer in self._writers.values())

    def restart(self) -> None:
        """Kill and restart a node, writing meanwhile. Raises if it refuses to start or is late."""
        name = self._random.choice(self.group.names)
        self.group.kill(name)
        self.write_for(self._random.uniform(0, DOWN_MAX_S))
        self.group.begin_to_start(name)
        self.write_until(lambda: self.group.is_up, time.monotonic() + PATIENCE_S)
        if not self.group.is_up:
            raise TimeoutError(f"{name} did not answer init within {PATIENCE_S:g} s")

    def lost(self) -> list[str]:
        """Read the acknowledged keys; return those that are missing."""
        keys = self.acknowledged
        for start in range(0, len(keys), READS_AT_A_TIME):
            for key in keys[start : start + READS_AT_A_TIME]:
                self._read(key)
            self.group.wait(lambda: not self._reads, "answers to all reads")
        return self._lost

    def _read(self, key: str) -> None:
        node = self._random.choice(self.group.names)
        self._reads[self.group.ask(READER, node, {"type": "read", "key": key})] = key

    def _on_reply(self, reply: Message) -> None:
        client, body = reply["dest"], reply["body"]
        if client != READER:
            self._writers[client.split(".")[0]].on_reply(reply)
            return
        key = self._reads.pop(body["in_reply_to"])
        if body.get("code") == ErrorCode.TEMPORARILY_UNAVAILABLE:
            self._read(key)
        elif body.get("value") != int(key.split(":")[1]):
            self._lost.append(f"{key}: {body}")


def main() -> int:
    """Restart nodes many times; return 0 if no write was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs="+", metavar="BIN [ARGUMENT ...]", help="after --")
    arguments = parser.parse_args()
    random = Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(arguments.command, Path(folder), random)
        with trial.group as group:
            group.start()
            for _ in range(arguments.times):
                trial.write_for(random.uniform(0, LIFE_MAX_S))
                trial.restart()
            lost = trial.lost()
    print(f"{arguments.times} restarts, {len(trial.acknowledged)} writes acknowledged")
    print(f"{len(lost)} lost" + "".join(f"\n  {text}" for text in lost[:20]))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
