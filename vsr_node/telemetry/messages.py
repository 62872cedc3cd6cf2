"""The events of messages: one for each type that is sent, and one for each that is received."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

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

Fields: TypeAlias = tuple[dict[str, int], dict[str, object]]
"""Measurements and metadata of an event, without what all events of messages have."""


class MessageEvents(NamedTuple):
    """The events of one type of message. ``fields`` takes what they have in common from it."""

    sent: str
    received: str
    fields: Callable[[Any], Fields]


def events_of(message: Message) -> MessageEvents:
    """Return the events of a message."""
    if type(message) is StartViewChange and message.view_number == message.current_view_number:
        return NEWS
    return MESSAGE_EVENTS[type(message)]


def _request(message: Request) -> Fields:
    return {"entries": len(message.entries)}, {}


def _prepare(message: Prepare) -> Fields:
    return {"entries": len(message.entries)}, {
        "prepare_view": message.view_number,
        "first_op_number": message.first_op_number,
    }


def _prepare_ok(message: PrepareOk) -> Fields:
    return {}, {
        "prepare_ok_view": message.view_number,
        "prepare_ok_op_number": message.op_number,
    }


def _commit(message: Commit) -> Fields:
    return {}, {
        "commit_view": message.view_number,
        "told_commit_number": message.commit_number,
    }


def _vote(message: StartViewChange) -> Fields:
    return {}, {"vote_view": message.view_number}


def _farewell(message: Farewell) -> Fields:
    return {}, {"left_view": message.view_number}


def _do_view_change(message: DoViewChange) -> Fields:
    return {"entries": len(message.entries)}, {
        "new_view": message.view_number,
        "last_normal_view": message.last_normal_view,
        "told_op_number": last_op_number(message),
        "told_commit_number": message.commit_number,
    }


def _start_view(message: StartView) -> Fields:
    return {"entries": len(message.entries)}, {
        "new_view": message.view_number,
        "told_op_number": last_op_number(message),
        "told_commit_number": message.commit_number,
    }


def _transfer(what: str, first: int, position: int, entries: int, parts: int) -> Fields:
    return {"entries": entries, "parts": parts}, {
        "what": what,
        "first_op_number": first,
        "position": position,
    }


def _asked(what: str, op_number: int, position: int) -> Fields:
    return {}, {"what": what, "from_op_number": op_number, "position": position}


LOG, CHECKPOINT = "log", "checkpoint"


def _get_state(message: GetState) -> Fields:
    return _asked(LOG, message.op_number, 0)


def _get_checkpoint(message: GetCheckpoint) -> Fields:
    return _asked(CHECKPOINT, message.op_number, message.position)


def _new_state(message: NewState) -> Fields:
    return _transfer(LOG, message.first_op_number, 0, len(message.entries), 0)


def _new_checkpoint(message: NewCheckpoint) -> Fields:
    return _transfer(CHECKPOINT, message.op_number, message.position, 0, len(message.parts))


def _recovery(message: Recovery) -> Fields:
    return {}, {
        "recovery_view": message.view_number,
        "from_op_number": message.op_number,
        "nonce": message.nonce,
    }


def _recovery_response(message: RecoveryResponse) -> Fields:
    return {"entries": len(message.entries)}, {
        "recovery_view": message.view_number,
        "told_commit_number": message.commit_number,
        "nonce": message.nonce,
    }


def _change(message: StartEpoch | EpochStarted | CatchUp | Answers) -> Fields:
    return {}, {"what": name_of(type(message)), "change_view": message.view_number}


def _read(message: Read) -> Fields:
    return {}, {"read_view": message.view_number, "nonce": message.nonce}


def _read_ok(message: ReadOk) -> Fields:
    return {}, {
        "read_view": message.view_number,
        "nonce": message.nonce,
        "told_op_number": message.op_number,
    }


_OF_CHANGES = MessageEvents("reconfiguration.sent", "reconfiguration.received", _change)

MESSAGE_EVENTS: Mapping[type[Message], MessageEvents] = {
    Request: MessageEvents("protocol.request.sent", "protocol.request.received", _request),
    Prepare: MessageEvents("protocol.prepare.sent", "protocol.prepare.received", _prepare),
    PrepareOk: MessageEvents(
        "protocol.prepare_ok.sent", "protocol.prepare_ok.received", _prepare_ok
    ),
    Commit: MessageEvents("protocol.commit.sent", "protocol.commit.received", _commit),
    StartViewChange: MessageEvents("view_change.vote_sent", "view_change.vote_received", _vote),
    Farewell: MessageEvents(
        "view_change.farewell_sent", "view_change.farewell_received", _farewell
    ),
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
