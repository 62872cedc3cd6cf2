"""The kinds of faults. Each says what it needs, how it is drawn, how it begins and how it ends.

A fault is data, a part of a plan: the shrinker can leave it out, and it prints as code. A run calls
``begin`` at ``start``; all that comes later in the fault's life is scheduled on the ``Stage``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from vsr_node.core.status import Status
from vsr_node.simulation.choices import KnownEpoch, Loss, PastableEnum, Shape
from vsr_node.simulation.epochs import epoch_of
from vsr_node.simulation.partial_cuts import MEMBERS_MIN, Direction, draw_partial_cut
from vsr_node.simulation.situations import Situation
from vsr_node.simulation.timeline import (
    MILLISECOND,
    Microseconds,
    Timeline,
)

if TYPE_CHECKING:
    from vsr_node.simulation.cluster import Cluster, Host


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

    def after(self, length: Microseconds, action: Callable[..., object], *arguments: Any) -> None:
        """Call ``action`` after that time, unless the stage is closed by then."""
        self.at(self._timeline.now + length, action, *arguments)

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
class Stop(ReplicaFault):
    """A replica is cut off, is asked again what its log has, and is then stopped in good order.

    The ``flood`` of requests comes to another replica first, and after a ``silence`` to this one.
    It has them for ``grace`` before it is stopped.
    """

    name: ClassVar[str] = "stop"

    flood: int = 0
    silence: Microseconds = 0
    grace: Microseconds = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Stop:
        """Draw the flood, and the time without the others."""
        flood = random.choice((0, 8, 30))
        silence = random.choice((0, 300, 1_000, 3_000)) * MILLISECOND
        grace = random.choice((0, 5, 50, 200)) * MILLISECOND
        return cls(occasion.start, occasion.end, occasion.replica, flood, silence, grace)

    def begin(self, stage: Stage) -> None:
        """Cut the links when half of the flood has come; mend them and restart at the end."""
        cluster = stage.cluster
        host = stage.host(self.replica)
        cut_at = cluster.flood(cluster.host_after(host), self.flood)
        asked_at = cut_at + self.silence
        stop_at = asked_at + self.grace
        end = max(stop_at + 1, self.end)
        links = Around().of(host.index, len(cluster.hosts))
        stage.at(cut_at, cluster.cut_links, links)
        stage.at(asked_at, cluster.flood_again, host, self.flood)
        stage.at(stop_at, cluster.stop, host)
        stage.at(end, cluster.mend_links, links)
        stage.at(end, cluster.restart, host)


@dataclass(frozen=True, slots=True)
class PlannedRestart(ReplicaFault):
    """A replica that works is stopped in good order: a primary says farewell, and is heard."""

    name: ClassVar[str] = "planned restart"

    def begin(self, stage: Stage) -> None:
        """Stop the replica, and start it at the end."""
        host = stage.host(self.replica)
        stage.cluster.stop(host)
        stage.at(self.end, stage.cluster.restart, host)


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


# Members


@dataclass(frozen=True, slots=True)
class Reconfigure(ReplicaFault):
    """A replica is asked for other members: none of ``members`` stands for the present ones.

    It is asked for the same once more at ``end``, ``elsewhere`` unless that is None.
    """

    name: ClassVar[str] = "reconfigure"

    members: tuple[int, ...] = ()
    known_epoch: KnownEpoch = KnownEpoch.ANY
    elsewhere: int | None = None

    def begin(self, stage: Stage) -> None:
        """Ask, and ask again."""
        cluster = stage.cluster
        request = cluster.change_request(self.members, self.known_epoch)
        cluster.ask_for_change(stage.host(self.replica), request)
        if self.elsewhere is not None:
            stage.at(self.end, cluster.ask_for_change, stage.host(self.elsewhere), request)


@dataclass(frozen=True, slots=True)
class Wipe(ReplicaFault):
    """A replica is gone for good with all that it had. ``in_place`` of it one comes at the end.

    A process without a past never bears the name of one that had one.
    """

    name: ClassVar[str] = "wipe"
    harms_disk: ClassVar[bool] = True

    in_place: int | None = None

    def begin(self, stage: Stage) -> None:
        """Delete the replica, if the group can live without it."""
        cluster = stage.cluster
        cluster.wipe(stage.host(self.replica))
        if self.in_place is not None:
            stage.at(self.end, cluster.arrive, cluster.hosts[self.in_place])


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
class PartialCut(PlannedFault):
    """Links lose everything, and everybody still reaches everybody by way of others."""

    name: ClassVar[str] = "partial cut"

    shape: Shape
    directions: tuple[Direction, ...]

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> PartialCut:
        """Draw what is cut; nothing in a group that is too small."""
        if occasion.replica_count < MEMBERS_MIN:
            return cls(occasion.start, occasion.end, Shape.LINK, ())
        # Long enough for somebody to be missed.
        end = occasion.end + random.choice((0, 500, 2_000)) * MILLISECOND
        cut = draw_partial_cut(random, range(occasion.replica_count))
        return cls(occasion.start, end, *cut)

    def begin(self, stage: Stage) -> None:
        """Cut at once; mend at the end."""
        stage.cluster.situations[self.shape] += 1
        stage.cluster.cut_links(self.directions)
        stage.at(self.end, stage.cluster.mend_links, self.directions)


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


class Trap(Protocol):
    """Something befalls the next replica that gets into some state, whenever that is."""

    def catches(self, host: Host) -> bool:
        """Return whether a replica, whose view or status has just changed, is in that state."""

    def spring(self, stage: Stage, host: Host) -> None:
        """Do what befalls it."""


@dataclass(frozen=True, slots=True)
class FatalTrap(PlannedFault):
    """The next replica that gets into some state crashes while it says so.

    It is dead as long as the fault is planned to last, whenever it is caught.
    """

    situation: ClassVar[Situation]

    point: AfterOutputs = AfterOutputs(0)

    @abstractmethod
    def catches(self, host: Host) -> bool:
        """Return whether a replica has got into that state."""

    def damage_of(self) -> Damage | None:
        """Return what the replica's disk suffers."""
        return None

    def begin(self, stage: Stage) -> None:
        """Lie in wait. The cluster springs the trap."""
        stage.cluster.set_trap(self, stage)

    def spring(self, stage: Stage, host: Host) -> None:
        """Crash the replica in this turn, and restart it later."""
        stage.cluster.situations[self.situation] += 1
        stage.cluster.crash(host, self.point, self.damage_of())
        stage.after(self.end - self.start, stage.cluster.restart, host)


