"""Feeds one node of three with lines that make no sense, or a wrong one, and sees if it serves.

The nodes are real processes and the network between them is here, without delay. n0 gets the
fuzzed lines among the true messages of the others: random bytes, JSON of all shapes, valid lines
with bytes changed, requests with wrong fields, and protocol messages that claim to come from
members and strangers, with impossible fields, and with possible ones of views that come and go.
Afterwards each node must take a write that all of them can read.

What is left out are lies that no reader of the message can tell from the truth: a member that
makes up log entries, or hides some that it has. The protocol lives through crashes and bad
networks, not through members that forge (VRR section 1).

    python -m tests.maelstrom.fuzz [--lines 100000] [--seed N]

Exit status 0: all nodes serve. 1: not; the lines last fed are in a file that is named.
"""

import argparse
import json
import os
import selectors
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Any, Self

from tests.maelstrom.node_process import NodeProcess

NAMES = ("n0", "n1", "n2")
FUZZED = "n0"
STRANGERS = ("n3", "c1", "c7", "", "n0", "\u00e9", "n" * 300)
NUMBERS = (-1, 0, 1, 2, 63, 64, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**400)
NUMBER_TEXTS = (
    "1e400",
    "-0",
    "1e-400",
    "0.1234567890123456789",
    "1E5",
    "9" * 5_000,
    "NaN",
    "[" * 5_000,
)
TEXTS = (
    "",
    "0",
    "read",
    "write",
    "cas",
    "error",
    "init",
    "prepare",
    "\u0000",
    "\U0001f600",
    "x" * 99,
)
KEYS = (0, 1, 2, "key", 1.5, None)
TIME_OUTS = (300_000, 300_000, 1_000_000, 60_000_000, 299_999, 60_000_001, 0, 2**53 - 1)
"""What a primary may ask of its backups, and what none does."""

FAR_AHEAD = 2**20
"""Views by which the group is sent ahead now and then."""

LINES_AT_ONCE = 200
KEPT_LINES = 20_000
READ_SIZE = 1 << 20
PATIENCE_S = 120.0
ASK_AGAIN_S = 1.0

Body = dict[str, Any]


