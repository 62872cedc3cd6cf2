"""From the client to the log: held, sent, sent again, refused only when that is certain."""

from itertools import pairwise

from tests.core.group import SECOND, Group, entry, operation
from vsr_node.core.limits import UNCOMMITTED_MAX, WAITING_MAX
from vsr_node.core.messages import (
    Prepare,
    PrepareOk,
    Read,
    Reason,
    Refusal,
    Reply,
    Request,
    StartViewChange,
)
from vsr_node.core.status import Status
from vsr_node.core.timers import RESEND_SLACK


def cut_off(group: Group, name: str) -> None:
    """Isolates a replica and lets it notice, so that it votes and can give requests to nobody."""
    group.isolate(name)
    group.run_for(10 * SECOND)


def test_a_request_that_nobody_could_be_given_is_refused_for_certain_after_a_time_out() -> None:
    group = Group(3)
    group.run_for(SECOND)
    cut_off(group, "n1")
    group.ask("n1", 1)
    time_out = group["n1"].time_out
    group.run_for(time_out - 1)
    assert group.answers == []
    group.run_for(1)
    assert group.answers == [("n1", Refusal("c1", 1, Reason.UNAVAILABLE))]
    group.heal()
    group.run_for(20 * SECOND)
    assert group.operations("n0") == []
    assert group.answers == [("n1", Refusal("c1", 1, Reason.UNAVAILABLE))]


def test_a_request_is_held_until_a_primary_is_there() -> None:
    group = Group(3)
    group.tell("n1", "n2", StartViewChange(2, 1))
    assert group["n2"].status is Status.VIEW_CHANGE
    sent = group.ask("n2", 1)
    assert not any(isinstance(each, Request) for each in sent)
    group.run_for(2 * SECOND)
    assert group.answers == [("n2", Reply("c1", 1, 1))]


def test_a_request_that_was_sent_is_never_refused_however_long_it_takes() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n1")
    group.ask("n1", 1)
    group.run_for(120 * SECOND)
    assert group.answers == []
    group.heal()
    group.run_for(20 * SECOND)
    assert group.answers == [("n1", Reply("c1", 1, 1))]


def test_a_request_that_the_stopped_primary_logged_itself_is_never_refused() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n0")
    group.ask("n0", 1)
    group.run_for(100 * SECOND)
    assert group.answers == []


def test_a_stopped_primary_takes_no_requests_into_its_log() -> None:
    group = Group(3)
    group.run_for(SECOND)
    cut_off(group, "n0")
    group.ask("n0", 1)
    group.tell("n1", "n0", Request(0, (entry(2),)))
    assert group["n0"].op_number == 0


def test_a_request_is_sent_again_after_a_time_out() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.ask("n1", 1)
    assert group.take(Request) == [Request(0, (entry(1),), 0, SECOND)]
    group.run_for(2 * SECOND)
    assert group.answers == [("n1", Reply("c1", 1, 1))]
    assert group["n1"].view_number == 0


