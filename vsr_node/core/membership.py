"""The members of one epoch, and the number that names an epoch and a view (VRR sections 2 and 7).

The paper puts an epoch_number and a view_number into each message and compares both. Here they are
one whole number, ``view_number = epoch * VIEWS_PER_EPOCH + view``. So each comparison of views
compares epochs first, and a group that never changes counts its views as before.
"""

from dataclasses import dataclass, field

VIEWS_PER_EPOCH = 1 << 32

EPOCHS_MAX = 1 << 20
"""With ``VIEWS_PER_EPOCH`` each view_number is a whole number that JSON keeps exact."""


def epoch_of(view_number: int) -> int:
    """Return the epoch of a view."""
    return view_number // VIEWS_PER_EPOCH


def first_view_of(epoch: int) -> int:
    """Return the number of the view with which an epoch begins."""
    return epoch * VIEWS_PER_EPOCH


@dataclass(frozen=True, slots=True)
class Membership:
    """The replicas of one epoch, in an order on which all of them agree.

    Any number of members from one upwards works, even numbers too. A ``quorum`` is a majority: any
    two share a replica. The group lives through ``failures_max`` failures: the members beyond a
    quorum.
    """

    epoch: int
    members: tuple[str, ...]
    quorum: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a group needs at least one member")
        if len(set(self.members)) != len(self.members):
            raise ValueError(f"a member is named twice: {', '.join(self.members)}")
        object.__setattr__(self, "quorum", len(self.members) // 2 + 1)

    @property
    def failures_max(self) -> int:
        """Return VRR's f: how many members may be away while the others serve."""
        return len(self.members) - self.quorum

    def primary_of(self, view_number: int) -> str:
        """Return the primary: it is not elected, the view number gives it (VRR section 4)."""
        return self.members[view_number % VIEWS_PER_EPOCH % len(self.members)]

    def others(self, name: str) -> tuple[str, ...]:
        """Return all members but ``name``, in the group's order."""
        return tuple(member for member in self.members if member != name)
