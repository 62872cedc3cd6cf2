"""The events of messages: one for each type that is sent, and one for each that is received."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vsr_node.core.messages import (
    Answers,
    CatchUp,
    Commit,
    DoViewChange,
    EpochStarted,
    Farewell,
    GetCheckpoint,
    GetState,
    Message,
    NewCheckpoint,
    NewState,
    Prepare,
    PrepareOk,
    Read,
    ReadOk,
    Recovery,
    RecoveryResponse,
    Request,
    StartEpoch,
    StartView,
    StartViewChange,
    last_op_number,
    name_of,
)
from vsr_node.core.size import size_of

from .common import Measured, Row

if TYPE_CHECKING:
    from .turns import Turn

OwnFields: TypeAlias = tuple[Measured, tuple[object, ...]]
"""Measurements and metadata of an event, without what all events of messages have."""


class MessageEvents(NamedTuple):
    """The events of one type of message. ``fields`` takes what they have in common from it."""

    sent: str
    received: str
    fields: Callable[[Any], OwnFields]


def received(turn: "Turn") -> Iterator[Row]:
    """Yield the event of each message that came."""
    at_us = turn.began_at
    for peer, message, byte_count, measured in turn.heard:
        events = events_of(message)
        entries, own = events.fields(message)
        if type(message) is PrepareOk:
            measured = answer_to_prepare(turn, message)
        measurements = _length(message, byte_count), *entries, *measured
        yield events.received, at_us, measurements, (*own, peer)


def sent(turn: "Turn") -> Iterator[Row]:
    """Yield the event of each message that left."""
    for (peers, message), byte_count, at_us, measured in turn.sent:
        events = events_of(message)
        entries, own = events.fields(message)
        measurements = _length(message, byte_count), len(peers), *entries, *measured
        yield events.sent, at_us, measurements, (*own, peers)


def answer_to_prepare(turn: "Turn", message: PrepareOk) -> tuple[int, int]:
    """Return how many entries the sender lacked, and the time since what it answers."""
    lag = max(0, turn.before.op_number - message.op_number)
    return lag, max(0, turn.now - message.echo) * bool(message.echo)


def _length(message: Message, byte_count: int | None) -> int:
    return size_of(tuple(message)) if byte_count is None else byte_count


def events_of(message: Message) -> MessageEvents:
    """Return the events of a message."""
    if type(message) is StartViewChange and message.view_number == message.current_view_number:
        return NEWS
    return MESSAGE_EVENTS[type(message)]


def _request(message: Request) -> OwnFields:
    return (len(message.entries),), ()


def _prepare(message: Prepare) -> OwnFields:
    return (len(message.entries),), (message.view_number, message.first_op_number)


def _prepare_ok(message: PrepareOk) -> OwnFields:
    return (), (message.view_number, message.op_number)


def _commit(message: Commit) -> OwnFields:
    return (), (message.view_number, message.commit_number)


def _vote(message: StartViewChange | Farewell) -> OwnFields:
    return (), (message.view_number,)


def _do_view_change(message: DoViewChange) -> OwnFields:
    view_number, commit_number = message.view_number, message.commit_number
    own = view_number, last_op_number(message), commit_number, message.last_normal_view
    return (len(message.entries),), own


def _start_view(message: StartView) -> OwnFields:
    own = message.view_number, last_op_number(message), message.commit_number
    return (len(message.entries),), own


LOG, CHECKPOINT = "log", "checkpoint"


def _get_state(message: GetState) -> OwnFields:
    return (), (LOG, message.op_number, 0)


def _get_checkpoint(message: GetCheckpoint) -> OwnFields:
    return (), (CHECKPOINT, message.op_number, message.position)


def _new_state(message: NewState) -> OwnFields:
    return (len(message.entries), 0), (LOG, message.first_op_number, 0)


def _new_checkpoint(message: NewCheckpoint) -> OwnFields:
    return (0, len(message.parts)), (CHECKPOINT, message.op_number, message.position)


def _recovery(message: Recovery) -> OwnFields:
    return (), (message.view_number, message.op_number, message.nonce)


def _recovery_response(message: RecoveryResponse) -> OwnFields:
    return (len(message.entries),), (message.view_number, message.commit_number, message.nonce)


def _change(message: StartEpoch | EpochStarted | CatchUp | Answers) -> OwnFields:
    return (), (name_of(type(message)), message.view_number)


def _read(message: Read) -> OwnFields:
    return (), (message.view_number, message.nonce)


def _read_ok(message: ReadOk) -> OwnFields:
    return (), (message.view_number, message.nonce, message.op_number)


_OF_CHANGES = MessageEvents("reconfiguration.sent", "reconfiguration.received", _change)

MESSAGE_EVENTS: Mapping[type[Message], MessageEvents] = {
    Request: MessageEvents("protocol.request.sent", "protocol.request.received", _request),
    Prepare: MessageEvents("protocol.prepare.sent", "protocol.prepare.received", _prepare),
    PrepareOk: MessageEvents(
        "protocol.prepare_ok.sent", "protocol.prepare_ok.received", _prepare_ok
    ),
    Commit: MessageEvents("protocol.commit.sent", "protocol.commit.received", _commit),
    StartViewChange: MessageEvents("view_change.vote_sent", "view_change.vote_received", _vote),
    Farewell: MessageEvents("view_change.farewell_sent", "view_change.farewell_received", _vote),
    DoViewChange: MessageEvents(
        "view_change.do_view_change.sent",
        "view_change.do_view_change.received",
        _do_view_change,
    ),
    StartView: MessageEvents(
        "view_change.start_view.sent", "view_change.start_view.received", _start_view
    ),
    GetState: MessageEvents(
        "state_transfer.request_sent", "state_transfer.request_received", _get_state
    ),
    GetCheckpoint: MessageEvents(
        "state_transfer.request_sent", "state_transfer.request_received", _get_checkpoint
    ),
    NewState: MessageEvents(
        "state_transfer.snapshot_sent", "state_transfer.snapshot_received", _new_state
    ),
    NewCheckpoint: MessageEvents(
        "state_transfer.snapshot_sent", "state_transfer.snapshot_received", _new_checkpoint
    ),
    Recovery: MessageEvents("recovery.request_sent", "recovery.request_received", _recovery),
    RecoveryResponse: MessageEvents(
        "recovery.response_sent", "recovery.response_received", _recovery_response
    ),
    Read: MessageEvents("read.round", "read.round_received", _read),
    ReadOk: MessageEvents("read.answer_sent", "read.answer_received", _read_ok),
    StartEpoch: _OF_CHANGES,
    EpochStarted: _OF_CHANGES,
    CatchUp: _OF_CHANGES,
    Answers: _OF_CHANGES,
}
"""The events of each type of message."""

NEWS = MessageEvents("view_change.news_sent", "view_change.news_received", _vote)
"""Those of a START_VIEW_CHANGE that is no vote, but tells a replica of an older view of a newer."""
