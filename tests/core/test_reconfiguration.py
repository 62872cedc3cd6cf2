"""Changes of the members (VRR section 7), rule by rule, and the scenarios that taught the rules."""

from statistics import median

import pytest

from tests.core.group import SECOND, Envelope, Group, entry
from vsr_node.core import change
from vsr_node.core.limits import WINDOW, Limits
from vsr_node.core.membership import VIEWS_PER_EPOCH, epoch_of, first_view_of
from vsr_node.core.messages import (
    NOT_POSSIBLE,
    OTHER_EPOCH,
    Answers,
    CatchUp,
    Commit,
    Declined,
    DoViewChange,
    DurableState,
    EpochStarted,
    GetState,
    NewCheckpoint,
    NewState,
    Prepare,
    PrepareOk,
    Read,
    ReadOk,
    Reason,
    Reconfiguration,
    Recovery,
    Refusal,
    Request,
    StartEpoch,
    StartView,
    StartViewChange,
)
from vsr_node.core.replica import Replica
from vsr_node.core.status import Status

EPOCH_1 = first_view_of(1)


def ask_change(
    group: Group, name: str, *members: str, number: int = 1, epoch: int | None = None
) -> None:
    """The client "admin" asks a replica for other members."""
    group.turn(name, lambda replica: replica.on_reconfigure("admin", number, members, epoch))


def outcomes(group: Group) -> list[object]:
    """What the client "admin" was answered."""
    return [result for client, _, result in group.replies() if client == "admin"]


def group_that_changes(*members: str, size: int = 4, founders: int = 3) -> Group:
    """A group whose change is logged by its primary n0; its PREPAREs are under way."""
    group = Group(size, founders=founders)
    group.ask("n0", 1)
    group.run_for(SECOND)
    group.settle()
    ask_change(group, "n0", *members)
    while group.under_way and not ends_epoch(group, "n0"):
        first = group.under_way.pop(0)
        group.tell(first.source, first.destination, first.message)
    assert ends_epoch(group, "n0")
    return group


def ends_epoch(group: Group, name: str) -> bool:
    log = group[name].log
    return isinstance(log[log.op_number][2], Reconfiguration)


def changed_group(*members: str, size: int = 4, founders: int = 3) -> Group:
    """A group that has changed its members and come to rest."""
    group = group_that_changes(*members, size=size, founders=founders)
    group.settle()
    group.run_for(20 * SECOND)
    return group


def statuses(group: Group) -> dict[str, str]:
    return {name: f"{replica.status}" for name, replica in group.replicas.items()}


# What an epoch is


def test_one_number_names_an_epoch_and_a_view() -> None:
    view_number = first_view_of(3) + 4
    assert epoch_of(view_number) == 3
    group = Group(3)
    assert group["n0"].membership.primary_of(view_number) == "n1"
    assert VIEWS_PER_EPOCH * (1 << 20) < 2**53


def test_a_process_that_is_no_member_is_a_standby_and_takes_part_in_nothing() -> None:
    group = Group(4, founders=3)
    group.ask("n0", 1)
    group.run_for(30 * SECOND)
    assert statuses(group) == {**dict.fromkeys(("n0", "n1", "n2"), "normal"), "n3": "standby"}
    assert not group.types_sent("n3")
    assert not {each.destination for each in group.sent} & {"n3"}


# Asking


def test_a_change_is_logged_only_when_the_new_member_has_caught_up() -> None:
    group = Group(4, founders=3)
    group.ask("n0", 1)
    group.settle()
    group.run_for(SECOND)
    ask_change(group, "n0", "n0", "n1", "n3")
    assert not ends_epoch(group, "n0")
    assert group["n0"].change is not None
    group.deliver(CatchUp, "n0", "n3")
    group.deliver(GetState, "n3", "n0")
    assert ends_epoch(group, "n0")
    group.settle()
    group.run_for(10 * SECOND)
    assert outcomes(group) == [Reconfiguration(1, ("n0", "n1", "n3"))]
    assert statuses(group)["n2"] == "standby"
    assert group["n2"].is_released
    assert group.operations("n3") == group.operations("n0")


