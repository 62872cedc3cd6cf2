"""Running mutants: each in a process of its own, which imports the mutated core.

    python -m vsr_node.simulation.mutants NAME FIRST END [--shrink]

runs the seeds FIRST to END - 1 with the mutation NAME, up to the first that fails, and prints a
``Verdict`` as one line of JSON. It is what ``vsr simulate --mutations`` starts. Its stdin is a pipe
that nothing is written to. The pipe ends with the process that started the mutant, and then so does
the mutant.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, NamedTuple

from vsr_node.simulation.mutations import find
from vsr_node.simulation.patching import Mutation, install
from vsr_node.start import isolated


class Verdict(NamedTuple):
    """The outcome of a mutant. ``seed_count``: seeds until it was caught, or all that were tried.

    ``size`` counts faults, operations and single message faults of the shrunk plan.
    """

    name: str
    seed_count: int
    invariant: str | None
    text: str
    size: tuple[int, int, int] | None


def run_mutant(name: str, seeds: range, *, shrink: bool) -> Verdict:
    """Run seeds with a mutation; only in a process that has not imported the core."""
    install(find(name))
    from vsr_node.simulation.plan import draw
    from vsr_node.simulation.run import execute
    from vsr_node.simulation.shrink import Shrinker, size_of

    for count, seed in enumerate(seeds, start=1):
        outcome = execute(draw(seed))
        if outcome.failure is not None:
            size = size_of(Shrinker(outcome).shrink().plan) if shrink else None
            return Verdict(name, count, outcome.failure.invariant, outcome.failure.text, size)
    return Verdict(name, len(seeds), None, "", None)


@contextmanager
def lifeline() -> Iterator[tuple[IO[str], IO[str]]]:
    """Yield a pipe: the stdin of mutants, and what ends them all when it is closed."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w") as held:
        yield stdin, held


def start_mutant(mutation: Mutation, first_seed: int, stdin: IO[str], *, shrink: bool) -> Verdict:
    """Run a mutant in a process of its own. Raise RuntimeError if that breaks."""
    command = isolated(
        "vsr_node.simulation.mutants",
        mutation.name,
        str(first_seed),
        str(first_seed + mutation.seeds_max),
        *(["--shrink"] if shrink else []),
    )
    result = subprocess.run(
        command, stdin=stdin, capture_output=True, encoding="utf-8", check=False
    )
    if result.returncode:
        raise RuntimeError(f"mutant {mutation.name}: {result.stderr.strip()}")
    name, seed_count, invariant, text, size = json.loads(result.stdout)
    return Verdict(name, seed_count, invariant, text, tuple(size) if size else None)


def run_mutants(
    mutations: Iterable[Mutation],
    first_seed: int,
    jobs: int,
    on_verdict: Callable[[Verdict], None],
    *,
    shrink: bool,
) -> list[Verdict]:
    """Run mutants, ``jobs`` at a time, and pass on each verdict in the order of the catalogue."""
    verdicts = []
    with lifeline() as (stdin, held), ThreadPoolExecutor(jobs) as executor:
        try:
            for verdict in executor.map(
                lambda mutation: start_mutant(mutation, first_seed, stdin, shrink=shrink), mutations
            ):
                on_verdict(verdict)
                verdicts.append(verdict)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            held.close()
            raise
    return verdicts


def main() -> None:
    """Run the command line of one mutant."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    name, first, end, *options = sys.argv[1:]
    verdict = run_mutant(name, range(int(first), int(end)), shrink="--shrink" in options)
    print(json.dumps(verdict))


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
