"""The registry of long checks, as data: command lines, and what their results must say.

Each command line can be run by hand, from any folder; `{python}` and `{root}` stand for the
interpreter of .venv and for the checkout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from vsr_node.bench.broken_nodes import BROKEN_NODES, BROKEN_PREFIX, HONEST

SHRINKABLE = (
    *("own-dict", "stale-reads", "cached-reads", "old-reply", "late-cas", "loses-order"),
    *("two-primaries", "dirty-reads", "early-ack"),
)
"""Broken nodes whose lie shows in few operations; others count them before they lie."""


@dataclass(frozen=True, slots=True)
class Run:
    """One command line, the exit status that it must end with, and bounds on figures.

    A figure is a path into the bench's results.json ("stats.count"), or one of those that
    `scripts.soaking.service` reads off the history ("service.longest_gap_s").
    """

    name: str
    command: tuple[str, ...]
    exit_status: int = 0
    at_most: Mapping[str, float] = field(default_factory=dict)
    never_logged: str = ""
    """A text that no node may have written to its stderr."""
    time_limit_s: float = 180


@dataclass(frozen=True, slots=True)
class Share:
    """A bound on the sum of one figure over the sum of another, over all runs of a check."""

    part: str
    whole: str
    below: float


@dataclass(frozen=True, slots=True)
class Check:
    """Runs that show one thing."""

    name: str
    about: str
    runs: tuple[Run, ...]
    share: Share | None = None


def bench(node: str, *options: object) -> tuple[str, ...]:
    """Return the command line of a lin-kv test under the bench."""
    return (
        *("{python}", "-m", "vsr_node.bench", "test", "-w", "lin-kv", "--bin", node),
        *map(str, options),
    )


def our_node(node_count: int, time_limit_s: int, rate: int, *options: object) -> tuple[str, ...]:
    """Return the command line of a lin-kv test of our node, with four clients a node."""
    return bench(
        *("{root}/run-vsr-node", "--node-count", node_count, "--concurrency", "4n"),
        *("--time-limit", time_limit_s, "--rate", rate, *options),
    )


def calm_runs(distribution: str, latencies: tuple[int, ...], **bounds: float) -> tuple[Run, ...]:
    """Return the runs without faults: 3 and 5 nodes, two rates, the given latencies."""
    return tuple(
        Run(
            name=f"{nodes} nodes, rate {rate}, {latency} ms",
            command=our_node(nodes, 10, rate, "--latency", latency, "--latency-dist", distribution),
            at_most=bounds,
        )
        for nodes, rate, latency in product((3, 5), (20, 200), latencies)
    )


def partition_runs(*extra: object, **bounds: float) -> tuple[Run, ...]:
    """Return the runs under partitions: 3, 4 and 5 nodes, five seeds each."""
    return tuple(
        Run(
            name=f"{nodes} nodes, seed {seed}",
            command=our_node(
                *(nodes, 30, 20, "--seed", seed),
                *("--nemesis", "partition", "--nemesis-interval", 3, *extra),
            ),
            at_most=bounds,
        )
        for nodes, seed in product((3, 4, 5), range(1, 6))
    )


CHECKS = (
    Check(
        name="matrix-calm-constant",
        about="no faults, constant latency: valid, not one time-out",
        runs=calm_runs("constant", (0, 10, 100), time_outs=0),
    ),
    Check(
        name="matrix-calm-exponential",
        about="no faults, exponential latency: valid, fewer than 1 operation in 2,000 times out",
        runs=calm_runs("exponential", (0, 10, 100)),
        share=Share("time_outs", "stats.count", below=1 / 2000),
    ),
    Check(
        name="matrix-partition",
        about="partitions at latency 0: valid, the majority's side is served again within 1 s",
        runs=partition_runs(**{"service.longest_gap_s": 1, "service.unanswered": 0}),
    ),
    Check(
        name="matrix-partition-lossy",
        about="partitions on a network that loses, repeats and reorders: valid",
        runs=partition_runs(
            *("--loss", 0.05, "--duplicate", 0.1, "--latency", 10, "--latency-dist", "exponential")
        ),
    ),
    Check(
        name="latency-1000",
        about="one second of latency, no faults: no view change",
        runs=tuple(
            Run(
                name=f"{nodes} nodes",
                command=our_node(nodes, 60, 20, "--latency", 1000),
                never_logged="entered view",
            )
            for nodes in (3, 5)
        ),
    ),
    Check(
        name="kill-primary",
        about="first node killed at latency 0, 20 times: a write succeeds within 1 s",
        runs=tuple(
            Run(
                name=f"{nodes} nodes",
                command=(
                    *("{python}", "-m", "scripts.soaking.kill_primary"),
                    *("--bin", "{root}/run-vsr-node", "--node-count", str(nodes)),
                    *("--times", "20", "--within", "1"),
                ),
            )
            for nodes in (3, 5)
        ),
    ),
    Check(
        name="broken-nodes",
        about="each broken node is found invalid, 10 times out of 10",
        runs=tuple(
            Run(
                name=f"{node.name}, seed {seed}",
                command=bench(BROKEN_PREFIX + node.name, *node.found_by, "--seed", seed),
                exit_status=1,
            )
            for node, seed in product(BROKEN_NODES, range(1, 11))
        ),
    ),
    Check(
        name="honest-node",
        about="a node that keeps all data on n0 is found valid where the broken ones are not",
        runs=tuple(
            Run(
                name=f"as {node.name}, seed 1",
                command=bench(BROKEN_PREFIX + HONEST, *node.found_by, "--seed", 1),
            )
            for node in BROKEN_NODES
        ),
    ),
    Check(
        name="shrink",
        about="2,000 operations that fail shrink to fewer than 20 in under 10 minutes",
        runs=tuple(
            Run(
                name=name,
                command=("{python}", "-m", "scripts.soaking.shrinking", "--node", name),
                time_limit_s=660,
            )
            for name in SHRINKABLE
        ),
    ),
    Check(
        name="doctor",
        about="the doctor has nothing to say against our node and the honest one",
        runs=tuple(
            Run(
                name=f"{node}, {count} nodes",
                command=(
                    *("{python}", "-m", "vsr_node.bench", "doctor"),
                    *("--bin", binary, "--node-count", str(count)),
                ),
            )
            for (node, binary), count in product(
                (("ours", "{root}/run-vsr-node"), ("honest", BROKEN_PREFIX + HONEST)), (1, 2, 3, 5)
            )
        ),
    ),
    Check(
        name="large-page",
        about="50,000 operations, 500,000 messages: the page is below 20 MB, quick in a browser",
        runs=(
            Run(
                name="our node",
                command=("{python}", "-m", "scripts.soaking.large_page"),
                time_limit_s=500,
            ),
        ),
    ),
    Check(
        name="fuzz",
        about="100,000 fuzzed lines at one node of three: then all serve",
        runs=tuple(
            Run(
                name=f"seed {seed}",
                command=(
                    *("{python}", "-m", "tests.maelstrom.fuzz"),
                    *("--lines", "100000", "--seed", str(seed)),
                ),
            )
            for seed in (1, 2, 3)
        ),
    ),
    Check(
        name="simulation",
        about="10,000 seeds of the simulator without a violation",
        runs=tuple(
            Run(
                name=f"seeds {first} to {first + 499}",
                command=(
                    *("{python}", "-m", "vsr_node.simulation"),
                    *("--seeds", f"{first}..{first + 500}"),
                ),
                time_limit_s=900,
            )
            for first in range(0, 10_000, 500)
        ),
    ),
    Check(
        name="mutations",
        about="each mutation of the protocol is caught within its number of seeds",
        runs=(
            Run(
                name="the whole catalogue",
                command=("{python}", "-m", "vsr_node.simulation", "--mutations"),
                time_limit_s=1800,
            ),
        ),
    ),
)
