"""Exactly once: repeated requests across replicas and view changes."""

from typing import cast

import pytest

from tests.core.group import SECOND, Group, entry, operation
from vsr_node.core.limits import WINDOW, Limits
from vsr_node.core.messages import (
    DurableState,
    Prepare,
    PrepareOk,
    Reason,
    Refusal,
    Reply,
    Request,
)
from vsr_node.core.replica import Replica

OPERATION = operation(1)


@pytest.mark.parametrize("size", [3, 5])
def test_a_request_repeated_after_a_view_change_gets_the_recorded_reply(size: int) -> None:
    group = Group(size)
    group.ask("n0", 1)
    group.run_for(SECOND)
    group.crash("n0")
    group.run_for(10 * SECOND)
    for name in group.names[1:]:
        group.ask(name, 1)
        assert group.answers[-1] == (name, Reply("c1", 1, 1))
        assert group.operations(name) == [OPERATION]


def test_a_request_whose_reply_was_lost_with_the_primary_is_executed_once() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.deliver(Prepare)
    group.deliver(PrepareOk)
    assert group.operations("n0") == [OPERATION]
    group.crash("n0")
    # Nobody else has executed it; the client asks elsewhere while the view changes.
    group.ask("n2", 1)
    group.run_for(20 * SECOND)
    for name in group.names[1:]:
        assert group.operations(name) == [OPERATION]
    # n0 told of the commit, so it has answered; what got lost on the way is asked for again.
    group.ask("n2", 1)
    assert group.answers[-1] == ("n2", Reply("c1", 1, 1))
    assert {answer for _, answer in group.answers} == {Reply("c1", 1, 1)}


def test_a_request_in_the_log_and_not_yet_executed_is_not_logged_again() -> None:
    group = Group(5)
    group.settle()
    group.ask("n0", 1)
    group.under_way.clear()
    for name in group.names[1:]:
        group.tell(name, "n0", Request(0, (entry(1),)))
    assert group["n0"].op_number == 1


def test_an_inherited_request_is_not_logged_again() -> None:
    durable = dict.fromkeys(("n1", "n2", "n3"), DurableState(0, 0, entries=(entry(1),)))
    group = Group(5, durable=durable)
    group.crash("n0")
    group.ask("n3", 1)
    group.run_for(20 * SECOND)
    assert group["n1"].log.suffix(1) == (entry(1),)
    assert ("n3", Reply("c1", 1, 1)) in group.answers


def test_what_stands_in_the_log_twice_is_executed_once() -> None:
    # No correct primary logs it twice, and nothing depends on that.
    twice = DurableState(0, 0, commit_number=3, entries=(entry(1), entry(1), entry(2)))
    group = Group(5, durable={"n1": twice})
    assert group["n1"].commit_number == 3
    assert group.operations("n1") == [OPERATION, operation(2)]


def test_the_same_number_of_another_client_is_another_request() -> None:
    group = Group(3)
    group.ask("n0", 1, client="c1")
    group.ask("n0", 1, client="c2")
    group.settle()
    assert sorted(group.replies()) == [("c1", 1, 1), ("c2", 1, 2)]


def test_requests_of_one_client_may_overtake_each_other() -> None:
    group = Group(3)
    for number in (5, 2, 9, 1):
        group.ask("n0", number)
        group.settle()
    for number, result in ((5, 1), (2, 2), (9, 3), (1, 4)):
        group.ask("n1", number)
        assert group.answers[-1] == ("n1", Reply("c1", number, result))


def test_a_request_older_than_the_window_is_given_an_unknown_outcome_at_every_replica() -> None:
    group = Group(3)
    for number in range(WINDOW + 1):
        group.ask("n0", number)
    group.run_for(SECOND)
    for name in group.names:
        group.ask(name, 0)
        assert group.answers[-1] == (name, Refusal("c1", 0, Reason.OUTCOME_UNKNOWN))
    group.run_for(SECOND)
    assert len(group.operations("n0")) == WINDOW + 1


def test_a_forwarded_request_older_than_the_window_is_not_executed() -> None:
    group = Group(3)
    for number in range(WINDOW + 1):
        group.ask("n0", number)
    group.settle()
    group.tell("n1", "n0", Request(0, (entry(0),)))
    assert group["n0"].op_number == WINDOW + 1


def test_the_oldest_client_beyond_the_bound_is_forgotten_everywhere_alike() -> None:
    group = Group(3, limits=Limits(clients_max=2))
    for client in ("c1", "c2", "c1", "c3"):
        group.ask("n0", len(group.answers), client)
        group.settle()
    group.run_for(SECOND)
    tables = [group[name].client_table.snapshot() for name in group.names]
    assert [cast("tuple[str, int]", part)[0] for part in tables[0]] == ["c1", "c3"]
    assert tables[0] == tables[1] == tables[2]


