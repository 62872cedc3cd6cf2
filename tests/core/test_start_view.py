"""START_VIEW: late ones, repeated ones, ones that begin beyond what the replica has."""

from tests.core.group import SECOND, Group, entry
from vsr_node.core.following import next_to_ask
from vsr_node.core.messages import (
    DoViewChange,
    DurableState,
    GetState,
    NewState,
    Prepare,
    PrepareOk,
    StartView,
)
from vsr_node.core.status import Status

ENTRIES = tuple(entry(number) for number in range(1, 7))


def start_view(view_number: int, commit_number: int, first_op_number: int, end: int) -> StartView:
    entries = ENTRIES[first_op_number - 1 : end]
    return StartView(view_number, commit_number, first_op_number, entries, 5, SECOND)


def test_a_repeated_one_changes_nothing() -> None:
    group = Group(5)
    message = start_view(1, 0, 1, 2)
    group.tell("n1", "n2", message)
    group.tell("n1", "n2", Prepare(1, 0, 3, (entry(3),), 6, SECOND))
    assert group.tell("n1", "n2", message) == []
    assert group["n2"].log.suffix(1) == ENTRIES[:3]
    assert group["n2"].status is Status.NORMAL


def test_one_of_an_older_view_changes_nothing() -> None:
    group = Group(5)
    group.tell("n2", "n3", start_view(2, 0, 1, 3))
    group.tell("n1", "n3", start_view(1, 0, 1, 1))
    assert group["n3"].view_number == 2
    assert group["n3"].log.suffix(1) == ENTRIES[:3]


def test_surplus_entries_of_an_older_view_go() -> None:
    group = Group(5, durable={"n2": DurableState(0, 0, entries=ENTRIES)})
    group.tell("n1", "n2", start_view(1, 0, 1, 2))
    assert group["n2"].log.suffix(1) == ENTRIES[:2]
    assert group.storages["n2"].load().last_normal_view == 1


def test_a_late_one_that_ends_below_commit_number_leaves_what_is_committed() -> None:
    group = Group(5)
    late = start_view(1, 1, 1, 2)
    # In the view change n2 learns of more commits than there were when the view began.
    group.tell("n1", "n2", Prepare(1, 4, 5, (), 5, SECOND))
    assert group["n2"].status is Status.VIEW_CHANGE
    group.tell("n3", "n2", NewState(1, 4, 1, ENTRIES[:4]))
    assert group["n2"].commit_number == 4
    group.tell("n1", "n2", late)
    assert (group["n2"].status, group["n2"].last_normal_view) == (Status.NORMAL, 1)
    assert group["n2"].log.suffix(1) == ENTRIES[:4]
    assert group["n2"].commit_number == 4
    assert group.operations("n2") == [operation for _, _, operation in ENTRIES[:4]]


def test_a_hole_below_it_is_fetched_before_it_is_acted_on() -> None:
    group = Group(5, durable={"n2": DurableState(0, 0, entries=(entry(9), entry(10)))})
    messages = group.tell("n1", "n2", start_view(1, 3, 4, 5))
    assert GetState(1, 0) in messages
    assert not any(isinstance(each, PrepareOk) for each in messages)
    assert group["n2"].last_normal_view == 0
    assert group["n2"].log.suffix(1) == (entry(9), entry(10))
    messages = group.tell("n1", "n2", NewState(1, 3, 1, ENTRIES[:5]))
    # Whole up to its commit_number, it asks anew; what is not committed is not taken yet.
    assert messages == [DoViewChange(1, 0, 3, 4, ())]
    assert group["n2"].log.suffix(1) == ENTRIES[:3]
    group.tell("n1", "n2", start_view(1, 3, 4, 5))
    assert group["n2"].last_normal_view == 1
    assert group["n2"].log.suffix(1) == ENTRIES[:5]


def test_a_hole_is_fetched_in_parts() -> None:
    group = Group(5)
    group.tell("n1", "n2", start_view(1, 4, 5, 5))
    assert group.tell("n3", "n2", NewState(1, 4, 1, ENTRIES[:2])) == [GetState(1, 2)]
    assert group.tell("n3", "n2", NewState(1, 4, 3, ENTRIES[2:4])) == [DoViewChange(1, 0, 4, 5, ())]