class FuzzedLines:
    """An endless source of lines without their newline, from a seed."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._view_number = 0
        self.counts: Counter[str] = Counter()
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self._random_bytes,
            self._json,
            self._message_of_json,
            self._changed_bytes,
            self._wrong_request,
            self._right_request,
            self._message_of_a_stranger,
            self._impossible_message,
            self._message_of_another_view,
        )

    def draw(self) -> bytes:
        """The next line."""
        kind = self._random.choice(self._kinds)
        self.counts[kind.__name__.strip("_")] += 1
        return kind().replace(b"\n", b" ")

    # Lines that are hardly ever a message

    def _random_bytes(self) -> bytes:
        return self._random.randbytes(self._random.choice((0, 1, 9, 80, 80, 80, 3_000)))

    def _json(self) -> bytes:
        return json.dumps(self._value()).encode()

    def _message_of_json(self) -> bytes:
        body = self._value()
        if type(body) is dict:
            body["type"] = self._random.choice((self._value(), *TEXTS, "get_state", "commit"))
        return self._line(self._random.choice((*NAMES, *STRANGERS)), body)

    def _value(self, depth: int = 0) -> Any:
        """Any JSON."""
        random = self._random
        match random.randrange(8 if depth < 4 else 5):
            case 0:
                return random.choice(NUMBERS)
            case 1:
                return random.choice(TEXTS)
            case 2:
                return random.choice((None, True, False))
            case 3:
                return random.uniform(-1e300, 1e300)
            case 4:
                return "".join(chr(random.randrange(0xD800)) for _ in range(random.randrange(5)))
            case 5:
                return [self._value(depth + 1) for _ in range(random.randrange(4))]
            case 6:
                return {
                    random.choice((*TEXTS, "type", "msg_id", "key")): self._value(depth + 1)
                    for _ in range(random.randrange(5))
                }
        deep: Any = 0
        for _ in range(random.choice((10, 200, 300)) if depth == 0 else 2):
            deep = [deep] if random.random() < 0.9 else {"a": deep}
        return deep

    def _changed_bytes(self) -> bytes:
        """A valid line, cut, repeated or changed in a few places."""
        random = self._random
        line = bytearray(random.choice((self._right_request, self._message_of_another_view))())
        for _ in range(random.randrange(1, 4)):
            place = random.randrange(len(line))
            match random.randrange(5):
                case 0:
                    line[place] = random.randrange(256)
                case 1:
                    del line[place : place + random.randrange(1, 9)]
                case 2:
                    line[place:place] = line[place : place + random.randrange(1, 30)]
                case 3:
                    line[place:place] = random.choice(NUMBER_TEXTS).encode()
                case _:
                    del line[random.randrange(len(line)) :]
            if not line:
                break
        return bytes(line)

    # Requests

    def _right_request(self) -> bytes:
        return self._line(self._client(), self._request())

    def _client(self) -> str:
        return f"c{self._random.randrange(10, 40)}"

    def _request(self) -> Body:
        random = self._random
        body: Body = {"msg_id": random.randrange(1 << 40), "key": random.choice(KEYS)}
        match random.randrange(3):
            case 0:
                return {"type": "read", **body}
            case 1:
                return {"type": "write", **body, "value": self._value(2)}
        return {"type": "cas", **body, "from": self._value(3), "to": self._value(3)}

    def _wrong_request(self) -> bytes:
        """A request with a field too few, too many, or of another kind; or of no known type."""
        random = self._random
        body = self._request()
        field = random.choice([*body, "echo", "node_id", "node_ids", "create_if_not_exists"])
        match random.randrange(4):
            case 0:
                body.pop(field, None)
            case 1:
                body[field] = self._value()
            case 2:
                body["type"] = random.choice(("init", "echo", "txn", *TEXTS))
                body["node_id"], body["node_ids"] = FUZZED, self._value()
            case _:
                # What only the standard library reads, in a field that nothing expects it in.
                text = json.dumps({**body, field: "HERE", "msg_id": random.choice(NUMBERS)})
                line = self._line(self._client(), {}).decode()
                body_text = text.replace('"HERE"', random.choice(NUMBER_TEXTS))
                return line.replace("{}", body_text).encode()
        return self._line(self._client(), body)

    # Protocol messages

    def _message_of_a_stranger(self) -> bytes:
        source = self._random.choice(STRANGERS)
        return self._line(source, self._random.choice((self._possible, self._impossible))()[1])

    def _message_of_another_view(self) -> bytes:
        return self._line(*self._possible())

    def _impossible_message(self) -> bytes:
        source, body = self._impossible()
        return self._line(source, body)

    def _view(self) -> int:
        """A view that the group is near to: most are past, some are the next, few far ahead."""
        random = self._random
        chance = random.random()
        if chance < 0.0005:
            self._view_number += random.randrange(FAR_AHEAD)
        elif chance < 0.05:
            self._view_number += 1
        elif chance < 0.4:
            return max(0, self._view_number - random.randrange(9))
        elif chance < 0.5:
            return random.randrange(self._view_number + 1)
        return self._view_number

    def _entries(self) -> list[Any]:
        return [
            [self._client(), self._random.randrange(1 << 40), ["write", "7", str(number)]]
            for number in range(self._random.randrange(4))
        ]

    def _possible(self) -> tuple[str, Body]:
        """What a member may say without knowing more than that there are views and requests."""
        random = self._random
        view = self._view()
        timing = {
            "sent_at": random.choice(NUMBERS[1:8]),
            "time_out": random.choice(TIME_OUTS),
            "wants_answer": random.randrange(2),
        }
        peer = random.choice(NAMES[1:])
        leader = view - view % 3 + random.choice((1, 2))
        match random.randrange(7):
            case 0:
                request = {"view_number": view, "entries": self._entries()}
                return peer, {"type": "request", **request, "op_number": 0, "echo": 0}
            case 1:
                vote = {"view_number": view + random.randrange(2), "current_view_number": view}
                return peer, {"type": "start_view_change", **vote}
            case 2:
                op_number = random.choice(NUMBERS[1:8])
                return peer, {"type": "get_state", "view_number": view, "op_number": op_number}
            case 3:
                commit = {"view_number": leader, "commit_number": 0, **timing}
                return NAMES[leader % 3], {"type": "commit", **commit}
            case 4:
                # Of a view long past: for one to come it would be a lie about the peer's log.
                log = {"last_normal_view": 0, "commit_number": 0, "first_op_number": 1}
                led = 3 * (self._view_number // 6)
                body = {"type": "do_view_change", "view_number": led, **log, "entries": []}
                return peer, body
            case 5:
                told = {"op_number": 0, "echo": random.choice(NUMBERS[1:8])}
                return peer, {"type": "prepare_ok", "view_number": view - view % 3, **told}
        empty = {"commit_number": 0, "first_op_number": 1, "entries": []}
        return NAMES[leader % 3], {"type": "prepare", "view_number": leader, **empty, **timing}

    def _impossible(self) -> tuple[str, Body]:
        """A member's message with one thing in it that cannot be."""
        random = self._random
        source, body = self._possible()
        kind = random.randrange(5)
        if kind == 0:
            body.pop(random.choice(list(body)))
        elif kind == 1:
            body[random.choice(TEXTS)] = self._value()
        elif kind == 2:
            wrong: tuple[Any, ...] = (
                -1,
                2**53,
                2**64,
                1.0,
                True,
                None,
                "0",
                [],
                {},
                [[]],
                [["c1", 1]],
                10**400,
            )
            body[random.choice(list(body))] = random.choice(wrong)
        elif kind == 3:
            operations: tuple[Any, ...] = (
                ["read"],
                ["read", "no json"],
                ["write", "0", "1\n"],
                ["cas", "0"],
                {},
                1,
            )
            entries = (
                ["c1", True, ["read", "0"]],
                [1, 1, ["read", "0"]],
                ["c1", -1, ["read", "0"]],
            )
            odd = [self._client(), random.randrange(1 << 40), random.choice(operations)]
            body["entries"] = [random.choice((*entries, odd, odd, {}))]
        else:
            source, body = self._contradiction()
        return source, body

    def _contradiction(self) -> tuple[str, Body]:
        """Well-formed, and yet no member can have said it to n0."""
        random = self._random
        view = self._view()
        peer = random.choice(NAMES[1:])
        timing = {"sent_at": 1, "time_out": 300_000}
        numbers = {"commit_number": random.choice(NUMBERS[1:8]), "first_op_number": 1}
        log = {"view_number": 3 * view, **numbers, "entries": self._entries()}
        match random.randrange(6):
            case 0:
                # n0 itself leads that view.
                return peer, {"type": "prepare", **log, **timing, "wants_answer": 1}
            case 1:
                return peer, {"type": "start_view", **log, **timing}
            case 2:
                vote = {"view_number": view + random.randrange(2, 9), "current_view_number": view}
                return peer, {"type": "start_view_change", **vote}
            case 3:
                return peer, {"type": "do_view_change", **log, "last_normal_view": 3 * view}
            case 4:
                return peer, {"type": "new_state", **log, "entries": []}
        acknowledged = {"op_number": 2**53 - 1, "echo": 0}
        return peer, {"type": "prepare_ok", "view_number": 3 * view, **acknowledged}

    def _line(self, source: str, body: object) -> bytes:
        dumped = json.dumps(
            {"src": source, "dest": FUZZED, "body": body},
            ensure_ascii=self._random.random() < 0.5,
        )
        return dumped.encode()


