"""Aimed faults: kills, cuts and pauses at the moments at which a protocol has most to lose.

The nemesis ``aimed`` draws a tactic. A tactic watches the group and begins faults of the other
kinds when its moment has come. These are in the history, as any other fault is. The schedule has
the tactic, so a run that is repeated aims anew. A tactic that waits in vain does nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, NamedTuple

from vsr_node.bench.faults.kill import KILL, Kill
from vsr_node.bench.faults.kind import Demand, FaultKind, FaultValue, PlannedKind, PlannedValue
from vsr_node.bench.faults.partition import PARTITION, all_apart, cut_off
from vsr_node.bench.faults.pause import PAUSE
from vsr_node.bench.nodes.loop import (
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    Timers,
)
from vsr_node.bench.nodes.network import Network

NO_ACKNOWLEDGEMENTS = ("init_ok", "read_ok")
"""Replies that promise nothing which a fault could take back."""

BEHIND = 5
"""A node lacks so many acknowledged operations before it comes back."""

REIGN_NS = 150 * NANOSECONDS_PER_MILLISECOND
GAP_NS = 200 * NANOSECONDS_PER_MILLISECOND
"""Between two kills of a majority."""
OWN_CHANGES_NS = 800 * NANOSECONDS_PER_MILLISECOND
"""How long a leader that is cut off takes changes that no other one takes."""
PATIENCE_NS = NANOSECONDS_PER_SECOND
"""After so long, clients and nodes have mostly given up on a change that they waited for."""
POLL_NS = 5 * NANOSECONDS_PER_MILLISECOND
LOOK_NS = 400 * NANOSECONDS_PER_MILLISECOND
"""How long clients look at what the nodes of one side have, from the first answer on."""


def promises(body: Mapping[str, Any]) -> bool:
    """Return whether a reply acknowledges something that a fault could take back."""
    return answers(body) and body["type"] not in NO_ACKNOWLEDGEMENTS


def answers(body: Mapping[str, Any]) -> bool:
    """Return whether a reply is that of a request that was served."""
    kind = body.get("type")
    return isinstance(kind, str) and kind.endswith("_ok")


CarryOut = Callable[[FaultKind, FaultValue | None], None]
HoldChanges = Callable[[Sequence[str]], None]
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tactic(PlannedValue):
    """A tactic, by its name in ``TACTICS``."""

    @property
    def lasts_ns_min(self) -> int:
        """See ``PlannedValue.lasts_ns_min``: a tactic has steps."""
        return TACTICS[self.kind].lasts_ms_min * NANOSECONDS_PER_MILLISECOND

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
        hold_changes: HoldChanges,
    ) -> None:
        self.nodes = nodes
        self.leader = leader
        """Returns the node that seems to lead; None if no node stands out."""
        self.hold_changes = hold_changes
        """Lets clients only read at these nodes from now on, and change other keys elsewhere."""
        self._timers = timers
        self._network = network
        self._carry_out = carry_out
        self._begun: list[FaultKind] = []
        self._tactics_begun = 0
        self._replies_awaited = 0
        self._is_awaited = promises
        self._step: Step | None = None
        self._replaced: tuple[str | None, Step] | None = None
        """A leader, and the step to take when another one leads; None if none waits for that."""
        network.reply_listeners.append(self._on_reply)
        network.server_listeners.append(self._on_server_message)

    def begin(self, tactic: Tactic) -> None:
        """Begin a tactic."""
        self._tactics_begun += 1
        TACTICS[tactic.kind].begin(self)

    def give_up(self) -> None:
        """Take no further step."""
        self._tactics_begun += 1
        self._step = self._replaced = None
        self.hold_changes(())

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
        self._replies_awaited, self._is_awaited, self._step = count, promises, step

    def on_answer(self, step: Step) -> None:
        """Take a step with the next answer, to a read as well."""
        self._replies_awaited, self._is_awaited, self._step = 1, answers, step

    def _on_reply(self, body: dict[str, Any]) -> None:
        if self._step is not None and self._is_awaited(body):
            self._replies_awaited -= 1
            if self._replies_awaited == 0:
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
        """Take a step when another node than ``leader`` leads, unless the tactic has ended then.

        It is taken before the message that shows the new leader is sent.
        """
        self._replaced = leader, step

    def _on_server_message(self) -> None:
        if self._replaced is not None and self.leader() not in (None, self._replaced[0]):
            (_, step), self._replaced = self._replaced, None
            step()

    def when_quiet(self, step: Step) -> None:
        """Take a step when no message is under way between nodes, which are all apart."""
        if self._network.is_quiet:
            step()
        else:
            self.later(partial(self.when_quiet, step), POLL_NS)

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

    They alone know the successor, and what it has acknowledged. They must know it on their disks:
    none of its messages is still under way to them when they start.
    """
    nodes = pursuit.nodes

    def begin() -> None:
        cut = pursuit.leader()
        _cut_now(pursuit)
        pursuit.when_replaced(cut, lambda: wait(cut))

    def wait(cut: str | None) -> None:
        pursuit.on_acknowledgement(lambda: pursuit.later(lambda: part(cut)), BEHIND)

    def part(cut: str | None) -> None:
        successor = pursuit.leader() or nodes[0]
        witnesses = [node for node in nodes if node not in (cut, successor)]
        pursuit.do(PARTITION, all_apart(nodes))
        pursuit.when_quiet(lambda: swap(successor, witnesses))

    def swap(successor: str, witnesses: Sequence[str]) -> None:
        pursuit.do(KILL, Kill("witnesses", " ".join(witnesses), witnesses))
        pursuit.do(PARTITION, cut_off("successor", nodes, {successor}))
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


