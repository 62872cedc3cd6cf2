"""What happened to each node: when faults hit it, its views or terms, and when it led.

Nodes of this project and others name their view in their messages: the primary of a view is known
from its number. Of nodes that name a term, or nothing, the leader is the one that the bench guessed
from the traffic. At most one node leads at a time, and none that is down or paused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from vsr_node.report.messages import VIEWS_PER_EPOCH, Messages
from vsr_node.report.recorded_run import FaultSpan, RecordedRun, cuts_of
from vsr_node.report.traces import Trace

GUESS_LATE_NS = 1_000_000_000
"""The bench notices a new leader at most about this late."""

CONDITIONS = {
    "kill": "killed",
    "down": "killed",
    "pause": "paused",
    "slow": "slowed",
    "reconfigure": "chosen",
}
"""What a fault makes of the nodes that it names; other faults keep their own name. Nodes are chosen
as members."""

STARTING, ENDED, CUT = "starting", "ended", "cut"
ENDINGS = frozenset({"exited", "output-closed"})
"""The mistakes after which a node runs no more."""

DOWN = frozenset({"killed", STARTING, ENDED})
ENDED_BY_KILLS = frozenset({"paused", STARTING})
ABSENT = DOWN | {"paused"}
"""The conditions in which a node can't lead."""


