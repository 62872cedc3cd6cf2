"""Links of several processes over a network that can be cut, without replicas.

n0 plays the primary: it sends all others a heartbeat again and again, which they answer. Now and
then any other asks another one. ``python -m tests.links.chaos`` runs many of them at random.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from vsr_node.links.frames import LinkRows, Relay
from vsr_node.links.links import Links

MILLISECOND = 1_000
SECOND = 1_000_000

Direction = tuple[int, int]


class Body(NamedTuple):
    """A message, as it was sent."""

    kind: str
    source: str
    destination: str
    number: int
    sent_at: int


class Cut(NamedTuple):
    """What is cut: (source, destination), and which processes are dead."""

    directions: frozenset[Direction] = frozenset()
    dead: frozenset[int] = frozenset()


def _pairs(count: int) -> list[Direction]:
    return [(a, b) for a in range(count) for b in range(count) if a != b]


def _but(count: int, kept: Iterable[Direction]) -> Cut:
    return Cut(frozenset(_pairs(count)) - frozenset(kept))


def _some(random: Random, count: int, percent: int) -> Cut:
    return Cut(frozenset(pair for pair in _pairs(count) if random.randrange(100) < percent))


def _one_link(random: Random, count: int) -> Cut:
    a, b = random.sample(range(count), 2)
    return Cut(frozenset({(a, b), (b, a)}))


def _one_way(random: Random, count: int) -> Cut:
    return Cut(frozenset(random.sample(_pairs(count), random.randint(1, 3))))


def _majorities_ring(random: Random, count: int) -> Cut:
    ring = random.sample(range(count), count)
    places = [(at, step) for at in range(count) for step in range(1, count // 2 + 1)]
    return _but(count, ((ring[(at + step) % count], ring[at]) for at, step in places))


def _one_way_ring(random: Random, count: int) -> Cut:
    ring = random.sample(range(count), count)
    return _but(count, ((ring[at], ring[(at + 1) % count]) for at in range(count)))


def _hub(random: Random, count: int) -> Cut:
    hub = random.randrange(count)
    return _but(count, (pair for pair in _pairs(count) if hub in pair))


def _chain(random: Random, count: int) -> Cut:
    chain = random.sample(range(count), count)
    links = [(chain[at], chain[at + 1]) for at in range(count - 1)]
    return _but(count, [*links, *((b, a) for a, b in links)])


def _split(random: Random, count: int) -> Cut:
    side = set(random.sample(range(count), random.randint(1, count - 1)))
    return Cut(frozenset((a, b) for a, b in _pairs(count) if (a in side) != (b in side)))


def _dead(random: Random, count: int) -> Cut:
    return Cut(dead=frozenset(random.sample(range(count), random.randint(1, (count - 1) // 2))))


KINDS: dict[str, Callable[[Random, int], Cut]] = {
    "random": lambda random, count: _some(random, count, random.choice((20, 40, 60))),
    "sparse": lambda random, count: _some(random, count, 70),
    "link": _one_link,
    "one-way": _one_way,
    "majorities-ring": _majorities_ring,
    "one-way-ring": _one_way_ring,
    "bridge": _hub,
    "chain": _chain,
    "split": _split,
    "dead": _dead,
}


@dataclass
class Weather:
    """How the network delays messages: the mean, the kind, and whether some are lost."""

    delay: int = 0
    kind: str = "constant"
    loss_percent: int = 0

    def draw(self, random: Random) -> int:
        mean = self.delay
        if self.kind == "uniform":
            return 200 + random.randint(0, 2 * mean)
        if self.kind == "exponential" and mean:
            return 200 + min(int(random.expovariate(1 / mean)), 8 * mean)
        return 200 + mean

    @property
    def round_trip(self) -> int:
        """What a round trip seldom exceeds."""
        factor = {"constant": 1, "uniform": 2, "exponential": 3}[self.kind]
        return 2 * self.delay * factor + 2 * MILLISECOND


@dataclass
class LinkGroup:
    """``count`` processes n0, n1, ...; virtual time in microseconds."""

    count: int
    random: Random = field(default_factory=lambda: Random(0))
    weather: Weather = field(default_factory=Weather)
    busy: bool = True

    def __post_init__(self) -> None:
        self.now = 0
        self.names = [f"n{index}" for index in range(self.count)]
        round_trip = self.weather.round_trip
        self.interval = max(100 * MILLISECOND, min(2 * round_trip, SECOND // 2), round_trip // 4)
        self.time_out = 3 * self.interval + round_trip + 20 * MILLISECOND
        self.links = {name: self._new(name) for name in self.names}
        self.cut = Cut()
        self.link_rows = 0
        self.paths: dict[int, list[str]] = {}
        """The processes that each relayed message has seen so far, by its number."""
        self.delivered: dict[tuple[str, str], list[Body]] = {}
        self._seen: set[tuple[int, str]] = set()
        self._number = 0
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._at(10 * MILLISECOND, self._beat)
        if self.busy:
            self._at(15 * MILLISECOND, self._chat)

    def _new(self, name: str, time_out: int | None = None) -> Links:
        return Links(name, self.names, self.now, time_out or self.time_out)

    # The network

    def cut_off(self, cut: Cut) -> None:
        """Cut, and let the dead end; who was dead before starts again, and knows no time-out."""
        for index in range(self.count):
            if index in self.cut.dead | cut.dead:
                self.links[self.names[index]] = self._new(self.names[index], 4 * SECOND)
        self.cut = cut
        if 0 not in cut.dead:
            for name in self.names:
                self._plan(name)

    def heal(self) -> None:
        """Mend all."""
        self.cut_off(Cut())

    def is_up(self, name: str) -> bool:
        """Return whether a process is alive."""
        return int(name[1:]) not in self.cut.dead

    def reached_from(self, source: int) -> set[int]:
        """Return the processes to which there is a path."""
        reached = [source]
        for a in reached:
            reached += [
                b
                for b in range(self.count)
                if b not in reached and (a, b) not in self.cut.directions and b not in self.cut.dead
            ]
        return set(reached) - self.cut.dead

    # Time

    def _at(self, time: int, action: Callable[..., None], *arguments: Any) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, action, arguments))

    def run_for(self, duration: int) -> None:
        """Let time pass."""
        end = self.now + duration
        while self._events and self._events[0][0] <= end:
            self.now, _, action, arguments = heapq.heappop(self._events)
            action(*arguments)
        self.now = end

    def _plan(self, name: str) -> None:
        timer = self.links[name].next_timer
        if timer < 1 << 60:
            self._at(max(timer, self.now), self._wake, name)

    def _wake(self, name: str) -> None:
        if self.is_up(name) and self.links[name].next_timer <= self.now:
            self._turn(name)

    def _turn(self, name: str, source: str | None = None, frame: object = None) -> None:
        links = self.links[name]
        # It learns the time-out from its primary.
        links.on_time(self.now, self.time_out)
        if source is not None:
            got = links.receive(source, frame)
            if got is not None:
                self._deliver(name, got)
        for destinations, departure in links.end_turn():
            for destination in destinations:
                self._post(name, destination, departure)
        self._plan(name)

    # What is sent

    def _post(self, source: str, destination: str, frame: object) -> None:
        if isinstance(frame, LinkRows):
            self.link_rows += 1
        elif isinstance(frame, Relay):
            self._follow(source, destination, frame)
        direction = (int(source[1:]), int(destination[1:]))
        is_lost = self.random.randrange(100) < self.weather.loss_percent
        if direction not in self.cut.directions and self.is_up(destination) and not is_lost:
            delay = self.weather.draw(self.random)
            self._at(self.now + delay, self._arrive, source, destination, frame)

    def _follow(self, source: str, destination: str, relay: Relay) -> None:
        """Hold a relay against where it was before."""
        assert isinstance(relay.body, Body)
        path = self.paths.setdefault(relay.body.number, [source])
        assert path[0] == relay.origin == relay.body.source
        path.append(destination)
        assert len(set(path)) == len(path) <= self.count, "at most n - 1 hops, none twice"

    def _arrive(self, source: str, destination: str, frame: object) -> None:
        if self.is_up(destination):
            self._turn(destination, source, frame)

    def ask(self, source: str, destination: str, kind: str = "ask") -> None:
        """Send what is to be answered, as any driver does."""
        self._say(source, destination, kind, expects=True)

    def _say(self, source: str, destination: str, kind: str, *, expects: bool) -> None:
        if not self.is_up(source):
            return
        links = self.links[source]
        links.on_time(self.now, self.time_out)
        body = Body(kind, source, destination, self._number, self.now)
        self._number += 1
        for (hop,), frame in links.send((destination,), body, expects=expects):
            self._post(source, hop, frame)
        self._plan(source)

    def _deliver(self, name: str, got: tuple[str, object]) -> None:
        origin, body = got
        assert isinstance(body, Body)
        assert (body.destination, body.source) == (name, origin)
        assert (body.number, name) not in self._seen, "nothing comes twice"
        self._seen.add((body.number, name))
        self.delivered.setdefault((origin, name), []).append(body)
        if body.kind == "ask":
            self._say(name, origin, "answer", expects=False)

    def _beat(self) -> None:
        for name in self.names[1:]:
            self.ask("n0", name)
        self._at(self.now + self.interval, self._beat)

    def _chat(self) -> None:
        if not self.busy:
            return
        source, destination = self.random.sample(self.names, 2)
        self.ask(source, destination)
        self._at(self.now + self.random.choice((20, 200)) * MILLISECOND, self._chat)

    # What is demanded

    @property
    def bound(self) -> int:
        """Within it after a cut, all who are connected both ways have heard each other."""
        hop = 2 * max(50 * MILLISECOND, self.time_out // 4) + 4 * self.weather.delay
        return 2 * self.time_out + (self.count - 1) * hop + 800 * MILLISECOND

    def unheard(self, since: int) -> list[str]:
        """Return who of n0 and those with a path both ways has heard nothing sent after that."""
        if not self.is_up("n0"):
            return []
        there = self.reached_from(0)
        pairs = [
            pair
            for index in sorted(there - {0})
            if 0 in self.reached_from(index)
            for pair in (("n0", f"n{index}"), (f"n{index}", "n0"))
        ]
        return [
            f"{b} does not hear {a}"
            for a, b in pairs
            if not any(body.sent_at > since for body in self.delivered.get((a, b), [])[-40:])
        ]

    @property
    def watching(self) -> list[str]:
        """Return who watches."""
        return [name for name, links in self.links.items() if links.is_watching]
