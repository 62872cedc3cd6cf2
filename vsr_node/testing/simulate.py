"""``simulate(MyMachine)``: one's own machine under all faults that the simulator has.

    simulate(Shop, seeds=range(200))

Each seed is a group, its clients, and what befalls them. The run is judged by ``subject``, and its
log is executed again in another process. A failure is shrunk to the smallest plan that fails in the
same way, and is raised as SimulationFailure.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from vsr_node.core.limits import Limits
from vsr_node.machines.typed import CHANCE_BITS, Machine, Request
from vsr_node.simulation.plan import Lane, Plan, draw
from vsr_node.simulation.run import Failure, RunOutcome, execute
from vsr_node.simulation.shrink import Shrinker
from vsr_node.simulation.streams import stream

from .drawing import draw_call
from .elsewhere import Elsewhere
from .subject import TypedSubject

Subject = TypeVar("Subject", bound=Machine)

BEGIN_US = 1_700_000_000_000_000
"""The time, since 1970, at which clients begin to call."""

FIRST_FAULTS = 8
"""Faults of the plan in a failure's text: a shrunk one has few."""

LAST_LINES = 12
"""Lines of the smallest run's end in a failure's text."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was tried, and found nothing."""

    seeds: int
    operations: int
    """Calls of clients."""
    duration_s: float
    is_tried_elsewhere: bool
    """Whether the logs were executed in another process too."""

    def __str__(self) -> str:
        elsewhere = (
            "" if self.is_tried_elsewhere else "; not in another process, as it can't import it"
        )
        return (
            f"{self.seeds} seeds, {self.operations} calls, {self.duration_s:.0f} s: nothing found"
            f"{elsewhere}"
        )


class SimulationFailure(AssertionError):  # noqa: N818
    """A seed showed that the machine is wrong. ``plan`` is the smallest that fails the same way."""

    def __init__(self, seed: int, failure: Failure, plan: Plan, text: str) -> None:
        super().__init__(text)
        self.seed = seed
        self.failure = failure
        self.plan = plan


def simulate(
    machine: Callable[[], Subject],
    *,
    seeds: Iterable[int] = range(100),
    calls: Callable[[Random], Request[Subject, Any]] | None = None,
    invariant: Callable[[Subject], object] | None = None,
    shrink: bool = True,
) -> Report:
    """Try a machine under simulated faults. Raises SimulationFailure.

    ``calls`` draws a call; None: any command or query, with arguments of its annotations.
    ``invariant`` is called with the machine after each operation at each replica, as its methods
    that are decorated so are; it must not return False.
    """
    trial = _Trial(machine, calls or _drawn_from(machine), invariant, shrink=shrink)
    begin = time.monotonic()
    seed_count = 0
    with Elsewhere(machine) as elsewhere:
        for seed in seeds:
            trial.run(seed, elsewhere)
            seed_count += 1
    return Report(seed_count, trial.operations, time.monotonic() - begin, elsewhere.is_possible)


def _drawn_from(machine: Callable[[], Subject]) -> Callable[[Random], Request[Subject, Any]]:
    kind = machine if isinstance(machine, type) else type(machine())
    return lambda random: draw_call(random, kind)


class _Trial:
    """The seeds of one ``simulate``."""

    def __init__(
        self,
        make: Callable[[], Any],
        calls: Callable[[Random], Request[Any, Any]],
        invariant: Callable[[Any], object] | None,
        *,
        shrink: bool,
    ) -> None:
        self._make = make
        self._calls = calls
        self._invariant = invariant
        self._shrink = shrink
        self._subject: TypedSubject[Any]
        self.operations = 0

    def run(self, seed: int, elsewhere: Elsewhere) -> None:
        """Try one seed. Raises SimulationFailure."""
        outcome = self._execute(self._plan_of(seed))
        self.operations += outcome.operation_count
        if outcome.failure is not None:
            raise self._failure(seed, outcome)
        subject = self._subject
        results = elsewhere.results_of(subject.log)
        if results is not None and results != subject.results:
            pairs = zip(subject.log, subject.results, results, strict=True)
            number, (text, own, other) = next(
                (number, each) for number, each in enumerate(pairs, 1) if each[1] != each[2]
            )
            failure = Failure(
                "another-process",
                f"operation {number}, {text}, gave {own}; with other hashes of texts, time zone and"
                f" locale it gives {other}",
            )
            raise _as_failure(seed, failure, outcome)

    def _execute(self, plan: Plan) -> RunOutcome:
        self._subject = TypedSubject(self._make, self._invariant)
        return execute(plan, subject=self._subject)

    def _failure(self, seed: int, outcome: RunOutcome) -> SimulationFailure:
        if self._shrink:
            outcome = Shrinker(outcome, run=self._execute).shrink()
        assert outcome.failure is not None
        return _as_failure(seed, outcome.failure, outcome)

    def _plan_of(self, seed: int) -> Plan:
        """Return the plan of a seed, with calls of this machine in place of its operations."""
        plan = draw(seed)
        random = stream(seed, "calls")
        settlement = plan.settlement
        return replace(
            plan,
            limits=plan.limits._replace(registered=True, clients_max=Limits().clients_max),
            lanes=self._with_calls(random, plan.lanes),
            settlement=replace(
                settlement,
                lanes=self._with_calls(random, settlement.lanes),
                lanes_after_healing=self._with_calls(random, settlement.lanes_after_healing),
            ),
        )

    def _with_calls(self, random: Random, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        return tuple(
            replace(
                lane,
                operations=tuple(
                    replace(each, operation=self._draw(random)) for each in lane.operations
                ),
            )
            for lane in lanes
        )

    def _draw(self, random: Random) -> tuple[str, str]:
        request = self._calls(random)
        now_us = BEGIN_US + random.randrange(10_000_000)
        text = request.operation(now_us, random.getrandbits(CHANCE_BITS))
        return ("read" if request.is_read else "call", text)


def _as_failure(seed: int, failure: Failure, outcome: RunOutcome) -> SimulationFailure:
    plan = outcome.plan
    calls = [each.operation for lane in plan.lanes for each in lane.operations]
    lines = [
        f"seed {seed}: {failure.invariant}: {failure.text}",
        f"its plan: {plan.replica_count} replicas, {len(calls)} calls, {len(plan.faults)} faults",
        *(f"  {fault}" for fault in plan.faults[:FIRST_FAULTS]),
        *(["  ..."] if len(plan.faults) > FIRST_FAULTS else []),
        "its end:",
        *(f"  {line}" for line in list(outcome.transcript)[-LAST_LINES:]),
        f"again: simulate(..., seeds=[{seed}]), or pytest --vsr-seed {seed}",
    ]
    return SimulationFailure(seed, failure, plan, "\n".join(lines))
