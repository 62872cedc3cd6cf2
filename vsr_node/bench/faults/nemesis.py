"""The nemesis, which carries out the plan, reports each act, and measures what each fault met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vsr_node.bench.faults.aimed import HoldChanges, Pursuit, Tactic, promises
from vsr_node.bench.faults.kind import FaultKind, FaultValue
from vsr_node.bench.faults.plan import Act
from vsr_node.bench.faults.targets import PRIMARY
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
    """Killed, paused, cut off from every majority, or at the end of a slow link."""
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


@dataclass(frozen=True, slots=True)
class _UnderWay:
    place: int
    """The fault's place in ``Nemesis.effects``."""
    touched_before: int


class Nemesis:
    """Acts on a plan, and calls ``after_act`` after each act.

    ``in_flight_at`` counts the operations in flight by the node asked. ``hold_changes`` lets
    clients only read at these nodes.
    """

    def __init__(
        self,
        ground: RunGround,
        members: Members,
        gauge: LeaderGauge,
        in_flight_at: Mapping[str, int],
        after_act: Callable[[], None],
        hold_changes: HoldChanges,
    ) -> None:
        self.effects: list[Effect] = []
        self._ground = ground
        self._members = members
        self._gauge = gauge
        self._in_flight_at = in_flight_at
        self._after_act = after_act
        self._under_way: dict[FaultKind, _UnderWay] = {}
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

    def _close(self, kind: FaultKind) -> None:
        under_way = self._under_way.pop(kind, None)
        if under_way is not None:
            self.effects[under_way.place] = replace(
                self.effects[under_way.place],
                end=self._ground.timers.now(),
                messages_touched=kind.touched_count(self._members) - under_way.touched_before,
            )

    def _act(self, act: Act) -> None:
        if not isinstance(act.kind, FaultKind):
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
        at = f"{self._ground.timers.now() / NANOSECONDS_PER_SECOND:.3f} s"
        if planned is None:
            self._ground.history.record_fault(kind.ends, None)
            self._ground.say(f"{at}: {kind.end(self._members)}")
            self._close(kind)
        else:
            leader = self._gauge.leader()
            value = planned.aimed(leader, self._members.names)
            self._ground.history.record_fault(kind.begins, value.as_json())
            self._ground.say(f"{at}: {kind.name}, {value.kind}: {value.text}")
            self._close(kind)
            self._begin(kind, value, leader)
        self._after_act()

    def _begin(self, kind: FaultKind, value: FaultValue, leader: str | None) -> None:
        in_flight = dict(self._in_flight_at)
        self._under_way[kind] = _UnderWay(len(self.effects), kind.touched_count(self._members))
        hit = value.begin(self._members)
        self.effects.append(
            Effect(
                f=kind.name,
                kind=value.kind,
                text=value.text,
                nodes=hit,
                leader=leader,
                leader_hit=leader in hit,
                begin=self._ground.timers.now(),
                operations_in_flight=sum(in_flight.values()),
                operations_at_nodes=sum(in_flight.get(node, 0) for node in hit),
            )
        )
