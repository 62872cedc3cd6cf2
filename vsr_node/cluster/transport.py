"""What a member says and hears over TCP: a listener, and a dialled connection to each other member.

Each member dials every other and sends on its own connections only. A peer that does not take what
is sent loses messages, which are counted: the protocol repeats them. A client that does not take
its answers is not read from, and neither is one with too many calls under way.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

from vsr_node.client.connection import Connection, Dialler
from vsr_node.client.security import TLS, names_of
from vsr_node.cluster.asks import Caller
from vsr_node.wire.calls import Answer, Ask, Call, Change, Query, Register
from vsr_node.wire.frames import PEER_FRAME_BYTES_MAX, PEER_TYPES, decode, encode
from vsr_node.wire.handshake import (
    FRAMES,
    HELLO_BYTES_MAX,
    HELLO_TIME_S,
    MEMBER,
    SIGNS_OF_LIFE,
    TOO_MANY,
    AskStatus,
    Digest,
    Directory,
    Doorkeeper,
    Hello,
    Ping,
    Pong,
    Refused,
    StatusAnswer,
    Welcome,
)
from vsr_node.wire.shapes import Frame, MalformedMessageError

UNPROVED_MAX = 64
"""Connections that have not said who they are."""

CLIENTS_MAX = 1_024

CALLS_MAX = 64
"""Calls of one connection under way; more are not read. A session's window is smaller."""

PEER_UNSENT_MAX = 8 << 20
CLIENT_UNSENT_MAX = 1 << 20

STUCK_S = 30.0
"""How long a client may leave its answers unread."""

SWEEP_S = 0.5

KEEP_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds of quiet before the first probe, seconds between probes, and probes without an answer."""


Note: TypeAlias = Callable[[str, tuple[int, ...], tuple[object, ...]], None]
"""Takes the name of an event, its measurements and its own metadata (docs/TELEMETRY.md)."""


class Ears(Protocol):
    """Takes what a transport hears."""

    def on_message(self, peer: str, message: Frame, byte_count: int) -> None:
        """Take a message of another member."""

    def on_digest(self, peer: str, number: int, digest: int) -> None:
        """Take another member's digest of its first ``number`` operations."""

    def on_asks(self, caller: Caller, requests: Sequence[Ask]) -> None:
        """Take what a client asks."""

    def on_directory(self, directory: Directory) -> None:
        """Take what another process knows of members and addresses."""

    def directory(self) -> Directory:
        """Return what is known here of members and addresses."""

    def status(self) -> str:
        """Return the member's state as a JSON object."""


class TcpCaller:
    """A client's connection, and how many of its requests wait for an answer."""

    def __init__(self, connection: Connection, name: str, note: Note) -> None:
        self.connection = connection
        self.name = name
        self._note = note
        self.under_way = 0
        self.full_since: float | None = None

    def answer(self, answers: Sequence[Answer]) -> None:
        """Send answers."""
        self.under_way -= len(answers)
        self.connection.send(b"".join(map(FRAMES.encode, answers)))
        self.regulate()

    def regulate(self) -> None:
        """Read on, or stop reading: nothing that one client does may fill the memory."""
        transport = self.connection.transport
        if transport is None or transport.is_closing():
            return
        if self.under_way >= CALLS_MAX or self.connection.is_full:
            if transport.is_reading():
                transport.pause_reading()
                self._note("transport.pressure", (self.under_way,), (self.connection.name,))
        elif not transport.is_reading():
            transport.resume_reading()


