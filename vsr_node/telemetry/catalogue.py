"""The catalogue of events: what each is, when it comes, and the fields that it has.

docs/TELEMETRY.md is made from it, and a test holds that events have these fields and no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How much an event matters to people; the value is that of stdlib ``logging``."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class EventKind:
    """An event: its name, when it comes, and its fields beside those that all events have.

    The order of the fields is that of the values that are noted.
    """

    name: str
    when: str
    measurements: Mapping[str, str]
    metadata: Mapping[str, str]
    level: Level = Level.DEBUG


COMMON_METADATA: Mapping[str, str] = {
    "node_id": "the replica",
    "view_number": "its view",
    "status": "normal, view_change or recovering",
    "is_primary": "whether it is the primary of its view",
    "cluster_size": "how many members the group has",
    "op_number": "the last entry in its log",
    "commit_number": "the last entry that it executed",
}
"""The metadata of all events: the replica as it is at the end of the turn."""

_COUNT = {"count": "1"}
_DURATION = {"duration_us": "microseconds"}
_BYTES = {"bytes": "length of the message without its envelope"}
_SENT = {**_BYTES, "peers": "to how many replicas"}
_ENTRIES = {"entries": "how many it carries"}
_TRANSFER = {**_ENTRIES, "parts": "parts of a checkpoint that it carries"}
_FROM = {"peer": "who sent it"}
_TO = {"peers": "to whom"}
_CALL = {"client": "who asked", "request_number": "its msg_id", "kind": "what it asks for"}
_PREPARE = {"prepare_view": "the view of the message", "first_op_number": "of its first entry"}
_PREPARE_OK = {
    "prepare_ok_view": "the view of the message",
    "prepare_ok_op_number": "the sender holds the log up to here",
}
_COMMIT = {"commit_view": "the view of the message", "told_commit_number": "the primary's"}
_VOTE = {"vote_view": "the view that is voted for"}
_VOTES = {"total_votes": "votes for that view, as far as this replica knows"}
_NEWS = {"vote_view": "the sender's view, newer than the receiver's"}
_LOG = {
    "new_view": "the view that begins",
    "told_op_number": "the sender's",
    "told_commit_number": "the sender's",
}
_DO_VIEW_CHANGE = {**_LOG, "last_normal_view": "the last in which the sender's log was whole"}
_ASKED = {
    "what": "log or checkpoint",
    "from_op_number": "after which entry, or of which checkpoint",
    "position": "the first part asked for",
}
_BROUGHT = {
    "what": "log or checkpoint",
    "first_op_number": "of the first entry, or of the checkpoint",
    "position": "the first part that it carries",
}
_RECOVERY = {
    "recovery_view": "the newest view that the sender knows of",
    "from_op_number": "the last entry that it knows",
    "nonce": "of the question",
}
_RESPONSE = {
    "recovery_view": "the view of the message",
    "told_commit_number": "the sender's",
    "nonce": "of the question",
}
_READ = {"read_view": "the view of the message", "nonce": "of the round"}
_READ_OK = {**_READ, "told_op_number": "the sender's"}
_FAREWELL = {"left_view": "the view that its primary leaves"}
_CHANGE = {
    "what": "start_epoch, epoch_started, catch_up or answers",
    "change_view": "the view of the message, which has the epoch in it",
}
_OTHER = {"peer": "the other's name", "role": "member or client"}
_VIEWS = {"old_view": "the view before", "new_view": "the view after"}
_SPAN = {"span_id": "the same at start and stop", "fencing": "the view, which only ever grows"}

EVENTS: tuple[EventKind, ...] = (
    EventKind("leadership.start", "it begins to serve as primary", _COUNT, _SPAN, Level.INFO),
    EventKind(
        "leadership.stop",
        "it serves as primary no longer",
        _DURATION,
        {**_SPAN, "why": "newer view, no quorum answers, shut down"},
        Level.INFO,
    ),
    EventKind(
        "protocol.client_request.start",
        "a client's request is taken; one that repeats a waiting one is not counted again",
        {"bytes": "length of the request"},
        _CALL,
    ),
    EventKind(
        "protocol.client_request.stop",
        "its outcome is known at the replica that took it",
        {**_DURATION, "bytes": "size of the result, about its bytes"},
        {
            **_CALL,
            "outcome": "ok, error, refused (never executed), unknown, or primary_answers (executed,"
            " and the primary answers, as it does in groups of five and more)",
        },
    ),
    EventKind(
        "protocol.request.sent",
        "requests are handed to the primary",
        {**_SENT, **_ENTRIES},
        _TO,
    ),
    EventKind(
        "protocol.request.received", "a backup hands requests on", {**_BYTES, **_ENTRIES}, _FROM
    ),
    EventKind(
        "forwarding.sent_again",
        "requests without an answer are handed to the primary again",
        {"calls": "how many"},
        {"peer": "the primary"},
    ),
    EventKind(
        "forwarding.refused",
        "requests are given up",
        {"calls": "how many"},
        {"reason": "refused (never executed) or unknown"},
    ),
    EventKind(
        "protocol.prepare.sent",
        "the primary sends PREPARE",
        {**_SENT, **_ENTRIES},
        {**_PREPARE, **_TO},
    ),
    EventKind(
        "protocol.prepare.received",
        "PREPARE arrives",
        {**_BYTES, **_ENTRIES},
        {**_PREPARE, **_FROM},
    ),
    EventKind("protocol.prepare_ok.sent", "a backup acknowledges", _SENT, {**_PREPARE_OK, **_TO}),
    EventKind(
        "protocol.prepare_ok.received",
        "PREPARE_OK arrives",
        {
            **_BYTES,
            "lag": "entries that the sender lacks",
            "round_trip_us": "microseconds since the PREPARE or COMMIT that it answers; 0: none",
        },
        {**_PREPARE_OK, **_FROM},
    ),
    EventKind("protocol.commit.sent", "the primary sends COMMIT", _SENT, {**_COMMIT, **_TO}),
    EventKind("protocol.commit.received", "COMMIT arrives", _BYTES, {**_COMMIT, **_FROM}),
    EventKind(
        "timer.heartbeat_sent",
        "the primary had nothing else to send and sends COMMIT",
        {"interval_us": "microseconds since the last one", "peers": "to how many replicas"},
        {},
    ),
    EventKind(
        "timer.heartbeat_received",
        "such a COMMIT arrives",
        {"interval_us": "microseconds since the last one"},
        _FROM,
    ),
    EventKind(
        "timer.primary_timeout",
        "a backup hears its primary no longer, and votes",
        {"timeout_us": "microseconds of silence"},
        {"primary": "the primary"},
        Level.WARNING,
    ),
    EventKind(
        "timer.quorum_timeout",
        "a primary hears no quorum any longer, stops to serve, and votes",
        {"timeout_us": "microseconds of silence"},
        {"primary": "the primary"},
        Level.WARNING,
    ),
    EventKind(
        "state_machine.operation.start",
        "the state machine begins an operation",
        _COUNT,
        {"kind": "what it asks for"},
    ),
    EventKind(
        "state_machine.operation.stop",
        "the state machine has executed it",
        _DURATION,
        {"kind": "what it asks for"},
    ),
    EventKind(
        "state_machine.operation.exception",
        "the state machine raised, which ends the replica",
        _DURATION,
        {"kind": "what it asks for", "error": "type and text of the exception"},
        Level.ERROR,
    ),
    EventKind(
        "state.status_change",
        "its status changed",
        _COUNT,
        {"old_status": "before; starting at first", "new_status": "after"},
    ),
    EventKind("state.view_change", "its view number grew", _COUNT, _VIEWS),
    EventKind(
        "state.role_change",
        "it became primary or backup of its view",
        _COUNT,
        {"old_role": "before; none at first", "new_role": "after"},
    ),
    EventKind(
        "state.commit_advance",
        "entries were executed, or a checkpoint of them taken over",
        {"operations_committed": "how many"},
        {"old_commit_number": "before", "new_commit_number": "after"},
    ),
    EventKind(
        "view_change.start",
        "it enters a newer view",
        _COUNT,
        {**_VIEWS, "primary": "of the new view", "old_status": "its status before"},
        Level.INFO,
    ),
    EventKind(
        "view_change.complete",
        "it is normal in the new view",
        _DURATION,
        {**_VIEWS, "primary": "of the new view", "new_status": "its status after"},
        Level.INFO,
    ),
    EventKind(
        "view_change.vote_sent",
        "it votes for the next view",
        {**_SENT, **_VOTES},
        {**_VOTE, **_TO},
    ),
    EventKind(
        "view_change.vote_received",
        "another votes for its next view",
        {**_BYTES, **_VOTES},
        {**_VOTE, **_FROM},
    ),
    EventKind(
        "view_change.farewell_sent",
        "a primary leaves its view, as its process ends",
        _SENT,
        {**_FAREWELL, **_TO},
    ),
    EventKind(
        "view_change.farewell_received",
        "the primary leaves its view",
        _BYTES,
        {**_FAREWELL, **_FROM},
    ),
    EventKind(
        "reconfiguration.start",
        "it enters a newer epoch: the group has other members from now on",
        _COUNT,
        {
            "epoch": "the epoch that begins",
            "added": "the members that came",
            "removed": "the members that left",
        },
        Level.INFO,
    ),
    EventKind(
        "reconfiguration.complete",
        "it is normal in the new epoch, or it has left the group and nobody needs its state",
        _DURATION,
        {"epoch": "the new epoch"},
        Level.INFO,
    ),
    EventKind(
        "reconfiguration.sent",
        "it sends a message that only a change of the members needs",
        _SENT,
        {**_CHANGE, **_TO},
    ),
    EventKind(
        "reconfiguration.received",
        "it gets a message that only a change of the members needs",
        _BYTES,
        {**_CHANGE, **_FROM},
    ),
    EventKind(
        "view_change.news_sent", "it tells others of its newer view", _SENT, {**_NEWS, **_TO}
    ),
    EventKind("view_change.news_received", "it is told of a view", _BYTES, {**_NEWS, **_FROM}),
    EventKind(
        "view_change.do_view_change.sent",
        "it hands its log to the new primary",
        {**_SENT, **_ENTRIES},
        {**_DO_VIEW_CHANGE, **_TO},
    ),
    EventKind(
        "view_change.do_view_change.received",
        "the new primary gets a log",
        {**_BYTES, **_ENTRIES},
        {**_DO_VIEW_CHANGE, **_FROM},
    ),
    EventKind(
        "view_change.start_view.sent",
        "the new primary begins the view",
        {**_SENT, **_ENTRIES},
        {**_LOG, **_TO},
    ),
    EventKind(
        "view_change.start_view.received",
        "the new primary's log arrives",
        {**_BYTES, **_ENTRIES},
        {**_LOG, **_FROM},
    ),
    EventKind(
        "replication.log_append",
        "entries are logged",
        {"entries": "how many"},
        {"first_op_number": "of the first"},
    ),
    EventKind(
        "replication.log_conflict",
        "entries that were not committed are replaced or cut off",
        {"entries": "how many"},
        {"first_op_number": "of the first"},
        Level.WARNING,
    ),
    EventKind(
        "replication.gap",
        "a backup lacks entries and asks for them",
        _COUNT,
        {"first_op_number": "of the first that is missing", "peer": "who is asked"},
    ),
    EventKind(
        "replication.quorum_reached",
        "a quorum holds more of the log, and the primary commits it",
        {
            "duration_us": "microseconds since the PREPARE of the last; 0 if none was needed",
            "entries": "how many",
        },
        {"quorum": "how many replicas are one"},
    ),
    EventKind(
        "state_transfer.request_sent",
        "it asks for a part of the log or of a checkpoint",
        _SENT,
        {**_ASKED, **_TO},
    ),
    EventKind(
        "state_transfer.request_received", "it is asked for one", _BYTES, {**_ASKED, **_FROM}
    ),
    EventKind(
        "state_transfer.snapshot_sent",
        "it sends one",
        {**_SENT, **_TRANSFER},
        {**_BROUGHT, **_TO},
    ),
    EventKind(
        "state_transfer.snapshot_received",
        "it gets one",
        {**_BYTES, **_TRANSFER},
        {**_BROUGHT, **_FROM},
    ),
    EventKind(
        "checkpoint.taken",
        "it takes a checkpoint, and older entries go",
        {"duration_us": "microseconds that the snapshot took", "parts": "how many"},
        {"checkpoint_op_number": "the last entry in it"},
    ),
    EventKind(
        "checkpoint.installed",
        "it takes over another replica's checkpoint",
        {"duration_us": "microseconds that restoring it took", "parts": "how many"},
        {"checkpoint_op_number": "the last entry in it"},
        Level.INFO,
    ),
    EventKind(
        "recovery.start", "it can't trust its log and asks the others", _COUNT, {}, Level.WARNING
    ),
    EventKind("recovery.complete", "it has a log again", _DURATION, {}, Level.INFO),
    EventKind("recovery.request_sent", "it asks for a log", _SENT, {**_RECOVERY, **_TO}),
    EventKind("recovery.request_received", "another asks for one", _BYTES, {**_RECOVERY, **_FROM}),
    EventKind(
        "recovery.response_sent",
        "it answers, with its log if it is the primary",
        {**_SENT, **_ENTRIES},
        {**_RESPONSE, **_TO},
    ),
    EventKind(
        "recovery.response_received",
        "such an answer arrives",
        {**_BYTES, **_ENTRIES},
        {**_RESPONSE, **_FROM},
    ),
    EventKind("read.round", "it asks others how far the log goes", _SENT, {**_READ, **_TO}),
    EventKind("read.round_received", "it is asked", _BYTES, {**_READ, **_FROM}),
    EventKind("read.answer_sent", "it answers", _SENT, {**_READ_OK, **_TO}),
    EventKind("read.answer_received", "such an answer arrives", _BYTES, {**_READ_OK, **_FROM}),
    EventKind("read.answered", "a read that a quorum vouches for is answered", _DURATION, {}),
    EventKind(
        "durability.flush",
        "a turn's records were made durable",
        {
            **_DURATION,
            "records": "how many",
            "entries": "entries of the log in them",
            "bytes": "size of these entries, about their bytes",
        },
        {"waits_for_disk": "whether the storage waits for the disk"},
    ),
    EventKind(
        "session.registered",
        "it answers a client with the session that the group has registered for it",
        _COUNT,
        {"client": "the session"},
        Level.INFO,
    ),
    EventKind(
        "session.expired",
        "it refuses a call of a session that the group has forgotten",
        _COUNT,
        {"client": "the session"},
        Level.WARNING,
    ),
    EventKind(
        "transport.connected",
        "the connection to a member that it dialled stands, or a client has connected",
        _COUNT,
        _OTHER,
        Level.INFO,
    ),
    EventKind(
        "transport.disconnected",
        "such a connection has ended",
        _COUNT,
        {**_OTHER, "why": "in words"},
        Level.INFO,
    ),
    EventKind(
        "transport.refused",
        "a connection ends whose other side was not let in",
        _COUNT,
        {"why": "in words"},
        Level.WARNING,
    ),
    EventKind(
        "transport.dropped",
        "messages to a member are dropped: no connection stands, or too much waits on it",
        {"messages": "how many", "bytes": "length of their frames"},
        {"peer": "the member"},
    ),
    EventKind(
        "transport.pressure",
        "a client is not read from until it has taken answers",
        {"under_way": "its calls without an answer"},
        {"peer": "the client's name"},
    ),
    EventKind(
        "driver.turn",
        "a turn has ended",
        {**_DURATION, "inputs": "messages and requests in it"},
        {},
    ),
    EventKind(
        "driver.stalled",
        "a turn came late by more than a quarter of a time-out",
        {"lag_us": "microseconds after the timer that it was for"},
        {},
        Level.WARNING,
    ),
)
"""All events, in the order of the document."""

KINDS: Mapping[str, EventKind] = {kind.name: kind for kind in EVENTS}
"""Each event by its name."""
