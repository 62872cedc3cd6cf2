"""What the modules of events have in common."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from vsr_node.core.messages import Message, Operation, Record, Result, Send
from vsr_node.core.replica import Replica
from vsr_node.core.status import Status

COUNT = (1,)
"""The measurements of an event that has nothing better."""

NANOSECONDS_PER_MICROSECOND = 1_000

Measured: TypeAlias = tuple[int, ...]

Row: TypeAlias = tuple[str, int, Measured, tuple[object, ...]]
"""An event: name, ``at_us``, the values of its measurements and of its own metadata.

Both are in the order of the catalogue. This and what follows are plain tuples, as there are many.
"""

Span: TypeAlias = tuple[Operation, int, int]
"""An operation, and from when to when it was executed (nanoseconds)."""

Asked: TypeAlias = tuple[str, int, Operation, int | None, bool, int]
"""A client's request: client, request_number, operation, its length (None: its size stands for
it), whether it is a read, and when it came."""

Stop: TypeAlias = tuple[Asked, str, Result]
"""The end of a request: the request, its outcome, and its result if there is one."""

Heard: TypeAlias = tuple[str, Message, int | None, Measured]
"""A message that came: from whom, the message, its length without its envelope (None: its size
stands for it), and what the message itself does not have."""

Sent: TypeAlias = tuple[Send, int | None, int, Measured]
"""A message that left: its length, when, and what the message itself does not have."""

Flush: TypeAlias = tuple[Sequence[Record], int, int, int, bool]
"""Records that were made durable: until when, how long that took, how long the last snapshot took
(microseconds), and whether the storage waits for the disk."""


class State(NamedTuple):
    """A replica at the end of a turn: what turns are compared by, and what all events have."""

    is_serving: bool
    is_following: bool
    node_id: str
    view_number: int
    status: str
    is_primary: bool
    cluster_size: int
    op_number: int
    commit_number: int

    @property
    def role(self) -> str:
        """The role in the view."""
        return "primary" if self.is_primary else "backup"


NUMBERS = 2
"""How many fields at the end of a state change in most turns. The others are compared at once."""

BEFORE_THE_START = State(False, False, "", 0, "starting", False, 0, 0, 0)
"""What the first state of a replica is compared with."""

NORMAL, VIEW_CHANGE, RECOVERING = (
    Status.NORMAL.value,
    Status.VIEW_CHANGE.value,
    Status.RECOVERING.value,
)


def state_of(replica: Replica) -> State:
    """Return a replica's state."""
    return State(
        replica.is_serving_primary,
        replica.is_following,
        replica.name,
        replica.view_number,
        replica.status.value,
        replica.is_primary,
        len(replica.membership.members),
        replica.log.op_number,
        replica.commit_number,
    )
