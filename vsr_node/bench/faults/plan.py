"""The plan of a run's faults, drawn from the seed before the run.

Each kind alternates between a fault and its end, on a schedule of its own, so that faults of
several kinds overlap. What ends by itself begins as often.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from vsr_node.bench.faults.kind import Demand, PlannedKind, PlannedValue
from vsr_node.bench.faults.kinds import KIND_OF_ACT
from vsr_node.bench.faults.partition import PARTITION
from vsr_node.bench.faults.targets import at_backup
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND

LAST_FAULT_NS = 2 * NANOSECONDS_PER_SECOND
"""How long the last fault of a thorough run lasts: time enough to elect another leader."""
PAUSE_NS = NANOSECONDS_PER_SECOND // 4
"""The least pause before it."""

DRAWS_MAX = 40
"""Variants that don't come up in so many draws have all been used."""


class Act(NamedTuple):
    """A planned act, ``at`` nanoseconds since operations began: a fault begins, or one ends.

    ``value`` is None for the end of a fault.
    """

    at: int
    kind: PlannedKind
    value: PlannedValue | None

    @property
    def f(self) -> str:
        """The act's name in history and schedule."""
        return self.kind.ends if self.value is None else self.kind.begins

    def as_json(self) -> dict[str, Any]:
        """Return the act as a line of a schedule."""
        value = None if self.value is None else self.value.as_json()
        return {"at": self.at, "f": self.f, "value": value}


def act_of(line: Mapping[str, Any]) -> Act:
    """Return the act that a line of a stored schedule describes."""
    kind, value = KIND_OF_ACT[line["f"]], line["value"]
    return Act(line["at"], kind, None if value is None else kind.value(**value))


def without_node(act: Act, node: str) -> Act | None:
    """Return the rest of an act in a group that lacks ``node``; None if nothing is left."""
    if act.value is None:
        return act
    left = act.value.without(node)
    return None if left is None else act._replace(value=left)


def plan_faults(demand: Demand, stream: Callable[[str], Random]) -> list[Act]:
    """Return all acts in order of time. ``stream`` gives each kind a random stream of its own."""
    plan: list[Act] = []
    for kind in demand.kinds:
        plan += _alternate(demand, kind, stream(f"nemesis/{kind.name}"))
    plan.sort(key=lambda act: act.at)
    return plan


def _alternate(demand: Demand, kind: PlannedKind, random: Random) -> list[Act]:
    """Alternate between a fault and its end, once an interval in the mean.

    Intervals are uniform between 0 and twice the mean. The first is at most one mean, so that a
    run as long as the mean has a fault at all; a thorough run has something to lose by then.
    """
    acts: list[Act] = []
    used: set[str] = set()
    earliest_ns = demand.interval_ns // 4 if demand.thorough else 0
    at = int(random.uniform(earliest_ns, demand.interval_ns))
    while at < demand.time_limit_ns:
        value = None
        if kind.ends_by_itself or len(acts) % 2 == 0:
            value = _next_fault(
                demand, kind, random, len(acts) // 2, used, demand.time_limit_ns - at
            )
            if value is None:
                return []
        acts.append(Act(at, kind, value))
        lasts_ns_min = 0 if value is None else value.lasts_ns_min
        at += max(int(random.uniform(0, 2 * demand.interval_ns)), lasts_ns_min)
    if kind.ends_by_itself or not (demand.thorough or demand.heals):
        return acts
    is_chosen = bool(demand.partitions) and kind is PARTITION
    if not demand.thorough or kind.at_leader is None or is_chosen:
        return [*acts, *[Act(demand.time_limit_ns, kind, None)] * (len(acts) % 2)]
    is_possible = kind.draw(demand, random) is not None
    return _with_last_fault(demand, kind, kind.at_leader, acts) if is_possible else []


def _with_last_fault(
    demand: Demand, kind: PlannedKind, at_leader: PlannedValue, acts: Sequence[Act]
) -> list[Act]:
    """Let the last fault hit the leader and end at the time limit.

    What another node lacks shows in the last reads only if that node leads by then.
    """
    end_ns = demand.time_limit_ns
    begin_ns = end_ns - min(LAST_FAULT_NS, end_ns // 4)
    before = [act for act in acts if act.at < begin_ns - PAUSE_NS]
    if len(before) % 2:
        before.append(Act(begin_ns - PAUSE_NS, kind, None))
    return [*before, Act(begin_ns, kind, at_leader), Act(end_ns, kind, None)]


def _next_fault(
    demand: Demand, kind: PlannedKind, random: Random, number: int, used: set[str], left_ns: int
) -> PlannedValue | None:
    """Draw a fault. In a thorough run every other one hits the leader, the first included.

    The variant of those between is not ``used`` yet, and counts as used then; if it lasts long, it
    is over in ``left_ns``. Return None if the group is too small for one.
    """
    value = kind.draw(demand, random)
    if value is None or not demand.thorough:
        return value
    if demand.partitions and kind is PARTITION:
        return value
    if kind.at_leader is not None and number % 2 == 0:
        return kind.at_leader
    first = [] if kind.at_leader is None else [at_backup(kind.at_leader)]
    draws = filter(None, (kind.draw(demand, random) for _ in range(DRAWS_MAX)))
    fitting = (each for each in chain(first, draws) if each.lasts_ns_min <= left_ns)
    fresh = next((each for each in fitting if each.kind not in used), None)
    if fresh is None:
        used.clear()
        fresh = value
    used.add(fresh.kind)
    return fresh
