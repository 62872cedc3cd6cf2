"""A run as steps that can be taken forward and back: what happened, and what came of it.

Of a run whose inside is known, as the simulator's are. A step tells only what it changed; the
page's script adds the changes up.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import Any

from vsr_node.report.messages import NANOSECONDS_PER_MICROSECOND, Table


class About(IntFlag):
    """What a step is about, beside the replicas that it changes."""

    CLIENT = 1
    """A client was told an outcome, or gave up."""
    FAULT = 2
    """Something befell replicas or links."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What can be said of a replica in a line.

    `condition` is running, paused, saving (it waits for its disk) or down. One that is down is what
    it saved, and has no status. Its newest checkpoint is of `checkpoint_op_number`, and its log
    begins at `first_op_number`.
    """

    condition: str
    status: str
    view_number: int
    last_normal_view: int
    op_number: int
    commit_number: int
    checkpoint_op_number: int
    first_op_number: int


@dataclass(frozen=True, slots=True)
class Change:
    """From now on a replica, by its number, is as `state` says.

    Its log is `entries` from `changed_from` on, and what it was between its beginning and that.
    """

    replica: int
    state: ReplicaState
    changed_from: int
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `time` in nanoseconds since the run began, `text` in lines."""

    time: int
    text: str
    about: About
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of a run."""

    replicas: Sequence[str]
    taken: Sequence[Step]
    departures: Sequence[int]
    """For each message of the page the step in which it was sent."""
    arrivals: Sequence[int]
    """For each message the step in which it arrived, or vanished; -1 where it was never in flight,
    the number of steps where it still is."""

    def columns(self) -> dict[str, Any]:
        """The steps as columns: texts once each, times in microseconds."""
        texts, entries = Table(sys.maxsize), Table(sys.maxsize)
        return {
            "replicas": self.replicas,
            "time": [step.time // NANOSECONDS_PER_MICROSECOND for step in self.taken],
            "text": [texts.number(step.text) for step in self.taken],
            "about": [int(step.about) for step in self.taken],
            "changes": [
                [_columns(change, entries) for change in step.changes] for step in self.taken
            ],
            "departures": self.departures,
            "arrivals": self.arrivals,
            "texts": texts.texts,
            "entries": entries.texts,
        }


def _columns(change: Change, entries: Table) -> list[Any]:
    state = [getattr(change.state, field.name) for field in fields(change.state)]
    logged = [entries.number(entry) for entry in change.entries]
    return [change.replica, *state, change.changed_from, logged]
