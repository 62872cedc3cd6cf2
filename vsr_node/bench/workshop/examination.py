"""One examination: asks a group without faults, judges the replies, and reports a line for each.

What Maelstrom would trip over is a mistake. What it lets pass, though its documents forbid it, is
advice; what merely surprises is a note.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from vsr_node.bench.nodes.clients import error_of, require_fields, require_known_code
from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND
from vsr_node.bench.nodes.mistakes import ADVICE, EXPECTED, Kind, WireError
from vsr_node.bench.workloads import Setting, Workload
from vsr_node.bench.workloads.examiner import Done, Operation, json_text, same_json
from vsr_node.bench.workshop.group import Asker, Body, Group

SILENCES_MAX = 2
"""After so many requests without a reply the doctor asks no more."""

SETTLE_SECONDS = 0.05
"""For what a node may print beside its replies."""

END_SECONDS = 2.0
"""For the exit status of a node that has ended."""

ERRORS = "protocol.md, Errors"
BODIES = "protocol.md, Message Bodies"
NODES = "protocol.md, Nodes and Networks"
MESSAGES = "protocol.md, Messages"

REFUSED = KnownError.TEMPORARILY_UNAVAILABLE
"""Allowed at any time, as while a leader is elected or at nodes that do not lead."""

CLIENT = "c90"
RETRY_SECONDS = 0.1
"""Between a temporary refusal and the next request."""

REQUESTS_AT_ONCE = (0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 0, 0)
"""The clients by number, from c50 on, in the order in which they ask."""


class Level(StrEnum):
    """How grave a line of the report is."""

    OK = "ok"
    MISTAKE = "MISTAKE"
    ADVICE = "advice"
    NOTE = "note"


def level_of(kind: Kind) -> Level:
    """Return how grave a mistake of that kind is."""
    return Level.ADVICE if kind in ADVICE else Level.MISTAKE


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report, with what belongs to it; empty where nothing does."""

    level: Level
    step: str
    text: str
    asked: str = ""
    answered: str = ""
    expected: str = ""
    where: str = ""

    def format(self) -> str:
        """Return the line as text for people."""
        lines = [f"{self.level:<8} {self.step:<18} {self.text}"]
        pairs = (
            ("asked", self.asked),
            ("answered", self.answered),
            ("expected", f"{self.expected} ({self.where})" if self.where else self.expected),
        )
        lines += [f"{'':<8} {'':<18} {name + ':':<10}{text}" for name, text in pairs if text]
        return "\n".join(lines)


class SilentError(Exception):
    """The node answers so little that further questions make no sense."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its reply; None if it got none."""

    asked: str
    reply: Body | None

    @property
    def answered(self) -> str:
        """The reply as text."""
        return "" if self.reply is None else json_text(self.reply)

    @property
    def code(self) -> int | str | None:
        """The error code of the reply, or that it has none; None if the reply is not an error."""
        error = None if self.reply is None else error_of(self.reply)
        return None if error is None else error[0]

    @property
    def error(self) -> str:
        """The error of the reply in a few words."""
        return f"error {self.code}" if isinstance(self.code, int) else "an error without a code"


