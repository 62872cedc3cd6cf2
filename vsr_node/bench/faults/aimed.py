"""Aimed faults: kills, cuts and pauses at the moments at which a protocol has most to lose.

The nemesis ``aimed`` draws a tactic. A tactic watches the group and begins faults of the other
kinds when its moment has come. These are in the history, as any other fault is. The schedule has
the tactic, so a run that is repeated aims anew. A tactic that waits in vain does nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from vsr_node.bench.faults.kill import KILL, Kill
from vsr_node.bench.faults.kind import Demand, FaultKind, FaultValue, PlannedKind, PlannedValue
from vsr_node.bench.faults.partition import PARTITION, cut_off
from vsr_node.bench.faults.pause import PAUSE
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, Timers
from vsr_node.bench.nodes.network import Network

NO_ACKNOWLEDGEMENTS = ("init_ok", "read_ok")
"""Replies that promise nothing which a fault could take back."""

BEHIND = 5
"""A node lacks so many acknowledged operations before it comes back."""

POLL_NS = 20 * NANOSECONDS_PER_MILLISECOND
REIGN_NS = 150 * NANOSECONDS_PER_MILLISECOND
GAP_NS = 200 * NANOSECONDS_PER_MILLISECOND
"""Between two kills of a majority."""


def promises(body: Mapping[str, Any]) -> bool:
    """Return whether a reply acknowledges something that a fault could take back."""
    kind = body.get("type")
    return isinstance(kind, str) and kind.endswith("_ok") and kind not in NO_ACKNOWLEDGEMENTS


CarryOut = Callable[[FaultKind, FaultValue | None], None]
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tactic(PlannedValue):
    """A tactic, by its name in ``TACTICS``."""

    def without(self, node: str) -> "Tactic":
        """Return the tactic, which aims at nodes that are there."""
        del node
        return self


class Pursuit:
    """Pursues one tactic at a time, until the next begins or the schedule ends it."""

    def __init__(
        self,
        timers: Timers,
        nodes: Sequence[str],
        network: Network,
        leader: Callable[[], str | None],
        carry_out: CarryOut,
    ) -> None:
        self.nodes = nodes
        self.leader = leader
        """Returns the node that seems to lead; None if no node stands out."""
        self._timers = timers
        self._carry_out = carry_out
        self._begun: list[FaultKind] = []
        self._tactics_begun = 0
        self._acknowledgements_awaited = 0
        self._step: Step | None = None
        network.reply_listeners.append(self._on_reply)

    def begin(self, tactic: Tactic) -> None:
        """Begin a tactic."""
        self._tactics_begun += 1
        TACTICS[tactic.kind](self)

    def give_up(self) -> None:
        """Take no further step."""
        self._tactics_begun += 1
        self._step = None

    def end(self) -> None:
        """Take no further step, and end the faults that the tactic began."""
        self.give_up()
        for kind in tuple(self._begun):
            self.undo(kind)

    def do(self, kind: FaultKind, value: FaultValue) -> None:
        """Begin a fault."""
        if kind not in self._begun:
            self._begun.append(kind)
        self._carry_out(kind, value)

    def aim(self, kind: FaultKind) -> None:
        """Begin a fault of the node that leads now."""
        assert kind.at_leader is not None, "a kind that can aim"
        self.do(kind, kind.at_leader)

    def undo(self, kind: FaultKind) -> None:
        """End the faults of a kind."""
        self._begun.remove(kind)
        self._carry_out(kind, None)

    def on_acknowledgement(self, step: Step, count: int = 1) -> None:
        """Take a step with the next acknowledgement, or after several of them.

        It is taken before anything else that the node has sent is read.
        """
        self._acknowledgements_awaited, self._step = count, step

    def _on_reply(self, body: dict[str, Any]) -> None:
        if self._step is not None and promises(body):
            self._acknowledgements_awaited -= 1
            if self._acknowledgements_awaited == 0:
                step, self._step = self._step, None
                step()

    def later(self, step: Step, after_ns: int = 0) -> None:
        """Take a step after a time, unless the tactic has ended by then; 0: with this turn."""
        number = self._tactics_begun

        def due() -> None:
            if number == self._tactics_begun:
                step()

        self._timers.call_at(self._timers.now() + after_ns, due)

    def when_replaced(self, leader: str | None, step: Step) -> None:
        """Take a step when another node than ``leader`` leads, unless the tactic has ended then."""
        if self.leader() in (None, leader):
            self.later(lambda: self.when_replaced(leader, step), POLL_NS)
        else:
            step()

    def follower(self) -> str:
        """Return a node that does not lead."""
        return next(node for node in self.nodes if node != self.leader())


def _kill_leader(pursuit: Pursuit) -> None:
    """Kill the leader as soon as something was acknowledged."""
    pursuit.on_acknowledgement(lambda: pursuit.later(lambda: _kill_now(pursuit)))


def _kill_now(pursuit: Pursuit) -> None:
    pursuit.aim(KILL)


def _cut_leader(pursuit: Pursuit) -> None:
    """Cut the leader off between an acknowledgement and its next message."""
    pursuit.on_acknowledgement(lambda: _cut_now(pursuit))


def _cut_now(pursuit: Pursuit) -> None:
    pursuit.aim(PARTITION)


def _cut_each_leader(pursuit: Pursuit) -> None:
    """Cut the leader off, then each that takes over: in turn at once, and after a short reign.

    One that is cut off at once has entries that no other has. One that reigns shortly may replicate
    such entries of its own from before.
    """

    def cut(reign_ns: int) -> None:
        """Cut the present leader off, and the next one after so long a reign."""
        leader = pursuit.leader()
        _cut_now(pursuit)
        next_cut = partial(cut, REIGN_NS - reign_ns)
        pursuit.when_replaced(leader, lambda: pursuit.later(next_cut, reign_ns))

    pursuit.on_acknowledgement(lambda: cut(0))


def _pause_leader(pursuit: Pursuit) -> None:
    """Pause the leader until another one leads and has acknowledged something."""
    pursuit.on_acknowledgement(lambda: _pause_now(pursuit))


def _pause_now(pursuit: Pursuit) -> None:
    paused = pursuit.leader()
    pursuit.aim(PAUSE)
    resume = partial(pursuit.undo, PAUSE)
    pursuit.when_replaced(paused, lambda: pursuit.on_acknowledgement(resume))


def _kill_as_another_returns(pursuit: Pursuit) -> None:
    """Kill the leader as a node starts again that lacks what was acknowledged meanwhile."""

    def swap() -> None:
        pursuit.undo(KILL)
        pursuit.later(lambda: _kill_now(pursuit))

    node = pursuit.follower()
    pursuit.do(KILL, Kill("one", node, [node]))
    pursuit.on_acknowledgement(lambda: pursuit.later(swap), BEHIND)


def _cut_as_another_returns(pursuit: Pursuit) -> None:
    """Cut the leader off as a node comes back that lacks what was acknowledged meanwhile."""
    pursuit.do(PARTITION, cut_off("one", pursuit.nodes, {pursuit.follower()}))
    pursuit.on_acknowledgement(lambda: _cut_now(pursuit), BEHIND)


def _restart_witnesses(pursuit: Pursuit) -> None:
    """Let a leader that was cut off come back to nodes that start again, as its successor goes.

    They alone know the successor, and what it has acknowledged. They must know it on their disks.
    """

    def begin() -> None:
        cut = pursuit.leader()
        _cut_now(pursuit)
        pursuit.when_replaced(cut, lambda: wait(cut))

    def wait(cut: str | None) -> None:
        pursuit.on_acknowledgement(lambda: pursuit.later(lambda: swap(cut)), BEHIND)

    def swap(cut: str | None) -> None:
        witnesses = [node for node in pursuit.nodes if node not in (cut, pursuit.leader())]
        pursuit.do(KILL, Kill("witnesses", " ".join(witnesses), witnesses))
        _cut_now(pursuit)
        pursuit.undo(KILL)

    pursuit.on_acknowledgement(begin)


def _kill_majority(pursuit: Pursuit) -> None:
    """Kill a majority one after the other, first the leader."""

    def kill(names: Sequence[str]) -> None:
        pursuit.do(KILL, Kill("one", names[0], names[:1]))
        if names[1:]:
            pursuit.later(lambda: kill(names[1:]), GAP_NS)

    def begin() -> None:
        leader_first = sorted(pursuit.nodes, key=lambda node: node != pursuit.leader())
        kill(leader_first[: len(pursuit.nodes) // 2 + 1])

    pursuit.on_acknowledgement(lambda: pursuit.later(begin))


TACTICS: dict[str, Callable[[Pursuit], None]] = {
    "kill the leader": _kill_leader,
    "cut the leader off": _cut_leader,
    "cut each leader off": _cut_each_leader,
    "pause the leader": _pause_leader,
    "kill the leader as another returns": _kill_as_another_returns,
    "cut the leader off as another returns": _cut_as_another_returns,
    "restart the witnesses": _restart_witnesses,
    "kill a majority": _kill_majority,
}


def _draw(demand: Demand, random: Random) -> Tactic | None:
    name = random.choice(list(TACTICS))
    return Tactic(name, name) if len(demand.nodes) > 1 else None


AIMED = PlannedKind(
    name="aimed",
    begins="start-aimed",
    ends="stop-aimed",
    value=Tactic,
    draw=_draw,
    at_leader=None,
)
