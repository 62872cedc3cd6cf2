"""Turns a run's folder into its page and the text about its violations, without judging the run."""

import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    Verdict,
    check,
    explain,
)
from vsr_node.checker.history import NEMESIS, canonical_text
from vsr_node.report.contents import PageContents
from vsr_node.report.judged import judged
from vsr_node.report.messages import load_messages
from vsr_node.report.node_logs import FOLDER, load_node_logs
from vsr_node.report.page import page_of
from vsr_node.report.recorded_run import NoRunError, RecordedRun, load_run
from vsr_node.report.surroundings import span_of, surroundings
from vsr_node.report.traces import load_traces

PAGE = "report.html"
MESSAGES = "messages.jsonl"

FILES = (
    "results.json",
    "results.edn",
    "history.jsonl",
    "history.edn",
    "history.txt",
    "messages.jsonl",
    "faults.jsonl",
    "bench.log",
)

CHECK_BOUNDS = Bounds(seconds=20.0, memory_bytes=1 << 30)
ORDER_BOUNDS = Bounds(seconds=2.0, memory_bytes=1 << 28)
"""What finding the orders of a valid run may take."""

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
        verdict = _checked(run)
        violations = _explained(run, verdict)
        spans = [span_of(violation) for violation in violations]
        focus = [(begin - AROUND_NS, end + AROUND_NS) for begin, end in spans]
        messages = load_messages(
            folder / MESSAGES,
            sorted(_functions(run.events)),
            focus,
            first_requests=[*run.first_requests.values()],
        )
        if violations:
            lines = [*violations[0].lines()]
            lines += surroundings(violations[0], run.faults, messages)
            explanation = tuple(map(_printable, lines))
        path = folder / PAGE
        traces = load_traces(folder, run.page.get("clock_start_us"))
        told = [line for trace in traces.values() for line in trace.lines]
        log = sorted([*load_node_logs(folder / FOLDER, focus), *told], key=lambda line: line.time)
        orders = [key.linearization for key in verdict.keys] if verdict is not None else []
        contents = PageContents(
            run,
            violations,
            messages,
            orders=orders,
            log=log,
            traces=traces,
            files=linked_files(folder),
            judged=judged(run),
        )
        write_page(contents, path)
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
    return _explained(run, _checked(run))


def _checked(run: RecordedRun) -> Verdict | None:
    """Return the verdict on the keys that may be invalid, or on all of a valid run.

    None if no model knows the run's functions. What takes too long is left open.
    """
    model = _model_of(run)
    if model is None:
        return None
    if run.valid is True:
        with suppress(HistoryError):
            return check(run.events, model(), ORDER_BOUNDS)
        return None
    return check(_suspected(run.events, run.results), model(), CHECK_BOUNDS)


def _explained(run: RecordedRun, verdict: Verdict | None) -> tuple[KeyViolation, ...]:
    if verdict is None or run.valid is True:
        return ()
    return explain(verdict, _suspected(run.events, run.results), EXPLAIN_SECONDS)


def linked_files(folder: Path) -> list[str]:
    """Return the files of a run that its page links to."""
    logs = sorted(f"{FOLDER}/{path.name}" for path in (folder / FOLDER).glob("*.log"))
    paths = {name: folder / name for name in (*FILES, *logs)}
    return [name for name, path in paths.items() if path.is_file() and not path.is_symlink()]


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
