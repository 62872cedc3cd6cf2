"""The command line: Maelstrom's words, and a few of the bench's own.

Exit status: 0 valid, 1 invalid, 2 unknown; 254 for wrong usage, 255 for an error, as in
Maelstrom; 128 plus the signal's number after Ctrl-C, SIGTERM or SIGHUP, unless what there is of the
run is invalid.
"""

import argparse
import io
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from vsr_node.bench.command_line import commands, hunt, report_commands
from vsr_node.bench.command_line.arguments import (
    EXIT_ERROR,
    EXIT_USAGE,
    Parser,
    UsageError,
    add_bin,
    add_bounds,
    add_store,
    bounds,
    command_of,
)
from vsr_node.bench.command_line.commands import run_and_report
from vsr_node.bench.command_line.embedding import add_embedding
from vsr_node.bench.command_line.perf import add_perf
from vsr_node.bench.running.console import Console
from vsr_node.bench.running.runner import Outcome, SetupError, run_test
from vsr_node.bench.stored.exports import junit_of, summary_of, write_bundle
from vsr_node.bench.stored.option_values import count
from vsr_node.bench.stored.options import (
    MAELSTROM,
    RUN_FOLDER,
    Options,
    add_options,
    declared_values,
)
from vsr_node.bench.stored.stored_runs import BUNDLE_SUFFIX, UnreadableRunError
from vsr_node.bench.workloads import WORKLOADS, Parameters
from vsr_node.bench.workshop.broken_nodes import HARD_NODES
from vsr_node.bench.workshop.self_test import (
    HEAD,
    HONEST_HARD_NODE,
    NODES,
    table_line,
)
from vsr_node.bench.workshop.self_test import rows as self_test_rows
from vsr_node.shell_command import command_here
from vsr_node.start import Stopped

SEED_BITS = 32

NEMESIS_INTERVAL_S = 10.0
NEMESIS_INTERVAL_MIN_S = 1.5
ACTS_IN_RUN = 12
"""How often faults of a kind begin or end in a thorough run, if the command line does not say."""

EXPORTS = ("--junit", "--summary", "--bundle")


def main(words: Sequence[str]) -> int:
    """Run a command and return the exit status."""
    arguments = parse(words)
    try:
        status: int = arguments.carry_out(arguments)
        return status
    except (UsageError, UnreadableRunError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_USAGE


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options, with the bench's ``words`` and, after --, the ``node_arguments``."""
    own, node_arguments = list(words), []
    if "--" in words:
        place = words.index("--")
        own, node_arguments = own[:place], own[place + 1 :]
    arguments = _parser().parse_args(own)
    arguments.words, arguments.node_arguments = own, node_arguments
    return arguments


def _test(arguments: argparse.Namespace) -> int:
    console = Console(sys.stdout)
    for name in without_meaning(arguments):
        console.say(f"note: {name} has no meaning for {arguments.workload}")
    if arguments.log_net_send or arguments.log_net_recv:
        console.say("note: every message is in messages.jsonl; nothing else is logged")
    _check_exports(arguments)
    status = 0
    outcomes = []
    for number in range(arguments.test_count):
        options = options_of(arguments, arguments.seed + number)
        status, outcome = run_and_report(options, console)
        if outcome is not None:
            outcomes.append(outcome)
        if status or outcome is None:
            break
    _export(arguments, outcomes, console)
    return status


def without_meaning(arguments: argparse.Namespace) -> list[str]:
    """Return the given options that only other workloads have. A command line may keep them."""
    own = ("rate", *WORKLOADS[arguments.workload].options)
    others = [each.name for each in fields(Parameters) if each.name not in own]
    given = [name for name in others if getattr(arguments, name) is not None]
    return [f"--{name.replace('_', '-')}" for name in given]


def _check_exports(arguments: argparse.Namespace) -> None:
    """Check before the run that its exports can be written. Raises UsageError."""
    for path in (arguments.junit, arguments.summary, arguments.bundle):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}")
        if path is not None and path.is_dir():
            raise UsageError(f"{path}: is a folder, but must be a file")
    if arguments.bundle is not None and not arguments.bundle.name.endswith(BUNDLE_SUFFIX):
        raise UsageError(f"--bundle {arguments.bundle}: the name must end with {BUNDLE_SUFFIX}")