class Group:
    """Three node processes and the network between them. A context manager."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], Mapping[str, Any]] = {}
        """By client and msg_id."""
        self.mistakes: list[str] = []
        self.remark_counts: Counter[str] = Counter()
        self.view_counts: Counter[str] = Counter()
        self._errors = {name: deque[bytes](maxlen=200) for name in NAMES}
        self._selector = selectors.DefaultSelector()
        self._nodes: dict[str, NodeProcess] = {}
        self._unread: dict[str, bytes] = dict.fromkeys(NAMES, b"")
        self._unwritten: dict[str, bytearray] = {name: bytearray() for name in NAMES}
        self._msg_id = 0

    def __enter__(self) -> Self:
        for name in NAMES:
            self._nodes[name] = NodeProcess()
            process = self._nodes[name].process
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, (name, self.on_output))
            self._selector.register(process.stderr, selectors.EVENT_READ, (name, self._on_errors))
        for name in NAMES:
            body = {"type": "init", "node_id": name, "node_ids": NAMES}
            assert self.ask(name, body)["type"] == "init_ok"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._selector.close()
        for node in self._nodes.values():
            node.__exit__(kind, error, traceback)

    def feed(self, name: str, data: bytes) -> None:
        """Gives a node lines, which it reads when it will."""
        self._unwritten[name] += data

    @property
    def fed_and_unread(self) -> int:
        """Bytes that n0 has not taken yet."""
        return len(self._unwritten[FUZZED])

    def ask(self, name: str, body: Body) -> Mapping[str, Any]:
        """The answer to a request, which is asked anew, as another, while it is refused."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self._msg_id += 1
            message = {"src": "c0", "dest": name, "body": {**body, "msg_id": self._msg_id}}
            self.feed(name, json.dumps(message).encode() + b"\n")
            again = time.monotonic() + ASK_AGAIN_S
            while time.monotonic() < again and ("c0", self._msg_id) not in self.answers:
                self.pass_on(0.1)
            answer = self.answers.get(("c0", self._msg_id))
            if answer is not None and answer.get("code") not in (11, 13):
                return answer
        raise AssertionError(f"{name} does not serve: no answer to {body}")

    def pass_on(self, time_out_s: float) -> None:
        """Moves what waits between the nodes; AssertionError if one of them has ended."""
        for name, data in self._unwritten.items():
            stdin = self._nodes[name].process.stdin
            assert stdin is not None
            if data:
                try:
                    del data[: os.write(stdin.fileno(), data)]
                except BlockingIOError:
                    time_out_s = min(time_out_s, 0.001)
                except BrokenPipeError:
                    raise AssertionError(f"{name} has ended") from None
        for key, _ in self._selector.select(time_out_s):
            name, handle = key.data
            data_read = os.read(key.fd, READ_SIZE)
            assert data_read, f"{name} has ended"
            handle(name, data_read)

    def last_remarks(self, name: str) -> str:
        """What a node has written to stderr lately."""
        return b"".join(self._errors[name])[-1_500:].decode(errors="replace")

    def _on_errors(self, name: str, data: bytes) -> None:
        self.remark_counts[name] += data.count(b"\n")
        self.view_counts[name] += data.count(b"entered view")
        self._errors[name].append(data[-2_000:])

    def end(self, name: str) -> None:
        """Kills a node."""
        self._nodes[name].process.kill()

    def on_output(self, name: str, data: bytes) -> None:
        """Sends what a node has written on its way, and notes lines that are no messages."""
        *lines, self._unread[name] = (self._unread[name] + data).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
                destination, body = message["dest"], message["body"]
            except (ValueError, KeyError, TypeError):
                self.mistakes.append(f"{name} wrote a line that is no message: {line[:300]!r}")
                continue
            if destination in self._unwritten:
                self.feed(destination, line + b"\n")
            elif destination == "c0":
                self.answers[destination, body["in_reply_to"]] = body


