"""The kinds of faults. Each says what it needs, how it is drawn, how it begins and how it ends.

A fault is data, a part of a plan: the shrinker can leave it out, and it prints as code. A run calls
``begin`` at ``start``; all that comes later in the fault's life is scheduled on the ``Stage``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vsr_node.core.status import Status
from vsr_node.simulation.choices import Loss, PastableEnum
from vsr_node.simulation.situations import Situation
from vsr_node.simulation.timeline import MILLISECOND, Microseconds, Timeline

if TYPE_CHECKING:
    from vsr_node.core.replica import Replica
    from vsr_node.simulation.cluster import Cluster, Host

Direction = tuple[int, int]
"""One direction of a link: the index of the replica that sends, and of the one that receives."""


class Instant(PastableEnum):
    """When a replica crashes, unless it is amid a turn's outputs."""

    BETWEEN_TURNS = "between turns"
    BEFORE_SAVE = "before save"  # in its next turn, before the records are saved


@dataclass(frozen=True, slots=True)
class AfterOutputs:
    """A replica crashes in its next turn, after the save and ``count`` outputs."""

    count: int


CrashPoint = Instant | AfterOutputs


class Damage(NamedTuple):
    """What a disk loses in a crash. ``number`` chooses how much of a tail, or which entry."""

    loss: Loss
    number: int = 0

    @property
    def spares_flushed(self) -> bool:
        """Whether a disk that flushes everything loses nothing."""
        return self.loss in (Loss.UNFLUSHED, Loss.UNFLUSHED_CHECKPOINT)


LOST_TAIL = Damage(Loss.TAIL)


class Stage:
    """Where faults act: a cluster, and a timeline that drops them once they have to end."""

    def __init__(self, cluster: Cluster, timeline: Timeline) -> None:
        self.cluster = cluster
        self.is_open = True
        self._timeline = timeline

    def host(self, replica: int | None) -> Host:
        """Return the host of a replica, or for None that of the present primary."""
        return self.cluster.primary() if replica is None else self.cluster.hosts[replica]

    def at(self, time: Microseconds, action: Callable[..., object], *arguments: Any) -> None:
        """Call ``action`` at ``time``, unless the stage is closed by then."""
        self._timeline.at(time, self._act, (action, arguments))

    def _act(self, call: tuple[Callable[..., object], tuple[Any, ...]]) -> None:
        action, arguments = call
        if self.is_open:
            action(*arguments)


@dataclass(frozen=True, slots=True)
class Occasion:
    """The time for a fault, and the replica; None stands for whoever is primary at ``start``."""

    start: Microseconds
    end: Microseconds
    replica: int | None
    replica_count: int


@dataclass(frozen=True, slots=True)
class PlannedFault(ABC):
    """A fault from ``start`` until ``end``. Its ``name`` is that of its kind's random stream."""

    name: ClassVar[str]
    harms_disk: ClassVar[bool] = False

    start: Microseconds
    end: Microseconds

    @classmethod
    @abstractmethod
    def draw(cls, random: Random, occasion: Occasion) -> PlannedFault:
        """Draw one fault of the kind."""

    @abstractmethod
    def begin(self, stage: Stage) -> None:
        """Do the fault, and schedule its end."""


@dataclass(frozen=True, slots=True)
class ReplicaFault(PlannedFault):
    """A fault of one replica, by index; None stands for whoever is primary at ``start``."""

    replica: int | None = None

    @classmethod
    def draw(cls, _random: Random, occasion: Occasion) -> ReplicaFault:
        """Return the fault, if the occasion determines all of it."""
        return cls(occasion.start, occasion.end, occasion.replica)


# Crashes, and what else befalls one replica


@dataclass(frozen=True, slots=True)
class Crash(ReplicaFault):
    """A replica dies amid a ``flood`` of requests, when it has logged some that others lack."""

    name: ClassVar[str] = "crash"

    point: CrashPoint = Instant.BETWEEN_TURNS
    damage: Damage | None = None
    flood: int = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Crash:
        """Draw where in its turn the replica dies, and the size of the flood."""
        point = random.choice((*Instant, *map(AfterOutputs, (0, 1, 1, 2, 3))))
        flood = random.choice((0, 0, 8, 30))
        return cls(occasion.start, occasion.end, occasion.replica, point, flood=flood)

    def begin(self, stage: Stage) -> None:
        """Crash when half of the flood has come; restart at the end."""
        host = stage.host(self.replica)
        crash_at = stage.cluster.flood(host, self.flood)
        stage.at(crash_at, stage.cluster.crash, host, self.point, self.damage)
        stage.at(max(crash_at, self.end), stage.cluster.restart, host)


