"""The paper, rule by rule: Liskov & Cowling, "Viewstamped Replication Revisited" (2012).

One test for each rule, in the order of the paper's sections; groups of five where a quorum of two
would let backups commit by themselves. Section 4.3 (recovery) is in ``test_recovery.py``, more of
section 7 (reconfiguration) in ``test_reconfiguration.py``.
"""

import pytest

from tests.core.group import SECOND, Group, entry, operation
from vsr_node.core.membership import Membership, first_view_of
from vsr_node.core.messages import (
    CatchUp,
    Commit,
    Declined,
    DoViewChange,
    DurableState,
    EpochStarted,
    Farewell,
    GetState,
    NewState,
    Prepare,
    PrepareOk,
    Read,
    Reconfiguration,
    Reply,
    Request,
    StartEpoch,
    StartView,
    StartViewChange,
)
from vsr_node.core.status import Status


def vote_for_view_1(group: Group, *voters: str) -> None:
    """The voters have heard nothing for their time-out, and hear of each other's votes."""
    for name in voters:
        group.wait_for_timer(name)
    group.deliver(StartViewChange)


# Section 2, 4: quorums, primaries, status


@pytest.mark.parametrize(("size", "failures_max"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3)])
def test_2_any_two_quorums_share_a_replica(size: int, failures_max: int) -> None:
    membership = Membership(0, tuple(f"n{number}" for number in range(size)))
    assert membership.failures_max == failures_max
    assert membership.quorum + failures_max == size
    assert 2 * membership.quorum > size


def test_4_the_primary_follows_round_robin_from_the_view_number() -> None:
    membership = Membership(0, ("n0", "n1", "n2"))
    assert [membership.primary_of(view) for view in range(4)] == ["n0", "n1", "n2", "n0"]


def test_4_a_group_starts_normal_in_view_0() -> None:
    group = Group(3)
    for name in group.names:
        assert (group[name].status, group[name].view_number) == (Status.NORMAL, 0)
        assert (group[name].op_number, group[name].commit_number) == (0, 0)
    assert [group[name].is_primary for name in group.names] == [True, False, False]


# Section 4.1: normal operation


def test_4_1_step_1_a_client_asks_and_a_backup_hands_the_request_to_the_primary() -> None:
    group = Group(3)
    assert group.ask("n1", 1) == [Request(0, (entry(1),))]
    assert [each.destination for each in group.sent if each.source == "n1"] == ["n0"]


def test_4_1_step_2_a_repeated_request_gets_the_last_reply_and_is_not_logged() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    op_number = group["n0"].op_number
    assert group.ask("n0", 1) == []
    assert group["n0"].op_number == op_number
    assert group.replies("n0") == [("c1", 1, 1), ("c1", 1, 1)]


def test_4_1_step_3_the_primary_logs_the_request_and_sends_prepare_to_all_backups() -> None:
    group = Group(5)
    messages = group.ask("n0", 1)
    (prepare,) = [each for each in messages if isinstance(each, Prepare)]
    assert (prepare.view_number, prepare.commit_number) == (0, 0)
    assert (prepare.first_op_number, prepare.entries) == (1, (entry(1),))
    assert group["n0"].log.suffix(1) == (entry(1),)
    assert len(group.take(Prepare)) == 4


def test_4_1_step_4_a_backup_appends_and_acknowledges() -> None:
    group = Group(5)
    (prepare, *_) = [each for each in group.ask("n0", 1) if isinstance(each, Prepare)]
    assert group.tell("n0", "n1", prepare) == [PrepareOk(0, 1, prepare.sent_at)]
    assert group["n1"].log.suffix(1) == (entry(1),)


def test_4_1_step_4_a_backup_appends_only_when_it_has_all_earlier_entries() -> None:
    group = Group(5)
    group.settle()
    for number in (1, 2, 3):
        group.ask("n0", number)
    first, second, third = group.take(Prepare, destination="n1")
    (acknowledgement,) = group.tell("n0", "n1", third)
    assert isinstance(acknowledgement, PrepareOk)
    assert acknowledgement.op_number == group["n1"].op_number == 0
    group.tell("n0", "n1", second)
    assert group["n1"].op_number == 0
    (acknowledgement,) = group.tell("n0", "n1", first)
    assert isinstance(acknowledgement, PrepareOk)
    assert acknowledgement.op_number == 3
    assert group["n1"].log.suffix(1) == (entry(1), entry(2), entry(3))


