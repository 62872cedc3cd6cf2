"""Pauses: SIGSTOP, then SIGCONT."""

from dataclasses import dataclass

from vsr_node.bench.faults.by_hand import ByHand, HandDriven, only_node
from vsr_node.bench.faults.kind import FaultKind
from vsr_node.bench.faults.targets import PRIMARY, THE_LEADER, Targets, drawing
from vsr_node.bench.nodes.members import Members


@dataclass(frozen=True, slots=True)
class Pause(Targets):
    """Nodes to be paused."""

    def begin(self, members: Members) -> list[str]:
        """Pause the nodes."""
        return members.pause(self.nodes or ())


def _resume(members: Members) -> str:
    members.resume()
    return "resumed"


def _pause_by_hand(group: HandDriven, words: list[str]) -> None:
    group.nodes[only_node(group, words)].pause()


def _resume_by_hand(group: HandDriven, words: list[str]) -> None:
    group.nodes[only_node(group, words)].resume()


PAUSE = FaultKind(
    name="pause",
    begins="pause",
    ends="resume",
    value=Pause,
    draw=drawing(Pause),
    end=_resume,
    touched_count=lambda members: members.held_count,
    at_leader=Pause(PRIMARY, THE_LEADER, None),
    by_hand=ByHand(
        {"pause": _pause_by_hand, "resume": _resume_by_hand},
        "pause NODE, resume NODE     SIGSTOP, SIGCONT\n",
    ),
)