def test_a_new_member_asks_on_when_it_has_a_checkpoint_as_clients_write_on() -> None:
    group = Group(4, founders=3, limits=Limits(checkpoint_interval=4))
    for number in range(1, 15):
        group.ask("n0", number)
        group.settle()
    group.run_for(SECOND)
    ask_change(group, "n0", "n0", "n1", "n3")
    group.deliver(CatchUp, "n0", "n3")
    group.deliver(GetState, "n3", "n0")
    group.deliver(NewCheckpoint, "n0", "n3")
    assert 0 < group["n3"].commit_number < group["n0"].commit_number
    group.deliver(GetState, "n3", "n0")
    group.deliver(NewState, "n0", "n3")
    assert group["n3"].commit_number == group["n0"].commit_number


def test_a_new_member_that_never_comes_leaves_the_group_as_it_was() -> None:
    group = Group(4, founders=3)
    group.crash("n3")
    ask_change(group, "n1", "n0", "n1", "n3")
    group.run_for(20 * SECOND)
    (declined,) = outcomes(group)
    assert isinstance(declined, Declined)
    assert declined.kind == NOT_POSSIBLE
    assert "n3" in declined.reason
    assert group["n0"].change is None
    assert {group[name].view_number for name in ("n0", "n1", "n2")} == {0}
    group.ask("n0", 2)
    group.settle()
    assert len(group.replies()) == 2


def test_a_change_from_another_epoch_is_declined_with_the_present_one() -> None:
    group = changed_group("n0", "n1", "n3")
    ask_change(group, "n1", "n0", "n1", number=2, epoch=0)
    group.settle()
    declined = outcomes(group)[-1]
    assert isinstance(declined, Declined)
    assert declined.kind == OTHER_EPOCH
    assert "the epoch is 1, and its members are n0, n1, n3" in declined.reason
    ask_change(group, "n1", "n0", "n1", number=3, epoch=1)
    group.run_for(10 * SECOND)
    assert outcomes(group)[-1] == Reconfiguration(2, ("n0", "n1"))


def test_a_second_change_is_declined_while_one_is_prepared() -> None:
    group = Group(5, founders=3)
    group.crash("n3")
    ask_change(group, "n0", "n0", "n1", "n3")
    ask_change(group, "n0", "n0", "n1", "n4", number=2)
    group.settle()
    (declined,) = outcomes(group)
    assert isinstance(declined, Declined)
    assert "another change is being prepared, to n0, n1, n3" in declined.reason


def test_the_present_members_in_any_order_change_nothing_and_give_up_what_is_prepared() -> None:
    group = Group(4, founders=3)
    group.crash("n3")
    ask_change(group, "n0", "n0", "n1", "n3")
    ask_change(group, "n0", "n2", "n1", "n0", number=2)
    group.settle()
    given_up, unchanged = outcomes(group)
    assert isinstance(given_up, Declined)
    assert unchanged == Reconfiguration(0, ("n0", "n1", "n2"))
    group.ask("n0", 1)
    group.settle()
    assert group.replies()[-1][0] == "c1"


def test_a_repeated_request_for_a_change_gets_its_answer_in_any_epoch_from_any_member() -> None:
    group = changed_group("n0", "n1", "n3")
    for name in ("n1", "n3", "n2"):
        ask_change(group, name, "n0", "n1", "n3")
        group.run_for(10 * SECOND)
    assert outcomes(group) == [Reconfiguration(1, ("n0", "n1", "n3"))] * 4
    assert group["n0"].membership.epoch == 1


def test_a_new_primary_begins_the_change_anew_when_the_request_comes_again() -> None:
    group = Group(4, founders=3)
    group.isolate("n3")
    ask_change(group, "n1", "n1", "n2", "n3")
    group.settle()
    assert group["n0"].change is not None
    group.crash("n0")
    group.cut = {pair for pair in group.cut if "n3" not in pair or "n0" in pair}
    group.run_for(60 * SECOND)
    assert outcomes(group) == [Reconfiguration(1, ("n1", "n2", "n3"))]


