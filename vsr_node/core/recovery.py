"""Recovery (VRR section 4.3): a replica whose log can't be trusted gets another.

It does not know what it once acknowledged, so it takes part in nothing: it neither votes nor
acknowledges nor answers anybody until it holds a log with everything that it may have
acknowledged. Its view_number and the committed beginning of its log were not lost (``storage``).

RECOVERY carries the view that the replica promised, which is news to replicas in an older one,
and a nonce that no earlier incarnation used, so that no answer from before the crash counts.
Replicas in normal status answer. f + 1 answers share a replica with every quorum of a later
view. So when the primary of the newest view among them has answered too, its log lacks nothing
that this replica may have acknowledged: neither what it acknowledged in that view nor what was
committed in older ones. Without the promised view, forgotten votes for a newer view could lose
committed operations (Michael et al., DISC 2017).

It knows the group whose answers count only once it has executed the beginning of the epoch in which
it promised its view. Until then it fetches what is committed from any process. If that leads to an
epoch beyond, it is recovered: it never took part in that one, and all that it may have acknowledged
before is in what it now holds. The epoch of its promise it never enters so: it would forget what it
has acknowledged there.

Where more than f replicas lost their logs, no f + 1 are left to answer: the group stays stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import quorum_read, state_transfer
from .admission import Hearing, impossible_log
from .execution import commit_up_to
from .forwarding import submit_again
from .membership import epoch_of
from .messages import Entries, Message, Recovery, RecoveryResponse
from .status import Status
from .timers import Timer
from .view_change import become_normal, first_op_number_for, replace_uncommitted

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Recovering:
    """What a recovering replica knows: the newest answer of each replica to its ``nonce``."""

    nonce: str
    responses: dict[str, RecoveryResponse]
    is_due: bool
    """Something has come, or time has passed, so that it may go on."""


def begin(replica: Replica, nonce: str) -> None:
    """Begin to ask; ``nonce`` must be new."""
    replica.recovering = Recovering(nonce, {}, is_due=False)
    replica.timers.start(Timer.RECOVERY, replica.now)


def knows_its_group(replica: Replica) -> bool:
    """Return whether this replica knows the members of the epoch in which it promised its view."""
    return epoch_of(replica.view_number) == replica.membership.epoch


def ask(replica: Replica) -> None:
    """Ask all others, again and again for as long as it takes."""
    recovering = replica.recovering
    assert recovering is not None
    message = Recovery(
        view_number=replica.view_number,
        op_number=replica.commit_number,
        nonce=recovering.nonce,
    )
    replica.send(replica.other_processes, message)
    if not knows_its_group(replica):
        state_transfer.fetch_from_next(replica)
    recovering.is_due = True
    replica.timers.start(Timer.RECOVERY, replica.now + replica.time_out // 4)


def on_recovery(replica: Replica, source: str, message: Recovery) -> None:
    """Answer, as a replica in normal status does; the primary sends its log along."""
    view_number, commit_number = replica.view_number, replica.commit_number
    first_op_number = commit_number + 1
    entries: Entries = ()
    if replica.is_primary:
        first_op_number = first_op_number_for(replica, message.op_number)
        entries = replica.log.suffix(first_op_number)
    replica.send(
        (source,),
        RecoveryResponse(
            view_number=view_number,
            nonce=message.nonce,
            commit_number=commit_number,
            first_op_number=first_op_number,
            entries=entries,
        ),
    )


def on_recovery_response(replica: Replica, source: str, message: RecoveryResponse) -> None:
    """Note an answer to this incarnation's RECOVERY."""
    recovering = replica.recovering
    assert recovering is not None
    if message.nonce != recovering.nonce:
        return
    if source not in replica.peers:
        return
    if message.view_number < replica.view_number:
        return
    known = recovering.responses.get(source)
    if known is None or known.view_number <= message.view_number:
        recovering.responses[source] = message
        recovering.is_due = True


def go_on_with_committed(replica: Replica) -> None:
    """Go on: all that is committed and was asked for has come."""
    recovering = replica.recovering
    assert recovering is not None
    recovering.is_due = True


def go_on(replica: Replica) -> None:
    """Take over the log of the newest view's primary once enough have answered."""
    recovering = replica.recovering
    assert recovering is not None
    if not recovering.is_due or not knows_its_group(replica):
        return
    recovering.is_due = False
    responses = recovering.responses
    if len(responses) < replica.membership.failures_max + 1:
        return
    view_number = max(response.view_number for response in responses.values())
    primary = replica.membership.primary_of(view_number)
    log = responses.get(primary)
    if log is None or log.view_number < view_number:
        return
    if log.first_op_number > replica.commit_number + 1:
        state_transfer.ask(replica, primary)
        return
    replace_uncommitted(replica, log)
    replica.set_view(view_number)
    become_normal(replica)
    replica.set_recovered()
    replica.timers.stop(Timer.RECOVERY)
    # What was asked meanwhile asks the peers of this view.
    quorum_read.begin_anew(replica)
    commit_up_to(replica, log.commit_number)
    submit_again(replica)


def _impossible_recovery_response(
    replica: Replica, source: str, message: RecoveryResponse
) -> str | None:
    if message.entries and replica.membership.primary_of(message.view_number) != source:
        return "only the primary of a view sends its log"
    return impossible_log(message)


HEARS: dict[type[Message], Hearing] = {
    # One that lost its log does not know whether it is a member of the epoch.
    Recovery: Hearing(
        on_recovery, (Status.NORMAL,), is_served_in_any_view=True, is_from_any_process=True
    ),
    RecoveryResponse: Hearing(
        on_recovery_response, (Status.RECOVERING,), impossible=_impossible_recovery_response
    ),
}