@dataclass(frozen=True, slots=True)
class Ambush(FatalTrap):
    """The next replica that becomes primary crashes while it says so."""

    name: ClassVar[str] = "ambush"
    situation: ClassVar[Situation] = Situation.AMBUSH

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Ambush:
        """Draw to how many the primary has said so."""
        point = AfterOutputs(random.choice((0, 1, 1, 1, 2, 3)))
        return cls(occasion.start, occasion.end, point)

    def catches(self, host: Host) -> bool:
        """Return whether the replica serves as primary."""
        return host.replica is not None and host.replica.is_serving_primary


@dataclass(frozen=True, slots=True)
class Amnesia(FatalTrap):
    """The next replica that enters a view crashes before it says so, and loses its log."""

    name: ClassVar[str] = "amnesia"
    harms_disk: ClassVar[bool] = True
    situation: ClassVar[Situation] = Situation.AMNESIA

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Amnesia:
        """There is nothing more to draw."""
        return cls(occasion.start, occasion.end)

    def catches(self, host: Host) -> bool:
        """Return whether the replica is changing views."""
        return host.status is Status.VIEW_CHANGE

    def damage_of(self) -> Damage | None:
        """Return the end of its log."""
        return LOST_TAIL


@dataclass(frozen=True, slots=True)
class Threshold(FatalTrap):
    """The next replica that enters an epoch crashes while it says so, and may lose its log."""

    name: ClassVar[str] = "threshold"
    situation: ClassVar[Situation] = Situation.THRESHOLD

    loses_log: bool = False

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Threshold:
        """Draw how much it has said, and whether it loses its log."""
        point = AfterOutputs(random.choice((0, 0, 1, 1, 2, 3)))
        return cls(occasion.start, occasion.end, point, loses_log=random.randrange(4) == 0)

    def catches(self, host: Host) -> bool:
        """Return whether the replica has entered an epoch in this turn."""
        return host.has_just_entered_epoch

    def damage_of(self) -> Damage | None:
        """Return what its disk suffers."""
        return LOST_TAIL if self.loses_log else None


@dataclass(frozen=True, slots=True)
class Bereavement(PlannedFault):
    """The next replica that has recovered is left without those from which it learned its log.

    As many of its view as the group can spare are cut off, the primary first. So the others go on
    with what the replica has learned.
    """

    name: ClassVar[str] = "bereavement"
    harms_disk: ClassVar[bool] = True

    @classmethod
    def draw(cls, _random: Random, occasion: Occasion) -> Bereavement:
        """There is nothing more to draw."""
        return cls(occasion.start, occasion.end)

    def begin(self, stage: Stage) -> None:
        """Lie in wait."""
        stage.cluster.set_trap(self, stage)

    def catches(self, host: Host) -> bool:
        """Return whether the replica has recovered in this turn."""
        return host.has_just_recovered

    def spring(self, stage: Stage, host: Host) -> None:
        """Cut the others of its view off."""
        cluster = stage.cluster
        cluster.situations[Situation.BEREAVEMENT] += 1
        epoch = cluster.invariants.epochs[epoch_of(host.view_number)]
        primary = epoch.primary_of(host.view_number)
        settled = [other for other in cluster.settled_in(host.view_number) if other is not host]
        settled.sort(key=lambda other: other.name != primary)
        gone = [other.index for other in settled[: epoch.failures_max]]
        links = both_ways(gone, (i for i in range(len(cluster.hosts)) if i not in gone))
        cluster.cut_links(links)
        stage.after(self.end - self.start, cluster.mend_links, links)


