"""``vsr simulate``."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from vsr_node.shell_command import Parser, command_here
from vsr_node.simulation.mutants import Verdict, run_mutants
from vsr_node.simulation.mutations import CATALOGUE
from vsr_node.simulation.page import draw_page
from vsr_node.simulation.patching import SEEDS_USUAL
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import RunOutcome, execute
from vsr_node.simulation.seeds import Tally, spread_seeds
from vsr_node.simulation.shrink import Shrinker, size_of
from vsr_node.simulation.situations import describe_situations
from vsr_node.simulation.timeline import MICROSECONDS_PER_SECOND, Microseconds
from vsr_node.start import EXIT_ERROR
from vsr_node.telemetry.dispatch import Telemetry
from vsr_node.telemetry.json_lines import JsonLines
from vsr_node.worker_processes import worker_pool

OK, VIOLATION, USAGE = 0, 1, 2
EVENTS_SHOWN = 60


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status (0: nothing found, 1: a violation)."""
    options = parse(arguments)
    if options.seed is not None:
        return replay(options.seed, options)
    if options.mutations is not None:
        return try_mutations(options)
    return try_seeds(options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(
        prog=command_here("simulate"),
        description="Attacks the protocol core in virtual time; every run follows from its seed.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="replay one seed and print its last events")
    what.add_argument("--seeds", type=seed_range, metavar="A..B", help="run seeds A to B - 1")
    what.add_argument(
        "--mutations",
        nargs="*",
        metavar="NAME",
        choices=[[], *(mutation.name for mutation in CATALOGUE)],
        help="show that known protocol bugs are caught (all of them by default)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="spread seeds over a Dask cluster")
    parser.add_argument("--shrink", action="store_true", help="look for a smaller failing run")
    parser.add_argument(
        "--events", type=int, default=EVENTS_SHOWN, help="how many events to print; 0 for all"
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page of the seed (of several: the first that fails), to step through",
    )
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="append what the replicas of the seed do to a file, as JSON Lines (docs/TELEMETRY.md)",
    )
    parser.add_argument("--first-seed", type=int, default=0, help="the first seed for mutations")
    parser.add_argument(
        "--without-rare",
        action="store_true",
        help="leave the mutations out that take many seeds, each for a reason that it names",
    )
    parser.add_argument(
        "--seeds-max", type=int, help="at most so many seeds a mutation; default: its own"
    )
    options = parser.parse_args(arguments)
    if options.html is not None and options.mutations is not None:
        parser.error("--html shows a seed; mutations have no page")
    if options.html is not None and not options.html.absolute().parent.is_dir():
        parser.error(f"--html {options.html}: there is no folder {options.html.parent}")
    if options.trace is not None and options.seed is None:
        parser.error("--trace requires --seed")
    return options


def seed_range(text: str) -> range:
    """Read ``A..B`` as the seeds from A to B - 1."""
    first, separator, end = text.partition("..")
    if not separator or not first.isdigit() or not end.isdigit():
        raise argparse.ArgumentTypeError("write it as A..B, for example 0..1000")
    return range(int(first), int(end))


# One seed


def replay(seed: int, options: argparse.Namespace) -> int:
    """Run one seed and print its events, the same to the byte each time."""
    try:
        with traced_to(options.trace) as telemetry:
            outcome = execute(draw(seed), transcript_length=None, telemetry=telemetry)
    except OSError as error:
        print(f"--trace: {error}", file=sys.stderr)
        return USAGE
    if options.shrink and outcome.failure is not None:
        outcome = execute(Shrinker(outcome).shrink().plan, transcript_length=None)
        print(f"The smallest plan found:\n{outcome.plan!r}\n")
    print_outcome(outcome, options.events)
    if options.html is not None:
        write_html(outcome, options)
    return OK if outcome.failure is None else VIOLATION


@contextmanager
def traced_to(path: Path | None) -> Iterator[Telemetry | None]:
    """Yield what writes a trace to a file; None if none is wanted. Raises OSError."""
    if path is None:
        yield None
        return
    telemetry = Telemetry(lambda text: print(text, file=sys.stderr))
    lines = JsonLines(path)
    telemetry.attach(lines)
    try:
        yield telemetry
    finally:
        lines.close()


def print_outcome(outcome: RunOutcome, event_count: int) -> None:
    """Print a run's last events, its verdict, and a digest of all its events."""
    lines = list(outcome.transcript)
    shown = lines[-event_count:] if event_count else lines
    if len(shown) < len(lines):
        print(f"... {len(lines) - len(shown)} earlier events; --events 0 shows all")
    print("\n".join(shown))
    plan = outcome.plan
    faults, operations, messages = size_of(plan)
    print(
        f"\nseed {plan.seed}: {plan.replica_count} replicas, {faults} faults, {operations}"
        f" operations, {messages} single message faults, {outcome.event_count} events,"
        f" {seconds(outcome.duration)} s of virtual time"
    )
    print(f"transcript {sha256(chr(10).join(lines).encode()).hexdigest()}")
    if outcome.failure is None:
        print("no violation")
    else:
        print(f"VIOLATION of {outcome.failure.invariant}: {outcome.failure.text}")


def write_html(outcome: RunOutcome, options: argparse.Namespace) -> None:
    """Write the page. An error in writing changes no verdict."""
    shrink = ["--shrink"] if options.shrink else []
    command = command_here("simulate", "--seed", str(outcome.plan.seed), *shrink)
    try:
        draw_page(outcome, options.html, command)
    except OSError as error:
        print(f"no page: {error}", file=sys.stderr)
    else:
        print(f"page in {options.html.absolute().as_uri()}")


def seconds(microseconds: Microseconds) -> str:
    """Format microseconds as seconds with three decimals, by integers alone."""
    milliseconds = microseconds // 1000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


# Many seeds


def try_seeds(options: argparse.Namespace) -> int:
    """Run many seeds; replay the first that fails."""
    began = time.perf_counter()
    tally = Tally()
    try:
        with executor_of(options) as executor:
            for tally in spread_seeds(options.seeds, executor):
                print_progress(tally, len(options.seeds), time.perf_counter() - began)
    except KeyboardInterrupt:
        if tally.seed_count:
            print(f"{tally.seed_count} of {len(options.seeds)} seeds, no violation so far")
        raise
    except BrokenProcessPool:
        print("a worker process was killed; there is no verdict", file=sys.stderr)
        return EXIT_ERROR
    if sys.stderr.isatty():
        print(file=sys.stderr)
    elapsed = time.perf_counter() - began
    print("\n".join(describe_situations(tally.situations)))
    print(
        f"\n{tally.seed_count} seeds, {tally.operation_count} operations,"
        f" {tally.event_count} events in {elapsed:.1f} s:"
        f" {tally.operation_count / elapsed:.0f} operations a second on"
        f" {options.scheduler or f'{options.jobs} jobs'},"
        f" {tally.duration / MICROSECONDS_PER_SECOND / elapsed:.0f} times real time"
    )
    if not tally.failures:
        print("no violation")
        return OK
    for seed, failure in tally.failures:
        print(f"seed {seed}: VIOLATION of {failure.invariant}: {failure.text}")
    print(f"\nThe first of them, as `--seed {tally.failures[0][0]}` prints it:\n")
    replay(tally.failures[0][0], options)
    return VIOLATION


@contextmanager
def executor_of(options: argparse.Namespace) -> Iterator[Executor]:
    """Yield processes of this machine, or the workers of a Dask cluster (an extra)."""
    if options.scheduler is None:
        with worker_pool(options.jobs) as executor:
            yield executor
        return
    try:
        distributed: Any = import_module("distributed")
    except ModuleNotFoundError:
        print("--scheduler needs Dask: pip install 'vsr-node[dask]'", file=sys.stderr)
        sys.exit(USAGE)
    with distributed.Client(options.scheduler) as client:
        yield client.get_executor()


def print_progress(tally: Tally, seed_count: int, elapsed: float) -> None:
    """Keep one live line on a terminal. Print nothing elsewhere, so that logs stay short."""
    if sys.stderr.isatty():
        print(
            f"\r{tally.seed_count}/{seed_count} seeds, {tally.operation_count} operations,"
            f" {tally.operation_count / elapsed:.0f} a second, {len(tally.failures)} failed ",
            end="",
            file=sys.stderr,
            flush=True,
        )


# Mutations


def try_mutations(options: argparse.Namespace) -> int:
    """Run mutants and print a table; a mutant that survives is a violation."""
    changes: dict[str, Any] = {}
    if options.seeds_max is not None:
        changes["seeds_max"] = options.seeds_max
    chosen = [
        replace(mutation, **changes)
        for mutation in CATALOGUE
        if (not options.mutations or mutation.name in options.mutations)
        and not (options.without_rare and mutation.rare)
    ]
    print(f"{'mutation':32} {'kind':4} {'seeds':>6}  {'size':14} caught by")
    known = {mutation.name: mutation for mutation in CATALOGUE}
    verdicts = run_mutants(
        chosen,
        options.first_seed,
        options.jobs,
        lambda verdict: print_verdict(verdict, known[verdict.name].kind, known[verdict.name].rare),
        shrink=options.shrink,
    )
    counts = sorted(verdict.seed_count for verdict in verdicts)
    survivors = [verdict.name for verdict in verdicts if verdict.invariant is None]
    reasons = {mutation.name: mutation.rare for mutation in chosen}
    late = [
        verdict.name
        for verdict in verdicts
        if verdict.seed_count > SEEDS_USUAL and not reasons[verdict.name]
    ]
    print(
        f"{len(verdicts)} mutations, median {counts[len(counts) // 2]} seeds,"
        f" {len(survivors)} survive{': ' if survivors else ''}{', '.join(survivors)}"
    )
    if late:
        print(f"more than {SEEDS_USUAL} seeds, and no reason why: {', '.join(late)}")
    return VIOLATION if survivors or late else OK


def print_verdict(verdict: Verdict, kind: str, rare: str) -> None:
    """Print one line of the table. ``size`` is faults + operations + single message faults."""
    size = " + ".join(map(str, verdict.size)) if verdict.size else "-"
    caught = verdict.invariant or "NOBODY"
    why = f" (rare: {rare})" if verdict.seed_count > SEEDS_USUAL and rare else ""
    print(f"{verdict.name:32} {kind:4} {verdict.seed_count:6}  {size:14} {caught}{why}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
