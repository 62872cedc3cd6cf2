"""Stored runs repeated on real processes: how often they fail, and how small a part still fails."""

import io
import json
import math
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.running.console import Console
from vsr_node.bench.running.runner import Outcome, SetupError, run_test
from vsr_node.bench.running.shrink import (
    Finding,
    OutOfTimeError,
    Shrinker,
    beginnings,
    script_in,
    summary_of,
)
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.results import Results, Shrunk
from vsr_node.bench.stored.screen import explanation_lines, report_lines
from vsr_node.bench.stored.script import ScriptedOperation
from vsr_node.bench.stored.store import adopt, write_json
from vsr_node.checker.history import NEMESIS, Event
from vsr_node.checker.validity import Validity
from vsr_node.report import draw
from vsr_node.start import Stopped

HISTORY = "history"

NOT_REPEATED = (
    "Operations and faults are the same, at the same times. How long the processes take differs, "
    "and so does how operations overlap, and which message is lost, repeated or late."
)

OPERATIONS_SHOWN = 40


def kinds_of(results: Results) -> frozenset[str]:
    """Return the ways in which a run failed: by its history, or by mistakes of its nodes."""
    kinds = {kind for node in results.mistakes.by_node.values() for kind in node}
    if results.workload.valid is Validity.INVALID:
        kinds.add(HISTORY)
    return frozenset(kinds)


def violation_event(results: Results, events: Sequence[Event]) -> Event | None:
    """Return the event with which a run began to fail; None if there is none.

    It is the completion that no correct group could show, or else the one after the first mistake.
    """
    if results.workload.violations:
        return events[results.workload.violations[0].completed]
    mistakes = results.mistakes.first
    completions = [e for e in events if e.process != NEMESIS and e.type != "invoke"]
    if not mistakes or not completions:
        return None
    later = (event for event in completions if event.time >= mistakes[0].time)
    return next(later, completions[-1])


def places_of(
    operations: Sequence[ScriptedOperation], clients: int, events: Sequence[Event]
) -> dict[int, int]:
    """Return, for each event of a client by its index, the place of its operation in the script.

    Each client does its operations in their order; between clients the order may differ.
    """
    places: list[deque[int]] = [deque() for _ in range(clients)]
    for place, scripted in enumerate(operations):
        places[scripted.client].append(place)
    under_way: dict[int | str, int] = {}
    found = {}
    for event in events:
        if event.process != NEMESIS:
            if event.type == "invoke":
                under_way[event.process] = places[int(event.process) % clients].popleft()
            found[event.index] = under_way[event.process]
    return found


def finding_of(places: Mapping[int, int], events: Sequence[Event], end: Event) -> Finding:
    """Return what a run of a script showed before the event ``end``."""
    clients = [event for event in events if event.process != NEMESIS]
    begun = {places[e.index] for e in clients if e.type == "invoke" and e.index < end.index}
    failed = {places[e.index] for e in clients if e.type == "fail"}
    return Finding(frozenset(begun), frozenset(begun - failed))