def test_a_replica_that_starts_anew_rebuilds_machine_and_table_from_what_was_durable() -> None:
    group = Group(3)
    for number in (1, 2, 3):
        group.ask("n0", number)
    group.run_for(SECOND)
    old = group["n1"]
    durable = group.storages["n1"].load()
    new: Replica = Group(3, durable={"n1": durable})["n1"]
    assert new.commit_number == old.commit_number == 3
    assert new.client_table.snapshot() == old.client_table.snapshot()
    assert new.machine.snapshot() == old.machine.snapshot()
    assert new.log.suffix(1) == old.log.suffix(1)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_clients_that_repeat_everywhere_while_primaries_come_and_go(size: int) -> None:
    group = Group(size)
    group.delay = 2_000
    for number in range(40):
        if number % 8 == 2:
            group.isolate(group["n0"].primary)
        if number % 8 == 6:
            group.heal()
        for name in group.names:
            group.ask(name, number)
        group.run_for(SECOND // 4)
    group.heal()
    group.run_for(30 * SECOND)
    executed = group.operations("n0")
    assert all(group.operations(name) == executed for name in group.names)
    assert len(executed) == len(set(map(str, executed)))
    results = {(client, number): result for client, number, result in group.replies()}
    for client, number, result in group.replies():
        assert results[client, number] == result
    # What was answered was executed, as the operation in that place.
    for (client, number), result in results.items():
        assert isinstance(result, int)
        assert executed[result - 1] == operation(number, client)
    assert len(results) > 30


# One number for two requests

OTHER = "another operation"
REUSED = Refusal("c1", 1, Reason.NUMBER_REUSED)


def ask_other(group: Group, name: str) -> None:
    """Ask for OTHER under the number of ``entry(1)``."""
    group.turn(name, lambda replica: replica.on_request("c1", 1, OTHER))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_known_number_with_another_operation_is_refused_at_every_replica(size: int) -> None:
    group = Group(size)
    group.ask("n0", 1)
    group.run_for(SECOND)
    for name in group.names:
        ask_other(group, name)
        group.ask(name, 1)
        assert group.answers[-2:] == [(name, REUSED), (name, Reply("c1", 1, 1))]
    group.run_for(SECOND)
    assert group.operations("n0") == [OPERATION]


def test_it_is_refused_after_restarts_and_from_a_checkpoint_too() -> None:
    group = Group(3, limits=Limits(checkpoint_interval=5, chunk_parts=3))
    for number in range(1, 40):
        group.ask("n0", number)
        group.settle()
    group.restart("n1")
    group.restart("n2", without_log=True)
    group.run_for(SECOND)
    for name in group.names:
        group.turn(name, lambda replica: replica.on_request("c1", 30, OTHER))
        assert group.answers[-1] == (name, Refusal("c1", 30, Reason.NUMBER_REUSED))


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("name", ["n0", "n1"])
def test_one_of_two_that_wait_with_one_number_is_executed(size: int, name: str) -> None:
    group = Group(size)
    group.settle()
    name = name if size > 1 else "n0"

    def ask_for_both(replica: Replica) -> None:
        for each in (OPERATION, OTHER, OPERATION, OTHER):
            replica.on_request("c1", 1, each)

    group.turn(name, ask_for_both)
    group.run_for(10 * SECOND)
    assert group.operations("n0") == [OPERATION]
    assert {answer for _, answer in group.answers} == {Reply("c1", 1, 1), REUSED}


@pytest.mark.parametrize("size", [3, 5])
def test_what_waits_at_a_backup_is_refused_when_another_with_its_number_executes(size: int) -> None:
    group = Group(size)
    group.settle()
    group.ask("n0", 1)
    ask_other(group, "n1")
    group.run_for(10 * SECOND)
    assert all(group.operations(name) == [OPERATION] for name in group.names)
    assert group.replies() == [("c1", 1, 1)]
    assert group.refusals() == [("n1", REUSED)]


def test_two_in_the_log_with_one_number_are_not_answered_alike() -> None:
    # No correct primary logs it, and nothing depends on that.
    both = DurableState(0, 0, entries=(entry(1), ("c1", 1, OTHER), entry(2)))
    group = Group(3, durable=dict.fromkeys(("n0", "n1"), both))
    ask_other(group, "n0")
    group.run_for(SECOND)
    assert group.operations("n0") == [OPERATION, operation(2)]
    assert ("n0", REUSED) in group.answers
    assert group.replies() == []


def test_a_cut_off_replica_refuses_both_for_certain() -> None:
    group = Group(3)
    group.settle()
    group.isolate("n2")
    group.run_for(20 * SECOND)
    group.ask("n2", 1)
    ask_other(group, "n2")
    group.run_for(60 * SECOND)
    refusal = Refusal("c1", 1, Reason.UNAVAILABLE)
    assert group.refusals() == [("n2", refusal), ("n2", refusal)]


def test_of_two_that_wait_at_the_end_only_the_one_that_was_sent_is_unknown() -> None:
    group = Group(3)
    group.settle()
    group.isolate("n0")
    group.ask("n0", 1)
    ask_other(group, "n0")
    group.turn("n0", lambda replica: replica.give_up())
    assert [answer for _, answer in group.refusals()] == [
        Refusal("c1", 1, Reason.UNAVAILABLE),
        Refusal("c1", 1, Reason.OUTCOME_UNKNOWN),
    ]


def test_what_another_node_executed_under_the_number_ends_the_wait_of_both() -> None:
    group = Group(3)
    group.settle()
    group.isolate("n2")
    group.ask("n2", 1)
    ask_other(group, "n2")
    ask_other(group, "n0")
    group.settle()
    group.heal()
    group.run_for(10 * SECOND)
    answers = [answer for name, answer in group.answers if name == "n2"]
    assert answers == [REUSED, Reply("c1", 1, 1)]
