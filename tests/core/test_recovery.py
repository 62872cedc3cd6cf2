"""Recovery of a replica that lost its log (VRR 4.3)."""

from tests.core.group import SECOND, Group, entry
from vsr_node.core.limits import Limits
from vsr_node.core.messages import (
    DoViewChange,
    GetState,
    Prepare,
    Reason,
    Recovered,
    Recovery,
    RecoveryResponse,
    Refusal,
    Request,
    SetView,
    StartViewChange,
)
from vsr_node.core.status import Status

NONCE = "0" * 32
LOG = tuple(map(entry, (1, 2, 3)))


def group_at_work(size: int = 3) -> Group:
    """A group that has executed LOG."""
    group = Group(size)
    for number in (1, 2, 3):
        group.ask("n0", number)
        group.settle()
    group.run_for(SECOND)
    return group


def nonce_of(group: Group, name: str) -> str:
    recovering = group[name].recovering
    assert recovering is not None
    return recovering.nonce


def test_4_3_step_1_the_replica_asks_all_others_with_a_new_nonce() -> None:
    group = group_at_work()
    nonces = set()
    for _ in range(3):
        group.restart("n2", without_log=True)
        first, second = group.take(Recovery, source="n2")
        assert first == second == Recovery(0, 0, nonce_of(group, "n2"))
        nonces.add(first.nonce)
    assert len(nonces) == 3


def test_4_3_step_2_only_replicas_in_normal_status_answer() -> None:
    group = group_at_work()
    assert group.tell("n2", "n1", Recovery(0, 0, NONCE)) == [RecoveryResponse(0, NONCE, 3, 4, ())]
    # News of a newer view makes n1 leave normal status.
    messages = group.tell("n2", "n1", Recovery(2, 0, NONCE))
    assert group["n1"].status is Status.VIEW_CHANGE
    assert not any(isinstance(message, RecoveryResponse) for message in messages)


def test_4_3_step_2_the_primary_sends_its_log_from_where_it_is_needed() -> None:
    group = group_at_work()
    assert group.tell("n2", "n0", Recovery(0, 1, NONCE)) == [
        RecoveryResponse(0, NONCE, 3, 2, LOG[1:])
    ]


def test_4_3_step_3_it_waits_for_f_plus_1_answers_and_the_primary_among_them() -> None:
    group = group_at_work(5)
    group.restart("n4", without_log=True)
    nonce = nonce_of(group, "n4")
    for number in (1, 2, 3):
        group.tell(f"n{number}", "n4", RecoveryResponse(0, nonce, 3, 4, ()))
    assert group["n4"].status is Status.RECOVERING
    group.tell("n0", "n4", RecoveryResponse(0, nonce, 3, 1, LOG))
    assert (group["n4"].status, group["n4"].commit_number) == (Status.NORMAL, 3)
    assert group["n4"].log.suffix(1) == LOG


def test_4_3_step_3_the_primary_alone_is_not_enough() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    group.tell("n0", "n2", RecoveryResponse(0, nonce_of(group, "n2"), 3, 1, LOG))
    assert group["n2"].status is Status.RECOVERING


def test_4_3_step_3_the_primary_of_an_older_view_does_not_count() -> None:
    group = group_at_work(5)
    group.restart("n4", without_log=True)
    nonce = nonce_of(group, "n4")
    group.tell("n0", "n4", RecoveryResponse(0, nonce, 3, 1, LOG))
    group.tell("n2", "n4", RecoveryResponse(1, nonce, 3, 4, ()))
    group.tell("n3", "n4", RecoveryResponse(1, nonce, 3, 4, ()))
    assert group["n4"].status is Status.RECOVERING
    group.tell("n1", "n4", RecoveryResponse(1, nonce, 3, 1, (*LOG, entry(4))))
    assert (group["n4"].view_number, group["n4"].op_number) == (1, 4)


