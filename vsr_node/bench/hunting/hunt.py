"""The hunt: trials on all cores until one is invalid, or the time is up."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from vsr_node.bench.hunting.recipes import TIME_LIMIT_MIN_S, Cook, Recipe
from vsr_node.bench.hunting.trial import Trial, try_once
from vsr_node.bench.running.console import Console
from vsr_node.bench.stored.options import Options
from vsr_node.checker.validity import Validity
from vsr_node.start import Stopped
from vsr_node.worker_processes import WorkerPool, interrupt_workers, worker_pool

TICK_S = 0.25
GIVE_UP_AFTER = 3
"""If so many runs in a row don't come up, the next ones won't either."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A recipe, and what came of it."""

    number: int
    recipe: Recipe
    options: Options
    trial: Trial


@dataclass(slots=True)
class Catch:
    """What a hunt has tried so far."""

    tried: list[Tried] = field(default_factory=list)
    """In the order in which they ended."""
    seconds: float = 0.0
    signal_number: int | None = None
    """The signal that ended it; None if none did."""

    @property
    def found(self) -> list[Tried]:
        """The invalid runs."""
        return [each for each in self.tried if each.trial.valid is Validity.INVALID]

    @property
    def operation_count(self) -> int:
        """How many operations all runs had."""
        return sum(each.trial.results.stats.count for each in self.tried if each.trial.results)

    @property
    def problem(self) -> str:
        """Why no run came up; empty if one did, or none was tried."""
        if not self.tried or any(each.trial.results for each in self.tried):
            return ""
        return self.tried[0].trial.problem

    @property
    def valid(self) -> Validity:
        """The verdict on the node."""
        if self.found:
            return Validity.INVALID
        judged = any(each.trial.valid is Validity.VALID for each in self.tried)
        return Validity.VALID if judged else Validity.UNKNOWN


class Hunt:
    """Trials of one node. ``options_for`` returns the options of a recipe and a seed."""

    def __init__(
        self,
        options_for: Callable[[Recipe, int], Options],
        seed: int,
        console: Console,
        *,
        seconds: float,
        goes_on: bool,
    ) -> None:
        self.catch = Catch()
        self._options_for = options_for
        self._seed = seed
        self._console = console
        self._seconds = seconds
        self._goes_on = goes_on
        self._cook = Cook(seed)
        self._begin = time.monotonic()
        self._under_way: dict[Future[Trial], Tried] = {}
        self._number = 0

    def run(self, folder: Path, jobs: int) -> Catch:
        """Hunt with so many processes. A signal ends the hunt, and what there is counts."""
        with worker_pool(jobs) as pool:
            try:
                while self._has_time or self._under_way:
                    while self._has_time and len(self._under_way) < jobs:
                        self._begin_trial(pool, folder)
                    self._take(self._ended(TICK_S))
                    if self._has_enough:
                        break
            except Stopped as stop:
                self.catch.signal_number = stop.signal_number
            self._stop()
        self._console.show_status("")
        self.catch.seconds = time.monotonic() - self._begin
        return self.catch

    @property
    def _has_time(self) -> bool:
        return time.monotonic() - self._begin < self._seconds - TIME_LIMIT_MIN_S or not self._number

    @property
    def _has_enough(self) -> bool:
        if self.catch.found and not self._goes_on:
            return True
        return len(self.catch.tried) >= GIVE_UP_AFTER and bool(self.catch.problem)

    def _begin_trial(self, pool: WorkerPool, folder: Path) -> None:
        recipe = self._cook.recipe(self._number)
        options = self._options_for(recipe, self._seed + self._number)
        future = pool.submit(try_once, options, folder / str(self._number))
        pending = Trial(Validity.UNKNOWN, problem="it has not ended")
        self._under_way[future] = Tried(self._number, recipe, options, pending)
        self._number += 1

    def _ended(self, patience_s: float) -> Iterator[Tried]:
        """Yield the trials that end within a time."""
        done, _ = wait(self._under_way, patience_s, FIRST_COMPLETED)
        for future in [each for each in self._under_way if each in done]:
            begun = self._under_way.pop(future)
            yield Tried(begun.number, begun.recipe, begun.options, future.result())

    def _take(self, ended: Iterator[Tried]) -> None:
        for tried in ended:
            self.catch.tried.append(tried)
            self._cook.learn(tried.recipe, tried.trial.traits)
        catch = self.catch
        seconds = time.monotonic() - self._begin
        now = " | ".join(each.recipe.faults for each in self._under_way.values())
        self._console.show_status(
            f"{seconds:.0f} of {self._seconds:g} s: {len(catch.tried)} runs, "
            f"{catch.operation_count} operations, {len(catch.found)} invalid | {now}"
        )

    def _stop(self) -> None:
        """Cut the trials short that are under way, and take what there is of them."""
        interrupt_workers()
        while self._under_way:
            self._take(self._ended(TICK_S))