class Span(NamedTuple):
    """A time, in nanoseconds since the run began; ``end`` is None for the end of the run."""

    begin: int
    end: int | None

    def overlaps(self, other: "Span") -> bool:
        """Return whether both have some time in common."""
        return (self.end is None or other.begin < self.end) and (
            other.end is None or self.begin < other.end
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """What befell a node for a time."""

    span: Span
    kind: str
    """Its name on the lane, such as killed or cut."""
    whole: bool
    """Whether it befell all links of the node, or the node itself; else some of its links."""
    text: str
    fault: int
    """The place of its fault among the run's faults; -1 if none of them caused it."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened to one node."""

    node: str
    conditions: Sequence[Condition]
    views: Sequence[tuple[Span, int]]
    """The views or terms in which its messages show it."""
    leads: Sequence[Span]


def lanes_of(
    run: RecordedRun, messages: Messages, traces: Mapping[str, Trace] | None = None
) -> list[Lane]:
    """Return what happened to each node, in the order of the group.

    What nodes traced themselves is known better than what their messages show.
    """
    traces = traces or {}
    nodes = messages.members or sorted({event.node for event in run.events if event.node})
    conditions = {node: _conditions(node, nodes, run, messages) for node in nodes}
    views = {
        node: _views(
            traces[node].views
            if node in traces
            else [
                (seen.time, seen.view_number) for seen in messages.sightings if seen.node == node
            ],
            conditions[node],
        )
        for node in nodes
    }
    if any(traces[node].leads for node in nodes if node in traces):
        leaders = _newest(
            [
                (Span(begin, end), view, node)
                for node in nodes
                if node in traces
                for begin, end, view in traces[node].leads
            ]
        )
    elif any(seen.field.endswith("view_number") for seen in messages.sightings):
        leaders = _primaries({0: nodes, **messages.epochs}, views)
    else:
        leaders = _guessed(run.page.get("leaders", ()), conditions, views)
    return [
        Lane(
            node,
            conditions[node],
            views[node],
            [
                part
                for span, leader in leaders
                if leader == node
                for part in _present(span, conditions[node])
            ],
        )
        for node in nodes
    ]


# --- Conditions -----------------------------------------------------------------------------------


def _conditions(
    node: str, nodes: Sequence[str], run: RecordedRun, messages: Messages
) -> list[Condition]:
    found: list[Condition] = []
    for place, (fault, hit) in enumerate(zip(run.faults, _nodes_hit(run), strict=True)):
        for kind, whole, text in _hits(node, nodes, fault, hit):
            end = _undone(run.faults, place) if kind in ABSENT else fault.end
            found.append(Condition(Span(fault.begin, end), kind, whole, text, place))
            if kind == "killed" and end is not None:
                ready = _next(messages.starts.get(node, ()), end)
                if ready is not None:
                    text = f"{node} starts again"
                    found.append(Condition(Span(end, ready), STARTING, True, text, place))
    found += _ends(node, run, messages)
    kills = [each.span.begin for each in found if each.kind == "killed"]
    found = [_until_killed(each, kills) if each.kind in ENDED_BY_KILLS else each for each in found]
    return sorted(found, key=lambda condition: condition.span.begin)


def _undone(faults: Sequence[FaultSpan], place: int) -> int | None:
    """Return when a kill or pause was undone: that is not yet when the next one of them begins."""
    name, end = faults[place].name, faults[place].end
    for later in faults[place + 1 :]:
        if later.name == name and later.begin == end:
            end = later.end
    return end


def _until_killed(condition: Condition, kills: Sequence[int]) -> Condition:
    """End a condition of a process with that process."""
    begin, end = condition.span
    kill = _next(sorted(kills), begin)
    if kill is None or (end is not None and end <= kill):
        return condition
    return replace(condition, span=Span(begin, kill))


def _nodes_hit(run: RecordedRun) -> Sequence[Sequence[str]]:
    """Return the nodes that each fault named and hit: one that is down can't be paused."""
    named = [
        nodes
        if isinstance(fault.value, dict) and isinstance(nodes := fault.value.get("nodes"), list)
        else []
        for fault in run.faults
    ]
    effects = run.results.get("faults")
    if not isinstance(effects, list) or len(effects) != len(run.faults):
        return [[str(node) for node in nodes] for nodes in named]
    return [
        [str(node) for node in nodes if node in effect["nodes"]]
        for nodes, effect in zip(named, effects, strict=True)
    ]


def _hits(
    node: str, nodes: Sequence[str], fault: FaultSpan, hit: Sequence[str]
) -> Iterator[tuple[str, bool, str]]:
    """Yield what a fault does to a node: the condition, whether it is whole, and a text."""
    value = fault.value if isinstance(fault.value, dict) else {}
    if node in hit:
        kind = CONDITIONS.get(fault.name, fault.name)
        yield kind, kind != CONDITIONS["reconfigure"], kind
    cuts = cuts_of(fault.value)
    if cuts is not None:
        yield from _cut(node, nodes, cuts)
    links, ms = value.get("links"), value.get("ms")
    if isinstance(links, list) and isinstance(ms, int | float):
        yield from _slowed(node, nodes, links, ms)


def _cut(
    node: str, nodes: Sequence[str], cuts: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, bool, str]]:
    """Yield a whole cut if the node has no majority, itself included, to talk to both ways."""
    unheard = cuts.get(node, frozenset()) - {node}
    deaf = {other for other in nodes if other != node and node in cuts.get(other, ())}
    if not unheard and not deaf:
        return
    left = len([other for other in nodes if other not in unheard | deaf])
    parts = []
    if both := _names(unheard & deaf):
        parts.append(f"cut from {both}")
    if unheard - deaf:
        parts.append(f"hears no {_names(unheard - deaf)}")
    if deaf - unheard:
        parts.append(f"not heard by {_names(deaf - unheard)}")
    text = ", ".join(parts)
    yield CUT, left < len(nodes) // 2 + 1, text


def _slowed(
    node: str, nodes: Sequence[str], links: Sequence[Any], ms: float
) -> Iterator[tuple[str, bool, str]]:
    own = [link for link in links if isinstance(link, list) and node in link]
    if own:
        others = _names({str(end) for link in own for end in link if end != node})
        whole = len(own) == 2 * (len(nodes) - 1)
        yield CONDITIONS["slow"], whole, f"slow by {ms:g} ms, with {others}"


def _names(nodes: frozenset[str] | set[str]) -> str:
    return " ".join(sorted(nodes))


def _ends(node: str, run: RecordedRun, messages: Messages) -> Iterator[Condition]:
    """Yield the times after the node ended by itself."""
    mistakes = run.results.get("mistakes")
    first = mistakes.get("first") if isinstance(mistakes, dict) else None
    for mistake in first if isinstance(first, list) else ():
        if isinstance(mistake, dict) and mistake.get("node") == node:
            begin, text = mistake.get("time"), str(mistake.get("detail"))
            if mistake.get("kind") in ENDINGS and isinstance(begin, int):
                end = _next(messages.starts.get(node, ()), begin)
                yield Condition(Span(begin, end), ENDED, True, text, -1)


