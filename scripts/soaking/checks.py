"""The list of long checks as data: command lines, and bounds on their results.

Each command line can be run by hand, from any folder; ``{python}`` and ``{root}`` stand for the
interpreter of .venv and for the checkout.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from vsr_node.bench.workloads import DEFAULT
from vsr_node.bench.workshop.broken_nodes import (
    BROKEN_NODES,
    BROKEN_PREFIX,
    HARD_NODES,
    HONEST,
    HONEST_ON_DISK,
    HONEST_RAFT,
    OTHER_NODES,
)
from vsr_node.bench.workshop.self_test import HONEST_OTHER_NODES

NODE = "{root}/run-vsr-node"

SHRINKABLE = (
    "own-dict",
    "stale-reads",
    "cached-reads",
    "old-reply",
    "late-cas",
    "loses-order",
    "two-primaries",
    "dirty-reads",
    "early-ack",
)
"""Broken nodes that lie within a few operations; others first count operations."""

FOUND_IN_ONE_RUN = (
    "raft-blind-votes",
    "raft-lone-reads",
    "raft-lagging-reads",
    "raft-early-reads",
    "raft-twice",
    "raft-short-snapshot",
)
"""Hard nodes that one run under partitions mostly finds; the others show under kills, or rarely."""

GLOMERS = {
    "1": "echo --node-count 1 --time-limit 10",
    "2": "unique-ids --time-limit 30 --rate 1000 --node-count 3 --availability total "
    "--nemesis partition",
    "3a": "broadcast --node-count 1 --time-limit 20 --rate 10",
    "3b": "broadcast --node-count 5 --time-limit 20 --rate 10",
    "3c": "broadcast --node-count 5 --time-limit 20 --rate 10 --nemesis partition",
    "3d, 3e": "broadcast --node-count 25 --time-limit 20 --rate 100 --latency 100",
    "4": "g-counter --node-count 3 --rate 100 --time-limit 20 --nemesis partition",
    "5a": "kafka --node-count 1 --concurrency 2n --time-limit 20 --rate 1000",
    "5b, 5c": "kafka --node-count 2 --concurrency 2n --time-limit 20 --rate 1000",
    "6a": "txn-rw-register --node-count 1 --concurrency 2n --time-limit 20 --rate 1000 "
    "--consistency-models read-uncommitted --availability total",
    "6b": "txn-rw-register --node-count 2 --concurrency 2n --time-limit 20 --rate 1000 "
    "--consistency-models read-uncommitted",
    "6b, cut off": "txn-rw-register --node-count 2 --concurrency 2n --time-limit 20 --rate 1000 "
    "--consistency-models read-uncommitted --nemesis partition",
    "6c, cut off": "txn-rw-register --node-count 2 --concurrency 2n --time-limit 20 --rate 1000 "
    "--consistency-models read-committed --nemesis partition",
}
"""The workload and the options of each challenge of Fly.io's Gossip Glomers. 6b and 6c lack
``--availability total``, as no node that asks a majority is available while it is cut off."""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A command line, its required exit status, and bounds on figures.

    A figure is a path into the bench's results.json ("stats.count"), or a figure that
    ``scripts.soaking.service`` reads from the history ("service.longest_gap_s").
    """

    name: str
    command: tuple[str, ...]
    exit_status: int = 0
    at_most: Mapping[str, float] = field(default_factory=dict)
    never_logged: str = ""
    """A text that no node may write to stderr; empty if any is allowed."""
    time_limit_s: float = 180


@dataclass(frozen=True, slots=True)
class Share:
    """A bound on the sum of one figure over the sum of another, in all runs of a check."""

    part: str
    whole: str
    below: float


@dataclass(frozen=True, slots=True)
class Check:
    """Runs that show one property."""

    name: str
    about: str
    runs: tuple[CheckRun, ...]
    share: Share | None = None
    passes_min: int | None = None
    """How many of the runs must pass; None if all must."""


def module(name: str, options: str = "") -> tuple[str, ...]:
    """Return the command line of a module; blanks separate its options."""
    return ("{python}", "-m", name, *options.split())