def check_that_all_serve(group: Group) -> None:
    """Each node takes a write that every node reads back. Raises AssertionError."""
    for number, writer in enumerate(NAMES):
        write = {"type": "write", "key": "after", "value": number}
        assert group.ask(writer, write)["type"] == "write_ok", f"{writer} refuses a write"
        for reader in NAMES:
            answer = group.ask(reader, {"type": "read", "key": "after"})
            assert answer.get("value") == number, f"{reader} reads {answer} after {number}"


def fuzz(line_count: int, seed: int) -> str:
    """Feeds n0 and returns what is to be said about it.

    Raises AssertionError when a node ends, writes what is no message, or does not serve; the
    error tells the file with the last lines that were fed, and n0's last remarks.
    """
    lines = FuzzedLines(Random(seed))
    fed: deque[bytes] = deque(maxlen=KEPT_LINES)
    begin = time.monotonic()
    with Group() as group:
        try:
            count = 0
            while count < line_count:
                some = [lines.draw() for _ in range(min(LINES_AT_ONCE, line_count - count))]
                fed.extend(some)
                count += len(some)
                group.feed(FUZZED, b"".join(line + b"\n" for line in some))
                while group.fed_and_unread:
                    group.pass_on(0.01)
            seconds = time.monotonic() - begin
            check_that_all_serve(group)
            assert not group.mistakes, group.mistakes[:5]
        except AssertionError as error:
            path = Path(tempfile.mkdtemp(prefix="vsr-fuzz-")) / "lines"
            path.write_bytes(b"".join(line + b"\n" for line in fed))
            remarks = "".join(f"\n{name} said last:\n{group.last_remarks(name)}" for name in NAMES)
            raise AssertionError(
                f"seed {seed}: {error}\nlast lines fed: {path}{remarks}"
            ) from error
    served = time.monotonic() - begin - seconds
    return (
        f"{line_count} lines in {seconds:.1f} s ({line_count / seconds:.0f} a second), "
        f"seed {seed}; then all served within {served:.1f} s; {FUZZED} dropped some "
        f"{group.remark_counts[FUZZED]} lines and told of {group.view_counts[FUZZED]} views\n"
        + "\n".join(f"  {count:7} {kind}" for kind, count in sorted(lines.counts.items()))
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.maelstrom.fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 32), metavar="N")
    options = parser.parse_args()
    try:
        print(fuzz(options.lines, options.seed))
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
