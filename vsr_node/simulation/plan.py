"""What a seed stands for: cluster, faults and operations, written down before the run begins.

A plan is data. ``draw(seed)`` makes one; the shrinker takes parts away from it; a regression test
holds one as a literal.

Swarm testing (Groce et al., ISSTA 2012): each seed switches whole kinds of faults off, since a
fault that is always there hides what only happens without it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import get_args

from vsr_node.core.limits import Limits
from vsr_node.core.messages import Message
from vsr_node.machines.answers import Operation
from vsr_node.simulation.changes import (
    PROCESS_COUNTS,
    Processes,
    draw_change_count,
    draw_changes,
    draw_processes,
)
from vsr_node.simulation.choices import DelayKind, Fate, LastWords, Shape
from vsr_node.simulation.faults import (
    KINDS,
    LOST_TAIL,
    AfterOutputs,
    Ambush,
    Bereavement,
    Comeback,
    Crash,
    Cut,
    DiskDamage,
    Instant,
    Occasion,
    PartialNews,
    Pause,
    PlannedFault,
)
from vsr_node.simulation.operations import draw_other
from vsr_node.simulation.partial_cuts import MEMBERS_MIN, Direction, draw_partial_cut
from vsr_node.simulation.streams import exponential, stream
from vsr_node.simulation.timeline import MICROSECONDS_PER_SECOND, MILLISECOND, Microseconds

PER_MYRIAD = 10_000
PER_MILLE = 1_000


@dataclass(frozen=True, slots=True)
class MessageFaults:
    """How the links treat messages. With ``in_order`` no message overtakes another on its link."""

    loss_per_myriad: int = 0
    duplicate_per_myriad: int = 0
    delay_kind: DelayKind = DelayKind.CONSTANT
    delay_mean: Microseconds = MILLISECOND
    in_order: bool = True
    # How much longer a repeated copy takes, in the mean: it brings news of views long gone.
    copy_delay_mean: Microseconds = 0
    # The class name of the messages that take longer (none if empty), and by how much in the mean.
    slow_kind: str = ""
    slow_kind_delay_mean: Microseconds = 0
    # A replica that restarts first hears again what it heard last: news of another life.
    replays: bool = False
    # Single messages that are lost or repeated, as (source, destination, number on that link).
    # The shrinker lists them here in place of the rates.
    lost: frozenset[tuple[str, str, int]] = frozenset()
    duplicated: frozenset[tuple[str, str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedOperation:
    """An operation that is sent after ``think_time`` to one target after the other."""

    operation: Operation
    think_time: Microseconds
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """Operations of a client, one at a time. Lanes of one client share its request numbers."""

    client: str
    retry_after: Microseconds
    operations: tuple[PlannedOperation, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """The liveness phase: the ``quorum`` for which the faults end first, and the others' fates."""

    quorum: tuple[int, ...]
    fates: tuple[tuple[int, Fate], ...]
    lanes: tuple[Lane, ...]
    lanes_after_healing: tuple[Lane, ...]
    last_words: LastWords | None = None
    # What stays cut between members of the quorum, who reach each other by way of others.
    shape: Shape | None = None
    cuts: tuple[Direction, ...] = ()


@dataclass(frozen=True, slots=True)
class Disks:
    """How the disks are used. A turn's outputs leave up to ``save_delay`` after it was saved.

    With ``more_losses`` more replicas may lose their logs at once than the group can live through.
    Then it may stop for ever, but must still not report anything untrue.
    """

    are_flushed: bool = True
    save_delay: Microseconds = 0
    more_losses: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    replica_count: int
    # The longest time from a turn's first message to the turn, which takes all that has come.
    turn_delay: Microseconds
    clock_rates_per_mille: tuple[int, ...]
    messages: MessageFaults
    faults: tuple[PlannedFault, ...]
    lanes: tuple[Lane, ...]
    settlement: Settlement
    # Whether reads ask a quorum instead of going through the log.
    quorum_reads: bool = False
    limits: Limits = field(default_factory=Limits)
    disks: Disks = field(default_factory=Disks)
    # Whether messages are encoded and decoded on their way, as between nodes.
    as_bytes: bool = False
    processes: Processes = field(default_factory=Processes)

    @property
    def calm(self) -> bool:
        """Whether nothing disturbs the run, so that no replica has a reason to repeat a message."""
        messages = self.messages
        return (
            not self.faults
            and not self.settlement.fates
            and not self.settlement.cuts
            and messages.delay_kind is DelayKind.CONSTANT
            and self.turn_delay == 0
            and self.disks.save_delay == 0
            and len(set(self.clock_rates_per_mille)) == 1
            and messages.loss_per_myriad == messages.duplicate_per_myriad == 0
            and not messages.replays
            and not messages.slow_kind
            and not messages.lost
            and not messages.duplicated
        )


