"""A request that could be given to nobody is refused in time, whatever happens meanwhile."""

from tests.core.group import SECOND, Group
from vsr_node.core.messages import Reason, Refusal, StartViewChange
from vsr_node.core.timers import TIME_OUT_MAX


def test_a_held_request_is_refused_in_time_though_views_come_and_go() -> None:
    group = Group(5)
    group.isolate("n1")
    while group["n1"].is_following:
        group.wait_for_timer("n1")
    group.ask("n1", 1)
    end = group.now + TIME_OUT_MAX + SECOND
    while not group.refusals() and group.now < end:
        group.now += SECOND
        view_number = group["n1"].view_number + 1
        group.tell("n2", "n1", StartViewChange(view_number, view_number))
    assert group.refusals() == [("n1", Refusal("c1", 1, Reason.UNAVAILABLE))]
