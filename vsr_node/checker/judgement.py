"""What is found in a history of one of Maelstrom's workloads.

A history gets three verdicts. ``valid`` is about what the workload promises, ``as_maelstrom`` is
what Maelstrom 0.2.4 says, and ``strict`` demands more: sets and counters that are linearizable,
transactions that are strictly serializable, whatever consistency model was named.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from vsr_node.checker.history import Json
from vsr_node.checker.validity import Validity


class Edge(NamedTuple):
    """One transaction comes before another, each named by the index of its first event."""

    before: int
    after: int
    kind: str
    """``ww``, ``wr``, ``rw``, ``process`` or ``real time``."""
    sentence: str
    """What shows it."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that no correct group could show."""

    name: str
    """Elle's or Jepsen's, where they have one."""
    explanation: str
    """For people: what happened, in one screen at most, with the operations that prove it."""
    events: tuple[int, ...]
    """The indices of the events that prove it, in rising order."""
    subject: Json = None
    """The element of a set or the key of a log that it is about; None for all else."""
    edges: tuple[Edge, ...] = ()
    """The cycle of transactions that it is, from the earliest one on; empty for all else."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on a history, and what they rest on."""

    valid: Validity
    as_maelstrom: Validity
    strict: Validity
    anomalies: tuple[Anomaly, ...]
    """What makes ``valid`` false, the smallest and worst first; one or a few of each name."""
    strict_anomalies: tuple[Anomaly, ...]
    """The same for ``strict``; all of ``anomalies`` are among them."""
    explanation: str
    """For people: the verdict in one line, why it is unknown, and what it can't see."""
    figures: dict[str, Json] = field(default_factory=dict)
    """Further results under Jepsen's keys, as ``stable-latencies`` or ``lost-count``."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What a history of transactions has to satisfy, and how long the search may take."""

    consistency_models: tuple[str, ...] = ("strict-serializable",)
    seconds: float = 60.0