def _export(arguments: argparse.Namespace, outcomes: Sequence[Outcome], console: Console) -> None:
    """Write the exports. An error here changes no verdict."""
    results = [outcome.results for outcome in outcomes]
    writers: list[tuple[Path | None, Callable[[Path], object]]] = [
        (arguments.junit, lambda path: path.write_bytes(junit_of(results))),
        (arguments.summary, lambda path: path.write_text(summary_of(results), encoding="utf-8")),
    ]
    if outcomes:
        last = outcomes[-1]
        writers.append(
            (arguments.bundle, lambda path: write_bundle(path, last.folder, last.results))
        )
    for path, write in writers:
        try:
            if path is not None:
                write(path)
        except OSError as error:
            console.say(f"ERROR: {error}; the verdict stays as it is")


def _self_test(arguments: argparse.Namespace) -> int:
    named = arguments.nodes
    part = (HONEST_HARD_NODE, *HARD_NODES) if arguments.hard else NODES
    nodes = [node for node in part if not named or node.name in named]
    unknown = set(named) - {node.name for node in nodes}
    if unknown:
        hard = "hard" if arguments.hard else "broken"
        raise UsageError(f"there is no {hard} node {', '.join(sorted(unknown))}")
    console = Console(sys.stdout)
    console.say(table_line(HEAD))
    run = _hunt_quietly if arguments.hard else _run_quietly
    as_they_should = True
    try:
        for row in self_test_rows(nodes, run, arguments.seed):
            console.say(table_line(row.cells()))
            as_they_should = as_they_should and row.as_it_should
    except (SetupError, OSError) as error:
        console.say(f"ERROR: {error}")
        return EXIT_ERROR
    return 0 if as_they_should else 1


def _run_quietly(words: Sequence[str]) -> Outcome:
    """Run the test of a command line. Raises SetupError, and Stopped on a signal."""
    arguments = parse(words)
    options = options_of(arguments, arguments.seed)
    outcome = run_test(options, Console(io.StringIO()), drawn=False)
    if outcome.signal_number is not None:
        raise Stopped(outcome.signal_number)
    return outcome


def _hunt_quietly(words: Sequence[str]) -> Outcome:
    """Hunt with the test of a command line. Raises as ``_run_quietly``."""
    return hunt.hunt_quietly(words, parse(words).seed, _options_of_words)


def _options_of_words(words: Sequence[str], seed: int) -> Options:
    return options_of(parse(words), seed)


def options_of(arguments: argparse.Namespace, seed: int) -> Options:
    """Return the options, checked and complete. Raises UsageError."""
    nodes = _nodes(arguments)
    repeated = _without(arguments.words[1:], "--seed", "--test-count", *EXPORTS)
    if arguments.node_arguments:
        repeated += ["--", *arguments.node_arguments]
    completed = {
        "command": command_of(arguments),
        "nodes": nodes,
        "concurrency": _concurrency(arguments, len(nodes)),
        "nemesis_interval_s": _nemesis_interval_s(arguments),
        "seed": seed,
        "store": arguments.store,
        "check_bounds": bounds(arguments),
        "arguments": tuple(repeated),
    }
    return Options(**declared_values(arguments) | completed)


def _without(words: Sequence[str], *names: str) -> list[str]:
    """Return the words without these options and their values."""
    left: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif not word.startswith(tuple(f"{name}=" for name in names)):
            left.append(word)
    return left


def _nodes(arguments: argparse.Namespace) -> tuple[str, ...]:
    names = arguments.node or [f"n{number}" for number in range(arguments.node_count)]
    if arguments.nodes is not None:
        names = arguments.nodes.split(",")
    if len(set(names)) != len(names) or not all(names):
        raise UsageError("each node needs a name of its own")
    if any(name.startswith("c") for name in names):
        raise UsageError("names that begin with c belong to the clients")
    return tuple(names)