def test_4_1_step_4_one_acknowledgement_speaks_for_all_earlier_entries() -> None:
    group = Group(5)
    group.settle()
    for number in (1, 2, 3):
        group.ask("n0", number)
    group.take(Prepare)
    for name in ("n1", "n2"):
        group.tell(name, "n0", PrepareOk(0, 3, 0))
    assert group["n0"].commit_number == 3


def test_4_1_step_5_the_primary_commits_when_f_backups_have_acknowledged() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.deliver(Prepare)
    group.deliver(PrepareOk, source="n1")
    assert group.operations("n0") == []
    assert group.replies() == []
    group.deliver(PrepareOk, source="n2")
    assert group["n0"].commit_number == 1
    assert group.operations("n0") == [operation(1)]
    assert group.answers == [("n0", Reply("c1", 1, 1))]


def test_4_1_step_5_acknowledgements_are_counted_by_replica_not_by_message() -> None:
    group = Group(5)
    group.ask("n0", 1)
    for _ in range(5):
        group.tell("n1", "n0", PrepareOk(0, 1, 0))
    assert group["n0"].commit_number == 0


def test_4_1_step_5_the_result_is_recorded_in_the_client_table() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    assert group["n0"].client_table.look_up(*entry(1)) == (1, 1, operation(1), None)


def test_4_1_step_6_the_next_prepare_tells_of_the_commit() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    assert group["n1"].commit_number == 0
    group.ask("n0", 2)
    (prepare,) = group.take(Prepare, destination="n1")
    assert prepare.commit_number == 1
    group.tell("n0", "n1", prepare)
    assert group.operations("n1") == [operation(1)]


def test_4_1_step_6_an_idle_primary_tells_with_commit() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    assert group.wait_for_timer("n0") == []  # It looks for answers that are overdue.
    commits = [each for each in group.wait_for_timer("n0") if isinstance(each, Commit)]
    assert [(each.view_number, each.commit_number) for each in commits] == [(0, 1)]
    group.settle()
    assert [group[name].commit_number for name in group.names] == [1] * 5


def test_4_1_step_7_a_backup_executes_in_order_and_only_what_is_in_its_log() -> None:
    group = Group(5)
    group.settle()
    for number in (1, 2):
        group.ask("n0", number)
    first, second = group.take(Prepare, destination="n1")
    told = Commit(0, 2, group.now, 1 * 1_000_000)
    group.tell("n0", "n1", told)
    assert group.operations("n1") == []
    group.tell("n0", "n1", second)
    assert group.operations("n1") == []
    group.tell("n0", "n1", first)
    assert group.operations("n1") == [operation(1), operation(2)]
    assert group.replies("n1") == []


def test_4_1_a_quorum_of_two_is_complete_when_the_backup_has_appended() -> None:
    group = Group(3)
    group.ask("n1", 1)
    group.deliver(Request)
    group.deliver(Prepare, destination="n1")
    assert group["n0"].commit_number == 0
    assert group.answers == [("n1", Reply("c1", 1, 1))]


def test_4_1_an_old_commit_number_changes_nothing() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    group.tell("n0", "n1", Commit(0, 1, 0, 1_000_000))
    group.tell("n0", "n1", Commit(0, 0, 0, 1_000_000))
    assert group["n1"].commit_number == 1
    assert group.operations("n1") == [operation(1)]


def test_4_1_a_message_of_an_older_view_is_dropped_and_answered_with_the_view() -> None:
    group = Group(3)
    vote_for_view_1(group, "n1", "n2")
    group.settle()
    assert group["n2"].view_number == 1
    prepare = Prepare(0, 0, 1, (entry(1),), group.now, 1_000_000)
    assert group.tell("n0", "n2", prepare) == [StartViewChange(1, 1)]
    assert group["n2"].op_number == 0


def test_4_1_an_acknowledgement_of_an_older_view_does_not_count() -> None:
    state = DurableState(view_number=5, last_normal_view=5)
    group = Group(5, durable=dict.fromkeys(("n0", "n1", "n2", "n3", "n4"), state))
    group.settle()
    group.ask("n0", 1)
    for name in ("n1", "n2", "n3"):
        group.tell(name, "n0", PrepareOk(0, 1, 0))
    assert group["n0"].commit_number == 0
    for name in ("n1", "n2"):
        group.tell(name, "n0", PrepareOk(5, 1, 0))
    assert group["n0"].commit_number == 1


