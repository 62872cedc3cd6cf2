"""A run as steps that can be taken forward and back, each with its event and its changes.

Only runs whose inside is observed have steps, as those of the simulator. A step contains only its
changes; the page's script adds them up.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import Any

from vsr_node.report.messages import NANOSECONDS_PER_MICROSECOND, Table


class About(IntFlag):
    """The subject of a step, beside the replicas that it changes."""

    CLIENT = 1
    """A client learned an outcome, or gave up."""
    FAULT = 2
    """A fault of replicas or links."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """The state of a replica, without its log.

    ``condition`` is running, paused, saving (waiting for its disk) or down. A replica that is down
    has the state that it saved, and no status. Its newest checkpoint is at
    ``checkpoint_op_number``, and its log begins at ``first_op_number``.
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
class ReplicaChange:
    """The new state of a replica, given by its number.

    From ``changed_from`` on, its log is ``entries``; before that, it is unchanged.
    """

    replica: int
    state: ReplicaState
    changed_from: int
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``time`` is in nanoseconds since the run began; ``text`` may have several lines."""

    time: int
    text: str
    about: About
    changes: tuple[ReplicaChange, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps of a run."""

    replicas: Sequence[str]
    taken: Sequence[Step]
    departures: Sequence[int]
    """For each message of the page, the step in which it was sent."""
    arrivals: Sequence[int]
    """For each message, the step in which it arrived or vanished; -1 if it was never in flight, the
    number of steps if it still is."""

    def columns(self) -> dict[str, Any]:
        """Return the steps as columns: texts once each, times in microseconds."""
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


def _columns(change: ReplicaChange, entries: Table) -> list[Any]:
    state = [getattr(change.state, field.name) for field in fields(change.state)]
    logged = [entries.number(entry) for entry in change.entries]
    return [change.replica, *state, change.changed_from, logged]