def test_the_rotation_lets_members_leave_come_and_stay() -> None:
    processes = tuple(f"n{number}" for number in range(5))
    assert [change.rotation(processes, epoch) for epoch in (1, 2, 3, 4)] == [
        ("n0", "n1", "n2"),
        ("n4", "n0", "n1", "n2", "n3"),
        ("n0",),
        ("n2", "n3", "n4"),
    ]
    assert change.rotation(("n0", "n1", "n2"), 2) == ("n1", "n2", "n0")


def test_a_primary_that_asks_itself_answers_nobody() -> None:
    group = Group(4, founders=3)
    group.turn("n0", lambda replica: replica.reconfigure_self(("n0", "n3")))
    group.run_for(20 * SECOND)
    assert group["n3"].membership.members == ("n0", "n3")
    assert not group.answers


# From the change in the log to the new epoch


def test_nothing_is_logged_behind_the_end_of_an_epoch() -> None:
    group = group_that_changes("n0", "n1", "n2", "n3", "n5", size=6, founders=5)
    assert group["n0"].is_serving_primary
    assert not group["n0"].accepts_requests
    op_number = group["n0"].op_number
    group.ask("n0", 2)
    group.ask("n1", 3)
    group.deliver(Request, "n1", "n0")
    assert group["n0"].op_number == op_number
    group.settle()
    group.run_for(SECOND)
    assert sorted(number for client, number, _ in group.replies() if client == "c1") == [1, 2, 3]
    assert all(group.operations(name)[-2:] for name in group["n0"].membership.members)


def test_the_old_quorum_commits_the_change() -> None:
    # Of five old members n0, n1, n2 stay; the new ones' acknowledgements must not count.
    group = group_that_changes("n0", "n5", "n6", size=7, founders=5)
    group.deliver(Prepare, "n0", "n1")
    group.deliver(PrepareOk, "n1", "n0")
    assert group["n0"].membership.epoch == 0
    group.deliver(Prepare, "n0", "n2")
    group.deliver(PrepareOk, "n2", "n0")
    assert group["n0"].membership.epoch == 1


def test_the_turn_that_executes_the_change_makes_the_epoch_durable_and_says_its_last_word() -> None:
    group = group_that_changes("n0", "n1", "n3")
    (prepare,) = group.take(Prepare, "n0", "n1")
    sent = group.tell("n0", "n1", prepare)
    storage = group.storages["n1"]
    assert storage.view_number == EPOCH_1
    assert storage.commit_number == storage.op_number == prepare.first_op_number
    assert [type(message) for message in sent if type(message) is not StartEpoch] == [
        PrepareOk,
        NewState,
        DoViewChange,
    ]
    last_word, offer, report = (each for each in sent if type(each) is not StartEpoch)
    assert isinstance(last_word, PrepareOk)
    assert last_word.view_number == 0
    assert isinstance(offer, NewState)
    assert offer.entries[-1] == prepare.entries[-1]
    assert isinstance(report, DoViewChange)
    assert report.view_number == EPOCH_1
    assert report.last_normal_view == 0
    group.restart("n1")
    assert group["n1"].membership.members == ("n0", "n1", "n3")
    assert group["n1"].status is Status.VIEW_CHANGE


def test_the_primary_lets_the_others_of_its_epoch_commit_its_end() -> None:
    group = group_that_changes("n0", "n1", "n2", size=6, founders=5)
    for name in ("n1", "n2"):
        group.deliver(Prepare, "n0", name)
    for name in ("n1", "n2"):
        if group.take(PrepareOk, name, "n0"):
            group.tell(name, "n0", PrepareOk(0, group[name].op_number, group.now))
    commits = group.take(Commit, "n0", "n1")
    assert group["n0"].membership.epoch == 1
    assert commits[-1].view_number == 0
    assert commits[-1].commit_number == group["n0"].commit_number


def test_the_primary_that_stays_leads_first_and_another_that_is_heard_if_it_leaves() -> None:
    assert changed_group("n1", "n3", "n0")["n3"].membership.members == ("n0", "n1", "n3")
    group = changed_group("n1", "n2", "n3")
    assert group["n3"].membership.members == ("n1", "n2", "n3")
    assert group["n3"].view_number == EPOCH_1
    assert statuses(group)["n0"] == "standby"


