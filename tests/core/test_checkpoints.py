"""Checkpoints and state transfer by chunks (VRR 5.1, 5.2)."""

import pytest

from tests.core.group import SECOND, Group, as_is, entry, operation
from vsr_node.core.client_table import ClientTable
from vsr_node.core.limits import Limits
from vsr_node.core.messages import (
    DurableState,
    GetCheckpoint,
    GetState,
    NewCheckpoint,
    NewState,
    Prepare,
    SaveCheckpoint,
)

FEW = Limits(checkpoint_interval=10, chunk_parts=4)


def busy_group(count: int, away: str | None = None) -> Group:
    """A group that has executed so many operations, one of its replicas perhaps not."""
    group = Group(3, limits=FEW)
    if away is not None:
        group.isolate(away)
    for number in range(1, count + 1):
        group.ask("n0", number)
        group.settle()
    group.run_for(SECOND)
    return group


def test_5_1_the_log_before_a_checkpoint_goes_but_for_a_tail() -> None:
    replica = busy_group(18)["n0"]
    assert replica.checkpoint.op_number == 10
    assert replica.log.first_op_number == 1
    replica = busy_group(29)["n0"]
    assert replica.checkpoint.op_number == 21
    assert replica.log.first_op_number == 12
    assert replica.op_number == replica.commit_number == 29


def test_5_1_a_checkpoint_and_the_truncated_log_are_durable_together() -> None:
    group = busy_group(29)
    found = group.storages["n1"].load()
    assert (found.checkpoint.op_number, found.first_op_number) == (21, 12)
    assert found.entries == group["n1"].log.suffix(12)


def test_5_1_the_interval_grows_with_the_state() -> None:
    # The machine of these tests has a part for each operation, so each checkpoint is as far from
    # the last one as that was large; one more part is the client table's.
    group = Group(1, limits=FEW)
    taken = [0]
    for number in range(1, 400):
        group.ask("n0", number)
        if group["n0"].checkpoint.op_number != taken[-1]:
            taken.append(group["n0"].checkpoint.op_number)
    assert taken == [0, 10, 21, 43, 87, 175, 351]


def test_5_1_all_replicas_take_the_same_checkpoints() -> None:
    group = busy_group(29)
    assert group["n0"].checkpoint == group["n1"].checkpoint == group["n2"].checkpoint


def test_5_1_a_restart_goes_on_from_the_checkpoint() -> None:
    group = busy_group(29)
    before = group.operations("n1")
    group.restart("n1")
    assert group.operations("n1") == before
    assert group["n1"].client_table.snapshot() == group["n0"].client_table.snapshot()
    assert group["n1"].commit_number == 29


def test_5_2_a_replica_that_was_away_gets_a_checkpoint_and_then_entries() -> None:
    group = busy_group(36, away="n2")
    group.heal()
    group.run_for(10 * SECOND)
    assert group["n2"].op_number == 36
    assert group.operations("n2") == group.operations("n0")
    assert group["n2"].client_table.snapshot() == group["n0"].client_table.snapshot()


def test_5_2_truncated_entries_are_answered_with_the_first_chunk() -> None:
    group = busy_group(29)
    checkpoint = group["n0"].checkpoint
    assert group.tell("n2", "n0", GetState(0, 3)) == [
        NewCheckpoint(0, 21, 1, 22, 0, checkpoint.parts[:4])
    ]
    (answer,) = group.tell("n2", "n0", GetState(0, 12))
    assert isinstance(answer, NewState)


@pytest.mark.parametrize("position", [4, 8, 20])
def test_5_2_a_chunk_is_what_is_asked_for(position: int) -> None:
    group = busy_group(29)
    parts = group["n0"].checkpoint.parts
    assert group.tell("n2", "n0", GetCheckpoint(0, 21, position)) == [
        NewCheckpoint(0, 21, 1, 22, position, parts[position : position + 4])
    ]


def test_5_2_who_asks_for_an_older_checkpoint_gets_the_beginning_of_the_newer() -> None:
    group = busy_group(29)
    (answer,) = group.tell("n2", "n0", GetCheckpoint(0, 10, 8))
    assert isinstance(answer, NewCheckpoint)
    assert (answer.op_number, answer.position) == (21, 0)


