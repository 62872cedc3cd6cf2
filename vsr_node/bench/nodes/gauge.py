"""Which node leads, as far as the messages show it: a fault that hits the leader bites hardest.

The bench knows nothing of the nodes that it tries, so it judges by traffic. Whatever the protocol,
the leader is the only node that sends messages of some type to all others (PREPARE, AppendEntries,
a heartbeat). If bodies carry the number of a view or term, only the newest of each type count: a
leader that was replaced may not know it yet, and does not lead by any other type. (It has repeated
that type. A request for votes comes once, and does not replace who has asked earlier.) If that
number is a ``view_number``, the leader can only be the node at that place of the members, counted
around; each epoch counts its views from a multiple of ``VIEWS_PER_EPOCH``. If no node is such a
sender, the leader is a node that takes part in most messages. If all nodes do the same, no node
counts as the leader. All nodes are members until a change of members is answered.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Timers
from vsr_node.bench.nodes.traffic import ServerTraffic

TICK_NS = NANOSECONDS_PER_SECOND // 4
TICKS_KEPT = 3
"""At low latency, the traffic of the last half to three quarters of a second counts."""

MESSAGES_MIN = 10
LEADER_FACTOR = 1.4
"""A node that all others ask has twice the traffic of the next one among three nodes, and four
times as much among five."""

VIEWS_PER_EPOCH = 1 << 32

VIEW_FIELDS = ("view_number", "view", "term")

Flows = dict[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Leadership:
    """A node that seems to lead since a time, in nanoseconds since the run began."""

    since_ns: int
    node: str


class LeaderGauge:
    """Watches the traffic between servers, whose mean latency is ``latency_ns``."""

    def __init__(
        self, timers: Timers, nodes: Sequence[str], traffic: ServerTraffic, latency_ns: int = 0
    ) -> None:
        self.leaderships: list[Leadership] = []
        """Each begins where another node than before stood out, as seen once a tick."""
        self.members: Sequence[str] = nodes
        """The nodes that may lead, in their order."""
        self._timers = timers
        self._traffic = traffic
        self._tick_ns = max(TICK_NS, latency_ns)
        self._before: deque[Flows] = deque(maxlen=TICKS_KEPT)

    def start(self) -> None:
        """Watch from now on."""
        self._note_leader()
        self._before.append(dict(self._traffic.flows))
        self._timers.call_at(self._timers.now() + self._tick_ns, self.start)

    def _note_leader(self) -> None:
        leader = self.leader()
        if leader is not None and (not self.leaderships or self.leaderships[-1].node != leader):
            self.leaderships.append(Leadership(self._timers.now(), leader))

    def leader(self) -> str | None:
        """Return the node that seems to lead now, None if no node stands out."""
        if len(self.members) == 1:
            return self.members[0]
        recent = self._recent()
        return self._only_broadcaster(recent) or self._centre(recent)

    def _recent(self) -> Flows:
        """Return the traffic of late between the members."""
        before = self._before[0] if self._before else {}
        members = frozenset(self.members)
        return {
            flow: count - before.get(flow, 0)
            for flow, count in self._traffic.flows.items()
            if flow[0] in members and flow[1] in members
        }

    def _only_broadcaster(self, recent: Flows) -> str | None:
        """Return the node that alone sent messages of some type to all others, if there is one."""
        scores = dict.fromkeys(self.members, 0)
        reaches = self._reaches(recent)
        views = {kind: {n: self._view(n, kind) for n in reach} for kind, reach in reaches.items()}
        newest = {kind: max(of_kind.values()) for kind, of_kind in views.items()}
        replaced = {
            node
            for kind, reach in reaches.items()
            for node, count in reach.items()
            if count > 1 and views[kind][node] < newest[kind]
        }
        for kind, reach in reaches.items():
            senders = [node for node in reach if views[kind][node] == newest[kind]]
            (node, *others) = senders
            if not others and node not in replaced and self._may_lead(node, kind):
                scores[node] += reach[node]
        best = max(self.members, key=lambda node: scores[node])
        return best if scores[best] else None

    def _centre(self, recent: Flows) -> str | None:
        """Return the node that takes part in most messages, if one stands out."""
        talk = dict.fromkeys(self.members, 0)
        for (source, destination, _), count in recent.items():
            talk[source] += count
            talk[destination] += count
        first, second, *_ = sorted(self.members, key=lambda node: -talk[node])
        stands_out = talk[first] >= max(MESSAGES_MIN, LEADER_FACTOR * talk[second])
        return first if stands_out else None

    def _reaches(self, recent: Flows) -> dict[str, dict[str, int]]:
        """Return by type and sender how many messages went to each other node lately.

        Of unequal numbers that is the least. A sender that left a node out is missing, and so is
        one whose newest messages are of different views: it answers, now this node, now that one.
        """
        reaches: dict[str, dict[str, int]] = {}
        for source, kind in dict.fromkeys((source, kind) for source, _, kind in recent):
            others = [node for node in self.members if node != source]
            reach = min(recent.get((source, node, kind), 0) for node in others)
            if reach and len({*map(_number, self._newest(source, kind))}) == 1:
                reaches.setdefault(kind, {})[source] = reach
        return reaches

    def _view(self, node: str, kind: str) -> int:
        return _number(self._newest(node, kind)[0])

    def _newest(self, node: str, kind: str) -> list[Mapping[str, Any]]:
        """Return the newest message of a type that a node sent to each other one."""
        others = [other for other in self.members if other != node]
        return [self._traffic.newest[node, other, kind] for other in others]

    def _may_lead(self, node: str, kind: str) -> bool:
        view_number = self._newest(node, kind)[0].get("view_number")
        if type(view_number) is not int:
            return True
        return self.members[view_number % VIEWS_PER_EPOCH % len(self.members)] == node


def _number(body: Mapping[str, Any]) -> int:
    return next((body[name] for name in VIEW_FIELDS if type(body.get(name)) is int), 0)
