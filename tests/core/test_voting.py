"""Votes: who may cast them, how long they count, and what a primary does that has no quorum."""

from itertools import pairwise

import pytest

from tests.core.group import SECOND, Group, operation
from vsr_node.core.messages import Commit, DurableState, Prepare, PrepareOk, StartViewChange
from vsr_node.core.status import Status
from vsr_node.core.timers import Timer


def states(group: Group) -> set[tuple[Status, int]]:
    return {(replica.status, replica.view_number) for replica in group.replicas.values()}


@pytest.mark.parametrize("size", [3, 4, 5])
def test_a_replica_that_was_cut_off_deposes_nobody_when_it_returns(size: int) -> None:
    group = Group(size)
    group.run_for(SECOND)
    group.isolate(group.names[-1])
    group.run_for(30 * SECOND)
    assert group[group.names[-1]].timers.is_running(Timer.VOTE)
    group.heal()
    group.run_for(10 * SECOND)
    assert states(group) == {(Status.NORMAL, 0)}
    assert not group[group.names[-1]].timers.is_running(Timer.VOTE)


@pytest.mark.parametrize("size", [3, 4, 5])
def test_a_replica_that_only_does_not_hear_deposes_nobody(size: int) -> None:
    group = Group(size)
    group.run_for(SECOND)
    last = group.names[-1]
    group.cut = {(name, last) for name in group.names}
    group.run_for(30 * SECOND)
    assert {(group[name].status, group[name].view_number) for name in group.names} == {
        (Status.NORMAL, 0)
    }


def test_who_votes_stays_in_its_view_and_status() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n2")
    group.run_for(60 * SECOND)
    assert (group["n2"].status, group["n2"].view_number) == (Status.NORMAL, 0)


def test_who_hears_its_primary_does_not_join() -> None:
    group = Group(3)
    group.run_for(SECOND)
    assert group.tell("n2", "n1", StartViewChange(1, 0)) == []
    assert group["n1"].view_number == 0


def test_a_voter_that_hears_its_primary_again_takes_its_vote_back() -> None:
    group = Group(3)
    group.wait_for_timer("n1")
    assert group["n1"].timers.is_running(Timer.VOTE)
    group.tell("n0", "n1", Commit(0, 0, 0, 4 * SECOND))
    assert not group["n1"].timers.is_running(Timer.VOTE)
    group.tell("n2", "n1", StartViewChange(1, 0))
    assert group["n1"].view_number == 0


def test_a_message_that_was_overtaken_does_not_shorten_the_time_out() -> None:
    group = Group(3)
    group.settle()
    slow = Commit(view_number=0, commit_number=0, sent_at=9, time_out=2 * SECOND)
    group.tell("n0", "n1", slow)
    entries = (("c1", 1, operation(1)),)
    group.tell("n0", "n1", Prepare(0, 0, 1, entries, sent_at=8, time_out=SECOND))
    assert group["n1"].time_out == 2 * SECOND
    group.tell("n0", "n1", slow._replace(sent_at=10, time_out=SECOND))
    assert group["n1"].time_out == SECOND


def test_a_vote_counts_for_one_time_out() -> None:
    for age_share, view_number in ((0.9, 1), (1.0, 0)):
        group = Group(3)
        group.wait_for_timer("n1")
        (vote, _) = group.take(StartViewChange, source="n1")
        group.tell("n0", "n2", Commit(0, 0, 0, 2 * SECOND))
        group.tell("n1", "n2", vote)
        time_out = group["n2"].time_out
        heard_at = group.now
        # n2 is made to vote itself when the vote of n1 is that old.
        group.now = heard_at + int(age_share * time_out)
        group["n2"].timers.start(Timer.SUSPECT, group.now)
        group.turn("n2")
        assert group["n2"].view_number == view_number


def test_voters_repeat_their_vote() -> None:
    group = Group(3)
    group.isolate("n1")
    group.run_for(20 * SECOND)
    votes = [each for each in group.sent if each.source == "n1" and each.destination == "n2"]
    votes = [each for each in votes if isinstance(each.message, StartViewChange)]
    gaps = {later.due - each.due for each, later in pairwise(votes)}
    assert len(votes) > 8
    assert max(gaps) <= group["n1"].time_out // 2


