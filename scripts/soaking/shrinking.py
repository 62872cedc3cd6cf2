"""Runs a broken node for some 2,000 operations, shrinks the run, and checks how little is left."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsr_node.bench.workshop.broken_nodes import BROKEN_NODES, BROKEN_PREFIX, BrokenNode

SECONDS = 20
RATE = 100
OPERATIONS_MIN = 1_900
EXIT_INVALID = 1


def main(words: Sequence[str]) -> int:
    """Run, shrink, judge; return 0 if few enough operations are left."""
    parser = argparse.ArgumentParser(prog="python -m scripts.soaking.shrinking")
    parser.add_argument("--node", required=True, choices=[node.name for node in BROKEN_NODES])
    parser.add_argument("--below", type=int, default=20, help="fewer operations must be left (20)")
    parser.add_argument("--seconds", type=float, default=540, help="for the search (540)")
    arguments = parser.parse_args(words)
    (node,) = (node for node in BROKEN_NODES if node.name == arguments.node)
    if _bench(*_test_of(node)) != EXIT_INVALID:
        return _failed("the run did not fail")
    count = _results()["stats"]["count"]
    if count < OPERATIONS_MIN:
        return _failed(f"the run had {count} operations only")
    if _bench("shrink", "--time", str(arguments.seconds)) != 0:
        return _failed("the run did not fail again")
    results = _results()
    left, fails = results["stats"]["count"], results["shrunk"]["fails"]
    print(f"{node.name}: {left} of {count} operations, fails {fails}")
    if left >= arguments.below:
        return _failed(f"{left} operations are left")
    return _failed("what is left never failed") if fails.startswith("0 ") else 0


def _test_of(node: BrokenNode) -> tuple[str, ...]:
    more = ("--rate", str(RATE), "--time-limit", str(SECONDS), "--seed", "1")
    return ("test", "-w", "lin-kv", "--bin", BROKEN_PREFIX + node.name, *node.found_by, *more)


def _bench(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "vsr_node.bench", *words], check=False).returncode


def _results() -> Any:
    return json.loads(Path("store/latest/results.json").read_bytes())


def _failed(text: str) -> int:
    print(f"FAILED: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
