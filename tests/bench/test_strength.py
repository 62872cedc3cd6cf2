"""How hard a run looked: counts that a reader of the history can make again."""

from dataclasses import replace
from typing import Any

import pytest

from vsr_node.bench.nodes.gauge import Leadership
from vsr_node.bench.stored.options import Description
from vsr_node.bench.stored.strength import Strength, strength_of, weakness_of
from vsr_node.checker.history import Event, Json


class Story:
    """A history, operation by operation, one at a time."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def begin(self, f: str, value: Json, node: str, process: int = 0) -> None:
        self._add(process, "invoke", f, value, None, node)

    def end(
        self, f: str, value: Json, node: str, code: int | None = None, process: int = 0
    ) -> None:
        type_ = "ok" if code is None else "fail"
        self._add(process, type_, f, value, None if code is None else [code, ""], node)

    def done(self, f: str, value: Json, node: str, code: int | None = None) -> None:
        self.begin(f, None if f == "read" else value, node)
        self.end(f, value, node, code)

    def _add(self, process: int, type_: str, f: str, value: Json, error: Json, node: str) -> None:
        index = len(self.events)
        self.events.append(Event(index, 10 * index, process, type_, f, 7, value, error, node))

    def strength(self, *changes_ns: int) -> Strength:
        leaderships = [Leadership(0, "n0")]
        leaderships += [Leadership(at, f"n{1 + n}") for n, at in enumerate(changes_ns)]
        return strength_of(self.events, (), leaderships, 0)


def test_what_the_data_refuse_is_answered_and_what_the_node_refuses_is_not() -> None:
    story = Story()
    story.done("write", 1, "n0")
    story.done("cas", [2, 3], "n0", 22)
    story.done("read", None, "n0", 20)
    story.done("read", None, "n0", 11)
    story.done("read", None, "n0", 0)
    strength = story.strength()
    assert (strength.operations, strength.answered, strength.refused) == (5, 3, 1)


def test_a_write_counts_as_read_elsewhere_once_and_only_at_another_node() -> None:
    story = Story()
    story.done("write", 1, "n0")
    story.done("read", 1, "n0")
    assert story.strength().writes_read_elsewhere == 0
    story.done("read", 1, "n1")
    story.done("read", 1, "n2")
    story.done("cas", [1, 2], "n0")
    story.done("read", 2, "n1")
    story.done("read", 3, "n2")
    strength = story.strength()
    assert (strength.writes_acknowledged, strength.writes_read_elsewhere) == (2, 2)


def test_a_read_that_began_before_the_write_was_acknowledged_proves_nothing() -> None:
    story = Story()
    story.begin("write", 1, "n0")
    story.begin("read", None, "n1", process=1)
    story.end("write", 1, "n0")
    story.end("read", 1, "n1", process=1)
    assert story.strength().writes_read_elsewhere == 0


def test_an_old_value_is_read_after_a_change_of_leadership_and_before_a_new_write() -> None:
    story = Story()
    story.done("write", 1, "n0")  # at 0 and 10
    story.done("read", 1, "n1")
    assert story.strength(60).old_values_read == 0
    story.begin("read", None, "n1")
    story.end("read", 1, "n1")
    for node in ("n0", "n1", "n1"):
        story.done("read", 1, node)  # at 60 to 110
    assert story.strength(60).old_values_read == 2
    assert story.strength(60, 80).old_values_read == 2
    assert story.strength(60, 80).leader_changes == 2
    assert story.strength(5).old_values_read == 0
    story.begin("write", 2, "n0", process=1)
    story.done("read", 1, "n2")
    assert story.strength(60).old_values_read == 2


STRONG = Strength(
    operations=110,
    answered=100,
    refused=4,
    read_backs=10,
    faults=4,
    faults_that_touched=3,
    faults_with_leader=4,
    faults_at_leader=2,
    operations_in_flight=9,
    leader_changes=2,
    old_values_read=5,
    writes_acknowledged=40,
    writes_read_elsewhere=20,
)


def described(**changes: Any) -> Description:
    values: dict[str, Any] = {
        "workload": "lin-kv",
        "command": (),
        "nodes": ("n0", "n1", "n2"),
        "concurrency": 12,
        "rate": 10.0,
        "time_limit_s": 10.0,
        "latency_ms": 0.0,
        "latency_distribution": "constant",
        "delivery": "on-time",
        "nemeses": ("kill",),
        "nemesis_interval_s": 1.0,
        "slow_ms": None,
        "loss": 0.0,
        "duplication": 0.0,
        "availability": None,
        "require_faults": False,
        "seed": 1,
        "generator": "thorough",
    }
    return Description(**values | changes)


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"faults": 0}, "--nemesis"),
        ({"answered": 20}, "--nemesis-interval"),
        ({"faults_that_touched": 0}, "--rate"),
        ({"faults_at_leader": 0}, "--time-limit"),
        ({"leader_changes": 0}, "--nemesis-interval"),
        ({"old_values_read": 0}, "--rate"),
        ({"writes_read_elsewhere": 3}, "--rate"),
    ],
)
def test_a_run_that_proves_little_says_what_would_help(
    changes: dict[str, int], option: str
) -> None:
    assert weakness_of(STRONG, described()) is None
    weakness = weakness_of(replace(STRONG, **changes), described())
    assert weakness is not None
    assert option in weakness


def test_where_nothing_leads_and_nothing_is_kept_no_strength_is_asked_for() -> None:
    alone = replace(STRONG, leader_changes=0, writes_read_elsewhere=0)
    assert weakness_of(alone, described(nodes=("n0",))) is None
    assert weakness_of(replace(STRONG, faults=0), described(workload="echo")) is None
    assert weakness_of(replace(STRONG, faults=0), described(loss=0.1)) is None
    unread = replace(STRONG, old_values_read=0)
    assert "--as-maelstrom" in str(weakness_of(unread, described(generator="maelstrom")))
