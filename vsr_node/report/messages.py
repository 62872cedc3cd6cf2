"""The messages of a run in columns, small enough for a page.

Columns of numbers come first: the time of sending, the time under way, the route, kind and fate.
The bodies, which take most of the space, are in blocks that the page opens one by one.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import NamedTuple

import orjson

MESSAGES_MAX = 1_000_000
"""How many messages a page holds: of more only a sample is kept, but all around a violation."""

KINDS_MAX = 500
ROUTES_MAX = 65_000
NAME_SHOWN_MAX = 60
BODY_SHOWN_MAX = 1_500
"""How many bytes of a body are kept."""

NANOSECONDS_PER_MICROSECOND = 1000
MICROSECONDS_MAX = 2**32 - 1

FATES = ("delivered", "repeated", "cut", "lost", "dropped", "killed", "under way", "other")
STOPPED = frozenset({"cut", "lost", "dropped", "killed"})
"""The fates of messages that did not arrive."""

OTHER = "(other)"


class Message(NamedTuple):
    """A message. Times are nanoseconds since the run began; a long JSON ``body`` is shortened."""

    sent: int
    ended: int
    source: str
    destination: str
    kind: str
    fate: str
    body: bytes


VIEWS_PER_EPOCH = 1 << 32

VIEW_FIELDS = ("current_view_number", "view_number", "view", "term")
"""The fields of bodies that name the sender's view or term, the most telling first: a vote is for
a later view than its sender's own, and contains both."""


class Sighting(NamedTuple):
    """The first sight of a node in a view or term.

    ``time`` is in nanoseconds since the run began.
    """

    node: str
    time: int
    view_number: int
    field: str = "view_number"
    """The field that names it."""


class Request(NamedTuple):
    """A client's request, which identifies the client of an operation."""

    sent: int
    client: str


@dataclass(slots=True)
class Messages:
    """The kept messages of a run, in the order of sending, and their summary."""

    kept: list[Message] = field(default_factory=list)
    total: int = 0
    members: list[str] = field(default_factory=list)
    """The group in the order of ``init``, which determines each view's primary."""
    epochs: dict[int, list[str]] = field(default_factory=dict)
    """The members of each later epoch of a group that changes them, in their order."""
    nodes: list[str] = field(default_factory=list)
    """All names but those of clients, the members first."""
    sightings: list[Sighting] = field(default_factory=list)
    requests: dict[bytes, list[Request]] = field(default_factory=dict)
    """Requests by ``request_key``, in order."""
    starts: dict[str, list[int]] = field(default_factory=dict)
    """For each node the times at which it was initialized, in nanoseconds, in order."""


def request_key(destination: str, kind: str, body: Mapping[str, object]) -> bytes:
    """Return a key that differs between the requests of different operations."""
    asked = {name: body[name] for name in body if name not in ("type", "msg_id")}
    return orjson.dumps([destination, kind, asked], option=orjson.OPT_SORT_KEYS)


