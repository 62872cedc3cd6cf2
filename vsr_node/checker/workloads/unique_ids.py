"""unique-ids: no two requests get the same id."""

from collections import Counter
from collections.abc import Sequence

from vsr_node.checker.history import Call, Event, Json, canonical_text, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import counted
from vsr_node.checker.workloads.verdicts import (
    EXAMPLES_MAX,
    anomaly,
    conclude,
    require_functions,
    text_of,
)

DUPLICATES_LISTED_MAX = 48
"""As many as Jepsen lists."""


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``generate``. Raises HistoryError if it makes no sense."""
    del demands
    calls = pair_calls(events)
    require_functions("unique-ids", ("generate",), calls)
    owners: dict[str, list[Call]] = {}
    for call in calls:
        if call.completion is not None and call.completion.type == "ok":
            owners.setdefault(canonical_text(call.completion.value), []).append(call)
    duplicated = {name: got for name, got in owners.items() if len(got) > 1}
    return conclude(
        calls,
        [_duplicate_id(got) for got in list(duplicated.values())[:EXAMPLES_MAX]],
        as_maelstrom=Validity.of(not duplicated),
        figures=_figures(calls, owners, duplicated),
    )


def _duplicate_id(got: list[Call]) -> Anomaly:
    completion = got[0].completion
    assert completion is not None
    text = f"{counted(len(got), 'request')} got the id {text_of(completion.value)}."
    return anomaly("duplicate-id", text, got[:EXAMPLES_MAX])


def _figures(
    calls: Sequence[Call], owners: dict[str, list[Call]], duplicated: dict[str, list[Call]]
) -> dict[str, Json]:
    counts = Counter({name: len(got) for name, got in duplicated.items()})
    return {
        "attempted-count": len(calls),
        "acknowledged-count": sum(map(len, owners.values())),
        "duplicated-count": len(duplicated),
        "duplicated": dict(counts.most_common(DUPLICATES_LISTED_MAX)),
        "range": _range([got[0].completion.value for got in owners.values() if got[0].completion]),
    }


def _range(ids: list[Json]) -> Json:
    """Return the lowest and the highest id, None if they have no common order."""
    numbers = [each for each in ids if isinstance(each, int | float)]
    texts = [each for each in ids if isinstance(each, str)]
    if ids and len(numbers) == len(ids):
        return [min(numbers), max(numbers)]
    if ids and len(texts) == len(ids):
        return [min(texts), max(texts)]
    return None