def test_4_1_unacknowledged_entries_are_sent_again() -> None:
    group = Group(5)
    group.run_for(200_000)
    group.ask("n0", 1)
    leading = group["n0"].leading
    assert leading is not None
    name = leading.answerers[0]
    group.take(Prepare, destination=name)
    group.run_for(60_000)
    assert group[name].log.suffix(1) == (entry(1),)


def test_4_1_a_backup_that_need_not_answer_notices_what_it_missed() -> None:
    group = Group(5)
    group.run_for(200_000)
    group.ask("n0", 1)
    leading = group["n0"].leading
    assert leading is not None
    name = leading.others[0]
    group.take(Prepare, destination=name)
    group.run_for(300_000)
    assert group[name].log.suffix(1) == (entry(1),)


def test_4_1_as_many_backups_answer_as_a_quorum_needs() -> None:
    group = Group(5)
    group.run_for(200_000)
    group.sent.clear()
    group.ask("n0", 1)
    group.settle()
    assert len([each for each in group.sent if isinstance(each.message, PrepareOk)]) == 2
    assert group["n0"].commit_number == 1


def test_4_1_when_an_answer_is_overdue_all_are_asked_and_others_answer_from_then_on() -> None:
    group = Group(5)
    group.run_for(200_000)
    leading = group["n0"].leading
    assert leading is not None
    dead = leading.answerers[0]
    group.crash(dead)
    group.ask("n0", 1)
    group.run_for(60_000)
    assert group["n0"].commit_number == 1
    assert dead not in leading.answerers
    assert len(leading.answerers) == 2


def test_4_1_a_backup_that_was_not_asked_owes_no_answer() -> None:
    group = Group(3)
    group.delay = 50_000
    group.run_for(2 * SECOND)
    group.sent.clear()
    # n1 answers what it asked for; then n2 does, which was sent that without being asked.
    for number, name in enumerate(("n1", "n2", "n1", "n2"), 1):
        group.ask(name, number)
        group.run_for(30_000)
    group.tell("n1", "n0", Request(0, (entry(4),)))  # It is in the log already.
    group.run_for(SECOND)
    sent = [
        (each.destination, each.message.first_op_number)
        for each in group.sent
        if isinstance(each.message, Prepare)
    ]
    assert len(sent) == len(set(sent)) == 8


@pytest.mark.parametrize(("size", "count"), [(5, 4), (7, 2)])
def test_4_1_in_large_groups_entries_wait_for_the_prepare_under_way(size: int, count: int) -> None:
    group = Group(size)
    group.delay = 50_000
    group.run_for(2 * SECOND)
    group.sent.clear()
    asked_at = group.now
    for number in range(1, 5):
        group.ask("n0", number)
        group.run_for(10_000)
    group.run_for(30_000)
    sent = [each for each in group.sent if type(each.message) is Prepare]
    sent_at = [each.due - group.delay for each in sent if each.destination == "n1"]
    assert len(sent_at) == count
    held = 30_000 if count == 4 else 50_000
    assert sent_at[-1] - asked_at == pytest.approx(held, abs=1_000)
    group.run_for(100_000)
    assert len(group.replies()) == 4


def test_4_1_what_is_held_is_sent_when_the_prepare_under_way_is_committed() -> None:
    group = Group(7)
    group.delay = 50_000
    group.run_for(2 * SECOND)
    group.delay = 10_000
    group.ask("n0", 1)
    group.ask("n0", 2)
    assert len({each.first_op_number for each in group.take(Prepare, destination="n6")}) == 1
    group.run_for(20_000)
    assert [each.first_op_number for each in group.take(Prepare, destination="n6")] == [2]


def test_4_1_in_a_group_of_three_the_backup_that_asked_answers() -> None:
    group = Group(3)
    group.run_for(200_000)
    for number, name in enumerate(("n1", "n2", "n1"), 1):
        group.sent.clear()
        (request,) = (each for each in group.ask(name, number) if isinstance(each, Request))
        group.take(Request)
        primary = group["n0"]
        primary.on_request(*entry(number, "c0"))
        primary.on_message(name, request)
        group.turn("n0")
        group.settle()
        assert [each.source for each in group.sent if isinstance(each.message, PrepareOk)] == [name]


