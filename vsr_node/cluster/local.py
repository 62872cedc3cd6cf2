"""A group of replicas in this process, for tests, for trying things out, and for learning.

    async with LocalCluster(Counter) as cluster, cluster.client() as counter:
        await Counter.add(counter, 5)

Each member is a whole one: a replica, its storage and its timers. All messages go through the
frames of TCP. The network between members can lose and delay messages and be cut, and members can
be killed, paused and started again. All of it runs in the caller's loop.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias

from vsr_node.client.errors import Closed, OutcomeUnknown, error_of
from vsr_node.client.session import End, Ended, Session
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import Limits
from vsr_node.core.messages import Refusal, Reply, Send
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.machines.host import Host
from vsr_node.machines.typed import CHANCE_BITS, AsyncCaller, M, R, Request, SyncCaller
from vsr_node.storage.machine import boot_id
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage
from vsr_node.wire.calls import Answer, Ask
from vsr_node.wire.shapes import Frame

from .asks import Asks
from .divergence import Digests
from .member import Member
from .network import LocalNetwork, Transport

Input: TypeAlias = tuple[str, Frame] | tuple["LocalClient[Any]", Ask]
"""A message and its sender, or what a client asks."""

START_TIMEOUT_S = 30.0


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
        self._failures: dict[str, BaseException] = {}
        self._clients: set[LocalClient[M]] = set()
        self._client_count = 0

    async def __aenter__(self) -> Self:
        """Start all members, and return when they serve."""
        for name in self.names:
            self.start(name)
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop all members. Raises why a member had failed, if nothing else is raised."""
        for client in [*self._clients]:
            client.close()
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
            self._connect(name)

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
        for client in self._clients:
            client.on_disconnected(name)

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

    def client(self, *, timeout: float = 10.0, patience: float | None = None) -> "LocalClient[M]":
        """Return a client. A call takes ``timeout`` seconds at most.

        After ``patience`` seconds the same call goes through another member too; None: that time
        follows the round trip.
        """
        self._client_count += 1
        client = LocalClient(self, f"c{self._client_count}", timeout, patience)
        self._clients.add(client)
        for name in self._running:
            client.on_connected(name)
        return client

    def sync(self, *, timeout: float = 10.0) -> "LocalSyncClient[M]":
        """Return a client for other threads than this loop's, which blocks them."""
        return LocalSyncClient(self.client(timeout=timeout), asyncio.get_running_loop())

    def ask(self, client: "LocalClient[M]", name: str, ask: Ask) -> None:
        """Carry what a client asks to a member."""
        self._running[name].take((client, ask))

    def forget(self, client: "LocalClient[M]") -> None:
        """Let go of a closed client."""
        self._clients.discard(client)

    def _connect(self, name: str) -> None:
        for client in self._clients:
            client.on_connected(name)


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
        self._asks: Asks[LocalClient[Any]] = Asks(self.member)
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
        if isinstance(source, LocalClient):
            answer = self._asks.take(source, source.name, content)
            if answer is not None:
                self._loop.call_soon(source.on_answer, self.name, answer)
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
        for client, answer in self._asks.answers(replies):
            self._loop.call_soon(client.on_answer, self.name, answer)

    def flush(self) -> None:
        """Let the messages leave."""
        self._transport.flush()

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


class LocalClient(AsyncCaller[M]):
    """An asyncio client of a ``LocalCluster``: one session, with a connection to each member."""

    def __init__(
        self, cluster: LocalCluster[M], name: str, timeout: float, patience: float | None
    ) -> None:
        self.name = name
        self._cluster = cluster
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._random = Random()
        self._session = Session(
            cluster.names,
            lambda: f"{self._random.getrandbits(64):016x}",
            patience_us=None if patience is None else int(patience * 1_000_000),
        )
        self._last_key = 0
        self._ends: dict[int, asyncio.Future[Ended]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End all calls that wait: their outcomes are unknown."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._cluster.forget(self)
        for key, end in self._ends.items():
            if not end.done():
                end.set_result(Ended(key, End.UNKNOWN, "the client was closed"))

    async def call(self, request: Request[M, R]) -> R:
        """Execute a request once. Raises the errors of docs/EMBEDDING.md, "What can go wrong"."""
        if self._is_closed:
            raise Closed("the client is closed")
        self._last_key += 1
        key = self._last_key
        now = self._now()
        operation = request.operation(
            time.time_ns() // 1_000, self._random.getrandbits(CHANCE_BITS)
        )
        deadline = now + int(self._timeout * 1_000_000)
        end = self._ends[key] = self._loop.create_future()
        self._session.call(now, key, operation, deadline, is_query=request.is_read)
        self._go_on()
        try:
            return self._result_of(request, await end)
        except asyncio.CancelledError:
            self._session.cancel(self._now(), key)
            self._go_on()
            raise

    def _result_of(self, request: Request[M, R], ended: Ended) -> R:
        key, end, text = ended
        if end is End.RESULT:
            return request.result(text)
        if end is End.TIMED_OUT:
            # It goes on in the background, and ends once more.
            later = self._ends[key] = self._loop.create_future()
            raise OutcomeUnknown(text, lambda timeout: self._settle(request, later, timeout))
        raise error_of(ended)

    async def _settle(
        self, request: Request[M, R], later: "asyncio.Future[Ended]", timeout: float
    ) -> R:
        try:
            ended = await asyncio.wait_for(asyncio.shield(later), timeout)
        except TimeoutError:
            raise OutcomeUnknown(
                "no answer in time", lambda timeout: self._settle(request, later, timeout)
            ) from None
        return self._result_of(request, ended)

    # What the session hears

    def on_connected(self, member: str) -> None:
        """Note that a member runs."""
        self._session.on_connected(self._now(), member)
        self._go_on()

    def on_disconnected(self, member: str) -> None:
        """Note that a member has ended."""
        self._session.on_disconnected(self._now(), member)
        self._go_on()

    def on_answer(self, member: str, answer: Answer) -> None:
        """Take an answer."""
        if not self._is_closed:
            self._session.on_answer(self._now(), member, answer)
            self._go_on()

    def _on_time(self) -> None:
        self._session.on_time(self._now())
        self._go_on()

    def _now(self) -> int:
        return int(self._loop.time() * 1_000_000)

    def _go_on(self) -> None:
        """Send what the session wants sent, and hand out what has ended."""
        session = self._session
        ended, session.ended = session.ended, []
        for each in ended:
            end = self._ends.pop(each.key, None)
            if end is not None and not end.done():
                end.set_result(each)
        sends, session.sends = session.sends, []
        for member, ask in sends:
            self._cluster.ask(self, member, ask)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(session.next_timer / 1_000_000, self._on_time)


class LocalSyncClient(SyncCaller[M]):
    """A client of a ``LocalCluster`` for other threads than that of its loop."""

    def __init__(self, client: LocalClient[M], loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def call(self, request: Request[M, R]) -> R:
        """Execute a request once, and block until it has ended."""
        return asyncio.run_coroutine_threadsafe(self._client.call(request), self._loop).result()
