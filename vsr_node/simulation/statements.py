"""What each message states: as text, and of the disk of its sender. One place a type.

A claim is what must be on its sender's disk when the message leaves (``durable-before-sent``).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from vsr_node.core.messages import (
    Answers,
    CatchUp,
    Commit,
    DoViewChange,
    Entry,
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
    Reconfiguration,
    Recovery,
    RecoveryResponse,
    Request,
    StartEpoch,
    StartView,
    StartViewChange,
    last_op_number,
)
from vsr_node.simulation.disk import Disk
from vsr_node.simulation.epochs import epoch_of, format_view

Committed: TypeAlias = Sequence[Entry]
"""What anybody holds committed, from op_number 1 on."""


def claims_nothing(_disk: Disk, _message: object, _committed: Committed) -> bool:
    """Hold of a message that asks and promises nothing."""
    return True


class Statement(NamedTuple):
    """What messages of one type state."""

    text: Callable[[Any], str]
    """What a line of a transcript has between the message's view and its entries."""
    claim: Callable[[Disk, Any, Committed], bool] = claims_nothing
    """Whether the disk of its sender bears it out."""
    is_calm: bool = False
    """Whether it is sent where nothing fails."""


def _has_left(
    disk: Disk, message: Prepare | StartView | NewState | RecoveryResponse, committed: Committed
) -> bool:
    """Return whether the replica left, in one turn, the view in which it sent its log, and the log.

    It is in normal status in a newer view, or the epoch is over; or it took an entry of a newer
    one, which is committed, in the place of one that never will be. Nobody can commit what it sent
    any more then: a quorum is in the newer view.
    """
    if disk.last_normal_view > message.view_number or _has_left_epoch(disk, message):
        return True
    if disk.view_number <= message.view_number:
        return False
    for op_number, entry in enumerate(message.entries, message.first_op_number):
        kept = disk.entry_at(op_number)
        if op_number >= disk.first_op_number and kept != entry:
            return op_number <= len(committed) and kept == committed[op_number - 1]
    return False


def _has_left_epoch(disk: Disk, message: Message) -> bool:
    """Return whether a later epoch began in the turn: then nothing of the older one can commit."""
    return epoch_of(disk.view_number) > epoch_of(message.view_number)


def _sends_its_log(
    disk: Disk, message: Prepare | StartView | RecoveryResponse, committed: Committed
) -> bool:
    """Return whether the view's log is on the disk as sent, or was left in that turn."""
    return _has_left(disk, message, committed) or (
        disk.last_normal_view == message.view_number
        and disk.holds(message.first_op_number, message.entries)
    )


def _acknowledges(disk: Disk, message: PrepareOk, _: Committed) -> bool:
    if _has_left_epoch(disk, message):
        return disk.commit_number >= message.op_number
    return (
        disk.view_number == disk.last_normal_view == message.view_number
        and disk.op_number >= message.op_number
        and not disk.is_recovering
    )


def _acknowledges_along(disk: Disk, message: Request | Read, _: Committed) -> bool:
    is_whole = disk.view_number == disk.last_normal_view == message.view_number
    return (not message.op_number and not message.echo) or (
        is_whole and disk.op_number >= message.op_number and not disk.is_recovering
    )


def _reports_its_log(disk: Disk, message: DoViewChange, _: Committed) -> bool:
    return (
        disk.view_number == message.view_number
        and disk.last_normal_view == message.last_normal_view
        and disk.op_number == last_op_number(message)
        and not disk.is_recovering
        and disk.holds(message.first_op_number, message.entries)
    )


def _sends_state(disk: Disk, message: NewState, committed: Committed) -> bool:
    is_certain = last_op_number(message) <= message.commit_number
    return _has_left(disk, message, committed) or (
        disk.holds(message.first_op_number, message.entries)
        and (is_certain or disk.last_normal_view == message.view_number)
    )