def test_4_1_in_a_group_of_three_a_backup_acknowledges_with_what_it_asks_next() -> None:
    group = Group(3)
    group.run_for(200_000)
    group.sent.clear()
    group.ask("n1", 1)
    group.settle()
    assert group.replies() == [("c1", 1, 1)]
    assert not [each for each in group.sent if isinstance(each.message, PrepareOk)]
    assert group["n0"].commit_number == 0
    group.read("n1", 2)
    group.settle()
    assert group["n0"].commit_number == 1
    group.ask("n1", 3)
    group.ask("n1", 4)
    assert group["n1"].op_number == 1
    group.settle()
    assert group["n0"].commit_number == 1  # The second left before the first was in the log.


def test_4_1_what_a_request_acknowledges_was_durable_before_its_turn() -> None:
    group = Group(3)
    group.run_for(200_000)
    group.ask("n0", 1)
    (prepare,) = group.take(Prepare, "n0", "n1")
    backup = group["n1"]
    backup.on_time(group.now)
    backup.on_message("n0", prepare)
    backup.on_request(*entry(2))
    backup.on_read("c1", 3, "read")
    for send in backup.end_turn().asks:
        assert isinstance(send.message, Request | Read)
        assert send.message.op_number == 0


def test_4_1_a_request_of_an_older_view_acknowledges_nothing() -> None:
    group = Group(3)
    group.run_for(200_000)
    group.ask("n0", 1)
    group.take(Prepare)
    for name in ("n1", "n2"):
        group.tell("n0" if name == "n1" else "n1", name, StartViewChange(1, 1))
    primary = group["n1"]
    group.run_for(SECOND)
    assert primary.is_serving_primary
    commit_number = primary.commit_number
    group.isolate("n1")
    group.ask("n1", 2)
    group.tell("n2", "n1", Request(0, (), primary.op_number, 0))
    assert primary.commit_number == commit_number


def test_4_1_a_repeated_request_is_answered_with_what_its_sender_lacks() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.read("n1", 1)
    group.settle()
    (request,) = (each for each in group.ask("n1", 2) if isinstance(each, Request))
    group.deliver(Request)
    assert len(group.take(Prepare)) == 2
    group.run_for(2)
    group.tell("n1", "n0", request)
    group.settle()
    assert group.replies()[1:] == [("c1", 2, 1)]


def test_4_1_a_backup_that_reads_asks_for_what_its_log_lacks_of_the_view() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.read("n1", 1)
    group.settle()
    group.ask("n2", 2)
    group.deliver(Request)
    group.take(Prepare, destination="n1")
    group.settle()
    group.read("n1", 3)
    group.settle()
    assert group.replies("n1")[1:] == []
    group.run_for(group["n1"].answer_patience)
    assert group.replies("n1")[1:] == [("c1", 3, ("read", 1))]


def test_4_1_a_backup_that_is_not_heard_is_asked_though_others_answer() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.cut.add(("n2", "n0"))
    for number in range(1, 40):
        group.ask("n1", number)
        group.run_for(50_000)
    group.sent.clear()
    for number in range(40, 80):
        group.ask("n1", number)
        group.run_for(50_000)
    asked = [
        each
        for each in group.sent
        if isinstance(each.message, Prepare | Commit)
        and each.message.wants_answer
        and each.destination == "n2"
    ]
    assert 2 <= len(asked) <= 4
    assert all(group["n0"].is_serving_primary for _ in asked)


@pytest.mark.parametrize("name", ["n1", "n2"])
def test_4_1_a_backup_whose_answer_is_not_wanted_gets_nothing_again(name: str) -> None:
    group = Group(3)
    group.delay = 5_000
    group.run_for(SECOND)
    group.sent.clear()
    group.ask("n0", 1)
    group.ask(name, 2)
    group.run_for(SECOND)
    sent = [
        (each.destination, each.message.first_op_number)
        for each in group.sent
        if isinstance(each.message, Prepare)
    ]
    assert len(sent) == len(set(sent)) == 4


def test_4_1_a_backup_that_reads_needs_no_heartbeat() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.sent.clear()
    for number in range(40):
        group.read("n1", number)
        group.run_for(50_000)
    unasked = [
        each.destination
        for each in group.sent
        if isinstance(each.message, Commit) and not each.message.wants_answer
    ]
    assert "n1" not in unasked
    assert unasked.count("n2") >= 10
    assert group["n1"].view_number == 0