def _kill_all(pursuit: Pursuit) -> None:
    """Kill all nodes at once as soon as something was acknowledged."""
    nodes = pursuit.nodes
    kill = partial(pursuit.do, KILL, Kill("all", " ".join(nodes), nodes))
    pursuit.on_acknowledgement(lambda: pursuit.later(kill))


def _return_old_leaders(pursuit: Pursuit) -> None:
    """Let two leaders that were cut off return in turn, each to the same nodes.

    They don't know that they were replaced, and each has changes that no other node has. The first
    one may replicate its own to nodes that then elect the second one, which lacks them. Clients
    only read meanwhile, as a further change by the first one could protect those of before.
    """
    nodes = pursuit.nodes

    def cut_first() -> None:
        first = pursuit.leader() or nodes[0]
        _cut_now(pursuit)
        pursuit.when_replaced(first, lambda: cut_second(first))

    def cut_second(first: str) -> None:
        second = pursuit.leader()
        assert second is not None, "it has replaced the first"
        others = [node for node in nodes if node not in (first, second)][: len(nodes) // 2]
        pursuit.do(PARTITION, all_apart(nodes))
        change_only_at(first)
        pursuit.later(lambda: change_only_at(second), OWN_CHANGES_NS)
        pursuit.later(lambda: return_both(first, second, others), OWN_CHANGES_NS + PATIENCE_NS)

    def change_only_at(leader: str) -> None:
        pursuit.hold_changes([node for node in nodes if node != leader])

    def return_both(first: str, second: str, others: Sequence[str]) -> None:
        pursuit.hold_changes(nodes)
        look_at(first, others, lambda: look_at(second, others, release))

    def look_at(node: str, others: Sequence[str], step: Step) -> None:
        """Join the node and the others alone, and take a step when clients have seen them."""
        pursuit.do(PARTITION, cut_off("returned", nodes, {node, *others}))
        pursuit.on_answer(lambda: pursuit.later(step, LOOK_NS))

    def release() -> None:
        pursuit.hold_changes(())

    pursuit.on_acknowledgement(cut_first)


class _Plan(NamedTuple):
    """How a tactic begins, and how long its steps take at least."""

    begin: Callable[[Pursuit], None]
    lasts_ms_min: int


TACTICS = {
    "kill the leader": _Plan(_kill_leader, 800),
    "cut the leader off": _Plan(_cut_leader, 800),
    "cut each leader off": _Plan(_cut_each_leader, 2_500),
    "pause the leader": _Plan(_pause_leader, 1_500),
    "kill the leader as another returns": _Plan(_kill_as_another_returns, 2_000),
    "cut the leader off as another returns": _Plan(_cut_as_another_returns, 1_500),
    "restart the witnesses": _Plan(_restart_witnesses, 4_000),
    "kill a majority": _Plan(_kill_majority, 800),
    "kill all": _Plan(_kill_all, 500),
    "return old leaders": _Plan(_return_old_leaders, 5_000),
}


def _draw(demand: Demand, random: Random) -> Tactic | None:
    lasts = [tactic.lasts_ms_min for tactic in TACTICS.values()]
    (name,) = random.choices(list(TACTICS), lasts)  # A short one fits more often, too.
    return Tactic(name, name) if len(demand.nodes) > 1 else None


AIMED = PlannedKind(
    name="aimed",
    begins="start-aimed",
    ends="stop-aimed",
    value=Tactic,
    draw=_draw,
    at_leader=None,
)
