"""What the modules of events have in common."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from vsr_node.core.replica import Replica
from vsr_node.core.status import Status

COUNT: Mapping[str, int] = {"count": 1}
"""The measurements of an event that has nothing better."""

Note: TypeAlias = Callable[[str, int, Mapping[str, int], Mapping[str, object]], None]
"""Takes an event: its name, when it was in microseconds, its measurements and own metadata."""

NOTHING: Mapping[str, object] = {}
"""The metadata of an event that has none of its own."""


class State(NamedTuple):
    """What the ends of a turn are compared by."""

    status: str
    view_number: int
    is_primary: bool
    is_serving: bool
    is_following: bool
    op_number: int
    commit_number: int

    @property
    def role(self) -> str:
        """The role in the view."""
        return "primary" if self.is_primary else "backup"


BEFORE_THE_START = State("starting", 0, False, False, False, 0, 0)
"""What the first state of a replica is compared with."""

NORMAL, VIEW_CHANGE, RECOVERING = (
    Status.NORMAL.value,
    Status.VIEW_CHANGE.value,
    Status.RECOVERING.value,
)


def state_of(replica: Replica) -> State:
    """Return a replica's state."""
    return State(
        replica.status.value,
        replica.view_number,
        replica.is_primary,
        replica.is_serving_primary,
        replica.is_following,
        replica.log.op_number,
        replica.commit_number,
    )