def test_4_1_an_answer_of_another_backup_is_no_sign_of_life_of_the_primary() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.crash("n0")
    for number in range(40):
        group.read("n1", number)
        group.run_for(50_000)
    assert group["n1"].view_number > 0
    assert group.replies("n1")


def test_4_1_a_primary_that_has_stopped_answers_no_read() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n0")
    group.run_for(SECOND)
    assert not group["n0"].is_serving_primary
    assert group.tell("n1", "n0", Read(0, 1)) == []


def test_4_1_a_group_of_one_asks_nobody() -> None:
    group = Group(1)
    group.ask("n0", 1)
    group.run_for(10 * SECOND)
    assert group.replies() == [("c1", 1, 1)]
    assert not group.sent


def test_4_1_a_read_at_the_primary_gets_answers_to_what_wanted_none() -> None:
    group = Group(3)
    group.run_for(200_000)
    group.ask("n2", 1)
    group.deliver(Request)
    group.take(Prepare, destination="n1")
    group.settle()
    group.read("n0", 2)
    group.settle()
    assert group.replies("n0") == [("c1", 2, ("read", 1))]


def test_4_1_a_request_repeated_at_the_primary_gets_answers_to_what_wanted_none() -> None:
    group = Group(3)
    group.run_for(200_000)
    group.ask("n2", 1)
    group.settle()
    assert group["n0"].commit_number == 0
    group.ask("n0", 1)
    group.settle()
    assert group.replies("n0") == [("c1", 1, 1)]


# Section 4.2: view changes


def test_4_2_step_1_a_backup_that_hears_nothing_sends_start_view_change_to_all() -> None:
    group = Group(5)
    assert group.wait_for_timer("n1") == [StartViewChange(1, 0)]
    assert len(group.take(StartViewChange, source="n1")) == 4


def test_4_2_step_1_a_backup_whose_primary_says_farewell_sends_start_view_change_at_once() -> None:
    group = Group(5)
    group.turn("n0", lambda replica: replica.give_up())
    group.deliver(Farewell, "n0", "n3")
    assert [
        each.destination for each in group.sent if isinstance(each.message, StartViewChange)
    ] == [
        "n0",
        "n1",
        "n2",
        "n4",
    ]


def test_4_2_step_2_a_quorum_of_start_view_changes_leads_to_do_view_change() -> None:
    entries = (entry(1), entry(2))
    states = {"n2": DurableState(0, 0, commit_number=1, entries=entries)}
    group = Group(5, durable=states)
    for name in ("n2", "n3", "n4"):
        group.wait_for_timer(name)
    votes = group.take(StartViewChange, destination="n2")
    assert group.tell("n3", "n2", votes[0]) == []
    assert group["n2"].status is Status.NORMAL
    assert group.tell("n4", "n2", votes[1]) == [DoViewChange(1, 0, 1, 2, (entry(2),))]
    assert (group["n2"].status, group["n2"].view_number) == (Status.VIEW_CHANGE, 1)
    assert group["n2"].last_normal_view == 0
    assert [each.destination for each in group.sent if isinstance(each.message, DoViewChange)] == [
        "n1"
    ]


def test_4_2_step_3_the_new_primary_waits_for_a_quorum_of_different_replicas() -> None:
    group = Group(5)
    for _ in range(4):
        group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, ()))
    assert group["n1"].last_normal_view == 0
    group.tell("n3", "n1", DoViewChange(1, 0, 0, 1, ()))
    assert group["n1"].last_normal_view == 1


def test_4_2_step_3_the_log_of_the_latest_normal_view_wins_over_a_longer_one() -> None:
    states = {
        "n2": DurableState(3, 0, entries=(entry(1), entry(2), entry(3))),
        "n0": DurableState(3, 2, entries=(entry(7), entry(8))),
    }
    group = Group(3, durable=states)
    # n0 leads view 3 and waits for one more log; its own is of view 2.
    group.deliver(DoViewChange, source="n2")
    assert group["n0"].status is Status.NORMAL
    assert group["n0"].log.suffix(1) == (entry(7), entry(8))


