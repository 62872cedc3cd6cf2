"""The blocking client: the same session over plain sockets, for any thread, without a loop."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from random import SystemRandom
from typing import Any, Generic, TypeVar

from vsr_node.client.asynchronous import addresses_of, follow, hello_of
from vsr_node.client.calls import MICROSECONDS, random_nonce
from vsr_node.client.errors import (
    Closed,
    OutcomeUnknown,
    error_of,
    error_of_refusal,
)
from vsr_node.client.security import TLS, names_of
from vsr_node.client.session import End, Ended, Session
from vsr_node.machines.typed import CHANCE_BITS, Machine, Request, SyncCaller
from vsr_node.wire.calls import Answer
from vsr_node.wire.frames import PEER_FRAME_BYTES_MAX, FrameReader
from vsr_node.wire.handshake import (
    CLIENT,
    FINAL_REASONS,
    FRAMES,
    Directory,
    Hello,
    Refused,
    Welcome,
)
from vsr_node.wire.shapes import MalformedMessageError

M = TypeVar("M", bound=Machine)
N = TypeVar("N", bound=Machine)
R = TypeVar("R")

DIAL_TIME_S = 1.0

REDIAL_S = 0.05

RECEIVE_BYTES = 256 << 10


class SyncClient(SyncCaller[M], Generic[M]):
    """A client of a group. One call is under way at a time; other threads wait for their turn."""

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
        prefer: Sequence[str] = (),
        group: str = "vsr",
    ) -> SyncClient[N]:
        """Return a client; it dials when it is first used. The parameters are ``Client``'s."""
        addresses = addresses_of(members, prefer)
        return SyncClient(_Core(addresses, hello_of(machine, group), security, patience), timeout)

    def options(self, *, timeout: float) -> SyncClient[M]:
        """Return a view of this client with another time-out, which costs nothing to make."""
        return SyncClient(self._core, timeout)

    def call(self, request: Request[M, R]) -> R:
        """Return the result of a request, or raise what it ended with."""
        chance = self._core.random.getrandbits(CHANCE_BITS)
        operation = request.operation(time.time_ns() // 1000, chance)
        return request.result(
            self._core.ask(operation, request.is_read, self._timeout, request.result)
        )

    def close(self) -> None:
        """Close."""
        self._core.close()

    def __enter__(self) -> SyncClient[M]:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class _Link:
    """A connection to one member."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.reader = FrameReader(PEER_FRAME_BYTES_MAX)


class _Core:
    """The session and its sockets, which all views of a client share."""

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, str]],
        hello: Hello,
        security: TLS | None,
        patience: float | None,
    ) -> None:
        self.random = SystemRandom()
        self._addresses = dict(addresses)
        self._members = tuple(addresses)
        self._epoch = 0
        """The newest epoch whose members were heard of."""
        self._hello = hello
        self._security = security
        self._session = Session(
            tuple(addresses),
            random_nonce,
            patience_us=None if patience is None else int(patience * MICROSECONDS),
        )
        self._links: dict[str, _Link] = {}
        self._dial_after: dict[str, float] = {}
        self._refusals: dict[str, Refused] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._last_key = 0
        self._ended: dict[int, Ended] = {}
        self._is_closed = False

    def close(self) -> None:
        """Close all."""
        with self._lock:
            self._is_closed = True
            for member in list(self._links):
                self._drop(member)
            self._selector.close()

    def ask(
        self, operation: str, is_read: bool, timeout: float, result: Callable[[str], object]
    ) -> str:
        """Return the text of an answer, or raise what the call ended with."""
        with self._lock:
            if self._is_closed:
                raise Closed("the client is closed")
            self._last_key += 1
            key = self._last_key
            now = self._now()
            deadline = now + int(timeout * MICROSECONDS)
            self._session.call(now, key, operation, deadline, is_query=is_read)
            return self._text_of(self._wait_for(key, deadline), key, result)

    def _text_of(self, ended: Ended, key: int, result: Callable[[str], object]) -> str:
        if ended.end is End.RESULT:
            return ended.text
        if ended.end is End.TIMED_OUT:
            raise OutcomeUnknown(ended.text, lambda timeout: self._settle(key, timeout, result))
        if ended.end is End.NOT_EXECUTED and not self._links and self._refusals:
            refused = next(iter(self._refusals.values()))
            raise error_of_refusal(refused.reason, refused.text, ended.text)
        raise error_of(ended)

    def _settle(self, key: int, timeout: float, result: Callable[[str], object]) -> object:
        with self._lock:
            if self._is_closed:
                raise OutcomeUnknown("the client was closed")
            ended = self._wait_for(key, self._now() + int(timeout * MICROSECONDS))
            return result(self._text_of(ended, key, result))

    def _wait_for(self, key: int, deadline: int) -> Ended:
        """Drive the session until a call has ended, or ``deadline`` is over."""
        session = self._session
        while True:
            self._dial_where_needed()
            # Dialling may outlast the deadline: the session knows what has surely not been sent.
            now = self._now()
            session.on_time(now)
            if all(map(self._is_refused, self._members)):
                session.give_up(now)
            self._send_all()
            for each in session.ended:
                self._ended[each.key] = each
            session.ended.clear()
            ended = self._ended.pop(key, None)
            if ended is not None:
                return ended
            if now > deadline:
                return Ended(key, End.TIMED_OUT, "still no answer")
            self._receive(min(session.next_timer, deadline + 1) - self._now())

    def _now(self) -> int:
        return time.monotonic_ns() // 1000

    # Sockets

    def _dial_where_needed(self) -> None:
        """Dial one member if none is connected; all that are missing if a call waits for long."""
        wants_more = not self._links or self._session.is_impatient
        if not wants_more:
            return
        for member in self._members:
            if member in self._links or self._is_refused(member):
                continue
            if self._dial_after.get(member, 0) > time.monotonic():
                continue
            self._dial(member)
            if self._links and not self._session.is_impatient:
                return

    def _is_refused(self, member: str) -> bool:
        """Return whether a member has refused for good, and is not dialled any more."""
        refusal = self._refusals.get(member)
        return refusal is not None and refusal.reason in FINAL_REASONS

    def _follow(self, directory: Directory) -> None:
        """Follow the group to its members: those that left are let go of."""
        members = follow(self._addresses, directory)
        if members and directory.epoch > self._epoch:
            self._epoch, self._members = directory.epoch, tuple(members)
            self._session.on_members(self._now(), self._members)
            for left in [each for each in self._links if each not in self._members]:
                self._drop(left)

    def _dial(self, member: str) -> None:
        name, address = self._addresses[member]
        host, _, port = address.rpartition(":")
        self._dial_after[member] = time.monotonic() + REDIAL_S
        try:
            connection = socket.create_connection((host.strip("[]"), int(port)), DIAL_TIME_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._security is not None:
                context = self._security.dialling(by_name=bool(name))
                wrapped = context.wrap_socket(connection, server_hostname=name or host)
                if not name and CLIENT in names_of(wrapped.getpeercert()):
                    raise ssl.SSLError("that is a client, no member")
                connection = wrapped
            link = _Link(connection)
            try:
                self._greet(member, link)
            except BaseException:
                connection.close()
                raise
        except (OSError, MalformedMessageError) as error:
            self._refusals.setdefault(member, Refused("unreachable", str(error)))
            self._dial_after[member] = time.monotonic() + 4 * REDIAL_S
            return
        self._links[member] = link
        self._selector.register(connection, selectors.EVENT_READ, member)
        self._session.on_connected(self._now(), member)

    def _greet(self, member: str, link: _Link) -> None:
        link.socket.sendall(FRAMES.encode(self._hello))
        frames: list[tuple[int, bytes]] = []
        while not frames:
            data = link.socket.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionError("it closed without a word; does the group use TLS?")
            frames = link.reader.feed(data)
        answer = FRAMES.decode(*frames[0])
        if isinstance(answer, Refused):
            self._refusals[member] = answer
            raise ConnectionError(answer.text)
        if not isinstance(answer, Welcome):
            raise MalformedMessageError("neither WELCOME nor REFUSED")
        self._refusals.pop(member, None)

    def _drop(self, member: str) -> None:
        link = self._links.pop(member)
        self._selector.unregister(link.socket)
        link.socket.close()
        self._session.on_disconnected(self._now(), member)

    def _send_all(self) -> None:
        while self._session.sends:
            sends, self._session.sends = self._session.sends, []
            for member, request in sends:
                link = self._links.get(member)
                if link is None:
                    continue
                try:
                    link.socket.sendall(FRAMES.encode(request))
                except OSError:
                    self._drop(member)

    def _receive(self, wait_us: int) -> None:
        """Wait for bytes, but no longer than that, and hand on what has come."""
        if not self._links:
            time.sleep(min(max(wait_us, 0) / MICROSECONDS, REDIAL_S))
            return
        for selected, _ in self._selector.select(max(wait_us, 0) / MICROSECONDS):
            self._read(selected.data)

    def _read(self, member: str) -> None:
        link = self._links[member]
        try:
            data = link.socket.recv(RECEIVE_BYTES)
            pending: Any = getattr(link.socket, "pending", None)
            while pending is not None and pending():
                data += link.socket.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionError("closed by the other side")
            for frame_type, payload in link.reader.feed(data):
                frame = FRAMES.decode(frame_type, payload)
                if isinstance(frame, Answer):
                    self._session.on_answer(self._now(), member, frame)
                elif isinstance(frame, Directory):
                    self._follow(frame)
        except (OSError, MalformedMessageError):
            if member in self._links:
                self._drop(member)