def test_a_larger_group_has_no_rule_of_two_any_more() -> None:
    group = changed_group("n0", "n1", "n2", "n3", "n4", size=5, founders=3)
    group.sent.clear()
    group.ask("n0", 7)
    group.deliver(Prepare, "n0", "n1")
    assert group["n1"].commit_number < group["n1"].op_number


def test_all_members_may_change_at_once() -> None:
    group = changed_group("n3", "n4", "n5", size=6, founders=3)
    assert all(group[name].is_released for name in ("n0", "n1", "n2"))
    for name in ("n0", "n1", "n2"):
        group.crash(name)
    group.ask("n4", 9)
    group.settle()
    assert ("c1", 9, 2) in group.replies()


# Telling others, and being released


def test_a_replica_that_left_asks_all_members_until_a_quorum_has_begun() -> None:
    group = group_that_changes("n3", "n4", "n5", size=6)
    for name in ("n3", "n4", "n5"):
        group.isolate(name)
    group.settle()
    group.run_for(SECOND)
    assert statuses(group)["n0"] == "standby"
    assert not group["n0"].is_released
    group.tell("n3", "n0", EpochStarted(EPOCH_1))
    assert not group["n0"].is_released
    group.tell("n3", "n0", EpochStarted(EPOCH_1))
    assert group["n0"].started == {"n3"}
    group.sent.clear()
    group.run_for(SECOND)
    assert {each.destination for each in group.sent if type(each.message) is StartEpoch} >= {
        *("n3", "n4", "n5"),
    }
    group.tell("n4", "n0", EpochStarted(EPOCH_1))
    assert group["n0"].is_released


def test_a_standby_that_hears_of_a_later_epoch_is_released_as_a_quorum_has_gone_on() -> None:
    group = group_that_changes("n3", size=4)
    group.isolate("n3")
    group.settle()
    before = group["n0"].is_released
    group.tell("n3", "n0", StartEpoch(first_view_of(2), 9, ("n3", "n1")))
    assert (before, group["n0"].is_released) == (False, True)


def test_a_lagging_member_whose_epoch_is_over_learns_of_it_from_its_votes() -> None:
    group = group_that_changes("n3", size=5, founders=3)
    group.isolate("n2")
    group.take(Prepare, "n0", "n2")
    group.settle()
    group.run_for(10 * SECOND)
    for name in ("n0", "n1"):
        assert group[name].is_released
        group.crash(name)
    group.heal()
    group.sent.clear()
    group.run_for(60 * SECOND)
    votes = {each.destination for each in group.sent if type(each.message) is StartViewChange}
    assert "n3" in votes
    assert statuses(group)["n2"] == "standby"
    assert group["n2"].is_released


def test_what_is_of_an_older_epoch_is_answered_with_start_epoch_but_for_answers() -> None:
    group = changed_group("n0", "n1", "n3")
    n0 = group["n0"]
    for message in (Commit(0, 1, 1, SECOND), Read(0, 1), StartViewChange(1, 0)):
        (answer,) = group.tell("n2", "n0", message)
        assert answer == StartEpoch(n0.view_number, n0.epoch_op_number, n0.membership.members)
    before = n0.commit_number
    for answer_of_old in (PrepareOk(0, 99, 1), ReadOk(0, 1, 99)):
        assert group.tell("n2", "n0", answer_of_old) == []
    assert n0.commit_number == before


def test_what_is_of_a_later_epoch_counts_for_nothing_and_is_fetched() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.under_way.clear()
    for name in ("n1", "n2"):
        sent = group.tell(name, "n0", PrepareOk(EPOCH_1, 1, group.now))
        assert all(type(message) is GetState for message in sent)
    assert group["n0"].commit_number == 0
    assert group["n0"].view_number == 0