def test_4_2_step_3_of_the_same_normal_view_the_longer_log_wins() -> None:
    states = {
        "n2": DurableState(3, 2, entries=(entry(1), entry(2), entry(3))),
        "n0": DurableState(3, 2, entries=(entry(1), entry(2))),
    }
    group = Group(3, durable=states)
    group.deliver(DoViewChange, source="n2")
    assert group["n0"].log.suffix(1) == (entry(1), entry(2), entry(3))


def test_4_2_step_3_the_new_primary_sends_the_new_log_to_all() -> None:
    states = {
        "n2": DurableState(3, 2, entries=(entry(1), entry(2))),
        "n0": DurableState(3, 0, entries=(entry(9),)),
    }
    group = Group(3, durable=states)
    group.deliver(DoViewChange, source="n2")
    start_view, _ = group.take(StartView)
    assert (start_view.view_number, start_view.commit_number) == (3, 0)
    assert (start_view.first_op_number, start_view.entries) == (1, (entry(1), entry(2)))


def test_4_2_step_3_the_highest_commit_number_among_them_counts() -> None:
    group = Group(5)
    entries = (entry(1), entry(2), entry(3))
    group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, entries))
    group.tell("n3", "n1", DoViewChange(1, 0, 2, 3, ()))
    assert group["n1"].log.suffix(1) == entries
    assert group["n1"].commit_number == 2


def test_4_2_step_4_the_new_primary_executes_what_it_had_not_and_fills_its_client_table() -> None:
    group = Group(5)
    group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, (entry(1),)))
    group.tell("n3", "n1", DoViewChange(1, 0, 1, 2, ()))
    assert group.operations("n1") == [operation(1)]
    group.ask("n1", 1)
    assert group.replies("n1") == [("c1", 1, 1)]
    assert group["n1"].op_number == 1


def test_4_2_step_5_start_view_replaces_the_log_and_is_acknowledged() -> None:
    states = {"n2": DurableState(0, 0, entries=(entry(8), entry(9)))}
    group = Group(5, durable=states)
    messages = group.tell("n1", "n2", StartView(1, 0, 1, (entry(1),), 17, 1_000_000))
    assert messages == [PrepareOk(1, 1, 17)]
    assert group["n2"].log.suffix(1) == (entry(1),)
    assert (group["n2"].status, group["n2"].last_normal_view) == (Status.NORMAL, 1)


def test_4_2_step_5_what_start_view_tells_to_be_committed_is_executed() -> None:
    group = Group(5)
    group.tell("n1", "n2", StartView(1, 1, 1, (entry(1), entry(2)), 17, 1_000_000))
    assert group.operations("n2") == [operation(1)]


def test_4_2_what_was_committed_survives_the_loss_of_the_primary() -> None:
    group = Group(5)
    group.ask("n0", 1)
    group.settle()
    assert group.replies() == [("c1", 1, 1)]
    group.crash("n0")
    group.run_for(30_000_000)
    for name in ("n1", "n2", "n3", "n4"):
        assert group[name].view_number >= 1
        assert group.operations(name) == [operation(1)]


def test_4_2_inherited_entries_commit_only_when_a_quorum_holds_them_in_the_new_view() -> None:
    group = Group(5)
    group.tell("n2", "n1", DoViewChange(1, 0, 0, 1, (entry(1),)))
    group.tell("n3", "n1", DoViewChange(1, 0, 0, 1, (entry(1),)))
    assert (group["n1"].status, group["n1"].commit_number) == (Status.NORMAL, 0)
    group.deliver(StartView, destination="n2")
    group.deliver(StartView, destination="n3")
    group.deliver(PrepareOk)
    assert group["n1"].commit_number == 1


def test_4_2_a_view_change_to_a_dead_primary_goes_on_to_the_next_view() -> None:
    group = Group(5)
    group.crash("n0")
    group.crash("n1")
    group.run_for(60_000_000)
    live = [group[name] for name in ("n2", "n3", "n4")]
    assert {replica.status for replica in live} == {Status.NORMAL}
    assert {replica.primary for replica in live} <= {"n2", "n3", "n4"}
    assert len({replica.view_number for replica in live}) == 1


