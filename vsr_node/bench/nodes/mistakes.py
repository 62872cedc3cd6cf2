"""Mistakes: what a node must not do, whatever it computes. The bench reports them at once.

A report has the line, what was expected, and the document of Maelstrom's that says so. A mistake
makes a run invalid even if its history is linearizable.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Clock

REPORTED_PER_NODE_AND_KIND = 3
"""A node that prints a log to stdout must not flood the terminal; further lines are counted."""

KEPT_IN_RESULTS = 100
LINE_SHOWN_BYTES = 300


class Kind(StrEnum):
    """The kinds of mistakes, by their names in the results."""

    NOT_JSON = "not-json"
    NOT_A_MESSAGE = "not-a-message"
    UNKNOWN_SOURCE = "unknown-source"
    UNKNOWN_DESTINATION = "unknown-destination"
    REPLY_TO_NOBODY = "reply-to-nobody"
    MALFORMED_REPLY = "malformed-reply"
    LINE_TOO_LONG = "line-too-long"
    FLOOD = "flood"
    INPUT_NOT_READ = "input-not-read"
    OUTPUT_CLOSED = "output-closed"
    EXITED = "exited"
    NO_INIT_OK = "no-init-ok"
    WRONG_SOURCE = "wrong-source"
    UNKNOWN_ERROR_CODE = "unknown-error-code"
    INIT_OK_WITH_MORE = "init-ok-with-more"
    REPLY_TOO_LATE = "reply-too-late"


ADVICE = frozenset(
    (
        *(Kind.WRONG_SOURCE, Kind.UNKNOWN_ERROR_CODE, Kind.INIT_OK_WITH_MORE),
        Kind.REPLY_TOO_LATE,
    )
)
"""What makes no run invalid: Maelstrom lets it pass, or only stops listening to the node."""

EXPECTED = {
    Kind.NOT_JSON: (
        "stdout carries one JSON object a line and nothing else; logs belong on stderr",
        "protocol.md, Nodes and Networks",
    ),
    Kind.NOT_A_MESSAGE: (
        'an object with "src" and "dest" (strings) and "body" (an object)',
        "protocol.md, Messages",
    ),
    Kind.UNKNOWN_SOURCE: ('"src" is the id that init gave to the node', "protocol.md, Messages"),
    Kind.UNKNOWN_DESTINATION: (
        '"dest" is one of the node_ids of init, a client that sent a request, or a service',
        "protocol.md, Messages",
    ),
    Kind.REPLY_TO_NOBODY: (
        'a message to a client has "in_reply_to", the msg_id of a request that this client sent',
        "protocol.md, Message Bodies",
    ),
    Kind.MALFORMED_REPLY: (
        "a reply has the fields of its schema and no others (an error's body may have more)",
        "workloads.md and protocol.md, Errors",
    ),
    Kind.LINE_TOO_LONG: ("a line of reasonable size that ends with a newline", "protocol.md"),
    Kind.FLOOD: ("fewer messages under way than the bench can hold", "this bench"),
    Kind.INPUT_NOT_READ: ("a node reads its stdin all the time", "this bench"),
    Kind.OUTPUT_CLOSED: ("a node keeps its stdout open as long as it runs", "protocol.md"),
    Kind.EXITED: ("a node runs until the bench ends it", "protocol.md, Nodes and Networks"),
    Kind.NO_INIT_OK: ("an init_ok within 10 seconds of init", "protocol.md, Initialization"),
    Kind.WRONG_SOURCE: ('"src" is the id that init gave to this node', "protocol.md, Messages"),
    Kind.UNKNOWN_ERROR_CODE: (
        "one of the codes that the protocol lists, or from 1000 on for its own",
        "protocol.md, Errors",
    ),
    Kind.INIT_OK_WITH_MORE: (
        "an init_ok has its type and in_reply_to alone",
        "protocol.md, Initialization",
    ),
    Kind.REPLY_TOO_LATE: (
        "a reply in time; Maelstrom reads no more of a node that answers a client that has gone",
        "as Maelstrom 0.2.4 behaves",
    ),
}
"""For each kind, what was expected, and the document that says so."""


class Mistake(NamedTuple):
    """One mistake: ``time`` in nanoseconds since the run began, ``line`` as the node printed it."""

    kind: Kind
    node: str
    time: int
    detail: str
    line: str

    def as_json(self) -> dict[str, Any]:
        """Return the mistake as the results have it."""
        return {**self._asdict(), "expected": EXPECTED[self.kind][0]}


class WireError(Exception):
    """A line or a reply of a node breaks the protocol."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Mistakes:
    """Reports mistakes at once, a few of each kind and node, and counts them all."""

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[str], None],
        last_stderr: Callable[[str], Sequence[str]],
    ) -> None:
        self.counts: dict[str, dict[Kind, int]] = {}
        self.first: list[Mistake] = []
        self._clock = clock
        self._tell = tell
        self.last_stderr = last_stderr

    @property
    def count(self) -> int:
        """How many mistakes all nodes made, without advice."""
        return sum(
            count
            for kinds in self.counts.values()
            for kind, count in kinds.items()
            if kind not in ADVICE
        )

    def record(self, kind: Kind, node: str, detail: str, line: bytes = b"") -> None:
        """Count a mistake, and report it unless enough of its kind were reported."""
        kinds = self.counts.setdefault(node, {})
        kinds[kind] = kinds.get(kind, 0) + 1
        mistake = Mistake(kind, node, self._clock(), detail, _shown(line))
        if len(self.first) < KEPT_IN_RESULTS:
            self.first.append(mistake)
        if kinds[kind] <= REPORTED_PER_NODE_AND_KIND:
            self._tell(self._report(mistake, last=kinds[kind] == REPORTED_PER_NODE_AND_KIND))

    def _report(self, mistake: Mistake, last: bool) -> str:
        expected, where = EXPECTED[mistake.kind]
        seconds = mistake.time / NANOSECONDS_PER_SECOND
        lines = [f"{_title(mistake.kind)} {mistake.node} at {seconds:.3f} s: {mistake.detail}"]
        if mistake.line:
            lines.append(f"  line:     {mistake.line}")
        lines.append(f"  expected: {expected} ({where})")
        stderr = self.last_stderr(mistake.node)
        if stderr:
            lines.append(f"  the last lines that {mistake.node} wrote to stderr:")
            lines += [f"    {text}" for text in stderr]
        if last:
            lines.append(f"  (further mistakes of this kind by {mistake.node} are only counted)")
        return "\n".join(lines)


def _title(kind: Kind) -> str:
    return "ADVICE to" if kind in ADVICE else "MISTAKE of"


def _shown(line: bytes) -> str:
    text = line[:LINE_SHOWN_BYTES].decode(errors="backslashreplace")
    return f"{text}... ({len(line)} bytes)" if len(line) > LINE_SHOWN_BYTES else text
