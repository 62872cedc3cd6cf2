"""What a client and a member say to each other once they know who they are.

A client registers, and names its session in each call. A query changes nothing and goes beside the
log, so it needs no session. Operations and results are texts.
"""

from enum import IntEnum
from typing import NamedTuple, TypeAlias


class Register(NamedTuple):
    """A client asks for a session. ``nonce`` is 16 hexadecimal digits of its own."""

    nonce: str


class Call(NamedTuple):
    """A session asks for an operation to be executed once under this number, from 1 on."""

    session: str
    number: int
    operation: str


class Query(NamedTuple):
    """A client asks for an operation that changes nothing."""

    number: int
    operation: str


class Change(NamedTuple):
    """A session asks for other members, under a number as in a call.

    ``members`` are all that the group is to have, each as (name, address). ``epoch`` is the one
    that the client takes for the present one; None if it does not matter.
    """

    session: str
    number: int
    members: tuple[tuple[str, str], ...]
    epoch: int | None


class Outcome(IntEnum):
    """What a member answers."""

    RESULT = 0
    UNAVAILABLE = 1
    """This copy of the request is never executed: no quorum can be reached, or too much waits."""
    UNKNOWN = 2
    """Nobody can tell any more whether it was executed."""
    EXPIRED = 3
    """The same, as the session has expired: nothing more is executed under its name."""
    REFUSED = 4
    """It is not executed, now or later."""


class Answer(NamedTuple):
    """The answer to a request.

    ``client`` is the nonce or the session of the request, and empty for a query. ``text`` is the
    result, the session's name, or the reason.
    """

    client: str
    number: int
    outcome: int
    text: str


Ask: TypeAlias = Register | Call | Query | Change
"""What a client asks."""
