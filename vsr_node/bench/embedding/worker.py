"""A process of the bench: ``worker.py SUBJECT NAME PEERS JOURNAL FOLDER``, a member or clients.

It obeys JSON lines on stdin and answers each with a line on stdout: ``["state"]``, ``["cpu"]``,
``["load", client_count, seconds, reads]``. It ends with its stdin.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from vsr_node.bench.embedding.cells import OWN, Journal, Load

KEY_COUNT = 1_000
VALUE = "v" * 16


class Worker(Protocol):
    """A member or the clients of one subject."""

    def is_ready(self) -> bool:
        """Return whether it can be asked."""

    def is_primary(self) -> bool:
        """Return whether it is a member that leads."""

    def load(self, client_count: int, seconds: float, *, reads: bool) -> Load:
        """Let clients ask for so long, each one call after the other."""


def keys() -> Iterator[str]:
    """Yield keys again and again."""
    return (f"key{number % KEY_COUNT}" for number in count())


def peers_of(text: str) -> dict[str, str]:
    """Return the addresses of NAME=HOST:PORT,.. by name."""
    return {name: address for name, _, address in (each.partition("=") for each in text.split(","))}


def obey(worker: Worker) -> None:
    """Carry out the commands of stdin."""
    for line in sys.stdin:
        print(json.dumps(_answer(worker, json.loads(line))), flush=True)


def _answer(worker: Worker, words: Sequence[Any]) -> Any:
    match words:
        case ["state"]:
            return [worker.is_ready(), worker.is_primary()]
        case ["cpu"]:
            return time.process_time()
        case ["load", client_count, seconds, reads]:
            return worker.load(client_count, seconds, reads=reads)
        case _:
            raise ValueError(f"no such command: {words}")


def main(words: Sequence[str]) -> int:
    """Be the worker that the command line names, until stdin ends."""
    subject, name, peers, journal, folder = words
    if subject == OWN:
        from vsr_node.bench.embedding.own import open_worker

        with open_worker(name, peers_of(peers), Journal(journal), Path(folder)) as own:
            obey(own)
    else:
        from vsr_node.bench.embedding.yardstick import YardstickWorker

        obey(YardstickWorker(subject, name, peers_of(peers), Journal(journal), Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
