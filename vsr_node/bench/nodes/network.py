"""The simulated network: routes messages between nodes and clients, and gives them ids.

Messages that involve a client are delivered at once and whole. Between servers:

- *on time*: each message is delivered when its latency has passed, whatever else is under way. A
  cut acts when a message is sent.
- *head of line*, as Maelstrom 0.2.4 delivers: each node has one carrier that takes the message
  with the earliest deadline, drops it if its source is cut off *now*, else waits until it is due
  and delivers it. While it waits, nothing else reaches the node, not even a client's request.

Loss and duplication act when a message is sent, and so does a slow link, which adds to the latency.
A node's messages to itself take latency, but never leave it: they are neither cut nor lost nor
repeated. Nor are messages to and from services, which count as messages between servers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Protocol

from vsr_node.bench.nodes.absences import Absences, Envelope
from vsr_node.bench.nodes.lateness import Lateness
from vsr_node.bench.nodes.links import Links
from vsr_node.bench.nodes.loop import Timers
from vsr_node.bench.nodes.mistakes import Kind, Mistakes, WireError
from vsr_node.bench.nodes.traffic import ServerTraffic, Traffic
from vsr_node.bench.nodes.wire import is_client, new_message, parse_message, with_id

UNDER_WAY_MAX = 1_000_000
"""Messages between servers that wait for their time. A flood beyond that is dropped, and reported
as a mistake."""


class Journal(Protocol):
    """The journal of messages at the end of their way."""

    def __call__(self, sent: int, ended: int, fate: bytes, payload: bytes) -> None:
        """Write one message; fate is delivered, repeated, cut, lost, killed or dropped.

        Times are in nanoseconds since the run began.
        """


class NodePort(Protocol):
    """The receiver of the messages to a node."""

    def write(self, payload: bytes) -> bool:
        """Hand a line over. Return False if the node is gone or takes no more."""


class ClientPort(Protocol):
    """The receiver of the replies to a client."""

    def on_reply(self, source: str, body: dict[str, Any]) -> None:
        """Take a reply. Raises WireError if it is not one."""


@dataclass(frozen=True, slots=True)
class FaultCounts:
    """How many messages faults have touched so far."""

    cut: int
    lost: int
    """By the network."""
    repeated: int
    slowed: int
    killed: int
    """Lost as their node was down."""
    kept: int
    """Kept as their node was down."""


class Network:
    """Routes lines between nodes and clients."""

    def __init__(
        self,
        timers: Timers,
        links: Links,
        mistakes: Mistakes,
        journal: Journal,
        *,
        head_of_line: bool = False,
    ) -> None:
        self.servers = ServerTraffic()
        self.clients = Traffic()
        self.lateness = Lateness()
        self.links = links
        self._timers = timers
        self._mistakes = mistakes
        self._journal = journal
        self._nodes: dict[str, NodePort] = {}
        self._clients: dict[str, ClientPort] = {}
        self._services: list[str] = []
        self._absences = Absences()
        self._next_id = 0
        self._under_way = 0
        self._carriers: dict[str, Carrier] | None = {} if head_of_line else None
        self.reply_listeners: list[Callable[[dict[str, Any]], None]] = []
        """Each is called with the body of each message to a client, once that has it."""
        self.server_listeners: list[Callable[[], None]] = []
        """Each is called for each message between servers, before that is on its way."""

    @property
    def counts(self) -> FaultCounts:
        """What faults have touched so far."""
        return FaultCounts(**self.links.counted, **self._absences.counted)

    @property
    def is_quiet(self) -> bool:
        """Whether no message between servers waits for its time."""
        return self._under_way == 0

    def add_node(self, name: str, port: NodePort) -> None:
        """Make a node known."""
        self._nodes[name] = port
        if self._carriers is not None:
            self._carriers[name] = Carrier(self, self._timers)

    def add_service(self, name: str, port: NodePort) -> None:
        """Make a service known, which is a node that no fault touches."""
        self._services.append(name)
        self.add_node(name, port)

    def add_client(self, name: str, port: ClientPort) -> None:
        """Make a client known."""
        self._clients[name] = port

    def take_down(self, node: str) -> None:
        """Keep messages for the node from now on, or lose them."""
        self._absences.begin(node)

    def expect(self, node: str, port: NodePort, herald: str) -> None:
        """Let the messages of one client reach a node that was down and starts again."""
        self._nodes[node] = port
        self._absences.expect(node, herald)

    def bring_up(self, node: str) -> None:
        """Deliver the messages that were kept for a node, and from now on all new ones."""
        for envelope in self._absences.end(node):
            self._arrive(envelope, self._timers.now())

    def request(self, client: str, node: str, body: dict[str, Any]) -> None:
        """Send a client's message to a node."""
        self.clients.count_sent(body)
        now = self._timers.now()
        payload = new_message(self._take_id(), client, node, body)
        self._submit(Envelope(now, client, node, payload, False), now)

    def on_line(self, node: str, line: bytes) -> None:
        """Route a line that ``node`` printed. If it is not a message, record a mistake."""
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
        for listener in self.reply_listeners:
            listener(message["body"])

    def _to_node(self, source: str, destination: str, message: dict[str, Any], line: bytes) -> None:
        now = self._timers.now()
        payload = with_id(line, message, self._take_id())
        envelope = Envelope(now, source, destination, payload, False)
        if source in self._clients:
            self.clients.count_sent(message["body"])
            self._submit(envelope, now)
            return
        self.servers.count_sent(source, destination, message["body"], len(line))
        for listener in self.server_listeners:
            listener()
        is_safe = source in self._services or destination in self._services
        if source == destination:
            self._submit(envelope, now + self.links.own_latency_ns())
        elif self._carriers is None and self.links.drops(source, destination):
            self._journal(now, now, b"cut", payload)
        elif not is_safe and self.links.loses():
            self._journal(now, now, b"lost", payload)
        elif self._under_way >= UNDER_WAY_MAX:
            self._journal(now, now, b"dropped", payload)
            raise WireError(Kind.FLOOD, f"more than {UNDER_WAY_MAX} messages are under way")
        else:
            self._submit(envelope, now + self.links.latency_ns(source, destination))
            if not is_safe and self.links.repeats():
                again = envelope._replace(repeated=True)
                self._submit(again, now + self.links.latency_ns(source, destination))

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
        """Hand over a message that was under way and whose time, ``due``, has come."""
        now = self._timers.now()
        self._under_way -= 1
        self.lateness.add(now - due)
        self._arrive(envelope, now)

    def drop_cut(self, envelope: Envelope) -> None:
        """End the way of a message at a cut that acted when a carrier took it."""
        self._under_way -= 1
        self._journal(envelope.sent, self._timers.now(), b"cut", envelope.payload)

    def _arrive(self, envelope: Envelope, now: int) -> None:
        sent, source, destination, payload, repeated = envelope
        if not self._absences.reaches(envelope):
            if not self._absences.keep(envelope):
                self._journal(sent, now, b"killed", payload)
        elif self._nodes[destination].write(payload):
            (self.clients if source in self._clients else self.servers).received += 1
            self._journal(sent, now, b"repeated" if repeated else b"delivered", payload)
        else:
            self._journal(sent, now, b"dropped", payload)

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
        """Put a message in line; it is carried at once if nothing else is."""
        self._sequence += 1
        heappush(self._waiting, (due, self._sequence, envelope))
        if not self._busy:
            self._take()

    def _take(self) -> None:
        """Take messages until one is not due yet, or none is left."""
        while self._waiting:
            due, _, envelope = heappop(self._waiting)
            if self._network.links.drops(envelope.source, envelope.destination):
                self._network.drop_cut(envelope)
            elif due > (now := self._timers.now()):
                self._busy = True
                self._timers.call_at(due, self._carried, envelope, due)
                return
            else:  # If it waited, the line held it up, not the bench.
                self._network.deliver(envelope, now)

    def _carried(self, envelope: Envelope, due: int) -> None:
        self._busy = False
        self._network.deliver(envelope, due)
        self._take()
