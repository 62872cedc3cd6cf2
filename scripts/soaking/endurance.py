"""Carries a million operations through one group, and looks if anything grows or slows down.

Clients ask one thing at a time, on a thousand keys: half writes, a quarter compare-and-sets, a
quarter reads. The operations are measured in ten windows, of which the first is the warm-up. At
the end all nodes are killed and started, and the time from then to the first write is taken.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from scripts.soaking.group import PATIENCE_S, Group, Message
from scripts.soaking.service import ANSWERS

NODE_COUNT = 3
CLIENT_COUNT = 64
KEY_COUNT = 1_000
WINDOW_COUNT = 10
SAMPLES_A_WINDOW = 10

THROUGHPUT_MIN = 0.95
MEMORY_MAX = 1.10
DATA_MAX = 1.10
"""Of the last window's figures, as a multiple of those of the first one after the warm-up."""

RESTART_MAX_S = 1.0

PROBE = "c99"
PROBE_INTERVAL_S = 0.02


class Window(NamedTuple):
    """The most memory of any node, and the most data of all nodes together, in KiB."""

    operations_per_s: float
    memory: int
    data: int


class Load:
    """Clients, each of which asks again as soon as it is answered."""

    def __init__(self, command: Sequence[str], folder: Path, seed: int) -> None:
        self.group = Group(command, NODE_COUNT, folder, self._on_reply)
        self._random = Random(seed)
        self._asked: dict[str, int] = {}
        self._answer_count = 0

    def begin(self) -> None:
        """Let all clients ask."""
        for number in range(1, CLIENT_COUNT + 1):
            self._ask(f"c{number}")

    def window(self, operation_count: int) -> Window:
        """Carry out so many operations, and measure."""
        memory = data = 0
        begin = time.monotonic()
        for _ in range(SAMPLES_A_WINDOW):
            self._carry_out(operation_count // SAMPLES_A_WINDOW)
            memory = max(memory, *map(self._memory_of, self.group.names))
            data = max(data, self._data())
        return Window(operation_count / (time.monotonic() - begin), memory, data)

    def restart(self) -> float:
        """Kill and start all nodes; return the seconds until a write succeeds again."""
        for name in self.group.names:
            self.group.kill(name)
        self._asked.clear()
        self._answer_count = 0
        begin = time.monotonic()
        for name in self.group.names:
            self.group.begin_to_start(name)
        while not self._answer_count:
            if time.monotonic() > begin + PATIENCE_S:
                raise TimeoutError(f"no write succeeded within {PATIENCE_S:g} s of the start")
            self._asked[PROBE] = self.group.ask(
                PROBE, "n1", {"type": "write", "key": 0, "value": 0}
            )
            self.group.run_until(
                lambda: self._answer_count > 0, time.monotonic() + PROBE_INTERVAL_S
            )
        return time.monotonic() - begin

    def _carry_out(self, operation_count: int) -> None:
        end = self._answer_count + operation_count
        while (before := self._answer_count) < end:
            self.group.wait(partial(self._is_past, before), "an answer")

    def _is_past(self, answer_count: int) -> bool:
        return self._answer_count > answer_count

    def _ask(self, client: str) -> None:
        key, value = self._random.randrange(KEY_COUNT), self._random.randrange(5)
        body: Message = self._random.choice(
            (
                *({"type": "write", "key": key, "value": value},) * 2,
                {"type": "cas", "key": key, "from": value, "to": value + 1},
                {"type": "read", "key": key},
            )
        )
        node = self._random.choice(self.group.names)
        self._asked[client] = self.group.ask(client, node, body)

    def _on_reply(self, reply: Message) -> None:
        client, body = reply["dest"], reply["body"]
        if body["in_reply_to"] != self._asked.get(client):
            return
        if client == PROBE:
            self._answer_count += body["type"] == "write_ok"
            return
        # What was refused was not carried out, and is made up for by what is asked next.
        self._answer_count += body["type"] != "error" or body["code"] in ANSWERS
        self._ask(client)

    def _memory_of(self, name: str) -> int:
        command = ["ps", "-o", "rss=", "-p", str(self.group.process_id(name))]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    def _data(self) -> int:
        files = self.group.folder.rglob("*")
        sizes = [file.stat().st_size for file in files if file.is_file() and file.suffix != ".log"]
        return sum(sizes) // 1024


def main() -> int:
    """Carry the operations out; return 0 when all bounds are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs="+", metavar="BIN [ARGUMENT ...]", help="after --")
    arguments = parser.parse_args()
    windows = []
    with tempfile.TemporaryDirectory() as folder:
        load = Load(arguments.command, Path(folder), arguments.seed)
        with load.group as group:
            group.start()
            load.begin()
            for _ in range(WINDOW_COUNT):
                windows.append(load.window(arguments.operations // WINDOW_COUNT))
                throughput, memory, data = windows[-1]
                print(f"{throughput:.0f} operations/s, {memory} KiB, data {data} KiB", flush=True)
            restart_s = load.restart()
    _, first, *_, last = windows
    faults = [
        last.operations_per_s < THROUGHPUT_MIN * first.operations_per_s and "it became slower",
        last.memory > MEMORY_MAX * first.memory and "memory grows",
        last.data > DATA_MAX * first.data and "data grows",
        restart_s > RESTART_MAX_S and "the restart took too long",
    ]
    ratios = [f"{now / (before or 1):.3f}" for now, before in zip(last, first, strict=True)]
    print(
        f"throughput, memory, data: {', '.join(ratios)} of the first window's; "
        f"a write {restart_s:.2f} s after the start of all nodes"
    )
    print("\n".join(fault for fault in faults if fault) or "all bounds are kept")
    return 1 if any(faults) else 0


if __name__ == "__main__":
    sys.exit(main())
