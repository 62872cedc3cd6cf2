"""Carries a million operations through one group, and checks that nothing grows or slows down.

Each client has one request at a time, on a thousand keys: half writes, a quarter compare-and-sets,
a quarter reads. The operations are measured in ten windows; the first is the warm-up. Then a new
group is started, and both groups carry out operations in short turns, so that other load on the
machine slows both alike: the old group must be as fast as the new one. At the end all nodes of the
old group are killed and restarted, and the time to the first write is measured.
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

TURN_OPERATIONS = 1_000
"""Operations in a turn of one group, which must be shorter than a replica's time-outs for the
other replicas."""

COMPARED_WINDOWS = 4
"""Over four windows, two new groups differ by up to 3 %; over one, by up to 5 %."""

THROUGHPUT_MIN = 0.95
"""A bound on the old group's throughput, as a multiple of the new one's."""

MEMORY_MAX = 1.10
DATA_MAX = 1.10
"""Bounds on the last window's figures, as multiples of those of the first after the warm-up."""

RESTART_MAX_S = 1.0

PROBE = "c99"
PROBE_INTERVAL_S = 0.02


class Window(NamedTuple):
    """Figures of a window: the largest memory of any node and data of all nodes are in KiB."""

    operations_per_s: float
    memory: int
    data: int


class Load:
    """Clients of a group, each of which sends the next request as soon as it has a reply."""

    def __init__(self, command: Sequence[str], folder: Path, seed: int) -> None:
        self.group = Group(command, NODE_COUNT, folder, self._on_reply)
        self._random = Random(seed)
        self._asked: dict[str, int] = {}
        self._answer_count = 0

    def begin(self) -> None:
        """Send each client's first request."""
        for number in range(1, CLIENT_COUNT + 1):
            self._ask(f"c{number}")

    def window(self, operation_count: int) -> Window:
        """Carry out and measure this many operations."""
        memory = data = 0
        begin = time.monotonic()
        for _ in range(SAMPLES_A_WINDOW):
            self.carry_out(operation_count // SAMPLES_A_WINDOW)
            memory = max(memory, *map(self._memory_of, self.group.names))
            data = max(data, self._data())
        return Window(operation_count / (time.monotonic() - begin), memory, data)

    def carry_out(self, operation_count: int) -> None:
        """Pass messages on until this many more operations are answered."""
        end = self._answer_count + operation_count
        while (before := self._answer_count) < end:
            self.group.wait(partial(self._is_past, before), "an answer")

    def restart(self) -> float:
        """Kill and restart all nodes; return the seconds until a write succeeds again."""
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

    def _is_past(self, answer_count: int) -> bool:
        return self._answer_count > answer_count

    def _ask(self, client: str) -> None:
        key, value = self._random.randrange(KEY_COUNT), self._random.randrange(5)
        body: Message = self._random.choice(
            (
                {"type": "write", "key": key, "value": value},
                {"type": "write", "key": key, "value": value},
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
            if body["type"] == "write_ok":
                self._answer_count += 1
            return
        # A refused request was not carried out: the next one makes up for it.
        if body["type"] != "error" or body["code"] in ANSWERS:
            self._answer_count += 1
        self._ask(client)

    def _memory_of(self, name: str) -> int:
        command = ["ps", "-o", "rss=", "-p", str(self.group.process_id(name))]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    def _data(self) -> int:
        files = self.group.folder.rglob("*")
        sizes = [file.stat().st_size for file in files if file.is_file() and file.suffix != ".log"]
        return sum(sizes) // 1024


def compare(old: Load, new: Load, operation_count: int) -> float:
    """Start the new group, and return the old one's throughput as a multiple of the new one's.

    Both carry out ``operation_count`` operations to warm up, and then the measured ones.
    """
    for name in new.group.names:
        new.group.begin_to_start(name)
    while not new.group.run_until(lambda: new.group.is_up, time.monotonic() + PROBE_INTERVAL_S):
        old.carry_out(TURN_OPERATIONS)
    new.begin()
    _in_turn(old, new, operation_count)
    old_s, new_s = _in_turn(old, new, COMPARED_WINDOWS * operation_count)
    return new_s / old_s


def _in_turn(old: Load, new: Load, operation_count: int) -> tuple[float, float]:
    """Carry out the operations in turns; return the seconds that each group took."""
    old_s = new_s = 0.0
    for _ in range(0, operation_count, TURN_OPERATIONS):
        begin = time.monotonic()
        old.carry_out(TURN_OPERATIONS)
        middle = time.monotonic()
        new.carry_out(TURN_OPERATIONS)
        old_s += middle - begin
        new_s += time.monotonic() - middle
    return old_s, new_s


def main() -> int:
    """Carry out the operations; return 0 if all bounds are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs="+", metavar="BIN [ARGUMENT ...]", help="after --")
    arguments = parser.parse_args()
    operations_a_window = arguments.operations // WINDOW_COUNT
    windows = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as new_folder:
        load = Load(arguments.command, Path(folder), arguments.seed)
        with load.group as group:
            group.start()
            load.begin()
            for _ in range(WINDOW_COUNT):
                windows.append(load.window(operations_a_window))
                throughput, memory, data = windows[-1]
                print(f"{throughput:.0f} operations/s, {memory} KiB, data {data} KiB", flush=True)
            new_load = Load(arguments.command, Path(new_folder), arguments.seed)
            with new_load.group:
                throughput = compare(load, new_load, operations_a_window)
            restart_s = load.restart()
    _, first, *_, last = windows
    faults = [
        throughput < THROUGHPUT_MIN and "it became slower",
        last.memory > MEMORY_MAX * first.memory and "memory grows",
        last.data > DATA_MAX * first.data and "data grows",
        restart_s > RESTART_MAX_S and "the restart took too long",
    ]
    print(
        f"throughput: {throughput:.3f} of a new group's; memory, data: "
        f"{last.memory / first.memory:.3f}, {last.data / (first.data or 1):.3f} of the first "
        f"window's; a write {restart_s:.2f} s after the start of all nodes"
    )
    print("\n".join(fault for fault in faults if fault) or "all bounds are kept")
    return 1 if any(faults) else 0


if __name__ == "__main__":
    sys.exit(main())
