"""What a fault is: its kind, and a value that describes one fault of this kind.

Each kind is one file of this folder and one line of ``kinds.KINDS``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any, Self

from vsr_node.bench.faults.by_hand import ByHand
from vsr_node.bench.nodes.members import Members


@dataclass(frozen=True, slots=True)
class PlannedValue(ABC):
    """What the schedule has of one act: ``kind`` is its variant, ``text`` for people.

    The fields of each kind are JSON by their names.
    """

    kind: str
    text: str

    @property
    def lasts_ns_min(self) -> int:
        """How long a fault of this kind lasts at least, in nanoseconds."""
        return 0

    def as_json(self) -> dict[str, Any]:
        """Return the value as history and schedule record it."""
        return asdict(self)

    @abstractmethod
    def without(self, node: str) -> "PlannedValue | None":
        """Return the rest of it in a group that lacks ``node``; None if nothing is left."""


@dataclass(frozen=True, slots=True)
class FaultValue(PlannedValue):
    """One fault, as history and schedule record it."""

    def aimed(self, leader: str | None, nodes: Sequence[str]) -> "FaultValue":
        """Return the value with names in place of "the leader". ``leader`` is None if unknown."""
        del leader, nodes
        return self

    @abstractmethod
    def begin(self, members: Members) -> list[str]:
        """Begin the fault; return the nodes that it hit."""

    @abstractmethod
    def without(self, node: str) -> "FaultValue | None":
        """Return the rest of the fault in a group that lacks ``node``; None if nothing is left."""

    def _left(self, node: str, **changes: Any) -> Self:
        return replace(self, text=f"{self.text} (without {node})", **changes)


@dataclass(frozen=True, slots=True, eq=False)
class PlannedKind:
    """A kind of acts that a run can ask for: how they are named and drawn."""

    name: str
    """As the command line, the screen and the page name it."""
    begins: str
    """The name of the act that begins it, in history and schedule."""
    ends: str
    """The name of the act that ends it, in history and schedule."""
    value: Callable[..., PlannedValue]
    """Makes a value of the fields of its JSON."""
    draw: "Callable[[Demand, Random], PlannedValue | None]"
    """Draws one; returns None if the group is too small for it."""
    at_leader: "FaultValue | None"
    """The fault of the node that leads when it begins; None if the kind can't aim."""
    ends_by_itself: bool = field(default=False, kw_only=True)
    """Whether no act of the plan ends it."""


@dataclass(frozen=True, slots=True, eq=False)
class FaultKind(PlannedKind):
    """A kind of fault: how it is ended and measured, too."""

    end: Callable[[Members], str]
    """Ends the fault; returns what it did, for people."""
    touched_count: Callable[[Members], int]
    """Returns how many messages faults of this kind have touched since the run began."""
    by_hand: ByHand | None = None
    """Its commands in the shell; None if the shell has none."""
    is_nemesis: bool = True
    """Whether ``--nemesis`` asks for it, rather than an option of its own."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The faults that a run asks for."""

    kinds: tuple[PlannedKind, ...]
    nodes: Sequence[str]
    interval_ns: int
    """The mean time between two acts of a kind."""
    time_limit_ns: int
    slow_ms: float | None = None
    """The delay that slow links add; None if no link is ever slow."""
    partitions: tuple[str, ...] = ()
    """The variants of partitions, and no aimed ones; empty stands for all."""
    thorough: bool = False
    """Whether every other fault and the last one hit the leader, variants take turns between, and
    all faults end at the time limit. False draws each fault for itself, as Maelstrom does."""
    heals: bool = False
    """Whether all faults end at the time limit in any case, as a final phase follows."""
