"""Runs on disk: read back for judging them again, for doing them once more, and for shrinking."""

import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from vsr_node.bench.command_line.arguments import MESSAGES_KEPT, UsageError, program
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.script import (
    OPERATIONS,
    Script,
    load_faults,
    load_operations,
    operations_of,
)
from vsr_node.bench.workloads import WORKLOADS, Workload
from vsr_node.checker import Bounds, Event, HistoryError, load_history

BUNDLE_SUFFIX = ".tar.gz"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run's folder, what the run was asked to be, and the history of its clients."""

    folder: Path
    description: dict[str, Any]
    events: Sequence[Event]

    @property
    def operation_count(self) -> int:
        """How many operations began."""
        return sum(event.type == "invoke" for event in self.events)

    def workload(self) -> Workload:
        """Return the workload that judges it. It draws nothing, so it needs no random stream."""
        test = self.description
        return WORKLOADS[test["workload"]](len(test["nodes"]), test["concurrency"], Random(0))

    def script(self) -> Script:
        """Return its operations and faults.

        What followed a script itself has that, so that repeating a repetition adds no lateness.
        """
        test = self.description
        followed = self.folder / OPERATIONS
        if followed.exists():
            operations = load_operations(followed)
        else:
            begin = test["operations_begin_ns"]
            operations = operations_of(self.events, test["concurrency"], begin)
        return Script(tuple(operations), tuple(load_faults(self.folder / "faults.jsonl")))

    def options(
        self, store: Path, bounds: Bounds, binary: str | None, node_arguments: Sequence[str]
    ) -> Options:
        """Return what asks for the same once more, of another binary if one is named.

        Raises UsageError when that binary can't be started, or has arguments and no name.
        """
        test = self.description
        if binary is not None:
            command = (*program(binary), *node_arguments)
        elif node_arguments:
            raise UsageError("arguments after -- need a --bin, whose they are")
        else:
            command = tuple(test["command"])
        return Options(
            workload=test["workload"],
            command=command,
            nodes=tuple(test["nodes"]),
            concurrency=test["concurrency"],
            rate=test["rate"],
            time_limit_s=test["time_limit_s"],
            latency=LatencyDistribution(test["latency_distribution"], test["latency_ms"]),
            nemeses=tuple(test["nemeses"]),
            nemesis_interval_s=test["nemesis_interval_s"],
            slow_ms=test["slow_ms"],
            head_of_line=test["delivery"] == "head-of-line",
            loss=test["loss"],
            duplication=test["duplication"],
            availability=test["availability"],
            seed=test["seed"],
            log_stderr=False,
            messages_kept=MESSAGES_KEPT,
            store=store,
            check_bounds=bounds,
            require_faults=test["require_faults"],
            arguments=(),
            script=self.script(),
        )


def load_run(path: Path, store: Path) -> StoredRun:
    """Read a run's folder, or a bundle, which is unpacked into `store` first. Raises UsageError."""
    folder = _unpacked(path, store) if path.name.endswith(BUNDLE_SUFFIX) else path.resolve()
    try:
        description = orjson.loads((folder / "test.json").read_bytes())
        return StoredRun(folder, description, load_history(folder / "history.jsonl"))
    except OSError as error:
        raise UsageError(f"{path} is no folder of a run: {error.filename} can't be read") from None
    except (HistoryError, orjson.JSONDecodeError) as error:
        raise UsageError(f"{path} is damaged: {error}") from None


def load_results(folder: Path) -> dict[str, Any] | None:
    """Read a run's results; None where the run was ended before it had any, or half of them."""
    try:
        results: dict[str, Any] = orjson.loads((folder / "results.json").read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return results


def _unpacked(bundle: Path, store: Path) -> Path:
    """Unpack a bundle, whose one folder is the run's, and return that folder."""
    try:
        with tarfile.open(bundle, "r:gz") as archive:
            names = {name.split("/")[0] for name in archive.getnames()}
            if len(names) != 1:
                raise UsageError(f"{bundle} is no bundle of a run")
            parent = store / "bundles"
            parent.mkdir(parents=True, exist_ok=True)
            archive.extractall(parent, filter="data")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UsageError(f"{bundle} can't be unpacked: {error}") from None
    return (parent / names.pop()).resolve()
