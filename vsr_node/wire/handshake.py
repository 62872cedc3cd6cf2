"""Who is there: the first frames of a connection, decided without I/O.

The one who dials says HELLO; the other answers WELCOME, or REFUSED and closes. Nothing else is read
before. Where connections are encrypted, a certificate proves the name that HELLO claims.
"""

from collections.abc import Collection
from hashlib import sha256
from typing import Any, NamedTuple

from vsr_node.wire.calls import Answer, Call, Change, Query, Register
from vsr_node.wire.frames import FrameCodec

PROTOCOL_VERSION = 2

HELLO_BYTES_MAX = 4 << 10
"""What is read of a connection before it has said who it is."""

HELLO_TIME_S = 5.0
"""How long it may take for that."""

MEMBER, CLIENT = "member", "client"


class Hello(NamedTuple):
    """Who dials, and to whom: the group, and of a member the digest of what all must agree on.

    ``machine`` is the machine's name, a slash and a digest of its commands; empty if the one who
    dials knows no machine.
    """

    version: int
    group: str
    role: str
    name: str
    digest: str
    machine: str


class Welcome(NamedTuple):
    """The connection stands. ``name`` is the member's that was dialled."""

    name: str


class Refused(NamedTuple):
    """The connection is closed. ``reason`` is one of those below, ``text`` is for people."""

    reason: str
    text: str


WRONG_VERSION, WRONG_GROUP, ACCESS_DENIED, TOO_MANY = "version", "group", "access", "busy"

FINAL_REASONS = (WRONG_VERSION, WRONG_GROUP, ACCESS_DENIED)
"""A client that was refused for one of these would be refused again."""


class Ping(NamedTuple):
    """A sign of life, to be answered."""

    number: int


class Pong(NamedTuple):
    """The answer to PING."""

    number: int


class AskStatus(NamedTuple):
    """Somebody asks how a member is."""

    number: int


class StatusAnswer(NamedTuple):
    """A member's state as a JSON object."""

    number: int
    status: str


class Directory(NamedTuple):
    """The members of the newest epoch that a process knows, and all addresses that it knows."""

    epoch: int
    members: tuple[str, ...]
    addresses: tuple[tuple[str, str], ...]


class Digest(NamedTuple):
    """The digest of the first ``number`` operations and their results, as a member has them."""

    number: int
    digest: int


FRAMES: FrameCodec[Any] = FrameCodec(
    {
        64: Hello,
        65: Welcome,
        66: Refused,
        67: Ping,
        68: Pong,
        69: Register,
        70: Call,
        71: Query,
        72: Answer,
        73: AskStatus,
        74: StatusAnswer,
        75: Digest,
        76: Directory,
        77: Change,
    }
)
"""All frames but those of the protocol's messages."""


SIGNS_OF_LIFE = (67, 68)
"""The types of PING and PONG."""


def digest_of(*facts: object) -> str:
    """Return a digest of what all members must agree on: founders in their order, limits."""
    return sha256(repr(facts).encode()).hexdigest()[:16]


class Doorkeeper:
    """Decides who gets in at the member ``name``. ``members`` may grow."""

    def __init__(
        self, *, name: str, group: str, members: Collection[str], digest: str, machine: str
    ) -> None:
        self._name = name
        self._group = group
        self._members = members
        self._digest = digest
        self._machine = machine

    def judge(self, hello: Hello, proved: Collection[str] | None) -> Welcome | Refused:
        """Decide about a HELLO. ``proved`` are the names of its certificate; None without TLS."""
        if hello.version != PROTOCOL_VERSION:
            return Refused(WRONG_VERSION, f"this member speaks version {PROTOCOL_VERSION}")
        if hello.group != self._group:
            return Refused(WRONG_GROUP, f"this member is of the group {self._group!r}")
        if hello.role == MEMBER:
            return self._judge_member(hello, proved)
        if hello.role != CLIENT:
            return Refused(ACCESS_DENIED, "neither a member nor a client")
        if proved is not None and CLIENT not in proved:
            return Refused(ACCESS_DENIED, "the certificate is no client's")
        if hello.machine not in ("", self._machine):
            return Refused(WRONG_VERSION, f"this group runs {self._other_than(hello.machine)}")
        return Welcome(self._name)

    def _judge_member(self, hello: Hello, proved: Collection[str] | None) -> Welcome | Refused:
        if hello.name == self._name or hello.name not in self._members:
            return Refused(ACCESS_DENIED, f"{hello.name!r} is no other member of the group")
        if proved is not None and hello.name not in proved:
            return Refused(ACCESS_DENIED, f"the certificate is not that of {hello.name!r}")
        if hello.digest != self._digest:
            return Refused(WRONG_GROUP, "founders and limits must be the same at all members")
        if hello.machine != self._machine:
            return Refused(WRONG_VERSION, f"this member runs {self._other_than(hello.machine)}")
        return Welcome(self._name)

    def _other_than(self, machine: str) -> str:
        """Describe how this member's machine differs from another one."""
        own, other = self._machine.partition("/")[0], machine.partition("/")[0]
        return f"a {own} with other commands" if own == other else f"{own}, not {other}"
