"""Frames over TCP: one connection, and one that is dialled again whenever it is lost."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, cast

from vsr_node.client.security import TLS, names_of
from vsr_node.wire.frames import FrameReader
from vsr_node.wire.handshake import (
    CLIENT,
    FINAL_REASONS,
    FRAMES,
    SIGNS_OF_LIFE,
    Hello,
    Ping,
    Pong,
    Refused,
    Welcome,
)
from vsr_node.wire.shapes import MalformedMessageError

QUIET_S = 1.0
"""After so much quiet the one who dialled sends PING."""

SILENCE_S = 3.0
"""After so much silence a dialled connection counts as lost."""

FRAME_TIME_S = 10.0
"""How long a frame may take from its first byte to its last."""

REDIAL_MIN_S, REDIAL_MAX_S = 0.05, 1.0

DIAL_TIME_S = 3.0


class Connection(asyncio.Protocol):
    """One connection. ``on_frame(connection, type, payload)`` takes what comes.

    What it raises as MalformedMessageError closes the connection. ``on_lost(connection)`` is called
    once. ``unsent_max`` bounds what waits to be sent: beyond it ``is_full``.
    """

    def __init__(
        self,
        on_frame: Callable[["Connection", int, bytes], None],
        on_lost: Callable[["Connection"], None],
        *,
        bytes_max: int,
        unsent_max: int,
        on_made: Callable[["Connection"], None] | None = None,
        on_drained: Callable[["Connection"], None] | None = None,
    ) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._on_made = on_made
        self._on_drained = on_drained
        self._unsent_max = unsent_max
        self._reader = FrameReader(bytes_max)
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.name = ""
        self.role = ""
        self.is_full = False
        self.why = "closed by the other side"
        self.made_at = self.heard_at = self._loop.time()
        self._begun_at: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's is none of asyncio's classes.
        self.transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=self._unsent_max)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hand on the frames that are whole."""
        self.heard_at = self._loop.time()
        try:
            for frame_type, payload in self._reader.feed(data):
                if self.is_closing:
                    return
                self._on_frame(self, frame_type, payload)
        except MalformedMessageError as error:
            self.close(str(error))
            return
        if self._reader.is_between_frames:
            self._begun_at = None
        elif self._begun_at is None:
            self._begun_at = self.heard_at

    def allow(self, bytes_max: int) -> None:
        """Let frames have so many bytes from now on: it is known who sends them."""
        self._reader.bytes_max = bytes_max

    def send(self, data: bytes) -> None:
        """Send whole frames."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    @property
    def is_closing(self) -> bool:
        """Whether nothing more comes or goes."""
        return self.transport is None or self.transport.is_closing()

    @property
    def certified(self) -> Any:
        """The other side's certificate; None without TLS."""
        assert self.transport is not None
        return self.transport.get_extra_info("peercert")

    def is_stuck(self, now: float) -> bool:
        """Return whether a frame has begun and does not end, as of a sender that is too slow."""
        return self._begun_at is not None and now - self._begun_at > FRAME_TIME_S

    def close(self, why: str) -> None:
        """Close; what waits to be sent still leaves, if the other side takes it."""
        self.why = why
        if self.transport is not None:
            self.transport.close()

    def abort(self, why: str) -> None:
        """Close at once."""
        self.why = why
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Note that too much waits to be sent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Note that it has left."""
        self.is_full = False
        if self._on_drained is not None:
            self._on_drained(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Say that it is over."""
        if error is not None:
            self.why = str(error)
        self._on_lost(self)


