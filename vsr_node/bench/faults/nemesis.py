"""The nemesis, which carries out the plan, reports each act, and measures what each fault met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vsr_node.bench.faults.aimed import HoldChanges, Pursuit, Tactic, promises
from vsr_node.bench.faults.kill import KILL
from vsr_node.bench.faults.kind import FaultKind, FaultValue, PlannedKind, PlannedValue
from vsr_node.bench.faults.plan import Act
from vsr_node.bench.faults.reconfigure import RECONFIGURE, Answer, Reconfigure, ask
from vsr_node.bench.faults.targets import PRIMARY
from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.gauge import LeaderGauge
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND
from vsr_node.bench.nodes.members import Members

PATIENCE_NS = NANOSECONDS_PER_SECOND // 2
"""How long a fault of the leader waits for an acknowledgement that it could take back."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one fault met; ``begin`` and ``end`` in nanoseconds since the run began."""

    f: str
    """The name of its kind."""
    kind: str
    text: str
    nodes: Sequence[str]
    """Killed, paused, cut off from every majority, at the end of a slow link, or chosen as
    members."""
    leader: str | None
    """The node that was judged to be the leader when it began; None if none stood out."""
    leader_hit: bool
    begin: int
    operations_in_flight: int
    operations_at_nodes: int
    """How many of the operations in flight had been asked of ``nodes``."""
    end: int | None = None
    """None while the fault is under way."""
    messages_touched: int = 0
    """Cut; lost or kept while a node was down; held while one was paused; slowed down."""
    epoch: int | None = None
    """The epoch that a change of members began; None if it began none, or that is unknown."""

    @property
    def has_touched(self) -> bool:
        """Whether it touched a message, killed a node, or changed the members."""
        is_kill = self.f == KILL.name and bool(self.nodes)
        return self.messages_touched > 0 or is_kill or self.epoch is not None


@dataclass(frozen=True, slots=True)
class _UnderWay:
    place: int
    """The fault's place in ``Nemesis.effects``."""
    touched_before: int