class Repeater:
    """Tries scripts on real processes, and keeps only the folder of the last try that failed.

    A try counts as failed if it fails in one of the ways of ``kinds``.
    """

    def __init__(self, folder: Path, kinds: frozenset[str], deadline: float) -> None:
        self.failed: Outcome | None = None
        """The last try that failed; None before there is one."""
        self._folder = folder
        self._kinds = kinds
        self._deadline = deadline

    def attempt(self, options: Options) -> Finding | None:
        """Try once; return None if it did not fail.

        Raises OutOfTimeError after the deadline, Stopped on a signal.
        """
        if time.monotonic() > self._deadline:
            raise OutOfTimeError
        outcome = self._run(options)
        if outcome is None:
            return None
        end = violation_event(outcome.results, outcome.events)
        if not self._kinds & kinds_of(outcome.results) or end is None:
            shutil.rmtree(outcome.folder)
            return None
        if self.failed is not None:
            shutil.rmtree(self.failed.folder)
        self.failed = outcome
        operations = script_in(options).operations
        places = places_of(operations, options.concurrency, outcome.events)
        return finding_of(places, outcome.events, end)

    def _run(self, options: Options) -> Outcome | None:
        try:
            quiet = Console(io.StringIO())
            outcome = run_test(replace(options, store=self._folder), quiet, drawn=False)
        except SetupError:
            return None
        if outcome.signal_number is not None:
            raise Stopped(outcome.signal_number)
        return outcome


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest part of a run that was found to fail."""

    folder: Path
    summary: str
    """Its size."""
    shrunk: Shrunk
    repeat: str
    """The shell command that repeats it."""


@dataclass(frozen=True, slots=True)
class Shrinking:
    """How far ``shrink`` came."""

    smallest: Smallest | None
    """None if no part failed again, nor the whole."""
    attempt_count: int
    signal_number: int | None
    """The signal that ended it; None if none did."""


def shrink(
    options: Options,
    results: Results,
    events: Sequence[Event],
    console: Console,
    *,
    seconds: float,
    measured: int,
) -> Shrinking:
    """Find the smallest part of a failing run that still fails, and keep its run in the store.

    ``results`` and ``events`` are those of the failing run. ``measured`` is how often the smallest
    part is tried in the end, to find how often it fails. A signal ends the search or the measuring.
    """
    end = violation_event(results, events)
    assert end is not None, "a run that failed"
    kinds = kinds_of(results)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-shrink-") as folder:
        repeater = Repeater(Path(folder), kinds, begin + seconds)
        shrinker = Shrinker(repeater.attempt, console.say)
        places = places_of(script_in(options).operations, options.concurrency, events)
        shrinker.search(beginnings(options, places[end.index]))
        least, failing, signal_number = shrinker.best, repeater.failed, shrinker.signal_number
        if least is None or failing is None:
            return Shrinking(None, shrinker.attempt_count, signal_number)
        took = time.monotonic() - begin
        last = Repeater(Path(folder), kinds, math.inf)
        fails, signal_number = repeat_rate(last, least, measured, signal_number)
        failing = last.failed or failing
        kept = adopt(failing.folder, options.store, options.workload)
    repeat = least.repeat_command(kept)
    shrunk = Shrunk(fails, shrinker.attempt_count, round(took, 1))
    noted = replace(failing.results, repeat=repeat, shrunk=shrunk)
    _note(kept, noted)
    drawing = draw(kept)
    noted = noted.explained(drawing.explanation)
    _note(kept, noted)
    for line in (
        "",
        *operation_lines(failing.events),
        "",
        *explanation_lines(noted),
        "",
        f"{summary_of(least)}, of {summary_of(options)}",
        f"fails {fails}, after {shrinker.attempt_count} tries in {took:.0f} s",
        f"results in    {kept}",
        *report_lines(drawing),
        f"repeat with   {repeat}",
    ):
        console.say(line)
    smallest = Smallest(kept, summary_of(least), shrunk, repeat)
    return Shrinking(smallest, shrinker.attempt_count, signal_number)


def repeat_rate(
    repeater: Repeater, options: Options, times: int, signal_number: int | None
) -> tuple[str, int | None]:
    """Return how often a script fails, such as ``8 of 10``, and the signal that ended that.

    ``signal_number`` is that of a signal that came before, so that there are no tries; else None.
    """
    fails = done = 0
    try:
        while signal_number is None and done < times:
            fails += repeater.attempt(options) is not None
            done += 1
    except Stopped as stop:
        signal_number = stop.signal_number
    return f"{fails} of {done}" if done else "how often was not measured", signal_number


def operation_lines(events: Sequence[Event]) -> list[str]:
    """Return operations with their outcomes, and faults, in the order of their beginning."""
    outcomes: dict[int, Event] = {}
    begun: dict[int | str, int] = {}
    for event in events:
        if event.type == "invoke":
            begun[event.process] = event.index
        elif event.process != NEMESIS:
            outcomes[begun[event.process]] = event
    first = events[0].time if events else 0
    lines = []
    for event in events:
        seconds = f"{(event.time - first) / NANOSECONDS_PER_SECOND:7.3f} s"
        if event.process == NEMESIS:
            text = event.value["text"] if isinstance(event.value, dict) else ""
            lines.append(f"{seconds}  nemesis      {event.f} {text}".rstrip())
        elif event.type == "invoke":
            asked = f"{event.f} {json.dumps(event.key)}"
            if event.value is not None:
                asked += f" {json.dumps(event.value)}"
            process = f"process {event.process}"
            lines.append(
                f"{seconds}  {process:<11} {event.node}  {asked:<16} {_outcome(outcomes, event)}"
            )
    left_out = len(lines) - OPERATIONS_SHOWN
    if left_out <= 0:
        return lines
    return [*lines[:OPERATIONS_SHOWN], f"... and {left_out} more"]


def _outcome(outcomes: Mapping[int, Event], invocation: Event) -> str:
    completion = outcomes.get(invocation.index)
    if completion is None:
        return "open"
    took_ms = (completion.time - invocation.time) / NANOSECONDS_PER_MILLISECOND
    if completion.type == "ok":
        is_read = invocation.value is None or completion.value != invocation.value
        text = f"ok {json.dumps(completion.value)}" if is_read else "ok"
    else:
        text = f"{completion.type} {json.dumps(completion.error)}"
    return f"{text}  ({took_ms:.1f} ms)"


def _note(folder: Path, results: Results) -> None:
    """Write the final results into a run's folder, with the command that repeats it there."""
    write_json(folder / "results.json", results.as_json())
    (folder / "command.txt").write_text(results.repeat + "\n", encoding="utf-8")