def test_4_3_answers_to_an_earlier_incarnation_do_not_count() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    old = nonce_of(group, "n2")
    group.restart("n2", without_log=True)
    group.tell("n0", "n2", RecoveryResponse(0, old, 3, 1, LOG))
    group.tell("n1", "n2", RecoveryResponse(0, old, 3, 4, ()))
    assert group["n2"].status is Status.RECOVERING


def test_answers_of_views_below_the_promised_one_do_not_count() -> None:
    group = group_at_work()
    group.tell("n1", "n2", StartViewChange(5, 5))
    group.restart("n2", without_log=True)
    nonce = nonce_of(group, "n2")
    group.tell("n0", "n2", RecoveryResponse(0, nonce, 3, 1, LOG))
    group.tell("n1", "n2", RecoveryResponse(0, nonce, 3, 4, ()))
    assert (group["n2"].status, group["n2"].view_number) == (Status.RECOVERING, 5)
    group.run_for(20 * SECOND)
    assert group["n2"].status is Status.NORMAL
    assert group["n2"].view_number >= 5
    assert group.operations("n2") == group.operations("n1")


def test_a_recovering_replica_takes_part_in_nothing() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    for message in (
        Prepare(0, 3, 4, (entry(4),), group.now, SECOND),
        StartViewChange(1, 0),
        DoViewChange(2, 0, 3, 4, ()),
        Recovery(0, 0, NONCE),
        Request(0, (entry(5),)),
        GetState(0, 0),
    ):
        assert group.tell("n0", "n2", message) == []
    assert (group["n2"].view_number, group["n2"].op_number) == (0, 0)


def test_a_request_at_a_recovering_replica_is_held_and_then_refused() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    group.isolate("n2")
    group.ask("n2", 9)
    group.run_for(10 * SECOND)
    assert group.refusals() == [("n2", Refusal("c1", 9, Reason.UNAVAILABLE))]


def test_a_request_that_waits_is_sent_when_the_recovery_has_ended() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    group.ask("n2", 9)
    group.run_for(SECOND)
    assert group.replies("n2") == [("c1", 9, 4)]


def test_a_read_that_waits_asks_the_others_as_soon_as_the_recovery_has_ended() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    group.read("n2", 9)
    group.settle()
    assert group.replies("n2") == [("c1", 9, ("read", 3))]


def test_a_recovery_ends_in_one_durable_step() -> None:
    group = group_at_work()
    group.restart("n2", without_log=True)
    replica = group["n2"]
    nonce = nonce_of(group, "n2")
    replica.on_time(group.now)
    replica.on_message("n0", RecoveryResponse(0, nonce, 3, 1, LOG))
    replica.on_message("n1", RecoveryResponse(0, nonce, 3, 4, ()))
    records = replica.end_turn().records
    assert records[-1] == Recovered()
    assert SetView(0, 0) in records


def test_what_is_truncated_at_the_primary_comes_as_a_checkpoint() -> None:
    group = Group(3, limits=Limits(checkpoint_interval=5, chunk_parts=3))
    for number in range(1, 40):
        group.ask("n0", number)
        group.settle()
    group.restart("n2", without_log=True)
    group.run_for(SECOND)
    assert group["n2"].status is Status.NORMAL
    assert group.operations("n2") == group.operations("n0")


def test_a_primary_that_lost_its_log_recovers_in_the_next_view() -> None:
    group = group_at_work()
    group.restart("n0", without_log=True)
    group.run_for(20 * SECOND)
    assert group["n0"].status is Status.NORMAL
    assert group["n0"].view_number > 0
    assert group.operations("n0") == group.operations("n1")


def test_when_too_many_lost_their_logs_the_group_stays_stopped() -> None:
    group = group_at_work()
    group.restart("n0", without_log=True)
    group.restart("n1", without_log=True)
    group.ask("n2", 9)
    group.run_for(100 * SECOND)
    assert group["n0"].status is group["n1"].status is Status.RECOVERING
    assert group["n2"].commit_number == 3
    assert [number for _, number, _ in group.replies() if number == 9] == []
