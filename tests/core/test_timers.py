"""Timers, the measured round trip, and time-outs that follow it."""

import pytest

from tests.core.group import SECOND, Group
from vsr_node.core.status import Status
from vsr_node.core.timers import (
    HEARTBEAT_INTERVAL_MIN,
    HEARTBEATS_MISSED,
    TIME_OUT_MAX,
    RoundTrip,
    Timer,
    Timers,
)


def test_a_timer_fires_once_at_its_deadline() -> None:
    timers = Timers()
    timers.start(Timer.VOTE, 10)
    fired: list[int] = []
    timers.fire_due(9, fired.append)
    assert fired == []
    timers.fire_due(10, fired.append)
    timers.fire_due(11, fired.append)
    assert fired == [Timer.VOTE]
    assert not timers.is_running(Timer.VOTE)


def test_timers_that_are_due_together_fire_in_a_fixed_order() -> None:
    timers = Timers()
    for timer in (Timer.READ, Timer.VOTE, Timer.SUSPECT):
        timers.start(timer, 10 - timer)
    fired: list[int] = []
    timers.fire_due(20, fired.append)
    assert fired == [Timer.SUSPECT, Timer.VOTE, Timer.READ]


def test_starting_moves_a_deadline_and_start_if_stopped_does_not() -> None:
    timers = Timers()
    timers.start(Timer.GAP, 10)
    timers.start_if_stopped(Timer.GAP, 5)
    assert timers.next_deadline == 10
    timers.start(Timer.GAP, 20)
    assert timers.next_deadline == 20
    timers.stop(Timer.GAP)
    assert timers.next_deadline == Timers.NEVER
    timers.start_if_stopped(Timer.GAP, 7)
    assert timers.next_deadline == 7


def test_a_timer_may_start_itself_anew_while_it_fires() -> None:
    timers = Timers()
    timers.start(Timer.HEARTBEAT, 10)
    timers.fire_due(10, lambda timer: timers.start(timer, 30))
    assert timers.next_deadline == 30


def test_the_first_sample_is_taken_as_it_is() -> None:
    round_trip = RoundTrip()
    measured_before = round_trip.is_measured
    round_trip.add(80_000)
    assert (measured_before, round_trip.is_measured) == (False, True)
    assert round_trip.bound == 80_000 + 4 * 40_000


def test_a_steady_round_trip_is_bounded_closely() -> None:
    round_trip = RoundTrip()
    for _ in range(200):
        round_trip.add(100_000)
    assert 100_000 <= round_trip.bound <= 101_000


def test_one_outlier_widens_the_bound_and_is_forgotten() -> None:
    round_trip = RoundTrip()
    for _ in range(100):
        round_trip.add(100_000)
    steady = round_trip.bound
    round_trip.add(1_000_000)
    assert round_trip.bound > 2 * steady
    for _ in range(100):
        round_trip.add(100_000)
    assert round_trip.bound < steady + steady // 10


@pytest.mark.parametrize("sample", [-5, 0, 1])
def test_no_sample_is_too_small_to_count_as_measured(sample: int) -> None:
    round_trip = RoundTrip()
    for _ in range(100):
        round_trip.add(sample)
    assert round_trip.is_measured
    assert round_trip.heartbeat_interval == HEARTBEAT_INTERVAL_MIN
    assert round_trip.time_out == HEARTBEATS_MISSED * HEARTBEAT_INTERVAL_MIN + round_trip.bound


def test_the_time_out_is_bounded_whatever_is_measured() -> None:
    round_trip = RoundTrip()
    round_trip.add(1 << 60)
    assert round_trip.time_out == TIME_OUT_MAX


def test_a_time_out_lives_through_several_lost_heartbeats() -> None:
    for sample in (1, 10_000, 1_000_000):
        round_trip = RoundTrip()
        for _ in range(100):
            round_trip.add(sample)
        assert round_trip.time_out >= HEARTBEATS_MISSED * round_trip.heartbeat_interval + sample


# A group whose network changes


def settled_time_out(group: Group) -> int:
    """The time-out on which all replicas agree, in microseconds; there must be one."""
    time_outs = {replica.time_out for replica in group.replicas.values()}
    assert max(time_outs) <= 1.1 * min(time_outs)
    return max(time_outs)


def views(group: Group) -> set[tuple[Status, int]]:
    return {(replica.status, replica.view_number) for replica in group.replicas.values()}


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_fast_group_comes_to_short_time_outs(size: int) -> None:
    group = Group(size)
    group.run_for(5 * SECOND)
    assert views(group) == {(Status.NORMAL, 0)}
    assert settled_time_out(group) < SECOND // 2


def test_the_first_answer_is_measured_and_the_time_out_told_at_once() -> None:
    # A primary may die before its second heartbeat.
    group = Group(3)
    group.delay = 500
    group.run_for(HEARTBEAT_INTERVAL_MIN // 2)
    assert group["n0"].round_trip.is_measured
    assert settled_time_out(group) < SECOND // 2


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_second_of_delay_from_the_start_changes_no_view(size: int) -> None:
    group = Group(size)
    group.delay = SECOND
    group.under_way.clear()
    for number in range(120):
        group.ask(group.names[number % size], number)
        group.run_for(SECOND // 2)
    group.run_for(4 * SECOND)
    assert views(group) == {(Status.NORMAL, 0)}
    assert len(group.replies()) == 120
    assert settled_time_out(group) > 2 * SECOND


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_delay_that_jumps_to_a_second_and_back_settles_again(size: int) -> None:
    group = Group(size)
    group.run_for(5 * SECOND)
    fast = settled_time_out(group)
    group.delay = SECOND
    group.run_for(60 * SECOND)
    after_the_jump = views(group)
    assert len(after_the_jump) == 1
    assert {status for status, _ in after_the_jump} == {Status.NORMAL}
    group.run_for(60 * SECOND)
    assert views(group) == after_the_jump
    assert settled_time_out(group) > 2 * SECOND
    group.delay = 0
    group.run_for(60 * SECOND)
    assert views(group) == after_the_jump
    assert settled_time_out(group) < 2 * fast


@pytest.mark.parametrize("size", [3, 5])
def test_what_is_not_heard_for_a_time_out_is_replaced_within_a_few(size: int) -> None:
    group = Group(size)
    group.run_for(5 * SECOND)
    time_out = settled_time_out(group)
    group.crash("n0")
    group.run_for(4 * time_out)
    live = [group[name] for name in group.names[1:]]
    assert {(replica.status, replica.view_number) for replica in live} == {(Status.NORMAL, 1)}


def test_start_at_latest_moves_a_deadline_only_nearer() -> None:
    timers = Timers()
    timers.start_at_latest(Timer.GAP, 10)
    assert timers.next_deadline == 10
    timers.start_at_latest(Timer.GAP, 20)
    assert timers.next_deadline == 10
    timers.start_at_latest(Timer.GAP, 5)
    assert timers.next_deadline == 5
