"""The commands that check, replay and shrink a stored run, and doctor and shell for a node."""

import argparse
import errno
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from vsr_node.bench.command_line.arguments import (
    EXIT_ERROR,
    UsageError,
    add_bin,
    add_bounds,
    add_store,
    bounds,
    command_of,
)
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.running.console import Console
from vsr_node.bench.running.repeating import NOT_REPEATED, kinds_of, shrink, violation_event
from vsr_node.bench.running.runner import Outcome, SetupError, run_test
from vsr_node.bench.stored.option_values import count, not_negative, positive
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.results import Results
from vsr_node.bench.stored.screen import screen_of
from vsr_node.bench.stored.store import write_json
from vsr_node.bench.stored.stored_runs import StoredRun, load_results, load_run
from vsr_node.bench.workloads import DEFAULT, WORKLOADS
from vsr_node.bench.workshop.doctor import Doctor
from vsr_node.bench.workshop.shell import Shell, help_of
from vsr_node.checker.validity import Validity
from vsr_node.report import draw
from vsr_node.shell_command import command_here
from vsr_node.start import EXIT_SIGNAL

EXIT_NOT_REPEATED = 2
SHRINK_SECONDS = 540.0
MEASURED = 10
DOCTORS_PATIENCE_S = 5.0

Commands = Any
"""What ``add_subparsers`` of argparse returns; its type has no public name."""


def run_and_report(options: Options, console: Console) -> tuple[int, Outcome | None]:
    """Run a test; return the exit status, and the outcome, or None if there is none."""
    try:
        outcome = run_test(options, console)
    except OSError as error:
        console.say(f"ERROR: {error}")
        if error.errno == errno.ENOSPC:
            judge = command_here("bench", "check", str(options.store / "latest"))
            console.say(
                f"The disk of {options.store.absolute()} is full. Once there is room, judge what "
                f"is stored of this run with {judge}"
            )
        return EXIT_ERROR, None
    except SetupError as error:
        console.say(f"ERROR: {error}")
        return EXIT_ERROR, None
    return outcome.exit_status, outcome


