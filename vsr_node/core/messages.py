"""What replicas send each other, what they make durable, and what they answer (VRR section 4).

Every message carries its sender's view number; ``Replica.on_message`` looks at it before
anything else does, so that no handler ever sees a message of another view than its replica's.

All are named tuples, which are made in a third of a dataclass's time, and many are made in each
turn. So messages of different types with the same values are equal: compare types where it matters.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, TypeAlias

Operation: TypeAlias = object
"""What a state machine applies. The core only stores it and compares it for equality."""

Result: TypeAlias = object
"""What a state machine answers. The core only stores it."""

Parts: TypeAlias = tuple[object, ...]
"""A state as many small values, so that it can be sent in chunks. The core only stores it.

Operations, results and parts are texts, numbers, true, false, None, and tuples of these.
"""


Entry: TypeAlias = tuple[str, int, Operation]
"""A client's request, (client, request_number, operation): in the log, and on its way there.

``client`` and ``request_number`` together are its identity wherever it travels. It is not a
named tuple: these take three times as long to make, to take apart and to write.
"""

Entries: TypeAlias = tuple[Entry, ...]


class Reconfiguration(NamedTuple):
    """An operation: the members of ``epoch`` are these, in this order.

    Of the epoch after the one in which it stands, it is that one's last entry, and executing it
    ends the epoch. Of the epoch in which it stands, it names the present members and changes
    nothing. A client's request for a change is one, too, on its way to the primary: its epoch is
    the one to begin, or 0 if the client does not say.

    Its result is the operation itself.
    """

    epoch: int
    members: tuple[str, ...]


class Declined(NamedTuple):
    """An operation in the place of a change that was not begun: it answers the client, no more.

    ``kind`` is ``OTHER_EPOCH`` or ``NOT_POSSIBLE``, ``reason`` is for people. Its result is the
    operation itself.
    """

    kind: str
    reason: str


OTHER_EPOCH = "other-epoch"
"""The client named an epoch that is not the present one."""

NOT_POSSIBLE = "not-possible"
"""The change can't be made now, or it was given up, and nothing of the group has changed."""

CHANGES: frozenset[type[object]] = frozenset({Reconfiguration, Declined})
"""The operations that the core executes itself: the state machine never sees them."""


def object_of(change: object) -> dict[str, object]:
    """Return a change as an object for JSON, as nothing else is. Raise TypeError for all else."""
    if isinstance(change, (Reconfiguration, Declined)):
        return change._asdict()
    raise TypeError(f"{type(change).__name__} is no change of the members")


def change_of(value: Mapping[str, object]) -> Reconfiguration | Declined:
    """Return the change that ``object_of`` made into this. Raise ValueError."""
    match value:
        case {"epoch": int(epoch), "members": [*members], **others} if not others:
            names = tuple(each for each in members if isinstance(each, str))
            if type(epoch) is int and epoch >= 0 and len(names) == len(members):
                return Reconfiguration(epoch, names)
        case {"kind": str(kind), "reason": str(reason), **others} if not others:
            return Declined(kind, reason)
    raise ValueError("not a change of the members")


class Request(NamedTuple):
    """A backup forwards the requests that it took to the primary.

    It acknowledges like PREPARE_OK, but leaves before the turn's records are durable: so
    ``op_number`` is how far this view's log was durable before the turn. ``echo`` is the newest
    ``sent_at`` that was heard. Both are 0 from anybody else.
    """

    view_number: int
    entries: Entries
    op_number: int = 0
    echo: int = 0


class Prepare(NamedTuple):
    """The primary orders requests: ``entries`` stand at ``first_op_number`` and after.

    ``sent_at`` is the primary's clock in microseconds, which the answer echoes;
    ``time_out`` is how long, in microseconds, a backup should bear the primary's silence.
    ``wants_answer`` is 1 if the receiver is to send PREPARE_OK, else 0.
    """

    view_number: int
    commit_number: int
    first_op_number: int
    entries: Entries
    sent_at: int
    time_out: int
    wants_answer: int = 1


class PrepareOk(NamedTuple):
    """A backup holds the log of this view up to ``op_number``, without a gap.

    ``echo`` is the newest ``sent_at`` that it heard in this view, which proves that it hears; 0 if
    this answers nothing that the primary sent.
    """

    view_number: int
    op_number: int
    echo: int


