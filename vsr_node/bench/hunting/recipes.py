"""What each run of a hunt is like: its faults, its network, its load. Drawn from the hunt's seed.

Most runs are drawn afresh. Their list follows from the seed alone. Now and then one varies a recipe
that has lately shown something new, so that the hunt does more of it.
"""

from collections import deque
from collections.abc import Set
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from vsr_node.bench.faults.aimed import AIMED
from vsr_node.bench.faults.kill import KILL
from vsr_node.bench.faults.partition import PARTITION
from vsr_node.bench.faults.pause import PAUSE

PROMISING_MAX = 6
"""How many recipes are kept that have shown something new."""
VARIATION_EVERY = 3
"""One run of so many varies a promising recipe, if there is one."""

TIME_LIMIT_MIN_S = 6.0
AIMED_TIME_LIMIT_MIN_S = 10.0
"""Time enough for the aimed fault that has the most steps, and some others."""
INTERVALS_IN_RUN = 1.6
"""A run is at least so many times as long as a fault, so that most have one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run is like."""

    nemeses: tuple[str, ...]
    nemesis_interval_s: float
    node_count: int
    latency_ms: float
    latency_distribution: str
    loss: float
    duplication: float
    slow_ms: float | None
    """How much longer messages take while links are slow; None if they never are."""
    rate: float
    clients_per_node: int

    @property
    def time_limit_s(self) -> float:
        """How long operations begin."""
        is_aimed = AIMED.name in self.nemeses
        least_s = AIMED_TIME_LIMIT_MIN_S if is_aimed else TIME_LIMIT_MIN_S
        return max(least_s, INTERVALS_IN_RUN * self.nemesis_interval_s)

    def words(self) -> list[str]:
        """Return the options of ``vsr bench test`` for it."""
        words = ["--node-count", f"{self.node_count}", "--concurrency", f"{self.clients_per_node}n"]
        words += ["--rate", f"{self.rate:g}", "--time-limit", f"{self.time_limit_s:g}"]
        if self.nemeses:
            words += ["--nemesis", ",".join(self.nemeses)]
            words += ["--nemesis-interval", f"{self.nemesis_interval_s:g}"]
        if self.latency_ms:
            words += ["--latency", f"{self.latency_ms:g}"]
            words += ["--latency-dist", self.latency_distribution]
        for name, value in (("loss", self.loss), ("duplicate", self.duplication)):
            words += [f"--{name}", f"{value:g}"] if value else []
        return words + (["--slow", f"{self.slow_ms:g}"] if self.slow_ms is not None else [])

    @property
    def faults(self) -> str:
        """The faults, for people."""
        names = [*self.nemeses]
        names += ["slow links"] if self.slow_ms is not None else []
        names += ["loss"] if self.loss else []
        names += ["repeats"] if self.duplication else []
        return ", ".join(names) or "none"


CHOICES: dict[str, tuple[Any, ...]] = {
    "nemeses": (
        *((AIMED.name,),) * 7,
        *((PARTITION.name,),) * 2,
        *((KILL.name,),) * 2,
        (PAUSE.name,),
        (AIMED.name, PARTITION.name),
        (KILL.name, PARTITION.name),
        (PARTITION.name, PAUSE.name),
        (KILL.name, PAUSE.name),
        (KILL.name, PARTITION.name, PAUSE.name),
        (),
    ),
    "nemesis_interval_s": (0.3, 0.5, 0.5, 0.8, 0.8, 1.2, 2.0, 3.0, 5.0),
    "node_count": (3, 3, 5),
    "latency_ms": (0.0, 1.0, 5.0, 5.0, 20.0, 50.0, 100.0),
    "latency_distribution": ("constant", "uniform", "exponential", "exponential"),
    "loss": (0.0, 0.0, 0.0, 0.02, 0.1),
    "duplication": (0.0, 0.0, 0.0, 0.05, 0.2),
    "slow_ms": (None, None, None, None, 50.0, 200.0),
    "rate": (10.0, 50.0, 100.0, 100.0, 200.0),
    "clients_per_node": (4, 4, 8),
}
"""What each field of a recipe is drawn from; what stands there twice is drawn twice as often."""


AIMED_CHOICES: dict[str, tuple[Any, ...]] = {
    "nemesis_interval_s": (0.3, 0.5, 0.5, 0.8, 1.2),
    "latency_ms": (0.0, 1.0, 1.0, 5.0, 5.0, 5.0, 20.0, 20.0, 100.0),
    "loss": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.1),
    "slow_ms": (None, None, None, None, None, None, 50.0, 200.0),
}
"""The same for recipes with aimed faults, in place of some of these. Such faults last as long as
they need, and a network that is slow or loses messages mostly spoils their moment."""


def drawn(random: Random) -> Recipe:
    """Draw a recipe."""
    recipe = Recipe(**{each.name: random.choice(CHOICES[each.name]) for each in fields(Recipe)})
    if AIMED.name not in recipe.nemeses:
        return recipe
    return replace(recipe, **{name: random.choice(AIMED_CHOICES[name]) for name in AIMED_CHOICES})


def varied(recipe: Recipe, random: Random) -> Recipe:
    """Return a recipe that differs in two fields at most."""
    names = random.sample([each.name for each in fields(Recipe)], 2)
    return replace(recipe, **{name: random.choice(CHOICES[name]) for name in names})


class Cook:
    """Chooses the recipes of a hunt, and learns what each has shown."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: set[str] = set()
        self._promising: deque[Recipe] = deque(maxlen=PROMISING_MAX)

    def recipe(self, number: int) -> Recipe:
        """Return the recipe of a run; the numbers count from 0."""
        random = Random(f"{self._seed}/hunt/{number}")
        if number % VARIATION_EVERY == VARIATION_EVERY - 1 and self._promising:
            return varied(random.choice(self._promising), random)
        return drawn(random)

    def learn(self, recipe: Recipe, traits: Set[str]) -> None:
        """Take note of what a run was like, and keep its recipe if anything of it is new."""
        if traits - self._seen:
            self._seen |= traits
            self._promising.append(recipe)
