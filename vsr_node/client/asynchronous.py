"""The asyncio client: sessions over connections to all members of a group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from random import Random, SystemRandom
from typing import Any, Generic, TypeVar

from vsr_node.client.connection import Dialler
from vsr_node.client.errors import (
    Closed,
    OutcomeUnknown,
    TooBusy,
    error_of,
    error_of_refusal,
)
from vsr_node.client.security import TLS
from vsr_node.client.session import NEVER, WINDOW, End, Ended, Session
from vsr_node.machines.errors import VsrError
from vsr_node.machines.typed import CHANCE_BITS, AsyncCaller, Machine, Request
from vsr_node.wire.calls import Answer
from vsr_node.wire.frames import PEER_FRAME_BYTES_MAX
from vsr_node.wire.handshake import (
    CLIENT,
    FRAMES,
    PROTOCOL_VERSION,
    AskStatus,
    Hello,
    StatusAnswer,
)

M = TypeVar("M", bound=Machine)
N = TypeVar("N", bound=Machine)
R = TypeVar("R")

UNSENT_MAX = 64 << 20

MICROSECONDS = 1_000_000


def addresses_of(
    members: Sequence[str] | Mapping[str, str], prefer: Sequence[str] = ()
) -> dict[str, tuple[str, str]]:
    """Return (the member's name if it is known, address) of each member, by a name of ours.

    Those to ``prefer`` come first.
    """
    if isinstance(members, Mapping):
        addresses = {name: (name, address) for name, address in members.items()}
    else:
        addresses = {address: ("", address) for address in members}
    order = [each for each in prefer if each in addresses]
    return {each: addresses[each] for each in (*order, *addresses)}


def random_nonce() -> str:
    """Return 16 hexadecimal digits that nobody else has."""
    return f"{SystemRandom().getrandbits(64):016x}"


def hello_of(machine: type[Machine] | None, group: str) -> Hello:
    """Return what a client says first."""
    name = "" if machine is None else machine.__name__
    return Hello(PROTOCOL_VERSION, group, CLIENT, "", "", name)


class Client(AsyncCaller[M], Generic[M]):
    """A client of a group, for one loop. Made by ``connect``; open with ``async with``.

    ``Shop.buy(client, "tea")`` executes a command, once. Errors say what is certain.
    """

    def __init__(self, core: _Core, timeout: float) -> None:
        self._core = core
        self._timeout = timeout

    @staticmethod
    def connect(
        machine: type[N],
        members: Sequence[str] | Mapping[str, str],
        *,
        security: TLS | None = None,
        timeout: float = 10.0,
        patience: float | None = None,
        in_flight: int = 1024,
        prefer: Sequence[str] = (),
        group: str = "vsr",
    ) -> Client[N]:
        """Return a client. ``members`` are addresses, or addresses by name.

        ``timeout`` bounds a call, ``patience`` the time until another member is asked too, both in
        seconds; None follows the round trip. ``prefer`` lists the members to ask first.
        """
        core = _Core(
            addresses_of(members, prefer), hello_of(machine, group), security, patience, in_flight
        )
        return Client(core, timeout)

    @staticmethod
    def connect_to_any(
        members: Mapping[str, str],
        *,
        security: TLS | None = None,
        timeout: float = 10.0,
        group: str = "vsr",
    ) -> Client[Any]:
        """Return a client that does not know the group's machine; it can ask for ``status``."""
        core = _Core(addresses_of(members), hello_of(None, group), security, None, 0)
        return Client(core, timeout)

    def options(self, *, timeout: float) -> Client[M]:
        """Return a view of this client with another time-out, which costs nothing to make."""
        return Client(self._core, timeout)

    async def call(self, request: Request[M, R]) -> R:
        """Return the result of a request, or raise what it ended with."""
        operation = request.operation(
            time.time_ns() // 1000, self._core.random.getrandbits(CHANCE_BITS)
        )
        text = await self._core.ask(operation, request.is_read, self._timeout, request.result)
        return request.result(text)

    async def many(self, calls: Iterable[Request[M, R]]) -> list[R | VsrError]:
        """Return the results or errors of many requests, all under way at once."""
        tasks = (self.call(each) for each in calls)
        results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        for each in results:
            if isinstance(each, BaseException) and not isinstance(each, VsrError):
                raise each
        return results

    async def status(self) -> list[str]:
        """Return the state of each member that answers, as JSON objects."""
        return await self._core.status(self._timeout)

    async def close(self) -> None:
        """Close. Calls under way end; those that were sent with an unknown outcome."""
        self._core.close()

    async def __aenter__(self) -> Client[M]:
        """Begin to dial."""
        self._core.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()


class _Asked:
    """A call that has not ended for good."""

    __slots__ = ("final", "future", "result")

    def __init__(self, future: asyncio.Future[str], result: Callable[[str], object]) -> None:
        self.future = future
        self.result = result
        self.final: asyncio.Future[str] | None = None
        """What ``settle`` waits for; None while the call has not timed out."""


class _Core:
    """Sessions and connections, which all views of a client share."""

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, str]],
        hello: Hello,
        security: TLS | None,
        patience: float | None,
        in_flight: int,
    ) -> None:
        self.random = SystemRandom()
        self._addresses = addresses
        self._hello = hello
        self._security = security
        self._patience_us = None if patience is None else int(patience * MICROSECONDS)
        self._in_flight = in_flight
        self._sessions: list[Session] = []
        self._diallers: dict[str, Dialler] = {}
        self._asked: dict[int, _Asked] = {}
        self._session_of: dict[int, Session] = {}
        self._last_key = 0
        self._by_client: dict[str, Session] = {}
        self._statuses: dict[str, asyncio.Future[str]] = {}
        self._is_open = False
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop

    def open(self) -> None:
        """Begin to dial all members."""
        if self._is_open:
            return
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        random = Random()
        for member, (name, address) in self._addresses.items():
            dialler = self._diallers[member] = Dialler(
                address,
                self._hello,
                name=name,
                on_frame=lambda _, frame_type, payload, member=member: self._on_frame(  # type: ignore[misc]
                    member, frame_type, payload
                ),
                on_up=lambda _, member=member: self._on_up(member),  # type: ignore[misc]
                on_down=lambda _, member=member: self._on_down(member),  # type: ignore[misc]
                bytes_max=PEER_FRAME_BYTES_MAX,
                unsent_max=UNSENT_MAX,
                random=random,
                security=self._security,
            )
            dialler.start()

    def close(self) -> None:
        """End all."""
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        for dialler in self._diallers.values():
            dialler.stop()
        for key, asked in list(self._asked.items()):
            was_sent = self._session_of[key].was_sent(key)
            error = OutcomeUnknown("the client was closed") if was_sent else Closed("closed")
            for future in (asked.future, asked.final):
                if future is not None and not future.done():
                    future.set_exception(error)
                    future.exception()
        self._asked.clear()
        self._session_of.clear()

    # Calls

    async def ask(
        self, operation: str, is_read: bool, timeout: float, result: Callable[[str], object]
    ) -> str:
        """Return the text of an answer, or raise what the call ended with."""
        if not self._is_open:
            raise Closed("the client is not open")
        if len(self._asked) >= self._in_flight:
            raise TooBusy(f"{self._in_flight} calls are under way")
        session = self._session_for(is_read)
        self._last_key += 1
        key = self._last_key
        future: asyncio.Future[str] = self._loop.create_future()
        self._asked[key] = _Asked(future, result)
        self._session_of[key] = session
        now = self._now()
        session.call(now, key, operation, now + int(timeout * MICROSECONDS), is_query=is_read)
        self._go_on_soon()
        try:
            return await future
        except asyncio.CancelledError:
            if key in self._asked:
                session.cancel(self._now(), key)
                self._go_on_soon()
            raise

    def _session_for(self, is_read: bool) -> Session:
        """Return a session with room: one has a window, so more calls under way need more."""
        for session in self._sessions:
            if is_read or session.has_room:
                return session
        if len(self._sessions) * WINDOW >= self._in_flight + WINDOW:
            return min(self._sessions, key=lambda session: session.under_way)
        session = Session(tuple(self._addresses), random_nonce, patience_us=self._patience_us)
        self._sessions.append(session)
        for member, dialler in self._diallers.items():
            if dialler.is_up:
                session.on_connected(self._now(), member)
        return session

    def _go_on_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Send what the sessions want sent, together, and hand out what has ended."""
        self._flush_is_due = False
        buffers: dict[str, list[bytes]] = {}
        next_timer = NEVER
        for session in self._sessions:
            if session.sends:
                sends, session.sends = session.sends, []
                for member, request in sends:
                    if request[0] and isinstance(request[0], str):
                        self._by_client[request[0]] = session
                    buffers.setdefault(member, []).append(FRAMES.encode(request))
            if session.ended:
                ended, session.ended = session.ended, []
                for each in ended:
                    self._on_ended(each)
            next_timer = min(next_timer, session.next_timer)
        for member, frames in buffers.items():
            self._diallers[member].send(b"".join(frames))
        self._set_timer(next_timer)

    def _set_timer(self, next_timer: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if next_timer < NEVER and self._is_open:
            delay_s = max(0, next_timer - self._now()) / MICROSECONDS
            self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._now()
        for session in self._sessions:
            session.on_time(now)
        self._go_on()

    def _now(self) -> int:
        return time.monotonic_ns() // 1000

    # What ends

    def _on_ended(self, ended: Ended) -> None:
        asked = self._asked.get(ended.key)
        if asked is None:
            return
        if ended.end is End.TIMED_OUT:
            asked.final = self._loop.create_future()
            if not asked.future.done():
                asked.future.set_exception(OutcomeUnknown(ended.text, self._settle_of(asked)))
            return
        del self._asked[ended.key]
        del self._session_of[ended.key]
        future = asked.final or asked.future
        if future.done():
            return
        if ended.end is End.RESULT:
            future.set_result(ended.text)
        else:
            future.set_exception(self._error_of(ended))
        if asked.final is not None and not future.cancelled():
            # Nobody has to ask.
            future.exception()

    def _error_of(self, ended: Ended) -> VsrError:
        """Return the error of a call, which says why nobody could be asked, if that is so."""
        if ended.end is End.NOT_EXECUTED and not any(
            dialler.is_up for dialler in self._diallers.values()
        ):
            for dialler in self._diallers.values():
                if dialler.refusal is not None:
                    refused = dialler.refusal
                    return error_of_refusal(refused.reason, refused.text, ended.text)
        return error_of(ended)

    def _settle_of(self, asked: _Asked) -> Callable[[float], Coroutine[Any, Any, object]]:
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

    # Connections

    def _on_up(self, member: str) -> None:
        for session in self._sessions:
            session.on_connected(self._now(), member)
        self._go_on()

    def _on_down(self, member: str) -> None:
        status = self._statuses.pop(member, None)
        if status is not None and not status.done():
            status.cancel()
        for session in self._sessions:
            session.on_disconnected(self._now(), member)
        if self._is_open:
            self._go_on()

    def _on_frame(self, member: str, frame_type: int, payload: bytes) -> None:
        frame = FRAMES.decode(frame_type, payload)
        if isinstance(frame, Answer):
            # Queries are all of the first session.
            session = self._by_client.get(frame.client) if frame.client else self._sessions[0]
            if session is not None:
                session.on_answer(self._now(), member, frame)
                self._go_on_soon()
        elif isinstance(frame, StatusAnswer):
            future = self._statuses.pop(member, None)
            if future is not None and not future.done():
                future.set_result(frame.status)

    async def status(self, timeout: float) -> list[str]:
        """Ask every member that is connected, or is so within a second."""
        deadline = self._loop.time() + min(timeout, 1.0)
        while self._loop.time() < deadline and not all(
            dialler.is_up for dialler in self._diallers.values()
        ):
            await asyncio.sleep(0.01)
        futures = []
        for member, dialler in self._diallers.items():
            if dialler.is_up:
                future = self._statuses[member] = self._loop.create_future()
                futures.append(future)
                dialler.send(FRAMES.encode(AskStatus(0)))
        done, _ = await asyncio.wait(futures, timeout=timeout) if futures else (set(), None)
        return sorted(future.result() for future in done if not future.cancelled())
