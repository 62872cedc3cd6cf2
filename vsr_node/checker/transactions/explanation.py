"""A cycle in words: who came before whom, and what shows it."""

from collections.abc import Iterator, Sequence

from vsr_node.checker.judgement import Anomaly, Edge
from vsr_node.checker.transactions.cycles import Cycle, Step
from vsr_node.checker.transactions.describe import (
    TRANSACTIONS_MAX,
    describe_transactions,
    label_of,
    seconds_text,
)
from vsr_node.checker.transactions.findings import Findings
from vsr_node.checker.transactions.graph import Kind
from vsr_node.checker.transactions.transaction import Token, Transaction

KIND_WORDS = {
    Kind.WW: "ww",
    Kind.WR: "wr",
    Kind.RW: "rw",
    Kind.WW_PROCESS: "ww",
    Kind.RW_PROCESS: "rw",
    Kind.WW_REALTIME: "ww",
    Kind.RW_REALTIME: "rw",
    Kind.ASSUMED: "so",
    Kind.ASSUMED_PROCESS: "so",
    Kind.ASSUMED_REALTIME: "so",
    Kind.PROCESS: "process",
    Kind.REALTIME: "real time",
}


def describe_cycle(findings: Findings, cycle: Cycle) -> Anomaly:
    """Describe a cycle: its transactions, and for each why it comes before the next."""
    steps = _from_the_earliest(cycle.steps)
    places = {step.vertex: place for place, step in enumerate(steps)}
    keys: set[Token] = set()

    def name(number: int) -> str:
        return label_of(places.setdefault(number, len(places)))

    edges: list[Edge] = []
    for step, following in zip(steps, [*steps[1:], steps[0]], strict=True):
        a, b = step.vertex, following.vertex
        if step.kind in (Kind.PROCESS, Kind.REALTIME):
            first, second = (findings.transactions.possible[number] for number in (a, b))
            sentence = _describe_time(first, second, step.kind, name(a), name(b))
        else:
            reason = findings.reason(a, b, step.kind, name)
            if reason is None:
                raise AssertionError(f"{step} without a reason")
            sentence = reason.sentence
            keys.add(reason.key)
        edges.append(Edge(a, b, KIND_WORDS[step.kind], f"{name(a)} before {name(b)}: {sentence}"))
    sentences = [f"  {edge.sentence} ({edge.kind})" for edge in edges]
    if len(sentences) > TRANSACTIONS_MAX:
        sentences[TRANSACTIONS_MAX:] = [f"  and {len(sentences) - TRANSACTIONS_MAX} more steps"]
    involved = [findings.transactions.possible[number] for number in places]
    lines = [*describe_transactions(involved, findings.write, keys), *sentences]
    more = cycle.component_size - len(steps)
    if more:
        verb = "transaction is" if more == 1 else "transactions are"
        lines.append(f"  {more} more {verb} in cycles with these.")
    events = sorted({index for each in involved for index in each.events})
    return Anomaly(
        cycle.name,
        "\n".join(lines),
        tuple(events),
        edges=tuple(_by_first_events(edges, findings.transactions.possible)),
    )


def _by_first_events(edges: Sequence[Edge], transactions: Sequence[Transaction]) -> Iterator[Edge]:
    for edge in edges:
        before, after = (transactions[each].events[0] for each in (edge.before, edge.after))
        yield edge._replace(before=before, after=after)


def _from_the_earliest(steps: Sequence[Step]) -> list[Step]:
    first = min(range(len(steps)), key=lambda place: steps[place].vertex)
    return [*steps[first:], *steps[:first]]


def _describe_time(first: Transaction, second: Transaction, kind: Kind, a: str, b: str) -> str:
    answered = seconds_text(first.completion.time if first.completion else 0)
    asked = seconds_text(second.invocation.time)
    same = f", by the same process {second.invocation.process}" if kind is Kind.PROCESS else ""
    return f"{a} was answered at {answered}, before {b} was asked at {asked}{same}."
