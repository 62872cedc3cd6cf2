"""The doctor: takes a node through the protocol, step by step, and says what is wrong with it.

Each step asks something of a group without faults and looks at all that the nodes print. What
Maelstrom's documents forbid is a mistake; what merely surprises is a note.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from vsr_node.bench.nodes.clients import require_fields, require_known_code
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.nodes.mistakes import EXPECTED, Kind, WireError
from vsr_node.bench.workshop.group import Asker, Body, Group

INIT_SECONDS = 10.0
EXIT_SECONDS = 2.0
SILENCES_MAX = 2
"""After so many requests without an answer the doctor asks no more."""

SETTLE_SECONDS = 0.05
"""For what a node may print beside its answers."""

LIN_KV = "workloads.md, Workload: Lin-kv"
ERRORS = "protocol.md, Errors"
BODIES = "protocol.md, Message Bodies"
NODES = "protocol.md, Nodes and Networks"
INITIALIZATION = "protocol.md, Initialization"
ECHO = "workloads.md, Workload: Echo"

KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22
NOT_SUPPORTED = 10
JUMP = 1_000_000

ODD_VALUES: tuple[Any, ...] = (
    None,
    False,
    -1,
    1.5,
    "",
    'größer \u2028 "\\',
    [1, [2]],
    {"a": {"b": None}},
    2**53 + 1,
)


class Level(StrEnum):
    """How grave a line of the report is."""

    OK = "ok"
    MISTAKE = "MISTAKE"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report, with what belongs to it."""

    level: Level
    step: str
    text: str
    asked: str = ""
    answered: str = ""
    expected: str = ""
    where: str = ""

    def told(self) -> str:
        """The line as text for people."""
        lines = [f"{self.level:<8} {self.step:<18} {self.text}"]
        pairs = (
            ("asked", self.asked),
            ("answered", self.answered),
            ("expected", f"{self.expected} ({self.where})" if self.where else self.expected),
        )
        lines += [f"{'':<8} {'':<18} {name + ':':<10}{text}" for name, text in pairs if text]
        return "\n".join(lines)


class SilentError(Exception):
    """The node answers so little that asking on makes no sense."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it; `reply` is None when nothing did."""

    asked: str
    reply: Body | None

    @property
    def answered(self) -> str:
        """The reply as text."""
        return "" if self.reply is None else orjson.dumps(self.reply).decode()