def test_5_2_nobody_has_what_lies_behind_the_end() -> None:
    group = busy_group(29)
    assert group.tell("n2", "n0", GetCheckpoint(0, 21, 22)) == []
    assert group.tell("n2", "n0", GetCheckpoint(0, 30, 0)) == []


def chunks_of(group: Group) -> list[NewCheckpoint]:
    """The chunks of n0's checkpoint, as n0 would send them."""
    op_number, client_count, parts = group["n0"].checkpoint[:3]
    return [
        NewCheckpoint(0, op_number, client_count, len(parts), position, parts[position:][:4])
        for position in range(0, len(parts), 4)
    ]


def test_5_2_repeated_chunks_and_those_of_another_checkpoint_are_left_out() -> None:
    group = busy_group(29, away="n2")
    first, second, *others = chunks_of(group)
    alien = NewCheckpoint(0, 15, 1, 16, 4, ("of", "another"))
    for chunk in (second, alien, first, first, alien, second, first, second, *others):
        group.tell("n0", "n2", chunk)
    assert group["n2"].commit_number == 21
    assert group.operations("n2") == group.operations("n0")[:21]


def test_5_2_an_older_checkpoint_changes_nothing() -> None:
    group = busy_group(29)
    before = group["n2"].checkpoint
    group.tell("n0", "n2", NewCheckpoint(0, 10, 1, 1, 0, (("c9", -1, ()),)))
    assert (group["n2"].checkpoint, group["n2"].commit_number) == (before, 29)


def test_5_2_a_checkpoint_is_installed_in_one_durable_step() -> None:
    group = busy_group(29, away="n2")
    for chunk in chunks_of(group):
        assert group.storages["n2"].load() == DurableState()
        group.tell("n0", "n2", chunk)
    found = group.storages["n2"].load()
    assert (found.checkpoint, found.first_op_number) == (group["n0"].checkpoint, 22)
    assert found.commit_number == 21


def test_5_2_own_entries_above_a_checkpoint_stay() -> None:
    # A quorum of five may have committed them, and this replica may be needed to tell.
    group = Group(5, limits=FEW)
    for number in range(1, 26):
        group.ask("n0", number)
    group.deliver(Prepare, destination="n4")
    assert (group["n4"].op_number, group["n4"].commit_number) == (25, 0)
    operations = tuple(operation(number) for number in range(1, 21))
    table = ClientTable(1)
    for number in range(1, 21):
        table.execute("c1", number, as_is, number)
    group.tell("n1", "n4", NewCheckpoint(0, 20, 1, 21, 0, table.snapshot() + operations))
    assert (group["n4"].op_number, group["n4"].commit_number) == (25, 20)
    assert group["n4"].log.suffix(21) == tuple(entry(number) for number in range(21, 26))


def test_5_2_a_waiting_request_that_a_checkpoint_covers_is_answered() -> None:
    group = busy_group(29, away="n2")
    group.ask("n2", 7)
    assert group.replies("n2") == []
    for chunk in chunks_of(group):
        group.tell("n0", "n2", chunk)
    assert group.replies("n2") == [("c1", 7, 7)]


def test_5_2_the_records_of_a_turn_begin_with_the_checkpoint() -> None:
    group = busy_group(29, away="n2")
    replica = group["n2"]
    replica.on_time(group.now)
    for chunk in chunks_of(group):
        replica.on_message("n0", chunk)
    first, *_ = replica.end_turn().records
    assert first == SaveCheckpoint(group["n0"].checkpoint, 22)


def test_5_2_a_gap_right_after_the_start_is_asked_for_once_the_round_trip_is_known() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n0")
    for number in range(1, 4):
        group.ask("n0", number)
    group.heal()
    for name in group.names:
        group.restart(name)
    assert (group["n0"].op_number, group["n1"].op_number) == (3, 0)
    group.ask("n0", 4)
    group.run_for(SECOND // 5)
    assert group["n1"].commit_number == 4
