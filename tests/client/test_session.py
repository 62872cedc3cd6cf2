"""The session without I/O: numbers, retries, the window, eviction, and what an error promises."""

from itertools import count

import pytest

from vsr_node.client.errors import Rejected, error_of
from vsr_node.client.session import (
    NEVER,
    PATIENCE_MIN_US,
    PAUSE_US,
    WINDOW,
    End,
    Ended,
    Session,
)
from vsr_node.core.limits import FORGOTTEN_AT_ONCE
from vsr_node.core.limits import WINDOW as REPLIES_MAX
from vsr_node.wire.calls import Answer, Ask, Call, Outcome, Query, Register

DEADLINE = 10_000_000


class Driven:
    """A session, its clock, and what it has sent and ended."""

    def __init__(self, *members: str) -> None:
        nonces = count()
        self.session = Session(members or ("a", "b", "c"), lambda: f"{next(nonces):016x}")
        self.now = 0
        self.keys = count(1)

    def connect(self, *members: str) -> None:
        for member in members:
            self.session.on_connected(self.now, member)

    def call(
        self, operation: str = "op", *, is_query: bool = False, timeout: int = DEADLINE
    ) -> int:
        key = next(self.keys)
        self.session.call(self.now, key, operation, self.now + timeout, is_query=is_query)
        return key

    def sends(self) -> list[tuple[str, Ask]]:
        sends, self.session.sends = self.session.sends, []
        return sends

    def ended(self) -> list[Ended]:
        ended, self.session.ended = self.session.ended, []
        return ended

    def answer(
        self, member: str, client: str, number: int, outcome: Outcome, text: str = ""
    ) -> None:
        self.session.on_answer(self.now, member, Answer(client, number, outcome, text))

    def wait(self, duration: int) -> None:
        """Let time pass, timer by timer."""
        end = self.now + duration
        while self.session.next_timer <= end:
            self.now = max(self.now, self.session.next_timer)
            self.session.on_time(self.now)
        self.now = end

    def register(self, name: str = "1-x") -> None:
        """Connect to all, and answer the registration that a first call brings about."""
        self.connect("a", "b", "c")
        self.call("first")
        (member, request) = self.sends()[0]
        assert isinstance(request, Register)
        self.answer(member, request.nonce, 0, Outcome.RESULT, name)
        assert self.sends() == [(member, Call(name, 1, "first"))]
        self.answer(member, name, 1, Outcome.RESULT, "done")
        assert self.ended() == [Ended(1, End.RESULT, "done")]


def test_nothing_is_sent_before_there_is_something_to_ask() -> None:
    driven = Driven()
    driven.connect("a", "b", "c")
    assert (driven.sends(), driven.session.next_timer) == ([], NEVER)


def test_a_call_registers_first_and_the_number_begins_at_one() -> None:
    Driven().register()


def test_a_query_needs_no_session() -> None:
    driven = Driven()
    driven.connect("b")
    key = driven.call("get", is_query=True)
    assert driven.sends() == [("b", Query(1, "get"))]
    driven.answer("b", "", 1, Outcome.RESULT, "7")
    assert driven.ended() == [Ended(key, End.RESULT, "7")]


def test_silence_sends_the_same_number_to_the_next_member() -> None:
    driven = Driven()
    driven.register()
    driven.call()
    driven.wait(PATIENCE_MIN_US)
    assert driven.sends() == [("a", Call("1-x", 2, "op")), ("b", Call("1-x", 2, "op"))]
    driven.wait(3 * PATIENCE_MIN_US)
    assert driven.sends() == [("c", Call("1-x", 2, "op"))]
    driven.wait(10 * PATIENCE_MIN_US)
    assert driven.sends() == []


def test_the_first_answer_counts_and_later_ones_are_dropped() -> None:
    driven = Driven()
    driven.register()
    key = driven.call()
    driven.wait(PATIENCE_MIN_US)
    driven.answer("b", "1-x", 2, Outcome.RESULT, "one")
    driven.answer("a", "1-x", 2, Outcome.RESULT, "one")
    assert driven.ended() == [Ended(key, End.RESULT, "one")]


