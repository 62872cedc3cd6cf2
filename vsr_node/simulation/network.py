"""Links between replicas, and between clients and replicas: they lose, repeat, delay and reorder.

Each direction of a pair is a link with a random stream of its own, from which every message takes
exactly one draw. So the fate of the 7th message from n0 to n1 depends on nothing but the seed, and
stays the same when the shrinker takes other faults away.
"""

from collections import deque
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from vsr_node.core.messages import Farewell, StartViewChange
from vsr_node.links.frames import Relay
from vsr_node.simulation.choices import DelayKind
from vsr_node.simulation.plan import PER_MILLE, PER_MYRIAD, MessageFaults
from vsr_node.simulation.streams import EXPONENTIAL_PER_MILLE, stream
from vsr_node.simulation.timeline import Microseconds, Timeline
from vsr_node.simulation.transcript import Transcript

REPLAYED_MAX = 32
SPIKE_FACTOR = 20
SPIKES_OF_256 = 8
HOP_TIME = 200_000
"""Microseconds that a message waits at most at a hop that takes its turns."""

Deliver = Callable[[str, str, Any], None]


class Departure(NamedTuple):
    """A message, or a copy of one, that left at ``sent`` and may arrive at ``arrival``."""

    source: str
    destination: str
    message: object
    sent: Microseconds
    arrival: Microseconds
    is_copy: bool


class Link:
    """One direction between two ends."""

    def __init__(self, seed: int, source: str, destination: str) -> None:
        self.source = source
        self.destination = destination
        self.random = stream(seed, "link", source, destination)
        self.sent = 0
        self.cuts = 0  # several faults may cut a link at the same time
        self.slowness = 0
        self.is_clean = False
        self.last_arrival = 0
        self.newest_arrived = -1
        self.latest: deque[tuple[int, object]] = deque(maxlen=REPLAYED_MAX)


