"""What happened, as text that reads like a story.

During a run events are kept as they are: text is made only when it is read.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, cast

from vsr_node.core.messages import Entry, Reconfiguration, Refusal, Reply, name_of
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.simulation.epochs import format_view
from vsr_node.simulation.requests import ClientRequest, WantedMembers
from vsr_node.simulation.statements import STATEMENTS
from vsr_node.simulation.timeline import MICROSECONDS_PER_SECOND, Timeline

Line = tuple[int, str, tuple[Any, ...]]


class Transcript:
    """The last events of a run; all of them when ``length`` is None.

    A detailed one has each change of a log and of a commit_number, too.
    """

    def __init__(
        self, timeline: Timeline, length: int | None, *, is_detailed: bool = False
    ) -> None:
        self._timeline = timeline
        self.is_detailed = is_detailed
        self._lines: deque[Line] = deque(maxlen=length)

    def add(self, kind: str, *details: Any) -> None:
        """Note an event; ``details`` are immutable and become text only when they are read."""
        self._lines.append((self._timeline.now, kind, details))

    def take(self) -> list[Line]:
        """Return the events that are kept, and keep them no longer."""
        lines = list(self._lines)
        self._lines.clear()
        return lines

    @property
    def lines(self) -> list[Line]:
        """Return the events that are kept, as they are."""
        return list(self._lines)

    def __iter__(self) -> Iterator[str]:
        return map(format_line, self._lines)


def format_line(line: Line) -> str:
    """Format one event with its time."""
    time, kind, details = line
    return f"{format_time(time)}  {describe(kind, details)}"


def format_time(time: int) -> str:
    """Format as seconds with six digits, by integers alone."""
    seconds, microseconds = divmod(time, MICROSECONDS_PER_SECOND)
    return f"{seconds:4d}.{microseconds:06d}"


def is_of_message(kind: str, details: tuple[Any, ...]) -> bool:
    """Return whether an event is of a message. Links are cut, too: then the details are texts."""
    is_known = kind in ("arrives", "lost", "cut", "repeated")
    return is_known and bool(details) and not isinstance(details[-1], str)


def describe(kind: str, details: tuple[Any, ...]) -> str:
    """Describe one event in words."""
    match kind, details:
        case ("state", (name, status, view_number, last_normal_view, op_number, commit_number)):
            last_normal = format_view(last_normal_view)
            role = f"{status:<11} view {format_view(view_number)} (last normal {last_normal})"
            return f"    {name} is {role}, op {op_number}, commit {commit_number}"
        case ("arrives", (source, destination, message)):
            return f"{source} -> {destination}: {describe_message(message)}"
        case (("lost" | "cut" | "repeated"), (source, destination, message)) if is_of_message(
            kind, details
        ):
            return f"{source} -> {destination}: {describe_message(message)} [{kind}]"
        case ("story", (sentence,)):
            return f"# {sentence}"
        case ("client", (client, text)):
            return f"{client} {text}"
        case _:
            return f"*** {kind} {' '.join(map(str, details))}".rstrip()


def describe_message(message: Any) -> str:
    """Format a message or an answer in the paper's words."""
    statement = STATEMENTS.get(type(message))
    if statement is not None:
        first_op_number = getattr(message, "first_op_number", 0)
        entries = describe_entries(first_op_number, getattr(message, "entries", ()))
        name = name_of(type(message)).upper()
        return f"{name} view {format_view(message.view_number)}{statement.text(message)}{entries}"
    match message:
        case Relay(origin, route, body):
            way = f", then {', '.join(route)}" if route else ""
            return f"RELAY of {origin}{way}: {describe_message(body)}"
        case LinkRows(_, state, rows):
            heard = "; ".join(f"{row.process} hears {' '.join(row.heard) or '-'}" for row in rows)
            return f"LINKS {state}, {heard}"
        case Reply(client, request_number, result):
            return f"reply {client}#{request_number} {words(result)}"
        case Refusal(client, request_number, reason):
            return f"refusal {client}#{request_number}: {reason.name}"
        case ClientRequest(client, request_number, WantedMembers(members, epoch)):
            claim = "" if epoch is None else f" if the epoch is {epoch}"
            return f"request {client}#{request_number} members {words(members)}{claim}"
        case ClientRequest():
            return f"request {describe_entry(message)}"
        case _:
            return repr(message)


def describe_entries(first_op_number: int, entries: tuple[Entry, ...]) -> str:
    """Format entries with their op_numbers (without them where ``first_op_number`` is 0)."""
    if not entries:
        return ""
    numbers = f"{first_op_number}: " if first_op_number else ""
    if len(entries) > 1 and first_op_number:
        numbers = f"{first_op_number}..{first_op_number + len(entries) - 1}: "
    return f" [{numbers}{'; '.join(map(describe_entry, entries))}]"


def describe_entry(entry: Entry) -> str:
    """Format a request: its client, its number, its operation."""
    client, request_number, operation = entry
    if isinstance(operation, Reconfiguration):
        return f"{client}#{request_number} epoch {operation.epoch}: {words(operation.members)}"
    last: Any = cast("tuple[object, ...]", operation)[-1]
    return f"{client}#{request_number} {words(last)}"


def words(texts: object) -> str:
    """Format an operation or a result without Python's punctuation."""
    return " ".join(map(str, texts)) if isinstance(texts, tuple) else str(texts)
