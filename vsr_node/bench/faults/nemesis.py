"""The nemesis: tells each fault of the plan, carries it out, and gauges what it met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vsr_node.bench.faults.plan import ENDS, PRIMARY, Fault, Value
from vsr_node.bench.nodes.gauge import LeaderGauge, loses_majority
from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.loop import (
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    Timers,
)
from vsr_node.bench.nodes.members import Members
from vsr_node.bench.nodes.network import Network


@dataclass(slots=True)
class Effect:
    """What one fault met: `begin` and `end` in nanoseconds since the run began."""

    f: str
    kind: str
    text: str
    nodes: list[str]
    """Killed, paused, cut off from every majority, or at the end of a slow link."""
    leader: str | None
    """The node that was judged to be the leader when it began."""
    leader_hit: bool
    begin: int
    operations_in_flight: int
    operations_at_nodes: int
    """Those of the operations in flight that `nodes` had been asked."""
    end: int | None = None
    messages_touched: int = 0
    """Cut; lost or kept while a node was down; held while one was paused; slowed down."""


class Nemesis:
    """Acts on a plan. `operations_in_flight` counts them by the node that was asked."""

    def __init__(
        self,
        timers: Timers,
        network: Network,
        members: Members,
        gauge: LeaderGauge,
        history: History,
        tell: Callable[[str], None],
        operations_in_flight: Mapping[str, int],
    ) -> None:
        self.effects: list[Effect] = []
        self._timers = timers
        self._network = network
        self._members = members
        self._gauge = gauge
        self._history = history
        self._tell = tell
        self._operations_in_flight = operations_in_flight
        self._under_way: dict[str, Effect] = {}
        self._begins: dict[str, Callable[[Value], list[str]]] = {
            "start-partition": self._cut,
            "kill": lambda value: members.kill(value["nodes"]),
            "pause": lambda value: members.pause(value["nodes"]),
            "start-slow": self._slow_down,
        }
        self._ends: dict[str, Callable[[], str]] = {
            "stop-partition": self._heal,
            "start": lambda: f"started again: {' '.join(members.start_again())}",
            "resume": self._resume,
            "stop-slow": self._speed_up,
        }
        self._touched: dict[str, Callable[[], int]] = {
            "start-partition": lambda: network.cut_count,
            "kill": lambda: network.killed_count + network.kept_count,
            "pause": lambda: members.held_count,
            "start-slow": lambda: network.slowed_count,
        }

    @property
    def current(self) -> str:
        """The faults under way, for people; empty when there is none."""
        return "; ".join(f"{each.f}, {each.kind}: {each.text}" for each in self._under_way.values())

    def start(self, plan: Sequence[Fault]) -> None:
        """Schedule the plan; its times count from now."""
        for fault in plan:
            self._timers.call_at(self._timers.now() + fault.at, self._act, fault)

    def stop(self) -> None:
        """Close the account of the faults that are under way at the end."""
        for f in list(self._under_way):
            self._close(f)

    def _close(self, f: str) -> None:
        effect = self._under_way.pop(f, None)
        if effect is not None:
            effect.end = self._timers.now()
            effect.messages_touched += self._touched[f]()

    def _act(self, fault: Fault) -> None:
        seconds = self._timers.now() / NANOSECONDS_PER_SECOND
        if fault.value is None:
            self._history.record_fault(fault.f, None)
            text = self._ends[fault.f]()
            self._tell(f"{seconds:.3f} s: {text}")
            for begin, end in ENDS.items():
                if end == fault.f:
                    self._close(begin)
            return
        leader = self._gauge.leader()
        value = self._aimed(fault.value, leader)
        name = fault.f.removeprefix("start-")
        self._history.record_fault(fault.f, value)
        self._tell(f"{seconds:.3f} s: {name}, {value['kind']}: {value['text']}")
        self._close(fault.f)
        in_flight = dict(self._operations_in_flight)
        touched_before = self._touched[fault.f]()
        hit = self._begins[fault.f](value)
        effect = Effect(
            f=name,
            kind=value["kind"],
            text=value["text"],
            nodes=hit,
            leader=leader,
            leader_hit=leader in hit,
            begin=self._timers.now(),
            operations_in_flight=sum(in_flight.values()),
            operations_at_nodes=sum(in_flight.get(node, 0) for node in hit),
            messages_touched=-touched_before,
        )
        self.effects.append(effect)
        self._under_way[fault.f] = effect

    def _aimed(self, value: Value, leader: str | None) -> Value:
        """Return what is to be done with a name in the leader's place."""
        if value["kind"] != PRIMARY:
            return value
        if leader is None:
            first = self._members.names[0]
            return value | {"nodes": [first], "text": f"{first}, as no leader was seen"}
        return value | {"nodes": [leader], "text": leader}

    def _cut(self, value: Value) -> list[str]:
        cuts = {node: frozenset(value["cuts"].get(node, ())) for node in self._members.names}
        self._network.cut(cuts)
        return [node for node in self._members.names if loses_majority(node, cuts)]

    def _heal(self) -> str:
        self._network.cut({})
        return "healed"

    def _resume(self) -> str:
        self._members.resume()
        return "resumed"

    def _slow_down(self, value: Value) -> list[str]:
        extra = int(value["ms"] * NANOSECONDS_PER_MILLISECOND)
        links = dict.fromkeys([(source, to) for source, to in value["links"]], extra)
        self._network.slow_down(links)
        return [n for n in self._members.names if any(n in link for link in links)]

    def _speed_up(self) -> str:
        self._network.slow_down({})
        return "as fast as before"
