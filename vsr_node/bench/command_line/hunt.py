"""``bench hunt`` on the command line."""

import argparse
import io
import os
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vsr_node.bench.command_line.arguments import (
    CHECK_MEGABYTES,
    CHECK_SECONDS,
    EXIT_ERROR,
    UsageError,
    add_bin,
    add_bounds,
    add_store,
    command_of,
)
from vsr_node.bench.hunting.hunt import Catch, Hunt, Tried
from vsr_node.bench.hunting.recipes import TIME_LIMIT_MIN_S, Recipe
from vsr_node.bench.hunting.report import (
    as_json,
    found_lines,
    junit_of,
    ranges_line,
    table_lines,
    wrong_of,
)
from vsr_node.bench.hunting.scratch import scratch_folder
from vsr_node.bench.running.console import Console
from vsr_node.bench.running.repeating import shrink
from vsr_node.bench.running.runner import Outcome, SetupError
from vsr_node.bench.stored.option_values import count, positive
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.screen import explanation_lines, report_lines
from vsr_node.bench.stored.store import adopt, new_folder, write_json
from vsr_node.bench.stored.stored_runs import load_run
from vsr_node.bench.workloads import DEFAULT
from vsr_node.checker.validity import Validity
from vsr_node.report import draw
from vsr_node.shell_command import command_here
from vsr_node.start import EXIT_SIGNAL, Stopped

MINUTES = 5.0
SHRINK_SECONDS = 180.0
MEASURED = 10
SECONDS_PER_MINUTE = 60
SEED_BITS = 32

OptionsOf = Callable[[Sequence[str], int], Options]
"""Returns the options of a test's command line and a seed."""