def add_to(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_check(commands)
    _add_replay(commands)
    _add_shrink(commands)
    _add_doctor(commands)
    _add_shell(commands)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a stored run."""
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        default=Path("store/latest"),
        metavar="RUN",
        help="a run's folder, or a bundle of one (store/latest)",
    )
    add_store(parser)


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="judge a stored run again",
        description="Judge a stored run again, perhaps within other bounds. It may be a run that "
        "was killed before it was judged. Exit status as for test.",
        allow_abbrev=False,
    )
    add_run(parser)
    add_bounds(parser)
    parser.set_defaults(carry_out=_check)


def _check(arguments: argparse.Namespace) -> int:
    run = load_run(arguments.run, arguments.store)
    verdict = run.workload().judge(run.events, bounds(arguments))
    results = load_results(run.folder)
    if results is None:
        print(verdict.explanation)
        print(
            f"{run.folder} has no results: the run was ended before it was judged. What there is "
            "of it can't be more than valid so far."
        )
        return Validity.worst(verdict.valid, Validity.UNKNOWN).exit_status
    results = results.judged(verdict)
    write_json(run.folder / "results.json", results.as_json())
    drawing = draw(run.folder)
    results = results.explained(drawing.explanation)
    write_json(run.folder / "results.json", results.as_json())
    print(screen_of(results, run.folder, drawing))
    return results.valid.exit_status


def _add_replay(commands: Commands) -> None:
    parser = commands.add_parser(
        "replay",
        help="repeat the operations and faults of a stored run",
        description=f"Repeat the operations and faults of a stored run. {NOT_REPEATED} "
        "With --times, print a line a run and how many failed. Exit status as for test; with "
        "--times, that of the worst run.",
        allow_abbrev=False,
    )
    add_run(parser)
    add_bin(parser, required=False)
    parser.add_argument("--times", type=count, default=1, metavar="N", help="number of runs (1)")
    add_bounds(parser)
    parser.set_defaults(carry_out=_replay)


def _replay(arguments: argparse.Namespace) -> int:
    run = load_run(arguments.run, arguments.store)
    options = _options_of(run, arguments)
    console = Console(sys.stdout)
    console.say(f"replaying {run.folder}\n{NOT_REPEATED}")
    if arguments.times == 1:
        return run_and_report(options, console)[0]
    return _replay_often(options, arguments.times, console)


def _replay_often(options: Options, times: int, console: Console) -> int:
    """Replay many times, and print a line for each run and how many failed."""
    verdicts: list[Validity] = []
    stopped: Outcome | None = None
    while len(verdicts) < times and stopped is None:
        console.show_status(f"run {len(verdicts) + 1} of {times}")
        screen = io.StringIO()
        status, outcome = run_and_report(options, Console(screen))
        console.show_status("")
        if outcome is None:
            console.say(screen.getvalue().rstrip())
            return status
        verdicts.append(outcome.results.valid)
        console.say(f"run {len(verdicts)} of {times}: {_in_a_line(outcome)}")
        stopped = outcome if outcome.signal_number is not None else None
    stop = "" if stopped is None else f"; interrupted in run {len(verdicts)} of {times}"
    console.say(f"fails {verdicts.count(Validity.INVALID)} of {len(verdicts)}{stop}")
    worst = Validity.worst(*verdicts)
    if stopped is not None and worst is not Validity.INVALID:
        return stopped.exit_status
    return worst.exit_status


def _in_a_line(outcome: Outcome) -> str:
    """Describe a run: its verdict, how far it came, where it is, and what is wrong with it."""
    results = outcome.results
    text = f"{results.verdict}, {results.stats.count} operations, {outcome.folder}"
    if results.workload.valid is Validity.VALID:
        return text
    return f"{text}: {results.workload.explanation.splitlines()[0].rstrip(':')}"


def _options_of(run: StoredRun, arguments: argparse.Namespace) -> Options:
    """Return the options that repeat a run, perhaps with another binary. Raises UsageError."""
    if arguments.bin is None and arguments.node_arguments:
        raise UsageError("arguments after -- require --bin")
    command = None if arguments.bin is None else command_of(arguments)
    return run.options(arguments.store, bounds(arguments), command)


def _add_shrink(commands: Commands) -> None:
    parser = commands.add_parser(
        "shrink",
        help="find the smallest part of a failing run that still fails",
        description="Find fewer operations, faults and nodes, a plainer network and a shorter "
        "time that still fail, and print how often they do. Exit status: 0 if it found a run that "
        f"fails, {EXIT_NOT_REPEATED} if not even the whole run failed again. {NOT_REPEATED}",
        allow_abbrev=False,
    )
    add_run(parser)
    add_bin(parser, required=False)
    parser.add_argument(
        "--time",
        type=positive,
        default=SHRINK_SECONDS,
        metavar="S",
        help=f"seconds that the search may take ({SHRINK_SECONDS:g})",
    )
    parser.add_argument(
        "--measure",
        type=count,
        default=MEASURED,
        metavar="N",
        help=f"how often the smallest run is tried, to find how often it fails ({MEASURED})",
    )
    add_bounds(parser)
    parser.set_defaults(carry_out=_shrink)


def _shrink(arguments: argparse.Namespace) -> int:
    run = load_run(arguments.run, arguments.store)
    results = _results_of(run, arguments)
    if not kinds_of(results) or violation_event(results, run.events) is None:
        raise UsageError(f"{arguments.run} did not fail through its nodes: nothing to shrink")
    options = replace(_options_of(run, arguments), availability=None)
    console = Console(sys.stdout)
    console.say(f"shrinking {run.folder}, {run.operation_count} operations\n{NOT_REPEATED}")
    done = shrink(
        options,
        results,
        run.events,
        console,
        seconds=arguments.time,
        measured=arguments.measure,
    )
    if done.signal_number is not None:
        return EXIT_SIGNAL + done.signal_number
    if done.smallest is None:
        console.say("it did not fail again, neither in part nor as a whole")
        return EXIT_NOT_REPEATED
    return 0


def _results_of(run: StoredRun, arguments: argparse.Namespace) -> Results:
    """Return the results of a run. Raises UsageError if it was not judged."""
    results = load_results(run.folder)
    if results is None:
        judge = command_here("bench", "check", str(arguments.run))
        raise UsageError(f"{arguments.run} was not judged when it ended: judge it with {judge}")
    return results


def _add_workload(parser: argparse.ArgumentParser) -> None:
    names = sorted(WORKLOADS)
    parser.add_argument("-w", "--workload", choices=names, default=DEFAULT, help=f"({DEFAULT})")


def _add_doctor(commands: Commands) -> None:
    parser = commands.add_parser(
        "doctor",
        help="take a node through the protocol, step by step, and report its mistakes",
        description="Take a node through the protocol, step by step, without faults. Report its "
        "mistakes, what was expected and which document demands it. Exit status: 0 if there is no "
        "mistake, 1 if there are some.",
        epilog="Arguments after -- go to the binary.",
        allow_abbrev=False,
    )
    add_bin(parser)
    _add_workload(parser)
    parser.add_argument("--node-count", type=count, default=3, metavar="N", help="nodes (3)")
    parser.add_argument(
        "--patience",
        type=positive,
        default=DOCTORS_PATIENCE_S,
        metavar="S",
        help=f"seconds to wait for a reply ({DOCTORS_PATIENCE_S:g})",
    )
    parser.set_defaults(carry_out=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    console = Console(sys.stdout)
    doctor = Doctor(
        command_of(arguments),
        arguments.node_count,
        arguments.workload,
        arguments.patience,
        lambda line: console.say(line.format()),
    )
    try:
        verdict = doctor.examine()
    except OSError as error:
        console.say(f"ERROR: {error}")
        return EXIT_ERROR
    mistakes = doctor.mistake_count
    if mistakes:
        noun = "mistake" if mistakes == 1 else "mistakes"
        console.say(f"\n{mistakes} {noun} in {len(doctor.lines)} lines")
    else:
        console.say("\nno mistake was found")
    return verdict.exit_status


def _add_shell(commands: Commands) -> None:
    parser = commands.add_parser(
        "shell",
        help="start a group, and type requests and faults by hand",
        description="Start a group, and carry out the commands of the input:\n\n"
        + help_of(WORKLOADS[DEFAULT]),
        epilog="Arguments after -- go to the binary.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_bin(parser)
    _add_workload(parser)
    parser.add_argument("--node-count", type=count, default=3, metavar="N", help="nodes (3)")
    parser.add_argument(
        "--latency", type=not_negative, default=0.0, metavar="MS", help="between nodes (0)"
    )
    parser.set_defaults(carry_out=_shell)


def _shell(arguments: argparse.Namespace) -> int:
    console = Console(sys.stdout)
    interactive = sys.stdin.isatty()
    shell = Shell(
        command_of(arguments),
        [f"n{number}" for number in range(arguments.node_count)],
        WORKLOADS[arguments.workload],
        LatencyDistribution("constant", arguments.latency),
        console.say,
        is_terminal=interactive,
    )
    if interactive:
        console.say("help lists the commands")

    def prompt() -> None:
        if interactive:
            print("> ", end="", flush=True)

    try:
        shell.run(sys.stdin.fileno(), prompt)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        console.say(f"ERROR: {error}")
        return EXIT_ERROR
    return 0
