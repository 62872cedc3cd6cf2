"""Changes of members: the founders, the members asked for, and what befalls those that change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from vsr_node.simulation.choices import KnownEpoch
from vsr_node.simulation.faults import (
    Crash,
    Cut,
    DiskDamage,
    Occasion,
    Pause,
    PlannedFault,
    Reconfigure,
    Threshold,
    Wipe,
)
from vsr_node.simulation.timeline import MICROSECONDS_PER_SECOND, MILLISECOND, Microseconds

PROCESS_COUNTS = (2, 3, 4, 5, 5, 6, 6, 7, 7, 7)
"""Of runs in which members change: there are more processes than members, mostly."""

MEMBERS_MAX = 5


@dataclass(frozen=True, slots=True)
class Processes:
    """Which replicas found the group (none: all), and which are ``absent`` until they arrive.

    With ``deletes_released`` a released replica is deleted at once.
    """

    founders: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    deletes_released: bool = False


def draw_processes(random: Random, replica_count: int) -> Processes:
    """Draw who founds the group, and which process is not there yet."""
    names = random.sample(range(replica_count), replica_count)
    founder_count = random.randint(1, min(MEMBERS_MAX, replica_count))
    spare_count = replica_count - founder_count
    absent_count = random.choice((0, 0, 1, 2))
    return Processes(
        founders=tuple(names[:founder_count]),
        absent=tuple(sorted(names[max(founder_count, replica_count - absent_count) :]))
        if spare_count
        else (),
        deletes_released=random.randrange(2) == 0,
    )


def draw_change_count(random: Random) -> int:
    """Draw how often other members are asked for."""
    return random.choice((1, 3, 6, 12, 24))


def draw_changes(
    random: Random,
    processes: Processes,
    starts: Sequence[Microseconds],
    duration: Microseconds,
    replica_count: int,
) -> Iterator[PlannedFault]:
    """Draw requests for other members at these times, and what befalls those that change."""
    members = processes.founders
    is_gradual = random.randrange(2) == 0
    for start in starts:
        wanted = draw_members(random, members, replica_count, is_gradual=is_gradual)
        yield draw_change(random, start, wanted, replica_count)
        if random.randrange(6) == 0:
            # Another one at the same time, or the end of this one.
            rival = random.choice(((), draw_members(random, members, replica_count)))
            soon = start + random.randrange(300 * MILLISECOND)
            yield draw_change(random, soon, rival, replica_count)
        if random.randrange(3) == 0:
            yield draw_mishap(random, start, replica_count)
        members = wanted
    for process in processes.absent:
        start = random.randrange(duration)
        victim = None if random.randrange(2) else random.randrange(replica_count)
        yield Wipe(start, start + 1 + random.randrange(MICROSECONDS_PER_SECOND), victim, process)


def draw_members(
    random: Random, members: tuple[int, ...], replica_count: int, *, is_gradual: bool = False
) -> tuple[int, ...]:
    """Draw new members: one more, less or other than before, or any."""
    others = [each for each in range(replica_count) if each not in members]
    if is_gradual and random.randrange(4):
        kept = list(members)
        steps = ["add"] * (len(members) < MEMBERS_MAX and bool(others))
        steps += ["replace"] * bool(others) + ["remove"] * (len(members) > 1)
        step = random.choice(steps or ["shuffle"])
        if step in ("remove", "replace"):
            kept.remove(random.choice(kept))
        if step in ("add", "replace"):
            kept.append(random.choice(others))
        random.shuffle(kept)
        return tuple(kept)
    return tuple(
        random.sample(range(replica_count), random.randint(1, min(MEMBERS_MAX, replica_count)))
    )


def draw_change(
    random: Random, start: Microseconds, members: tuple[int, ...], replica_count: int
) -> Reconfigure:
    """Draw whom to ask for these members, and whom to ask again."""
    replica = None if random.randrange(3) else random.randrange(replica_count)
    return Reconfigure(
        start,
        start + random.randrange(2 * MICROSECONDS_PER_SECOND),
        replica,
        members,
        random.choice((*KnownEpoch, KnownEpoch.ANY, KnownEpoch.ANY, KnownEpoch.PRESENT)),
        random.choice((None, random.randrange(replica_count))),
    )


def draw_mishap(random: Random, start: Microseconds, replica_count: int) -> PlannedFault:
    """Draw what befalls a replica amid a change."""
    soon = start + random.randrange(500 * MILLISECOND)
    end = soon + 1 + random.randrange(3 * MICROSECONDS_PER_SECOND)
    occasion = Occasion(
        soon, end, random.choice((None, random.randrange(replica_count))), replica_count
    )
    kind = random.choice((Threshold, Threshold, Threshold, Cut, Cut, Crash, Pause, DiskDamage))
    return kind.draw(random, occasion)