def load_messages(
    path: Path,
    functions: Sequence[str],
    focus: Sequence[tuple[int, int]],
    first_requests: Sequence[str] = (),
) -> Messages:
    """Load the messages of a file, among them all that were sent in ``focus`` (nanoseconds).

    There are none without a file: Maelstrom writes none. ``functions`` are the operations that
    identify clients' requests, ``first_requests`` the types of requests that are known by their
    type alone, whatever they ask. A line that is not a message is skipped: the run may have ended
    while it was written.
    """
    messages = Messages()
    if not path.is_file():
        return messages
    with path.open("rb") as file:
        messages.total = sum(1 for _ in file)
    stride = -(-messages.total // MESSAGES_MAX)
    reader = _Reader(messages, frozenset(functions), frozenset(first_requests))
    with path.open("rb") as file:
        for number, line in enumerate(file):
            message = reader.read(line)
            if message is not None and (
                number % stride == 0 or any(begin <= message.sent <= end for begin, end in focus)
            ):
                messages.kept.append(message)
    messages.kept.sort()
    names = {name for each in messages.kept for name in (each.source, each.destination)}
    others = names.difference(messages.members)
    messages.nodes = messages.members + sorted(n for n in others if not n.startswith("c"))
    messages.members = messages.members or messages.nodes
    messages.sightings.sort(key=lambda sighting: sighting.time)
    for requests in messages.requests.values():
        requests.sort()
    for starts in messages.starts.values():
        starts.sort()
    return messages


class _Reader:
    """Parses lines, and notes the members, views and requests that they mention."""

    def __init__(
        self, messages: Messages, functions: frozenset[str], first_requests: frozenset[str]
    ) -> None:
        self._messages = messages
        self._functions = functions | first_requests
        self._first_requests = first_requests
        self._views: dict[str, int] = {}

    def read(self, line: bytes) -> Message | None:
        try:
            record = orjson.loads(line)
            sent, ended, content = record["sent"], record["ended"], record["message"]
            source, destination, body = content["src"], content["dest"], content["body"]
            kind = body.get("type")
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        if not (isinstance(sent, int) and isinstance(ended, int) and 0 <= sent <= ended):
            return None
        source, destination, kind = _name(source), _name(destination), _name(kind)
        self._note_members(kind, body)
        if kind == "init_ok":
            self._messages.starts.setdefault(source, []).append(sent)
            self._views.pop(source, None)
        self._note_view(source, sent, body)
        if kind in self._functions:
            asked = {} if kind in self._first_requests else body
            key = request_key(destination, kind, asked)
            self._messages.requests.setdefault(key, []).append(Request(sent, source))
        fate = record.get("fate")
        return Message(
            sent,
            ended,
            source,
            destination,
            kind,
            fate if fate in FATES else "other",
            _shortened(orjson.dumps(body)),
        )

    def _note_members(self, kind: str, body: Mapping[str, object]) -> None:
        members = body.get("node_ids") if kind == "init" else None
        if isinstance(members, list):
            known = self._messages.members
            known += [name for name in map(_name, members) if name not in known]
        view_number, members = body.get("view_number"), body.get("members")
        if kind == "start_epoch" and isinstance(view_number, int) and isinstance(members, list):
            self._messages.epochs.setdefault(view_number // VIEWS_PER_EPOCH, [*map(_name, members)])

    def _note_view(self, source: str, sent: int, body: Mapping[str, object]) -> None:
        name = next((name for name in VIEW_FIELDS if type(body.get(name)) is int), None)
        if name is None:
            return
        view_number = body[name]
        assert isinstance(view_number, int)
        if self._views.get(source) != view_number:
            self._views[source] = view_number
            self._messages.sightings.append(Sighting(source, sent, view_number, name))


class Table:
    """Numbers for texts, in order of first use; beyond a limit all others share one number."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text."""
        number = self.numbers.get(text)
        if number is None:
            if len(self.numbers) >= self._limit:
                text = OTHER
            number = self.numbers.setdefault(text, len(self.numbers))
        return number

    @property
    def texts(self) -> list[str]:
        """The texts by number."""
        return list(self.numbers)


@dataclass(slots=True)
class Columns:
    """Messages as columns. Times are in microseconds."""

    sent: "array[int]" = field(default_factory=lambda: array("I"))
    """The time since the previous message."""
    took: "array[int]" = field(default_factory=lambda: array("I"))
    source: "array[int]" = field(default_factory=lambda: array("H"))
    destination: "array[int]" = field(default_factory=lambda: array("H"))
    kind: "array[int]" = field(default_factory=lambda: array("H"))
    fate: "array[int]" = field(default_factory=lambda: array("B"))
    names: Table = field(default_factory=lambda: Table(ROUTES_MAX))
    kinds: Table = field(default_factory=lambda: Table(KINDS_MAX))


def columns_of(messages: Sequence[Message], nodes: Sequence[str]) -> Columns:
    """Return the columns of messages, which must be in the order of sending."""
    columns = Columns()
    for node in nodes:
        columns.names.number(node)
    before = 0
    for message in messages:
        sent = message.sent // NANOSECONDS_PER_MICROSECOND
        took = message.ended // NANOSECONDS_PER_MICROSECOND - sent
        columns.sent.append(min(sent - before, MICROSECONDS_MAX))
        columns.took.append(min(took, MICROSECONDS_MAX))
        columns.source.append(columns.names.number(message.source))
        columns.destination.append(columns.names.number(message.destination))
        columns.kind.append(columns.kinds.number(message.kind))
        columns.fate.append(FATES.index(message.fate))
        before = sent
    return columns


def body_blocks(messages: Sequence[Message], size: int) -> Iterator[bytes]:
    """Yield the bodies of ``size`` messages at a time, one per line: JSON needs no line breaks."""
    for begin in range(0, len(messages), size):
        yield b"\n".join(message.body for message in messages[begin : begin + size])


def _name(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=repr).decode()
    return intern(text[:NAME_SHOWN_MAX])


def _shortened(body: bytes) -> bytes:
    if len(body) <= BODY_SHOWN_MAX:
        # A copy, as orjson's own bytes occupy a kilobyte however short they are.
        return memoryview(body).tobytes()
    begin = body[:BODY_SHOWN_MAX].decode("utf-8", "ignore")
    return f"{begin} ... ({len(body)} bytes in all)".encode()
