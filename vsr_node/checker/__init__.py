"""A linearizability checker: histories, models, a bounded search, and verdicts that explain.

events = load_history("history.jsonl")
verdict = check(events, RegisterModel(), Bounds(seconds=60))
print(verdict.valid, verdict.explanation())
"""

from vsr_node.checker.explanation import KeyViolation, explain
from vsr_node.checker.formats import load_history
from vsr_node.checker.history import (
    Event,
    HistoryError,
    Operation,
    pair_operations,
    split_by_key,
)
from vsr_node.checker.linearizability import Bounds, check
from vsr_node.checker.minimal import Change, FailingPart, Remedy, smallest_failing_part
from vsr_node.checker.models import MODELS, MapModel, Model, RegisterModel
from vsr_node.checker.verdict import DeadEnd, KeyVerdict, Verdict

__all__ = [
    "MODELS",
    "Bounds",
    "Change",
    "DeadEnd",
    "Event",
    "FailingPart",
    "HistoryError",
    "KeyVerdict",
    "KeyViolation",
    "MapModel",
    "Model",
    "Operation",
    "RegisterModel",
    "Remedy",
    "Verdict",
    "check",
    "explain",
    "load_history",
    "pair_operations",
    "smallest_failing_part",
    "split_by_key",
]