def test_who_answers_a_retry_is_asked_first_from_then_on() -> None:
    driven = Driven()
    driven.register()
    driven.call()
    driven.wait(PATIENCE_MIN_US)
    driven.answer("b", "1-x", 2, Outcome.RESULT)
    driven.sends()
    driven.call()
    assert driven.sends() == [("b", Call("1-x", 3, "op"))]


def test_a_lost_connection_sends_the_same_number_elsewhere_at_once() -> None:
    driven = Driven()
    driven.register()
    driven.call()
    driven.sends()
    driven.session.on_disconnected(driven.now, "a")
    assert driven.sends() == [("b", Call("1-x", 2, "op"))]


def test_a_refused_copy_goes_to_the_others_at_once_and_to_all_after_a_pause() -> None:
    driven = Driven()
    driven.register()
    driven.call()
    for member, following in (("a", "b"), ("b", "c")):
        driven.sends()
        driven.answer(member, "1-x", 2, Outcome.UNAVAILABLE)
        assert driven.sends() == [(following, Call("1-x", 2, "op"))]
    driven.answer("c", "1-x", 2, Outcome.UNAVAILABLE)
    assert driven.sends() == []
    driven.wait(PAUSE_US)
    assert driven.sends() == [("a", Call("1-x", 2, "op"))]


def test_what_was_never_sent_is_surely_not_executed() -> None:
    driven = Driven()
    key = driven.call(timeout=1_000)
    driven.wait(1_000)
    assert [(ended.key, ended.end) for ended in driven.ended()] == [(key, End.NOT_EXECUTED)]
    assert driven.session.under_way == 0