@dataclass(frozen=True, slots=True)
class PowerLoss(Crash):
    """A crash that takes along whatever was never flushed."""

    name: ClassVar[str] = "power loss"
    harms_disk: ClassVar[bool] = True

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> PowerLoss:
        """Draw whether the last checkpoint is lost too, and when the power fails."""
        damage = Damage(random.choice((Loss.UNFLUSHED, Loss.UNFLUSHED_CHECKPOINT)))
        points: list[CrashPoint] = [Instant.BETWEEN_TURNS, *map(AfterOutputs, range(3))]
        point = random.choice(points)
        return cls(occasion.start, occasion.end, occasion.replica, point, damage)


@dataclass(frozen=True, slots=True)
class DiskDamage(Crash):
    """A crash after which something on the disk is not as it was."""

    name: ClassVar[str] = "disk damage"
    harms_disk: ClassVar[bool] = True

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> DiskDamage:
        """Draw what is damaged, and where."""
        loss = random.choice((Loss.TAIL, Loss.ENTRY, Loss.CHECKPOINT))
        damage = Damage(loss, random.randrange(1_000))
        return cls(occasion.start, occasion.end, occasion.replica, damage=damage)


@dataclass(frozen=True, slots=True)
class DiskFull(ReplicaFault):
    """A replica stops when it has something to save."""

    name: ClassVar[str] = "disk full"
    harms_disk: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Fill the disk; make room at the end, and restart the replica if it stopped."""
        host = stage.host(self.replica)
        host.disk_is_full = True
        stage.at(self.end, stage.cluster.restart, host)


@dataclass(frozen=True, slots=True)
class Pause(ReplicaFault):
    """A replica stands still; what is sent to it waits."""

    name: ClassVar[str] = "pause"

    def begin(self, stage: Stage) -> None:
        """Pause, and resume at the end."""
        host = stage.host(self.replica)
        stage.cluster.pause(host)
        stage.at(self.end, stage.cluster.resume, host)


@dataclass(frozen=True, slots=True)
class ClockJump(ReplicaFault):
    """A replica's clock jumps forward. Nothing sets it back, so it ends as it starts."""

    name: ClassVar[str] = "clock jump"

    jump: Microseconds = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> ClockJump:
        """Draw how far the clock jumps."""
        jump = random.choice((10, 300, 3_000)) * MILLISECOND
        return cls(occasion.start, occasion.start, occasion.replica, jump)

    def begin(self, stage: Stage) -> None:
        """Set the clock forward."""
        stage.cluster.jump_clock(stage.host(self.replica), self.jump)


# Links


@dataclass(frozen=True, slots=True)
class These:
    """The links that are listed."""

    directions: tuple[Direction, ...]

    def of(self, _replica: int, _replica_count: int) -> tuple[Direction, ...]:
        """Return them, whichever replica the fault is of."""
        return self.directions


@dataclass(frozen=True, slots=True)
class Around:
    """All links between the replica with its ``companions``, those after it, and the others."""

    companions: int = 0

    def of(self, replica: int, replica_count: int) -> tuple[Direction, ...]:
        """Return both directions of each."""
        ring = [(replica + step) % replica_count for step in range(replica_count)]
        side = 1 + self.companions
        return both_ways(ring[:side], ring[side:])


@dataclass(frozen=True, slots=True)
class Outgoing:
    """All that the replica sends to others."""

    def of(self, replica: int, replica_count: int) -> tuple[Direction, ...]:
        """Return one direction of each of its links."""
        return tuple((replica, other) for other in range(replica_count) if other != replica)


Links = These | Around | Outgoing


def draw_links(random: Random, replica_count: int) -> These | None:
    """Draw which links fail together; None if there are none."""
    members = list(range(replica_count))
    random.shuffle(members)
    directions = tuple(_draw_directions(random, members))
    return These(directions) if directions else None


