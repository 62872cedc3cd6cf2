"""Links alone: each rule, and each kind of cut among groups of several sizes."""

from random import Random
from typing import Any

import pytest

from tests.links.group import KINDS, MILLISECOND, SECOND, Body, Cut, LinkGroup, Weather
from vsr_node.links.frames import LinkRows, Relay, Row, State
from vsr_node.links.links import INTERVAL_MIN, NEVER, ImpossibleFrameError, Links

NAMES = ("n0", "n1", "n2", "n3", "n4")
TIME_OUT = 400 * MILLISECOND
PATIENCE = TIME_OUT * 3 // 8


def links_of(name: str = "n0", processes: tuple[str, ...] = NAMES) -> Links:
    return Links(name, processes, 0, TIME_OUT)


def rows(hears: dict[str, str], state: str = State.AMISS, *, stamp: int = 1) -> LinkRows:
    """Rows of processes by name; the others are given by their digits."""
    return LinkRows(
        100 * MILLISECOND,
        state,
        tuple(
            Row(name, stamp, tuple(f"n{digit}" for digit in heard)) for name, heard in hears.items()
        ),
    )


def at(links: Links, now: int) -> list[LinkRows]:
    """Take a turn without input, and return the rows that it sends."""
    links.on_time(now, TIME_OUT)
    return [frame for _, frame in links.end_turn() if isinstance(frame, LinkRows)]


def watches(links: Links) -> bool:
    return links.is_watching


def sent(links: Links, destination: str) -> tuple[str, object]:
    (((hop,), frame),) = links.send((destination,), "body", expects=False)
    return hop, frame


def watching(hears: dict[str, str]) -> Links:
    """Links of n0 that know these rows, which n1 sent."""
    links = links_of()
    links.receive("n1", rows(hears))
    links.end_turn()
    return links


# When all is well


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_nothing_is_sent_when_all_is_well(count: int) -> None:
    group = LinkGroup(count, busy=count > 1)
    group.run_for(20 * SECOND)
    assert (group.link_rows, group.paths, group.watching) == (0, {}, [])


def test_a_message_leaves_as_it_is() -> None:
    links = links_of()
    assert links.send(NAMES[1:], "body", expects=True) == [(NAMES[1:], "body")]
    assert links.receive("n1", "answer") == ("n1", "answer")


def test_an_answer_ends_the_wait_and_the_timer() -> None:
    links = links_of()
    assert links.next_timer == NEVER
    links.expect(("n1", "n2"))
    assert links.next_timer == PATIENCE
    links.receive("n1", "anything")
    links.expect(("n1",))
    links.on_time(PATIENCE - 1, TIME_OUT)
    links.receive("n2", "anything")
    assert at(links, PATIENCE - 1) == []
    links.receive("n1", "anything")
    assert at(links, PATIENCE) == []
    assert links.next_timer == NEVER


def test_what_came_in_a_late_turn_is_heard_before_anybody_is_missed() -> None:
    links = links_of()
    links.expect(("n1",))
    links.on_time(SECOND, TIME_OUT)
    links.receive("n1", "anything")
    assert links.end_turn() == []
    links.expect(("n1",))
    links.on_standstill(SECOND)
    assert at(links, SECOND + PATIENCE) == []


def test_two_processes_have_no_way_around() -> None:
    links = links_of("n0", ("n0", "n1"))
    links.expect(("n1",))
    assert (links.next_timer, at(links, SECOND)) == (NEVER, [])


# Somebody is missed


def test_who_misses_somebody_sends_its_row_to_all_and_repeats_it() -> None:
    links = links_of()
    links.receive("n2", "anything")
    links.expect(("n1",))
    assert at(links, PATIENCE - 1) == []
    links.on_time(PATIENCE, TIME_OUT)
    ((destinations, frame),) = links.end_turn()
    assert destinations == NAMES[1:]
    assert frame == LinkRows(100 * MILLISECOND, State.AMISS, (Row("n0", 1, ("n2",)),))
    assert links.next_timer == PATIENCE + 100 * MILLISECOND
    assert len(at(links, links.next_timer)) == 1


def test_in_a_large_group_rows_are_sent_less_often() -> None:
    links = links_of("n0", tuple(f"n{number}" for number in range(21)))
    links.expect(("n1",))
    (news,) = at(links, PATIENCE)
    assert news.interval == 300 * MILLISECOND
    assert links.next_timer == PATIENCE + news.interval


