"""Checks a trace by what it says alone: `python -m tests.telemetry.trace_check FILE...`.

It knows the catalogue of events, and nothing of replicas. Each file may hold one replica's events
or several replicas', each replica's in the order in which they were emitted.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from vsr_node.telemetry.catalogue import COMMON_METADATA, EVENTS
from vsr_node.telemetry.dispatch import Event

TraceEvent: TypeAlias = dict[str, Any]

KINDS = {kind.name: kind for kind in EVENTS}


@dataclass
class Life:
    """What is open in one incarnation of a replica."""

    span_id: str | None = None
    committed: int = 0
    changing_to: int | None = None
    view_number: int = 0
    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    """The requests without a stop, and when they started."""
    last_at: int = 0


@dataclass
class Findings:
    """What is wrong, and how often each event was seen."""

    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    left_open: list[int] = field(default_factory=list)
    """How long each request without a stop had waited when its trace ended (microseconds)."""


class Checker:
    """Takes events in order, and says what is wrong."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._lives: dict[str, Life] = {}
        self._leader_of: dict[int, str] = {}

    def take(self, event: TraceEvent) -> None:
        self.findings.seen[event["event"]] += 1
        if not self._has_its_fields(event):
            return
        name, metadata = event["event"], event["metadata"]
        node = metadata["node_id"]
        if name == "state.status_change" and metadata["old_status"] == "starting":
            self._lives[node] = Life()
        life = self._lives.get(node)
        if life is None:
            # The first events of a life come before its status is told.
            life = self._lives[node] = Life()
        life.last_at = max(life.last_at, event["at_us"])
        check = CHECKS.get(name)
        if check is not None:
            for text in check(self, life, node, event):
                self.findings.wrong.append(f"{event['at_us']} {node} {name}: {text}")

    def end(self) -> Findings:
        for life in self._lives.values():
            self.findings.left_open += [
                life.last_at - began_at for began_at in life.requests.values()
            ]
        return self.findings

    def _has_its_fields(self, event: TraceEvent) -> bool:
        kind = KINDS.get(event["event"])
        if kind is None:
            self.findings.wrong.append(f"{event['event']} is in no catalogue")
            return False
        wanted = set(kind.metadata) | set(COMMON_METADATA)
        if set(event["measurements"]) != set(kind.measurements) or set(event["metadata"]) != wanted:
            self.findings.wrong.append(f"{event['event']} has other fields: {event}")
            return False
        return True

    def on_leadership_start(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        metadata = event["metadata"]
        if life.span_id is not None:
            yield f"{life.span_id} has not stopped"
        life.span_id = metadata["span_id"]
        leader = self._leader_of.setdefault(metadata["fencing"], node)
        if leader != node:
            yield f"{leader} led in view {metadata['fencing']} already"

    def on_leadership_stop(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        if life.span_id != event["metadata"]["span_id"]:
            yield f"{life.span_id} was the span"
        life.span_id = None

    def on_commit_advance(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        metadata = event["metadata"]
        if metadata["old_commit_number"] != life.committed:
            yield f"{life.committed} was committed before"
        life.committed += event["measurements"]["operations_committed"]
        if not life.committed == metadata["new_commit_number"] == metadata["commit_number"]:
            yield f"{life.committed} is the sum of all advances"

    def on_request_start(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        key = (event["metadata"]["client"], event["metadata"]["request_number"])
        if key in life.requests:
            yield f"{key} had started already"
        life.requests[key] = event["at_us"]

    def on_request_stop(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        key = (event["metadata"]["client"], event["metadata"]["request_number"])
        if life.requests.pop(key, None) is None:
            yield f"{key} had not started"

    def on_view_change_start(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        new_view = event["metadata"]["new_view"]
        if life.changing_to is not None and new_view <= life.changing_to:
            yield f"view {life.changing_to} was being entered"
        life.changing_to = new_view

    def on_view_change_complete(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        if life.changing_to is None:
            yield "none had started"
        elif event["metadata"]["new_view"] < life.changing_to:
            yield f"view {life.changing_to} was being entered"
        life.changing_to = None

    def on_view_change(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        if event["metadata"]["new_view"] <= event["metadata"]["old_view"]:
            yield "views only go up"

    def on_status_change(self, life: Life, node: str, event: TraceEvent) -> Iterator[str]:
        metadata = event["metadata"]
        is_over = metadata["new_status"] == "normal" and metadata["old_status"] == "view_change"
        if is_over and life.changing_to is None:
            yield "no view change had started"


CHECKS = {
    "leadership.start": Checker.on_leadership_start,
    "leadership.stop": Checker.on_leadership_stop,
    "state.commit_advance": Checker.on_commit_advance,
    "protocol.client_request.start": Checker.on_request_start,
    "protocol.client_request.stop": Checker.on_request_stop,
    "view_change.start": Checker.on_view_change_start,
    "view_change.complete": Checker.on_view_change_complete,
    "state.view_change": Checker.on_view_change,
    "state.status_change": Checker.on_status_change,
}


def line_of(event: Event) -> TraceEvent:
    """An event as a line of a trace has it."""
    return {
        "event": event.name,
        "at_us": event.at_us,
        "measurements": event.measurements,
        "metadata": event.metadata,
    }


def check_events(events: Iterable[TraceEvent]) -> Findings:
    """Check the events of one run."""
    checker = Checker()
    for event in events:
        checker.take(event)
    return checker.end()


def read_events(paths: Iterable[Path]) -> Iterator[TraceEvent]:
    """Read all files, one after the other."""
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def main(arguments: list[str]) -> int:
    findings = check_events(read_events(map(Path, arguments)))
    print("\n".join(findings.wrong[:20]))
    count = sum(findings.seen.values())
    longest = max(findings.left_open, default=0) / 1e6
    print(f"{count} events of {len(findings.seen)} kinds, {len(findings.wrong)} wrong")
    print(f"{len(findings.left_open)} requests without an end, the oldest for {longest:.1f} s")
    return 1 if findings.wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