class Doctor:
    """One examination. `tell` takes each line of the report as it comes."""

    def __init__(
        self,
        command: Sequence[str],
        node_count: int,
        workload: str,
        patience_s: float,
        tell: Callable[[Line], None],
    ) -> None:
        self.lines: list[Line] = []
        self._command = command
        self._names = tuple(f"n{number}" for number in range(node_count))
        self._workload = workload
        self._patience_s = patience_s
        self._tell = tell
        self._printed: list[tuple[str, bytes]] = []
        self._mistakes_told = 0
        self._silences = 0
        self._askers: dict[str, Asker] = {}

    def examine(self) -> int:
        """Take the node through all steps; return how many mistakes it made.

        Raises OSError when it can't be started.
        """
        with (
            tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder,
            Group(
                self._command,
                self._names,
                Path(folder),
                tell=lambda text: None,
                printed=lambda node, line: self._printed.append((node, line)),
                journal=lambda sent, ended, fate, payload: None,
                latency=LatencyDistribution("constant", 0),
            ) as self._group,
        ):
            if self._init():
                try:
                    for step in self._steps():
                        step()
                        self._tell_mistakes(step.__name__.strip("_").replace("_", " "))
                    self._answered_once()
                except SilentError:
                    self._say(Level.NOTE, "the rest", "not tried, as too little is answered")
            self._exit()
        return sum(line.level is Level.MISTAKE for line in self.lines)

    def _steps(self) -> Iterator[Callable[[], None]]:
        yield self._echo
        yield self._unknown_type
        if self._workload == "lin-kv":
            yield from (self._registers, self._errors, self._keys, self._other_nodes)
            yield from (self._ids, self._several_at_once, self._odd_values)

    # The steps

    def _init(self) -> bool:
        """Init all nodes; return whether the group came up."""
        up = 0
        for number, name in enumerate(self._names):
            body = {"type": "init", "node_id": name, "node_ids": self._names}
            exchange = self._ask("init", name, body, client=f"c{number}", patience=INIT_SECONDS)
            if exchange is None:
                break
            up += self._expect(
                exchange, "init", "init_ok", {}, f"{name} is told its name", INITIALIZATION
            )
            if exchange.reply is None or exchange.reply.get("type") == "error":
                break
        self._tell_mistakes("init")
        return up > 0 and not self._ended()

    def _echo(self) -> None:
        text = "Please echo 35"
        exchange = self._ask("echo", self._names[0], {"type": "echo", "echo": text})
        if exchange is None:
            return
        supported = _code(exchange.reply) != NOT_SUPPORTED
        if not supported and self._workload != "echo":
            self._say(Level.OK, "echo", "not supported, and not needed for lin-kv")
            return
        self._expect(exchange, "echo", "echo_ok", {"echo": text}, "the text comes back", ECHO)

    def _unknown_type(self) -> None:
        exchange = self._ask(
            "unknown type", self._names[0], {"type": "no-such-type"}, required=False
        )
        if exchange is None:
            return
        expected = f"error {NOT_SUPPORTED}, not-supported"
        code = _code(exchange.reply)
        if code == NOT_SUPPORTED:
            self._say(Level.OK, "unknown type", f"error {code}")
        elif exchange.reply is not None and code is None:
            self._wrong(exchange, "unknown type", "a type that nobody knows succeeded", expected)
        else:
            text = "no answer" if code is None else f"error {code}"
            self._say(Level.NOTE, "unknown type", text, exchange, expected, ERRORS)

    def _registers(self) -> None:
        node = self._names[0]
        self._refused("read of no key", node, {"type": "read", "key": "nowhere"})
        self._done("write", node, {"type": "write", "key": 1, "value": 3})
        self._read("read", node, 1, 3)
        self._done("write again", node, {"type": "write", "key": 1, "value": 4})
        self._read("read again", node, 1, 4)
        self._done("cas", node, {"type": "cas", "key": 1, "from": 4, "to": 2})
        self._read("read after cas", node, 1, 2)

    def _errors(self) -> None:
        node = self._names[0]
        other = {"type": "cas", "key": 1, "from": 4, "to": 0}
        self._refused("cas, other value", node, other, PRECONDITION_FAILED)
        self._read("nothing was set", node, 1, 2)
        self._refused("cas of no key", node, {"type": "cas", "key": "no", "from": 1, "to": 2})
        self._refused("nothing was made", node, {"type": "read", "key": "no"})

    def _keys(self) -> None:
        node = self._names[0]
        self._done("another key", node, {"type": "write", "key": 2, "value": 0})
        self._read("keys are apart", node, 1, 2)
        self._read("keys are apart", node, 2, 0)

    def _other_nodes(self) -> None:
        for name in self._names[1:]:
            self._read(f"read at {name}", name, 1, 2)
        last = self._names[-1]
        self._done(f"write at {last}", last, {"type": "write", "key": 1, "value": 1})
        self._read("and read it", self._names[0], 1, 1)

    def _ids(self) -> None:
        """Large and jumping ids, and the same id from two clients."""
        node = self._names[0]
        for client in ("c91", "c92"):
            body = {"type": "read", "key": 1}
            exchange = self._ask("ids", node, body, client=client, msg_id=JUMP)
            if exchange is not None:
                what = f"{client} used the msg_id {JUMP}"
                self._expect(exchange, "ids", "read_ok", {"value": 1}, what, BODIES)

    def _several_at_once(self) -> None:
        """Many requests before the first answer: of many clients, and of one."""
        asked: list[tuple[Asker, int, str, Body]] = []
        for number in (0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 0, 0):
            # Who asks several nodes at once can't tell which of its requests comes first.
            name = self._names[number % len(self._names)]
            asker = self._asker(f"c{50 + number}")
            body = {"type": "read", "key": 1}
            asked.append((asker, asker.ask(name, body), name, body))
        self._group.wait(
            lambda: all(asker.replies[msg_id] for asker, msg_id, _, _ in asked), self._patience_s
        )
        missing = [each for each in asked if not each[0].replies[each[1]]]
        if not missing:
            self._say(Level.OK, "several at once", f"all {len(asked)} requests were answered")
        else:
            asker, msg_id, name, body = missing[0]
            exchange = Exchange(_text(asker.name, name, body | {"msg_id": msg_id}), None)
            self._wrong(
                exchange,
                "several at once",
                f"{len(missing)} of {len(asked)} requests, sent at once, got no answer",
                "each request is answered, however many wait; read all complete lines there are",
                NODES,
            )
        for asker, msg_id, name, body in asked:
            for _, reply in asker.replies[msg_id][:1]:
                exchange = Exchange(_text(asker.name, name, body | {"msg_id": msg_id}), reply)
                if not self._fits(exchange, "several at once", "read_ok", {"value": 1}, LIN_KV):
                    return

    def _odd_values(self) -> None:
        """Any JSON may be a value; the workload itself sends small integers alone."""
        node = self._names[0]
        changed = []
        for value in ODD_VALUES:
            written = self._ask("odd values", node, {"type": "write", "key": "ö", "value": value})
            read = self._ask("odd values", node, {"type": "read", "key": "ö"})
            if written is None or read is None:
                return
            if read.reply is None or not _same(read.reply.get("value", JUMP), value):
                changed.append(orjson.dumps(value).decode())
        if changed:
            text = f"not read back as they were written: {', '.join(changed)}"
            self._say(
                Level.NOTE, "odd values", text, expected="any JSON may be a value", where=LIN_KV
            )
        else:
            self._say(Level.OK, "odd values", f"all {len(ODD_VALUES)} were read back")

    def _answered_once(self) -> None:
        """No request has a second answer."""
        self._group.wait(lambda: False, SETTLE_SECONDS)
        self._tell_mistakes("at the end")
        for asker in self._askers.values():
            for msg_id, replies in asker.replies.items():
                if len(replies) > 1:
                    self._say(
                        Level.MISTAKE,
                        "one answer each",
                        f"message {msg_id} of {asker.name} was answered {len(replies)} times",
                        answered=", ".join(orjson.dumps(body).decode() for _, body in replies),
                        expected="one reply for each request",
                        where=BODIES,
                    )
                    return
        self._say(Level.OK, "one answer each", "no request was answered twice")

    def _exit(self) -> None:
        """End the nodes' input, and see whether they had more to say, and end."""
        before = len(self._printed)
        alive = [node for node in self._group.nodes.values() if node.running]
        for node in alive:
            node.close_input()
        self._group.wait(lambda: all(node.poll() is not None for node in alive), EXIT_SECONDS)
        self._group.wait(lambda: False, SETTLE_SECONDS)
        late = [line for _, line in self._printed[before:]]
        if late and self._silences:
            self._say(
                Level.MISTAKE,
                "exit",
                "what it had to say came only when its stdin ended",
                answered=_shown(late[0]),
                expected="each line reaches the bench at once: flush stdout after each line",
                where=NODES,
            )
        for node in alive:
            if node.unfinished_line:
                self._say(
                    Level.MISTAKE,
                    "exit",
                    "a line without its newline",
                    answered=_shown(node.unfinished_line),
                    expected="each message is a line, which a newline ends",
                    where=NODES,
                )
        stubborn = [node.name for node in alive if node.poll() is None]
        failed = [node for node in alive if node.poll() not in (None, 0)]
        if stubborn:
            text = f"{', '.join(stubborn)} runs on when its stdin has ended; it is killed"
            self._say(Level.NOTE, "exit", text)
        elif failed:
            self._say(Level.NOTE, "exit", f"{failed[0].name} ended with {failed[0].status_text}")
        elif alive:
            self._say(Level.OK, "exit", "when stdin ends, with status 0")

    # What steps are made of

    def _done(self, step: str, node: str, body: Body) -> None:
        exchange = self._ask(step, node, body)
        if exchange is not None:
            self._expect(exchange, step, f"{body['type']}_ok", {}, _short(body), LIN_KV)

    def _read(self, step: str, node: str, key: int, value: int) -> None:
        body = {"type": "read", "key": key}
        exchange = self._ask(step, node, body)
        if exchange is not None:
            what = f"{_short(body)} is {value}"
            self._expect(exchange, step, "read_ok", {"value": value}, what, LIN_KV)

    def _refused(self, step: str, node: str, body: Body, code: int = KEY_DOES_NOT_EXIST) -> None:
        """Ask for what can't be had."""
        exchange = self._ask(step, node, body)
        if exchange is None:
            return
        names = {
            KEY_DOES_NOT_EXIST: "key-does-not-exist",
            PRECONDITION_FAILED: "precondition-failed",
        }
        expected = f"error {code}, {names[code]}"
        found = _code(exchange.reply)
        if found == code:
            self._say(Level.OK, step, f"error {code}")
        elif found is None and exchange.reply == {
            "type": "read_ok",
            "value": None,
            "in_reply_to": (exchange.reply or {}).get("in_reply_to"),
        }:
            self._say(Level.NOTE, step, "a read_ok of null", exchange, expected, LIN_KV)
        elif found is None:
            what = "it succeeded, where it can't" if exchange.reply else "no answer"
            self._wrong(exchange, step, what, expected, LIN_KV)
        else:
            self._wrong(exchange, step, f"error {found}", expected, LIN_KV)

    def _expect(
        self,
        exchange: Exchange,
        step: str,
        type_: str,
        values: Body,
        what: str,
        where: str,
    ) -> bool:
        fits = self._fits(exchange, step, type_, values, where)
        if fits:
            self._say(Level.OK, step, what)
        return fits

    def _fits(self, exchange: Exchange, step: str, type_: str, values: Body, where: str) -> bool:
        """Say what is wrong with a reply that has to be of that type and have these values."""
        reply = exchange.reply
        if reply is None:
            return False
        expected = orjson.dumps({"type": type_, "in_reply_to": 0} | values).decode()
        expected = expected.replace('"in_reply_to":0', '"in_reply_to":<the msg_id>')
        code = _code(reply)
        if code is not None:
            self._wrong(exchange, step, f"error {code}", expected, where)
            return False
        try:
            require_fields(reply, type_, frozenset(values))
        except WireError as error:
            self._wrong(exchange, step, error.detail, expected, where)
            return False
        for name, value in values.items():
            if not _same(reply[name], value):
                text = f'"{name}" is {orjson.dumps(reply[name]).decode()}'
                self._wrong(exchange, step, text, expected, where)
                return False
        return True

    def _ask(
        self,
        step: str,
        node: str,
        body: Body,
        *,
        client: str = "c90",
        msg_id: int | None = None,
        patience: float | None = None,
        required: bool = True,
    ) -> Exchange | None:
        """Ask and await the reply; None when what was wrong with it is said already."""
        if self._ended():
            raise SilentError
        asker = self._asker(client)
        begin = len(self._printed)
        number = asker.ask(node, body, msg_id)
        asked = _text(client, node, body | {"msg_id": number})
        self._group.wait(
            lambda: bool(asker.replies[number]) or self._ended() or self._has_news(),
            patience or self._patience_s,
        )
        if not asker.replies[number] and self._has_news():
            # A mistake came where a reply was awaited; what else comes, comes soon.
            self._group.wait(lambda: bool(asker.replies[number]), SETTLE_SECONDS)
        if asker.replies[number]:
            _, reply = asker.replies[number][0]
            exchange = Exchange(asked, reply)
            return exchange if self._is_sound(exchange, step) else None
        if self._tell_mistakes(step, asked) or not required:
            self._silences += required
        else:
            self._silences += 1
            self._silent(step, asked, number, begin)
        if self._silences >= SILENCES_MAX:
            raise SilentError
        return None if required or self._ended() else Exchange(asked, None)

    def _silent(self, step: str, asked: str, msg_id: int, begin: int) -> None:
        """Say what may be the matter when no reply came."""
        elsewhere = [
            line for _, line in self._printed[begin:] if f'"in_reply_to":{msg_id}' in _compact(line)
        ]
        seconds = f"{self._patience_s:g} s"
        if elsewhere:
            self._say(
                Level.MISTAKE,
                step,
                "the reply went to somebody else",
                asked=asked,
                answered=_shown(elsewhere[0]),
                expected='"dest" of a reply is the "src" of its request',
                where="protocol.md, Messages",
            )
        else:
            self._say(
                Level.MISTAKE,
                step,
                f"no reply within {seconds}",
                asked=asked,
                expected="a reply on stdout: one line, ended by a newline, and flushed",
                where=NODES,
            )

    def _is_sound(self, exchange: Exchange, step: str) -> bool:
        """Say what is wrong with an error, whatever was asked."""
        assert exchange.reply is not None
        try:
            require_known_code(exchange.reply)
        except WireError as error:
            self._wrong(exchange, step, error.detail, *EXPECTED[error.kind])
            return False
        return True

    def _asker(self, client: str) -> Asker:
        if client not in self._askers:
            self._askers[client] = Asker(client, self._group.network)
        return self._askers[client]

    def _ended(self) -> bool:
        return any(not node.running for node in self._group.nodes.values())

    def _has_news(self) -> bool:
        return len(self._group.mistakes.first) > self._mistakes_told

    def _tell_mistakes(self, step: str, asked: str = "") -> bool:
        """Say the mistakes that were noticed since the last time, one of each kind and node."""
        if self._ended():
            # Why it ended is known a moment later.
            nodes = self._group.nodes.values()
            self._group.wait(lambda: all(node.running or node.ended for node in nodes), 2)
        fresh = self._group.mistakes.first[self._mistakes_told :]
        self._mistakes_told += len(fresh)
        told: set[tuple[str, Kind]] = set()
        for mistake in fresh:
            if (mistake.node, mistake.kind) not in told:
                told.add((mistake.node, mistake.kind))
                expected, where = EXPECTED[mistake.kind]
                text = f"{mistake.node}: {mistake.detail}"
                line = mistake.line
                self._add(Line(Level.MISTAKE, step, text, asked, line, expected, where))
                for stderr in self._group.mistakes.last_stderr(mistake.node):
                    self._add(Line(Level.NOTE, step, f"{mistake.node}'s stderr: {stderr}"))
        return bool(fresh)

    def _wrong(
        self, exchange: Exchange, step: str, text: str, expected: str, where: str = ERRORS
    ) -> None:
        self._say(Level.MISTAKE, step, text, exchange, expected, where)

    def _say(
        self,
        level: Level,
        step: str,
        text: str,
        exchange: Exchange | None = None,
        expected: str = "",
        where: str = "",
        *,
        asked: str = "",
        answered: str = "",
    ) -> None:
        if exchange is not None:
            asked, answered = exchange.asked, exchange.answered
        self._add(Line(level, step, text, asked, answered, expected, where))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self._tell(line)


def _code(reply: Body | None) -> int | None:
    """The code of an error, None for what is none."""
    if reply is None or reply.get("type") != "error":
        return None
    code = reply.get("code")
    return code if type(code) is int else None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true differ."""
    options = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=options) == orjson.dumps(other, option=options)


def _text(source: str, destination: str, body: Body) -> str:
    return f"{source} -> {destination} {orjson.dumps(body).decode()}"


def _short(body: Body) -> str:
    return " ".join(orjson.dumps(value).decode().strip('"') for value in body.values())


def _compact(line: bytes) -> str:
    return line.decode(errors="replace").replace(" ", "")


def _shown(line: bytes) -> str:
    return line[:300].decode(errors="backslashreplace")