@dataclass(frozen=True, slots=True)
class PartialNews(PlannedFault):
    """A replica recovers amid a view change, and hears of the new view from all but its primary.

    The next primary misses the end of a ``flood`` of requests. Then the present one is exiled, a
    third replica loses its log, and what the next one says reaches it only for a while.
    """

    name: ClassVar[str] = "partial news"
    harms_disk: ClassVar[bool] = True

    flood: int = 0
    hearing: Microseconds = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> PartialNews:
        """Draw the flood, and how long the replica hears the next primary."""
        flood = random.choice((30, 100, 200))
        hearing = random.choice((20, 50, 100, 200)) * MILLISECOND
        return cls(occasion.start, occasion.end, flood, hearing)

    def begin(self, stage: Stage) -> None:
        """Let the one thing happen after the other, and mend all links at the end."""
        cluster = stage.cluster
        present = stage.host(None)
        following = cluster.host_after(present)
        loser = cluster.host_after(following)
        missing = both_ways((present.index,), (following.index,))
        exile = Around().of(present.index, len(cluster.hosts))
        silence = ((following.index, loser.index),)
        exiled_at = cluster.flood(present, self.flood)
        deaf_at = exiled_at + self.hearing
        end = max(deaf_at + 1, self.end)
        stage.at(self.start, cluster.cut_links, missing)
        stage.at(exiled_at, cluster.cut_links, exile)
        stage.at(exiled_at, cluster.crash, loser, Instant.BETWEEN_TURNS, LOST_TAIL)
        stage.at(exiled_at + MILLISECOND, cluster.restart, loser)
        stage.at(deaf_at, cluster.cut_links, silence)
        stage.at(end, cluster.mend_links, missing + exile + silence)


@dataclass(frozen=True, slots=True)
class Comeback(PlannedFault):
    """A primary that was exiled comes back just when the view numbers have come round to it.

    Its ``companions`` are exiled with it, amid a ``flood`` of requests, and stay away for longer.
    The primaries in between are cut off as soon as they serve. If the views do not come round in
    time, the exile just ends.
    """

    name: ClassVar[str] = "comeback"

    companions: int = 1
    flood: int = 0

    @classmethod
    def draw(cls, random: Random, occasion: Occasion) -> Comeback:
        """Draw a minority that is exiled, and the flood."""
        companions = random.randint(1, (occasion.replica_count - 1) // 2 - 1)
        flood = random.choice((8, 30, 100, 300))
        return cls(occasion.start, occasion.end, companions, flood)

    def begin(self, stage: Stage) -> None:
        """Exile the present primary when half of the flood has come."""
        host = stage.host(None)
        cut_at = stage.cluster.flood(host, self.flood)
        stage.at(cut_at, Exile(stage, host, self.companions).begin, max(cut_at + 1, self.end))


class Exile:
    """A primary in exile with its companions: a trap for those that lead in its place."""

    def __init__(self, stage: Stage, host: Host, companions: int) -> None:
        self._cluster = stage.cluster
        self._stage = stage
        self._host = host
        count, side = len(self._cluster.hosts), 1 + companions
        ring = [(host.index + step) % count for step in range(count)]
        exiled, companions_of_exiled, others = ring[:1], ring[1:side], ring[side:]
        self._own_links = both_ways(exiled, others)
        self._links_of_companions = both_ways(companions_of_exiled, others)
        self._links_between = both_ways(exiled, companions_of_exiled)
        self._view_number = host.view_number
        self._is_away = True
        self._is_over = False

    def begin(self, end: Microseconds) -> None:
        """Begin the exile."""
        self._cluster.cut_links(self._own_links + self._links_of_companions)
        self._cluster.set_trap(self, self._stage)
        self._stage.at(end, self._end)

    def catches(self, host: Host) -> bool:
        """Return whether the replica leads a newer view."""
        return (
            host.replica is not None
            and host.replica.is_serving_primary
            and host.view_number > self._view_number
        )

    def spring(self, stage: Stage, host: Host) -> None:
        """Cut the new primary off until all want another, and let the exiled one lead next."""
        assert host.replica is not None
        if host is self._host:
            self._cluster.situations[Situation.COMEBACK] += 1
            stage.after(2 * host.replica.time_out, self._end)
            return
        epoch = self._cluster.invariants.epochs[epoch_of(host.view_number)]
        if epoch.primary_of(host.view_number + 1) == self._host.name:
            self._come_back()
        links = Around().of(host.index, len(self._cluster.hosts))
        self._cluster.cut_links(links)
        stage.after(2 * host.replica.time_out, self._cluster.mend_links, links)
        self._cluster.set_trap(self, stage)

    def _come_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._cluster.mend_links(self._own_links)
            self._cluster.cut_links(self._links_between)

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._come_back()
        self._cluster.remove_trap(self)
        self._cluster.mend_links(self._links_of_companions + self._links_between)


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
    Bereavement,
    Stop,
    PlannedRestart,
    PartialCut,
)
"""In the order in which they are drawn: a later kind may begin when an earlier one's fault ends."""
