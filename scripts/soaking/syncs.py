"""Counts the flushes of a node with ``--data-dir`` for each operation.

Three nodes run under strace, which records each fsync and fdatasync. 1, then 8, then 64 clients
send one write at a time each. More clients need fewer flushes an operation, since one flush serves
all waiting requests.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scripts.soaking.group import Group, Message

NODE_COUNT = 3
CLIENT_COUNTS = (1, 8, 64)
TRACE = "trace=fsync,fdatasync"


def measure(command: Sequence[str], client_count: int, operation_count: int) -> float:
    """Return the flushes for each operation at the node with the most flushes."""
    answers: list[str] = []

    def on_reply(reply: Message) -> None:
        answers.append(reply["dest"])
        if len(answers) + client_count <= operation_count:
            ask(reply["dest"])

    def ask(client: str) -> None:
        node = group.names[int(client[1:]) % NODE_COUNT]
        group.ask(client, node, {"type": "write", "key": client, "value": len(answers)})

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        # -ff: a file for each process, named trace.PID.
        traced = ("strace", "-ff", "--seccomp-bpf", "-e", TRACE, "-o", "trace", *command)
        with Group(traced, NODE_COUNT, path, on_reply) as group:
            group.start()
            before = _flushes(path)
            for number in range(1, client_count + 1):
                ask(f"c{number}")
            while (answered := len(answers)) < operation_count:
                group.wait(partial(_is_longer, answers, answered), "an answer")
            after = _flushes(path)
    most = max(count - before.get(name, 0) for name, count in after.items())
    return most / operation_count


def _is_longer(texts: Sequence[str], length: int) -> bool:
    return len(texts) > length


def _flushes(folder: Path) -> dict[str, int]:
    traces = folder.glob("trace.*")
    return {path.name: path.read_text(encoding="utf-8").count("sync(") for path in traces}


def main() -> int:
    """Print the flushes; return 0 if one client causes one an operation, and many share them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=2_000)
    parser.add_argument("--bin", required=True)
    arguments = parser.parse_args()
    if shutil.which("strace") is None:
        parser.error("strace is required; it exists only for Linux")
    command = [arguments.bin, "--data-dir", "data"]
    per_operation = []
    for client_count in CLIENT_COUNTS:
        per_operation.append(measure(command, client_count, arguments.operations))
        print(f"{client_count} clients: {per_operation[-1]:.3f} flushes an operation", flush=True)
    alone, *_, crowded = per_operation
    return 0 if alone < 1.05 and crowded < alone / 4 else 1


if __name__ == "__main__":
    sys.exit(main())
