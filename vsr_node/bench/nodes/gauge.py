"""Did the faults bite? Who leads, as far as the messages tell it, and whether a fault hit the one.

The bench tries nodes of which it knows nothing, so it judges by traffic. Whatever the protocol, a
leader is the one that sends messages of some type to all other nodes while nobody else does
(PREPARE, AppendEntries, a heartbeat). Where bodies carry the number of a view or term, only the
newest of a type count, as a leader that was replaced may not know yet; and where that number is a
`view_number`, the leader can only be the node at that place of `node_ids`, counted around. Where
nobody does so, a node that most messages have to do with leads. Where all nodes do the same, nobody
is taken for the leader.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Timers
from vsr_node.bench.nodes.traffic import ServerTraffic

TICK = NANOSECONDS_PER_SECOND // 4
TICKS_KEPT = 3
"""The traffic of the last half a second to three quarters is what counts (at low latency)."""

MESSAGES_MIN = 10
LEADER_FACTOR = 1.4
"""A node that all others ask has, of three, twice the traffic of the next; of five, four times."""

VIEW_FIELDS = ("view_number", "view", "term")

Cuts = Mapping[str, frozenset[str]]
Flows = dict[tuple[str, str, str], int]


class LeaderGauge:
    """Watches the traffic between servers. `latency` is the mean of it, in nanoseconds."""

    def __init__(
        self, timers: Timers, nodes: Sequence[str], traffic: ServerTraffic, latency: int = 0
    ) -> None:
        self._timers = timers
        self._nodes = nodes
        self._traffic = traffic
        self._tick = max(TICK, latency)
        self._before: deque[Flows] = deque(maxlen=TICKS_KEPT)

    def start(self) -> None:
        """Watch from now on."""
        self._before.append(dict(self._traffic.flows))
        self._timers.call_at(self._timers.now() + self._tick, self.start)

    def leader(self) -> str | None:
        """Return who seems to lead now."""
        if len(self._nodes) == 1:
            return self._nodes[0]
        recent = self._recent()
        return self._only_broadcaster(recent) or self._centre(recent)

    def _recent(self) -> Flows:
        before = self._before[0] if self._before else {}
        flows = self._traffic.flows
        return {flow: flows[flow] - before.get(flow, 0) for flow in flows}

    def _only_broadcaster(self, recent: Flows) -> str | None:
        """Return who alone sent most of some type to all others."""
        scores = dict.fromkeys(self._nodes, 0)
        for kind, reaches in self._reaches(recent).items():
            newest = max(self._view(node, kind) for node in reaches)
            senders = [node for node in reaches if self._view(node, kind) == newest]
            if len(senders) == 1 and self._may_lead(senders[0], kind):
                scores[senders[0]] += reaches[senders[0]]
        best = max(self._nodes, key=lambda node: scores[node])
        return best if scores[best] else None

    def _centre(self, recent: Flows) -> str | None:
        """Return whom most messages have to do with."""
        talk = dict.fromkeys(self._nodes, 0)
        for (source, destination, _), count in recent.items():
            talk[source] += count
            talk[destination] += count
        first, second, *_ = sorted(self._nodes, key=lambda node: -talk[node])
        stands_out = talk[first] >= max(MESSAGES_MIN, LEADER_FACTOR * talk[second])
        return first if stands_out else None

    def _reaches(self, recent: Flows) -> dict[str, dict[str, int]]:
        """Return, by type and sender, how many messages went to each other node lately.

        Of unequal numbers the least; who left a node out is not in it.
        """
        reaches: dict[str, dict[str, int]] = {}
        for source, _, kind in recent:
            others = [node for node in self._nodes if node != source]
            reach = min(recent.get((source, node, kind), 0) for node in others)
            if reach:
                reaches.setdefault(kind, {})[source] = reach
        return reaches

    def _view(self, node: str, kind: str) -> int:
        body = self._traffic.newest[node, kind]
        return next((body[name] for name in VIEW_FIELDS if type(body.get(name)) is int), 0)

    def _may_lead(self, node: str, kind: str) -> bool:
        view_number = self._traffic.newest[node, kind].get("view_number")
        if type(view_number) is not int:
            return True
        return self._nodes[view_number % len(self._nodes)] == node


def loses_majority(node: str, cuts: Cuts) -> bool:
    """Whether cuts leave `node` fewer than a majority, itself included, to talk to both ways.

    `cuts` names every node of the group.
    """
    left = [other for other in cuts if other not in cuts[node] and node not in cuts[other]]
    return len(left) < len(cuts) // 2 + 1