class Nemesis:
    """Acts on a plan, and calls ``after_act`` after each act.

    ``in_flight_at`` counts the operations in flight by the node asked. ``hold_changes`` lets
    clients only read at these nodes. ``new_client`` makes a client that asks for other members.
    """

    def __init__(
        self,
        ground: RunGround,
        members: Members,
        gauge: LeaderGauge,
        in_flight_at: Mapping[str, int],
        after_act: Callable[[], None],
        hold_changes: HoldChanges,
        new_client: Callable[[], Client],
    ) -> None:
        self.effects: list[Effect] = []
        self._ground = ground
        self._members = members
        self._gauge = gauge
        self._in_flight_at = in_flight_at
        self._after_act = after_act
        self._new_client = new_client
        self._epoch = 0
        """The newest epoch that an answer has named."""
        self._under_way: dict[PlannedKind, _UnderWay] = {}
        self._waiting: tuple[FaultKind, FaultValue] | None = None
        """A fault of the leader that begins with the next acknowledgement; None if none waits."""
        ground.network.reply_listeners.append(self._on_reply)
        self._pursuit = Pursuit(
            ground.timers,
            members.names,
            ground.network,
            gauge.leader,
            self._carry_out,
            hold_changes,
        )

    @property
    def current(self) -> str:
        """The faults under way, for people; empty if there is none."""
        effects = [self.effects[each.place] for each in self._under_way.values()]
        return "; ".join(f"{each.f}, {each.kind}: {each.text}" for each in effects)

    def start(self, plan: Sequence[Act]) -> None:
        """Schedule the plan; its times count from now."""
        timers = self._ground.timers
        begin_ns = timers.now()
        for act in plan:
            timers.call_at(begin_ns + act.at, self._act, act)

    def stop(self) -> None:
        """Close the account of the faults that are under way at the end."""
        self._pursuit.give_up()
        self._waiting = None
        for kind in list(self._under_way):
            self._close(kind)

    def _close(self, kind: PlannedKind, epoch: int | None = None) -> None:
        under_way = self._under_way.pop(kind, None)
        if under_way is not None:
            self.effects[under_way.place] = replace(
                self.effects[under_way.place],
                end=self._ground.timers.now(),
                messages_touched=self._touched_count(kind) - under_way.touched_before,
                epoch=epoch,
            )

    def _touched_count(self, kind: PlannedKind) -> int:
        return kind.touched_count(self._members) if isinstance(kind, FaultKind) else 0

    def _act(self, act: Act) -> None:
        if isinstance(act.value, Reconfigure):
            self._ask(act.value)
        elif not isinstance(act.kind, FaultKind):
            self._pursuit.end()
            if isinstance(act.value, Tactic):
                self._pursuit.begin(act.value)
        else:
            assert act.value is None or isinstance(act.value, FaultValue)
            self._carry_out_waiting()
            if act.value is not None and act.value.kind == PRIMARY:
                self._waiting = act.kind, act.value
                now = self._ground.timers.now()
                self._ground.timers.call_at(now + PATIENCE_NS, self._on_patience_end, act.value)
            else:
                self._carry_out(act.kind, act.value)

    def _on_reply(self, body: Mapping[str, Any]) -> None:
        """Begin the fault that waits once the leader has something to lose."""
        if self._waiting is not None and promises(body):
            timers = self._ground.timers
            timers.call_at(timers.now(), self._carry_out_waiting)  # No node dies while it is read.

    def _on_patience_end(self, value: FaultValue) -> None:
        if self._waiting is not None and self._waiting[1] is value:
            self._carry_out_waiting()

    def _carry_out_waiting(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._carry_out(*waiting)

    def _carry_out(self, kind: FaultKind, planned: FaultValue | None) -> None:
        """Begin a fault, or end those of its kind if ``planned`` is None; record and report it."""
        if planned is None:
            self._ground.history.record_fault(kind.ends, None)
            self._say(kind.end(self._members))
            self._close(kind)
        else:
            leader = self._gauge.leader()
            value = planned.aimed(leader, self._members.names)
            self._record_begin(kind, value)
            self._close(kind)
            self._begin(kind, value, leader, partial(value.begin, self._members))
        self._after_act()

    def _ask(self, change: Reconfigure) -> None:
        """Ask for other members, unless the last change is still unanswered."""
        if RECONFIGURE not in self._under_way:
            self._record_begin(RECONFIGURE, change)
            self._begin(RECONFIGURE, change, self._gauge.leader(), lambda: list(change.nodes))
            ask(self._new_client(), change, self._on_answer)
            self._after_act()

    def _on_answer(self, answer: Answer) -> None:
        """Take note of what came of a change, also of the leader's place among the members."""
        self._ground.history.record_fault(RECONFIGURE.ends, answer.as_json())
        self._say(f"{RECONFIGURE.ends}, {answer.kind}: {answer.text}")
        is_new = answer.epoch is not None and answer.epoch > self._epoch
        if answer.epoch is not None and answer.epoch >= self._epoch:
            self._epoch = answer.epoch
            self._gauge.members = answer.members
        self._close(RECONFIGURE, answer.epoch if is_new else None)
        self._after_act()

    def _record_begin(self, kind: PlannedKind, value: PlannedValue) -> None:
        self._ground.history.record_fault(kind.begins, value.as_json())
        self._say(f"{kind.name}, {value.kind}: {value.text}")

    def _say(self, text: str) -> None:
        self._ground.say(f"{self._ground.timers.now() / NANOSECONDS_PER_SECOND:.3f} s: {text}")

    def _begin(
        self,
        kind: PlannedKind,
        value: PlannedValue,
        leader: str | None,
        begin: Callable[[], list[str]],
    ) -> None:
        """Call ``begin``, which returns the nodes that are hit, and note what it met."""
        in_flight = dict(self._in_flight_at)
        self._under_way[kind] = _UnderWay(len(self.effects), self._touched_count(kind))
        hit = begin()
        self.effects.append(
            Effect(
                f=kind.name,
                kind=value.kind,
                text=value.text,
                nodes=hit,
                leader=leader,
                leader_hit=isinstance(kind, FaultKind) and leader in hit,
                begin=self._ground.timers.now(),
                operations_in_flight=sum(in_flight.values()),
                operations_at_nodes=sum(in_flight.get(node, 0) for node in hit),
            )
        )
