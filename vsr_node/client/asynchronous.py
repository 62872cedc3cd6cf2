"""The asyncio client: calls over connections to all members of a group."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Generic, TypeVar

from vsr_node.client.calls import Asked, Calls
from vsr_node.client.connection import Dialler
from vsr_node.client.security import TLS
from vsr_node.client.session import Wanted
from vsr_node.machines.errors import VsrError
from vsr_node.machines.identity import identity_of
from vsr_node.machines.typed import CHANCE_BITS, AsyncCaller, Machine, Request
from vsr_node.wire.calls import Answer, Ask
from vsr_node.wire.frames import PEER_FRAME_BYTES_MAX
from vsr_node.wire.handshake import (
    CLIENT,
    FRAMES,
    PROTOCOL_VERSION,
    AskStatus,
    Directory,
    Hello,
    Refused,
    StatusAnswer,
)

M = TypeVar("M", bound=Machine)
N = TypeVar("N", bound=Machine)
R = TypeVar("R")

UNSENT_MAX = 64 << 20


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


def follow(addresses: dict[str, tuple[str, str]], directory: Directory) -> list[str]:
    """Note the addresses of a directory's members; return the members by the client's names."""
    known = {address: each for each, (_, address) in addresses.items()}
    members = []
    for name, address in directory.addresses:
        if name in directory.members:
            ours = name if name in addresses else known.get(address, name)
            addresses.setdefault(ours, (name, address))
            members.append(ours)
    return members


def hello_of(machine: type[Machine] | None, group: str) -> Hello:
    """Return what a client says first."""
    identity = "" if machine is None else identity_of(machine)
    return Hello(PROTOCOL_VERSION, group, CLIENT, "", "", identity)


class Client(AsyncCaller[M], Generic[M]):
    """A client of a group, for one loop. Made by ``connect``; open with ``async with``.

    ``Shop.buy(client, "tea")`` executes a command, once. Errors say what is certain.
    """

    def __init__(self, calls: Calls, timeout: float) -> None:
        self._calls = calls
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
        addresses = addresses_of(members, prefer)
        dialling = _Dialling(addresses, hello_of(machine, group), security)
        calls = Calls(tuple(addresses), dialling.link_to, patience=patience, in_flight=in_flight)
        return Client(calls, timeout)

    @staticmethod
    def connect_to_any(
        members: Mapping[str, str],
        *,
        security: TLS | None = None,
        timeout: float = 10.0,
        group: str = "vsr",
    ) -> Client[Any]:
        """Return a client that does not know the group's machine.

        It can ask for ``status`` and for other members, and stays with those that it was given.
        """
        dialling = _Dialling(addresses_of(members), hello_of(None, group), security, follows=False)
        return Client(Calls(tuple(members), dialling.link_to, patience=None, in_flight=1), timeout)

    def options(self, *, timeout: float) -> Client[M]:
        """Return a view of this client with another time-out, which costs nothing to make."""
        return Client(self._calls, timeout)

    async def call(self, request: Request[M, R]) -> R:
        """Return the result of a request, or raise what it ended with."""
        asked = self._ask(request)
        try:
            text = await asked.future
        except asyncio.CancelledError:
            self._calls.cancel(asked)
            raise
        return request.result(text)

    def _ask(self, request: Request[M, Any]) -> Asked:
        calls = self._calls
        operation = request.operation(time.time_ns() // 1000, calls.random.getrandbits(CHANCE_BITS))
        return calls.ask(operation, request.is_read, self._timeout, request.result)

    async def many(self, calls: Iterable[Request[M, R]]) -> list[R | VsrError]:
        """Return the results or errors of many requests, all under way at once."""
        asked = [(request, self._ask_or_fail(request)) for request in calls]
        under_way = [each for _, each in asked if isinstance(each, Asked)]
        try:
            if under_way:
                await asyncio.wait([each.future for each in under_way])
        except asyncio.CancelledError:
            for each in under_way:
                self._calls.cancel(each)
            raise
        return [_outcome_of(request, each) for request, each in asked]

    def _ask_or_fail(self, request: Request[M, Any]) -> Asked | VsrError:
        try:
            return self._ask(request)
        except VsrError as error:
            return error

    async def status(self) -> list[str]:
        """Return the state of each member that answers, as JSON objects."""
        return await self._calls.status(self._timeout)

    async def reconfigure(
        self, members: Mapping[str, str], *, epoch: int | None = None
    ) -> dict[str, Any]:
        """Let the group have these members, by name with their addresses, and no others.

        Return the epoch and the members. Raise NotExecuted if the group declines, or if it is not
        in ``epoch``; None stands for any.
        """
        wanted = Wanted(tuple(members.items()), epoch)
        asked = self._calls.ask(wanted, False, self._timeout, json.loads)
        result: dict[str, Any] = json.loads(await asked.future)
        return result

    async def close(self) -> None:
        """Close. Calls under way end; those that were sent with an unknown outcome."""
        self._calls.close()

    async def __aenter__(self) -> Client[M]:
        """Begin to dial."""
        self._calls.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()


def _outcome_of(request: Request[Any, Any], asked: Asked | VsrError) -> Any:
    """Return the result of a call that has ended, or its error."""
    try:
        return asked if isinstance(asked, VsrError) else request.result(asked.future.result())
    except VsrError as error:
        return error


class _Dialling:
    """Makes connections to members out of their names; their addresses come with directories.

    A client that was given addresses has them in the place of the names that it does not know.
    """

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, str]],
        hello: Hello,
        security: TLS | None,
        *,
        follows: bool = True,
    ) -> None:
        self._addresses = dict(addresses)
        self._hello = hello
        self._security = security
        self._follows = follows

    def link_to(self, member: str, calls: Calls) -> TcpLink:
        """Return a connection that is to be started."""
        name, address = self._addresses[member]
        return TcpLink(
            member,
            calls,
            address=address,
            name=name,
            hello=self._hello,
            security=self._security,
            on_directory=self._follow if self._follows else lambda calls, directory: None,
        )

    def _follow(self, calls: Calls, directory: Directory) -> None:
        calls.on_members(directory.epoch, follow(self._addresses, directory))


class TcpLink:
    """A connection to one member, made again whenever it is lost."""

    def __init__(
        self,
        member: str,
        calls: Calls,
        *,
        address: str,
        name: str,
        hello: Hello,
        security: TLS | None,
        on_directory: Callable[[Calls, Directory], None],
    ) -> None:
        self._member = member
        self._on_directory = on_directory
        self._calls = calls
        self._dialler = Dialler(
            address,
            hello,
            name=name,
            on_frame=self._on_frame,
            on_up=lambda _: calls.on_up(member),
            on_down=lambda _: calls.on_down(member),
            bytes_max=PEER_FRAME_BYTES_MAX,
            unsent_max=UNSENT_MAX,
            random=Random(),
            security=security,
            takes_refusals=True,
        )

    @property
    def is_up(self) -> bool:
        """Whether the connection stands."""
        return self._dialler.is_up

    @property
    def is_refused(self) -> bool:
        """Whether the member has refused for good."""
        return self._dialler.is_refused

    @property
    def refusal(self) -> Refused | None:
        """Why the member could not be reached the last time; None if it could."""
        return self._dialler.refusal

    def start(self) -> None:
        """Begin to dial."""
        self._dialler.start()

    def stop(self) -> None:
        """Close."""
        self._dialler.stop()

    def ask(self, requests: Sequence[Ask | AskStatus]) -> None:
        """Send requests."""
        self._dialler.send(b"".join(map(FRAMES.encode, requests)))

    def _on_frame(self, _: Dialler, frame_type: int, payload: bytes) -> None:
        frame = FRAMES.decode(frame_type, payload)
        if isinstance(frame, Answer):
            self._calls.on_answers(self._member, (frame,))
        elif isinstance(frame, StatusAnswer):
            self._calls.on_status(self._member, frame.status)
        elif isinstance(frame, Directory):
            self._on_directory(self._calls, frame)