def add_to(commands: Any, options_of: OptionsOf) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "hunt",
        help="look for a run that shows a node wrong, by many short runs of different kinds",
        description="Try a node in many short runs of different kinds: faults alone and together, "
        "also aimed at the leader, at different intervals, networks, loads and group sizes. Stop "
        "at the first run that shows it wrong, and find the smallest part that still does. Exit "
        "status: 1 if one was found, 0 if not, 2 if no run could be judged.",
        epilog="Arguments after -- go to the binary.",
        allow_abbrev=False,
    )
    add_bin(parser)
    parser.add_argument(
        "--minutes",
        type=positive,
        default=MINUTES,
        metavar="N",
        help=f"how long to look, without the time to find the smallest part ({MINUTES:g})",
    )
    jobs = os.cpu_count() or 1
    parser.add_argument(
        "--jobs", type=count, default=jobs, metavar="N", help=f"runs at a time ({jobs})"
    )
    parser.add_argument(
        "--all", action="store_true", help="go on after a find, and list all that was found"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    seed = random.SystemRandom().getrandbits(SEED_BITS)
    parser.add_argument(
        "--seed",
        type=int,
        default=seed,
        metavar="N",
        help="makes the list of kinds (drawn at random if not given)",
    )
    add_store(parser)
    add_bounds(parser)
    parser.set_defaults(carry_out=lambda arguments: _hunt(arguments, options_of))


def _hunt(arguments: argparse.Namespace, options_of: OptionsOf) -> int:
    command_of(arguments)
    if arguments.junit is not None and not arguments.junit.absolute().parent.is_dir():
        raise UsageError(f"{arguments.junit}: there is no folder {arguments.junit.parent}")
    console = Console(sys.stdout)
    console.say(
        f"hunting for {arguments.minutes:g} minutes, {arguments.jobs} runs of {TIME_LIMIT_MIN_S:g} "
        f"s and more at a time, seed {arguments.seed}"
    )

    def options_for(recipe: Recipe, seed: int) -> Options:
        return options_of(_words(arguments, recipe), seed)

    hunt = Hunt(
        options_for,
        arguments.seed,
        console,
        seconds=arguments.minutes * SECONDS_PER_MINUTE,
        goes_on=arguments.all,
    )
    with scratch_folder() as folder:
        try:
            catch = hunt.run(folder, arguments.jobs)
        except BrokenProcessPool:
            console.say("ERROR: a worker process was killed; there is no verdict")
            return EXIT_ERROR
        _write(arguments, catch, console)
        if catch.problem and catch.signal_number is None:
            doctor = command_here("bench", "doctor", *_node_words(arguments))
            console.say(f"ERROR: {catch.problem}: {doctor}")
            return EXIT_ERROR
        return _report(catch, console)


def hunt_quietly(words: Sequence[str], seed: int, options_of: OptionsOf) -> Outcome:
    """Hunt with a test's command line. Return the invalid run, or one of the others if none is.

    Raises SetupError if no run comes up, and Stopped on a signal.
    """
    place = words.index("--") if "--" in words else len(words)

    def options_for(recipe: Recipe, seed: int) -> Options:
        return options_of([*words[:place], *recipe.words(), *words[place:]], seed)

    seconds = MINUTES * SECONDS_PER_MINUTE
    hunt = Hunt(options_for, seed, Console(io.StringIO()), seconds=seconds, goes_on=False)
    with scratch_folder() as folder:
        catch = hunt.run(folder, os.cpu_count() or 1)
        if catch.signal_number is not None:
            raise Stopped(catch.signal_number)
        if catch.problem:
            raise SetupError(catch.problem)
        trials = [each.trial for each in (*catch.found, *catch.tried)]
        results, kept = next((each.results, each.folder) for each in trials if each.results)
        assert results is not None, "it was chosen for them"
        events = load_run(kept, folder).events if kept is not None else ()
        return Outcome(results, kept or folder, events)


def _words(arguments: argparse.Namespace, recipe: Recipe) -> list[str]:
    """Return the command line of a run."""
    words = ["test", "-w", DEFAULT, "--store", str(arguments.store)]
    if arguments.check_time != CHECK_SECONDS:
        words += ["--check-time", f"{arguments.check_time:g}"]
    if arguments.check_memory != CHECK_MEGABYTES:
        words += ["--check-memory", f"{arguments.check_memory:g}"]
    return [*words, *recipe.words(), *_node_words(arguments)]


def _node_words(arguments: argparse.Namespace) -> list[str]:
    """Return the words that name the node, at the end of a command line."""
    words = ["--bin", arguments.bin]
    return [*words, "--", *arguments.node_arguments] if arguments.node_arguments else words


def _write(arguments: argparse.Namespace, catch: Catch, console: Console) -> None:
    """Write ``hunt.json`` and the exports. An error here changes no verdict."""
    try:
        folder = new_folder(arguments.store / "hunt", datetime.now(UTC))
        write_json(folder / "hunt.json", as_json(catch, arguments.seed))
        if arguments.junit is not None:
            name = f"hunt for {arguments.minutes:g} minutes, seed {arguments.seed}"
            arguments.junit.write_bytes(junit_of(catch, name))
    except OSError as error:
        console.say(f"ERROR: {error}; the verdict stays as it is")
    else:
        console.say(f"all runs in   {folder / 'hunt.json'}")


def _report(catch: Catch, console: Console) -> int:
    """Print what was tried and found; return the exit status."""
    if catch.tried:
        console.say("\n".join(("", *table_lines(catch.tried), ranges_line(catch.tried), "")))
    amount = (
        f"{len(catch.tried)} runs and {catch.operation_count:,} operations in {catch.seconds:.0f} s"
    )
    if catch.found:
        for line in found_lines(catch.found):
            console.say(line)
        _show(catch.found[0], console)
        console.say(f"\nFound after {amount}: the node is wrong.")
        return Validity.INVALID.exit_status
    if catch.signal_number is not None:
        console.say(f"Nothing found so far, in {amount}. The hunt was cut short.")
        return EXIT_SIGNAL + catch.signal_number
    if catch.valid is Validity.UNKNOWN:
        console.say(f"No run could be judged, in {amount}: the verdict is unknown.")
    else:
        console.say(f"Nothing found in {amount}.")
    return catch.valid.exit_status


def _show(found: Tried, console: Console) -> None:
    """Keep an invalid run in the store, explain it, and find the smallest part that still fails."""
    results, folder, options = found.trial.results, found.trial.folder, found.options
    assert results is not None, "an invalid run has results"
    assert folder is not None, "an invalid run is kept"
    kept = adopt(folder, options.store, options.workload)
    drawing = draw(kept)
    for line in (
        "",
        f"run {found.number}: {wrong_of(found)}, {results.stats.count} operations",
        *explanation_lines(results.explained(drawing.explanation)),
        f"results in    {kept}",
        *report_lines(drawing),
        f"repeat with   {results.repeat}",
        "",
        "looking for the smallest part that still fails",
    ):
        console.say(line)
    run = load_run(kept, options.store)
    done = shrink(
        replace(run.options(options.store, options.check_bounds, None), availability=None),
        results,
        run.events,
        console,
        seconds=SHRINK_SECONDS,
        measured=MEASURED,
    )
    if done.smallest is None:
        tries = f"{done.attempt_count} {'try' if done.attempt_count == 1 else 'tries'}"
        console.say(f"it did not fail again in {tries}: there is only the run above")
