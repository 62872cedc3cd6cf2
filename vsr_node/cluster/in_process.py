"""A client in a member's own process: what it asks goes to the member without a socket."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from vsr_node.client.calls import Calls
from vsr_node.cluster.asks import Caller
from vsr_node.wire.calls import Answer, Ask
from vsr_node.wire.handshake import AskStatus, Refused

STOPPED = Refused("unreachable", "the member has stopped")


class RunningMember(Protocol):
    """A member that runs in ``loop``, which may be that of another thread."""

    loop: asyncio.AbstractEventLoop

    def on_joined(self, link: "InProcessLink") -> None:
        """Take a client, and call its ``on_up``."""

    def on_left(self, link: "InProcessLink") -> None:
        """Let go of a client."""

    def on_asks(self, caller: Caller, requests: Sequence[Ask]) -> None:
        """Take what a client asks."""

    def status(self) -> str:
        """Return the member's state as a JSON object."""


class InProcessLink:
    """The way of a client to the member of its process, and back.

    ``start``, ``stop`` and ``ask`` are called in the client's loop, all else in the member's. What
    goes from one to the other goes in batches, as waking a thread costs more than a call.
    """

    def __init__(self, member: str, calls: Calls, running: RunningMember, number: int) -> None:
        self.name = f"here{number}"
        self.is_up = self.is_refused = False
        self.refusal: Refused | None = None
        self._member = member
        self._calls = calls
        self._running = running
        self._loop = asyncio.get_running_loop()

    # In the client's loop

    def start(self) -> None:
        """Reach the member."""
        self._to_member(self._running.on_joined, self)

    def stop(self) -> None:
        """Let go of the member."""
        self._to_member(self._running.on_left, self)

    def ask(self, requests: Sequence[Ask | AskStatus]) -> None:
        """Hand requests over."""
        self._to_member(self._take, requests)

    def _to_member(self, function: Callable[..., None], *arguments: Any) -> None:
        # A loop that is closed takes nothing more, as a connection that is lost.
        with suppress(RuntimeError):
            _run_in(self._running.loop, self._loop, function, *arguments)

    def _set_up(self, is_up: bool) -> None:
        self.is_up, self.refusal = is_up, None if is_up else STOPPED
        report = self._calls.on_up if is_up else self._calls.on_down
        report(self._member)

    # In the member's loop

    def _take(self, requests: Sequence[Ask | AskStatus]) -> None:
        asks = [request for request in requests if not isinstance(request, AskStatus)]
        if len(asks) < len(requests):
            self._to_client(self._calls.on_status, self._member, self._running.status())
        if asks:
            self._running.on_asks(self, asks)

    def on_up(self) -> None:
        """Report that the member takes requests."""
        self._to_client(self._set_up, True)

    def on_down(self) -> None:
        """Report that the member has ended."""
        self._to_client(self._set_up, False)

    def answer(self, answers: Sequence[Answer]) -> None:
        """Hand answers over."""
        self._to_client(self._calls.on_answers, self._member, answers)

    def _to_client(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):
            _run_in(self._loop, self._running.loop, function, *arguments)


def _run_in(
    loop: asyncio.AbstractEventLoop,
    own: asyncio.AbstractEventLoop,
    function: Callable[..., None],
    *arguments: Any,
) -> None:
    """Run a function in a loop, soon, from the thread of ``own``."""
    if loop is own:
        loop.call_soon(function, *arguments)
    else:
        loop.call_soon_threadsafe(function, *arguments)