class TcpTransport:
    """The connections of one member. ``operation_bytes_max`` bounds what a client may ask.

    ``note`` takes the events of connections.
    """

    def __init__(
        self,
        *,
        name: str,
        members: Mapping[str, str],
        listen: str,
        hello: Hello,
        doorkeeper: Doorkeeper,
        ears: Ears,
        random: Random,
        log: Callable[[str], None],
        operation_bytes_max: int,
        note: Note,
        security: TLS | None = None,
    ) -> None:
        self._name = name
        self._hello = hello
        self._random = random
        self._listen = listen or members[name]
        self._doorkeeper = doorkeeper
        self._ears = ears
        self._log = log
        self._note = note
        self._security = security
        self._client_bytes_max = operation_bytes_max + 1024
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._unproved: dict[Connection, None] = {}
        self._peers: dict[Connection, None] = {}
        self._callers: dict[Connection, TcpCaller] = {}
        self._last_caller = 0
        self._logged_at = 0.0
        self._sweeper: asyncio.Task[None] | None = None
        self.diallers: dict[str, Dialler] = {}
        self._buffers: dict[str, list[bytes]] = {}
        self._dropped = 0
        for peer, address in members.items():
            if peer != name:
                self._add(peer, address)

    def _add(self, peer: str, address: str) -> None:
        self.diallers[peer] = Dialler(
            address,
            self._hello,
            name=peer,
            on_frame=self._on_dialled_frame,
            on_up=self._on_up,
            on_down=self._on_down,
            bytes_max=HELLO_BYTES_MAX,
            unsent_max=PEER_UNSENT_MAX,
            random=self._random,
            security=self._security,
        )
        self._buffers[peer] = []

    def meet(self, peer: str, address: str) -> None:
        """Dial a process that was not known yet."""
        self._add(peer, address)
        self.diallers[peer].start()

    async def start(self) -> None:
        """Listen and dial. Raises OSError if the address can't be had."""
        host, _, port = self._listen.rpartition(":")
        if self._security is not None:
            self._context = self._security.accepting()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, host.strip("[]"), int(port), ssl=self._context, backlog=512
            )
        except OSError as error:
            # The codes of name resolution are below 0.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise OSError(f"{self._name} can't listen at {self._listen}: {why}") from error
        for dialler in self.diallers.values():
            dialler.start()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def read_certificates(self) -> None:
        """Take the certificates that are in the files now for all connections to come.

        Raises OSError (ssl.SSLError is one), and then goes on with those that it has.
        """
        if self._security is not None and self._context is not None:
            self._security.read_into(self._context)

    def stop_listening(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    def stop(self) -> None:
        """Close all; what waits to be sent still leaves."""
        self.stop_listening()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for dialler in self.diallers.values():
            dialler.stop()
        for connection in [*self._unproved, *self._peers, *self._callers]:
            connection.close("the member stops")

    def abort(self) -> None:
        """Close all at once."""
        for connection in [*self._unproved, *self._peers, *self._callers]:
            connection.abort("the member stops")

    @property
    def connected(self) -> list[str]:
        """The members to whom a connection stands."""
        return [peer for peer, dialler in self.diallers.items() if dialler.is_up]

    @property
    def dropped(self) -> int:
        """How many messages to others were dropped."""
        return self._dropped + sum(dialler.dropped for dialler in self.diallers.values())

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return len(self._callers)

    # What leaves

    def send(self, destinations: tuple[str, ...], message: Frame) -> None:
        """Send a message when ``flush`` is called."""
        data = encode(message)
        for destination in destinations:
            if destination in self._buffers:
                self._buffers[destination].append(data)
            else:
                self._dropped += 1  # A founder that is gone, or one whose address is to come.

    def flush(self) -> None:
        """Let leave what was to be sent."""
        for peer, buffer in self._buffers.items():
            if buffer:
                data = b"".join(buffer)
                if not self.diallers[peer].send(data):
                    self._note("transport.dropped", (len(buffer), len(data)), (peer,))
                buffer.clear()

    def announce(self, number: int, digest: int) -> None:
        """Send all other members this one's digest of its first ``number`` operations."""
        data = FRAMES.encode(Digest(number, digest))
        for dialler in self.diallers.values():
            dialler.send(data)

    def publish(self, directory: Directory) -> None:
        """Send what is known of members and addresses to all processes and clients."""
        data = FRAMES.encode(directory)
        for dialler in self.diallers.values():
            dialler.send(data)
        for connection in self._callers:
            connection.send(data)

    # What comes

    def _accept(self) -> Connection:
        return Connection(
            self._on_frame,
            self._on_lost,
            bytes_max=HELLO_BYTES_MAX,
            unsent_max=CLIENT_UNSENT_MAX,
            on_made=self._on_made,
            on_drained=self._on_drained,
        )

    def _on_made(self, connection: Connection) -> None:
        if len(self._unproved) >= UNPROVED_MAX:
            connection.abort("too many connections that have not said who they are")
            return
        self._unproved[connection] = None
        assert connection.transport is not None
        _probe_when_quiet(connection.transport.get_extra_info("socket"))

    def _on_up(self, dialler: Dialler) -> None:
        dialler.send(FRAMES.encode(self._ears.directory()))
        self._note("transport.connected", (1,), (dialler.name, MEMBER))

    def _on_down(self, dialler: Dialler) -> None:
        self._note("transport.disconnected", (1,), (dialler.name, MEMBER, dialler.why))

    def _on_dialled_frame(self, _: Dialler, frame_type: int, __: bytes) -> None:
        raise MalformedMessageError(f"no frame of type {frame_type} belongs here")

    def _on_frame(self, connection: Connection, frame_type: int, payload: bytes) -> None:
        if frame_type in PEER_TYPES and connection.role == MEMBER:
            message = decode(frame_type, payload)
            self._ears.on_message(connection.name, message, len(payload))
            return
        frame = FRAMES.decode(frame_type, payload)
        caller = self._callers.get(connection)
        if isinstance(frame, Ping) and connection.role:
            connection.send(FRAMES.encode(Pong(frame.number)))
        elif isinstance(frame, Hello) and not connection.role:
            self._on_hello(connection, frame)
        elif isinstance(frame, Digest) and connection.role == MEMBER:
            self._ears.on_digest(connection.name, frame.number, frame.digest)
        elif isinstance(frame, Directory) and connection.role == MEMBER:
            self._ears.on_directory(frame)
        elif caller is None or frame_type in SIGNS_OF_LIFE:
            raise MalformedMessageError(f"no frame of type {frame_type} belongs here")
        elif isinstance(frame, AskStatus):
            connection.send(FRAMES.encode(StatusAnswer(frame.number, self._ears.status())))
        elif isinstance(frame, Register | Call | Query | Change):
            caller.under_way += 1
            self._ears.on_asks(caller, (frame,))
            caller.regulate()
        else:
            raise MalformedMessageError(f"no frame of type {frame_type} belongs here")

    def _on_hello(self, connection: Connection, hello: Hello) -> None:
        proved = None if self._security is None else names_of(connection.certified)
        answer = self._doorkeeper.judge(hello, proved)
        is_member = hello.role == MEMBER
        if isinstance(answer, Welcome) and not is_member and len(self._callers) >= CLIENTS_MAX:
            answer = Refused(TOO_MANY, f"{CLIENTS_MAX} clients are connected")
        connection.send(FRAMES.encode(answer))
        if isinstance(answer, Refused):
            connection.close(answer.text)
            return
        self._unproved.pop(connection, None)
        connection.role, connection.name = hello.role, hello.name
        if is_member:
            for older in [each for each in self._peers if each.name == hello.name]:
                older.abort(f"{hello.name} has dialled anew")
            connection.allow(PEER_FRAME_BYTES_MAX)
            self._peers[connection] = None
            # One that has come back is not left unheard until its turn to be dialled comes.
            self.diallers[hello.name].hurry()
        else:
            connection.allow(self._client_bytes_max)
            connection.send(FRAMES.encode(self._ears.directory()))
            self._last_caller += 1
            self._callers[connection] = TcpCaller(connection, str(self._last_caller), self._note)
            self._note("transport.connected", (1,), (hello.name, hello.role))

    def _on_drained(self, connection: Connection) -> None:
        caller = self._callers.get(connection)
        if caller is not None:
            caller.regulate()

    def _on_lost(self, connection: Connection) -> None:
        self._peers.pop(connection, None)
        if self._callers.pop(connection, None) is not None:
            own = connection.name, connection.role, connection.why
            self._note("transport.disconnected", (1,), own)
        if connection in self._unproved:
            del self._unproved[connection]
            self._note("transport.refused", (1,), (connection.why,))
            self._log_now_and_then(f"a stranger's connection ended: {connection.why}")

    def _log_now_and_then(self, line: str) -> None:
        """Log a line a second at most: strangers must not fill the log."""
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= 1:
            self._logged_at = now
            self._log(line)

    async def _sweep(self) -> None:
        """Close what takes too long, again and again."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = asyncio.get_running_loop().time()
            for connection in list(self._unproved):
                if now - connection.made_at > HELLO_TIME_S:
                    connection.abort(f"it has not said who it is within {HELLO_TIME_S} s")
            for connection in [*self._peers, *self._callers]:
                if connection.is_stuck(now):
                    connection.abort("a frame does not end")
            for caller in list(self._callers.values()):
                if not caller.connection.is_full:
                    caller.full_since = None
                elif caller.full_since is None:
                    caller.full_since = now
                elif now - caller.full_since > STUCK_S:
                    caller.connection.abort("it does not read its answers")


def _probe_when_quiet(accepted: Any) -> None:
    """Let the system find out about a client whose machine is gone: blocking ones send no PING."""
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        # Not every system has each of them.
        option = getattr(socket, name, None)
        if option is not None:
            accepted.setsockopt(socket.IPPROTO_TCP, option, value)


def address_is_local(address: str) -> bool:
    """Return whether nobody outside of this machine can dial an address."""
    host: Any = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
