"""All kinds of faults."""

from collections.abc import Sequence

from vsr_node.bench.faults.aimed import AIMED
from vsr_node.bench.faults.kill import KILL
from vsr_node.bench.faults.kind import PlannedKind
from vsr_node.bench.faults.partition import PARTITION
from vsr_node.bench.faults.pause import PAUSE
from vsr_node.bench.faults.reconfigure import RECONFIGURE
from vsr_node.bench.faults.slow import SLOW

KINDS = (PARTITION, KILL, PAUSE, SLOW)

NEMESES = tuple(sorted(kind.name for kind in KINDS if kind.is_nemesis))
"""The names that ``--nemesis all`` stands for."""

_NO_FAULTS: tuple[PlannedKind, ...] = (AIMED, RECONFIGURE)
"""What a nemesis does beside faults."""

NAMES = (*NEMESES, *(kind.name for kind in _NO_FAULTS))
"""The names that ``--nemesis`` takes."""

KIND_OF_ACT = {name: kind for kind in (*KINDS, *_NO_FAULTS) for name in (kind.begins, kind.ends)}
"""The kind that an act of the history or the schedule begins or ends."""


def wanted(nemeses: Sequence[str], slow_ms: float | None) -> tuple[PlannedKind, ...]:
    """Return the kinds that options ask for; ``slow_ms`` is None if no link is ever slow."""
    by_name: dict[str, PlannedKind] = {kind.name: kind for kind in (*KINDS, *_NO_FAULTS)}
    asked = tuple(by_name[name] for name in nemeses)
    return asked if slow_ms is None else (*asked, SLOW)
