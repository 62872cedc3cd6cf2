"""What a group of nodes, and a run of one, stand on."""

from collections.abc import Callable
from dataclasses import dataclass

from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.loop import Timers
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network


@dataclass(frozen=True, slots=True)
class Ground:
    """What a group of nodes stands on."""

    timers: Timers
    mistakes: Mistakes
    network: Network


@dataclass(frozen=True, slots=True)
class RunGround(Ground):
    """What a run stands on."""

    history: History
    say: Callable[[str], None]
    """Prints whole lines for people."""