REPLICA_COUNTS = (1, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7, 7)
"""The usual sizes come most often, and an even one now and then."""

DELAY_MEANS = (
    0,
    100,
    MILLISECOND,
    MILLISECOND,
    5 * MILLISECOND,
    20 * MILLISECOND,
    100 * MILLISECOND,
)


def draw(seed: int) -> Plan:
    """Draw the plan that ``seed`` stands for."""
    random = stream(seed, "plan")
    replica_count = random.choice(REPLICA_COUNTS)
    calm = random.randrange(16) == 0
    members = stream(seed, "plan", "configuration")
    changes_members = members.randrange(3) == 1 and not calm
    if changes_members:
        replica_count = members.choice(PROCESS_COUNTS)
    duration = random.choice((4, 8, 16, 32)) * MICROSECONDS_PER_SECOND
    messages = draw_message_faults(stream(seed, "plan", "messages"), calm)
    limits = draw_limits(stream(seed, "plan", "limits"))
    limits = draw_sizes(stream(seed, "plan", "sizes"), limits)
    if not changes_members:
        # A session's client asks members, and here it would not learn who they are.
        limits = draw_sessions(stream(seed, "plan", "sessions"), limits)
    disturbed = not calm and random.randrange(8) > 0
    faults: tuple[PlannedFault, ...] = ()
    if disturbed:
        faults = draw_faults(seed, replica_count, duration, of_members=changes_members)
    processes = Processes()
    if changes_members:
        processes = draw_processes(members, replica_count)
        starts = [draw_start(members, faults, duration) for _ in range(draw_change_count(members))]
        changes = draw_changes(members, processes, sorted(starts), duration, replica_count)
        faults = tuple(sorted((*faults, *changes), key=lambda fault: fault.start))
    return Plan(
        seed=seed,
        replica_count=replica_count,
        turn_delay=0 if calm else random.choice((0, 0, 50, MILLISECOND, messages.delay_mean)),
        clock_rates_per_mille=draw_clock_rates(stream(seed, "plan", "clocks"), replica_count, calm),
        messages=messages,
        faults=faults,
        lanes=draw_lanes(seed, replica_count, duration, messages.delay_mean, calm),
        settlement=draw_settlement(seed, replica_count, messages.delay_mean, calm),
        quorum_reads=random.randrange(3) > 0,
        limits=limits,
        disks=Disks() if calm else draw_disks(stream(seed, "plan", "disks")),
        as_bytes=stream(seed, "plan", "bytes").randrange(8) == 0,
        processes=processes,
    )


def draw_limits(random: Random) -> Limits:
    """Draw how often checkpoints are taken and how large their chunks are."""
    return Limits(
        checkpoint_interval=random.choice((1, 1, 4, 16, 50, 2_048)),
        chunk_parts=random.choice((1, 1, 2, 5, 512)),
    )


def draw_sizes(random: Random, limits: Limits) -> Limits:
    """Draw bounds in size that a few of the small operations of a run reach, in some seeds."""
    if random.randrange(8):
        return limits
    return limits._replace(
        batch_size=random.choice((1, 200, 500)),
        uncommitted_size=random.choice((1, 200, 1_000)),
        waiting_size=random.choice((500, 2_000, 64 << 20)),
    )


def draw_sessions(random: Random, limits: Limits) -> Limits:
    """Draw whether clients register, and how few sessions are kept."""
    if random.randrange(4):
        return limits
    return limits._replace(registered=True, clients_max=random.choice((1, 2, 3, 5, 10_000)))


def draw_disks(random: Random) -> Disks:
    """Draw whether disks are flushed, how slow they are, and how much may be lost."""
    return Disks(
        are_flushed=random.randrange(2) == 0,
        save_delay=random.choice((0, 0, 0, MILLISECOND, 20 * MILLISECOND)),
        more_losses=random.randrange(24) == 0,
    )


