"""Who listens to what the node does, as the options ask."""

from collections.abc import Callable
from pathlib import Path

from vsr_node.telemetry.catalogue import Level
from vsr_node.telemetry.dispatch import Telemetry
from vsr_node.telemetry.json_lines import JsonLines
from vsr_node.telemetry.metrics import Metrics
from vsr_node.telemetry.observer import Observer
from vsr_node.telemetry.prometheus import write
from vsr_node.telemetry.texts import HumanLog
from vsr_node.telemetry.turns import Turn

from .options import Options

METRICS_INTERVAL_NS = 1_000_000_000


class Listeners:
    """The handlers of one node. Files are opened when the node has its name, which is in theirs.

    What can't be opened or written is reported by ``log``, and the node goes on without it.
    """

    def __init__(
        self, options: Options, log: Callable[[str], None], clock_ns: Callable[[], int]
    ) -> None:
        self._options = options
        self._log = log
        self._clock_ns = clock_ns
        self._telemetry = Telemetry(log)
        self._close: list[Callable[[], None]] = []

    def observe(self, name: str) -> Observer:
        """Return what watches the replica of that name, on behalf of all handlers."""
        options = self._options
        if options.log_level is not None:
            self._telemetry.attach(HumanLog(self._log, Level[options.log_level.upper()]))
        if options.trace is not None:
            self._trace(_of_node(options.trace, name))
        if options.metrics is not None:
            self._count(_of_node(options.metrics, name), Metrics(name))
        return Observer(self._telemetry, self._clock_ns)

    def close(self) -> None:
        """Write what is left."""
        for close in self._close:
            try:
                close()
            except OSError as error:
                self._log(f"telemetry: {error}")

    def _trace(self, path: Path) -> None:
        try:
            lines = JsonLines(path)
        except OSError as error:
            self._log(f"no trace: {error}")
            return
        self._telemetry.attach(lines, *self._options.trace_events)
        self._close.append(lines.close)

    def _count(self, path: Path, metrics: Metrics) -> None:
        file = MetricsFile(metrics, path, self._clock_ns)
        self._telemetry.attach(file, *metrics.events)
        self._close.append(file.write)


class MetricsFile:
    """Metrics, and their file: written anew after a turn, at most once a second."""

    def __init__(self, metrics: Metrics, path: Path, clock_ns: Callable[[], int]) -> None:
        self._metrics = metrics
        self._path = path
        self._clock_ns = clock_ns
        self._due_ns = 0

    def take_turn(self, turn: Turn, names: frozenset[str]) -> None:
        """Count a turn, and write the file if a second has passed. Raises OSError."""
        self._metrics.take_turn(turn, names)
        now = self._clock_ns()
        if now >= self._due_ns:
            self._due_ns = now + METRICS_INTERVAL_NS
            self.write()

    def write(self) -> None:
        """Write the file. Raises OSError."""
        write(self._metrics, self._path)


def _of_node(path: str, name: str) -> Path:
    """Return the path with the node's name before its suffix: a file a node."""
    file = Path(path)
    # A name can hold anything, a path separator too.
    safe = "".join(each if each.isalnum() or each in "-_" else "_" for each in name)
    return file.with_name(f"{file.stem}.{safe}{file.suffix}")
