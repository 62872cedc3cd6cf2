"""What occurred in runs. A situation that no seed reached is a fault or a path not tried."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, TypeAlias, get_args

from vsr_node.core.messages import Message
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.simulation.choices import Fate, Loss, Shape


class Situation(StrEnum):
    """What is counted, apart from the losses, the fates, the partial cuts, and frames by type."""

    # What befell replicas.
    CRASH_BETWEEN_TURNS = "crash between two turns"
    CRASH_BEFORE_SAVE = "crash before a turn was saved"
    CRASH_BETWEEN_OUTPUTS = "crash between two outputs of a turn"
    CRASH_AFTER_TURN = "crash after a turn"
    CRASH_IN_VIEW_CHANGE = "crash during a view change"
    CRASH_OF_PRIMARY = "crash of a primary"
    AMBUSH = "crash of a primary that has just begun its view"
    CRASH_WHILE_RECOVERING = "crash during a recovery"
    CRASH_IN_TRANSFER = "crash while a checkpoint comes in"
    CRASH_WITH_CHECKPOINT = "crash in a turn that takes a checkpoint"
    DISK_FULL = "replica stops as its disk is full"
    LOSS_SPARED = "loss spared, as the group could not live through it"
    AMNESIA = "crash of a replica that has just entered a view, without its log"
    BEREAVEMENT = "replica that has just recovered is cut off from its view"
    COMEBACK = "exiled primary leads again when the views have come round"
    STOP = "replica stopped in good order"
    RESTART = "restart"
    RESTART_RECOVERING = "restart without a log that can be trusted"
    RESTART_OF_PRIMARY = "restart of a primary in its own view"
    PAUSE = "pause"
    CLOCK_JUMP = "clock jump"
    THRESHOLD = "crash of a replica that has just entered an epoch"
    WIPED = "replica gone for good, with its log"
    WIPE_SPARED = "replica not wiped, as the group could not live without it"
    ARRIVAL = "process that comes for the first time"
    # What befell messages.
    LINKS_CUT = "links cut"
    LINKS_SLOWED = "links slowed down"
    CUT_STAYS = "partial cut that stays to the end"
    ROUTE_OF_TWO = "message delivered along a route of two hops"
    ROUTE_OF_THREE = "message delivered along a route of three hops"
    ROUTE_OF_FOUR = "message delivered along a route of four hops or more"
    MESSAGE_CUT = "message cut"
    MESSAGE_LOST = "message lost"
    MESSAGE_REPEATED = "message repeated"
    MESSAGE_REPLAYED = "message of an earlier life replayed"
    MESSAGE_OVERTAKEN = "message overtaken by a later one"
    MESSAGE_AS_BYTES = "message encoded and decoded"
    MESSAGE_TO_THE_DEAD = "message to a dead replica"
    # What clients did, and how they were answered.
    ASKED_AGAIN = "client asks again"
    ABANDONED = "request abandoned by its client"
    ANSWERED_AGAIN = "repeated request answered from the client table"
    REGISTERED = "session registered"
    REFUSED = "request refused as never executed"
    SESSION_EXPIRED = "client learns that its session has expired"
    OUTCOME_UNKNOWN = "request answered with an unknown outcome"
    # What the group did.
    SEVERAL_IN_ONE_TURN = "several messages in one turn"
    VIEW_CHANGE = "view change that reached its end"
    VIEW_WITHOUT_PRIMARY = "view that never had a primary"
    BACKUP_COMMITS_FIRST = "backup is the first to commit"
    PREPARE_AGAIN = "PREPARE sent again to one backup"
    SUFFIX_REPLACED = "uncommitted entries replaced"
    SUFFIX_CUT = "uncommitted entries cut off"
    CHECKPOINT_TAKEN = "checkpoint taken"
    CHECKPOINT_INSTALLED = "checkpoint of another replica installed"
    RECOVERED = "recovery that reached its end"
    READ_FROM_QUORUM = "read answered by a quorum"
    READ_HELD = "read held, as nothing was written"
    CHANGE_ASKED = "other members asked for"
    CHANGE_MADE = "members changed"
    CHANGE_DECLINED = "change of members declined"
    CHANGE_ABORTED = "present members asked for"
    CHANGE_INHERITED = "view that begins with a change of members to commit"
    EPOCH_BY_ENTRY = "epoch entered by its entry"
    EPOCH_BY_CHECKPOINT = "epoch entered by a checkpoint"
    EPOCH_WHILE_RECOVERING = "epoch entered during a recovery"
    LEFT = "replica that is a member no more"
    RELEASED = "replica released"
    DELETED = "released replica deleted"
    LOGGED_TWICE = "request committed at two op_numbers"
    # What was demanded at the end.
    CALM = "run without any disturbance"
    QUIET_DEMANDED = "quiet links demanded at the end"
    QUIET_NOT_DEMANDED = "quiet links not demanded, as clocks differ too much"
    STABLE_VIEW_DEMANDED = "stable view demanded"
    STABLE_VIEW_NOT_DEMANDED = "stable view not demanded, as the primary suffered"
    QUORUM_NOT_DEMANDED = "quorum's progress not demanded, as one of it has lost its log"
    FATE_SPARED = "outsider spared, as an epoch could not live without it"
    GROUP_STOPPED = "group stopped for ever, as too many lost their logs"


Countable: TypeAlias = Situation | Loss | Fate | Shape | type[Any]
"""A type is that of a message that was sent."""

Situations: TypeAlias = Counter[Countable]


def all_countables() -> Iterator[Countable]:
    """Yield all that a run can count, in the order of the report."""
    yield from Situation
    yield from Loss
    yield from Fate
    yield from Shape
    yield from (*get_args(Message), LinkRows, Relay)


def describe(countable: Countable) -> str:
    """Return its name in the report."""
    match countable:
        case Situation():
            return countable
        case Loss():
            return f"disk loses {countable}"
        case Fate():
            return f"outsider {countable}"
        case Shape():
            return f"partial cut: {countable}"
        case _:
            return f"sent {countable.__name__}"


def describe_situations(situations: Situations) -> Iterator[str]:
    """Yield one line for each situation, also for those that were not reached."""
    for countable in all_countables():
        count = situations[countable]
        text = f"{count:,}" if count else "NEVER"
        yield f"{text:>12}  {describe(countable)}"
