"""The events that follow from a replica's state before a turn and after it."""

from collections import deque

from vsr_node.core.membership import epoch_of
from vsr_node.core.messages import Prepare, Send
from vsr_node.core.replica import Replica

from .common import (
    BEFORE_THE_START,
    COUNT,
    NORMAL,
    NUMBERS,
    RECOVERING,
    VIEW_CHANGE,
    Measured,
)
from .turns import Turn


class States:
    """Spans of leadership, view changes, changes of members and recovery, and what turns move."""

    def __init__(self) -> None:
        self._leads_since: int | None = None
        self._span_count = 0
        self._span_view = 0
        self._changes_since: int | None = None
        self._old_view = 0
        self._recovers_since: int | None = None
        self._members: tuple[str, ...] = ()
        self._reconfigures_since: int | None = None
        # The last op_number of each PREPARE that is not committed yet, and when it was sent.
        self._prepared: deque[tuple[int, int]] = deque()

    def compare(self, turn: Turn, replica: Replica, at_us: int) -> None:
        """Note what changed in a turn that ended at ``at_us``."""
        before, after = turn.before, turn.after
        if before[:-NUMBERS] != after[:-NUMBERS]:
            self._stop_leading(turn, at_us)
            self._change_view(turn, replica.primary, at_us)
            self._change_members(turn, replica.membership.members, at_us)
            self._recover(turn, at_us)
        if self._reconfigures_since is not None:
            self._end_reconfiguration(turn, replica, at_us)
        if after.commit_number != before.commit_number:
            self._reach_quorum(turn, replica.membership.quorum, at_us)
        if after.is_serving and self._leads_since is None:
            self._begin_to_lead(turn, at_us)
        self._members = replica.membership.members

    def note_prepare(self, _: Turn, __: Replica, send: Send, at_us: int) -> Measured:
        """Note when new entries were sent: their quorum is measured from here."""
        message = send.message
        assert isinstance(message, Prepare)
        last = message.first_op_number + len(message.entries) - 1
        if not self._prepared or last > self._prepared[-1][0]:
            self._prepared.append((last, at_us))
        return ()

    def end(self, turn: Turn, at_us: int) -> None:
        """Note what ends when the replica is shut down."""
        if self._leads_since is not None:
            self._stop(turn, "shut down", at_us)

    def _begin_to_lead(self, turn: Turn, at_us: int) -> None:
        self._leads_since = at_us
        self._span_count += 1
        self._span_view = turn.after.view_number
        self._prepared.clear()
        turn.note("leadership.start", at_us, COUNT, self._span(turn))

    def _span(self, turn: Turn) -> tuple[object, ...]:
        return f"{turn.after.node_id}-{self._span_view}-{self._span_count}", self._span_view

    def _stop_leading(self, turn: Turn, at_us: int) -> None:
        if self._leads_since is None:
            return
        if turn.after.view_number != self._span_view:
            self._stop(turn, "newer view", at_us)
        elif not turn.after.is_serving:
            self._stop(turn, "no quorum answers", at_us)

    def _stop(self, turn: Turn, why: str, at_us: int) -> None:
        assert self._leads_since is not None
        duration = at_us - self._leads_since
        self._leads_since = None
        turn.note("leadership.stop", at_us, (duration,), (*self._span(turn), why))

    def _change_view(self, turn: Turn, primary: str, at_us: int) -> None:
        before, after = turn.before, turn.after
        old_view, new_view = before.view_number, after.view_number
        is_first = before is BEFORE_THE_START
        is_newer = new_view != old_view
        if after.status != before.status:
            turn.note("state.status_change", at_us, COUNT, (before.status, after.status))
        if is_newer:
            turn.note("state.view_change", at_us, COUNT, (old_view, new_view))
        if is_first or after.is_primary != before.is_primary:
            old_role = "none" if is_first else before.role
            turn.note("state.role_change", at_us, COUNT, (old_role, after.role))
        begins = after.status == VIEW_CHANGE and (is_newer or before.status != VIEW_CHANGE)
        is_over_at_once = after.status == NORMAL and is_newer and before.status != RECOVERING
        if begins or (is_over_at_once and not is_first):
            self._changes_since = at_us
            self._old_view = old_view
            own = old_view, new_view, primary, before.status
            turn.note("view_change.start", at_us, COUNT, own)
        if after.status == NORMAL and self._changes_since is not None:
            duration = at_us - self._changes_since
            self._changes_since = None
            own = self._old_view, new_view, primary, after.status
            turn.note("view_change.complete", at_us, (duration,), own)

    def _change_members(self, turn: Turn, members: tuple[str, ...], at_us: int) -> None:
        before, after = turn.before, turn.after
        old_members = self._members
        epoch = epoch_of(after.view_number)
        if before is not BEFORE_THE_START and epoch != epoch_of(before.view_number):
            self._reconfigures_since = at_us
            added = tuple(name for name in members if name not in old_members)
            removed = tuple(name for name in old_members if name not in members)
            turn.note("reconfiguration.start", at_us, COUNT, (epoch, added, removed))

    def _end_reconfiguration(self, turn: Turn, replica: Replica, at_us: int) -> None:
        assert self._reconfigures_since is not None
        if turn.after.status == NORMAL or replica.is_released:
            duration = at_us - self._reconfigures_since
            self._reconfigures_since = None
            own = (epoch_of(turn.after.view_number),)
            turn.note("reconfiguration.complete", at_us, (duration,), own)

    def _recover(self, turn: Turn, at_us: int) -> None:
        before, after = turn.before, turn.after
        if after.status == RECOVERING and before.status != RECOVERING:
            self._recovers_since = at_us
            turn.note("recovery.start", at_us, COUNT)
        elif self._recovers_since is not None and after.status != RECOVERING:
            duration = at_us - self._recovers_since
            self._recovers_since = None
            turn.note("recovery.complete", at_us, (duration,))

    def _reach_quorum(self, turn: Turn, quorum: int, at_us: int) -> None:
        commit_number = turn.after.commit_number
        if self._leads_since is None or self._span_view != turn.after.view_number:
            return
        sent_at = at_us
        while self._prepared and self._prepared[0][0] <= commit_number:
            sent_at = self._prepared.popleft()[1]
        measurements = at_us - sent_at, commit_number - turn.before.commit_number
        turn.note("replication.quorum_reached", at_us, measurements, (quorum,))