def test_hiccups_far_apart_do_not_add_up() -> None:
    group = Group(5)
    group.run_for(SECOND)
    for _ in range(3):
        for name in group.names[1:]:
            group.cut = {("n0", name)}
            # Long enough to vote, not for the others to miss anything.
            group.run_for(2 * group[name].time_out)
            group.cut = set()
            group.run_for(5 * SECOND)
    assert any(isinstance(each.message, StartViewChange) for each in group.sent)
    assert states(group) == {(Status.NORMAL, 0)}


def test_a_vote_of_a_higher_view_is_news_of_that_view() -> None:
    group = Group(5)
    group.tell("n3", "n2", StartViewChange(8, 7))
    assert (group["n2"].status, group["n2"].view_number) == (Status.VIEW_CHANGE, 7)
    assert group["n2"].last_normal_view == 0


def test_a_vote_of_a_lower_view_is_answered_with_the_own() -> None:
    group = Group(5)
    group.tell("n3", "n2", StartViewChange(8, 7))
    assert StartViewChange(7, 7) in group.tell("n4", "n2", StartViewChange(4, 3))


def test_news_is_no_vote() -> None:
    group = Group(3)
    group.wait_for_timer("n1")
    group.tell("n2", "n1", StartViewChange(0, 0))
    assert group["n1"].view_number == 0


def test_votes_of_different_views_meet() -> None:
    # Two of three, one of them views ahead, both without a primary.
    group = Group(3, durable={"n2": DurableState(6, 4), "n1": DurableState(2, 0)})
    group.crash("n0")
    group.run_for(60 * SECOND)
    assert {group[name].status for name in ("n1", "n2")} == {Status.NORMAL}
    assert group["n1"].view_number == group["n2"].view_number > 6


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_primary_without_a_quorum_stops_and_sends_nothing_but_votes(size: int) -> None:
    group = Group(size)
    group.run_for(SECOND)
    # It can send, and does not hear.
    group.cut = {(name, "n0") for name in group.names}
    group.run_for(3 * group["n0"].time_out)
    group.sent.clear()
    group.ask("n0", 1)
    group.tell("n1", "n0", PrepareOk(0, 0, 0))
    for _ in range(20):
        group.wait_for_timer("n0")
    assert group.types_sent("n0") == {StartViewChange}
    assert group["n0"].op_number == 0


@pytest.mark.parametrize("size", [3, 5])
def test_a_primary_that_sends_but_does_not_hear_is_replaced(size: int) -> None:
    group = Group(size)
    group.run_for(SECOND)
    group.cut = {(name, "n0") for name in group.names}
    group.run_for(10 * SECOND)
    others = {(group[name].status, group[name].view_number > 0) for name in group.names[1:]}
    assert others == {(Status.NORMAL, True)}


def test_a_stopped_primary_does_not_resend() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.cut = {(name, "n0") for name in group.names}
    group.ask("n0", 1)
    group.run_for(3 * group["n0"].time_out)
    group.sent.clear()
    for _ in range(20):
        group.wait_for_timer("n0")
    assert not any(isinstance(each.message, Prepare) for each in group.sent if each.source == "n0")


def test_old_answers_do_not_make_a_primary_believe_in_a_quorum() -> None:
    group = Group(3)
    group.run_for(SECOND)
    old = [each.message for each in group.sent if isinstance(each.message, PrepareOk)][-1]
    group.isolate("n0")
    patience = group["n0"].patience
    for _ in range(20):
        group.run_for(patience // 10)
        group.tell("n1", "n0", old)
    assert group["n0"].timers.is_running(Timer.VOTE)


def test_a_group_of_two_needs_both() -> None:
    group = Group(2)
    group.run_for(SECOND)
    group.isolate("n1")
    group.ask("n0", 1)
    group.run_for(20 * SECOND)
    assert group.answers == []
    group.heal()
    group.run_for(20 * SECOND)
    assert group.operations("n0") == group.operations("n1") == [operation(1)]


def test_one_replica_alone_serves_at_once_and_needs_no_timer() -> None:
    group = Group(1)
    group.ask("n0", 1)
    assert group.replies() == [("c1", 1, 1)]
    assert group.sent == []
    assert not group["n0"].timers.is_running(Timer.SUSPECT)


@pytest.mark.parametrize("name", ["n0", "n1"])
def test_a_replica_that_stood_still_does_not_take_others_for_silent(name: str) -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.now += 10 * SECOND
    group[name].on_standstill(10 * SECOND)
    assert not any(isinstance(message, StartViewChange) for message in group.turn(name))
    # But what is silent for longer still is suspected.
    group.isolate(name)
    group.now += 10 * SECOND
    assert any(isinstance(message, StartViewChange) for message in group.turn(name))
