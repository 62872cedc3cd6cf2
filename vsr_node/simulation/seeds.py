"""Many seeds, spread over an executor: a pool of processes, or the machines of a cluster."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field

from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import Failure, execute
from vsr_node.simulation.situations import Situations
from vsr_node.simulation.timeline import Microseconds

SEEDS_PER_TASK = 10


@dataclass(slots=True)
class Tally:
    """What came of a number of seeds."""

    seed_count: int = 0
    operation_count: int = 0
    event_count: int = 0
    duration: Microseconds = 0
    situations: Situations = field(default_factory=Counter)
    failures: list[tuple[int, Failure]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add what came of other seeds."""
        self.seed_count += other.seed_count
        self.operation_count += other.operation_count
        self.event_count += other.event_count
        self.duration += other.duration
        self.situations.update(other.situations)
        self.failures.extend(other.failures)
        self.failures.sort()


def run_seeds(seeds: range) -> Tally:
    """Run seeds one after the other in this process, up to the first that fails."""
    tally = Tally()
    for seed in seeds:
        outcome = execute(draw(seed))
        tally.add(Tally(1, outcome.operation_count, outcome.event_count, outcome.duration))
        tally.situations.update(outcome.situations)
        if outcome.failure is not None:
            tally.failures.append((seed, outcome.failure))
            break
    return tally


def split(seeds: range, size: int = SEEDS_PER_TASK) -> Iterator[range]:
    """Cut seeds into tasks."""
    return (seeds[start : start + size] for start in range(0, len(seeds), size))


def spread_seeds(seeds: range, executor: Executor) -> Iterator[Tally]:
    """Run seeds through an executor; yield the growing tally.

    The first failure cancels all tasks that have not begun.
    """
    tally = Tally()
    futures: list[Future[Tally]] = [executor.submit(run_seeds, task) for task in split(seeds)]
    for future in as_completed(futures):
        if future.cancelled():
            continue
        tally.add(future.result())
        yield tally
        if tally.failures:
            for other in futures:
                other.cancel()
