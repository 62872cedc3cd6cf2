"""Calls under way: sessions over a link to each member, and the futures of what was asked.

A client over TCP, one in a member's own process and one of a ``LocalCluster`` differ only in their
links. All of it runs in one loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from random import Random, SystemRandom
from typing import Any, Protocol, TypeAlias

from vsr_node.client.errors import (
    Closed,
    OutcomeUnknown,
    TooBusy,
    error_of,
    error_of_refusal,
)
from vsr_node.client.session import NEVER, WINDOW, End, Ended, Session, Wanted
from vsr_node.machines.errors import VsrError
from vsr_node.wire.calls import Answer, Ask, Query
from vsr_node.wire.handshake import AskStatus, Refused

MICROSECONDS = 1_000_000

BATCH_MAX = 64
"""So many calls go out at once, so that members work while a client makes many more."""

CONNECT_TIME_S = 1.0
"""How long ``status`` waits for members that are not connected yet."""


class Link(Protocol):
    """The way to one member. It reports to the ``Calls`` when it is up, down, and what comes."""

    @property
    def is_up(self) -> bool:
        """Whether the member can be asked."""

    @property
    def is_refused(self) -> bool:
        """Whether the member has refused for good, so that nobody tries any more."""

    @property
    def refusal(self) -> Refused | None:
        """Why the member could not be reached the last time; None if it could."""

    def start(self) -> None:
        """Begin to reach the member."""

    def stop(self) -> None:
        """Let go of it."""

    def ask(self, requests: Sequence[Ask | AskStatus]) -> None:
        """Send requests, in their order."""


MakeLink: TypeAlias = Callable[[str, "Calls"], Link]


def random_nonce() -> str:
    """Return 16 hexadecimal digits that nobody else has."""
    return f"{SystemRandom().getrandbits(64):016x}"


class Asked:
    """A call that has not ended for good. ``future`` gets its answer's text, or its error."""

    __slots__ = ("final", "future", "key", "result", "session")

    def __init__(
        self,
        key: int,
        session: Session,
        future: asyncio.Future[str],
        result: Callable[[str], object],
    ) -> None:
        self.key = key
        self.session = session
        self.future = future
        self.result = result
        self.final: asyncio.Future[str] | None = None
        """What ``settle`` waits for; None while the call has not timed out."""