def bench(node: str, options: str, workload: str = DEFAULT) -> tuple[str, ...]:
    """Return the command line of a test under the bench."""
    return module("vsr_node.bench", f"test -w {workload} --bin {node} {options}")


def our_node(node_count: int, options: str) -> tuple[str, ...]:
    """Return the command line of a lin-kv test of our node, with four clients a node."""
    return bench(NODE, f"--node-count {node_count} --concurrency 4n {options}")


def calm_runs(
    distribution: str, latencies: tuple[int, ...], **bounds: float
) -> tuple[CheckRun, ...]:
    """Return the runs without faults: 3 and 5 nodes, two rates, the given latencies."""
    return tuple(
        CheckRun(
            name=f"{nodes} nodes, rate {rate}, {latency} ms",
            command=our_node(
                nodes,
                f"--time-limit 10 --rate {rate} --latency {latency} --latency-dist {distribution}",
            ),
            at_most=bounds,
        )
        for nodes, rate, latency in product((3, 5), (20, 200), latencies)
    )


def partition_runs(more: str = "", /, **bounds: float) -> tuple[CheckRun, ...]:
    """Return the runs under partitions: 3, 4 and 5 nodes, five seeds each."""
    return tuple(
        CheckRun(
            name=f"{nodes} nodes, seed {seed}",
            command=our_node(
                nodes,
                f"--time-limit 30 --rate 20 --seed {seed} "
                f"--nemesis partition --nemesis-interval 3 {more}",
            ),
            at_most=bounds,
        )
        for nodes, seed in product((3, 4, 5), range(1, 6))
    )


def journals(data_dir: str) -> dict[str, str]:
    """Return the options of our node, after "--", for each way to keep data."""
    return {
        "default journal": "",
        "flushed": f"-- --data-dir {data_dir}",
        "not flushed": f"-- --data-dir {data_dir} --fsync never",
    }


def hunt(node: str, minutes: int, seed: int, options: str = "") -> tuple[str, ...]:
    """Return the command line of a hunt."""
    return module(
        "vsr_node.bench", f"hunt --bin {node} --minutes {minutes} --jobs 2 --seed {seed} {options}"
    )


def one_run(node: str, words: str) -> tuple[str, ...]:
    """Return the command line of a single run of a broken node, as the README has it."""
    nodes, nemesis, seconds, *options = words.split()
    bin_options = ("--bench", "--bin", BROKEN_PREFIX + node)
    return ("{root}/maelstrom-kv", nodes, nemesis, seconds, *bin_options, *options)


