"""A group of replicas in this process, for tests, for trying things out, and for learning.

    async with LocalCluster(Counter) as cluster, cluster.client() as counter:
        await Counter.add(counter, 5)

Each member is a whole one: a replica, its storage and its timers. All messages go through the
frames of TCP. The network between members can lose and delay messages and be cut, and members can
be killed, paused and started again. All of it runs in the caller's loop.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias

from vsr_node.client.asynchronous import Client
from vsr_node.client.calls import Calls
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import Limits
from vsr_node.core.messages import Refusal, Reply, Send
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.machines.host import Host
from vsr_node.machines.typed import M, R, Request, SyncCaller
from vsr_node.storage.machine import boot_id
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage
from vsr_node.wire.calls import Ask
from vsr_node.wire.shapes import Frame

from .asks import Asks, Caller
from .divergence import Digests
from .in_process import InProcessLink
from .member import Member
from .network import LocalNetwork, Transport

Input: TypeAlias = tuple[str, Frame] | tuple[Caller, Sequence[Ask]]
"""A message and its sender, or what a client asks."""

START_TIMEOUT_S = 30.0

IN_FLIGHT = 1024
"""Calls of a client under way."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a member knows of itself."""

    name: str
    view_number: int
    status: str
    is_primary: bool
    """Whether it is the primary and a quorum is responding."""
    op_number: int
    commit_number: int
    operation_number: int
    """How many operations its machine has executed."""