def test_the_op_number_of_start_epoch_commits_nothing() -> None:
    # The change stands at 2 in n1's log, too, but behind another entry than the committed one.
    group = Group(5)
    group.tell("n0", "n1", Prepare(0, 0, 1, (entry(8),), 1, SECOND))
    change_entry = ("admin", 1, Reconfiguration(1, ("n2", "n3")))
    group.tell("n0", "n1", Prepare(0, 0, 2, (change_entry,), 1, SECOND))
    sent = group.tell("n2", "n1", StartEpoch(EPOCH_1, 2, ("n2", "n3")))
    assert group["n1"].commit_number == 0
    assert group["n1"].membership.epoch == 0
    assert sent == [GetState(0, 0)]


def test_a_replica_that_knows_of_a_later_epoch_and_lacks_its_beginning_is_not_deaf() -> None:
    # n0 executes the change, says so to n2, and dies; n1 has it in its log and needs n2's vote.
    group = group_that_changes("n0", "n1", "n3")
    group.take(Prepare, "n0", "n2")
    group.tell("n0", "n2", StartEpoch(EPOCH_1, 2, ("n0", "n1", "n3")))
    group.take(GetState, "n2", "n0")
    group.crash("n0")
    assert group["n2"].membership.epoch == 0
    assert group["n2"].newest is not None
    group.run_for(60 * SECOND)
    assert statuses(group) == {**statuses(group), "n1": "normal", "n2": "standby", "n3": "normal"}
    assert group["n1"].membership.epoch == group["n2"].membership.epoch == 1


# Committed state of a later epoch


def state_of_epoch_1(*entries: object) -> NewState:
    """Committed state as a replica of epoch 1 has it, with the end of epoch 0."""
    return NewState(EPOCH_1, len(entries), 1, entries)  # type: ignore[arg-type]


def test_a_normal_replica_takes_committed_state_in_place_where_its_own_log_agrees() -> None:
    change_entry = ("admin", 1, Reconfiguration(1, ("n3", "n4")))
    group = Group(5)
    group.tell("n0", "n1", Prepare(0, 0, 1, (entry(1), change_entry), 1, SECOND))
    group.tell("n3", "n1", NewState(EPOCH_1, 1, 1, (entry(1), change_entry)))
    assert group["n1"].status is Status.NORMAL
    assert group["n1"].commit_number == 1
    group.tell("n3", "n1", state_of_epoch_1(entry(1), change_entry))
    assert group["n1"].status is Status.STANDBY
    assert group["n1"].view_number == EPOCH_1


def test_a_late_start_view_does_not_cut_what_a_later_epoch_has_committed() -> None:
    # n1 is normal in view 1 with its entry 8 at 1. Later views committed entry 1 there. Were n1 in
    # view change in view 1 again, the view's late START_VIEW would bring entry 8 back.
    group = Group(5)
    begun = StartView(1, 0, 1, (entry(8),), 1, SECOND)
    group.tell("n2", "n3", StartViewChange(1, 1))
    group.tell("n1", "n3", begun)
    assert group["n3"].status is Status.NORMAL
    change_entry = ("admin", 1, Reconfiguration(1, ("n3", "n4")))
    group.tell("n4", "n3", NewState(EPOCH_1, 1, 1, (entry(1), change_entry)))
    assert group["n3"].view_number == 2
    assert group["n3"].status is Status.VIEW_CHANGE
    group.tell("n1", "n3", begun)
    assert group["n3"].commit_number == 1
    assert group["n3"].log[1] == entry(1)
    group.tell("n4", "n3", state_of_epoch_1(entry(1), change_entry))
    assert group["n3"].view_number == EPOCH_1
    assert group["n3"].op_number == 2


def test_a_replica_that_would_have_to_extend_its_log_leaves_its_view_first() -> None:
    # The rest of its view's entries may be others: what a quorum of two commits would be wrong.
    group = Group(3)
    group.tell("n2", "n1", NewState(EPOCH_1, 1, 1, (entry(1), entry(2))))
    assert group["n1"].view_number == 1
    assert group["n1"].log[1] == entry(1)
    group.tell("n0", "n1", Prepare(0, 0, 2, (entry(9),), 1, SECOND))
    assert group["n1"].op_number == 1