class Examination:
    """Asks, judges and reports; an ``Examiner`` for the steps of a workload.

    ``report`` takes each line as it comes. ``printed`` grows by each line that a node prints, with
    the node's name.
    """

    def __init__(
        self,
        group: Group,
        printed: Sequence[tuple[str, bytes]],
        workload: type[Workload],
        patience_s: float,
        report: Callable[[Line], None],
    ) -> None:
        self.silence_count = 0
        self.group = group
        self._printed = printed
        self._workload = workload
        self._client = workload(Setting(len(group.names), len(group.names)), Random(0))
        self._patience_s = patience_s
        self._report = report
        self._reported_count = 0
        """How many of the group's first mistakes are reported."""
        self._askers: dict[str, Asker] = {}
        self._serving = set(group.names)
        self.values: dict[Any, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return self.group.names

    @property
    def serving(self) -> tuple[str, ...]:
        """The names of the nodes that serve requests; all if none does."""
        return tuple(name for name in self.names if name in self._serving) or self.names

    @property
    def workload(self) -> str:
        """The name of the workload that the node is examined for."""
        return self._workload.name

    @property
    def has_ended_node(self) -> bool:
        """Whether a node has ended."""
        return any(not node.running for node in self.group.nodes.values())

    # What the steps of a workload are made of

    def expect(
        self,
        step: str,
        node: str,
        body: Body,
        reply: Body | None = None,
        *,
        text: str | None = None,
        where: str | None = None,
        client: str | None = None,
        msg_id: int | None = None,
    ) -> bool:
        """Demand a successful reply with the fields of ``reply``. ``text`` reports success.

        Return whether there was one.
        """
        exchange = self.ask(step, node, body, client=client or CLIENT, msg_id=msg_id)
        if exchange is None or not self.fits(
            exchange, step, f"{body['type']}_ok", reply or {}, where
        ):
            return False
        self.ok(step, text or _described(body, reply or {}))
        return True

    def refuse(
        self, step: str, node: str, body: Body, code: KnownError, *, noted: Body | None = None
    ) -> None:
        """Demand an error; another one is advice. The reply ``noted`` is no mistake, but noted."""
        exchange = self.ask(step, node, body)
        if exchange is None:
            return
        found, reply = exchange.code, exchange.reply or {}
        if found == code:
            self.ok(step, f"error {code}")
        elif noted is not None and _without_ids(reply) == noted:
            text = f"a {noted['type']} of {json_text(noted['value'])}"
            self.add(Level.NOTE, step, text, exchange, code.text)
        elif found is not None:
            self.add(Level.ADVICE, step, exchange.error, exchange, code.text)
        else:
            text = "it succeeded, where it can't" if reply else "no answer"
            self.add(Level.MISTAKE, step, text, exchange, code.text)

    def at_once(self, step: str, body: Body, reply: Body) -> None:
        """Send many requests before the first reply, and demand ``reply`` to each."""
        asked: list[tuple[Asker, int, str]] = []
        for number in REQUESTS_AT_ONCE:
            # A client that asks several nodes can't know which of its requests comes first.
            name = self.serving[number % len(self.serving)]
            asker = self._asker(f"c{50 + number}")
            msg_id = asker.ask(name, body)
            asked.append((asker, msg_id, _request_text(asker.name, name, body, msg_id)))
        self.group.wait(
            lambda: all(asker.replies[msg_id] for asker, msg_id, _ in asked), self._patience_s
        )
        missing = [text for asker, msg_id, text in asked if not asker.replies[msg_id]]
        if not missing:
            self.ok(step, f"all {len(asked)} requests were answered")
        else:
            self.add(
                Level.MISTAKE,
                step,
                f"{len(missing)} of {len(asked)} requests, sent at once, got no answer",
                Exchange(missing[0], None),
                "each request is answered, however many wait; read all complete lines there are",
                NODES,
            )
        exchanges = [
            Exchange(text, found)
            for asker, msg_id, text in asked
            for _, found in asker.replies[msg_id][:1]
        ]
        refused = [each for each in exchanges if each.code == REFUSED]
        if refused:
            text = f"{len(refused)} of {len(asked)} requests were refused"
            self.add(Level.NOTE, step, f"{text}: {REFUSED.text}", refused[0])
        for exchange in exchanges:
            if exchange not in refused and not self.fits(
                exchange, step, f"{body['type']}_ok", reply
            ):
                return

    def answer(self, step: str, node: str, body: Body) -> Body | None:
        """Return the reply, for the step to judge; None if a mistake is reported already."""
        exchange = self.ask(step, node, body)
        return None if exchange is None else exchange.reply

    def perform(self, step: str, node: str, operation: Operation) -> Done | None:
        """Carry an operation of the workload out, as a test would.

        Return None if what went wrong is reported already.
        """
        requests = self._client.perform(0, operation)
        exchange = None
        try:
            body = next(requests)
            while (exchange := self.ask(step, node, body)) is not None:
                if exchange.reply is None:
                    return None
                if exchange.code is not None:
                    expected = f"a reply of type {body['type']}_ok"
                    self.add(Level.MISTAKE, step, exchange.error, exchange, expected)
                    return None
                body = requests.send(exchange.reply)
        except StopIteration as end:
            return Done(end.value)
        except WireError as error:
            self.add(Level.MISTAKE, step, error.detail, exchange, *EXPECTED[error.kind])
        return None

    def become(
        self,
        step: str,
        node: str,
        operation: Operation,
        obstacle: Callable[[Any], str],
        text: str,
    ) -> Done | None:
        """Repeat an operation that reads until there is no ``obstacle`` in its value.

        That is an empty text; another one is reported as a mistake when patience ends. ``text``
        reports success. Return None if there was none.
        """
        end = self._end_of_patience()
        while (done := self.perform(step, node, operation)) is not None:
            wrong = obstacle(done.value)
            if not wrong:
                self.ok(step, text)
                return done
            if self.group.timers.now() >= end:
                self.mistake(step, f"{node}: {wrong}, after {self._patience_s:g} s", text)
                return None
            self.group.wait(lambda: False, RETRY_SECONDS)
        return None

    def mistake(self, step: str, text: str, expected: str) -> None:
        """Report a mistake."""
        self.add(Level.MISTAKE, step, text, None, expected)

    def ok(self, step: str, text: str) -> None:
        """Report that a step succeeded."""
        self._report(Line(Level.OK, step, text))

    def note(self, step: str, text: str, expected: str) -> None:
        """Report what surprises, and is not held against the node."""
        self.add(Level.NOTE, step, text, None, expected)

    def find_serving(self, step: str, body: Body) -> None:
        """Ask all nodes, again where they refuse for now, to learn which of them serve.

        A group may do without some: a node that does not lead may refuse, or be silent.
        """
        askers = {name: self._asker(f"c{70 + number}") for number, name in enumerate(self.names)}
        pending = {name: asker.ask(name, body) for name, asker in askers.items()}
        refused: dict[str, Exchange] = {}
        end = self._end_of_patience()
        while pending and self.group.timers.now() < end and not self._is_disturbed:
            self.group.wait(
                lambda: all(askers[name].replies[number] for name, number in pending.items()),
                RETRY_SECONDS,
            )
            for name, number in list(pending.items()):
                for _, reply in askers[name].replies[number][:1]:
                    del pending[name]
                    text = _request_text(askers[name].name, name, body, number)
                    exchange = Exchange(text, reply)
                    if exchange.code == REFUSED:
                        refused[name] = exchange
                        pending[name] = askers[name].ask(name, body)
            if refused.keys() & pending.keys():
                self.group.wait(lambda: False, RETRY_SECONDS)
        if not self._is_disturbed and len(pending) < len(self.names):
            self._do_without(step, pending, refused)

    def _do_without(self, step: str, names: Iterable[str], refused: Mapping[str, Exchange]) -> None:
        """Report the nodes that don't serve; ask them no more."""
        for name in names:
            self._serving.remove(name)
            if name in refused:
                self.add(Level.NOTE, step, f"{name}: {REFUSED.text}", refused[name])
            else:
                text = f"{name} leaves requests unanswered, though other nodes serve"
                self.add(Level.ADVICE, step, text, None, "each request is answered", NODES)
        self.ok(step, ", ".join(self.serving))

    # What these are made of

    @property
    def _is_disturbed(self) -> bool:
        return self.has_ended_node or self._has_news()

    def _end_of_patience(self) -> int:
        return self.group.timers.now() + int(self._patience_s * NANOSECONDS_PER_SECOND)

    def ask(
        self, step: str, node: str, body: Body, *, client: str = CLIENT, msg_id: int | None = None
    ) -> Exchange | None:
        """Ask, again and elsewhere while the reply is a temporary refusal, and await the reply.

        Return None if what is wrong with it is reported already.
        """
        end = self._end_of_patience()
        exchange = self.ask_once(step, node, body, client=client, msg_id=msg_id)
        while exchange is not None and exchange.code == REFUSED:
            if self.group.timers.now() >= end:
                text = f"{REFUSED.text}, for {self._patience_s:g} s"
                self.add(Level.NOTE, step, text, exchange)
                return None
            self.group.wait(lambda: False, RETRY_SECONDS)
            nodes = self.serving
            node = nodes[(nodes.index(node) + 1) % len(nodes)] if node in nodes else nodes[0]
            exchange = self.ask_once(step, node, body, client=client)
        return exchange

    def ask_once(
        self,
        step: str,
        node: str,
        body: Body,
        *,
        client: str = CLIENT,
        msg_id: int | None = None,
        patience_s: float | None = None,
        required: bool = True,
    ) -> Exchange | None:
        """Ask and await the reply; None if what is wrong with it is reported already."""
        if self.has_ended_node:
            raise SilentError
        asker = self._asker(client)
        begin = len(self._printed)
        number = asker.ask(node, body, msg_id)
        replies = asker.replies[number]
        asked = _request_text(client, node, body, number)
        self.group.wait(
            lambda: bool(replies) or self.has_ended_node or self._has_news(),
            patience_s or self._patience_s,
        )
        if not replies and self._has_news():
            # A mistake came where a reply was awaited; what else comes, comes soon.
            self.group.wait(lambda: bool(replies), SETTLE_SECONDS)
        if replies:
            exchange = Exchange(asked, replies[0][1])
            self._advise(exchange, step)
            return exchange
        if required:
            self.silence_count += 1
        if not self.report_mistakes(step, asked, is_required=required) and required:
            self._report_silence(step, asked, number, body["type"], begin)
        if self.silence_count >= SILENCES_MAX:
            raise SilentError
        return None if required or self.has_ended_node else Exchange(asked, None)

    def fits(
        self, exchange: Exchange, step: str, type_: str, values: Body, where: str | None = None
    ) -> bool:
        """Return whether a reply has that type and these values; report what is wrong with it."""
        wrong = _misfit(exchange, type_, values)
        if wrong:
            expected = json_text({"type": type_, "in_reply_to": 0} | values)
            expected = expected.replace('"in_reply_to":0', '"in_reply_to":<the msg_id>')
            self.add(Level.MISTAKE, step, wrong, exchange, expected, where)
        return exchange.reply is not None and not wrong

    def _advise(self, exchange: Exchange, step: str) -> None:
        """Report an error code that the protocol does not know."""
        assert exchange.reply is not None
        try:
            require_known_code(exchange.reply)
        except WireError as error:
            self.add(level_of(error.kind), step, error.detail, exchange, *EXPECTED[error.kind])

    def _asker(self, client: str) -> Asker:
        if client not in self._askers:
            self._askers[client] = Asker(client, self.group.network)
        return self._askers[client]

    # Reporting

    def add(
        self,
        level: Level,
        step: str,
        text: str,
        exchange: Exchange | None = None,
        expected: str = "",
        where: str | None = None,
    ) -> None:
        """Report a line. ``where`` is the workload's own document if it is None."""
        asked, answered = ("", "") if exchange is None else (exchange.asked, exchange.answered)
        where = self._workload.document if where is None else where
        self._report(Line(level, step, text, asked, answered, expected, where))

    def _has_news(self) -> bool:
        fresh = self.group.mistakes.first[self._reported_count :]
        return any(mistake.kind not in ADVICE for mistake in fresh)

    def report_mistakes(self, step: str, asked: str = "", *, is_required: bool = True) -> bool:
        """Report the mistakes noticed since the last time, one of each kind and node.

        At a step that is not required, the end of a node is advice. Return whether there was
        anything but advice that the node got otherwise.
        """
        if self.has_ended_node:
            # Why it ended is known a moment later.
            nodes = self.group.nodes.values()
            self.group.wait(lambda: all(node.running or node.ended for node in nodes), END_SECONDS)
        has_news = self._has_news()
        fresh = self.group.mistakes.first[self._reported_count :]
        self._reported_count += len(fresh)
        reported: set[tuple[str, Kind]] = set()
        for mistake in fresh:
            if (mistake.node, mistake.kind) not in reported:
                reported.add((mistake.node, mistake.kind))
                text = f"{mistake.node}: {mistake.detail}"
                expected = EXPECTED[mistake.kind]
                forgiven = mistake.kind is Kind.EXITED and not is_required
                level = Level.ADVICE if forgiven else level_of(mistake.kind)
                self._report(Line(level, step, text, asked, mistake.line, *expected))
                for stderr in self.group.mistakes.last_stderr(mistake.node):
                    self._report(Line(Level.NOTE, step, f"{mistake.node}'s stderr: {stderr}"))
        return has_news

    def _report_silence(
        self, step: str, asked: str, msg_id: int, request_type: str, begin: int
    ) -> None:
        """Report what may be the matter when no reply came."""
        elsewhere = [
            line
            for _, line in self._printed[begin:]
            if f'"in_reply_to":{msg_id}' in _compact(line)
            and (f'"{request_type}_ok"' in _compact(line) or '"error"' in _compact(line))
        ]
        if elsewhere:
            line = Line(
                Level.MISTAKE,
                step,
                "the reply went to somebody else",
                asked,
                clipped(elsewhere[0]),
                '"dest" of a reply is the "src" of its request',
                MESSAGES,
            )
        else:
            line = Line(
                Level.MISTAKE,
                step,
                f"no reply within {self._patience_s:g} s",
                asked,
                expected="a reply on stdout: one line, ended by a newline, and flushed",
                where=NODES,
            )
        self._report(line)

    def report_repeated_replies(self, step: str) -> None:
        """Report a request that has a second reply."""
        for asker in self._askers.values():
            for msg_id, replies in asker.replies.items():
                if len(replies) > 1:
                    text = f"message {msg_id} of {asker.name} was answered {len(replies)} times"
                    answered = ", ".join(json_text(body) for _, body in replies)
                    expected = "one reply for each request"
                    self._report(Line(Level.ADVICE, step, text, "", answered, expected, BODIES))
                    return
        self.ok(step, "no request was answered twice")


def _misfit(exchange: Exchange, type_: str, values: Body) -> str:
    """Return why a reply lacks that type or these values; empty if it has them."""
    reply = exchange.reply
    if reply is None:
        return ""
    if exchange.code is not None:
        return exchange.error
    try:
        require_fields(reply, type_, frozenset(values))
    except WireError as error:
        return error.detail
    wrong = [name for name, value in values.items() if not same_json(reply[name], value)]
    return f'"{wrong[0]}" is {json_text(reply[wrong[0]])}' if wrong else ""


def _described(body: Body, reply: Body) -> str:
    """Return what was asked, and what came back, in a few words."""
    words = [json_text(value).strip('"') for value in body.values()]
    if reply:
        words += ["is", *map(json_text, reply.values())]
    return " ".join(words)


def _without_ids(reply: Body) -> Body:
    return {name: reply[name] for name in reply if name not in ("in_reply_to", "msg_id")}


def _request_text(source: str, destination: str, body: Body, msg_id: int) -> str:
    return f"{source} -> {destination} {json_text(body | {'msg_id': msg_id})}"


def _compact(line: bytes) -> str:
    return line.decode(errors="replace").replace(" ", "")


def clipped(line: bytes) -> str:
    """Return the beginning of a line as text."""
    return line[:300].decode(errors="backslashreplace")