class LocalCluster(Generic[M]):
    """A group of ``size`` members, n0, n1 and so on, of a machine.

    With ``data_dir`` they keep their data in files, otherwise in memory; it survives ``kill`` in
    both. A message between two members takes up to twice ``delay`` seconds and gets lost with
    probability ``loss``. A member that fails ends alone; leaving the ``async with`` block raises
    why.
    """

    def __init__(
        self,
        machine: Callable[[], M],
        *,
        size: int = 3,
        data_dir: Path | None = None,
        delay: float = 0.0,
        loss: float = 0.0,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.names = tuple(f"n{number}" for number in range(size))
        self.network = LocalNetwork(delay, loss)
        self._make = machine
        self._data_dir = data_dir
        self._log = log
        self._memories = {name: MemoryStorage() for name in self.names}
        self._running: dict[str, _Running[M]] = {}
        self._seats: dict[str, _Seat[M]] = {}
        self._failures: dict[str, BaseException] = {}
        self._clients: list[Client[M]] = []
        self._link_count = 0

    async def __aenter__(self) -> Self:
        """Start all members, and return when they serve."""
        loop = asyncio.get_running_loop()
        self._seats = {name: _Seat(loop) for name in self.names}
        for name in self.names:
            self.start(name)
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop all members. Raises why a member had failed, if nothing else is raised."""
        for client in self._clients:
            await client.close()
        for running in self._running.values():
            running.stop()
        self._running.clear()
        failures, self._failures = self._failures, {}
        if error is None:
            for failure in failures.values():
                raise failure

    async def ready(self, timeout: float = START_TIMEOUT_S) -> None:
        """Wait until a primary serves. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.primary is None:
                await asyncio.sleep(0.001)

    # Members

    @property
    def running(self) -> tuple[str, ...]:
        """The members that run, paused ones too."""
        return tuple(name for name in self.names if name in self._running)

    @property
    def primary(self) -> str | None:
        """The member that serves as the primary; None if none does."""
        serving = (each for each in self._running.values() if each.is_serving_primary)
        newest = max(serving, key=lambda each: each.member.replica.view_number, default=None)
        return None if newest is None else newest.name

    def start(self, name: str) -> None:
        """Start a member that does not run, from what it has kept. Raises StorageError."""
        assert name in self.names, f"{name} is no member: {', '.join(self.names)}"
        if name not in self._running:
            self._failures.pop(name, None)
            host = Host(self._make, check=True, log=lambda text: self._log(f"{name}: {text}"))
            self._running[name] = _Running(self, name, host, self._open_storage(name))
            self._seats[name].fill(self._running[name])

    def _open_storage(self, name: str) -> Storage:
        if self._data_dir is None:
            return self._memories[name]
        folder = self._data_dir / name
        return SqliteStorage(
            folder, name, self.names, flush=Flush.EVERYTHING, boot_id=boot_id(), log=self._log
        )

    def kill(self, name: str) -> None:
        """End a member at once, as if its process were killed."""
        running = self._running.pop(name, None)
        if running is not None:
            running.end()
        self._seats[name].empty()

    def fail(self, name: str, why: BaseException) -> None:
        """Note that a member has ended, and why."""
        self._log(f"{name} ended: {why}")
        self._failures[name] = why
        self.kill(name)

    def pause(self, name: str) -> None:
        """Let a member do nothing until ``resume``; what it is sent waits."""
        self._running[name].is_paused = True

    def resume(self, name: str) -> None:
        """Let a paused member go on."""
        self._running[name].is_paused = False
        self._running[name].wake()

    def dump(self, name: str) -> Status:
        """Return what a running member knows of itself."""
        return self._running[name].dump()

    def look(self, name: str) -> M:
        """Return a running member's machine, only to look at it."""
        return self._running[name].host.machine

    # The network

    def cut(self, *sides: Iterable[str]) -> None:
        """Cut the network between these groups of members until ``heal``."""
        self.network.cut(*sides)

    def heal(self) -> None:
        """Mend all cuts, and lose and delay nothing any more."""
        self.network.heal()

    def announce(self, name: str, digests: Mapping[int, int]) -> None:
        """Carry a member's digests to the others."""
        for running in self._running.values():
            if running.name != name:
                running.on_digests(name, digests)

    # Clients

    def client(self, *, timeout: float = 10.0, patience: float | None = None) -> Client[M]:
        """Return an open client. A call takes ``timeout`` seconds at most.

        After ``patience`` seconds the same call goes through another member too; None: that time
        follows the round trip.
        """
        calls = Calls(self.names, self._link_to, patience=patience, in_flight=IN_FLIGHT)
        calls.open()
        client: Client[M] = Client(calls, timeout)
        self._clients.append(client)
        return client

    def _link_to(self, name: str, calls: Calls) -> InProcessLink:
        self._link_count += 1
        return InProcessLink(name, calls, self._seats[name], self._link_count)

    def sync(self, *, timeout: float = 10.0) -> "LocalSyncClient[M]":
        """Return a client for other threads than this loop's, which blocks them."""
        return LocalSyncClient(self.client(timeout=timeout), asyncio.get_running_loop())


class _Seat(Generic[M]):
    """A member's place in the group, where clients find it whenever it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._running: _Running[M] | None = None
        self._links: dict[InProcessLink, None] = {}

    def fill(self, running: "_Running[M]") -> None:
        """Report to all clients that the member runs."""
        self._running = running
        for link in self._links:
            link.on_up()

    def empty(self) -> None:
        """Report to all clients that it has ended."""
        if self._running is not None:
            self._running = None
            for link in self._links:
                link.on_down()

    def on_joined(self, link: InProcessLink) -> None:
        """Take a client."""
        self._links[link] = None
        if self._running is not None:
            link.on_up()

    def on_left(self, link: InProcessLink) -> None:
        """Let go of a client."""
        self._links.pop(link, None)

    def on_asks(self, caller: Caller, requests: Sequence[Ask]) -> None:
        """Take what a client asks, if the member runs."""
        if self._running is not None:
            self._running.take((caller, requests))

    def status(self) -> str:
        """Return the member's state as a JSON object."""
        return json.dumps({} if self._running is None else asdict(self._running.dump()))


class _Running(Generic[M]):
    """A member that runs: its inputs, its timers, and where its output goes."""

    def __init__(
        self, cluster: LocalCluster[M], name: str, host: Host[M], storage: Storage
    ) -> None:
        self.name = name
        self.host = host
        self.is_paused = False
        self._cluster = cluster
        self._loop = asyncio.get_running_loop()
        self._inputs: list[Input] = []
        self._has_ended = self._is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._digests = Digests(name, len(cluster.names))
        self.member = Member(
            name=name,
            members=cluster.names,
            machine=host,
            storage=storage,
            durable=storage.load(),
            random=Random(),
            now=self._now(),
            limits=Limits(registered=True),
        )
        self._asks = Asks(self.member, lambda _: None)
        self._transport: Transport = cluster.network.join(name, self._on_message)
        self.wake()

    @property
    def is_serving_primary(self) -> bool:
        """Whether it is the primary and a quorum is responding."""
        return self.member.replica.is_serving_primary and not self.is_paused

    def dump(self) -> Status:
        """Return what the member knows of itself."""
        replica = self.member.replica
        return Status(
            self.name,
            replica.view_number,
            replica.status.value,
            replica.is_serving_primary,
            replica.op_number,
            replica.commit_number,
            self.host.operation_number,
        )

    def _on_message(self, peer: str, message: Frame, _: int) -> None:
        self.take((peer, message))

    def take(self, message: Input) -> None:
        """Take an input for the next turn."""
        self._inputs.append(message)
        self.wake()

    def wake(self) -> None:
        """Take a turn as soon as the loop can."""
        if not self._is_due and not self._has_ended:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _now(self) -> int:
        return int(self._loop.time() * 1_000_000)

    def _turn(self) -> None:
        self._is_due = False
        if self._has_ended or self.is_paused:
            return
        inputs, self._inputs = self._inputs, []
        try:
            self.member.begin_turn(self._now())
            for source, content in inputs:
                self._take(source, content)
            self.member.end_turn(self)
            self._compare()
        except Exception as error:
            self._cluster.fail(self.name, error)
            return
        self._set_timer()

    def _take(self, source: Any, content: Any) -> None:
        if not isinstance(source, str):
            self._asks.take(source, content)
            return
        try:
            self.member.hear(source, content)
        except ImpossibleMessageError as error:
            raise AssertionError(f"{source} sent what no member sends: {error}") from error

    def _compare(self) -> None:
        """Compare digests with the others' when there are new ones."""
        new = self._digests.take_new(self.host.digests)
        if new:
            self._cluster.announce(self.name, new)
        self._digests.assert_agreed()

    def on_digests(self, member: str, digests: Mapping[int, int]) -> None:
        """Take another member's digests."""
        self._digests.note(member, digests)
        self.wake()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self.member.next_timer / 1_000_000, self.wake)

    def send(self, sends: Sequence[Send]) -> None:
        """Carry messages to other members."""
        for destinations, message in sends:
            self._transport.send(destinations, message)

    def send_frame(self, destinations: tuple[str, ...], frame: LinkRows | Relay) -> None:
        """Carry what links send to other members directly."""
        self._transport.send(destinations, frame)

    def answer(self, replies: Sequence[Reply | Refusal]) -> None:
        """Carry answers to clients."""
        self._asks.answer(replies)

    def flush(self) -> None:
        """Let the messages and the answers leave."""
        self._transport.flush()
        self._asks.flush()

    def stop(self) -> None:
        """Answer what waits, and end."""
        if not self.is_paused:
            self.member.give_up(self)
        self.end()

    def end(self) -> None:
        """End at once."""
        self._has_ended = True
        self._transport.stop()
        if self._timer is not None:
            self._timer.cancel()
        self.member.close()


class LocalSyncClient(SyncCaller[M]):
    """A client of a ``LocalCluster`` for other threads than that of its loop."""

    def __init__(self, client: Client[M], loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def call(self, request: Request[M, R]) -> R:
        """Execute a request once, and block until it has ended."""
        return asyncio.run_coroutine_threadsafe(self._client.call(request), self._loop).result()
