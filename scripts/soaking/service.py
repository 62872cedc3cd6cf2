"""Reads from the history of a run how cuts affected the majority's side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsr_node.maelstrom.errors import ErrorCode

NANOSECONDS_PER_SECOND = 1_000_000_000
GRACE_S = 1.0
"""How long after a cut the majority's side may be without service."""

ANSWERS = (ErrorCode.KEY_DOES_NOT_EXIST, ErrorCode.PRECONDITION_FAILED)
"""Errors of lin-kv that answer a request: no such key, another value."""


@dataclass(frozen=True, slots=True)
class CleanCut:
    """A period (nanoseconds) in which the nodes of ``side``, a quorum, heard only each other."""

    begin: int
    end: int
    side: frozenset[str]


def service_figures(history: Path, nodes: Sequence[str]) -> dict[str, float]:
    """Return figures over all clean cuts of a run.

    ``longest_gap_s``: the time from a cut to the first answer to an operation that began after it
    on the majority's side; a cut that healed within a second without an answer is ignored.
    ``unanswered``: the number of operations that began on that side later than a second after the
    cut, ended before it healed, and got no answer.
    """
    with history.open(encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    grace = GRACE_S * NANOSECONDS_PER_SECOND
    gaps = []
    unanswered = 0
    for cut in clean_cuts(events, nodes):
        found = operations(events, cut)
        first_answer = min((end for _, end, answered in found if answered), default=None)
        if first_answer is not None or cut.end - cut.begin > grace:
            gap = (first_answer or cut.end) - cut.begin
            gaps.append(gap / NANOSECONDS_PER_SECOND)
        unanswered += sum(not answered for begin, _, answered in found if begin > cut.begin + grace)
    return {
        "cuts": len(gaps),
        "longest_gap_s": round(max(gaps, default=0), 3),
        "unanswered": unanswered,
    }


def clean_cuts(events: Sequence[Mapping[str, Any]], nodes: Sequence[str]) -> list[CleanCut]:
    """Return the cuts that left a quorum whose members hear only each other."""
    cuts = []
    nemesis = [event for event in events if event["process"] == "nemesis"]
    last = max((event["time"] for event in events), default=0)
    for place, event in enumerate(nemesis):
        if event["f"] != "start-partition":
            continue
        end = next((later["time"] for later in nemesis[place + 1 :]), last)
        unheard = event["value"]["cuts"]
        heard = {frozenset(nodes) - frozenset(unheard.get(node, ())) for node in nodes}
        quorum = len(nodes) // 2 + 1
        if len(heard) == 2 and not frozenset.intersection(*heard):
            cuts += [CleanCut(event["time"], end, side) for side in heard if len(side) >= quorum]
    return cuts


def operations(events: Sequence[Mapping[str, Any]], cut: CleanCut) -> list[tuple[int, int, bool]]:
    """Return (begin, end, answered) of the operations that began and ended on a cut's side."""
    begun: dict[int, int] = {}
    found = []
    for event in events:
        if event["node"] not in cut.side or not cut.begin <= event["time"] < cut.end:
            continue
        if event["type"] == "invoke":
            begun[event["process"]] = event["time"]
        elif event["process"] in begun:
            answered = event["type"] == "ok" or event["error"][0] in ANSWERS
            found.append((begun.pop(event["process"]), event["time"], answered))
    return found
