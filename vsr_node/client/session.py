"""A client's session as a pure state machine: each call is executed once, or the error is true.

The session numbers its calls and repeats each one under the same number through other members until
an answer has come, so a retry is never a second execution. The group keeps the answers to the last
``core.limits.WINDOW`` numbers or fewer; the numbers under way are never ``WINDOW`` of this module
apart, so an answer is never forgotten before it was heard. What finds no room waits.

Nothing here does I/O or looks at a clock: the driver hands in what happens, with the time in
microseconds, and then takes ``sends`` and ``ended``. It calls ``on_time`` at ``next_timer``.

What is certain: a copy that a member has refused is never executed, and neither is one that was
never sent. A copy whose connection was lost may be executed at any later time. So a call *was not
executed* if it ends without any copy of the second kind, and its outcome is *unknown* otherwise.
A call that timed out goes on in the background, as its number holds up the window; the driver hears
of its end as well.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from vsr_node.wire.calls import Answer, Ask, Call, Change, Outcome, Query, Register

WINDOW = 48
"""How far the numbers of calls under way may be apart."""

PATIENCE_MIN_US = 100_000
"""The shortest time after which a call is sent to another member too."""

PATIENCE_MAX_US = 2_000_000
"""The longest."""

ROUND_TRIPS_OF_PATIENCE = 8

PAUSE_US = 100_000
"""The time between a member's refusal and the next try."""

NEVER: Final = 1 << 62

REGISTRATION = 0


class End(Enum):
    """How a call ended."""

    RESULT = auto()
    NOT_EXECUTED = auto()
    """It was not executed and will not be."""
    REFUSED = auto()
    """The same, and it would be refused again."""
    TIMED_OUT = auto()
    """Nobody knows yet. It goes on in the background, and ends once more when it is known."""
    UNKNOWN = auto()
    """Nobody will ever know."""
    EXPIRED = auto()
    """The same, as the session has expired."""


class Wanted(NamedTuple):
    """Other members that are asked for, in place of an operation; see ``Change``."""

    members: tuple[tuple[str, str], ...]
    epoch: int | None


class Ended(NamedTuple):
    """A call ended; ``text`` is its result, or says why there is none."""

    key: int
    end: End
    text: str


@dataclass(slots=True)
class _Asked:
    """A call, a query or a registration that has not ended."""

    key: int
    operation: str | Wanted
    deadline: int
    is_query: bool = False
    number: int = 0
    copies: list[str] = field(default_factory=list)
    """The members that have a copy and may answer it on the connection on which it came."""
    is_loose: bool = False
    """Whether a copy is under way somewhere that nobody will answer or refuse."""
    is_late: bool = False
    """Whether it has timed out."""
    last: str = ""
    """The member that was asked last."""
    asked_at: int = 0
    tries: int = 0
    refusals: int = 0
    is_overdue: bool = False
    """Whether it had to be sent once more, or could not be."""
    retry_at: int = 0


