"""Each rule for edges and each kind of anomaly is missed by the tests if it is left out."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.checker.transactions import test_cases
from tests.checker.transactions.drawn import LISTS, REGISTERS
from tests.checker.transactions.oracle import Order, compare
from vsr_node.checker.transactions import cycles, graph, rw_register
from vsr_node.checker.transactions.anomalies import CYCLES
from vsr_node.checker.transactions.findings import Findings
from vsr_node.checker.transactions.graph import Graph, Kind, Level

ANOMALIES = (
    *("changed-transaction", "garbage-read", "duplicate-elements", "cyclic-versions", "G1a", "G1b"),
    *("future-read", "internal", "incompatible-order", "dirty-update", "lost-update"),
)

EDGES = [
    *(
        (workload, kind)
        for workload in test_cases.WORKLOAD.values()
        for kind in (Kind.WW, Kind.WR, Kind.RW)
    ),
    *(("register", kind) for kind in (Kind.RW_PROCESS, Kind.RW_REALTIME, Kind.WW_REALTIME)),
    ("register", Kind.ASSUMED),
]


def cases_fail(workload: str = "") -> bool:
    """Whether any case has another verdict than it should."""
    for judge, case, _ in test_cases.CASES:
        if workload and workload != test_cases.WORKLOAD[judge]:
            continue
        try:
            test_cases.test_case(judge, case)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize(("workload", "left_out"), EDGES)
def test_edges_left_out(workload: str, left_out: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    link, link_all = Graph.link, Graph.link_all

    def some(linked: Callable[..., None]) -> Callable[..., None]:
        def only(self: Graph, source: Any, target: Any, kind: Kind) -> None:
            if kind is not left_out:
                linked(self, source, target, kind)

        return only

    monkeypatch.setattr(Graph, "link", some(link))
    monkeypatch.setattr(Graph, "link_all", some(link_all))
    if left_out in (Kind.RW_REALTIME, Kind.WW_REALTIME):
        # In short histories what they show follows from assumptions, too, by another name.
        monkeypatch.setattr(rw_register, "TRANSACTIONS_MAX", 0)
    write = LISTS if workload == "list" else REGISTERS
    assert cases_fail(workload) or compare(write, range(1500), Order.TIME).missed


@pytest.mark.parametrize("left_out", [*CYCLES, *Level], ids=str)
def test_cycles_left_out(left_out: str | Level, monkeypatch: pytest.MonkeyPatch) -> None:
    smallest = cycles._Component._smallest

    def some(self: Any, kind: str, level: Level, known: int | None) -> Any:
        return None if left_out in (kind, level) else smallest(self, kind, level, known)

    monkeypatch.setattr(cycles._Component, "_smallest", some)
    assert cases_fail()


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Findings.add

    def all_but_one(self: Findings, found: str, *rest: Any, **options: Any) -> None:
        if found != name:
            add(self, found, *rest, **options)

    monkeypatch.setattr(Findings, "add", all_but_one)
    assert cases_fail()


def test_real_time_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "_chain", lambda spans, group, after: None)
    assert cases_fail()


def test_unsure_transactions_left_out_for_maelstrom_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Graph, "without", lambda self, vertices, level: self)
    assert cases_fail("register")