class Calls:
    """The calls of one client. ``members`` are asked in their order; ``link_to`` makes the links.

    ``patience`` is in seconds; None follows the round trip. ``in_flight`` bounds the calls under
    way.
    """

    def __init__(
        self,
        members: Sequence[str],
        link_to: MakeLink,
        *,
        patience: float | None,
        in_flight: int,
    ) -> None:
        self.random = Random()
        """For the chance of calls."""
        self._members = tuple(members)
        self._epoch = 0
        """The newest epoch whose members were heard of."""
        self._link_to = link_to
        self._patience_us = None if patience is None else int(patience * MICROSECONDS)
        self._in_flight = in_flight
        self._links: dict[str, Link] = {}
        self._sessions: list[Session] = []
        self._last_used: Session | None = None
        self._asked: dict[int, Asked] = {}
        self._last_key = 0
        self._by_client: dict[str, Session] = {}
        self._statuses: dict[str, asyncio.Future[str]] = {}
        self._is_open = False
        self._is_refused = False
        """Whether every member has refused for good."""
        self._is_due = False
        self._begun_count = 0
        """Calls that were begun in this pass of the loop and have not gone out."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._loop: asyncio.AbstractEventLoop

    def open(self) -> None:
        """Begin to reach all members, in the running loop."""
        if self._is_open:
            return
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._links = {member: self._link_to(member, self) for member in self._members}
        for link in self._links.values():
            link.start()

    def close(self) -> None:
        """End all."""
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        for link in self._links.values():
            link.stop()
        for key, asked in self._asked.items():
            was_sent = asked.session.was_sent(key)
            error = OutcomeUnknown("the client was closed") if was_sent else Closed("closed")
            for future in (asked.future, asked.final):
                if future is not None and not future.done():
                    future.set_exception(error)
                    future.exception()
        self._asked.clear()

    # Calls

    def ask(
        self,
        operation: str | Wanted,
        is_read: bool,
        timeout: float,
        result: Callable[[str], object],
    ) -> Asked:
        """Return a call that goes out at the end of this pass of the loop."""
        if not self._is_open:
            raise Closed("the client is not open")
        if len(self._asked) >= self._in_flight:
            raise TooBusy(f"{self._in_flight} calls are under way")
        session = self._session_for(is_read)
        self._last_key += 1
        key = self._last_key
        asked = self._asked[key] = Asked(key, session, self._loop.create_future(), result)
        now = time.monotonic_ns() // 1000
        session.call(now, key, operation, now + int(timeout * MICROSECONDS), is_query=is_read)
        if self._is_refused:
            session.give_up(now)
        self._begun_count += 1
        if self._begun_count < BATCH_MAX:
            self._go_on_soon()
        else:
            self._go_on()
        return asked

    def cancel(self, asked: Asked) -> None:
        """Stop waiting for a call."""
        if asked.key in self._asked:
            asked.session.cancel(self._now(), asked.key)
            self._go_on_soon()

    def _session_for(self, is_read: bool) -> Session:
        """Return a session with room: one has a window, so more calls under way need more."""
        if self._sessions and is_read:
            return self._sessions[0]
        if self._last_used is not None and self._last_used.has_room:
            return self._last_used
        self._last_used = session = self._find_session()
        return session

    def _find_session(self) -> Session:
        for session in self._sessions:
            if session.has_room:
                return session
        if len(self._sessions) * WINDOW >= self._in_flight + WINDOW:
            return min(self._sessions, key=lambda session: session.under_way)
        session = Session(self._members, random_nonce, patience_us=self._patience_us)
        self._sessions.append(session)
        for member, link in self._links.items():
            if link.is_up:
                session.on_connected(self._now(), member)
        return session

    def _go_on_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Send what the sessions want sent, together, and hand out what has ended."""
        self._is_due = False
        self._begun_count = 0
        if not self._is_open:
            return
        requests: dict[str, list[Ask | AskStatus]] = {}
        next_timer = NEVER
        for session in self._sessions:
            if session.sends:
                sends, session.sends = session.sends, []
                for member, request in sends:
                    if not isinstance(request, Query):
                        self._by_client[request[0]] = session
                    if member in requests:
                        requests[member].append(request)
                    else:
                        requests[member] = [request]
            if session.ended:
                self._hand_out(session)
            if session.next_timer < next_timer:
                next_timer = session.next_timer
        for member, batch in requests.items():
            self._links[member].ask(batch)
        self._wake_at(next_timer)

    def _wake_at(self, moment: int) -> None:
        """Set the timer, unless it ends early enough: to be woken too early does no harm."""
        if moment >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = moment
        delay_s = max(0, moment - self._now()) / MICROSECONDS
        self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, NEVER
        now = self._now()
        for session in self._sessions:
            session.on_time(now)
        self._go_on()

    def _now(self) -> int:
        return time.monotonic_ns() // 1000

    # What ends

    def _hand_out(self, session: Session) -> None:
        """Hand out what has ended."""
        ended, session.ended = session.ended, []
        for each in ended:
            key, end, text = each
            if end is End.TIMED_OUT:
                self._on_timed_out(self._asked[key], text)
                continue
            asked = self._asked.pop(key)
            future = asked.final or asked.future
            if future.done():
                continue
            if end is End.RESULT:
                future.set_result(text)
            else:
                future.set_exception(self._error_of(each))
            if asked.final is not None:
                # Nobody has to ask.
                future.exception()

    def _on_timed_out(self, asked: Asked, text: str) -> None:
        asked.final = self._loop.create_future()
        if not asked.future.done():
            asked.future.set_exception(OutcomeUnknown(text, self._settle_of(asked)))

    def _error_of(self, ended: Ended) -> VsrError:
        """Return the error of a call, which says why nobody could be asked, if that is so."""
        if ended.end is End.NOT_EXECUTED and not any(link.is_up for link in self._links.values()):
            for link in self._links.values():
                if link.refusal is not None:
                    return error_of_refusal(link.refusal.reason, link.refusal.text, ended.text)
        return error_of(ended)

    def _settle_of(self, asked: Asked) -> Callable[[float], Coroutine[Any, Any, object]]:
        async def settle(timeout: float) -> object:
            assert asked.final is not None
            try:
                text = await asyncio.wait_for(asyncio.shield(asked.final), timeout)
            except TimeoutError as error:
                if isinstance(error, OutcomeUnknown):
                    raise
                raise OutcomeUnknown("still no answer", self._settle_of(asked)) from None
            return asked.result(text)

        return settle

    # What the links report

    def on_up(self, member: str) -> None:
        """Note that a member can be asked."""
        for session in self._sessions:
            session.on_connected(self._now(), member)
        self._go_on_soon()

    def on_down(self, member: str) -> None:
        """Note that a member can't be asked, and will not answer what it was asked."""
        if member in self._links and self._links[member].is_up:
            return  # That was a link to one that left, and is a member again.
        status = self._statuses.pop(member, None)
        if status is not None and not status.done():
            status.cancel()
        for session in self._sessions:
            session.on_disconnected(self._now(), member)
        if self._is_open:
            # Waiting would not help.
            self._is_refused = all(link.is_refused for link in self._links.values())
            for session in self._sessions if self._is_refused else ():
                session.give_up(self._now())
            self._go_on_soon()

    def on_members(self, epoch: int, members: Sequence[str]) -> None:
        """Follow the group to these members: reach those that are new, and let go of others."""
        known = self._members
        is_news = epoch > self._epoch or (epoch == self._epoch and not set(members) <= set(known))
        if not self._is_open or not epoch or not members or not is_news:
            return
        # Those that are preferred stay first.
        members = sorted(members, key=lambda each: known.index(each) if each in known else NEVER)
        self._epoch, self._members = epoch, tuple(members)
        for left in [each for each in self._links if each not in members]:
            self._links.pop(left).stop()
        for session in self._sessions:
            session.on_members(self._now(), members)
        for member in members:
            if member not in self._links:
                self._links[member] = self._link_to(member, self)
                self._links[member].start()
        self._go_on_soon()

    def on_answers(self, member: str, answers: Sequence[Answer]) -> None:
        """Take answers of a member."""
        if not self._is_open:
            return
        now = self._now()
        for answer in answers:
            # Queries are all of the first session.
            session = self._by_client.get(answer.client) if answer.client else self._sessions[0]
            if session is None:
                continue
            session.on_answer(now, member, answer)
            if session.ended:
                self._hand_out(session)
            if session.sends or session.next_timer < self._timer_at:
                self._go_on_soon()

    def on_status(self, member: str, status: str) -> None:
        """Take a member's state, a JSON object."""
        future = self._statuses.pop(member, None)
        if future is not None and not future.done():
            future.set_result(status)

    async def status(self, timeout: float) -> list[str]:
        """Ask every member that is connected, or is so within a second."""
        deadline = self._loop.time() + min(timeout, CONNECT_TIME_S)
        while self._loop.time() < deadline and not all(link.is_up for link in self._links.values()):
            await asyncio.sleep(0.01)
        futures = []
        for member, link in self._links.items():
            if link.is_up:
                future = self._statuses[member] = self._loop.create_future()
                futures.append(future)
                link.ask([AskStatus(0)])
        done, _ = await asyncio.wait(futures, timeout=timeout) if futures else (set(), None)
        return sorted(future.result() for future in done if not future.cancelled())