def _sends_checkpoint(disk: Disk, message: NewCheckpoint, _: Committed) -> bool:
    op_number = disk.checkpoint.op_number
    chunk = disk.checkpoint.parts[message.position : message.position + len(message.parts)]
    return op_number > message.op_number or (
        op_number == message.op_number and chunk == message.parts
    )


def _has_executed_change(disk: Disk, message: StartEpoch, committed: Committed) -> bool:
    """Return whether the change is executed; ``op_number`` may be of a checkpoint that has it."""
    epoch = epoch_of(message.view_number)
    if not epoch:
        return not message.op_number  # The founders' epoch begins with no entry.
    change = Reconfiguration(epoch, message.members)
    is_there = any(entry[2] == change for entry in reversed(committed[: message.op_number]))
    return is_there and disk.commit_number >= message.op_number


def _has_begun_epoch(disk: Disk, message: EpochStarted, _: Committed) -> bool:
    return epoch_of(disk.view_number) >= epoch_of(message.view_number) and not disk.is_recovering


def _was_normal(disk: Disk, message: Commit | Farewell | ReadOk, _: Committed) -> bool:
    return disk.last_normal_view >= message.view_number


def _promised_its_view(disk: Disk, message: GetState | Recovery, _: Committed) -> bool:
    return message.view_number <= disk.view_number


STATEMENTS: dict[type[Message], Statement] = {
    Request: Statement(lambda one: f", op {one.op_number}", _acknowledges_along, is_calm=True),
    Prepare: Statement(lambda one: f", commit {one.commit_number}", _sends_its_log, is_calm=True),
    PrepareOk: Statement(lambda one: f", op {one.op_number}", _acknowledges, is_calm=True),
    Commit: Statement(lambda one: f", commit {one.commit_number}", _was_normal, is_calm=True),
    StartViewChange: Statement(
        lambda one: f", from view {format_view(one.current_view_number)}",
        lambda disk, one, _: one.current_view_number <= disk.view_number,
    ),
    Farewell: Statement(lambda _: "", _was_normal),
    DoViewChange: Statement(
        lambda one: (
            f", last normal {format_view(one.last_normal_view)}, op {last_op_number(one)},"
            f" commit {one.commit_number}"
        ),
        _reports_its_log,
    ),
    StartView: Statement(
        lambda one: f", op {last_op_number(one)}, commit {one.commit_number}", _sends_its_log
    ),
    GetState: Statement(lambda one: f", after op {one.op_number}", _promised_its_view),
    NewState: Statement(lambda one: f", commit {one.commit_number}", _sends_state),
    GetCheckpoint: Statement(lambda one: f", at op {one.op_number}, from part {one.position}"),
    NewCheckpoint: Statement(
        lambda one: (
            f", at op {one.op_number}, parts {one.position}.."
            f"{one.position + len(one.parts) - 1} of {one.part_count}"
        ),
        _sends_checkpoint,
    ),
    Recovery: Statement(
        lambda one: f", op {one.op_number}, nonce {one.nonce[:6]}", _promised_its_view
    ),
    RecoveryResponse: Statement(
        lambda one: f", nonce {one.nonce[:6]}, commit {one.commit_number}",
        lambda disk, one, committed: (
            not disk.is_recovering and _sends_its_log(disk, one, committed)
        ),
    ),
    Read: Statement(
        lambda one: f", nonce {one.nonce % 1000}, op {one.op_number}",
        _acknowledges_along,
        is_calm=True,
    ),
    ReadOk: Statement(
        lambda one: f", nonce {one.nonce % 1000}, op {one.op_number}",
        lambda disk, one, committed: not disk.is_recovering and _was_normal(disk, one, committed),
        is_calm=True,
    ),
    StartEpoch: Statement(
        lambda one: f", from op {one.op_number}, {' '.join(one.members)}",
        _has_executed_change,
    ),
    EpochStarted: Statement(lambda _: "", _has_begun_epoch),
    CatchUp: Statement(lambda one: f", commit {one.commit_number}", _was_normal),
    Answers: Statement(lambda one: f", {len(one.answers) + len(one.refusals)} answers"),
}
