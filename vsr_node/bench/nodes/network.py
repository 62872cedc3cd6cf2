"""The simulated network: ids, latency, two disciplines of delivery, cuts, loss, duplication.

Messages that involve a client are delivered at once and whole. Between servers:

- *on time*: each message is delivered when its latency has passed, whatever else is under way. A
  cut acts when a message is sent.
- *head of line*, as Maelstrom 0.2.4 delivers: each node has one carrier that takes the message
  with the earliest deadline, drops it if its source is cut off *now*, else waits for it to be due
  and delivers it. While it waits nothing else reaches the node, a client's request neither.

Loss and duplication act when a message is sent, and so does a slow link, which adds to the latency.
A node's messages to itself take latency, but never leave it: they are neither cut nor lost nor
repeated.

What comes for a node that is down is as in Maelstrom: ten messages are kept until it is there again
and initialized, the others are lost.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple, Protocol

from vsr_node.bench.nodes.lateness import Lateness
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, Timers
from vsr_node.bench.nodes.mistakes import Kind, Mistakes, WireError
from vsr_node.bench.nodes.traffic import ServerTraffic, Traffic
from vsr_node.bench.nodes.wire import is_client, new_message, parse_message, with_id

UNDER_WAY_MAX = 1_000_000
"""Messages between servers that wait for their time; a flood beyond is lost and told."""

KEPT_WHILE_DOWN = 10
"""Messages for a node that is down that it finds when it is back, as in Maelstrom."""

Cuts = Mapping[str, frozenset[str]]
"""For each node that drops messages the sources whose messages it drops."""


class Envelope(NamedTuple):
    """A message under way; `payload` is its line with an id. `sent` is in nanoseconds."""

    sent: int
    source: str
    destination: str
    payload: bytes
    repeated: bool


class Journal(Protocol):
    """Where messages are written at the end of their way."""

    def __call__(self, sent: int, ended: int, fate: bytes, payload: bytes) -> None:
        """Write one message; fate is delivered, repeated, cut, lost, killed or dropped."""


class NodePort(Protocol):
    """Where a node's messages go."""

    def write(self, payload: bytes) -> bool:
        """Hand a line over. Return False when the node is gone or takes no more."""


class ClientPort(Protocol):
    """Where a client's replies go."""

    def on_reply(self, source: str, body: dict[str, Any]) -> None:
        """Take a reply. Raises WireError when it is none."""


class LatencyDistribution(NamedTuple):
    """One-way latency between servers: a name of Maelstrom's and its mean in milliseconds."""

    name: str
    mean_ms: float

    def draw(self, random: Random) -> int:
        """Return a latency in nanoseconds: whole milliseconds, rounded down, as in Maelstrom."""
        if self.mean_ms == 0:
            return 0
        if self.name == "constant":
            milliseconds = int(self.mean_ms)
        elif self.name == "uniform":
            milliseconds = int(random.uniform(0, 2 * self.mean_ms))
        else:
            milliseconds = int(random.expovariate(1 / self.mean_ms))
        return milliseconds * NANOSECONDS_PER_MILLISECOND


class Absence:
    """A node that is down: what is kept for it, and whose messages reach it all the same."""

    __slots__ = ("herald", "kept")

    def __init__(self) -> None:
        self.herald = ""
        self.kept: list[Envelope] = []


