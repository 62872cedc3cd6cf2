"""The doctor: takes a node through the protocol, step by step, and reports its mistakes."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from vsr_node.bench.nodes.clients import require_plain_init_ok
from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.nodes.mistakes import EXPECTED, WireError
from vsr_node.bench.nodes.wire import is_client, parse_message
from vsr_node.bench.workloads import WORKLOADS
from vsr_node.bench.workloads.echo import Echo
from vsr_node.bench.workshop.examination import (
    ERRORS,
    NODES,
    SETTLE_SECONDS,
    Examination,
    Exchange,
    Level,
    Line,
    SilentError,
    clipped,
    level_of,
)
from vsr_node.bench.workshop.group import Group
from vsr_node.checker.validity import Validity

Step = Callable[[Examination], None]

INIT_SECONDS = 10.0
EXIT_SECONDS = 2.0
INITIALIZATION = "protocol.md, Initialization"


class Doctor:
    """Takes a node through all steps. ``report`` takes each line as it comes."""

    def __init__(
        self,
        command: Sequence[str],
        node_count: int,
        workload: str,
        patience_s: float,
        report: Callable[[Line], None],
    ) -> None:
        self.lines: list[Line] = []
        self._command = command
        self._names = tuple(f"n{number}" for number in range(node_count))
        self._workload = WORKLOADS[workload]
        self._patience_s = patience_s
        self._report = report
        self._printed: list[tuple[str, bytes]] = []

    def examine(self) -> Validity:
        """Take the node through all steps; return whether it is sound.

        Raises OSError if the node can't be started.
        """
        steps: Sequence[Step] = (_echo, _unknown_type, *self._workload.doctor_steps)
        while steps:
            with (
                tempfile.TemporaryDirectory(prefix="bench-doctor-") as folder,
                self._new_group(Path(folder)) as group,
            ):
                examination = Examination(
                    group, self._printed, self._workload, self._patience_s, self._add
                )
                steps = self._take(examination, steps)
                self._exit(examination)
        return Validity(not self.mistake_count)

    @property
    def mistake_count(self) -> int:
        """How many mistakes the node made."""
        return sum(line.level is Level.MISTAKE for line in self.lines)

    def _new_group(self, folder: Path) -> Group:
        return Group(
            self._command,
            self._names,
            folder,
            tell=lambda text: None,
            printed=lambda node, line: self._printed.append((node, line)),
            journal=lambda sent, ended, fate, payload: None,
            latency=LatencyDistribution("constant", 0),
        )

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self._report(line)

    def _take(self, examination: Examination, steps: Sequence[Step]) -> Sequence[Step]:
        """Init the nodes and take all steps, or as many as they answer.

        Return the steps that are left for new processes, as a node ended where it may.
        """
        try:
            if not self._init(examination):
                return ()
            for place, step in enumerate(steps, 1):
                required = self._is_required(step)
                step(examination)
                if not required:
                    examination.group.wait(lambda: False, SETTLE_SECONDS)
                name = step.__name__.strip("_").replace("_", " ")
                examination.report_mistakes(name, is_required=required)
                if examination.has_ended_node and not required:
                    self._add(Line(Level.NOTE, name, "the rest is tried on new processes"))
                    return steps[place:]
            examination.group.wait(lambda: False, SETTLE_SECONDS)
            examination.report_mistakes("at the end")
            examination.report_repeated_replies("one answer each")
        except SilentError:
            self._add(Line(Level.NOTE, "the rest", "not tried, as too little is answered"))
        return ()

    def _is_required(self, step: Step) -> bool:
        """Return whether a test of the workload asks such a thing."""
        return step is not _unknown_type and (step is not _echo or self._workload is Echo)

    def _init(self, examination: Examination) -> bool:
        """Init all nodes; return whether the group came up."""
        up = 0
        for number, name in enumerate(self._names):
            body = {"type": "init", "node_id": name, "node_ids": self._names}
            client = f"c{number}"
            exchange = examination.ask_once(
                "init", name, body, client=client, patience_s=INIT_SECONDS
            )
            if exchange is None:
                break
            if _is_init_ok(examination, exchange):
                examination.ok("init", f"{name} knows its name")
                up += 1
            if exchange.reply is None or exchange.reply.get("type") == "error":
                break
        examination.report_mistakes("init")
        return up > 0 and not examination.has_ended_node

    def _exit(self, examination: Examination) -> None:
        """End the nodes' input; report whether they had more to print, and whether they end."""
        group = examination.group
        before = len(self._printed)
        alive = [node for node in group.nodes.values() if node.running]
        for node in alive:
            node.close_input()
        group.wait(lambda: all(node.poll() is not None for node in alive), EXIT_SECONDS)
        group.wait(lambda: False, SETTLE_SECONDS)
        late = [line for _, line in self._printed[before:] if _is_for_client(line)]
        if late and examination.silence_count:
            self._wrong_end(
                "it printed only when its stdin ended",
                late[0],
                "each line reaches the bench at once: flush stdout after each line",
            )
        for node in alive:
            if node.unfinished_line:
                self._wrong_end(
                    "a line without its newline",
                    node.unfinished_line,
                    "each message is a line, which a newline ends",
                )
        stubborn = [node.name for node in alive if node.poll() is None]
        failed = [node for node in alive if node.poll() not in (None, 0)]
        if stubborn:
            text = f"{', '.join(stubborn)} runs on after its stdin has ended; it is killed"
            self._add(Line(Level.NOTE, "exit", text))
        elif failed:
            text = f"{failed[0].name} ended with {failed[0].status_text}"
            self._add(Line(Level.NOTE, "exit", text))
        elif alive:
            self._add(Line(Level.OK, "exit", "when stdin ends, with status 0"))

    def _wrong_end(self, text: str, answered: bytes, expected: str) -> None:
        self._add(
            Line(
                Level.MISTAKE,
                "exit",
                text,
                answered=clipped(answered),
                expected=expected,
                where=NODES,
            )
        )


