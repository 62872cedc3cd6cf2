"""Cells: the loads under which all subjects are measured, and the figures of each."""

from dataclasses import dataclass

PRIMARY, SPREAD = "primary", "spread"
PLACES = (PRIMARY, SPREAD)


@dataclass(frozen=True, slots=True)
class Cell:
    """A load, which has either ``clients`` or a ``rate``."""

    place: str
    """Which nodes are asked: the leader, or all in turn."""
    read_fraction: float
    clients: int | None = None
    """How many clients there are in closed loop; None in open loop."""
    rate: float | None = None
    """Requests a second in open loop; None in closed loop."""

    @property
    def text(self) -> str:
        """The load, for people."""
        how = f"{self.clients} clients" if self.rate is None else f"{self.rate:g} a second"
        return f"{how}, {self.place}, {self.read_fraction:.0%} reads"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one subject did under one load; an operation's mean unless the name says otherwise."""

    operations: int
    operations_per_second: float
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    errors: int
    unanswered: int
    """Requests that were due and not answered when the time was up. In closed loop each client has
    one."""
    server_messages: float
    server_messages_by_type: dict[str, float]
    server_bytes: float
    node_cpu_ms: float
    """CPU time of all nodes; milliseconds an operation are seconds per thousand operations."""
    bench_cpu_ms: float
    node_cores: float
    """CPU time of all nodes divided by the time that passed."""
    bench_cores: float
    resident_mib: float
    """The largest node's resident memory at the end."""


def cells_of(
    clients: tuple[int, ...],
    rates: tuple[float, ...],
    places: tuple[str, ...],
    read_percents: tuple[float, ...],
) -> list[Cell]:
    """Return all loads that can be made of these."""
    loads: list[tuple[int | None, float | None]] = [(count, None) for count in clients]
    loads += [(None, rate) for rate in rates]
    return [
        Cell(place, percent / 100, count, rate)
        for percent in read_percents
        for place in places
        for count, rate in loads
    ]