class Commit(NamedTuple):
    """The primary's heartbeat; the fields are PREPARE's."""

    view_number: int
    commit_number: int
    sent_at: int
    time_out: int
    wants_answer: int = 1


class StartViewChange(NamedTuple):
    """A vote for ``view_number`` by a replica whose own view is ``current_view_number``.

    With both numbers equal it is not a vote but news: the answer to a replica of an older view.
    """

    view_number: int
    current_view_number: int


class Farewell(NamedTuple):
    """The primary leaves its view, and votes with this for the next one."""

    view_number: int


class DoViewChange(NamedTuple):
    """A replica that entered the view reports its log to the view's primary.

    ``entries`` end at the sender's op_number and begin at its commit_number + 1, so
    all that is missing below them is committed.
    """

    view_number: int
    last_normal_view: int
    commit_number: int
    first_op_number: int
    entries: Entries


class StartView(NamedTuple):
    """The new primary's log; its entries begin at or below its commit_number + 1."""

    view_number: int
    commit_number: int
    first_op_number: int
    entries: Entries
    sent_at: int
    time_out: int


class GetState(NamedTuple):
    """A request for the log after ``op_number`` (VRR section 5.2)."""

    view_number: int
    op_number: int


class NewState(NamedTuple):
    """A part of the log, beginning at ``first_op_number``.

    Entries above ``commit_number`` are there only if the sender is in normal status in the view.
    """

    view_number: int
    commit_number: int
    first_op_number: int
    entries: Entries


class GetCheckpoint(NamedTuple):
    """A request for the parts from ``position`` on of the checkpoint at ``op_number``."""

    view_number: int
    op_number: int
    position: int


class NewCheckpoint(NamedTuple):
    """A chunk of the checkpoint at ``op_number``: the parts from ``position`` on.

    The checkpoint has ``part_count`` parts in all, of which the first ``client_count`` are the
    client table's. ``epoch`` and ``members`` are the group's at ``op_number``.
    """

    view_number: int
    op_number: int
    client_count: int
    part_count: int
    position: int
    parts: Parts
    epoch: int = 0
    members: tuple[str, ...] = ()


class Recovery(NamedTuple):
    """A replica that lost its log asks for one (VRR section 4.3).

    ``view_number`` is the newest in which it promised anything; up to ``op_number`` it knows the
    committed log. ``nonce`` is 128 random bits as hexadecimal digits.
    """

    view_number: int
    op_number: int
    nonce: str


class RecoveryResponse(NamedTuple):
    """A replica in normal status answers RECOVERY. The view's primary sends the log along.

    ``entries`` are empty from any other, and begin at or below commit_number + 1.
    """

    view_number: int
    nonce: str
    commit_number: int
    first_op_number: int
    entries: Entries


class Read(NamedTuple):
    """The question how far the log of the view goes, on behalf of reads (``quorum_read``).

    ``op_number`` and ``echo`` are REQUEST's.
    """

    view_number: int
    nonce: int
    op_number: int = 0
    echo: int = 0


class ReadOk(NamedTuple):
    """The answer to the READ of that nonce."""

    view_number: int
    nonce: int
    op_number: int


class StartEpoch(NamedTuple):
    """A replica has executed the beginning of the view's epoch, which stands at ``op_number``.

    ``members`` are that epoch's. It is also the answer to what is of an older epoch.
    """

    view_number: int
    op_number: int
    members: tuple[str, ...]


class EpochStarted(NamedTuple):
    """The answer to START_EPOCH: all up to the beginning of this epoch is executed and durable."""

    view_number: int


class CatchUp(NamedTuple):
    """The primary asks a member to be to fetch what is committed, up to ``commit_number``."""

    view_number: int
    commit_number: int


class Reason(Enum):
    """Why a request is given up."""

    UNAVAILABLE = "no quorum can be reached, and this copy of the request is never executed"
    OUTCOME_UNKNOWN = "nobody here can tell if the request was executed"
    SESSION_EXPIRED = (
        "the client's session has expired, and nobody here can tell if the request was executed"
    )
    NUMBER_REUSED = (
        "this client used the number for another request, and this one is never executed"
    )


class Refusal(NamedTuple):
    """A request is given up: certainly never executed, or with an outcome that nobody knows.

    What is certain is so of the copy that this replica took. Another one, which a client that asked
    elsewhere too sent under the same number, may be executed.
    """

    client: str
    request_number: int
    reason: Reason