def test_4_2_who_promised_a_newer_view_acknowledges_nothing_of_the_older() -> None:
    group = Group(3)
    group.ask("n0", 1)
    (prepare, _) = group.take(Prepare)
    group.tell("n1", "n2", StartViewChange(2, 1))
    assert (group["n2"].status, group["n2"].view_number) == (Status.VIEW_CHANGE, 1)
    messages = group.tell("n0", "n2", prepare)
    assert not any(isinstance(each, PrepareOk) for each in messages)
    assert group["n2"].op_number == 0


def test_4_2_the_view_is_durable_before_do_view_change_leaves() -> None:
    group = Group(3)
    replica = group["n2"]
    replica.on_time(group.now)
    replica.on_message("n1", StartViewChange(2, 1))
    output = replica.end_turn()
    group.storages["n2"].save(output.records)
    assert group.storages["n2"].load().view_number == 1
    assert group.storages["n2"].load().last_normal_view == 0
    assert [type(send.message) for send in output.sends] == [DoViewChange]


# Section 5.2: state transfer


def test_5_2_a_gap_that_persists_is_asked_for() -> None:
    group = Group(5)
    group.settle()
    for number in (1, 2):
        group.ask("n0", number)
    _, second = group.take(Prepare, destination="n1")
    group.settle()
    group.tell("n0", "n1", second)
    assert GetState(0, 0) in group.wait_for_timer("n1")


def test_5_2_the_next_asked_is_another_replica() -> None:
    group = Group(5)
    group.tell("n0", "n1", Commit(0, 1, 0, 60_000_000))
    while len([each for each in group.sent if isinstance(each.message, GetState)]) < 4:
        group.wait_for_timer("n1")
    asked = [each.destination for each in group.sent if isinstance(each.message, GetState)]
    assert asked == ["n0", "n2", "n3", "n4"]


def test_5_2_new_state_holds_what_comes_after_the_asked_op_number() -> None:
    group = Group(5)
    for number in (1, 2, 3):
        group.ask("n0", number)
    group.settle()
    (answer,) = group.tell("n2", "n0", GetState(0, 1))
    assert answer == NewState(0, 3, 2, (entry(2), entry(3)))


def test_5_2_new_state_fills_the_gap_and_nothing_is_appended_twice() -> None:
    group = Group(5)
    group.settle()
    for number in (1, 2, 3):
        group.ask("n0", number)
    first, _, third = group.take(Prepare, destination="n1")
    group.tell("n0", "n1", first)
    group.tell("n0", "n1", third)
    entries = (entry(1), entry(2), entry(3))
    for _ in range(2):
        group.tell("n3", "n1", NewState(0, 2, 1, entries))
        assert group["n1"].log.suffix(1) == entries
        assert group["n1"].commit_number == 2


def test_5_2_a_replica_in_a_view_change_tells_only_what_is_committed() -> None:
    states = {"n2": DurableState(0, 0, commit_number=1, entries=(entry(1), entry(2)))}
    group = Group(5, durable=states)
    group.tell("n3", "n2", StartViewChange(2, 1))
    (answer,) = group.tell("n4", "n2", GetState(1, 0))
    assert answer == NewState(1, 1, 1, (entry(1),))


def test_5_2_news_of_a_newer_view_leaves_the_log_as_it_is() -> None:
    entries = (entry(1), entry(2))
    group = Group(3, durable={"n2": DurableState(0, 0, entries=entries)})
    messages = group.tell("n1", "n2", Prepare(4, 3, 4, (entry(4),), 0, 1_000_000))
    assert messages == [DoViewChange(4, 0, 0, 1, entries)]
    assert (group["n2"].status, group["n2"].view_number) == (Status.VIEW_CHANGE, 4)
    assert group["n2"].log.suffix(1) == entries
    assert group["n2"].last_normal_view == 0


def test_5_2_a_replica_that_was_away_catches_up_with_the_newer_view() -> None:
    group = Group(3)
    group.isolate("n0")
    group.run_for(20_000_000)
    for number in range(1, 2_000):
        group.ask("n1", number)
    group.run_for(1_000_000)
    group.heal()
    group.run_for(5_000_000)
    assert group["n0"].log.suffix(1) == group["n1"].log.suffix(1)
    assert group.operations("n0") == group.operations("n1")


# Section 6: pragmatics


def test_6_2_many_requests_of_one_turn_make_one_prepare() -> None:
    group = Group(3)
    group.settle()
    replica = group["n0"]
    for number in range(1, 101):
        replica.on_request(*entry(number))
    group.turn("n0")
    for name in ("n1", "n2"):
        (prepare,) = group.take(Prepare, destination=name)
        assert prepare.entries == tuple(entry(number) for number in range(1, 101))