class Network:
    """All links. They call ``deliver(source, destination, message)`` when a message arrives.

    They call ``watch``, unless it is None, with each departure.
    """

    def __init__(
        self,
        seed: int,
        faults: MessageFaults,
        timeline: Timeline,
        transcript: Transcript,
        deliver: Deliver,
    ) -> None:
        self._seed = seed
        self._faults = faults
        self._timeline = timeline
        self._transcript = transcript
        self._deliver = deliver
        self._links: dict[tuple[str, str], Link] = {}
        self._delays = delay_table(faults)
        # Each message compares 16 bits of its draw with these.
        self._loss = (faults.loss_per_myriad << 16) // PER_MYRIAD
        self._duplicate = (faults.duplicate_per_myriad << 16) // PER_MYRIAD
        self.lost: list[tuple[str, str, int]] = []
        self.duplicated: list[tuple[str, str, int]] = []
        self.cut_count = 0
        self._era = 0
        self.reordered_count = 0
        self.replayed_count = 0
        self.watch: Callable[[Departure], None] | None = None
        # When the last of the votes of each replica arrives that was sent so far.
        self._votes_until: dict[str, Microseconds] = {}

    def link(self, source: str, destination: str) -> Link:
        """Return a link; make it when it is first needed."""
        link = self._links.get((source, destination))
        if link is None:
            link = self._links[source, destination] = Link(self._seed, source, destination)
        return link

    @property
    def links(self) -> Collection[Link]:
        """The links that were needed so far, for observers, which must not make any."""
        return self._links.values()

    def clean(self, source: str, destination: str) -> None:
        """Let a direction lose and repeat nothing, and keep its order and delay from now on.

        A slow message that is under way does not hold up later ones.
        """
        link = self.link(source, destination)
        link.is_clean = True
        link.last_arrival = self._timeline.now

    def send(
        self, source: str, destination: str, message: object, *, repeatable: bool = True
    ) -> None:
        """Send a message. If the link is cut now, it never arrives."""
        link = self._links.get((source, destination)) or self.link(source, destination)
        number = link.sent
        link.sent = number + 1
        draw = link.random.getrandbits(48)
        if link.cuts:
            self.cut_count += 1
            self._transcript.add("cut", source, destination, message)
            return
        faults = self._faults
        if faults.replays and repeatable:
            link.latest.append((number, message))
        key = (source, destination, number)
        if not link.is_clean:
            if (draw & 0xFFFF) < self._loss or key in faults.lost:
                self.lost.append(key)
                self._transcript.add("lost", source, destination, message)
                return
            if repeatable and ((draw >> 16 & 0xFFFF) < self._duplicate or key in faults.duplicated):
                self.duplicated.append(key)
                self._transcript.add("repeated", source, destination, message)
                self._send_copy(link, number, draw >> 40, message)
        delay = faults.delay_mean if link.is_clean else self._delays[draw >> 32 & 0xFF]
        if type(message).__name__ == faults.slow_kind and not link.is_clean:
            byte = draw >> 24 & 0xFF
            delay += faults.slow_kind_delay_mean * EXPONENTIAL_PER_MILLE[byte] // PER_MILLE
        self._travel(link, number, delay, message)

    def _travel(self, link: Link, number: int, delay: Microseconds, message: object) -> None:
        arrival = self._timeline.now + delay + link.slowness
        if self._faults.in_order or link.is_clean:
            arrival = max(arrival, link.last_arrival)
            link.last_arrival = arrival
        self._notice(link, message, arrival, is_copy=False)
        self._timeline.at(arrival, self._arrive, (link, number, message))

    def _send_copy(self, link: Link, number: int, byte: int, message: object) -> None:
        """Send a copy, which takes its own time and may overtake."""
        extra = self._faults.copy_delay_mean * EXPONENTIAL_PER_MILLE[byte] // PER_MILLE
        arrival = self._timeline.now + self._delays[byte] + extra
        self._depart_late(link, number, arrival, message)

    def _depart_late(self, link: Link, number: int, arrival: Microseconds, message: object) -> None:
        """Send a copy that vanishes if the era ends before it arrives."""
        self._notice(link, message, arrival, is_copy=True)
        self._timeline.at(arrival, self._arrive_late, (self._era, (link, number, message)))

    def replay(self, destination: str) -> None:
        """Let copies of the last messages to a replica arrive all at once."""
        if not self._faults.replays or self._era:
            return
        for link in self._links.values():
            if link.destination == destination:
                for number, message in link.latest:
                    self.replayed_count += 1
                    self._depart_late(link, number, self._timeline.now, message)

    def _notice(self, link: Link, message: object, arrival: Microseconds, *, is_copy: bool) -> None:
        """Note that a message or a copy leaves."""
        origin, body = link.source, message
        if isinstance(message, Relay):
            origin, body = message.origin, message.body
        if isinstance(body, StartViewChange | Farewell):
            self._votes_until[origin] = max(arrival, self._votes_until.get(origin, 0))
        if self.watch is not None:
            now = self._timeline.now
            self.watch(Departure(link.source, link.destination, message, now, arrival, is_copy))

    def has_votes_under_way(self, voters: Collection[str]) -> bool:
        """Return whether a vote of one of these has not arrived yet, or not left its last hop."""
        until = max((self._votes_until.get(voter, -HOP_TIME) for voter in voters), default=0)
        return until + HOP_TIME > self._timeline.now

    def end_era(self) -> None:
        """Drop all copies under way, as no receiver could distinguish them from fresh messages."""
        self._era += 1

    def _arrive_late(self, argument: tuple[int, tuple[Link, int, object]]) -> None:
        era, arrival = argument
        if era == self._era:
            self._arrive(arrival)

    def _arrive(self, argument: tuple[Link, int, object]) -> None:
        link, number, message = argument
        if number > link.newest_arrived:
            link.newest_arrived = number
        elif number < link.newest_arrived:
            self.reordered_count += 1
        self._deliver(link.source, link.destination, message)


def delay_table(faults: MessageFaults) -> tuple[Microseconds, ...]:
    """Return the delay for each of the 256 values of a draw's byte."""
    mean = faults.delay_mean
    match faults.delay_kind:
        case DelayKind.CONSTANT:
            return (mean,) * 256
        case DelayKind.UNIFORM:
            return tuple(2 * mean * byte // 255 for byte in range(256))
        case DelayKind.EXPONENTIAL:
            return tuple(mean * factor // 1000 for factor in EXPONENTIAL_PER_MILLE)
        case DelayKind.SPIKES:
            spikes = (mean * SPIKE_FACTOR,) * SPIKES_OF_256
            return spikes + (mean,) * (256 - SPIKES_OF_256)
