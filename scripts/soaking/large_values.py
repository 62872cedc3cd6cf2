"""Writes values of up to 1 MiB to a group, and measures whether it goes on serving.

silence: 8 clients write values of 1 MiB, without faults: how long nobody gets an answer, at most.
missed: one node misses large values: when it is back, and how long nobody gets an answer meanwhile.
faults: values of 1 byte to 1 MiB, keys of up to 64 KiB, while nodes are killed, paused or cut off:
the history must be valid, and all nodes must answer 5 s after the faults.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import orjson

from scripts.soaking.group import Group, Message
from vsr_node.checker.__main__ import main as check

MEBIBYTE = 1 << 20
VALUE_BYTES_MAX = MEBIBYTE - 2
KEY_BYTES_MAX = (1 << 16) - 2

CLIENT_COUNT = 8
KEY_COUNT = 20

SILENCE_MAX_S = 0.25
MISSED_MAX_S = 10.0
MEANWHILE_MAX_S = 1.0
BACK_MAX_S = 5.0
MEMORY_MAX_MIB = 768
"""Of one node. The bound is argued in docs/PERFORMANCE.md, "Memory"."""

PATIENCE_S = 5.0
FAULT_PERIOD_S = 5.0
FAULT_S = 2.5

MISSING = 20
NEVER_EXECUTED = frozenset({10, 11, 12, 14, 20, 21, 22})
"""Maelstrom's definite errors."""


