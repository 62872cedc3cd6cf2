"""The judges of sets, counters and logs agree with plain ones, and would not without a rule."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.checker.workloads.oracle import DIFFERENCES
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import counters, logs, sets, verdicts

SEEDS = range(300)

MUTATION_SEEDS = range(3000)
"""As many are tried until one notices."""


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_drawn_histories_are_judged_as_by_the_plain_judge(kind: str) -> None:
    assert {seed: found for seed in SEEDS if (found := DIFFERENCES[kind](seed))} == {}


def nothing(*_: Any, **__: Any) -> Iterator[Any]:
    return iter(())


def never(*_: Any) -> bool:
    return False


RULES: list[tuple[str, object, str, Callable[..., Any]]] = [
    ("sets", sets._Set, "_lost", lambda self, _: _as(self, "stale")),
    ("sets", sets._Set, "_aborted_reads", nothing),
    ("sets", sets._Set, "_note_strangers", nothing),
    ("sets", sets._Set, "_note_duplicates", nothing),
    ("sets", sets._Set, "_lacking", nothing),
    ("sets", sets._Set, "_final_reads", lambda self: self._reads),
    ("sets", sets._Set, "_incomparable", lambda *_: None),
    ("sets", sets._Set, "_adds_in_the_wrong_order", nothing),
    ("sets", sets._Set, "_is_stable", never),
    ("sets", sets._Set, "_is_lost", never),
    ("sets", sets._Set, "_begun_before", lambda self, _: sets._all(len(self._elements))),
    ("sets", verdicts, "never_ok", lambda _: []),
    ("counters", counters, "_final_sums", lambda adds, _: counters.Sums(0, [])),
    ("counters", counters, "_strict", lambda *_: ([], "")),
    ("counters", counters, "_as_maelstrom", lambda *_: Validity.VALID),
    ("logs", logs._Logs, "_inconsistent_offsets", nothing),
    ("logs", logs._Logs, "_duplicates", nothing),
    ("logs", logs._Logs, "_phantoms", nothing),
    ("logs", logs._Logs, "_aborted_reads", nothing),
    ("logs", logs._Logs, "_reads_before_sends", nothing),
    ("logs", logs._Logs, "_lost_writes", nothing),
    ("logs", logs._Logs, "_unseen", nothing),
    ("logs", logs._Logs, "_steps_within_polls", nothing),
    ("logs", logs._Logs, "_steps_between_polls", nothing),
    ("logs", logs._Logs, "_steps_between_sends", nothing),
    ("logs", logs._Logs, "_why_maelstrom_fails", lambda _: ""),
    ("logs", logs, "_kept", lambda places, _: places),
]


def _as(judged: Any, name: str) -> Any:
    return next(judged._lacking(name, judged._reads))


@pytest.mark.parametrize(
    ("kind", "owner", "name", "mutant"), RULES, ids=[f"{rule[0]}{rule[2]}" for rule in RULES]
)
def test_a_rule_left_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    owner: object,
    name: str,
    mutant: Callable[..., Any],
) -> None:
    monkeypatch.setattr(owner, name, mutant)

    def noticed(seed: int) -> bool:
        try:
            return bool(DIFFERENCES[kind](seed))
        except (AttributeError, AssertionError, StopIteration):
            return True  # A finding without its proof.

    assert any(noticed(seed) for seed in MUTATION_SEEDS)