class Dialler:
    """A connection to one member that is made again whenever it is lost.

    ``on_frame(dialler, type, payload)`` takes what comes once the other has said WELCOME,
    ``on_up(dialler)`` and ``on_down(dialler)`` hear how it is. ``refusal`` is the last REFUSED.
    ``name`` is the member's if it is known, and then its certificate must have it. With
    ``takes_refusals`` a REFUSED for good ends the dialling: ``is_refused``, and ``on_down`` hears.
    """

    def __init__(
        self,
        address: str,
        hello: Hello,
        *,
        name: str,
        on_frame: Callable[["Dialler", int, bytes], None],
        on_up: Callable[["Dialler"], None],
        on_down: Callable[["Dialler"], None],
        bytes_max: int,
        unsent_max: int,
        random: Random,
        security: TLS | None = None,
        takes_refusals: bool = False,
    ) -> None:
        self.address = address
        self.name = name
        self.dropped = 0
        self.refusal: Refused | None = None
        self.why = ""
        """Why the last connection ended."""
        self.is_up = self._was_up = False
        self._takes_refusals = takes_refusals
        self._hello = hello
        self._on_frame = on_frame
        self._on_up = on_up
        self._on_down = on_down
        self._bytes_max = bytes_max
        self._unsent_max = unsent_max
        self._random = random
        self._security = security
        self._connection: Connection | None = None
        self._lost = asyncio.Event()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to dial."""
        self._task = asyncio.get_running_loop().create_task(self._keep_up())

    def stop(self) -> None:
        """Dial no more, and close; what waits to be sent still leaves."""
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._connection.close("stopped")

    def hurry(self) -> None:
        """Dial at once if there is no connection: the other side has just been heard."""
        self._hurry.set()

    def send(self, data: bytes) -> bool:
        """Send frames, or drop them while there is no connection, or too much waits on it.

        Return whether they were sent.
        """
        connection = self._connection
        if not self.is_up or connection is None or connection.is_full:
            self.dropped += 1
            return False
        connection.send(data)
        return True

    @property
    def is_refused(self) -> bool:
        """Whether the member has refused for good, and is not dialled any more."""
        refusal = self.refusal
        return self._takes_refusals and refusal is not None and refusal.reason in FINAL_REASONS

    async def _keep_up(self) -> None:
        pause = REDIAL_MIN_S
        while not self.is_refused:
            self._lost.clear()
            self._was_up = was_up = False
            try:
                await asyncio.wait_for(self._dial(), DIAL_TIME_S)
                was_up = await self._watch()
            except (OSError, TimeoutError, ssl.SSLError) as error:
                self.refusal = self.refusal or Refused("unreachable", str(error))
            pause = REDIAL_MIN_S if was_up else min(2 * pause, REDIAL_MAX_S)
            await self._pause(pause * (0.5 + self._random.random()))

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try, unless there is news of the other side."""
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _dial(self) -> None:
        host, _, port = self.address.rpartition(":")
        context, server_name = None, None
        if self._security is not None:
            by_name = bool(self.name)
            context = self._security.dialling(by_name=by_name)
            server_name = self.name or host
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(
                self._on_any_frame,
                self._on_lost,
                bytes_max=self._bytes_max,
                unsent_max=self._unsent_max,
            ),
            host.strip("[]"),
            int(port),
            ssl=context,
            server_hostname=server_name,
        )
        self._connection = connection
        if context is not None and not self.name and CLIENT in names_of(connection.certified):
            connection.abort("that is a client, no member")
            return
        connection.send(FRAMES.encode(self._hello))

    async def _watch(self) -> bool:
        """Wait for the connection's end; return whether it ever stood."""
        connection = self._connection
        if connection is None:
            return False
        while not self._lost.is_set():
            try:
                await asyncio.wait_for(self._lost.wait(), QUIET_S / 2)
            except TimeoutError:
                quiet_s = asyncio.get_running_loop().time() - connection.heard_at
                if quiet_s > SILENCE_S:
                    connection.abort(f"nothing heard for {SILENCE_S} s")
                elif quiet_s > QUIET_S and self.is_up:
                    connection.send(FRAMES.encode(Ping(0)))
        return self._was_up

    def _on_any_frame(self, connection: Connection, frame_type: int, payload: bytes) -> None:
        if self.is_up and frame_type not in SIGNS_OF_LIFE:
            self._on_frame(self, frame_type, payload)
            return
        frame = FRAMES.decode(frame_type, payload)
        if isinstance(frame, Ping):
            connection.send(FRAMES.encode(Pong(frame.number)))
        elif isinstance(frame, Welcome):
            if self.name and frame.name != self.name:
                connection.close(f"{frame.name} answers at the address of {self.name}")
                return
            self.is_up = self._was_up = True
            self.refusal = None
            self._on_up(self)
        elif isinstance(frame, Refused):
            self.refusal = frame
            connection.close(frame.text)

    def _on_lost(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self.why = connection.why
            was_up, self.is_up = self.is_up, False
            self._lost.set()
            if was_up or self.is_refused:
                self._on_down(self)
