"""Old news does not count: of an earlier view, an earlier leadership, an earlier incarnation."""

from tests.core.group import SECOND, Group, entry
from vsr_node.core.messages import (
    DoViewChange,
    DurableState,
    Prepare,
    PrepareOk,
    Read,
    Reason,
    Recovery,
    RecoveryResponse,
    Refusal,
    StartView,
    StartViewChange,
)
from vsr_node.core.replica import Replica
from vsr_node.core.status import Status


def test_4_1_acknowledgements_of_an_earlier_leadership_do_not_count() -> None:
    group = Group(5)
    for number in (1, 2, 3):
        group.ask("n0", number)
    group.tell("n1", "n0", PrepareOk(0, 3, 0))
    group.tell("n2", "n0", StartViewChange(5, 5))
    for name in ("n2", "n3"):
        group.tell(name, "n0", DoViewChange(5, 4, 0, 1, (entry(1, "c2"),)))
    replica = group["n0"]
    assert (replica.status, replica.view_number, replica.op_number) == (Status.NORMAL, 5, 4)
    group.tell("n2", "n0", PrepareOk(5, 4, 0))
    assert replica.commit_number == 0
    group.tell("n1", "n0", PrepareOk(5, 1, 0))
    assert replica.commit_number == 1


def test_4_3_the_log_is_that_of_the_newest_views_primary_in_that_view() -> None:
    group = Group(5, durable={"n4": DurableState(is_recovering=True)})
    (question, *_) = group.take(Recovery, "n4")
    nonce = question.nonce
    group.tell("n1", "n4", RecoveryResponse(0, nonce, 0, 1, ()))
    group.tell("n2", "n4", RecoveryResponse(0, nonce, 0, 1, ()))
    group.tell("n3", "n4", RecoveryResponse(1, nonce, 1, 2, ()))
    replica = group["n4"]
    assert replica.status is Status.RECOVERING
    group.tell("n1", "n4", RecoveryResponse(1, nonce, 1, 1, (entry(1), entry(2))))
    assert (replica.status, replica.view_number, replica.op_number) == (Status.NORMAL, 1, 2)


def test_at_the_end_what_the_own_log_has_is_not_refused_for_certain() -> None:
    group = Group(3)
    group.ask("n1", 1)
    group.settle()
    group.ask("n1", 2)
    group.isolate("n0")
    group.settle()
    assert group["n0"].op_number == 2
    while group["n0"].is_serving_primary:
        group.wait_for_timer("n0")
    for number in (2, 3):
        group.ask("n0", number)
    group.turn("n0", lambda replica: replica.give_up())
    assert [each for name, each in group.refusals() if name == "n0"] == [
        Refusal("c1", 3, Reason.UNAVAILABLE),
        Refusal("c1", 2, Reason.OUTCOME_UNKNOWN),
    ]
    assert group.now < 60 * SECOND


def test_no_two_incarnations_ask_with_the_same_nonce() -> None:
    group = Group(5)
    nonces = []
    for number in (1, 2):
        (question,) = (each for each in group.read("n1", number) if isinstance(each, Read))
        nonces.append(question.nonce)
        group.restart("n1")
    assert len(set(nonces)) == 2


def test_what_one_turn_appends_and_then_replaces_is_durable_from_the_first_that_changed() -> None:
    group = Group(5)
    old = tuple(entry(number) for number in (1, 2, 3))
    new = (entry(1, "c2"), entry(2, "c2"))
    group.tell("n0", "n2", Prepare(0, 0, 1, old, 1, 4 * SECOND))

    def hear_two_primaries(replica: Replica) -> None:
        replica.on_message("n0", Prepare(0, 0, 4, (entry(4),), 1, 4 * SECOND))
        replica.on_message("n1", StartView(1, 0, 1, new, 1, 4 * SECOND))

    group.turn("n2", hear_two_primaries)
    assert group["n2"].log.suffix(1) == new
    assert group.storages["n2"].load().entries == new