def _draw_directions(random: Random, members: list[int]) -> Iterable[Direction]:
    match random.randrange(6):
        case 0:  # one replica alone
            return both_ways(members[:1], members[1:])
        case 1:  # two sides
            size = random.randrange(len(members))
            return both_ways(members[:size], members[size:])
        case 2:  # one hears nobody
            return ((other, members[0]) for other in members[1:])
        case 3:  # nobody hears one
            return ((members[0], other) for other in members[1:])
        case 4:  # some directions, each alone
            directions = [(a, b) for a in members for b in members if a != b]
            return random.sample(directions, random.randint(0, len(directions) // 2))
        case _:  # one pair
            return both_ways(members[:1], members[1:2])


def both_ways(side: Iterable[int], other_side: Iterable[int]) -> tuple[Direction, ...]:
    """Return the links between two sides, both directions of each."""
    others = tuple(other_side)
    return tuple(link for a in side for b in others for link in ((a, b), (b, a)))


@dataclass(frozen=True, slots=True)
class Cut(ReplicaFault):
    """Links lose everything, from amid a ``flood`` of requests to the replica on.

    So it logs what the others lack, and they have what they do not know to be committed.
    """

    name: ClassVar[str] = "cut"

    links: Links = Around()
    flood: int = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Cut:
        """Draw an exile of the primary, or some links."""
        if random.randrange(2):
            return cls.draw_exile(random, occasion.start, occasion.end)
        links = draw_links(random, occasion.replica_count) or Around()
        return cls(occasion.start, occasion.end, occasion.replica, links)

    @classmethod
    def draw_exile(cls, random: Random, start: Microseconds, end: Microseconds) -> Cut:
        """Draw a cut that takes the primary away, with requests that reach nobody else."""
        companions = random.choice((0, 0, 1, 2))
        flood = random.choice((0, 1, 8, 30))
        return cls(start, end, links=Around(companions), flood=flood)

    def begin(self, stage: Stage) -> None:
        """Cut the links when half of the flood has come, of which the others still hear."""
        cluster = stage.cluster
        host = stage.host(self.replica)
        cut_at = cluster.flood(host, self.flood)
        links = self.links.of(host.index, len(cluster.hosts))
        stage.at(cut_at, cluster.cut_links, links)
        stage.at(max(cut_at, self.end), cluster.mend_links, links)


@dataclass(frozen=True, slots=True)
class Slow(ReplicaFault):
    """Messages on some links take longer by ``delay``; a ``flood`` of requests comes meanwhile."""

    name: ClassVar[str] = "slow links"

    links: Links = Outgoing()
    delay: Microseconds = 0
    flood: int = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Slow:
        """Draw a flooded replica whose messages are slow, or some links."""
        start, end = occasion.start, occasion.end
        delay = random.choice((10, 30, 100, 300, 1_000)) * MILLISECOND
        if random.randrange(2):
            flood = random.choice((1, 8, 30))
            return cls(start, end, occasion.replica, Outgoing(), delay, flood)
        links = draw_links(random, occasion.replica_count) or Outgoing()
        return cls(start, end, links=links, delay=delay)

    def begin(self, stage: Stage) -> None:
        """Slow the links down at once, and undo it at the end."""
        cluster = stage.cluster
        host = stage.host(self.replica)
        cluster.flood(host, self.flood)
        links = self.links.of(host.index, len(cluster.hosts))
        cluster.situations[Situation.LINKS_SLOWED] += 1
        cluster.slow_down(links, self.delay)
        stage.at(self.end, cluster.slow_down, links, -self.delay)


# Traps


@dataclass(frozen=True, slots=True)
class Trap(PlannedFault):
    """The next replica that gets into some state crashes while it says so.

    It is dead as long as the fault is planned to last, whenever it is caught.
    """

    situation: ClassVar[Situation]
    damage: ClassVar[Damage | None] = None

    point: AfterOutputs = AfterOutputs(0)

    @abstractmethod
    def catches(self, replica: Replica) -> bool:
        """Return whether a replica has got into that state."""

    def begin(self, stage: Stage) -> None:
        """Lie in wait. The cluster springs the trap."""
        stage.cluster.set_trap(self)


@dataclass(frozen=True, slots=True)
class Ambush(Trap):
    """The next replica that becomes primary crashes while it says so."""

    name: ClassVar[str] = "ambush"
    situation: ClassVar[Situation] = Situation.AMBUSH

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Ambush:
        """Draw to how many the primary has said so."""
        point = AfterOutputs(random.choice((0, 1, 1, 1, 2, 3)))
        return cls(occasion.start, occasion.end, point)

    def catches(self, replica: Replica) -> bool:
        """Return whether the replica serves as primary."""
        return replica.is_serving_primary


@dataclass(frozen=True, slots=True)
class Amnesia(Trap):
    """The next replica that enters a view crashes before it says so, and loses its log."""

    name: ClassVar[str] = "amnesia"
    harms_disk: ClassVar[bool] = True
    situation: ClassVar[Situation] = Situation.AMNESIA
    damage: ClassVar[Damage | None] = LOST_TAIL

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Amnesia:
        """There is nothing more to draw."""
        return cls(occasion.start, occasion.end)

    def catches(self, replica: Replica) -> bool:
        """Return whether the replica is changing views."""
        return replica.status is Status.VIEW_CHANGE


KINDS: tuple[type[PlannedFault], ...] = (
    Crash,
    PowerLoss,
    DiskDamage,
    DiskFull,
    Pause,
    ClockJump,
    Cut,
    Slow,
    Ambush,
    Amnesia,
)
"""In the order in which they are drawn: a later kind may begin when an earlier one's fault ends."""