def _is_for_client(line: bytes) -> bool:
    try:
        return is_client(parse_message(line)["dest"])
    except WireError:
        return False


def _is_init_ok(examination: Examination, exchange: Exchange) -> bool:
    """Return whether a node has answered its init; report what is wrong with the answer."""
    reply = exchange.reply or {}
    if reply.get("type") != "init_ok":
        return examination.fits(exchange, "init", "init_ok", {}, INITIALIZATION)
    try:
        require_plain_init_ok(reply)
    except WireError as error:
        examination.add(level_of(error.kind), "init", error.detail, exchange, *EXPECTED[error.kind])
    return True


# The steps for every workload


def _echo(examination: Examination) -> None:
    text, node = "Please echo 35", examination.names[0]
    body, reply = {"type": "echo", "echo": text}, {"echo": text}
    if examination.workload == Echo.name:
        examination.expect("echo", node, body, reply, text="the text comes back")
        return
    exchange = examination.ask_once("echo", node, body, required=False)
    if exchange is None:
        return
    if exchange.reply is None or exchange.code is not None:
        examination.ok("echo", f"not supported, and not needed for {examination.workload}")
    elif examination.fits(exchange, "echo", "echo_ok", reply, Echo.document):
        examination.ok("echo", "the text comes back")


def _unknown_type(examination: Examination) -> None:
    step, node = "unknown type", examination.names[0]
    exchange = examination.ask_once(step, node, {"type": "no-such-type"}, required=False)
    if exchange is None:
        return
    expected = KnownError.NOT_SUPPORTED.text
    if exchange.code == KnownError.NOT_SUPPORTED:
        examination.ok(step, f"error {exchange.code}")
    elif exchange.reply is not None and exchange.code is None:
        text = "an unknown type succeeded"
        examination.add(Level.ADVICE, step, text, exchange, expected, ERRORS)
    else:
        text = "no answer" if exchange.reply is None else exchange.error
        examination.add(Level.NOTE, step, text, exchange, expected, ERRORS)