Answer: TypeAlias = tuple[str, int, Result | None]
"""(client, request_number, result): None if the answer is given elsewhere."""


class Answers(NamedTuple):
    """What became of the requests that a standby handed in: it gives these answers out."""

    view_number: int
    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...]


Message: TypeAlias = (
    Request
    | Prepare
    | PrepareOk
    | Commit
    | StartViewChange
    | Farewell
    | DoViewChange
    | StartView
    | GetState
    | NewState
    | GetCheckpoint
    | NewCheckpoint
    | Recovery
    | RecoveryResponse
    | Read
    | ReadOk
    | StartEpoch
    | EpochStarted
    | CatchUp
    | Answers
)

_ASKS: frozenset[type[Message]] = frozenset(
    {
        Request,
        StartViewChange,
        DoViewChange,
        StartView,
        GetState,
        GetCheckpoint,
        Recovery,
        Read,
        StartEpoch,
        CatchUp,
    }
)


def expects_answer(message: Message) -> bool:
    """Return whether a receiver that works soon has something to say to the sender."""
    # By type, not by isinstance: it is asked for each message that leaves.
    if type(message) is Prepare or type(message) is Commit:
        return message.wants_answer == 1
    return type(message) in _ASKS


def name_of(message_type: type[Message]) -> str:
    """Return a type's name in snake case: ``prepare_ok`` for PrepareOk."""
    return "".join(
        f"_{each.lower()}" if each.isupper() else each for each in message_type.__name__
    )[1:]


def last_op_number(message: DoViewChange | StartView | NewState | RecoveryResponse) -> int:
    """Return the op_number of the last of a message's ``entries``, or that before the first."""
    return message.first_op_number + len(message.entries) - 1


class Checkpoint(NamedTuple):
    """All that executing the log up to ``op_number`` led to (VRR section 5.1).

    The first ``client_count`` parts are the client table's, the others the state machine's.
    ``epoch`` and ``members`` are the group's at ``op_number``; no members stand for the founders.
    The same for every replica that takes one at this op_number.
    """

    op_number: int = 0
    client_count: int = 0
    parts: Parts = ()
    epoch: int = 0
    members: tuple[str, ...] = ()


class SetView(NamedTuple):
    """Durable record: the view entered, and the last one in which the log was whole."""

    view_number: int
    last_normal_view: int


class ReplaceLog(NamedTuple):
    """Durable record: the log from ``first_op_number`` on is ``entries`` and nothing else."""

    first_op_number: int
    entries: Entries


class SetCommit(NamedTuple):
    """Durable record: all up to ``commit_number`` is committed. An older one does no harm."""

    commit_number: int


class SaveCheckpoint(NamedTuple):
    """Durable record: ``checkpoint`` replaces the one before, and older entries go.

    The log begins at ``first_op_number`` from now on, at most at the checkpoint's op_number + 1;
    where it ended before that, it is empty now.
    """

    checkpoint: Checkpoint
    first_op_number: int


class Recovered(NamedTuple):
    """Durable record: the log can be trusted again (VRR section 4.3)."""


Record: TypeAlias = SetView | ReplaceLog | SetCommit | SaveCheckpoint | Recovered


class DurableState(NamedTuple):
    """What a replica starts from: the sum of its records. The default is a new replica's.

    ``entries`` stand at ``first_op_number`` and after, from at most the checkpoint's op_number + 1
    on, without a gap. With ``is_recovering`` the log was lost, or may have been: only the
    checkpoint is here, and nobody knows what the replica once acknowledged. ``view_number`` is
    true in any case.
    """

    view_number: int = 0
    last_normal_view: int = 0
    commit_number: int = 0
    checkpoint: Checkpoint = Checkpoint()
    first_op_number: int = 1
    entries: Sequence[Entry] = ()
    is_recovering: bool = False


class Send(NamedTuple):
    """One message to one or several replicas: it is encoded once."""

    destinations: tuple[str, ...]
    message: Message


class Reply(NamedTuple):
    """The answer to an executed request."""

    client: str
    request_number: int
    result: Result


class Output(NamedTuple):
    """What a turn asks of its driver, to be carried out in the order of the fields.

    ``asks`` are REQUEST and READ, which forward what clients ask and promise nothing.
    """

    asks: list[Send]
    records: list[Record]
    replies: list[Reply | Refusal]
    sends: list[Send]
