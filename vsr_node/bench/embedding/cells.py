"""What is measured: the cells, the subjects, and the figures of one load."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Journal(Enum):
    """Where members keep their log."""

    MEMORY = "memory"
    UNFLUSHED = "journal"
    FLUSHED = "journal, each turn flushed"


class Place(Enum):
    """Who asks: a member's own process, or another process that prefers that member."""

    PRIMARY = "at the primary"
    BACKUP = "at a backup"
    OUTSIDE_PRIMARY = "in a process of their own, at the primary"
    OUTSIDE_BACKUP = "in a process of their own, at a backup"

    @property
    def is_outside(self) -> bool:
        """Whether the clients are in a process of their own."""
        return self in (Place.OUTSIDE_PRIMARY, Place.OUTSIDE_BACKUP)

    @property
    def is_at_primary(self) -> bool:
        """Whether the primary is asked."""
        return self in (Place.PRIMARY, Place.OUTSIDE_PRIMARY)


@dataclass(frozen=True, slots=True)
class Cell:
    """A load. ``ratio_min`` is the aim: operations a second over those of the yardstick."""

    clients: int
    place: Place
    journal: Journal = Journal.MEMORY
    ratio_min: float | None = None
    reads: bool = False
    kills_primary: bool = False

    @property
    def text(self) -> str:
        """Return the cell in words."""
        what = "reads" if self.reads else "writes"
        if self.kills_primary:
            return f"{self.clients} clients {self.place.value}, the primary is killed"
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        return f"{clients} {self.place.value}, {what}, {self.journal.value}"

    @property
    def has_yardstick(self) -> bool:
        """Whether PySyncObj can do the same: it has no clients outside of its members."""
        return not self.place.is_outside

    @property
    def of_yardstick(self) -> "Cell":
        """Return the cell that the yardstick is measured in: it never flushes its journal."""
        journal = Journal.UNFLUSHED if self.journal is Journal.FLUSHED else self.journal
        return Cell(self.clients, self.place, journal, kills_primary=self.kills_primary)


CELLS = (
    Cell(1, Place.PRIMARY, ratio_min=2.5),
    Cell(1, Place.BACKUP, ratio_min=3.0),
    Cell(32, Place.PRIMARY, ratio_min=2.5),
    Cell(32, Place.BACKUP, ratio_min=3.0),
    Cell(1000, Place.PRIMARY, ratio_min=1.3),
    Cell(1000, Place.BACKUP, ratio_min=3.0),
    Cell(32, Place.OUTSIDE_PRIMARY),
    Cell(32, Place.OUTSIDE_BACKUP),
    Cell(32, Place.OUTSIDE_BACKUP, reads=True),
    Cell(1, Place.PRIMARY, Journal.UNFLUSHED, ratio_min=2.0),
    Cell(32, Place.PRIMARY, Journal.UNFLUSHED, ratio_min=2.0),
    Cell(1000, Place.PRIMARY, Journal.UNFLUSHED, ratio_min=1.5),
    Cell(1, Place.PRIMARY, Journal.FLUSHED, ratio_min=0.35),
    Cell(32, Place.PRIMARY, Journal.FLUSHED, ratio_min=0.5),
    Cell(1000, Place.PRIMARY, Journal.FLUSHED, ratio_min=1.5),
    Cell(32, Place.BACKUP, kills_primary=True),
)
"""A cell that kills the primary is the last of its journal."""

OWN = "vsr"
YARDSTICKS = ("pysyncobj, batches", "pysyncobj, at once")
"""PySyncObj has a setting for throughput and one for latency; the better one counts in each cell.
"""


class Load(NamedTuple):
    """What one load came to. Latencies and the longest time without a success are in ms."""

    operations: int
    seconds: float
    latency_p50_ms: float
    latency_p99_ms: float
    silence_ms: float
    cpu_us: float = 0.0
    """CPU time of all members for an operation."""

    @property
    def operations_per_second(self) -> float:
        """Return the throughput."""
        return self.operations / self.seconds
