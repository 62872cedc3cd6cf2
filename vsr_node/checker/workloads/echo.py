"""echo: each text comes back as it was sent."""

from collections.abc import Sequence

from vsr_node.checker.history import Call, Event, Json, canonical_text, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.verdicts import (
    EXAMPLES_MAX,
    anomaly,
    conclude,
    require_functions,
    text_of,
)


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``echo``. Raises HistoryError if it makes no sense."""
    del demands
    calls = pair_calls(events)
    require_functions("echo", ("echo",), calls)
    changed = [call for call in calls if call.outcome == "ok" and not _came_back(call)]
    unanswered = [call for call in calls if call.outcome != "ok"]
    return conclude(
        calls,
        [_changed_echo(call) for call in changed[:EXAMPLES_MAX]],
        # Maelstrom compares what was sent with no answer at all, too.
        as_maelstrom=Validity.of(not changed and not unanswered),
        figures={"changed-count": len(changed), "unanswered-count": len(unanswered)},
    )


def _came_back(call: Call) -> bool:
    assert call.completion is not None
    return canonical_text(_echoed(call.completion.value)) == canonical_text(call.invocation.value)


def _echoed(value: Json) -> Json:
    """Return the text in an answer; Maelstrom records the whole body of the message."""
    if isinstance(value, dict) and value.get("type") == "echo_ok":
        return value.get("echo")
    return value


def _changed_echo(call: Call) -> Anomaly:
    assert call.completion is not None
    sent, received = text_of(call.invocation.value), text_of(_echoed(call.completion.value))
    return anomaly("changed-echo", f"{sent} came back as {received}.", [call])