def test_what_a_stale_view_has_above_the_end_of_the_epoch_goes() -> None:
    group = Group(5)
    group.tell("n0", "n1", Prepare(0, 0, 1, (entry(1), entry(2), entry(3)), 1, SECOND))
    change_entry = ("admin", 1, Reconfiguration(1, ("n1", "n4")))
    sent = group.tell("n4", "n1", state_of_epoch_1(entry(1), change_entry))
    assert group["n1"].op_number == 2
    assert group.storages["n1"].op_number == 2
    assert group["n1"].status is Status.VIEW_CHANGE
    assert all(epoch_of(message.view_number) == 1 for message in sent)


def test_a_new_member_that_gets_a_checkpoint_knows_the_members_from_it() -> None:
    limits = Limits(checkpoint_interval=4)
    group = Group(5, founders=3, limits=limits)
    ask_change(group, "n0", "n0", "n1", "n3")
    group.run_for(10 * SECOND)
    for number in range(20):
        group.ask("n0", number)
        group.settle()
    assert group["n0"].checkpoint.members == ("n0", "n1", "n3")
    ask_change(group, "n0", "n0", "n1", "n4", number=2)
    group.run_for(20 * SECOND)
    assert group["n4"].checkpoint.epoch == 1
    assert group["n4"].membership.members == ("n0", "n1", "n4")
    assert group.operations("n4") == group.operations("n0")
    group.restart("n4")
    assert group["n4"].membership.epoch == 2


# Requests and reads


def test_a_read_whose_index_is_the_end_of_the_epoch_begins_anew_in_the_next() -> None:
    group = group_that_changes("n0", "n1", "n2", size=6, founders=5)
    group.deliver(Prepare, "n0", "n3")
    group.deliver(Prepare, "n0", "n4")
    group.read("n3", 50, "reader")
    group.tell("n4", "n3", ReadOk(0, group.take(Read, "n3")[0].nonce, group["n0"].op_number))
    group.settle()
    assert group["n3"].membership.epoch == 1
    assert statuses(group)["n3"] == "standby"
    group.run_for(20 * SECOND)
    answers = [result for client, _, result in group.replies() if client == "reader"]
    assert len(answers) == 1


def test_a_standby_hands_requests_in_and_gives_the_answers_out() -> None:
    group = changed_group("n0", "n1", "n3")
    group.ask("n2", 4)
    group.deliver(Request, "n2", "n0")
    group.settle()
    assert [name for name, answer in group.answers if answer.request_number == 4] == ["n2"]
    group.ask("n2", 4)
    group.settle()
    assert group.replies("n2")[-2:] == [("c1", 4, 2)] * 2
    assert group.operations("n0").count("operation 4 of c1") == 1
    assert Answers in {type(each.message) for each in group.sent}


def test_a_standby_learns_of_the_primary_from_whom_it_asked() -> None:
    group = Group(4, founders=3)
    for name in ("n0", "n1", "n2"):
        group.tell("n2" if name != "n2" else "n1", name, StartViewChange(1, 1))
    group.settle()
    assert group["n1"].is_serving_primary
    group.ask("n3", 1)
    group.settle()
    assert group.replies("n3") == [("c1", 1, 1)]


def test_a_standby_reads_through_the_log() -> None:
    group = changed_group("n0", "n1", "n3")
    group.read("n2", 5)
    group.settle()
    assert ("c1", 5, 2) in group.replies("n2")


def test_a_standby_refuses_a_read_but_never_a_request_that_it_sent() -> None:
    group = changed_group("n0", "n1", "n3")
    group.isolate("n2")
    group.ask("n2", 5)
    group.read("n2", 6)
    group.run_for(30 * SECOND)
    assert [refusal.request_number for _, refusal in group.refusals()] == [6]
    group.heal()
    group.run_for(30 * SECOND)
    assert ("c1", 5, 2) in group.replies("n2")


def test_requests_that_wait_at_a_replica_that_leaves_are_answered_all_the_same() -> None:
    group = group_that_changes("n3", "n4", "n5", size=6)
    group.ask("n1", 5)
    group.ask("n0", 6)
    group.settle()
    group.run_for(20 * SECOND)
    assert sorted(number for client, number, _ in group.replies() if client == "c1") == [1, 5, 6]