def own_network(name: str, options: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield, for each way to keep data, its name and the command line of a script with nodes."""
    for way, node_options in journals("data").items():
        node = f"{NODE} {node_options.removeprefix('--')}"
        yield way, module(f"scripts.soaking.{name}", f"{options} -- {node}")


CHECKS = (
    Check(
        name="matrix-calm-constant",
        about="no faults, constant latency: valid, no time-outs",
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
        runs=partition_runs("--loss 0.05 --duplicate 0.1 --latency 10 --latency-dist exponential"),
    ),
    Check(
        name="latency-1000",
        about="one second of latency, no faults: no view change",
        runs=tuple(
            CheckRun(
                name=f"{nodes} nodes",
                command=our_node(nodes, "--time-limit 60 --rate 20 --latency 1000"),
                never_logged="entered view",
            )
            for nodes in (3, 5)
        ),
    ),
    Check(
        name="kill-primary",
        about="first node killed at latency 0, 50 times: a write succeeds within 500 ms",
        runs=tuple(
            CheckRun(
                name=f"{nodes} nodes",
                command=module(
                    "scripts.soaking.kill_primary",
                    f"--bin {NODE} --node-count {nodes} --times 50 --within 0.5",
                ),
                time_limit_s=400,
            )
            for nodes in (3, 5)
        ),
    ),
    Check(
        name="data-faults",
        about="kills, pauses and partitions, with each way to keep data: valid",
        runs=tuple(
            CheckRun(
                name=f"{nodes} nodes, seed {seed}, {name}",
                command=our_node(
                    nodes,
                    f"--time-limit 60 --rate 100 --seed {seed} "
                    f"--nemesis kill,pause,partition --nemesis-interval 3 {options}",
                ),
            )
            for nodes, seed, (name, options) in product(
                (3, 5), range(1, 5), journals("{{run}}/data").items()
            )
        ),
    ),
    Check(
        name="data-test-count",
        about="three tests in a row with kills, default journal: each starts empty, and is valid",
        runs=tuple(
            CheckRun(
                name=f"{nodes} nodes",
                command=our_node(
                    nodes,
                    "--time-limit 20 --rate 100 --test-count 3 --seed 1 "
                    "--nemesis kill --nemesis-interval 2",
                ),
            )
            for nodes in (3, 5)
        ),
    ),
    Check(
        name="data-restarts",
        about="one node of three killed and started 500 times under load: no write is lost",
        runs=tuple(
            CheckRun(name=name, command=command, time_limit_s=1200)
            for name, command in own_network("restarts", "--times 500")
        ),
    ),
    Check(
        name="embedding",
        about="three members over TCP: kill -9 every 2 s, planned restarts, strangers",
        runs=(
            CheckRun(
                name="kill -9",
                command=module("scripts.soaking.embedding", "--seconds 600"),
                time_limit_s=1500,
            ),
            CheckRun(
                name="planned restarts",
                command=module("scripts.soaking.embedding", "--fault restart --seconds 120"),
                time_limit_s=600,
            ),
            CheckRun(
                name="10,000 streams, 5,000 idle connections",
                command=(
                    *("env", "VSR_ABUSE_STREAMS=10000", "VSR_ABUSE_IDLE=5000"),
                    *module("pytest", "-q tests/cluster/test_abuse.py"),
                ),
                time_limit_s=1500,
            ),
        ),
    ),
    Check(
        name="data-endurance",
        about="1,000,000 operations: as fast and small at the end, and soon back after kill -9",
        runs=tuple(
            CheckRun(name=name, command=command, time_limit_s=3600)
            for name, command in own_network("endurance")
        ),
    ),
    Check(
        name="data-syncs",
        about="one flush an operation with one client, far fewer with many",
        runs=(
            CheckRun(
                name="1, 8, 64 clients",
                command=module("scripts.soaking.syncs", f"--bin {NODE}"),
            ),
        ),
    ),
    Check(
        name="data-damage",
        about="damaged journals are never taken for whole",
        runs=tuple(
            CheckRun(
                name=f"seed {seed}",
                command=module("tests.storage.damage", f"--count 20000 --seed {seed}"),
                time_limit_s=1800,
            )
            for seed in (1, 2, 3)
        ),
    ),
    Check(
        name="data-shim",
        about="each file call of a journal's life fails once in each way: nothing saved is lost",
        runs=tuple(
            CheckRun(
                name=f"{flush} flushed",
                command=("{python}", "-m", "tests.storage.sweep", "--flush", flush),
                time_limit_s=3600,
            )
            for flush in ("everything", "promises", "nothing")
        ),
    ),
    Check(
        name="data-power",
        about="power fails after each file call: what was flushed is there, no more is trusted",
        runs=(
            CheckRun(
                name="all lives",
                command=("{python}", "-m", "tests.storage.power"),
                time_limit_s=1800,
            ),
        ),
    ),
    Check(
        name="data-large",
        about="a state of 2 GB is checkpointed, and loaded again as it was",
        runs=(
            CheckRun(
                name="2 GB",
                command=("{python}", "-m", "scripts.soaking.checkpoints", "2000"),
                time_limit_s=1800,
            ),
        ),
    ),
    Check(
        name="values-silence",
        about="8 clients write values of 1 MiB, without faults: no silence of more than 250 ms",
        runs=tuple(
            CheckRun(name=name, command=command, time_limit_s=300)
            for name, command in own_network("large_values", "silence")
        ),
    ),
    Check(
        name="values-missed",
        about="a node that missed 200 MB is back within 10 s, and the group serves meanwhile",
        runs=tuple(
            CheckRun(name=name, command=command, time_limit_s=300)
            for name, command in own_network("large_values", "missed")
        ),
    ),
    Check(
        name="values-faults",
        about="values of 1 byte to 1 MiB under faults: valid, all nodes back within 5 s",
        runs=tuple(
            CheckRun(name=f"{nodes} nodes, {name}, seed {seed}", command=command, time_limit_s=300)
            for nodes, seed in product((3, 5), range(1, 5))
            for name, command in own_network(
                "large_values", f"faults --nodes {nodes} --seed {seed}"
            )
        ),
    ),
    Check(
        name="broken-nodes",
        about="each broken node is found invalid, 10 times out of 10",
        runs=tuple(
            CheckRun(
                name=f"{node.name}, seed {seed}",
                command=bench(
                    BROKEN_PREFIX + node.name,
                    f"{' '.join(node.found_by)} --seed {seed}",
                    node.workload,
                ),
                exit_status=1,
            )
            for node, seed in product((*BROKEN_NODES, *OTHER_NODES), range(1, 11))
        ),
    ),
    Check(
        name="honest-node",
        about="a node that keeps all data on n0 is found valid in the broken nodes' tests",
        runs=tuple(
            CheckRun(
                name=f"as {node.name}, seed 1",
                command=bench(
                    BROKEN_PREFIX + HONEST_ON_DISK,
                    f"{' '.join(node.found_by)} --seed 1 -- {{{{run}}}}/data",
                ),
            )
            for node in BROKEN_NODES
        ),
    ),
    Check(
        name="honest-others",
        about="the honest nodes of the other workloads are found valid, 50 times out of 50",
        runs=tuple(
            CheckRun(
                name=f"{node.name}, {node.workload}, seed {seed}",
                command=bench(
                    BROKEN_PREFIX + node.name,
                    f"{' '.join(node.found_by)} --seed {seed}",
                    node.workload,
                ),
            )
            for node, seed in product(HONEST_OTHER_NODES, range(1, 51))
        ),
    ),
    Check(
        name="kill-forgets",
        about="10 s of kills find a node that forgets everything at a kill, 20 times out of 20",
        runs=tuple(
            CheckRun(
                name=f"seed {seed}",
                command=one_run("forgets-all", f"3 kill 10 --seed {seed}"),
                exit_status=1,
            )
            for seed in range(1, 21)
        ),
    ),
    *(
        Check(
            name=f"one-run-{name}",
            about="30 s of partitions find a hard node, 7 times out of 10",
            runs=tuple(
                CheckRun(
                    name=f"seed {seed}",
                    command=one_run(name, f"3 partition 30 --seed {seed} -- {{{{run}}}}/data"),
                    exit_status=1,
                )
                for seed in range(1, 11)
            ),
            passes_min=7,
        )
        for name in FOUND_IN_ONE_RUN
    ),
    *(
        Check(
            name=f"hunts-broken-{node.name}",
            about="a hunt of 5 minutes finds a hard node, 9 times out of 10",
            runs=tuple(
                CheckRun(
                    name=f"seed {seed}",
                    command=hunt(
                        BROKEN_PREFIX + node.name,
                        5,
                        seed,
                        "-- {{run}}/data" if node.found_by else "",
                    ),
                    exit_status=1,
                    time_limit_s=900,
                )
                for seed in range(1, 11)
            ),
            passes_min=9,
        )
        for node in HARD_NODES
    ),
    Check(
        name="hunts-honest",
        about="a hunt of 2 minutes finds nothing wrong with the honest Raft, 50 times",
        runs=tuple(
            CheckRun(
                name=f"seed {seed}",
                command=hunt(BROKEN_PREFIX + HONEST_RAFT, 2, seed, "-- {{run}}/data"),
                time_limit_s=300,
            )
            for seed in range(1, 51)
        ),
    ),
    Check(
        name="hunts-ours",
        about="a hunt of 2 minutes finds nothing wrong with our node, 50 times",
        runs=tuple(
            CheckRun(
                name=f"{name}, seed {seed}",
                command=hunt(NODE, 2, seed, options),
                time_limit_s=300,
            )
            for (name, options), seed in product(
                list(journals("{{run}}/data").items())[:2], range(1, 26)
            )
        ),
    ),
    Check(
        name="glomers",
        about="our node serves each challenge of Gossip Glomers, strictly: valid, ten seeds each",
        runs=tuple(
            CheckRun(
                name=f"{challenge}, seed {seed}",
                command=bench(NODE, f"{options} --strict --seed {seed}", workload),
            )
            for (challenge, line), seed in product(GLOMERS.items(), range(1, 11))
            for workload, _, options in (line.partition(" "),)
        ),
    ),
    Check(
        name="large-group",
        about="25 nodes, one of them paused again and again: valid",
        runs=tuple(
            CheckRun(
                name=f"seed {seed}",
                command=bench(
                    NODE,
                    f"{GLOMERS['3d, 3e'].removeprefix('broadcast ')} --strict --seed {seed} "
                    "--nemesis pause --nemesis-interval 4",
                    "broadcast",
                ),
            )
            for seed in (1, 2, 3)
        ),
    ),
    Check(
        name="shrink",
        about="2,000 operations that fail shrink to fewer than 20 in under 10 minutes",
        runs=tuple(
            CheckRun(
                name=name,
                command=module("scripts.soaking.shrinking", f"--node {name}"),
                time_limit_s=660,
            )
            for name in SHRINKABLE
        ),
    ),
    Check(
        name="doctor",
        about="the doctor finds no mistake of our node or the honest one",
        runs=tuple(
            CheckRun(
                name=f"{node}, {count} nodes",
                command=module("vsr_node.bench", f"doctor --bin {binary} --node-count {count}"),
            )
            for (node, binary), count in product(
                (("ours", NODE), ("honest", BROKEN_PREFIX + HONEST)), (1, 2, 3, 5)
            )
        ),
    ),
    Check(
        name="large-page",
        about="50,000 operations, 500,000 messages: the page is below 20 MB, quick in a browser",
        runs=(
            CheckRun(
                name="our node",
                command=module("scripts.soaking.large_page"),
                time_limit_s=500,
            ),
        ),
    ),
    Check(
        name="traces",
        about="150 seeds, and 3 and 5 nodes under faults: what their traces say adds up",
        runs=(
            *(
                CheckRun(
                    name=f"seeds {first} to {first + 29}",
                    command=module("scripts.soaking.traces", f"seeds {first} {first + 29}"),
                    time_limit_s=900,
                )
                for first in range(0, 150, 30)
            ),
            *(
                CheckRun(
                    name=f"{count} nodes",
                    command=module("scripts.soaking.traces", f"nodes {count}"),
                )
                for count in (3, 5)
            ),
        ),
    ),
    Check(
        name="fuzz",
        about="100,000 fuzzed lines at one node of three: then all serve",
        runs=tuple(
            CheckRun(
                name=f"seed {seed}",
                command=module("tests.maelstrom.fuzz", f"--lines 100000 --seed {seed}"),
            )
            for seed in (1, 2, 3)
        ),
    ),
    Check(
        name="simulation",
        about="10,000 seeds of the simulator without a violation",
        runs=tuple(
            CheckRun(
                name=f"seeds {first} to {first + 499}",
                command=module("vsr_node.simulation", f"--seeds {first}..{first + 500}"),
                time_limit_s=900,
            )
            for first in range(0, 10_000, 500)
        ),
    ),
    Check(
        name="mutations",
        about="each mutation of the protocol is caught within its number of seeds",
        runs=(
            CheckRun(
                name="the whole catalogue",
                command=module("vsr_node.simulation", "--mutations"),
                time_limit_s=1800,
            ),
        ),
    ),
    Check(
        name="tested-mutations",
        about="each small bug in files, lines and the process is noticed by the tests named for it",
        runs=(
            CheckRun(
                name="the whole catalogue",
                command=module("scripts.soaking.mutants"),
                time_limit_s=3600,
            ),
        ),
    ),
)
