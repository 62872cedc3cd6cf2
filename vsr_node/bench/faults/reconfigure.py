"""Changes of members: a node is asked for other members of its group, while clients work.

Only nodes that offer ``reconfigure`` can be asked (see ``docs/MEMBERSHIP.md``). The nemesis asks a
random node for a random set of the nodes, and waits for the answer as for that of an operation. A
node may refuse, as another change may be under way, or too many of the members may be away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from vsr_node.bench.faults.kind import Demand, PlannedKind, PlannedValue
from vsr_node.bench.nodes.clients import Client, error_of, require_fields
from vsr_node.bench.nodes.known_errors import DEFINITE_ERRORS, KnownError
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND

ANSWER_TIME_OUT_NS = 10 * NANOSECONDS_PER_SECOND
"""New members have to catch up first, and one that makes no progress is waited for."""


@dataclass(frozen=True, slots=True)
class Reconfigure(PlannedValue):
    """The members that the node ``asked`` is asked for."""

    nodes: Sequence[str]
    asked: str

    def without(self, node: str) -> "Reconfigure | None":
        """Return a change to the other nodes; None if none of them is left."""
        left = [name for name in self.nodes if name != node]
        if not left:
            return None
        return _change(left, left[0] if self.asked == node else self.asked)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a change that was asked for."""

    kind: str
    """``ok``; ``fail`` if the change certainly was not made; ``info`` if that is unknown."""
    text: str
    epoch: int | None = None
    """The epoch in which the group has the members; None if it has not, or that is unknown."""
    members: tuple[str, ...] = ()
    """The members of that epoch, in their order."""

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the history records it."""
        return {"kind": self.kind, "text": self.text}


def ask(client: Client, change: Reconfigure, on_answer: Callable[[Answer], None]) -> None:
    """Ask for a change, and call ``on_answer`` once. The client must wait for no other answer."""
    body = {"type": "reconfigure", "members": list(change.nodes)}
    client.request(change.asked, body, ANSWER_TIME_OUT_NS, partial(_on_reply, on_answer))


def _on_reply(on_answer: Callable[[Answer], None], body: dict[str, Any] | None) -> None:
    """Take the reply, None if none came in time. Raises WireError if it is malformed."""
    if body is None:
        seconds = ANSWER_TIME_OUT_NS // NANOSECONDS_PER_SECOND
        on_answer(Answer("info", f"no answer within {seconds} s"))
    elif (error := error_of(body)) is not None:
        code, text = error
        on_answer(Answer("fail" if code in DEFINITE_ERRORS else "info", f"error {code}: {text}"))
    else:
        on_answer(_answer_of(body))
        require_fields(body, "reconfigure_ok", frozenset(("epoch", "members")))


def _answer_of(body: Mapping[str, Any]) -> Answer:
    epoch, members = body.get("epoch"), body.get("members")
    if type(epoch) is not int or not isinstance(members, list):
        return Answer("info", "a malformed answer")
    names = tuple(map(str, members))
    return Answer("ok", f"epoch {epoch}: {' '.join(names)}", epoch, names)


class Offer:
    """Asks a node for an empty group, which one that offers changes of members refuses with 12."""

    def __init__(self, client: Client, node: str) -> None:
        self.is_known = False
        """Whether the node has answered, or had time enough to."""
        self.missing: str | None = None
        """Why the run can't ask for other members; None if it can, or that is unknown."""
        self._node = node
        body = {"type": "reconfigure", "members": []}
        client.request(node, body, ANSWER_TIME_OUT_NS, self._on_reply)

    def _on_reply(self, body: dict[str, Any] | None) -> None:
        self.is_known = True
        error = None if body is None else error_of(body)
        if error is not None and error[0] == KnownError.MALFORMED_REQUEST:
            return
        answered = "did not answer" if body is None else f"answered {body.get('type')}"
        if error is not None:
            answered = f"answered error {error[0]}: {error[1]}"
        self.missing = (
            f"--nemesis {RECONFIGURE.name} needs a node that offers reconfigure and refuses an "
            f"empty list of members with error 12, but {self._node} {answered}; see "
            "docs/MEMBERSHIP.md"
        )


def _change(members: Sequence[str], asked: str) -> Reconfigure:
    kind = "1 member" if len(members) == 1 else f"{len(members)} members"
    return Reconfigure(kind, f"{' '.join(members)} (asked of {asked})", members, asked)


def _draw(demand: Demand, random: Random) -> Reconfigure:
    members = set(random.sample(demand.nodes, random.randint(1, len(demand.nodes))))
    return _change([node for node in demand.nodes if node in members], random.choice(demand.nodes))


RECONFIGURE = PlannedKind(
    name="reconfigure",
    begins="reconfigure",
    ends="reconfigured",
    value=Reconfigure,
    draw=_draw,
    at_leader=None,
    ends_by_itself=True,
)