def test_a_standby_passes_on_that_nobody_knows_what_became_of_a_request() -> None:
    """A client has used so many later numbers since then that its window is past this one."""
    group = changed_group("n0", "n1", "n3")
    group.isolate("n2")
    group.ask("n2", 5)
    for number in range(100, 101 + WINDOW):
        group.ask("n0", number)
    group.run_for(SECOND)
    group.heal()
    group.run_for(30 * SECOND)
    refusals = [refusal for name, refusal in group.refusals() if name == "n2"]
    assert refusals == [Refusal("c1", 5, Reason.OUTCOME_UNKNOWN)]


def test_what_a_standby_handed_in_is_answered_although_it_has_become_a_member() -> None:
    """The primary held it when the epoch ended. The new member executes it and says nothing, as the
    primary answers what members submit; so it must not answer the standby of before.
    """
    group = Group(5, founders=4)
    group.ask("n0", 1)
    group.settle()
    ask_change(group, "n0", "n0", "n1", "n2", "n3", "n4")
    group.ask("n4", 2)
    requests = group.take(Request, "n4")
    group.deliver(CatchUp, "n0", "n4")
    (progress,) = group.take(GetState, "n4")

    def take_both(n0: Replica) -> None:
        n0.on_message("n4", requests[0])
        n0.on_message("n4", progress)

    group.turn("n0", take_both)
    assert ends_epoch(group, "n0")
    late: list[Envelope] = []
    while group["n4"].commit_number < 3:
        while not group.under_way:
            group.wait_for_timer("n0")
        first = group.under_way.pop(0)
        if isinstance(first.message, Answers):
            late.append(first)
        elif isinstance(first.message, DoViewChange) and group["n4"].membership.epoch == 0:
            group.under_way.append(first)
        else:
            group.tell(first.source, first.destination, first.message)
    for each in late:
        group.tell(each.source, each.destination, each.message)
    group.run_for(20 * SECOND)
    assert group["n4"].is_member
    assert ("c1", 2, 2) in group.replies()


def test_what_waits_at_a_replica_that_leaves_waits_for_the_new_primary_and_no_time_out() -> None:
    group = group_that_changes("n3", "n4", "n5", size=6)
    group.ask("n1", 5)
    began = group.now
    while group["n1"].status is not Status.STANDBY:
        first = group.under_way.pop(0)
        group.tell(first.source, first.destination, first.message)
    group.deliver(Request, "n1", "n3")
    group.settle()
    assert group.now == began
    assert group.replies("n1") == [("c1", 5, 2)]


def test_a_session_of_the_client_table_goes_on_in_the_new_epoch() -> None:
    group = changed_group("n3", "n4", "n5", size=6)
    group.ask("n4", 1)
    group.settle()
    assert group.replies()[-1] == ("c1", 1, 1)
    assert group.operations("n4") == ["operation 1 of c1"]


# Recovery


def test_a_replica_that_lost_its_log_fetches_until_it_knows_the_group_of_its_promise() -> None:
    group = changed_group("n0", "n1", "n3")
    group.isolate("n3")
    group.restart("n3", without_log=True)
    n3 = group["n3"]
    assert n3.status is Status.RECOVERING
    assert n3.membership.epoch == 0
    group.heal()
    group.under_way.clear()
    group.wait_for_timer("n3")
    group.settle()
    group.run_for(10 * SECOND)
    assert n3.membership.epoch == 1
    assert n3.status is Status.NORMAL
    assert not group.storages["n3"].is_recovering


def test_it_does_not_enter_the_epoch_of_its_promise_as_a_new_member() -> None:
    group = changed_group("n0", "n1", "n3")
    state = DurableState(EPOCH_1, EPOCH_1, is_recovering=True)
    other = Group(4, founders=3, durable={"n3": state})
    committed = tuple(group["n0"].log.suffix(1, group["n0"].epoch_op_number))
    other.tell("n0", "n3", state_of_epoch_1(*committed))
    assert other["n3"].membership.epoch == 1
    assert other["n3"].status is Status.RECOVERING