class Load:
    """Clients with one request at a time each, what they saw, and when they had answers."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.group = Group(arguments.command, arguments.nodes, folder, self._on_reply)
        self.random = Random(arguments.seed)
        self.events: list[dict[str, Any]] = []
        self.answered_at: list[float] = []
        self.memory_mib = 0.0
        self.outcomes: Counter[str] = Counter()
        self.targets = self.group.names
        self.draw: Callable[[], Message] = self.large_write
        self.is_stopping = False
        self._under_way: dict[str, tuple[int, int, Message, float]] = {}
        self._client_count = 0
        self._value_count = 0
        self._values: dict[int, object] = {}
        self._keys = [self._padded(key, self._length(KEY_BYTES_MAX)) for key in range(KEY_COUNT)]
        self._keys[0] = self._padded(0, KEY_BYTES_MAX)
        self._watched: dict[str, tuple[str, int]] = {}
        self.heard_of: set[str] = set()
        """The nodes that have answered ``watch``."""

    def begin(self, count: int = CLIENT_COUNT) -> None:
        """Let new clients ask."""
        for _ in range(count):
            self._ask_as_new_client()

    def run_for(self, duration_s: float) -> None:
        """Pass messages on for so long."""
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            self.group.run_until(lambda: False, min(end, time.monotonic() + 0.5))
            self._give_up_overdue()
            self._measure_memory()

    def stop(self) -> None:
        """Let all requests have their answers, and ask nothing new."""
        self.is_stopping = True
        while self._under_way:
            self.group.run_until(lambda: not self._under_way, time.monotonic() + 0.5)
            self._give_up_overdue()

    def longest_silence_s(self, begin: float) -> float:
        """Return the longest time without an answer since ``begin``, up to now."""
        moments = [begin, *(at for at in self.answered_at if at > begin), time.monotonic()]
        return max(later - before for before, later in pairwise(moments))

    def view_count(self) -> int:
        """Return the number of views of which nodes logged that they entered them."""
        logs = [path.read_text() for path in self.group.folder.glob("*.log")]
        return len(set(re.findall(r"entered view (\d+)", "".join(logs))))

    def watch(self, node: str, key: object) -> None:
        """Ask a node for a key, beside the load."""
        client = f"w{len(self._watched)}"
        msg_id = self.group.ask(client, node, {"type": "read", "key": key})
        self._watched[client] = (node, msg_id)

    # What is asked

    def large_write(self) -> Message:
        """Return a write of 1 MiB."""
        key = self.random.randrange(KEY_COUNT)
        return {"type": "write", "key": key, "value": self._value(VALUE_BYTES_MAX)}

    def small_write(self) -> Message:
        """Return a write of a number."""
        return {"type": "write", "key": "small", "value": self._value(1)}

    def any_operation(self) -> Message:
        """Return an operation on keys and values of all sizes."""
        key = self._keys[self.random.randrange(KEY_COUNT)]
        kind = self.random.choice(("write", "write", "cas", "read"))
        if kind == "read":
            return {"type": "read", "key": key}
        value = self._value(self._length(VALUE_BYTES_MAX))
        if kind == "write":
            return {"type": "write", "key": key, "value": value}
        # Few of these are the present value.
        expected = self._values[
            self.random.randint(max(1, self._value_count - 4), self._value_count)
        ]
        return {"type": "cas", "key": key, "from": expected, "to": value}

    def _length(self, length_max: int) -> int:
        """All orders of magnitude are as frequent."""
        return int(length_max ** self.random.random())

    def _value(self, length: int) -> object:
        self._value_count += 1
        value = self._padded(self._value_count, length)
        self._values[self._value_count] = value
        self._values.pop(self._value_count - 16, None)
        return value

    @staticmethod
    def _padded(number: int, length: int) -> object:
        """Return a number, or a text of that length that begins with it."""
        return f"{number}:".ljust(length, "x") if length > 10 else number

    # What comes of it

    def _ask_as_new_client(self) -> None:
        self._client_count += 1
        self._ask(f"c{self._client_count}")

    def _ask(self, client: str) -> None:
        body = self.draw()
        node = self.random.choice(self.targets)
        self._note("invoke", client, body, _value_of(body))
        msg_id = self.group.ask(client, node, body)
        self._under_way[client] = (msg_id, len(self.events), body, time.monotonic())

    def _note(
        self, kind: str, client: str, body: Message, value: object, error: object = None
    ) -> None:
        event = {
            "process": int(client[1:]),
            "type": kind,
            "f": body["type"],
            "key": _number_of(body["key"]),
            "value": value,
            "time": time.monotonic_ns(),
        }
        if error is not None:
            event["error"] = error
        self.events.append(event)

    def _on_reply(self, reply: Message) -> None:
        client, body = reply["dest"], reply["body"]
        if client in self._watched:
            node, msg_id = self._watched[client]
            if body["in_reply_to"] == msg_id and body.get("code") in (None, MISSING):
                self.heard_of.add(node)
            return
        msg_id, _, asked, _ = self._under_way.get(client, (0, 0, {}, 0.0))
        if body["in_reply_to"] != msg_id:
            return
        del self._under_way[client]
        code = body.get("code")
        self.outcomes[body["type"] if code is None else f"error {code}"] += 1
        if code is None or code in (MISSING, 22):
            self.answered_at.append(time.monotonic())
        if code is None:
            value = _number_of(body["value"]) if asked["type"] == "read" else _value_of(asked)
            self._note("ok", client, asked, value)
        elif code in NEVER_EXECUTED:
            self._note("fail", client, asked, _value_of(asked), [code, body["text"][:80]])
        else:
            self._note("info", client, asked, _value_of(asked), [code, body["text"][:80]])
        if self.is_stopping:
            return
        if code is None or code in NEVER_EXECUTED:
            self._ask(client)
        else:
            self._ask_as_new_client()

    def _give_up_overdue(self) -> None:
        overdue = time.monotonic() - PATIENCE_S
        for client, (_, _, asked, since) in list(self._under_way.items()):
            if since < overdue:
                del self._under_way[client]
                self.outcomes["no answer"] += 1
                self._note("info", client, asked, _value_of(asked))
                if not self.is_stopping:
                    self._ask_as_new_client()

    def _measure_memory(self) -> None:
        for name in self.group.names:
            status = Path(f"/proc/{self.group.process_id(name)}/status").read_text()
            kibibytes = int(status.split("VmRSS:")[1].split()[0])
            self.memory_mib = max(self.memory_mib, kibibytes / 1024)


def _number_of(value: Any) -> object:
    return int(value.split(":")[0]) if isinstance(value, str) and ":" in value else value


def _value_of(body: Message) -> object:
    """Return the value of an event of the history."""
    if body["type"] == "cas":
        return [_number_of(body["from"]), _number_of(body["to"])]
    return _number_of(body.get("value"))


def silence(load: Load, duration_s: float) -> list[str]:
    """Measure the longest silence without faults."""
    load.begin()
    load.run_for(2)
    begin = time.monotonic()
    load.run_for(duration_s)
    longest = load.longest_silence_s(begin)
    count = sum(at > begin for at in load.answered_at)
    print(f"{count / duration_s:.1f} writes of 1 MiB a second; longest silence {longest:.3f} s")
    return [f"a silence of {longest:.3f} s"] if longest > SILENCE_MAX_S else []


def missed(load: Load, megabytes: int) -> list[str]:
    """Measure when a node is back that missed so much."""
    group = load.group
    away = group.names[-1]
    load.targets = group.names[:-1]
    group.cut = {away}
    count = megabytes * 1_000_000 // MEBIBYTE
    last_key = 0

    def write_another_key() -> Message:
        nonlocal last_key
        last_key += 1
        return {"type": "write", "key": last_key, "value": "x" * VALUE_BYTES_MAX}

    load.draw = write_another_key
    load.begin()
    while len(load.answered_at) < count:
        load.run_for(0.5)
    load.draw = load.small_write
    load.run_for(2)
    begin = time.monotonic()
    group.cut = set()
    while away not in load.heard_of and time.monotonic() < begin + 6 * MISSED_MAX_S:
        load.watch(away, last_key)
        load.run_for(0.2)
    back_s = time.monotonic() - begin
    longest = load.longest_silence_s(begin)
    print(f"{count} values missed; back after {back_s:.2f} s; silence {longest:.3f} s")
    return [
        *([f"back only after {back_s:.2f} s"] if back_s > MISSED_MAX_S else []),
        *([f"a silence of {longest:.3f} s"] if longest > MEANWHILE_MAX_S else []),
    ]


def faults(load: Load, duration_s: float) -> list[str]:
    """Kill, pause and cut off nodes; judge the history."""
    group = load.group
    load.draw = load.any_operation
    load.begin()
    end = time.monotonic() + duration_s
    while time.monotonic() < end:
        load.run_for(FAULT_PERIOD_S - FAULT_S)
        name, kind = load.random.choice(group.names), load.random.choice(("kill", "pause", "cut"))
        if kind == "kill":
            group.kill(name)
            group.begin_to_start(name)
        elif kind == "pause":
            group.pause(name)
        else:
            group.cut = {name}
        load.run_for(FAULT_S)
        if kind == "pause":
            group.resume(name)
        group.cut = set()
    begin = time.monotonic()
    while load.heard_of != set(group.names) and time.monotonic() < begin + 10 * BACK_MAX_S:
        for name in group.names:
            if name not in load.heard_of:
                load.watch(name, "back")
        load.run_for(0.2)
    back_s = time.monotonic() - begin
    load.stop()
    path = group.folder / "history.jsonl"
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in load.events))
    status = check([str(path)])
    print(f"{dict(load.outcomes)}; all nodes answer {back_s:.2f} s after the faults")
    return [
        *(["the history is not valid"] if status else []),
        *([f"a node answers only after {back_s:.2f} s"] if back_s > BACK_MAX_S else []),
    ]


def main() -> int:
    """Carry out one part; return 0 if all bounds are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("silence", "missed", "faults"))
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--megabytes", type=int, default=200, help="what the node misses")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs="+", metavar="BIN [ARGUMENT ...]", help="after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        load = Load(arguments, Path(folder))
        with load.group as group:
            group.start()
            match arguments.part:
                case "silence":
                    mistakes = silence(load, arguments.seconds)
                case "missed":
                    mistakes = missed(load, arguments.megabytes)
                case _:
                    mistakes = faults(load, arguments.seconds)
        views = load.view_count()
    print(f"memory of a node: at most {load.memory_mib:.0f} MiB; views: {views}")
    if load.memory_mib > MEMORY_MAX_MIB:
        mistakes.append("a node has too much memory")
    print("\n".join(mistakes) or "all bounds are kept")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
