"""Kills: kill -9, then the same command line again."""

from dataclasses import dataclass

from vsr_node.bench.faults.by_hand import ByHand, CommandError, HandDriven, only_node
from vsr_node.bench.faults.kind import FaultKind
from vsr_node.bench.faults.targets import PRIMARY, THE_LEADER, Targets, drawing
from vsr_node.bench.nodes.members import Members


@dataclass(frozen=True, slots=True)
class Kill(Targets):
    """Nodes to be killed."""

    def begin(self, members: Members) -> list[str]:
        """Kill the nodes."""
        return members.kill(self.nodes or ())


def _touched_count(members: Members) -> int:
    counts = members.network.counts
    return counts.killed + counts.kept


def _kill_by_hand(group: HandDriven, words: list[str]) -> None:
    node = group.nodes[only_node(group, words)]
    node.end_input()
    node.kill()


def _start_by_hand(group: HandDriven, words: list[str]) -> None:
    name = only_node(group, words)
    if group.nodes[name].poll() is None:
        raise CommandError(f"{name} runs")
    group.start_again(name)


KILL = FaultKind(
    name="kill",
    begins="kill",
    ends="start",
    value=Kill,
    draw=drawing(Kill),
    end=lambda members: f"started again: {' '.join(members.start_again())}",
    touched_count=_touched_count,
    at_leader=Kill(PRIMARY, THE_LEADER, None),
    by_hand=ByHand(
        {"kill": _kill_by_hand, "start": _start_by_hand},
        """\
kill NODE                   kill -9
start NODE                  start it again, with its init
""",
    ),
)
