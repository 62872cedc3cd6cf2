"""``bench perf`` on the command line."""

import argparse
import random
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from vsr_node.bench.command_line.arguments import (
    EXIT_ERROR,
    UsageError,
    add_bin,
    add_store,
    program,
)
from vsr_node.bench.perf.cells import PLACES, cells_of
from vsr_node.bench.perf.figures import as_json, subject_figures_of, summaries_of
from vsr_node.bench.perf.measuring import Measured, Measurements, SubjectError, measure_subject
from vsr_node.bench.perf.plot import svg_of
from vsr_node.bench.perf.subjects import DEFAULT_SETS, YARDSTICKS, Subject, subjects_of
from vsr_node.bench.perf.table import text_of
from vsr_node.bench.running.console import Console
from vsr_node.bench.stored.option_values import count, positive
from vsr_node.bench.stored.store import new_folder, point, write_json

CLIENTS = "1,8,32,128"
RATES = "200,2000"
READS = "0,50,100"
SEED_BITS = 32

T = TypeVar("T")


def add_perf(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "perf",
        help="measure throughput and latency beside what is possible",
        description="Measure throughput, latency, messages, CPU time and memory of a group under "
        "load, and compare them with as many bare echo nodes and a bare replication node, which "
        "show what Python and the pipes allow.",
        epilog="In open loop, latency counts from when a request was due, not from when it was "
        "sent. Exit status: 0 if all subjects were measured, 255 if not.",
        allow_abbrev=False,
    )
    add_bin(parser, required=False)
    parser.add_argument(
        "--vs",
        metavar="BIN",
        help="the program of another node, measured without options, beside --bin or alone",
    )
    parser.add_argument(
        "--set",
        action="append",
        type=_option_set,
        metavar="NAME=OPTIONS",
        help="a named set of options for the node; may be repeated; {run} becomes the folder of "
        "its group (" + ", ".join(f"{name}={words}" for name, words in DEFAULT_SETS.items()) + ")",
    )
    parser.add_argument("--node-count", type=count, default=3, metavar="N", help="nodes (3)")
    parser.add_argument(
        "--clients",
        type=_list_of(count),
        default=CLIENTS,
        metavar="LIST",
        help=f"numbers of clients in closed loop ({CLIENTS})",
    )
    parser.add_argument(
        "--rates",
        type=_list_of(positive),
        default=RATES,
        metavar="LIST",
        help=f"requests a second in open loop; may be empty ({RATES})",
    )
    parser.add_argument(
        "--at",
        type=_list_of(_place),
        default="spread",
        metavar="LIST",
        help="primary (the node that seems to lead), spread (all nodes in turn), or both (spread)",
    )
    parser.add_argument(
        "--reads",
        type=_list_of(_percent),
        default=READS,
        metavar="LIST",
        help=f"percentages of reads; the others are writes ({READS})",
    )
    parser.add_argument(
        "--seconds", type=positive, default=2.0, metavar="S", help="duration of each load (2)"
    )
    parser.add_argument("--rounds", type=count, default=1, metavar="N", help="number of rounds (1)")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().getrandbits(SEED_BITS), metavar="N"
    )
    add_store(parser)
    parser.set_defaults(carry_out=_perf)


def _perf(arguments: argparse.Namespace) -> int:
    if arguments.node_arguments:
        raise UsageError("perf takes the options of the node from --set NAME=OPTIONS, not after --")
    option_sets = dict(arguments.set) if arguments.set else DEFAULT_SETS
    if arguments.bin is None and arguments.vs is None:
        raise UsageError("perf measures the node of --bin, or that of --vs, or both")
    own = None if arguments.bin is None else program(arguments.bin)
    subjects = subjects_of(own, option_sets, _versus(arguments.vs, option_sets))
    cells = cells_of(arguments.clients, arguments.rates, arguments.at, arguments.reads)
    names = [f"n{number}" for number in range(arguments.node_count)]
    folder = new_folder(arguments.store / "perf", datetime.now(UTC))
    point(arguments.store / "perf" / "latest", folder)
    console = Console(sys.stdout)
    console.say(
        f"{len(subjects)} subjects, {len(cells)} loads of {arguments.seconds:g} s, "
        f"{arguments.rounds} rounds, seed {arguments.seed}\n{folder}"
    )
    rounds: list[list[Measured]] = []
    failed: list[str] = []
    for number in range(arguments.rounds):
        rounds.append([])
        plan = Measurements(names, cells, arguments.seconds, f"{arguments.seed}/{number}")
        for subject in subjects:
            own_folder = folder / f"{subject.name.replace(' ', '-')}-{number}"
            try:
                rounds[-1].append(measure_subject(subject, plan, own_folder, console.say))
            except (SubjectError, OSError) as error:
                console.say(f"ERROR: {subject.name}: {error}")
                failed.append(subject.name)
    summaries, subject_figures = summaries_of(rounds), subject_figures_of(rounds)
    results = as_json(rounds, summaries, subject_figures) | {
        "failed": failed,
        "seed": arguments.seed,
    }
    write_json(folder / "perf.json", results)
    (folder / "perf.svg").write_text(svg_of(summaries), encoding="utf-8")
    text = text_of(summaries, subject_figures)
    (folder / "perf.txt").write_text(text + "\n", encoding="utf-8")
    console.say(f"{text}\n\nfigures in {folder}: perf.json, perf.svg, perf.txt")
    return EXIT_ERROR if failed else 0


def _versus(text: str | None, option_sets: Mapping[str, str]) -> Subject | None:
    """Return the node of --vs, under the name of its program. Raises UsageError."""
    if text is None:
        return None
    name = Path(text).name
    if name in (*option_sets, *(yardstick.name for yardstick in YARDSTICKS)):
        raise UsageError(f"{name} is the name of the node of --vs; give the set another name")
    return Subject(name, program(text))


def _option_set(text: str) -> tuple[str, str]:
    name, _, words = text.partition("=")
    if not name:
        raise ValueError(text)
    return name, words


def _list_of(kind: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def parse(text: str) -> tuple[T, ...]:
        return tuple(kind(part) for part in text.split(",") if part)

    return parse


def _place(text: str) -> str:
    if text not in PLACES:
        raise ValueError(text)
    return text


def _percent(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 100:
        raise ValueError(text)
    return number
