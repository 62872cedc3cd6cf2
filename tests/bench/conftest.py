"""Virtual time and a network without processes for the bench's unit tests."""

from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest

from vsr_node.bench.nodes.links import LatencyDistribution, Links
from vsr_node.bench.nodes.loop import Timers
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network

MS = 1_000_000


class VirtualTime:
    """A clock that stands still but for `run_until`, and the timers on it."""

    def __init__(self) -> None:
        self.now = 0
        self.timers = Timers(lambda: self.now)

    def run_until(self, end: int) -> None:
        while (due := self.timers.next_due) is not None and due <= end:
            self.now = max(self.now, due)
            self.timers.run_due()
        self.now = end


class World:
    """A network whose nodes are lists of what they got, as (time in ms, message)."""

    def __init__(self, nodes: int = 3, **options: Any) -> None:
        self.time = VirtualTime()
        self.told: list[str] = []
        self.mistakes = Mistakes(self.time.timers.now, self.told.append, lambda node: [])
        self.journal: list[tuple[str, dict[str, Any]]] = []
        latency = LatencyDistribution(
            options.pop("distribution", "constant"), options.pop("latency_ms", 0)
        )
        links = Links(
            Random(options.pop("seed", 1)),
            latency,
            options.pop("loss", 0.0),
            options.pop("duplication", 0.0),
        )
        self.network = Network(self.time.timers, links, self.mistakes, self._write, **options)
        self.got: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        for number in range(nodes):
            name = f"n{number}"
            self.got[name] = []
            self.network.add_node(name, self.port(name))

    def _write(self, sent: int, ended: int, fate: bytes, payload: bytes) -> None:
        assert sent <= ended
        self.journal.append((fate.decode(), orjson.loads(payload)))

    @property
    def fates(self) -> list[str]:
        return [fate for fate, _ in self.journal]

    def port(self, name: str) -> "Node":
        return Node(self, name)

    def send(self, source: str, destination: str, body: dict[str, Any]) -> None:
        line = orjson.dumps({"src": source, "dest": destination, "body": body})
        self.network.on_line(source, line)

    def arrivals(self, node: str) -> list[tuple[float, Any]]:
        return [(time, message["body"].get("n")) for time, message in self.got[node]]


class Node:
    """Keeps what it gets."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def write(self, payload: bytes) -> bool:
        self._world.got[self._name].append((self._world.time.now / MS, orjson.loads(payload)))
        return True


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World
