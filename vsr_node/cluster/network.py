"""How members reach each other: what a transport promises, and a network within one process."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import Protocol, TypeAlias

from vsr_node.wire import frames
from vsr_node.wire.shapes import Frame

OnMessage: TypeAlias = Callable[[str, Frame, int], None]
"""Takes a message of a member: its name, the message, and how many bytes came."""


class Transport(Protocol):
    """The way of one member to the others.

    Messages may get lost, be repeated and come in any order, as the protocol repeats what matters.
    None comes changed, or under another member's name.
    """

    def send(self, destinations: tuple[str, ...], message: Frame) -> None:
        """Send a message to other members when ``flush`` is called."""

    def flush(self) -> None:
        """Let leave what was to be sent. Never waits."""

    def stop(self) -> None:
        """Send and hear nothing more."""


MakeTransport: TypeAlias = Callable[[str, Sequence[str], OnMessage], Awaitable[Transport]]
"""Starts the transport of a member, given its name, all members, and what takes messages."""


class LocalNetwork:
    """A network within one loop. A message takes up to twice ``delay`` seconds.

    It gets lost with probability ``loss``.
    """

    def __init__(self, delay: float = 0.0, loss: float = 0.0) -> None:
        self.delay = delay
        self.loss = loss
        self._random = Random()
        self._ears: dict[str, OnMessage] = {}
        self._cuts: list[tuple[frozenset[str], frozenset[str]]] = []

    def join(self, name: str, on_message: OnMessage) -> "LocalTransport":
        """Return the transport of a member."""
        self._ears[name] = on_message
        return LocalTransport(self, name)

    def leave(self, name: str) -> None:
        """Carry nothing more to a member."""
        self._ears.pop(name, None)

    def cut(self, *sides: Iterable[str]) -> None:
        """Cut the network between these groups of members until ``heal``."""
        groups = [frozenset(side) for side in sides]
        for position, group in enumerate(groups):
            self._cuts += ((group, other) for other in groups[position + 1 :])

    def heal(self) -> None:
        """Mend all cuts, and lose and delay nothing any more."""
        self._cuts.clear()
        self.loss = self.delay = 0.0

    def carry(self, source: str, destination: str, frame: bytes) -> None:
        """Carry a frame from a member to another."""
        if self._is_cut(source, destination) or (self.loss and self._random.random() < self.loss):
            return
        if self.delay:
            seconds = self._random.uniform(0.0, 2 * self.delay)
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._deliver, source, destination, frame)
        else:
            self._deliver(source, destination, frame)

    def _is_cut(self, one: str, other: str) -> bool:
        return any((one in a and other in b) or (one in b and other in a) for a, b in self._cuts)

    def _deliver(self, source: str, destination: str, frame: bytes) -> None:
        on_message = self._ears.get(destination)
        if on_message is not None:
            ((frame_type, payload),) = frames.FrameReader(len(frame)).feed(frame)
            on_message(source, frames.decode(frame_type, payload), len(payload))


class LocalTransport:
    """A member's way through a ``LocalNetwork``. Messages leave at once."""

    def __init__(self, network: LocalNetwork, name: str) -> None:
        self._network = network
        self._name = name

    def send(self, destinations: tuple[str, ...], message: Frame) -> None:
        """Send a message to other members."""
        frame = frames.encode(message)
        for destination in destinations:
            self._network.carry(self._name, destination, frame)

    def flush(self) -> None:
        """Do nothing, as all has left already."""

    def stop(self) -> None:
        """Hear nothing more."""
        self._network.leave(self._name)
