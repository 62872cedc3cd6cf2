"""Traces of many seeds and of runs under faults, checked by what they say alone.

Spans of leadership never overlap, no two replicas lead in one view, advances add up to the
commit_number, each request that starts has one stop, and each view change is completed or followed
by a newer one.

    python -m scripts.soaking.traces seeds 0 149
    python -m scripts.soaking.traces nodes 5
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.telemetry.trace_check import Checker, Findings, check_events, line_of, read_events
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import execute
from vsr_node.telemetry.dispatch import Telemetry

ROOT = Path(__file__).parents[2]


def check_seed(seed: int) -> Findings:
    """Run a seed, and check its trace as it comes."""
    checker = Checker()

    telemetry = Telemetry(lambda text: sys.exit(f"seed {seed}: {text}"))
    telemetry.attach(lambda event: checker.take(line_of(event)))
    if execute(draw(seed), telemetry=telemetry).failure is not None:
        sys.exit(f"seed {seed} fails, traced or not")
    return checker.end()


def check_run(node_count: int, store: Path) -> Findings:
    """Run the bench with all faults, and check the traces of its nodes."""
    options = (
        f"test -w lin-kv --node-count {node_count} --concurrency 4n --time-limit 30 --rate 100 "
        f"--nemesis kill,partition,pause --nemesis-interval 2 --seed {node_count}"
    )
    command = [str(ROOT / "scripts" / "vsr"), "bench", *options.split(), "--store", str(store)]
    node = ["--bin", str(ROOT / "run-vsr-node"), "--", "--trace", "{run}/trace.jsonl"]
    subprocess.run([*command, *node], check=True, stdout=subprocess.DEVNULL)
    return check_events(read_events(sorted((store / "latest").glob("trace.*.jsonl"))))


def report(name: str, findings: Findings) -> bool:
    """Print what was found; return whether the trace is right, and is not empty."""
    count = sum(findings.seen.values())
    print(f"{name}: {count} events, {len(findings.wrong)} wrong", flush=True)
    print("".join(f"  {text}\n" for text in findings.wrong[:5]), end="")
    return count > 0 and not findings.wrong


def main(arguments: list[str]) -> int:
    """Check the seeds from the first to the last, or a run of so many nodes; return the status."""
    kind, *numbers = arguments
    if kind == "seeds":
        first, last = map(int, numbers)
        results = [report(f"seed {seed}", check_seed(seed)) for seed in range(first, last + 1)]
    else:
        (count,) = map(int, numbers)
        with tempfile.TemporaryDirectory() as folder:
            results = [report(f"{count} nodes", check_run(count, Path(folder)))]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