def test_what_every_member_refused_is_surely_not_executed() -> None:
    driven = Driven()
    driven.register()
    key = driven.call(timeout=PAUSE_US // 2)
    for member in "abc":
        driven.answer(member, "1-x", 2, Outcome.UNAVAILABLE)
    driven.wait(PAUSE_US // 2)
    assert [(ended.key, ended.end) for ended in driven.ended()] == [(key, End.NOT_EXECUTED)]


def test_what_a_member_refuses_for_good_is_not_tried_again() -> None:
    driven = Driven()
    driven.register()
    key = driven.call()
    driven.answer("a", "1-x", 2, Outcome.REFUSED, "too long")
    ended = driven.ended()
    assert ended == [Ended(key, End.REFUSED, "too long")]
    assert type(error_of(ended[0])) is Rejected
    assert driven.session.under_way == 0


@pytest.mark.parametrize("loses", [False, True])
def test_a_copy_that_nobody_refused_leaves_the_outcome_unknown(loses: bool) -> None:
    driven = Driven("a")
    driven.connect("a")
    driven.call()
    driven.answer("a", "0" * 16, 0, Outcome.RESULT, "1-x")
    if loses:
        driven.session.on_disconnected(driven.now, "a")
        driven.connect("a")
        driven.answer("a", "1-x", 1, Outcome.UNAVAILABLE)
    driven.wait(DEADLINE)
    assert [ended.end for ended in driven.ended()] == [End.TIMED_OUT]


def test_a_call_that_timed_out_is_asked_on_until_its_end_is_known() -> None:
    driven = Driven()
    driven.register()
    key = driven.call(timeout=1_000)
    driven.wait(PATIENCE_MIN_US)
    assert [each for _, each in driven.sends()] == [Call("1-x", 2, "op")] * 2
    driven.answer("b", "1-x", 2, Outcome.RESULT, "late")
    assert [(each.key, each.end, each.text) for each in driven.ended()] == [
        (key, End.TIMED_OUT, "no answer in time"),
        (key, End.RESULT, "late"),
    ]


def test_the_numbers_under_way_are_never_a_window_apart() -> None:
    assert WINDOW <= REPLIES_MAX - FORGOTTEN_AT_ONCE
    driven = Driven()
    driven.register()
    for _ in range(2 * WINDOW):
        driven.call()
    numbers = [request.number for _, request in driven.sends() if isinstance(request, Call)]
    assert numbers == list(range(2, 2 + WINDOW))
    assert not driven.session.has_room
    driven.answer("a", "1-x", 3, Outcome.RESULT)
    assert driven.sends() == []
    driven.answer("a", "1-x", 2, Outcome.RESULT)
    numbers = [request.number for _, request in driven.sends() if isinstance(request, Call)]
    assert numbers == [WINDOW + 2, WINDOW + 3]


def test_an_expired_session_begins_anew_and_its_calls_are_unknown() -> None:
    driven = Driven()
    driven.register()
    sent = driven.call("sent")
    driven.sends()
    driven.answer("a", "1-x", 2, Outcome.EXPIRED)
    assert [(each.key, each.end) for each in driven.ended()] == [(sent, End.EXPIRED)]
    after = driven.call("after")
    ((member, request),) = driven.sends()
    assert isinstance(request, Register)
    assert request.nonce != "0" * 16
    driven.answer(member, request.nonce, 0, Outcome.RESULT, "9-y")
    assert driven.sends() == [(member, Call("9-y", 1, "after"))]
    driven.answer(member, "9-y", 1, Outcome.RESULT, "fine")
    assert driven.ended() == [Ended(after, End.RESULT, "fine")]


def test_answers_to_an_expired_session_are_nobodys() -> None:
    driven = Driven()
    driven.register()
    driven.call("old")
    driven.answer("a", "1-x", 2, Outcome.EXPIRED)
    driven.call("new")
    driven.sends()
    driven.answer("a", f"{1:016x}", 0, Outcome.RESULT, "9-y")
    driven.ended()
    driven.answer("a", "1-x", 1, Outcome.RESULT, "of another call")
    driven.answer("a", "1-x", 1, Outcome.EXPIRED)
    assert driven.ended() == []
    assert driven.session.name == "9-y"


def test_what_no_member_may_have_executed_goes_on_in_the_new_session() -> None:
    driven = Driven()
    driven.register()
    refused = driven.call("refused")
    unknown = driven.call("unknown")
    for member in "abc":
        driven.answer(member, "1-x", 2, Outcome.UNAVAILABLE)
    driven.answer("a", "1-x", 3, Outcome.EXPIRED)
    assert [(each.key, each.end) for each in driven.ended()] == [(unknown, End.EXPIRED)]
    driven.sends()
    driven.answer("a", f"{1:016x}", 0, Outcome.RESULT, "9-y")
    assert [request for _, request in driven.sends()] == [Call("9-y", 1, "refused")]
    driven.answer("a", "9-y", 1, Outcome.RESULT)
    assert [(each.key, each.end) for each in driven.ended()] == [(refused, End.RESULT)]


def test_a_cancelled_call_goes_on_in_the_background_if_it_was_sent() -> None:
    driven = Driven()
    driven.register()
    key = driven.call()
    driven.session.cancel(driven.now, key)
    assert [(each.key, each.end) for each in driven.ended()] == [(key, End.TIMED_OUT)]
    driven.answer("a", "1-x", 2, Outcome.RESULT, "done")
    assert driven.ended() == [Ended(key, End.RESULT, "done")]


def test_answers_of_members_that_were_not_asked_are_dropped() -> None:
    driven = Driven()
    driven.register()
    driven.call()
    driven.answer("b", "1-x", 2, Outcome.RESULT, "a lie")
    driven.answer("a", "1-x", 3, Outcome.RESULT, "a lie")
    driven.answer("a", "", 2, Outcome.RESULT, "a lie")
    assert driven.ended() == []


def test_patience_follows_the_round_trip() -> None:
    driven = Driven()
    driven.register()
    for number in range(2, 40):
        driven.call()
        driven.now += 90_000
        driven.answer("a", "1-x", number, Outcome.RESULT)
    driven.sends()
    driven.call()
    driven.wait(5 * 90_000)
    assert len(driven.sends()) == 1
    driven.wait(5 * 90_000)
    assert len(driven.sends()) == 1


def test_a_member_that_went_away_is_not_preferred_when_it_is_back() -> None:
    driven = Driven()
    driven.connect("a", "b", "c")
    driven.call()
    assert [member for member, _ in driven.sends()] == ["a"]
    driven.session.on_disconnected(driven.now, "a")
    assert [member for member, _ in driven.sends()] == ["b"]
    driven.connect("a")
    driven.answer("b", "0" * 16, 0, Outcome.RESULT, "1-" + "0" * 16)
    assert [member for member, _ in driven.sends()] == ["b"]
    driven.call()
    assert [member for member, _ in driven.sends()] == ["b"]