def test_6_2_prepares_do_not_wait_for_each_other() -> None:
    group = Group(3)
    group.settle()
    for number in (1, 2, 3):
        group.ask("n0", number)
    assert [each.first_op_number for each in group.take(Prepare, destination="n2")] == [1, 2, 3]


# Section 7: reconfiguration. Where it differs, docs/SPECIFICATION.md says why.


def group_that_reconfigures() -> Group:
    """n0, n1, n2 whose primary n0 was asked for n0, n1, n3, and has logged that."""
    group = Group(4, founders=3)
    group.turn("n0", lambda replica: replica.on_reconfigure("admin", 1, ("n0", "n1", "n3"), 0))
    group.deliver(CatchUp, "n0", "n3")
    group.deliver(GetState, "n3", "n0")
    return group


def test_7_1_the_request_must_name_the_present_epoch() -> None:
    group = Group(4, founders=3)
    group.turn("n0", lambda replica: replica.on_reconfigure("admin", 1, ("n0", "n3"), 5))
    group.settle()
    ((client, number, result),) = group.replies()
    assert (client, number) == ("admin", 1)
    assert isinstance(result, Declined)


def test_7_1_step_1_the_primary_logs_the_request_and_stops_accepting_others() -> None:
    group = group_that_reconfigures()
    assert group["n0"].log[1][2] == Reconfiguration(1, ("n0", "n1", "n3"))
    group.ask("n0", 1)
    assert group["n0"].op_number == 1


def test_7_1_the_old_group_commits_it_by_its_own_quorum() -> None:
    group = group_that_reconfigures()
    group.deliver(Prepare, "n0", "n1")
    group.deliver(PrepareOk, "n1", "n0")
    assert group["n0"].commit_number == 1
    assert group["n0"].membership == Membership(1, ("n0", "n1", "n3"))


def test_7_1_step_4_start_epoch_goes_to_the_new_members() -> None:
    group = group_that_reconfigures()
    group.deliver(Prepare, "n0", "n1")
    assert {
        each.destination
        for each in group.sent
        if each.source == "n1" and type(each.message) is StartEpoch
    } == {"n0", "n3"}


def test_7_1_1_a_new_member_fetches_the_state_and_answers_epoch_started() -> None:
    group = group_that_reconfigures()
    group.deliver(Prepare, "n0", "n1")
    (told,) = group.take(StartEpoch, "n1", "n3")
    assert group.tell("n1", "n3", told) == [GetState(0, 0)]
    group.deliver(GetState, "n3", "n1")
    group.deliver(NewState, "n1", "n3")
    assert group["n3"].status is Status.VIEW_CHANGE
    assert group.tell("n1", "n3", told) == [EpochStarted(told.view_number)]


def test_7_1_1_the_new_group_begins_with_a_view_change() -> None:
    group = group_that_reconfigures()
    group.settle()
    assert {group[name].view_number for name in ("n0", "n1", "n3")} == {first_view_of(1)}
    assert {f"{group[name].status}" for name in ("n0", "n1", "n3")} == {"normal"}
    assert DoViewChange in group.types_sent("n1") | group.types_sent("n3")


def test_7_1_2_a_replica_that_left_goes_when_a_quorum_of_the_new_group_has_begun() -> None:
    group = group_that_reconfigures()
    group.settle()
    group.run_for(10 * SECOND)
    assert group["n2"].status is Status.STANDBY
    assert group["n2"].is_released


def test_7_3_a_replica_that_left_votes_no_more() -> None:
    group = group_that_reconfigures()
    group.settle()
    group.run_for(10 * SECOND)
    group.crash("n0")
    group.sent.clear()
    group.run_for(30 * SECOND)
    assert StartViewChange not in group.types_sent("n2")
    assert {f"{group[name].status}" for name in ("n1", "n3")} == {"normal"}


def test_7_4_a_client_that_asks_a_replica_that_left_gets_its_answer() -> None:
    group = group_that_reconfigures()
    group.settle()
    group.run_for(10 * SECOND)
    group.ask("n2", 8)
    group.settle()
    assert group.replies("n2") == [("c1", 8, 1)]
