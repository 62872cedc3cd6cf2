"""The books of all epochs: their members, and what only members of an epoch may do in it.

They are kept of what was committed and of what is on disks, and share no code with the core. The
rules, by the names under which they are reported:

one-change      an epoch ends with one change of its members, which begins the next epoch
own-epoch       a replica that takes part is in the epoch that its executed log leads to, with the
                members that the log gives it
members-only    what only a member says, is said by a member of that epoch
begun-durably   a replica that takes part in an epoch has executed all before it, durably
kept-state      a replica is released only when a quorum of a later epoch holds all that it held
one-answer      a request for other members has the answer that its entry in the log leads to
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vsr_node.core.messages import (
    Commit,
    DoViewChange,
    Farewell,
    Prepare,
    PrepareOk,
    Read,
    ReadOk,
    RecoveryResponse,
    StartView,
    StartViewChange,
)

VIEW_BITS = 32
"""The lower bits of a view_number count the views of an epoch, the others count the epochs."""

OF_MEMBERS = (
    Prepare,
    PrepareOk,
    Commit,
    StartViewChange,
    Farewell,
    DoViewChange,
    StartView,
    RecoveryResponse,
    Read,
    ReadOk,
)
"""What only a member of its view's epoch sends."""


def epoch_of(view_number: int) -> int:
    """Return the epoch of a view."""
    return view_number >> VIEW_BITS


def first_view_of(epoch: int) -> int:
    """Return the first view of an epoch."""
    return epoch << VIEW_BITS


def format_view(view_number: int) -> str:
    """Format a view_number; that of a later epoch as ``epoch:view``."""
    epoch, view = divmod(view_number, 1 << VIEW_BITS)
    return f"{epoch}:{view}" if epoch else f"{view}"


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch: its members, in order, and the op_number of the change that began it."""

    number: int
    members: tuple[str, ...]
    begin: int

    @property
    def quorum(self) -> int:
        """The size of a majority."""
        return len(self.members) // 2 + 1

    @property
    def failures_max(self) -> int:
        """How many members may be away."""
        return len(self.members) - self.quorum

    def primary_of(self, view_number: int) -> str:
        """Return the primary of one of its views."""
        return self.members[view_number % (1 << VIEW_BITS) % len(self.members)]


class Epochs:
    """All epochs that any replica has begun; the first one has the ``founders``."""

    def __init__(self, founders: tuple[str, ...]) -> None:
        self._epochs = [Epoch(0, founders, 0)]
        self._begins = [0]
        self._begun: dict[str, int] = {}

    def __getitem__(self, number: int) -> Epoch:
        return self._epochs[number]

    def __len__(self) -> int:
        return len(self._epochs)

    @property
    def newest(self) -> Epoch:
        """The newest epoch that anybody has begun."""
        return self._epochs[-1]

    def begin(self, op_number: int, members: Sequence[str]) -> None:
        """Note that a committed change at ``op_number`` begins the next epoch."""
        number = len(self._epochs)
        self._epochs.append(Epoch(number, tuple(members), op_number))
        self._begins.append(op_number)

    def of_entry(self, op_number: int) -> Epoch:
        """Return the epoch in which the entry at ``op_number`` was committed."""
        return self._epochs[bisect_left(self._begins, op_number) - 1]

    def after(self, commit_number: int) -> Epoch:
        """Return the epoch that executing the log up to ``commit_number`` leads to."""
        return self._epochs[bisect_right(self._begins, commit_number) - 1]

    def note_durable(self, name: str, commit_number: int) -> None:
        """Note that a replica has durably executed the log up to there."""
        self._begun[name] = max(self._begun.get(name, 0), self.after(commit_number).number)

    def is_begun(self, epoch: Epoch) -> bool:
        """Return whether a quorum of an epoch's members has durably begun it."""
        begun = sum(self._begun.get(name, 0) >= epoch.number for name in epoch.members)
        return begun >= epoch.quorum

    def live(self) -> Iterator[Epoch]:
        """Yield the epochs that may be needed: the newest, and all back to one that has begun."""
        for epoch in reversed(self._epochs):
            yield epoch
            if self.is_begun(epoch):
                return

    def may_go(self, name: str, known: int) -> bool:
        """Return whether a quorum has begun an epoch after the last one of this process.

        Epochs later than ``known`` may have it as a member again, which it can't know.
        """
        last = max(epoch.number for epoch in self._epochs[: known + 1] if name in epoch.members)
        return any(self.is_begun(epoch) for epoch in self._epochs[last + 1 :])

    def was_member(self, name: str, known: int) -> bool:
        """Return whether a process was ever a member, up to the epoch ``known``."""
        return any(name in epoch.members for epoch in self._epochs[: known + 1])
