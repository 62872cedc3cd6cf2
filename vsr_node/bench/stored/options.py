"""What a test is asked to be. Each option is declared once: for the command line, for the stored
run, and for reading it back."""

import argparse
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from vsr_node.bench.faults.partition import SHAPES
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.stored import option_values as values
from vsr_node.bench.stored.script import Script
from vsr_node.bench.workloads import WORKLOADS, Parameters
from vsr_node.bench.workloads.broadcast import TOPOLOGIES
from vsr_node.checker import Bounds
from vsr_node.shell_command import command_here

RUN_FOLDER = "{run}"
"""Stands in the binary's arguments for the run's own folder, so that no run finds the data of
another."""

MESSAGES_KEPT = 1_000_000
SLOW_MS = 100.0
ON_TIME = "on-time"
HEAD_OF_LINE = "head-of-line"
MAELSTROM = "maelstrom"
THOROUGH = "thorough"


def in_folder(command: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return a program and its arguments with a folder in place of ``RUN_FOLDER``."""
    program, *arguments = command
    absolute = str(folder.absolute())
    return (program, *(argument.replace(RUN_FOLDER, absolute) for argument in arguments))


def _option(*names: str, stored_default: Any = MISSING, **how: Any) -> Any:
    """Return a field that the command line sets, as these arguments of ``add_argument`` say.

    A stored run without it has ``stored_default``.
    """
    return field(default=stored_default, metadata={"names": names, "how": how})


def _parameter(*names: str, **how: Any) -> Any:
    """Return a field for a parameter of some workloads; it is None unless the command line has it.

    A run without it is stored without it.
    """
    return _option(*names, stored_default=None, **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What ``test.json`` and ``results.json`` keep of a test, under these names.

    What needs another option to be complete has no declaration here, or is completed by the
    command line.
    """

    workload: str = _option(
        "-w",
        "--workload",
        type=values.workload,
        required=True,
        metavar="NAME",
        help=", ".join(sorted(WORKLOADS)),
    )
    command: tuple[str, ...]
    """The program and its arguments, ready to be started from any folder.

    ``{run}`` in an argument stands for the run's own folder.
    """
    nodes: tuple[str, ...]
    concurrency: int = _option(
        "--concurrency",
        metavar="N",
        help="clients; 4n is four times the nodes (one group)",
    )
    rate: float = _option(
        "--rate",
        type=values.positive,
        default=5.0,
        metavar="R",
        help="operations a second in all (5)",
    )
    time_limit_s: float = _option(
        "--time-limit",
        type=values.positive,
        default=60.0,
        metavar="S",
        help="seconds in which operations begin (60)",
    )
    latency_ms: float = _option(
        "--latency",
        type=values.not_negative,
        default=0.0,
        metavar="MS",
        help="mean one-way latency between nodes (0)",
    )
    latency_distribution: str = _option(
        "--latency-dist",
        choices=("constant", "uniform", "exponential"),
        default="constant",
        help="(constant)",
    )
    delivery: str = _option(
        "--delivery",
        choices=(ON_TIME, HEAD_OF_LINE),
        default=ON_TIME,
        help=f"{HEAD_OF_LINE} holds a node's messages, clients' too, behind the one that it "
        "waits for, as Maelstrom does",
    )
    nemeses: tuple[str, ...] = _option(
        "--nemesis",
        type=values.nemeses,
        default=(),
        metavar="LIST",
        help="kill (-9, then started again), pause, partition, several of them (kill,pause), "
        "all, or none; one node, a minority, a majority, all nodes, or the leader; aimed (not part "
        "of all): kills, cuts and pauses of the leader at the worst moments; reconfigure (not part "
        "of all): other members, for nodes that offer it",
    )
    partitions: tuple[str, ...] = _option(
        "--partitions",
        type=values.partitions,
        default=(),
        stored_default=(),
        metavar="LIST",
        help=f"the kinds of partition, in place of all: {', '.join(SHAPES)}",
    )
    nemesis_interval_s: float = _option(
        "--nemesis-interval",
        type=values.positive,
        metavar="S",
        help="mean seconds between a fault and its end (a twelfth of the time limit, from "
        "1.5 to 10; 10 with --as-maelstrom)",
    )
    slow_ms: float | None = _option(
        "--slow",
        type=values.positive,
        nargs="?",
        const=SLOW_MS,
        metavar="MS",
        help="from time to time messages on some links, or all messages of a node, take so "
        f"much longer ({SLOW_MS:g})",
    )
    """How much longer messages take while links are slow; None if they never are."""
    loss: float = _option(
        "--loss",
        type=values.probability,
        default=0.0,
        metavar="P",
        help="probability that a message between nodes is lost (0)",
    )
    duplication: float = _option(
        "--duplicate",
        type=values.probability,
        default=0.0,
        metavar="P",
        help="probability that a message between nodes is repeated (0)",
    )
    availability: float | None = _option(
        "--availability",
        type=values.availability,
        metavar="total|FRACTION",
        help="the least fraction of operations that must be ok",
    )
    """None asks for nothing."""
    require_faults: bool = _option(
        "--require-faults",
        action="store_true",
        help="a run whose faults touched nothing is unknown (exit status 2), not valid",
    )
    seed: int = _option(
        "--seed",
        type=int,
        metavar="N",
        help="draws operations, latencies and faults (drawn at random if not given)",
    )

    key_count: int | None = _parameter(
        "--key-count", type=values.count, metavar="N", help="keys of transactions at a time (10)"
    )
    max_txn_length: int | None = _parameter(
        "--max-txn-length",
        type=values.count,
        metavar="N",
        help="operations of a transaction at most (4)",
    )
    max_writes_per_key: int | None = _parameter(
        "--max-writes-per-key",
        type=values.count,
        metavar="N",
        help="writes of a key before another takes its place (16)",
    )
    topology: str | None = _parameter(
        "--topology",
        choices=TOPOLOGIES,
        help="the neighbours that broadcast suggests to nodes (grid)",
    )
    consistency_models: tuple[str, ...] | None = _parameter(
        "--consistency-models",
        type=values.models,
        metavar="LIST",
        help="what transactions promise, as read-committed (strict-serializable)",
    )
    strict: bool | None = _parameter(
        "--strict",
        action="store_const",
        const=True,
        help="demand sets and counters that are linearizable, and transactions that are strictly "
        "serializable, whatever the models",
    )

    generator: str | None = _option(
        "--as-maelstrom",
        action="store_const",
        const=MAELSTROM,
        default=THOROUGH,
        help="draw operations and faults as Maelstrom does, and read nothing back",
        stored_default=None,
    )
    """What draws operations and faults. None for a run of an earlier version: as Maelstrom does."""

    @property
    def parameters(self) -> Parameters:
        """What the command line asks of the workload."""
        names = [each.name for each in fields(Parameters)]
        asked = {name: getattr(self, name) for name in names}
        return Parameters(**{name: each for name, each in asked.items() if each is not None})

    @property
    def is_thorough(self) -> bool:
        """Whether operations and faults are chosen where mistakes may show."""
        return self.generator == THOROUGH

    @property
    def latency(self) -> LatencyDistribution:
        """One way between servers."""
        return LatencyDistribution(self.latency_distribution, self.latency_ms)

    @property
    def head_of_line(self) -> bool:
        """Whether a message holds up those behind it."""
        return self.delivery == HEAD_OF_LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Description):
    """One test, with what concerns this run of it alone."""

    store: Path
    check_bounds: Bounds
    """What judging may take."""
    log_stderr: bool = _option(
        "--log-stderr", action="store_true", help="print the nodes' stderr, too"
    )
    messages_kept: int = _option(
        "--messages-kept",
        type=values.count,
        default=MESSAGES_KEPT,
        metavar="N",
        help=f"messages written to messages.jsonl at most ({MESSAGES_KEPT})",
    )
    arguments: tuple[str, ...] = ()
    """The command line's own words except for the seed, for repeating the run."""
    script: Script | None = None
    """Operations and faults of a stored run to be done once more; None draws them."""

    def command_in(self, folder: Path) -> tuple[str, ...]:
        """Return the program and its arguments for a run in ``folder``."""
        return in_folder(self.command, folder)

    def repeat_command(self, folder: Path) -> str:
        """Return the shell command that repeats this test, which is stored in ``folder``."""
        if self.script is not None:
            return command_here("bench", "replay", str(folder))
        return command_here("bench", "test", "--seed", str(self.seed), *self.arguments)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the declared options; each sets the field of its name."""
    for each in fields(Options):
        if each.metadata:
            names, how = each.metadata["names"], each.metadata["how"]
            parser.add_argument(*names, dest=each.name, **how)


def declared_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line says of the declared options, by field."""
    return {each.name: getattr(arguments, each.name) for each in fields(Options) if each.metadata}


def stored_values(description: Description) -> dict[str, Any]:
    """Return the fields that a stored run keeps, by name; none that is None by default."""
    values = {each.name: getattr(description, each.name) for each in fields(Description)}
    optional = {each.name for each in fields(Description) if each.default is None}
    return {
        name: value for name, value in values.items() if value is not None or name not in optional
    }