_KINDS = tuple(kind.__name__ for kind in get_args(Message))
SLOW_KINDS = ("",) * len(_KINDS) + _KINDS + ("ReadOk",) * 4
"""In almost half of the seeds none. Only late READ_OKs show whether they serve the right reads."""


def draw_message_faults(random: Random, calm: bool) -> MessageFaults:
    """Draw loss, duplication and delay; a calm run has only a constant delay."""
    mean = random.choice(DELAY_MEANS)
    if calm:
        return MessageFaults(delay_mean=mean)
    return MessageFaults(
        loss_per_myriad=random.choice((0, 0, 50, 200, 1_000, 2_000)),
        duplicate_per_myriad=random.choice((0, 0, 50, 500, 2_000)),
        delay_kind=random.choice(tuple(DelayKind)),
        delay_mean=mean,
        in_order=random.randrange(3) == 0,
        copy_delay_mean=random.choice(
            (0, mean, 300 * MILLISECOND, 3_000 * MILLISECOND, 10_000 * MILLISECOND)
        ),
        slow_kind=random.choice(SLOW_KINDS),
        slow_kind_delay_mean=random.choice((30, 100, 300, 1_000)) * MILLISECOND,
        replays=random.randrange(3) == 0,
    )


def draw_clock_rates(random: Random, replica_count: int, calm: bool) -> tuple[int, ...]:
    """Draw how fast each replica's clock runs, in thousandths of virtual time."""
    spread = 0 if calm else random.choice((0, 0, 10, 100, 300))
    return tuple(PER_MILLE + random.randint(-spread, spread) for _ in range(replica_count))


def draw_faults(
    seed: int, replica_count: int, duration: Microseconds, *, of_members: bool
) -> tuple[PlannedFault, ...]:
    """Draw the faults of each kind that this seed does not switch off, in order of ``start``.

    The meetings that fill whole plans are of a group that stays the same, not ``of_members``.
    """
    random = stream(seed, "plan", "faults")
    if replica_count > 4 and not of_members and random.randrange(3) == 0:
        draw_meeting = random.choice((draw_comebacks, draw_partial_news))
        return tuple(draw_meeting(random, duration, replica_count))
    faults: list[PlannedFault] = []
    disks_fail = random.randrange(2) == 0
    for kind in KINDS:
        if random.randrange(2) or (kind.harms_disk and not disks_fail):
            continue
        own = stream(seed, "plan", "faults", kind.name)
        length_mean = own.choice((30, 300, 300, 1_000, 3_000)) * MILLISECOND
        for _ in range(own.choice((2, 6, 12, 24))):
            start = draw_start(own, faults, duration)
            occasion = draw_occasion(own, start, length_mean, replica_count)
            faults.append(kind.draw(own, occasion))
    if random.randrange(2) == 0:
        faults.extend(draw_storm(random, duration))
    if disks_fail and random.randrange(3) == 0:
        faults.extend(draw_relapses(random, duration, replica_count))
    return tuple(sorted(faults, key=lambda fault: fault.start))