def test_entries_that_contradict_committed_ones_go() -> None:
    own = (entry(1), entry(22), entry(33))
    group = Group(5, durable={"n2": DurableState(0, 0, entries=own)})
    group.tell("n1", "n2", start_view(1, 3, 4, 5))
    group.tell("n3", "n2", NewState(1, 2, 1, ENTRIES[:2]))
    assert group["n2"].log.suffix(1) == ENTRIES[:2]
    assert group["n2"].last_normal_view == 0


def test_entries_that_do_not_contradict_stay_until_start_view_comes() -> None:
    group = Group(5, durable={"n2": DurableState(0, 0, entries=ENTRIES[:3])})
    group.tell("n1", "n2", start_view(1, 3, 4, 5))
    group.tell("n3", "n2", NewState(1, 1, 1, ENTRIES[:1]))
    assert group["n2"].log.suffix(1) == ENTRIES[:3]
    assert group["n2"].commit_number == 1


def test_the_new_primary_fetches_a_hole_below_the_best_log_first() -> None:
    group = Group(5)
    group.tell("n3", "n1", DoViewChange(1, 0, 4, 5, ENTRIES[4:5]))
    assert GetState(1, 0) in group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, ()))
    assert group["n1"].status is Status.VIEW_CHANGE
    messages = group.tell("n3", "n1", NewState(1, 4, 1, ENTRIES[:4]))
    assert any(isinstance(each, StartView) for each in messages)
    assert group["n1"].log.suffix(1) == ENTRIES[:5]
    assert group["n1"].commit_number == 4


def test_own_entries_above_commit_number_are_not_trusted_below_the_best_log() -> None:
    own = (entry(1), entry(22), entry(33))
    group = Group(5, durable={"n1": DurableState(0, 0, commit_number=1, entries=own)})
    group.tell("n3", "n1", DoViewChange(6, 4, 3, 4, ENTRIES[3:4]))
    group.tell("n2", "n1", DoViewChange(6, 0, 0, 1, ()))
    assert group["n1"].status is Status.VIEW_CHANGE
    group.tell("n3", "n1", NewState(6, 3, 2, ENTRIES[1:3]))
    assert group["n1"].log.suffix(1) == ENTRIES[:4]


def test_the_new_primary_keeps_its_own_log_when_that_is_the_best() -> None:
    group = Group(5, durable={"n1": DurableState(0, 0, entries=ENTRIES[:3])})
    group.tell("n3", "n1", DoViewChange(1, 0, 0, 1, ENTRIES[:2]))
    group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, ()))
    assert group["n1"].log.suffix(1) == ENTRIES[:3]


def test_a_late_do_view_change_is_answered_and_changes_nothing_at_a_serving_primary() -> None:
    group = Group(5)
    for name in ("n2", "n3"):
        group.tell(name, "n1", DoViewChange(1, 0, 0, 1, ENTRIES[:1]))
    group.ask("n1", 7)
    log = group["n1"].log.suffix(1)
    messages = group.tell("n4", "n1", DoViewChange(1, 0, 0, 1, ENTRIES[:5]))
    assert [type(each) for each in messages] == [StartView]
    assert group["n1"].log.suffix(1) == log == (entry(1), entry(7))


def test_early_entries_of_an_older_view_are_forgotten() -> None:
    group = Group(5)
    group.tell("n0", "n2", Prepare(0, 0, 3, (entry(33),), 1, SECOND))
    group.tell("n1", "n2", start_view(1, 0, 1, 2))
    assert group["n2"].log.suffix(1) == ENTRIES[:2]
    assert next_to_ask(group["n2"]) is None


def test_the_log_is_replaced_in_the_same_durable_step_that_makes_the_view_normal() -> None:
    group = Group(5, durable={"n2": DurableState(0, 0, entries=(entry(9),))})
    replica = group["n2"]
    replica.on_time(group.now)
    replica.on_message("n1", start_view(1, 1, 1, 2))
    output = replica.end_turn()
    group.storages["n2"].save(output.records)
    durable = group.storages["n2"].load()
    assert (durable.view_number, durable.last_normal_view, durable.commit_number) == (1, 1, 1)
    assert durable.entries == ENTRIES[:2]
