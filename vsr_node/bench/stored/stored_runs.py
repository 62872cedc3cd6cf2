"""Runs on disk, read back to be judged again, repeated or shrunk."""

import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import orjson

from vsr_node.bench.stored.json_values import from_json
from vsr_node.bench.stored.options import MESSAGES_KEPT, Description, Options, stored_values
from vsr_node.bench.stored.results import Results, results_from_json
from vsr_node.bench.stored.script import (
    OPERATIONS,
    Script,
    load_faults,
    load_operations,
    operations_of,
)
from vsr_node.bench.workloads import WORKLOADS, Setting, Workload
from vsr_node.checker import Bounds, Event, HistoryError, load_history

BUNDLE_SUFFIX = ".tar.gz"


class UnreadableRunError(Exception):
    """A stored run can't be read; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDescription(Description):
    """What ``test.json`` holds."""

    operations_begin_ns: int
    """When operations began, on the clock of the history."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run's folder, what the run was asked to be, and the history of its clients."""

    folder: Path
    description: StoredDescription
    events: Sequence[Event]

    @property
    def operation_count(self) -> int:
        """How many operations began."""
        return sum(event.type == "invoke" for event in self.events)

    def workload(self) -> Workload:
        """Return the workload that judges it, and that draws nothing from its random stream."""
        test = self.description
        setting = Setting(len(test.nodes), test.concurrency, test.parameters)
        return WORKLOADS[test.workload](setting, Random(0))

    def script(self) -> Script:
        """Return its operations and faults.

        A run that followed a script has that script, so that repeating a repetition adds no
        lateness.
        """
        test = self.description
        followed = self.folder / OPERATIONS
        if followed.exists():
            operations = load_operations(followed)
        else:
            operations = operations_of(self.events, test.concurrency, test.operations_begin_ns)
        return Script(tuple(operations), tuple(load_faults(self.folder / "faults.jsonl")))

    def options(self, store: Path, bounds: Bounds, command: tuple[str, ...] | None) -> Options:
        """Return the options that repeat it; ``command`` is None for the run's own."""
        options = Options(
            **stored_values(self.description),
            store=store,
            check_bounds=bounds,
            log_stderr=False,
            messages_kept=MESSAGES_KEPT,
            script=self.script(),
        )
        return options if command is None else replace(options, command=command)


def load_run(path: Path, store: Path) -> StoredRun:
    """Read a run's folder, or a bundle, which is unpacked into ``store`` first.

    Raises UnreadableRunError.
    """
    folder = _unpacked(path, store) if path.name.endswith(BUNDLE_SUFFIX) else path.resolve()
    try:
        plain = orjson.loads((folder / "test.json").read_bytes())
        description = from_json(StoredDescription, plain)
        return StoredRun(folder, description, load_history(folder / "history.jsonl"))
    except OSError as error:
        raise UnreadableRunError(
            f"{path} is not the folder of a run: {error.filename} can't be read"
        ) from None
    except (HistoryError, KeyError, TypeError, ValueError) as error:
        raise UnreadableRunError(f"{path} is damaged: {error}") from None


def load_results(folder: Path) -> Results | None:
    """Read a run's results; None if the run was ended before all of them were written.

    Raises UnreadableRunError.
    """
    try:
        plain = orjson.loads((folder / "results.json").read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    try:
        return results_from_json(plain)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRunError(f"{folder}/results.json is damaged: {error!r}") from None


def _unpacked(bundle: Path, store: Path) -> Path:
    """Unpack a bundle, which holds one folder, and return that folder."""
    try:
        with tarfile.open(bundle, "r:gz") as archive:
            names = {name.split("/")[0] for name in archive.getnames()}
            if len(names) != 1:
                raise UnreadableRunError(f"{bundle} is not the bundle of a run")
            parent = store / "bundles"
            parent.mkdir(parents=True, exist_ok=True)
            _extract(archive, parent)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UnreadableRunError(f"{bundle} can't be unpacked: {error}") from None
    return (parent / names.pop()).resolve()


def _extract(archive: tarfile.TarFile, parent: Path) -> None:
    """Extract a bundle; nothing of it may come to stand elsewhere. Raises TarError."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(parent, filter="data")
        return
    # Python up to 3.11.3 takes whatever it is given.
    for member in archive.getmembers():
        is_plain = member.isfile() or member.isdir()
        if not is_plain or member.name.startswith("/") or ".." in member.name.split("/"):
            raise tarfile.TarError(f"{member.name} is no file within its folder")
    archive.extractall(parent)