def _concurrency(arguments: argparse.Namespace, node_count: int) -> int:
    """Return the number of clients that 8, or 4n for four times the nodes, stands for."""
    group = WORKLOADS[arguments.workload].threads_per_group(node_count)
    if arguments.concurrency is None:
        return max(group, node_count)
    text = arguments.concurrency
    factor = node_count if text.endswith("n") else 1
    try:
        concurrency = int(text.removesuffix("n") or "1") * factor
    except ValueError:
        raise UsageError(f"--concurrency {text}: must be a number such as 12 or 4n") from None
    if concurrency < 1 or concurrency % group:
        raise UsageError(
            f"--concurrency {text}: must be a multiple of {group}, such as 2n or 4n, as "
            f"{arguments.workload} on {node_count} nodes works in groups of {group} clients"
        )
    return concurrency


def _nemesis_interval_s(arguments: argparse.Namespace) -> float:
    """Return the mean time between a fault and its end."""
    if arguments.nemesis_interval_s is not None:
        return float(arguments.nemesis_interval_s)
    if arguments.generator == MAELSTROM:
        return NEMESIS_INTERVAL_S
    interval_s = float(arguments.time_limit_s) / ACTS_IN_RUN
    return min(max(interval_s, NEMESIS_INTERVAL_MIN_S), NEMESIS_INTERVAL_S)


def _parser() -> Parser:
    parser = Parser(
        prog=command_here("bench"),
        description="Test a node that speaks Maelstrom's protocol: real processes, a simulated "
        "network, faults, and a verdict. No JVM is needed.",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    test = subparsers.add_parser(
        "test",
        help="run a test and judge it",
        description="Run a test and judge it. Exit status: 0 valid, 1 invalid, 2 unknown, "
        "254 wrong usage, 255 error.",
        epilog=f"Arguments after -- go to the binary; {RUN_FOLDER} in one of them becomes the "
        f"run's own folder, for example: -- --data-dir {RUN_FOLDER}/data",
        allow_abbrev=False,
    )
    add_bin(test)
    _add_names(test)
    add_options(test)
    add_store(test)
    _add_other_options(test)
    add_bounds(test)
    seed = random.SystemRandom().getrandbits(SEED_BITS)
    test.set_defaults(carry_out=_test, seed=seed)
    hunt.add_to(subparsers, _options_of_words)
    commands.add_to(subparsers)
    report_commands.add_to(subparsers)
    add_perf(subparsers)
    add_embedding(subparsers)
    self_test = subparsers.add_parser(
        "self-test",
        help="check that the bench finds broken nodes broken and the honest one honest",
        description="Check that the bench finds broken nodes broken and the honest one honest, and "
        "print which check caught which lie, under which fault, after how many operations. It "
        "takes about ten minutes. Exit status: 0 if all were found, 1 if not.",
        allow_abbrev=False,
    )
    self_test.add_argument("nodes", nargs="*", metavar="NODE", help="only these")
    self_test.add_argument(
        "--hard",
        action="store_true",
        help="the hard ones: Rafts with one mistake each, which a hunt finds within minutes",
    )
    self_test.add_argument("--seed", type=int, default=1, metavar="N", help="(1)")
    self_test.set_defaults(carry_out=_self_test)
    return parser


def _add_names(test: argparse.ArgumentParser) -> None:
    names = test.add_mutually_exclusive_group()
    names.add_argument(
        "--node-count", type=count, default=5, metavar="N", help="nodes n0, n1, ... (5)"
    )
    names.add_argument("--node", action="append", metavar="NAME", help="a node; may be repeated")
    names.add_argument("--nodes", metavar="LIST", help="nodes, separated by commas")


def _add_other_options(test: argparse.ArgumentParser) -> None:
    test.add_argument("--test-count", type=count, default=1, metavar="N", help="tests in a row (1)")
    test.add_argument("--log-net-send", action="store_true", help=argparse.SUPPRESS)
    test.add_argument("--log-net-recv", action="store_true", help=argparse.SUPPRESS)
    for name, about in (
        ("--junit", "write JUnit XML"),
        ("--summary", "write a summary in Markdown"),
        (
            "--bundle",
            f"write one archive (*{BUNDLE_SUFFIX}) of the last run, to read and repeat",
        ),
    ):
        test.add_argument(name, type=Path, metavar="FILE", help=about)
