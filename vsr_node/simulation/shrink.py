"""Shrink a failing plan to a small one that still fails in the same way.

This is delta debugging (Zeller & Hildebrandt, 2002) over all that a plan lists: faults, single lost
and repeated messages, lanes, operations. A smaller plan counts if it breaks the same invariant.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from vsr_node.simulation.choices import DelayKind
from vsr_node.simulation.plan import PER_MILLE, Lane, MessageFaults, Plan, Settlement
from vsr_node.simulation.run import RunOutcome, execute

Item = TypeVar("Item")

RUNS_MAX = 400


class Shrinker:
    """Looks for smaller plans in at most ``runs_max`` runs by ``run``."""

    def __init__(
        self,
        outcome: RunOutcome,
        runs_max: int = RUNS_MAX,
        run: Callable[[Plan], RunOutcome] = execute,
    ) -> None:
        if outcome.failure is None:
            raise ValueError("only a plan that fails can be shrunk")
        self._invariant = outcome.failure.invariant
        self.outcome = outcome
        self._runs_left = runs_max
        self._run = run

    def shrink(self) -> RunOutcome:
        """Return the smallest failing run that was found."""
        self._name_message_faults()
        size = None
        while size != (size := size_of(self.outcome.plan)) and self._runs_left:
            self._calm_down()
            self._drop_settlement()
            self._drop_faults()
            self._drop_operations()
            self._drop_message_faults()
        return self.outcome

    def _try(self, plan: Plan) -> bool:
        """Keep a plan if it fails in the same way."""
        if plan == self.outcome.plan or not self._runs_left:
            return False
        self._runs_left -= 1
        outcome = self._run(plan)
        if outcome.failure is None or outcome.failure.invariant != self._invariant:
            return False
        self.outcome = outcome
        return True

    @property
    def _plan(self) -> Plan:
        return self.outcome.plan

    def _name_message_faults(self) -> None:
        """List the messages that were lost or repeated, in place of the rates."""
        messages = replace(
            self._plan.messages,
            loss_per_myriad=0,
            duplicate_per_myriad=0,
            lost=frozenset(self.outcome.lost),
            duplicated=frozenset(self.outcome.duplicated),
        )
        self._try_messages(messages)

    def _calm_down(self) -> None:
        """Take away in one go what may not matter."""
        messages = self._plan.messages
        self._try_messages(replace(messages, lost=frozenset(), loss_per_myriad=0))
        messages = self._plan.messages
        self._try_messages(replace(messages, duplicated=frozenset(), duplicate_per_myriad=0))
        self._try_messages(replace(self._plan.messages, delay_kind=DelayKind.CONSTANT))
        self._try_messages(replace(self._plan.messages, in_order=True))
        self._try_messages(replace(self._plan.messages, replays=False))
        self._try_messages(replace(self._plan.messages, slow_kind=""))
        self._try(replace(self._plan, turn_delay=0))
        self._try(replace(self._plan, as_bytes=False))
        clock_rates = (PER_MILLE,) * self._plan.replica_count
        self._try(replace(self._plan, clock_rates_per_mille=clock_rates))

    def _try_messages(self, messages: MessageFaults) -> bool:
        return self._try(self._with_messages(messages))

    def _drop_settlement(self) -> None:
        settlement = self._plan.settlement
        everybody = tuple(range(self._plan.replica_count))
        self._try(replace(self._plan, settlement=replace(settlement, quorum=everybody, fates=())))
        self._try_settlement(replace(self._plan.settlement, shape=None, cuts=()))
        self._try_settlement(replace(self._plan.settlement, lanes=()))
        self._try_settlement(replace(self._plan.settlement, lanes_after_healing=()))
        self._try_settlement(replace(self._plan.settlement, last_words=None))

    def _try_settlement(self, settlement: Settlement) -> bool:
        return self._try(replace(self._plan, settlement=settlement))

    def _drop_faults(self) -> None:
        self._minimize(self._plan.faults, lambda faults: replace(self._plan, faults=faults))

    def _drop_operations(self) -> None:
        self._minimize(self._plan.lanes, lambda lanes: replace(self._plan, lanes=lanes))
        for position in range(len(self._plan.lanes)):
            lane = self._plan.lanes[position]
            self._minimize(
                lane.operations,
                lambda operations, position=position, lane=lane: self._with_lane(  # type: ignore[misc]
                    position, replace(lane, operations=operations)
                ),
            )

    def _with_lane(self, position: int, lane: Lane) -> Plan:
        lanes = self._plan.lanes
        return replace(self._plan, lanes=(*lanes[:position], lane, *lanes[position + 1 :]))

    def _drop_message_faults(self) -> None:
        self._minimize(
            sorted(self._plan.messages.lost),
            lambda keys: self._with_messages(replace(self._plan.messages, lost=frozenset(keys))),
        )
        self._minimize(
            sorted(self._plan.messages.duplicated),
            lambda keys: self._with_messages(
                replace(self._plan.messages, duplicated=frozenset(keys))
            ),
        )

    def _with_messages(self, messages: MessageFaults) -> Plan:
        return replace(self._plan, messages=messages)

    def _minimize(
        self, items: Sequence[Item], plan_with: Callable[[tuple[Item, ...]], Plan]
    ) -> None:
        """Leave out ever shorter stretches of items, from the end on, while the plan fails."""
        kept = tuple(items)
        size = len(kept)
        while size and self._runs_left:
            end = len(kept)
            while end > 0:
                start = max(0, end - size)
                fewer = kept[:start] + kept[end:]
                if self._try(plan_with(fewer)):
                    kept = fewer
                end = start
            size //= 2


def size_of(plan: Plan) -> tuple[int, int, int]:
    """Return how many faults, operations and single message faults a plan lists."""
    lanes = (*plan.lanes, *plan.settlement.lanes, *plan.settlement.lanes_after_healing)
    messages = plan.messages
    return (
        len(plan.faults) + len(plan.settlement.fates),
        sum(len(lane.operations) for lane in lanes),
        len(messages.lost) + len(messages.duplicated),
    )