class Session:
    """One session of one client, and its queries.

    ``members`` are tried in their order, beginning with the first. ``make_nonce`` returns 16
    hexadecimal digits that nobody else has. ``patience_us`` None follows the round trip.
    """

    def __init__(
        self,
        members: Sequence[str],
        make_nonce: Callable[[], str],
        *,
        patience_us: int | None = None,
    ) -> None:
        assert members, "a client needs somebody to ask"
        self._members = tuple(members)
        self._make_nonce = make_nonce
        self._patience_is_fixed = patience_us is not None
        self._patience_us = PATIENCE_MIN_US if patience_us is None else patience_us
        """How long to wait for an answer before another member is asked."""
        self._round_trip_us = 0
        self._connected: set[str] = set()
        self._preferred = self._members[0]
        self.name = ""
        """The session's name; empty before it is registered."""
        self._registration = self._new_registration()
        self._last_number = self._last_query = 0
        self._window_end = WINDOW
        """The highest number that may be under way, as the lowest one is."""
        self._waiting: deque[_Asked] = deque()
        """Calls without a number, in their order."""
        self._calls: dict[int, _Asked] = {}
        """Calls under way, by number and in its order."""
        self._queries: dict[int, _Asked] = {}
        self.next_timer = NEVER
        """When ``on_time`` is to be called, in microseconds."""
        self.sends: list[tuple[str, Ask]] = []
        """What is to be sent, and to whom. The driver takes it away."""
        self.ended: list[Ended] = []
        """Which calls have ended. The driver takes it away."""

    @property
    def under_way(self) -> int:
        """How many calls and queries have not ended."""
        return len(self._waiting) + len(self._calls) + len(self._queries)

    @property
    def has_room(self) -> bool:
        """Whether a new call would be sent at once, or as soon as there is a session."""
        count = len(self._waiting) + len(self._calls)
        return count < WINDOW and self._last_number < self._window_end

    @property
    def expected(self) -> frozenset[str]:
        """The members that owe an answer."""
        return frozenset(member for asked in self._all() for member in asked.copies)

    @property
    def is_impatient(self) -> bool:
        """Whether something waits for an answer longer than it should, or for anybody to ask."""
        return any(
            self._may_be_sent(asked) and (asked.is_overdue or not asked.copies)
            for asked in self._all()
        )

    def was_sent(self, key: int) -> bool:
        """Return whether a copy of a call may be under way anywhere."""
        return any(
            asked.key == key and (asked.copies or asked.is_loose) and not asked.is_query
            for asked in self._all()
        )

    # What the driver hands in

    def call(
        self, now: int, key: int, operation: str | Wanted, deadline: int, *, is_query: bool = False
    ) -> None:
        """Ask for an operation. ``key`` names it in ``ended``; no two have the same."""
        asked = _Asked(key, operation, deadline, is_query)
        self._wake_at(deadline)
        if is_query:
            self._last_query += 1
            asked.number = self._last_query
            self._queries[asked.number] = asked
            self._send(now, asked)
        elif self.name and not self._waiting and self._last_number < self._window_end:
            self._begin(now, asked)
        else:
            self._waiting.append(asked)
            self._begin_waiting(now)

    def cancel(self, now: int, key: int) -> None:
        """Stop waiting for a call. One that was sent goes on in the background."""
        for asked in self._all():
            if asked.key == key and not asked.is_late:
                self._on_deadline(now, asked)
                return

    def give_up(self, now: int) -> None:
        """Let all calls time out now, as no member will ever answer."""
        for asked in self._all():
            if asked is not self._registration and not asked.is_late:
                self._on_deadline(now, asked)

    def on_members(self, now: int, members: Sequence[str]) -> None:
        """Ask these members from now on, as the group has changed. Others can't be asked then."""
        for left in [each for each in self._members if each not in members]:
            self.on_disconnected(now, left)
        self._members = tuple(members)
        if self._preferred not in members:
            self._preferred = self._members[0]
        for asked in self._all():
            if asked.last not in members:
                asked.last = ""
        self._send_idle(now)

    def on_connected(self, now: int, member: str) -> None:
        """Note that a connection to a member stands, and use it for what waits for one."""
        self._connected.add(member)
        self._send_idle(now)

    def on_disconnected(self, now: int, member: str) -> None:
        """Note that a connection was lost, with all that was under way on it."""
        self._connected.discard(member)
        if member == self._preferred:
            # Back again, it has to catch up first, and would let all new calls wait for that.
            self._preferred = self._connected_after(member) or member
        for asked in self._all():
            if member in asked.copies:
                asked.copies.remove(member)
                asked.is_loose = True
        self._send_idle(now)

    def _send_idle(self, now: int) -> None:
        """Send what no member has a copy of, as the members that can be asked have changed."""
        for asked in self._all():
            if not asked.copies and self._may_be_sent(asked):
                self._send(now, asked)

    def on_answer(self, now: int, member: str, answer: Answer) -> None:
        """Take a member's answer; drop one that nobody waits for."""
        client, number, outcome, text = answer
        if outcome == Outcome.EXPIRED and client == self.name:
            # True of the session, for all of its requests.
            self._on_expired(now)
            return
        if client == "":
            asked = self._queries.get(number)
        elif number == REGISTRATION:
            asked = self._registration if client == self._registration.operation else None
        else:
            asked = self._calls.get(number) if client == self.name else None
        if asked is None or member not in asked.copies:
            return
        if outcome != Outcome.UNAVAILABLE:
            self._measure(now, member, asked)
        if asked is self._registration:
            self._on_registration(now, member, answer)
        elif outcome == Outcome.UNAVAILABLE:
            self._on_refusal(now, member, asked)
        else:
            self._end(now, asked, _ENDS[outcome], text)

    def on_time(self, now: int) -> None:
        """End what has timed out, and repeat what has waited for too long."""
        if now < self.next_timer:
            return
        self.next_timer = NEVER
        for asked in self._all():
            if not asked.is_late and asked.deadline <= now:
                self._on_deadline(now, asked)
                continue
            if not asked.is_late:
                self._wake_at(asked.deadline)
            if self._may_be_sent(asked):
                if asked.retry_at <= now:
                    self._send(now, asked)
                self._wake_at(asked.retry_at)

    # Sessions

    def _new_registration(self) -> _Asked:
        return _Asked(key=-1, operation=self._make_nonce(), deadline=NEVER)

    def _on_registration(self, now: int, member: str, answer: Answer) -> None:
        registration = self._registration
        if answer.outcome != Outcome.RESULT:
            self._on_refusal(now, member, registration)
            return
        registration.copies.clear()
        registration.retry_at = NEVER
        if not self.name:
            self.name = answer.text
            self._last_number = 0
            self._window_end = WINDOW
            self._begin_waiting(now)

    def _on_expired(self, now: int) -> None:
        """Begin a new session. Nobody can tell what the old one's calls came to."""
        calls = list(self._calls.values())
        self._calls.clear()
        self.name = ""
        self._registration = self._new_registration()
        certain = [asked for asked in calls if not asked.copies and not asked.is_loose]
        for asked in certain:
            asked.number = 0
        self._waiting.extendleft(reversed(certain))
        for asked in calls:
            if asked not in certain:
                self.ended.append(Ended(asked.key, End.EXPIRED, "the session has expired"))
        self._begin_waiting(now)

    def _begin_waiting(self, now: int) -> None:
        """Number and send what the window has room for; register before the first call."""
        if not self._waiting:
            return
        if not self.name:
            if not self._registration.copies:
                self._send(now, self._registration)
            return
        while self._waiting and self._last_number < self._window_end:
            self._begin(now, self._waiting.popleft())

    def _slide_window(self) -> None:
        """Let the window begin with the lowest number that is under way."""
        lowest = next(iter(self._calls), self._last_number + 1)
        self._window_end = lowest + WINDOW - 1

    def _begin(self, now: int, asked: _Asked) -> None:
        """Number and send a call: the window has room for it."""
        number = asked.number = self._last_number = self._last_number + 1
        self._calls[number] = asked
        self._send(now, asked)

    # Calls

    def _send(self, now: int, asked: _Asked) -> None:
        """Send a copy to the next member that has none, if there is one."""
        member = self._preferred
        tries, patience = asked.tries, self._patience_us
        if tries or member not in self._connected:
            member = self._connected_after(asked.last or member, asked.copies)
        if tries:
            asked.is_overdue = True
            patience = min(patience << min(tries, 4), PATIENCE_MAX_US)
        asked.retry_at = retry_at = now + patience
        if retry_at < self.next_timer:
            self.next_timer = retry_at
        if not member:
            return
        asked.tries = tries + 1
        asked.last = member
        asked.asked_at = now
        asked.copies.append(member)
        self.sends.append((member, self._request_of(asked)))

    def _connected_after(self, member: str, excluded: Sequence[str] = ()) -> str:
        """Return the next member after this one that can be asked; empty if there is none."""
        members = self._members
        begin = members.index(member) + 1
        for each in members[begin:] + members[:begin]:
            if each in self._connected and each not in excluded:
                return each
        return ""

    def _request_of(self, asked: _Asked) -> Ask:
        if isinstance(asked.operation, Wanted):
            return Change(self.name, asked.number, *asked.operation)
        if asked.is_query:
            return Query(asked.number, asked.operation)
        if asked is self._registration:
            return Register(asked.operation)
        return Call(self.name, asked.number, asked.operation)

    def _on_refusal(self, now: int, member: str, asked: _Asked) -> None:
        """Try the others at once, and all again after a pause, as this one has no quorum."""
        asked.copies.remove(member)
        asked.refusals += 1
        if asked.refusals % len(self._members):
            self._send(now, asked)
        else:
            asked.retry_at = now + PAUSE_US
            self._wake_at(asked.retry_at)

    def _may_be_sent(self, asked: _Asked) -> bool:
        """Return whether it has all that a request needs."""
        if asked is self._registration:
            return not self.name and bool(self._waiting)
        return asked.number > 0

    def _on_deadline(self, now: int, asked: _Asked) -> None:
        is_certain = asked.is_query or not (asked.copies or asked.is_loose)
        if is_certain:
            self._end(now, asked, End.NOT_EXECUTED, "no member could reach a quorum in time")
        else:
            asked.is_late = True
            self._wake_at(asked.retry_at)
            self.ended.append(Ended(asked.key, End.TIMED_OUT, "no answer in time"))

    def _end(self, now: int, asked: _Asked, end: End, text: str) -> None:
        if asked.is_query:
            del self._queries[asked.number]
        elif asked.number:
            del self._calls[asked.number]
            self._slide_window()
        else:
            self._waiting.remove(asked)
        self.ended.append(Ended(asked.key, end, text))
        if self._waiting:
            self._begin_waiting(now)

    def _measure(self, now: int, member: str, asked: _Asked) -> None:
        """Prefer a member that answers, and learn how long that takes."""
        if asked.tries == 1:
            sample = now - asked.asked_at
            known = self._round_trip_us or sample
            self._round_trip_us = known = known + (sample - known) // 8
            if not self._patience_is_fixed:
                self._patience_us = max(PATIENCE_MIN_US, ROUND_TRIPS_OF_PATIENCE * known)
        elif member != self._preferred:
            self._preferred = member

    # Times

    def _wake_at(self, moment: int) -> None:
        if moment < self.next_timer:
            self.next_timer = moment

    def _all(self) -> Iterable[_Asked]:
        """Return all that has not ended, for a loop that may change it."""
        return [
            self._registration,
            *self._calls.values(),
            *self._queries.values(),
            *self._waiting,
        ]


_ENDS: dict[int, End] = {
    Outcome.RESULT: End.RESULT,
    Outcome.UNKNOWN: End.UNKNOWN,
    Outcome.EXPIRED: End.UNKNOWN,
    Outcome.REFUSED: End.REFUSED,
}
