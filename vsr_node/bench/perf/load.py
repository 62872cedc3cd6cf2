"""Load: clients with one request at a time each, and how long they waited for each reply."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Timers
from vsr_node.bench.nodes.network import Network

KEY_COUNT = 1_000
REQUESTS_DRAWN = 5_000
"""Requests are drawn before the load begins, and are sent again and again in that order."""

CLIENTS_MAX = 1_000
"""In open loop. A request for which no client is free waits, and its latency counts from when it
was due."""

Body = dict[str, Any]


def draw_requests(random: Random, read_fraction: float) -> list[Body]:
    """Return requests of that mix: reads, and otherwise writes."""
    return [
        {"type": "read", "key": random.randrange(KEY_COUNT)}
        if random.random() < read_fraction
        else {"type": "write", "key": random.randrange(KEY_COUNT), "value": number}
        for number in range(REQUESTS_DRAWN)
    ]


class LoadClient:
    """A client, which reports each reply to its load.

    ``waits_since`` is when its request was due, in nanoseconds; negative if it waits for nothing.
    """

    __slots__ = ("_load", "_msg_id", "_network", "name", "node", "waits_since")

    def __init__(self, name: str, load: "Load", node: str = "") -> None:
        self.name = name
        self.node = node
        self.waits_since = -1
        self._network = load.target.network
        self._load = load
        self._msg_id = 0
        self._network.add_client(name, self)

    def ask(self, body: Body, since: int) -> None:
        """Send a request, whose latency counts from ``since``."""
        self._msg_id += 1
        self.waits_since = since
        self._network.request(self.name, self.node, body | {"msg_id": self._msg_id})

    def on_reply(self, source: str, body: Body) -> None:
        """Take a reply; one that comes late or twice counts for nothing."""
        del source
        if body.get("in_reply_to") == self._msg_id and self.waits_since >= 0:
            since, self.waits_since = self.waits_since, -1
            self._load.on_reply(self, since, is_error=body["type"] == "error")


@dataclass(frozen=True, slots=True)
class Target:
    """The nodes that are asked, and what it takes to ask them."""

    timers: Timers
    network: Network
    nodes: Sequence[str]
    prefix: str
    """The beginning of the clients' names, which no other load has."""


class Load(ABC):
    """Requests, and the account of the replies since ``measure``."""

    def __init__(self, target: Target, requests: Sequence[Body]) -> None:
        self.target = target
        self.latencies_ns: list[int] = []
        """In the order of the replies."""
        self.error_count = 0
        self._timers = target.timers
        self._requests = requests
        self._next = 0
        self._stopped = False

    @property
    @abstractmethod
    def waiting_count(self) -> int:
        """How many requests are due or sent, and not answered."""

    @abstractmethod
    def start(self) -> None:
        """Begin to send requests."""

    @abstractmethod
    def _on_free(self, client: LoadClient, now: int) -> None:
        """Take note that a client was answered."""

    def measure(self) -> None:
        """Forget the replies so far."""
        self.latencies_ns = []
        self.error_count = 0

    def stop(self) -> None:
        """Send no more requests."""
        self._stopped = True

    def on_reply(self, client: LoadClient, since: int, *, is_error: bool) -> None:
        """Take note of a reply."""
        now = self._timers.now()
        self.latencies_ns.append(now - since)
        if is_error:
            self.error_count += 1
        self._on_free(client, now)

    def _ask(self, client: LoadClient, since: int) -> None:
        self._next += 1
        client.ask(self._requests[self._next % len(self._requests)], since)


class ClosedLoop(Load):
    """Clients that each send a request as soon as the last one is answered."""

    def __init__(
        self,
        target: Target,
        requests: Sequence[Body],
        client_count: int,
    ) -> None:
        super().__init__(target, requests)
        nodes = target.nodes
        self._clients = [
            LoadClient(f"{target.prefix}{number}", self, nodes[number % len(nodes)])
            for number in range(client_count)
        ]

    @property
    def waiting_count(self) -> int:
        """How many requests are not answered."""
        return sum(client.waits_since >= 0 for client in self._clients)

    def start(self) -> None:
        """Let all clients send a request."""
        for client in self._clients:
            self._ask(client, self._timers.now())

    def _on_free(self, client: LoadClient, now: int) -> None:
        if not self._stopped:
            self._ask(client, now)


class OpenLoop(Load):
    """Requests at random times, ``rate`` a second on average (a Poisson process).

    The nodes are asked in turn, each by a client that is free.
    """

    def __init__(
        self,
        target: Target,
        requests: Sequence[Body],
        rate: float,
        random: Random,
    ) -> None:
        super().__init__(target, requests)
        self._rate = rate
        self._random = random
        self._free: list[LoadClient] = []
        self._count = 0
        self._due = 0
        self._overdue: deque[int] = deque()

    @property
    def waiting_count(self) -> int:
        """How many requests are due and not answered."""
        return self._count - len(self._free) + len(self._overdue)

    def start(self) -> None:
        """Send requests from now on."""
        self._due = self._timers.now()
        self._ask_due()

    def _ask_due(self) -> None:
        now = self._timers.now()
        while self._due <= now and not self._stopped:
            self._overdue.append(self._due)
            self._due += int(self._random.expovariate(self._rate) * NANOSECONDS_PER_SECOND)
        while self._overdue and (client := self._take()) is not None:
            self._ask(client, self._overdue.popleft())
        if not self._stopped:
            self._timers.call_at(self._due, self._ask_due)

    def _take(self) -> LoadClient | None:
        """Return a free client, a new one if need be; None if there are too many."""
        if self._free:
            return self._free.pop()
        if self._count == CLIENTS_MAX:
            return None
        self._count += 1
        return LoadClient(f"{self.target.prefix}{self._count}", self)

    def _ask(self, client: LoadClient, since: int) -> None:
        client.node = self.target.nodes[self._next % len(self.target.nodes)]
        super()._ask(client, since)

    def _on_free(self, client: LoadClient, now: int) -> None:
        del now
        if self._overdue:
            self._ask(client, self._overdue.popleft())
        else:
            self._free.append(client)