def test_it_is_recovered_where_an_epoch_begins_in_which_it_promised_nothing() -> None:
    group = changed_group("n0", "n1", "n3")
    committed = tuple(group["n0"].log.suffix(1, group["n0"].epoch_op_number))
    other = Group(4, founders=3, durable={"n1": DurableState(4, 4, is_recovering=True)})
    sent = other.tell("n0", "n1", state_of_epoch_1(*committed))
    assert other["n1"].status is Status.VIEW_CHANGE
    assert other["n1"].view_number == EPOCH_1
    assert not other.storages["n1"].is_recovering
    assert DoViewChange in {type(message) for message in sent}


def test_a_standby_that_lost_its_log_has_promised_nothing() -> None:
    group = Group(4, founders=3, durable={"n3": DurableState(is_recovering=True)})
    assert group["n3"].status is Status.STANDBY
    assert not group.storages["n3"].is_recovering


def test_a_recovery_of_an_older_epoch_is_answered_with_start_epoch() -> None:
    group = changed_group("n0", "n1", "n3")
    (answer,) = group.tell("n2", "n0", Recovery(0, 0, "0" * 32))
    assert type(answer) is StartEpoch
    assert group.tell("n2", "n1", Recovery(first_view_of(2), 0, "0" * 32)) == []


def test_a_held_request_for_a_change_that_a_copy_brought_into_the_log_is_not_refused() -> None:
    group = group_that_changes("n3", "n1", size=4, founders=3)
    group.deliver(Prepare, "n0", "n1")
    group.crash("n0")
    n2 = group["n2"]
    group.tell("n1", "n2", StartViewChange(1, 1))
    ask_change(group, "n2", "n3", "n1")
    change_entry = ("admin", 1, Reconfiguration(1, ("n3", "n1")))
    n2.append((change_entry,))
    group.isolate("n2")
    group.run_for(20 * SECOND)
    assert not [refusal for name, refusal in group.refusals() if name == "n2"]


def test_answers_to_a_standby_are_bounded_in_size() -> None:
    group = Group(4, founders=3, limits=Limits(batch_size=100))
    for number in range(6):
        group.ask("n3", number)
    group.settle()
    group.run_for(SECOND)
    group.sent.clear()
    group.tell("n3", "n0", Request(0, tuple(entry(number) for number in range(6))))
    sent = [each.message for each in group.sent]
    counts = [len(message.answers) for message in sent if isinstance(message, Answers)]
    assert len(counts) > 1
    assert sum(counts) == 6


# How long writes pause


@pytest.mark.parametrize(
    ("founders", "members", "ways"),
    [
        (3, ("n0", "n1", "n3"), 4),
        (3, ("n1", "n2", "n3"), 4),
        (3, ("n3", "n4", "n5"), 4),
        (3, ("n0", "n1", "n2", "n3", "n4"), 4),
        # A backup commits the change a way later than in a group of three, and what it submitted
        # too late waits for that.
        (5, ("n0", "n1", "n2"), 5),
        (5, ("n2", "n3", "n4"), 5),
        (1, ("n0", "n1", "n2"), 4),
        (3, ("n4",), 4),
    ],
)
def test_writes_pause_for_two_round_trips(
    founders: int, members: tuple[str, ...], ways: int
) -> None:
    """All processes are asked all the time, 25 ms from each other.

    What is usual is the median of the process asked, before or after: one that left has a longer
    way. ``ways`` are one-way delays.
    """
    group = Group(6, founders=founders)
    group.delay, step = SECOND // 40, SECOND // 200
    asked: list[int] = []
    taken: dict[int, int] = {}
    for turn in range(200):
        if turn == 100:
            ask_change(group, "n0", *members)
        for name in group.names:
            group.turn(name, lambda n: n.on_request("c1", len(asked), f"{len(asked)}"))
            asked.append(group.now)
        group.run_for(step)
        for _, answer in group.answers:
            if answer.client == "c1":
                taken.setdefault(answer.request_number, group.now - asked[answer.request_number])
        group.answers.clear()
    assert all(replica.membership.members == members for replica in group.replicas.values())
    for place in range(len(group.names)):
        took = [taken[number] for number in range(place, 1_000, len(group.names))]
        usual = max(median(took[:90]), median(took[-40:]))
        assert max(took) - usual <= ways * group.delay + step
