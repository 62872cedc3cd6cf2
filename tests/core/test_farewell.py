"""FAREWELL: a primary whose process ends leaves its view, and its backups vote at once."""

import pytest

from tests.core.group import SECOND, Group, entry
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.messages import (
    Commit,
    Farewell,
    Message,
    Prepare,
    Reply,
    Request,
    StartViewChange,
)
from vsr_node.core.replica import Replica
from vsr_node.core.status import Status
from vsr_node.core.timers import Timer


def give_up(group: Group, name: str) -> list[Message]:
    return group.turn(name, lambda replica: replica.give_up())


@pytest.mark.parametrize("size", [3, 4, 5, 7])
def test_the_next_view_begins_without_any_time_passing(size: int) -> None:
    group = Group(size)
    group.settle()
    give_up(group, "n0")
    group.settle()
    others = group.names[1:]
    assert {(group[name].status, group[name].view_number) for name in others} == {
        (Status.NORMAL, 1)
    }
    group.ask("n2", 1)
    group.settle()
    assert ("n2" if size < 4 else "n1", Reply("c1", 1, 1)) in group.answers


def test_what_the_primary_logged_leaves_before_its_farewell() -> None:
    group = Group(3)
    group.settle()

    def log_and_give_up(replica: Replica) -> None:
        replica.on_message("n1", Request(0, (entry(1),)))
        replica.give_up()

    sent = group.turn("n0", log_and_give_up)
    assert [type(message) for message in sent] == [Prepare, Farewell]


def test_the_primary_that_left_orders_nothing_more_in_its_view() -> None:
    group = Group(3)
    group.settle()
    give_up(group, "n0")
    assert not group["n0"].is_serving_primary
    assert group.ask("n0", 1) == []
    group.take(Farewell)
    group.run_for(SECOND // 4)
    assert Prepare not in group.types_sent("n0")


def test_a_farewell_is_a_vote() -> None:
    group = Group(3)
    group.settle()
    give_up(group, "n0")
    group.deliver(Farewell, "n0", "n1")
    assert (group["n1"].status, group["n1"].view_number) == (Status.VIEW_CHANGE, 1)


def test_a_farewell_alone_is_no_quorum() -> None:
    group = Group(5)
    group.settle()
    give_up(group, "n0")
    group.deliver(Farewell, "n0", "n1")
    assert group["n1"].view_number == 0
    assert group["n1"].timers.is_running(Timer.VOTE)
    assert StartViewChange in group.types_sent("n1")


def test_a_farewell_of_an_older_view_is_dropped() -> None:
    group = Group(3)
    group.settle()
    give_up(group, "n0")
    late = group.take(Farewell)[0]
    group.run_for(20 * SECOND)
    view_number = group["n1"].view_number
    assert view_number > 0
    assert group.tell("n0", "n1", late) == []
    assert group["n1"].view_number == view_number


def test_a_farewell_of_a_newer_view_is_news_and_no_vote() -> None:
    group = Group(3)
    group.settle()
    group.tell("n2", "n1", Farewell(2))
    assert (group["n1"].status, group["n1"].view_number) == (Status.VIEW_CHANGE, 2)
    assert not group["n1"].timers.is_running(Timer.VOTE)


def test_only_the_primary_of_its_view_can_say_farewell() -> None:
    group = Group(3)
    group.settle()
    with pytest.raises(ImpossibleMessageError):
        group.tell("n2", "n1", Farewell(0))
    assert not group["n1"].timers.is_running(Timer.VOTE)


def test_a_backup_that_hears_its_primary_after_the_farewell_stops_voting() -> None:
    group = Group(5)
    group.settle()
    group.tell("n0", "n1", Farewell(0))
    group.tell("n0", "n1", Commit(0, 0, 0, 4 * SECOND))
    assert not group["n1"].timers.is_running(Timer.VOTE)


@pytest.mark.parametrize(("size", "name"), [(1, "n0"), (3, "n1")])
def test_one_without_others_and_a_backup_say_no_farewell(size: int, name: str) -> None:
    group = Group(size)
    group.settle()
    assert Farewell not in map(type, give_up(group, name))


def test_a_primary_without_a_quorum_says_no_farewell() -> None:
    group = Group(3)
    group.run_for(SECOND)
    group.isolate("n0")
    group.run_for(20 * SECOND)
    assert not group["n0"].is_serving_primary
    assert give_up(group, "n0") == []
