"""Turns a run's folder into its page and the text about its violations, without judging the run."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsr_node.checker import (
    MODELS,
    Bounds,
    Event,
    HistoryError,
    KeyViolation,
    MapModel,
    Model,
    RegisterModel,
    check,
    explain,
)
from vsr_node.checker.history import NEMESIS, canonical_text
from vsr_node.report.contents import PageContents
from vsr_node.report.messages import load_messages
from vsr_node.report.page import page_of
from vsr_node.report.recorded_run import NoRunError, RecordedRun, load_run
from vsr_node.report.surroundings import span_of, surroundings

PAGE = "report.html"
MESSAGES = "messages.jsonl"

CHECK_BOUNDS = Bounds(seconds=20.0, memory_bytes=1 << 30)
EXPLAIN_SECONDS = 10.0
PROBLEM_SHOWN_MAX = 300
AROUND_NS = 1_000_000_000
"""The time before and after a violation of which the page has all messages."""

_MODELS: tuple[tuple[frozenset[str], type[Model]], ...] = (
    (frozenset({"read", "write", "cas"}), RegisterModel),
    (frozenset({"get", "put", "append"}), MapModel),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """The result of ``draw``. ``problem`` is a line on what went wrong, None if nothing did."""

    page: Path | None
    explanation: tuple[str, ...]
    """Lines about the smallest violation, empty if there is none."""
    problem: str | None


def draw(folder: Path) -> Drawing:
    """Write ``report.html`` into a run's folder, and explain the run's violations.

    Raises no error, as a page is no part of a verdict: a failure is the ``problem``.
    """
    explanation: tuple[str, ...] = ()
    try:
        run = load_run(folder)
        violations = violations_of(run)
        spans = [span_of(violation) for violation in violations]
        focus = [(begin - AROUND_NS, end + AROUND_NS) for begin, end in spans]
        messages = load_messages(folder / MESSAGES, sorted(_functions(run.events)), focus)
        if violations:
            lines = [*violations[0].lines()]
            lines += surroundings(violations[0], run.faults, messages)
            explanation = tuple(map(_printable, lines))
        path = folder / PAGE
        write_page(PageContents(run, violations, messages), path)
    except Exception as error:
        return Drawing(None, explanation, _problem(error))
    return Drawing(path, explanation, None)


def write_page(contents: PageContents, path: Path) -> None:
    """Write a page atomically. Raises OSError."""
    page = page_of(contents)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def violations_of(run: RecordedRun) -> tuple[KeyViolation, ...]:
    """Find the violations of a run that is not known to be valid, the smallest first."""
    model = _model_of(run)
    if model is None or run.valid is True:
        return ()
    events = _suspected(run.events, run.results)
    return explain(check(events, model(), CHECK_BOUNDS), events, EXPLAIN_SECONDS)


def _model_of(run: RecordedRun) -> type[Model] | None:
    """Return the model that the results name, or else the one that knows all functions."""
    if run.page:
        return MODELS.get(run.page.get("model", ""))
    functions = _functions(run.events)
    return next((model for known, model in _MODELS if functions and functions <= known), None)


def _functions(events: Sequence[Event]) -> frozenset[str]:
    return frozenset(event.f for event in events if event.process != NEMESIS)


def _suspected(events: Sequence[Event], results: Mapping[str, Any]) -> list[Event]:
    """Return the events of the keys that are invalid by the results; all if they list no keys."""
    workload = results.get("workload")
    keys = workload.get("keys") if isinstance(workload, dict) else None
    if not isinstance(keys, list):
        return list(events)
    invalid = {
        canonical_text(key.get("key"))
        for key in keys
        if isinstance(key, dict) and key.get("valid") is False
    }
    return [
        event
        for event in events
        if event.process == NEMESIS or canonical_text(event.key) in invalid
    ]


def _problem(error: Exception) -> str:
    if isinstance(error, NoRunError | HistoryError | OSError):
        return _printable(str(error)[:PROBLEM_SHOWN_MAX])
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return _printable(f"{type(error).__name__}: {error}"[:PROBLEM_SHOWN_MAX]) + where


def _printable(text: str) -> str:
    """Replace all characters that could control a terminal: names and values come from nodes."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
