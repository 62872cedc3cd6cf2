"""One member of a group over TCP: a thread with a loop of its own, so user code can't depose it.

All that comes within one pass of the loop is one turn, so batches make themselves. What goes wrong
in a turn ends the member, not the process: ``wait`` raises it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Generic, Literal, TypeVar

from vsr_node.client.asynchronous import Client
from vsr_node.client.calls import Calls
from vsr_node.client.errors import Closed, NotReady
from vsr_node.client.security import TLS
from vsr_node.cluster.asks import OPERATION_CHARACTERS_MAX, Asks, Caller
from vsr_node.cluster.changes import change_of
from vsr_node.cluster.directory import AddressBook
from vsr_node.cluster.divergence import Digests
from vsr_node.cluster.http import Http
from vsr_node.cluster.in_process import InProcessLink
from vsr_node.cluster.machine_file import claim
from vsr_node.cluster.member import Member
from vsr_node.cluster.network import MakeTransport, Transport
from vsr_node.cluster.transport import TcpTransport, address_is_local
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import Limits
from vsr_node.core.messages import Reason, Refusal, Reply, Send
from vsr_node.core.status import Status
from vsr_node.core.timers import Timers
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.machines.host import Host
from vsr_node.machines.identity import identity_of
from vsr_node.machines.typed import Machine
from vsr_node.storage.machine import boot_id
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage
from vsr_node.telemetry.dispatch import Telemetry
from vsr_node.telemetry.json_lines import JsonLines
from vsr_node.telemetry.metrics import Metrics
from vsr_node.telemetry.observer import Observer
from vsr_node.telemetry.prometheus import exposition
from vsr_node.wire.calls import Ask
from vsr_node.wire.handshake import (
    MEMBER,
    PROTOCOL_VERSION,
    Directory,
    Doorkeeper,
    Hello,
    digest_of,
)
from vsr_node.wire.shapes import Frame

M = TypeVar("M", bound=Machine)
T = TypeVar("T")

BYTES_A_CHARACTER = 4

POLL_S = 0.01

REACH_TIME_S = 0.25
"""How long a member that starts waits for connections before its first turn."""


class Server(Generic[M]):
    """A member. ``machine`` makes the state; ``members`` are the addresses of processes by name.

    ``founders`` are the names of the members with which the group began, the same at all; None:
    those of ``members``. One that is no founder joins when a client asks for it (``reconfigure``).
    ``data_dir`` None keeps all in memory: a member that ends forgets what it promised, so it
    requires ``volatile=True``. Without ``security`` only addresses of this machine are served,
    unless ``insecure=True``. ``loop`` "own" runs the member in a thread of its own, "current" in
    the loop that starts it: then code that blocks this loop may depose a primary. ``http`` is an
    address for /livez, /readyz, /metrics and /status. ``storage`` keeps the log instead of files in
    ``data_dir``, and ``transport`` starts, in the member's loop, what carries the protocol's
    messages instead of TCP; the connections of members and clients stay, to know who is there.
    ``trace`` is a file to which events are appended as JSON Lines: all, or those of the prefixes
    ``trace_events`` (docs/TELEMETRY.md).
    """

    def __init__(
        self,
        machine: Callable[[], M],
        *,
        name: str,
        members: Mapping[str, str],
        founders: Sequence[str] | None = None,
        data_dir: Path | None = None,
        volatile: bool = False,
        flush: str = "always",
        security: TLS | None = None,
        insecure: bool = False,
        listen: str = "",
        group: str = "vsr",
        limits: Limits | None = None,
        storage: Storage | None = None,
        transport: MakeTransport | None = None,
        loop: Literal["own", "current"] = "own",
        http: str = "",
        trace: Path | None = None,
        trace_events: Sequence[str] = (),
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        if __debug__ is False:
            raise RuntimeError("python -O takes away the assertions that keep data safe")
        if name not in members:
            raise ValueError(f"{name} is not among the members {', '.join(members)}")
        if data_dir is None and storage is None and not volatile:
            raise ValueError("a member without data_dir forgets what it promised: volatile=True")
        exposed = [
            each for each in (*members.values(), listen) if each and not address_is_local(each)
        ]
        if security is None and exposed and not insecure:
            raise ValueError(
                f"{exposed[0]} can be reached by others: give it TLS (security=, --tls),"
                " or allow everybody in (insecure=True, --insecure)"
            )
        if flush not in ("always", "never"):
            raise ValueError('flush is "always" or "never"')
        if loop not in ("own", "current"):
            raise ValueError('loop is "own" or "current"')
        self.name = name
        self.members = dict(members)
        self.founders = tuple(members if founders is None else founders)
        self._make = machine
        self._data_dir = data_dir
        self._flush = Flush.EVERYTHING if flush == "always" else Flush.PROMISES
        self._security = security
        self._listen = listen
        self._group = group
        self._limits = limits or Limits(registered=True)
        self._storage = storage
        self._make_transport = transport
        self._has_own_loop = loop == "own"
        self._http_address = http
        self._trace = trace
        self._trace_events = trace_events
        self._log = log
        self._client_count = 0
        self._thread: threading.Thread | None = None
        self._running: _Running | None = None

    async def start(self, timeout: float | None = 30.0) -> None:
        """Return when this member serves, that is, hears its primary or leads with a quorum.

        Raise NotReady after ``timeout`` seconds; it goes on, and may serve later. None returns as
        soon as it listens.
        """
        if self._running is None:
            await self._begin()
        if timeout is None:
            return
        deadline = time.monotonic() + timeout
        while self._running is not None and (why := self._running.why_not_ready()):
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} does not serve yet: {why}")
            await asyncio.sleep(POLL_S)
        if self._running is not None and self._running.failure is not None:
            raise self._running.failure

    async def _begin(self) -> None:
        host = Host(self._make, log=self._log)
        storage = self._storage or self._open_storage(type(host.machine))
        if self._has_own_loop:
            loop = new_loop()
            self._thread = threading.Thread(target=_run, args=(loop,), name=f"vsr-{self.name}")
            self._thread.daemon = True
            self._thread.start()
        else:
            loop = asyncio.get_running_loop()
        running = self._running = _Running(self, host, storage, loop)
        try:
            await self._in_loop(running.start())
        except BaseException:
            await self.stop()
            raise

    def _open_storage(self, machine: type[Machine]) -> Storage:
        if self._data_dir is None:
            return MemoryStorage()
        folder = Path(self._data_dir)
        claim(folder / f"{self.name}.machine.json", machine)
        return SqliteStorage(
            folder / self.name,
            self.name,
            self.founders,
            flush=self._flush,
            boot_id=boot_id(),
            log=self._log,
        )

    @property
    def book_path(self) -> Path | None:
        """Where the addresses of processes are kept; None if in memory."""
        return None if self._data_dir is None else self._data_dir / f"{self.name}.addresses.json"

    async def _in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._thread is None:
            return await coroutine
        assert self._running is not None
        loop = self._running.loop
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))

    async def stop(self, timeout: float = 5.0) -> None:
        """Say farewell, answer what waits, flush and close; end in ``timeout`` whatever hangs."""
        thread, running = self._thread, self._running
        if running is None or (thread is not None and not thread.is_alive()):
            return
        try:
            await asyncio.wait_for(self._in_loop(running.stop()), timeout)
        except TimeoutError:
            self._log(f"{self.name} did not end within {timeout} s")
        if thread is not None:
            running.loop.call_soon_threadsafe(running.loop.stop)
            await asyncio.to_thread(thread.join, timeout)

    async def read_certificates(self) -> None:
        """Take the certificates that are in the files now for all connections to come.

        Raises OSError, and then goes on with those that it has.
        """
        if self._running is not None:
            await self._in_loop(self._running.read_certificates())

    async def wait(self) -> None:
        """Return when the member has stopped; raise why if it ended by itself."""
        while self._failure is None and self._is_alive:
            await asyncio.sleep(0.05)
        if self._failure is not None:
            raise self._failure

    @property
    def _is_alive(self) -> bool:
        if self._thread is None:
            return self._running is not None and not self._running.is_stopping
        return self._thread.is_alive()

    @property
    def _failure(self) -> BaseException | None:
        return None if self._running is None else self._running.failure

    def client(
        self, *, timeout: float = 10.0, patience: float | None = None, in_flight: int = 1024
    ) -> Client[M]:
        """Return a client of this member that needs no socket, once the member has started.

        The parameters are those of ``Client.connect``. Calls go through this member alone: with it
        they end.
        """
        running = self._running
        if running is None:
            raise Closed(f"{self.name} has not started")

        def link_to(member: str, calls: Calls) -> InProcessLink:
            self._client_count += 1
            return InProcessLink(member, calls, running, self._client_count)

        calls = Calls((self.name,), link_to, patience=patience, in_flight=in_flight)
        return Client(calls, timeout)

    async def __aenter__(self) -> Server[M]:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def status(self) -> dict[str, object]:
        """Return the member's state."""
        return {} if self._running is None else self._running.describe()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, and close it with all that it still has."""
    loop.run_forever()
    loop.run_until_complete(_end_tasks())
    loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Connections that they were about to make close in some passes of the loop.
    await asyncio.sleep(POLL_S)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class _Running:
    """What runs in the member's loop: the transport's ears and the turn's carrier."""

    def __init__(
        self,
        server: Server[Any],
        host: Host[Any],
        storage: Storage,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._server = server
        self._host = host
        self._storage = storage
        self.loop = loop
        self.failure: BaseException | None = None
        self._member: Member
        self._transport: TcpTransport
        self._carrier: Transport
        """What carries messages to the other members."""
        self._metrics = Metrics(server.name)
        self._observer: Observer | None = None
        self._lines: JsonLines | None = None
        self._http: Http | None = None
        self._heard: list[tuple[str, Frame, int]] = []
        self._asked: list[tuple[Caller, Sequence[Ask]]] = []
        self._links: dict[InProcessLink, None] = {}
        self._asks: Asks
        self._book = AddressBook(server.members.items(), server.book_path)
        self._published_epoch = 0
        self._digests = Digests(server.name, len(server.founders))
        self._turn_is_due = True
        """Whether a turn is planned; so it is until ``start`` takes the first one."""
        self._has_begun = self.is_stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = Timers.NEVER

    async def start(self) -> None:
        """Load the data, listen and dial."""
        server = self._server
        addresses = self._book.addresses
        machine = identity_of(type(self._host.machine))
        limits = server._limits
        facts = digest_of(server.founders, limits.clients_max, limits.registered)
        self._observer = self._observe()
        self._member = Member(
            name=server.name,
            members=server.founders,
            processes=(*dict.fromkeys((*server.founders, *addresses)),),
            machine=self._host,
            storage=self._storage,
            durable=self._storage.load(),
            random=Random(SystemRandom().getrandbits(128)),
            now=self._now(),
            limits=limits,
            observer=self._observer,
        )
        self._asks = Asks(self._member, self._meet)
        self._transport = TcpTransport(
            name=server.name,
            members=addresses,
            listen=server._listen,
            hello=Hello(PROTOCOL_VERSION, server._group, MEMBER, server.name, facts, machine),
            doorkeeper=Doorkeeper(
                name=server.name,
                group=server._group,
                members=addresses,
                digest=facts,
                machine=machine,
            ),
            ears=self,
            random=Random(),
            log=server._log,
            operation_bytes_max=BYTES_A_CHARACTER * OPERATION_CHARACTERS_MAX,
            security=server._security,
            note=self._note,
        )
        self._carrier = self._transport
        await self._transport.start()
        self._has_begun = True
        if server._make_transport is not None:
            self._carrier = await server._make_transport(
                server.name, tuple(addresses), self.on_message
            )
        if server._http_address:
            self._http = Http(server._http_address, self.why_not_ready, self.status, self._exposed)
            await self._http.start()
        await self._reach_quorum()
        self._turn()

    async def _reach_quorum(self) -> None:
        """Wait a little until others would hear the first turn.

        A primary that comes back learns from their answers that its view is over. If nobody heard
        it, it would serve its clients in vain until it speaks again.
        """
        deadline = self.loop.time() + REACH_TIME_S
        wanted = self._member.replica.membership.quorum - 1
        while len(self._transport.connected) < wanted and self.loop.time() < deadline:
            await asyncio.sleep(POLL_S)

    async def read_certificates(self) -> None:
        """Take the certificates that are in the files now. Raises OSError."""
        self._transport.read_certificates()

    def _observe(self) -> Observer | None:
        """Return what watches the replica; None if nobody listens. Raises OSError."""
        server = self._server
        telemetry = Telemetry(server._log)
        if server._http_address:
            telemetry.attach(self._metrics, *self._metrics.events)
        if server._trace is not None:
            self._lines = JsonLines(server._trace)
            telemetry.attach(self._lines, *server._trace_events)
        if not telemetry.wanted:
            return None
        return Observer(telemetry, time.monotonic_ns, lambda _: "call")

    async def stop(self) -> None:
        """End in good order."""
        if self.is_stopping:
            return
        self.is_stopping = True
        if self._http is not None:
            self._http.stop()
        if self._has_begun:
            await self._leave()
        else:
            self._storage.close()
        if self._lines is not None:
            self._lines.close()

    async def _leave(self) -> None:
        """Say farewell and answer what waits; what was written leaves before the sockets close."""
        self._transport.stop_listening()
        if self.failure is None:
            self._member.begin_turn(self._now())
            self._member.give_up(self)
        if self._timer is not None:
            self._timer.cancel()
        self._stop_transports()
        self._let_go()
        await asyncio.sleep(POLL_S)
        self._transport.abort()
        self._member.close()

    def _stop_transports(self) -> None:
        self._carrier.stop()
        self._transport.stop()

    def _note(self, name: str, measurements: tuple[int, ...], own: tuple[object, ...]) -> None:
        if self._observer is not None:
            self._observer.note(name, measurements, own)

    def _exposed(self) -> str:
        return exposition(self._metrics)

    def _now(self) -> int:
        return time.monotonic_ns() // 1000

    # Ears

    def on_message(self, peer: str, message: Frame, byte_count: int) -> None:
        """Take a message of another member."""
        self._heard.append((peer, message, byte_count))
        self._plan_turn()

    def on_digest(self, peer: str, number: int, digest: int) -> None:
        """Take another member's digest."""
        self._digests.note(peer, {number: digest})
        self._plan_turn()

    def on_directory(self, directory: Directory) -> None:
        """Take what another process knows, and pass on what is new."""
        self._meet(directory.addresses)

    def directory(self) -> Directory:
        """Return what is known here of members and addresses."""
        membership = self._member.replica.membership
        addresses = tuple(self._book.addresses.items())
        return Directory(membership.epoch, membership.members, addresses)

    def _meet(self, addresses: Sequence[tuple[str, str]]) -> None:
        """Learn of processes that were not known yet."""
        new = self._book.learn(addresses)
        if new:
            self._member.meet(new)
            for name in new:
                self._transport.meet(name, self._book.addresses[name])
            self._transport.publish(self.directory())

    def on_joined(self, link: InProcessLink) -> None:
        """Take a client in this process."""
        if not self.is_stopping and self.failure is None:
            self._links[link] = None
            link.on_up()

    def on_left(self, link: InProcessLink) -> None:
        """Let go of a client in this process."""
        self._links.pop(link, None)

    def on_asks(self, caller: Caller, requests: Sequence[Ask]) -> None:
        """Take what a client asks."""
        self._asked.append((caller, requests))
        self._plan_turn()

    def status(self) -> str:
        """Return the member's state as a JSON object."""
        return json.dumps(self.describe())

    def describe(self) -> dict[str, object]:
        """Return the member's state."""
        replica, transport = self._member.replica, self._transport
        return {
            "name": self._server.name,
            "group": self._server._group,
            "epoch": replica.membership.epoch,
            "members": list(replica.membership.members),
            "founders": list(self._server.founders),
            "addresses": self._book.addresses,
            "is_released": replica.is_released,
            "change": change_of(replica),
            "routes": self._member.links.hearing(),
            "status": replica.status.value,
            "view_number": replica.view_number,
            "primary": replica.primary,
            "is_primary": replica.is_serving_primary,
            "op_number": replica.op_number,
            "commit_number": replica.commit_number,
            "connected": transport.connected,
            "clients": transport.client_count,
            "dropped": transport.dropped,
            "not_ready": self.why_not_ready(),
        }

    def why_not_ready(self) -> str:
        """Return what this member waits for; empty if it serves."""
        if self.failure is not None:
            return ""
        if self.is_stopping:
            return "it stops"
        replica = self._member.replica
        if replica.status is Status.RECOVERING:
            return "it recovers its log from the others"
        if replica.status is Status.STANDBY:
            return "it is no member of the group"
        if replica.status is Status.VIEW_CHANGE:
            return f"view {replica.view_number} has not begun"
        if replica.is_primary:
            if not replica.is_serving_primary:
                return "no quorum answers"
            there = 1 + sum(map(self._reaches, replica.peers))
            if there < replica.membership.quorum:
                return f"{there} of {len(replica.membership.members)} members are there"
            return ""
        if not replica.is_following or not self._reaches(replica.primary):
            return f"its primary {replica.primary} is not heard"
        return ""

    def _reaches(self, peer: str) -> bool:
        """Return whether a member is connected, or there is a way to it around a cut link."""
        return peer in self._transport.connected or self._member.links.reaches(peer)

    # Turns

    def _plan_turn(self) -> None:
        if not self._turn_is_due and not self.is_stopping:
            self._turn_is_due = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Take a turn with all that has come. Whatever it raises ends the member."""
        self._turn_is_due = False
        if self.is_stopping or self.failure is not None:
            return
        try:
            self._take_turn()
        except Exception as error:  # whatever is wrong, another turn could make it worse
            self.failure = error
            self._server._log(f"{self._server.name} ends: {type(error).__name__}: {error}")
            self._stop_transports()
            self._transport.abort()
            self._let_go()

    def _let_go(self) -> None:
        """Report to the clients in this process that the member has ended."""
        for link in self._links:
            link.on_down()
        self._links.clear()

    def _take_turn(self) -> None:
        member = self._member
        began = self._now()
        member.begin_turn(began)
        heard, self._heard = self._heard, []
        for peer, message, byte_count in heard:
            try:
                member.hear(peer, message, byte_count)
            except ImpossibleMessageError as error:
                self._server._log(f"dropped: {error}")
        asked, self._asked = self._asked, []
        for caller, requests in asked:
            self._asks.take(caller, requests)
        member.end_turn(self)
        membership = member.replica.membership
        if membership.epoch != self._published_epoch:
            self._published_epoch = membership.epoch
            self._digests.quorum = membership.quorum
            self._transport.publish(self.directory())
        self._compare()
        self._set_timer()

    def _compare(self) -> None:
        """Compare digests with the others'. Raises DivergenceError."""
        for number, digest in self._digests.take_new(self._host.digests).items():
            self._transport.announce(number, digest)
        self._digests.assert_agreed()

    def _set_timer(self) -> None:
        """Wake for the next timer, unless an earlier wake-up stands: most turns put timers off."""
        timer_at = self._member.next_timer
        if timer_at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = timer_at
        delay_s = max(0, timer_at - self._now()) / 1_000_000
        self._timer = self.loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, Timers.NEVER
        if self._member.next_timer <= self._now():
            self._turn()
        else:
            self._set_timer()

    # Carrier

    def send(self, sends: Sequence[Send]) -> None:
        """Take messages to other members."""
        for send in sends:
            self._carrier.send(*send)
            if self._observer is not None:
                self._observer.sent(send)

    def send_frame(self, destinations: tuple[str, ...], frame: LinkRows | Relay) -> None:
        """Take what links send to other members directly."""
        self._carrier.send(destinations, frame)

    def answer(self, replies: Sequence[Reply | Refusal]) -> None:
        """Take answers to clients."""
        if self.is_stopping:
            # What nobody knows here, others will: clients ask them when this connection closes.
            unknown = Reason.OUTCOME_UNKNOWN
            replies = [each for each in replies if getattr(each, "reason", None) is not unknown]
        self._asks.answer(replies)

    def flush(self) -> None:
        """Let leave what was taken."""
        self._carrier.flush()
        self._asks.flush()
