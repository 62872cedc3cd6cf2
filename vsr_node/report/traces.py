"""What nodes wrote down themselves: the traces of this project's node (docs/TELEMETRY.md).

A trace knows when a node led and which view it was in, where messages only let one guess.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from vsr_node.report.messages import NANOSECONDS_PER_MICROSECOND
from vsr_node.report.node_logs import LogLine

LIFE, VIEW = "state.status_change", "state.view_change"
LEAD, LEAD_NO_MORE = "leadership.start", "leadership.stop"

TOLD = {
    LEAD: False,
    LEAD_NO_MORE: False,
    "view_change.start": False,
    "view_change.complete": False,
    "recovery.start": True,
    "recovery.complete": False,
    "checkpoint.installed": False,
    "replication.log_conflict": True,
    "timer.primary_timeout": True,
    "timer.quorum_timeout": True,
    "driver.stalled": True,
}
"""The events that the page lists, and whether each is alarming."""

NEEDED = frozenset({LIFE, VIEW, *TOLD})

FIRST_LINE_BYTES_MAX = 10_000
COMMON = frozenset(
    ["node_id", "view_number", "status", "is_primary", "cluster_size", "op_number", "commit_number"]
)


@dataclass(slots=True)
class Trace:
    """What one node wrote down; times are nanoseconds since the run began."""

    views: list[tuple[int, int]] = field(default_factory=list)
    """When it entered each view, or began in it."""
    leads: list[tuple[int, int | None, int]] = field(default_factory=list)
    """From when to when it led, in which view; None: until it died, or the run ended."""
    lines: list[LogLine] = field(default_factory=list)

    def stop_leading(self, time: int) -> None:
        """End its last time as the leader, if that has not ended."""
        if self.leads and self.leads[-1][1] is None:
            begin, _, view = self.leads[-1]
            self.leads[-1] = (begin, time, view)


def load_traces(folder: Path, clock_start_us: int | None) -> dict[str, Trace]:
    """Load the traces in a run's folder, by node.

    ``clock_start_us`` is the time of the nodes' clock at which the run began; None if nobody knows
    it, as in runs of earlier versions: then there are no traces.
    """
    traces: dict[str, Trace] = {}
    if clock_start_us is None:
        return traces
    for path in sorted(folder.glob("*.jsonl")):
        for event in _events(path):
            node = str(event["metadata"]["node_id"])
            time = (event["at_us"] - clock_start_us) * NANOSECONDS_PER_MICROSECOND
            _add(traces.setdefault(node, Trace()), event, node, time)
    return traces


def _events(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a trace that are needed; none if the file is no trace."""
    with path.open("rb") as file:
        if not file.readline(FIRST_LINE_BYTES_MAX).startswith(b'{"event":"'):
            return
        file.seek(0)
        for line in file:
            name = line[len(b'{"event":"') :].partition(b'"')[0].decode()
            # The last line of a node that was killed may be half a line.
            if name in NEEDED and line.endswith(b"}\n"):
                yield orjson.loads(line)


def _add(trace: Trace, event: Mapping[str, Any], node: str, time: int) -> None:
    name, metadata = event["event"], event["metadata"]
    begins_life = name == LIFE and metadata["old_status"] == "starting"
    if begins_life or name == LEAD_NO_MORE:
        trace.stop_leading(time)
    if begins_life or name == VIEW:
        trace.views.append((time, metadata["view_number"]))
    elif name == LEAD:
        trace.leads.append((time, None, metadata["fencing"]))
    if name in TOLD:
        fields = {
            **event["measurements"],
            **{key: value for key, value in metadata.items() if key not in COMMON},
        }
        text = " ".join(f"{key}={value}" for key, value in fields.items())
        trace.lines.append(LogLine(time, node, f"{name} {text}", TOLD[name]))