def test_a_request_that_does_not_come_back_is_sent_again_early_each_time_twice_as_late() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.read("n1", 1)
    group.settle()  # Now the round trip is known here, too.
    group.cut.add(("n1", "n0"))
    group.sent.clear()
    begin, time_out, patience = group.now, group["n1"].time_out, RESEND_SLACK
    group.ask("n1", 2)
    group.run_for(2 * time_out)
    sent_at = [each.due - begin for each in group.sent if isinstance(each.message, Request)]
    waits = [later - earlier for earlier, later in pairwise(sent_at)]
    assert [wait // patience for wait in waits[:4]] == [1, 2, 4, 8]
    assert max(waits) <= time_out + patience
    group.heal()
    group.run_for(2 * time_out)
    assert group.replies()[1:] == [("c1", 2, 1)]


def test_a_lost_request_delays_its_client_by_what_an_answer_may_take() -> None:
    delay = 5_000
    group = Group(3)
    group.delay = delay
    group.run_for(SECOND)
    group.read("n1", 1)
    group.run_for(SECOND)
    begin = group.now
    group.ask("n1", 2)
    assert group.take(Request)
    while not group.replies()[1:]:
        group.run_for(1_000)
    assert group.now - begin <= group["n1"].answer_patience + 3 * delay


def test_a_request_that_came_back_is_not_sent_again_though_its_commit_is_not_known() -> None:
    group = Group(5)
    group.run_for(SECOND)
    group.sent.clear()
    group.ask("n1", 1)
    group.run_for(group["n1"].time_out // 4)
    assert len([each for each in group.sent if isinstance(each.message, Request)]) == 1


def test_sent_requests_go_to_the_next_primary_under_the_same_name() -> None:
    group = Group(5)
    group.run_for(SECOND)
    group.crash("n0")
    for number in (1, 2):
        group.ask("n3", number)
    group.run_for(10 * SECOND)
    primary = group["n3"].primary
    assert primary != "n0"
    assert group["n3"].log.suffix(1) == (entry(1), entry(2))
    assert sorted(group.replies()) == [("c1", 1, 1), ("c1", 2, 2)]
    again = [each for each in group.sent if isinstance(each.message, Request)]
    assert {each.destination for each in again} >= {"n0", primary}


def test_a_request_repeated_at_other_replicas_is_answered_from_the_table() -> None:
    group = Group(3)
    group.ask("n1", 1)
    group.settle()
    group.run_for(SECOND)
    for name in group.names:
        assert group.ask(name, 1) == []
        assert group.answers[-1] == (name, Reply("c1", 1, 1))
    assert [group.operations(name) for name in group.names] == [[operation(1)]] * 3


def test_a_request_repeated_while_it_waits_is_sent_once() -> None:
    group = Group(3)
    group.settle()
    assert group.ask("n1", 1) == [Request(0, (entry(1),))]
    assert group.ask("n1", 1) == []
    group.settle()
    assert group.answers == [("n1", Reply("c1", 1, 1))]


def test_a_request_repeated_elsewhere_while_it_waits_is_logged_once() -> None:
    group = Group(5)
    for name in group.names:
        group.ask(name, 1)
    group.settle()
    group.run_for(5 * SECOND)
    assert group["n0"].log.suffix(1) == (entry(1),)
    assert {answer for _, answer in group.answers} == {Reply("c1", 1, 1)}


def test_the_primary_of_a_larger_group_answers_what_a_backup_took() -> None:
    group = Group(5)
    group.ask("n3", 1)
    group.settle()
    group.run_for(5 * SECOND)
    assert group.answers == [("n0", Reply("c1", 1, 1))]
    assert not group["n3"].waiting.sent


def test_a_full_log_holds_requests_back_and_loses_none() -> None:
    group = Group(3)
    group.settle()
    replica = group["n0"]
    count = UNCOMMITTED_MAX + 10
    for number in range(count):
        replica.on_request(f"c{number}", 1, number)
    group.turn("n0")
    assert group["n0"].op_number == UNCOMMITTED_MAX
    assert len(group["n0"].waiting.held) == 10
    group.settle()
    group.run_for(SECOND // 2)
    assert len(group.replies()) == count
    assert group.refusals() == []


def test_more_requests_than_can_wait_are_refused_at_once() -> None:
    group = Group(3)
    group.isolate("n1")
    replica = group["n1"]
    for number in range(WAITING_MAX + 1):
        replica.on_request("c1", number, None)
    group.turn("n1")
    assert group.answers == [("n1", Refusal("c1", WAITING_MAX, Reason.UNAVAILABLE))]


def test_giving_up_tells_for_each_request_what_is_still_true() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n1")
    group.ask("n1", 1)
    group.run_for(10 * SECOND)
    group.ask("n1", 2)
    group.turn("n1", lambda replica: replica.give_up())
    assert group.answers == [
        ("n1", Refusal("c1", 2, Reason.UNAVAILABLE)),
        ("n1", Refusal("c1", 1, Reason.OUTCOME_UNKNOWN)),
    ]


def test_a_backup_that_is_no_primary_leaves_a_forwarded_request_to_its_sender() -> None:
    group = Group(3)
    assert group.tell("n1", "n2", Request(0, (entry(1),))) == []
    assert group["n2"].op_number == 0


def test_a_replica_that_waits_for_a_view_change_sleeps_between_its_timers() -> None:
    # It votes with an overdue request: its turns are few, whatever the time-outs are.
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n1")
    group.ask("n1", 1)
    end = group.now + 60 * SECOND
    turns = 0
    while group.now < end:
        group.wait_for_timer("n1")
        turns += 1
    assert turns < 60 * SECOND / (group["n1"].time_out // 16)


def test_a_request_that_is_in_the_own_log_is_never_refused_as_never_executed() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.tell("n1", "n0", Request(0, (entry(1),)))
    group.take(Prepare)
    cut_off(group, "n0")
    # The client repeats at n0 what n1 had taken, and n0 had logged.
    group.ask("n0", 1)
    group.run_for(10 * SECOND)
    assert group.answers == []


def test_a_request_that_falls_out_of_the_window_while_it_waits_is_answered() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.ask("n1", 0)
    group.take(Request)
    for number in range(1, 100):
        group.ask("n0", number)
    group.run_for(60 * SECOND)
    assert ("n1", Refusal("c1", 0, Reason.OUTCOME_UNKNOWN)) in group.answers
    assert not group["n1"].waiting.sent


def test_what_is_handed_on_need_not_wait_for_what_must_be_durable() -> None:
    group = Group(3)
    group.ask("n0", 1)
    (prepare,) = group.take(Prepare, "n0", "n1")
    backup = group["n1"]
    backup.on_time(group.now)
    backup.on_message("n0", prepare)
    backup.on_request(*entry(2))
    backup.on_read("c1", 3, "read")
    output = backup.end_turn()
    assert output.records
    assert [type(send.message) for send in output.asks] == [Request, Read]
    assert [type(send.message) for send in output.sends] == [PrepareOk]
