"""What the doctor offers to the steps of a workload."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import orjson

from vsr_node.bench.nodes.known_errors import KnownError

Body = dict[str, Any]


class Operation(NamedTuple):
    """What a client is about to do; ``value`` as in the history."""

    f: str
    key: Any
    value: Any
    is_final: bool = False
    """Whether it belongs to the final phase."""

    def as_json(self) -> dict[str, Any]:
        """Return its fields; ``final`` only if it is."""
        plain = {"f": self.f, "key": self.key, "value": self.value}
        return plain | {"final": True} if self.is_final else plain


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that succeeded, with the value of its ok event."""

    value: Any


class Examiner(Protocol):
    """Asks a group without faults, judges the replies and reports a line for each.

    ``step`` is the name of the line. ``where`` is the document that demands the reply, None for
    the workload's own. A temporary refusal is never a mistake: the request is made again, at other
    nodes too, and if all refuse it to the end, that is noted.
    """

    values: dict[Any, Any]
    """What the nodes have acknowledged, by key, for the steps to keep."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes."""

    @property
    def serving(self) -> tuple[str, ...]:
        """The names of the nodes that serve requests; all if none does."""

    @property
    def workload(self) -> str:
        """The name of the workload that the node is examined for."""

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

    def refuse(
        self,
        step: str,
        node: str,
        body: Body,
        code: KnownError,
        *,
        noted: Body | None = None,
    ) -> None:
        """Demand an error; another one is advice. The reply ``noted`` is no mistake, but noted."""

    def find_serving(self, step: str, body: Body) -> None:
        """Learn which nodes serve requests, by asking all of them for what changes nothing."""

    def at_once(self, step: str, body: Body, reply: Body) -> None:
        """Send many requests before the first reply, and demand ``reply`` to each."""

    def answer(self, step: str, node: str, body: Body) -> Body | None:
        """Return the reply, for the step to judge; None if a mistake is reported already."""

    def perform(self, step: str, node: str, operation: Operation) -> Done | None:
        """Carry an operation of the workload out, as a test would.

        Return None if what went wrong is reported already.
        """

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

    def mistake(self, step: str, text: str, expected: str) -> None:
        """Report a mistake."""

    def ok(self, step: str, text: str) -> None:
        """Report that a step succeeded."""

    def note(self, step: str, text: str, expected: str) -> None:
        """Report what surprises, and is not held against the node."""


Step = Callable[[Examiner], None]


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: 1, 1.0 and true differ."""
    options = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=options) == orjson.dumps(other, option=options)


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return orjson.dumps(value).decode()