def _next(times: Sequence[int], after: int) -> int | None:
    return next((time for time in times if time >= after), None)


def _present(span: Span, conditions: Sequence[Condition]) -> Iterator[Span]:
    """Yield the parts of a time in which the node is neither down nor paused."""
    begin = span.begin
    for condition in conditions:
        if condition.kind in ABSENT and condition.span.overlaps(Span(begin, span.end)):
            if condition.span.begin > begin:
                yield Span(begin, condition.span.begin)
            if condition.span.end is None:
                return
            begin = max(begin, condition.span.end)
    if span.end is None or begin < span.end:
        yield Span(begin, span.end)


# --- Views and leaders ----------------------------------------------------------------------------


def _views(
    seen: Sequence[tuple[int, int]], conditions: Sequence[Condition]
) -> list[tuple[Span, int]]:
    """Return a node's views; each lasts until the next one, or until the node goes down.

    ``seen`` is when it was first seen in which view.
    """
    downs = [each.span.begin for each in conditions if each.kind in DOWN]
    views: list[tuple[Span, int]] = []
    for (time, view), following in zip(seen, [*seen[1:], None], strict=False):
        ends = [following[0]] if following is not None else []
        ends += [down for down in downs if down > time][:1]
        span = Span(time, min(ends, default=None))
        if views and views[-1] == (Span(views[-1][0].begin, span.begin), view):
            span = Span(views.pop()[0].begin, span.end)
        views.append((span, view))
    return views


def _primaries(
    epochs: Mapping[int, Sequence[str]], views: Mapping[str, Sequence[tuple[Span, int]]]
) -> list[tuple[Span, str]]:
    """Return when each primary led: until that of a later view does, or its own view ends.

    ``epochs`` has the members of each epoch, in the order in which they lead.
    """
    return _newest(
        [
            (span, view, node)
            for node in views
            for span, view in views[node]
            if (members := epochs.get(view // VIEWS_PER_EPOCH))
            and members[view % VIEWS_PER_EPOCH % len(members)] == node
        ]
    )


def _newest(own: list[tuple[Span, int, str]]) -> list[tuple[Span, str]]:
    """Return when each led: until somebody led in a later view."""
    own.sort(key=lambda each: (each[0].begin, each[1]))
    found = []
    for span, view, node in own:
        if any(other.begin <= span.begin and later > view for other, later, _ in own):
            continue  # It has not noticed yet that a later view began.
        later_begin = min((other.begin for other, later, _ in own if later > view), default=None)
        ends = [end for end in (span.end, later_begin) if end is not None]
        found.append((Span(span.begin, min(ends, default=None)), node))
    return found


def _guessed(
    leaders: Sequence[Mapping[str, Any]],
    conditions: Mapping[str, Sequence[Condition]],
    views: Mapping[str, Sequence[tuple[Span, int]]],
) -> list[tuple[Span, str]]:
    """Return when each node led, as the bench guessed.

    A guess is late, so a node leads from the time at which it entered its term, and one that went
    down leads again only if the bench has not seen another one soon after.
    """
    begins: list[tuple[int, str]] = []
    for leader in leaders:
        node, noticed = str(leader["node"]), int(leader["since_ns"])
        if node not in conditions:
            continue
        entered = [span.begin for span, _ in views[node] if span.begin <= noticed]
        earliest = max(noticed - GUESS_LATE_NS, begins[-1][0] if begins else 0)
        begins.append((max(entered[-1], earliest) if entered else noticed, node))
    found: list[tuple[Span, str]] = []
    for (begin, node), following in zip(begins, [*begins[1:], None], strict=False):
        end = None if following is None else following[0]
        downs = [each.span for each in conditions[node] if each.kind in DOWN]
        for down in downs:
            is_within = down.begin >= begin and (end is None or down.begin < end)
            if is_within and end is not None and (down.end or end) + GUESS_LATE_NS > end:
                end = down.begin
        found.append((Span(begin, end), node))
    return found