def draw_comebacks(
    random: Random, duration: Microseconds, replica_count: int
) -> Iterator[PlannedFault]:
    """Draw exiles of primaries, one after the other. Any other fault would end the round of views.

    In groups of less than five nobody has acknowledged what the exile alone has logged.
    """
    length = 16 * MICROSECONDS_PER_SECOND
    for start in range(random.randrange(duration // 4), duration, length):
        yield Comeback.draw(random, Occasion(start, start + length, None, replica_count))


def draw_partial_news(
    random: Random, duration: Microseconds, replica_count: int
) -> Iterator[PlannedFault]:
    """Draw recoveries amid view changes; those that are recovered from are then cut off.

    Any other fault would end the view change in another way.
    """
    length = random.choice((1, 2, 4)) * MICROSECONDS_PER_SECOND
    for start in range(random.randrange(length), duration, 2 * length):
        occasion = Occasion(start, start + length, None, replica_count)
        yield PartialNews.draw(random, occasion)
        yield Bereavement.draw(random, occasion)


def draw_start(
    random: Random, earlier: Sequence[PlannedFault], duration: Microseconds
) -> Microseconds:
    """Draw when a fault begins: often just when another ends, which is when bugs show."""
    if earlier and random.randrange(2):
        return random.choice(earlier).end + random.randrange(100 * MILLISECOND)
    return random.randrange(duration)


def draw_occasion(
    random: Random, start: Microseconds, length_mean: Microseconds, replica_count: int
) -> Occasion:
    """Draw how long a fault lasts, and whether it is the primary's or another replica's."""
    end = start + 1 + exponential(random, length_mean)
    replica = None if random.randrange(2) else random.randrange(replica_count)
    return Occasion(start, end, replica, replica_count)


def draw_relapses(
    random: Random, duration: Microseconds, replica_count: int
) -> Iterator[PlannedFault]:
    """Draw a replica that loses its log again and again, while primaries are now and then away."""
    replica = random.randrange(replica_count)
    period = random.choice((150, 400, 1_000)) * MILLISECOND
    for start in range(random.randrange(period), duration, period):
        end = start + 1 + random.randrange(period // 2)
        yield DiskDamage(start, end, replica, damage=LOST_TAIL)
        if random.randrange(4) == 0:
            yield Cut.draw_exile(random, start, start + random.randrange(4 * period))


STORM_KINDS = (Cut, Cut, Pause, Crash)


def draw_storm(random: Random, duration: Microseconds) -> Iterator[PlannedFault]:
    """Draw faults that befall one primary after the other: many views in one run.

    In some storms each primary comes back just as the next one goes. In some a primary is exiled
    for several views, and comes back with what it alone had logged.
    """
    period = random.choice((400, 700, 1_000, 1_500)) * MILLISECOND
    kind = random.choice(STORM_KINDS)
    is_relay = random.randrange(2) == 0
    for start in range(random.randrange(period), duration, period):
        length = period if is_relay else period // 2 + random.randrange(2 * period)
        end = start + length + random.randrange(100 * MILLISECOND)
        yield draw_gust(random, kind, start, end)
        if random.randrange(6) == 0:
            yield Ambush(start, end, AfterOutputs(random.choice((0, 1, 2))))
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        start = random.randrange(duration)
        yield Cut.draw_exile(random, start, start + random.randrange(8 * period))


def draw_gust(
    random: Random, kind: type[PlannedFault], start: Microseconds, end: Microseconds
) -> PlannedFault:
    """Draw one fault of a storm."""
    if kind is Cut:
        return Cut.draw_exile(random, start, end)
    point = random.choice((Instant.BETWEEN_TURNS, AfterOutputs(1)))
    return Crash(start, end, point=point) if kind is Crash else Pause(start, end)


def draw_lanes(
    seed: int, replica_count: int, duration: Microseconds, delay_mean: Microseconds, calm: bool
) -> tuple[Lane, ...]:
    """Draw the clients of the safety phase: at least 400 operations in all, on a few hot keys."""
    random = stream(seed, "plan", "lanes")
    client_count = random.randint(1, 5)
    lanes_each = random.choice((1, 1, 2, 4))
    operation_count = random.randint(400, 520)
    lane_count = client_count * lanes_each
    traits = ClientTraits(
        key_count=random.choice((1, 2, 3, 5)),
        value_count=random.choice((2, 5, 1_000_000)),
        reads_of_8=random.choice((2, 2, 4, 6)),
        others_of_8=random.choice((0, 1, 3)),
        think_time_mean=duration * lane_count // operation_count,
        attempts_max=1 if calm else random.choice((1, 2, 2, 4)),
        loyal=random.randrange(2) == 0,
        bursty=random.randrange(3) == 0,
        replicas=tuple(range(replica_count)),
    )
    # Without faults nobody needs to ask twice. With faults some clients retry within a round trip.
    factor = 100 if calm else random.choice((1, 6, 30, 300))
    retry_after = factor * (delay_mean + 10 * MILLISECOND)
    if not calm:
        retry_after = min(retry_after, MICROSECONDS_PER_SECOND)
    return tuple(
        Lane(
            f"c{client}",
            retry_after,
            traits.draw_operations(
                stream(seed, "plan", "lane", client, lane), -(-operation_count // lane_count)
            ),
        )
        for client in range(client_count)
        for lane in range(lanes_each)
    )


@dataclass(frozen=True, slots=True)
class ClientTraits:
    """What the operations of all clients of a run have in common."""

    key_count: int
    value_count: int
    reads_of_8: int
    others_of_8: int  # operations that are not lin-kv's
    think_time_mean: Microseconds
    attempts_max: int
    loyal: bool  # asks the same replica first each time
    bursty: bool  # asks several times in a row, then thinks for a long time
    replicas: tuple[int, ...]

    def draw_operations(self, random: Random, count: int) -> tuple[PlannedOperation, ...]:
        """Draw the operations of one lane."""
        home = random.choice(self.replicas)
        return tuple(self._draw_operation(random, home) for _ in range(count))

    def _draw_operation(self, random: Random, home: int) -> PlannedOperation:
        first = home if self.loyal else random.choice(self.replicas)
        others = (random.choice(self.replicas) for _ in range(random.randrange(self.attempts_max)))
        return PlannedOperation(
            operation=self._draw_request(random),
            think_time=self._draw_think_time(random),
            targets=(first, *others),
        )

    def _draw_think_time(self, random: Random) -> Microseconds:
        if not self.bursty:
            return exponential(random, self.think_time_mean)
        return 0 if random.randrange(8) else exponential(random, 8 * self.think_time_mean)

    def _draw_request(self, random: Random) -> Operation:
        """Draw an operation of the machine; keys and values are JSON texts."""
        if random.randrange(8) < self.others_of_8:
            return draw_other(random, self.key_count)
        key = f'"k{random.randrange(self.key_count)}"'
        value, other = (str(random.randrange(self.value_count)) for _ in range(2))
        if random.randrange(8) < self.reads_of_8:
            return ("read", key)
        if random.randrange(3) == 0:
            return ("write", key, value)
        return ("cas", key, value, other, False)


FATES = (*Fate, Fate.DEAF, Fate.DEAF)
"""A deaf replica votes as long as it lives: most bugs in voting need one."""


def draw_settlement(
    seed: int, replica_count: int, delay_mean: Microseconds, calm: bool
) -> Settlement:
    """Draw the quorum that is spared first, the others' fates, and what must be served."""
    random = stream(seed, "plan", "settlement")
    members = list(range(replica_count))
    random.shuffle(members)
    size = replica_count if calm else random.randint(replica_count // 2 + 1, replica_count)
    if random.randrange(2) and not calm:
        size = replica_count // 2 + 1
    quorum = tuple(sorted(members[:size]))
    fates = tuple((outsider, random.choice(FATES)) for outsider in sorted(members[size:]))
    # Now and then nobody asks anything more, and what is under way must end all the same.
    idle = not calm and random.randrange(4) == 0
    everybody = tuple(range(replica_count))
    settlement = Settlement(
        quorum=quorum,
        fates=fates,
        lanes=draw_patient_lanes(seed, "quorum", quorum, delay_mean) if not idle else (),
        lanes_after_healing=draw_patient_lanes(seed, "everybody", everybody, delay_mean)
        if not idle
        else (),
        last_words=random.choice(tuple(LastWords)) if idle else None,
    )
    return settlement if calm else draw_staying_cuts(stream(seed, "plan", "cuts"), settlement)


def draw_staying_cuts(random: Random, settlement: Settlement) -> Settlement:
    """Draw, in some seeds, what stays cut. No route then leads over links that lose messages."""
    if random.randrange(3) or len(settlement.quorum) < MEMBERS_MIN:
        return settlement
    shape, cuts = draw_partial_cut(random, settlement.quorum)
    fates = tuple(
        (outsider, Fate.CUT_OFF if fate is Fate.UNSTABLE else fate)
        for outsider, fate in settlement.fates
    )
    return replace(settlement, fates=fates, shape=shape, cuts=cuts)


def draw_patient_lanes(
    seed: int, name: str, replicas: tuple[int, ...], delay_mean: Microseconds
) -> tuple[Lane, ...]:
    """Draw clients that repeat each request until it is answered, each at one replica."""
    traits = ClientTraits(
        key_count=2,
        value_count=5,
        reads_of_8=3,
        others_of_8=0,  # A read without a key waits until something was written.
        think_time_mean=10 * MILLISECOND,
        attempts_max=1,
        loyal=True,
        bursty=False,
        replicas=replicas,
    )
    retry_after = 100 * (delay_mean + 20 * MILLISECOND)
    lanes = []
    for lane in range(2):
        operations = traits.draw_operations(stream(seed, "plan", name, lane), 5)
        lanes.append(Lane(f"{name}{lane}", retry_after, operations))
    return tuple(lanes)