def test_a_long_time_out_is_borne_for_its_half() -> None:
    links = links_of()
    links.on_time(0, 4 * SECOND)
    links.expect(("n1",))
    links.on_time(3 * SECOND // 2, 4 * SECOND)
    assert links.end_turn() == []
    assert links.next_timer == 2 * SECOND


def test_who_hears_that_something_is_amiss_watches_and_else_not() -> None:
    for state, is_watching in ((State.AMISS, True), (State.WHOLE, False), (State.DONE, False)):
        links = links_of()
        links.receive("n1", rows({"n1": "0"}, state))
        assert links.is_watching == is_watching


def test_a_changed_row_is_passed_on_at_once_but_not_too_often() -> None:
    links = watching({"n1": "0", "n2": "1"})
    links.on_time(1, TIME_OUT)
    links.receive("n1", rows({"n1": "02", "n2": "1"}, stamp=2))
    assert links.end_turn() == []
    assert links.next_timer == 25 * MILLISECOND
    (news,) = at(links, links.next_timer)
    assert news.rows[1:] == (Row("n1", 2, ("n0", "n2")), Row("n2", 2, ("n1",)))


def test_what_stays_as_it_is_is_looked_at_less_often() -> None:
    links, now = links_of(), PATIENCE
    links.expect(("n1",))
    for _ in range(20):
        at(links, now)
        now = links.next_timer
    assert now - 12 * SECOND < links.next_timer
    (news,) = at(links, now)
    assert news.interval == SECOND
    # One that is missed for long is no news, and another is.
    links.send(("n1",), "body", expects=True)
    assert links.next_timer == now + SECOND
    links.send(("n2",), "body", expects=True)
    assert links.next_timer == now + PATIENCE
    (news,) = at(links, now + PATIENCE)
    assert news.interval == 100 * MILLISECOND


# Routes


@pytest.mark.parametrize(
    ("hears", "hop", "route"),
    [
        ({"n1": "0"}, "n1", ()),
        ({"n1": "02", "n2": "3"}, "n1", ()),
        # n1 is heard, which says nothing of the way to it.
        ({"n1": "2", "n2": "0"}, "n2", ("n1",)),
        ({"n1": "4", "n4": "3", "n3": "2", "n2": "0"}, "n2", ("n3", "n4", "n1")),
        # The shortest, and of these the first.
        ({"n1": "4325", "n4": "0", "n3": "2", "n2": "0"}, "n2", ("n1",)),
        # There is none.
        ({"n1": "2", "n2": "3"}, "n1", ()),
    ],
)
def test_the_route_is_the_shortest_that_the_rows_allow(
    hears: dict[str, str], hop: str, route: tuple[str, ...]
) -> None:
    links = watching({name: heard.replace("5", "") for name, heard in hears.items()})
    assert sent(links, "n1") == (hop, Relay("n0", route, "body") if route else "body")


def test_one_message_takes_several_ways() -> None:
    links = watching({"n1": "0", "n2": "1", "n3": "0"})
    assert links.send(("n1", "n2", "n3"), "body", expects=False) == [
        (("n1", "n3"), "body"),
        (("n1",), Relay("n0", ("n2",), "body")),
    ]


def test_a_row_that_nobody_repeats_is_forgotten() -> None:
    links = watching({"n1": "2", "n2": "0"})
    links.on_time(250 * MILLISECOND, TIME_OUT)
    assert sent(links, "n1")[0] == "n2"
    links.on_time(250 * MILLISECOND + 1, TIME_OUT)
    assert sent(links, "n1") == ("n1", "body")


def test_an_older_row_counts_only_once_the_newer_is_stale() -> None:
    links = watching({"n1": "0", "n2": "01"})
    links.receive("n1", rows({"n1": "0", "n2": "1"}, stamp=0))
    assert sent(links, "n2") == ("n2", "body")
    links.on_time(SECOND, TIME_OUT)
    links.receive("n1", rows({"n1": "0", "n2": "1"}, stamp=0))
    assert sent(links, "n2") == ("n1", Relay("n0", ("n2",), "body"))


def test_one_that_restarts_goes_on_from_its_own_last_stamp() -> None:
    links = links_of()
    links.receive("n1", rows({"n1": "0", "n0": "12"}, stamp=57))
    (news,) = at(links, 0)
    assert news.rows[0].stamp == 58


# Relays


def test_a_hop_passes_on_what_the_sender_lists_and_the_last_delivers_it() -> None:
    links = watching({"n1": "0"})
    relay = Relay("n3", ("n2", "n4"), "body")
    assert links.receive("n1", relay) is None
    assert links.end_turn() == [(("n2",), Relay("n3", ("n4",), "body"))]
    assert links.receive("n1", Relay("n3", (), "body")) == ("n3", "body")


def test_a_relayed_answer_ends_the_wait_and_is_heard_of_the_hop_alone() -> None:
    links = links_of()
    links.expect(("n3",))
    links.receive("n1", Relay("n3", (), "body"))
    links.expect(("n2",))
    (news,) = at(links, PATIENCE)
    assert news.rows == (Row("n0", 1, ("n1",)),)
    assert links.next_timer == PATIENCE + 100 * MILLISECOND


@pytest.mark.parametrize(
    "relay",
    [
        Relay("n0", (), "body"),
        Relay("n0", ("n2",), "body"),
        Relay("n2", ("n0", "n3"), "body"),
        Relay("n2", ("n1",), "body"),
        Relay("n2", ("n3", "n2"), "body"),
        Relay("n2", ("n3", "n4", "n3"), "body"),
        Relay("c1", ("n3",), "body"),
        Relay("n2", ("c1",), "body"),
        Relay("c1", (), "body"),
    ],
)
def test_a_relay_that_visits_a_process_twice_or_a_stranger_is_refused(relay: Relay) -> None:
    links = links_of()
    with pytest.raises(ImpossibleFrameError):
        links.receive("n1", relay)
    assert links.end_turn() == []


@pytest.mark.parametrize(
    "news",
    [
        rows({"n2": "0"}),
        rows({"n1": "0", "n9": "0"}),
        rows({"n1": "9"}),
        rows({"n1": "1"}),
        rows({"n1": "0"}, "fine"),
        rows({"n1": "0"})._replace(interval=INTERVAL_MIN - 1),
        rows({"n1": "0"})._replace(interval=1 << 50),
    ],
)
def test_rows_of_strangers_are_refused(news: LinkRows) -> None:
    links = links_of()
    with pytest.raises(ImpossibleFrameError):
        links.receive("n1", news)
    assert not links.is_watching


# Rest


def test_all_rest_when_everybody_has_heard_everybody_for_some_rounds() -> None:
    group = LinkGroup(5)
    group.run_for(2 * SECOND)
    group.cut_off(Cut(frozenset({(0, 1)})))
    group.run_for(5 * SECOND)
    assert group.watching == group.names
    group.heal()
    group.run_for(5 * SECOND)
    assert group.watching == []
    before = group.link_rows, len(group.paths)
    group.run_for(20 * SECOND)
    assert (group.link_rows, len(group.paths)) == before


def test_who_does_not_hear_all_goes_on_when_another_is_done() -> None:
    links = watching({"n1": "0"})
    links.receive("n1", rows({"n1": "0234"}, State.DONE))
    assert watches(links)
    for name in NAMES[1:]:
        links.receive(name, "anything")
    links.receive("n1", rows({"n1": "0234"}, State.DONE, stamp=2))
    assert watches(links) is False
    assert at(links, links.next_timer) == []
    assert links.next_timer == NEVER


# All kinds of cut


@pytest.mark.parametrize("count", [3, 5, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_everybody_who_is_connected_is_heard_again_and_all_rest_afterwards(
    kind: str, count: int
) -> None:
    for seed in range(2):
        random = Random(f"{kind} {count} {seed}")
        group = LinkGroup(count, random, Weather(random.choice((0, 5, 50)) * MILLISECOND))
        group.run_for(2 * SECOND)
        group.cut_off(KINDS[kind](random, count))
        group.run_for(group.bound)
        cut_at = group.now
        group.run_for(6 * group.interval + 800 * MILLISECOND)
        assert group.unheard(cut_at) == []
        group.busy = False  # A process that is asked for the first time may be newly missed.
        group.run_for(12 * SECOND)
        before = group.link_rows
        group.run_for(12 * SECOND)
        # About once a second each, in place of each quarter of a time-out.
        assert group.link_rows - before <= 3 * 12 * count * (count - 1)
        group.heal()
        group.run_for(12 * SECOND)
        assert group.watching == []


@pytest.mark.parametrize("count", [3, 5, 7, 25])
@pytest.mark.parametrize("kind", ["link", "one-way", "majorities-ring", "one-way-ring"])
def test_the_primary_is_heard_again_before_anybody_suspects_it(kind: str, count: int) -> None:
    random = Random(count)
    group = LinkGroup(count, random, busy=False)
    group.run_for(2 * SECOND)
    cut_at = group.now
    group.cut_off(KINDS[kind](random, count))
    group.run_for(SECOND)
    for name in group.names[1:]:
        for pair in (("n0", name), (name, "n0")):
            heard: list[Body] = group.delivered[pair]
            first = next(body for body in heard if body.sent_at > cut_at)
            assert first.sent_at - cut_at < group.time_out


def test_a_hop_that_restarts_is_used_again() -> None:
    group = LinkGroup(3)
    chain: Any = Cut(frozenset({(0, 2), (2, 0)}))
    group.run_for(2 * SECOND)
    group.cut_off(chain)
    group.run_for(3 * SECOND)
    group.cut_off(chain._replace(dead=frozenset({1})))
    group.run_for(3 * SECOND)
    group.cut_off(chain)
    group.run_for(2 * SECOND)
    assert group.unheard(group.now - SECOND) == []