class Network:
    """Routes lines between nodes and clients."""

    def __init__(
        self,
        timers: Timers,
        random: Random,
        latency: LatencyDistribution,
        mistakes: Mistakes,
        journal: Journal,
        *,
        loss: float = 0.0,
        duplication: float = 0.0,
        head_of_line: bool = False,
    ) -> None:
        self.servers = ServerTraffic()
        self.clients = Traffic()
        self.cut_count = 0
        self.lost_count = 0
        self.repeated_count = 0
        self.slowed_count = 0
        self.killed_count = 0
        self.kept_count = 0
        self.lateness = Lateness()
        self._timers = timers
        self._random = random
        self._latency = latency
        self._mistakes = mistakes
        self._journal = journal
        self._loss = loss
        self._duplication = duplication
        self._nodes: dict[str, NodePort] = {}
        self._clients: dict[str, ClientPort] = {}
        self._cuts: Cuts = {}
        self._slow: Mapping[tuple[str, str], int] = {}
        self._absences: dict[str, Absence] = {}
        self._next_id = 0
        self._under_way = 0
        self._carriers: dict[str, Carrier] | None = {} if head_of_line else None

    def add_node(self, name: str, port: NodePort) -> None:
        """Make a node known."""
        self._nodes[name] = port
        if self._carriers is not None:
            self._carriers[name] = Carrier(self, self._timers)

    def add_client(self, name: str, port: ClientPort) -> None:
        """Make a client known."""
        self._clients[name] = port

    def cut(self, cuts: Cuts) -> None:
        """From now on drop messages by `cuts`, which replace the ones before; {} heals."""
        self._cuts = cuts

    def slow_down(self, links: Mapping[tuple[str, str], int]) -> None:
        """From now on add to the latency of links (source, destination), in nanoseconds.

        This replaces the links before; {} ends it.
        """
        self._slow = links

    def take_down(self, node: str) -> None:
        """From now on keep what comes for the node, or lose it."""
        self._absences.setdefault(node, Absence()).herald = ""

    def expect(self, node: str, port: NodePort, herald: str) -> None:
        """Let a client's messages reach a node that was down and starts again; only that one's."""
        self._nodes[node] = port
        self._absences[node].herald = herald

    def bring_up(self, node: str) -> None:
        """Hand over what was kept for a node, and from now on what comes for it."""
        for envelope in self._absences.pop(node).kept:
            self._arrive(envelope, self._timers.now())

    def is_cut(self, envelope: Envelope) -> bool:
        """Whether the way of that message is cut now."""
        dropped = self._cuts.get(envelope.destination)
        return dropped is not None and envelope.source in dropped

    def request(self, client: str, node: str, body: dict[str, Any]) -> None:
        """Send a client's message to a node."""
        self.clients.count_sent(body)
        now = self._timers.now()
        payload = new_message(self._take_id(), client, node, body)
        self._submit(Envelope(now, client, node, payload, False), now)

    def on_line(self, node: str, line: bytes) -> None:
        """Route a line that `node` printed; what is no message is told as its mistake."""
        try:
            message = parse_message(line)
            source, destination = message["src"], message["dest"]
            if source not in self._nodes and source not in self._clients:
                raise WireError(Kind.UNKNOWN_SOURCE, f"a message from {source}, which is nobody")
            if source != node and source in self._nodes:
                detail = f"a message of {node} that says it is from {source}"
                self._mistakes.record(Kind.WRONG_SOURCE, node, detail, line)
            if destination in self._nodes:
                self._to_node(source, destination, message, line)
            elif destination in self._clients:
                self._to_client(source, destination, message, line)
            elif is_client(destination):
                raise WireError(Kind.REPLY_TO_NOBODY, f"a reply to {destination}, which is nobody")
            else:
                raise WireError(
                    Kind.UNKNOWN_DESTINATION, f"a message to {destination}, which is nobody"
                )
        except WireError as error:
            self._mistakes.record(error.kind, node, error.detail, line)

    def _to_client(
        self, source: str, destination: str, message: dict[str, Any], line: bytes
    ) -> None:
        self.clients.count_sent(message["body"])
        self.clients.received += 1
        now = self._timers.now()
        self._journal(now, now, b"delivered", with_id(line, message, self._take_id()))
        self._clients[destination].on_reply(source, message["body"])

    def _to_node(self, source: str, destination: str, message: dict[str, Any], line: bytes) -> None:
        now = self._timers.now()
        payload = with_id(line, message, self._take_id())
        envelope = Envelope(now, source, destination, payload, False)
        if source in self._clients:
            self.clients.count_sent(message["body"])
            self._submit(envelope, now)
            return
        self.servers.count_sent(source, destination, message["body"], len(line))
        if source == destination:
            self._submit(envelope, now + self._latency.draw(self._random))
        elif self._cuts and self._carriers is None and self.is_cut(envelope):
            self.drop_cut(envelope)
        elif self._loss and self._random.random() < self._loss:
            self.lost_count += 1
            self._journal(now, now, b"lost", payload)
        elif self._under_way >= UNDER_WAY_MAX:
            self._journal(now, now, b"dropped", payload)
            raise WireError(Kind.FLOOD, f"more than {UNDER_WAY_MAX} messages are under way")
        else:
            self._submit(envelope, now + self._latency_of(source, destination))
            if self._duplication and self._random.random() < self._duplication:
                self.repeated_count += 1
                again = envelope._replace(repeated=True)
                self._submit(again, now + self._latency_of(source, destination))

    def _latency_of(self, source: str, destination: str) -> int:
        latency = self._latency.draw(self._random)
        if not self._slow or (extra := self._slow.get((source, destination))) is None:
            return latency
        self.slowed_count += 1
        return latency + extra

    def _submit(self, envelope: Envelope, due: int) -> None:
        if self._carriers is not None:
            self._under_way += 1
            self._carriers[envelope.destination].submit(envelope, due)
        elif due == envelope.sent:
            self._arrive(envelope, due)
        else:
            self._under_way += 1
            self._timers.call_at(due, self.deliver, envelope, due)

    def deliver(self, envelope: Envelope, due: int) -> None:
        """Hand a message over that was under way and whose time, `due`, has come."""
        now = self._timers.now()
        self._under_way -= 1
        self.lateness.add(now - due)
        self._arrive(envelope, now)

    def _arrive(self, envelope: Envelope, now: int) -> None:
        sent, source, destination, payload, repeated = envelope
        absence = self._absences.get(destination)
        if absence is not None and source != absence.herald:
            self._keep(absence, envelope, now)
        elif self._nodes[destination].write(payload):
            (self.clients if source in self._clients else self.servers).received += 1
            self._journal(sent, now, b"repeated" if repeated else b"delivered", payload)
        else:
            self._journal(sent, now, b"dropped", payload)

    def _keep(self, absence: Absence, envelope: Envelope, now: int) -> None:
        if len(absence.kept) < KEPT_WHILE_DOWN:
            self.kept_count += 1
            absence.kept.append(envelope)
        else:
            self.killed_count += 1
            self._journal(envelope.sent, now, b"killed", envelope.payload)

    def drop_cut(self, envelope: Envelope) -> None:
        """End the way of a message at a cut."""
        self.cut_count += 1
        self._journal(envelope.sent, self._timers.now(), b"cut", envelope.payload)

    def drop_taken(self, envelope: Envelope) -> None:
        """End the way of a message at a cut that acted when a carrier took it."""
        self._under_way -= 1
        self.drop_cut(envelope)

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


class Carrier:
    """One node's carrier in head-of-line delivery: it carries one message at a time."""

    def __init__(self, network: Network, timers: Timers) -> None:
        self._network = network
        self._timers = timers
        self._waiting: list[tuple[int, int, Envelope]] = []
        self._sequence = 0
        self._busy = False

    def submit(self, envelope: Envelope, due: int) -> None:
        """Put a message in line; it is carried at once when nothing else is."""
        self._sequence += 1
        heappush(self._waiting, (due, self._sequence, envelope))
        if not self._busy:
            self._take()

    def _take(self) -> None:
        """Take messages until one has to be waited for, or none is left."""
        while self._waiting:
            due, _, envelope = heappop(self._waiting)
            if self._network.is_cut(envelope):
                self._network.drop_taken(envelope)
            elif due > (now := self._timers.now()):
                self._busy = True
                self._timers.call_at(due, self._carried, envelope, due)
                return
            else:  # Whatever it waited for was the line's doing, not the bench's.
                self._network.deliver(envelope, now)

    def _carried(self, envelope: Envelope, due: int) -> None:
        self._busy = False
        self._network.deliver(envelope, due)
        self._take()
