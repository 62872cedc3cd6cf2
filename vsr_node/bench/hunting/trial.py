"""One run of a hunt, in a worker process, and what the hunt needs to know of it."""

import io
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vsr_node.bench.running.console import Console
from vsr_node.bench.running.repeating import kinds_of
from vsr_node.bench.running.runner import SetupError, run_test
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.results import Results
from vsr_node.checker.history import NEMESIS, Event
from vsr_node.checker.validity import Validity
from vsr_node.start import Stopped

TAIL_BYTES = 1 << 16
VIEW_NUMBER = re.compile(rb'"(?:view_number|view|term)":(\d+)')


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of a run."""

    valid: Validity
    """Invalid only through what the nodes did. In so short a run, too few ok is unknown."""
    wrong: frozenset[str] = frozenset()
    """In which ways it is invalid."""
    results: Results | None = None
    """None if the nodes did not come up, or a signal came before they had."""
    folder: Path | None = None
    """Where an invalid run is; None for all others, which are not kept."""
    traits: frozenset[str] = frozenset()
    """What was seen in it."""
    problem: str = ""
    """Why there are no results; empty if there are."""


def try_once(options: Options, folder: Path) -> Trial:
    """Run a test in a folder of its own, and keep that only if the run is invalid.

    SIGINT cuts the run short. SIGTERM does, too, and then ends the worker.
    """
    try:
        outcome = run_test(replace(options, store=folder), Console(io.StringIO()), drawn=False)
    except (SetupError, OSError) as error:
        return Trial(Validity.UNKNOWN, problem=str(error))
    except Stopped as stop:
        _end_at_sigterm(stop.signal_number)
        return Trial(Validity.UNKNOWN, problem="it was stopped")
    _end_at_sigterm(outcome.signal_number)
    results = outcome.results
    wrong = kinds_of(results)
    traits = frozenset(traits_of(results, outcome.events, outcome.folder))
    if wrong:
        return Trial(Validity.INVALID, wrong, results, outcome.folder, traits)
    shutil.rmtree(folder)
    valid = Validity.UNKNOWN if results.valid is Validity.INVALID else results.valid
    return Trial(valid, wrong, results, None, traits)


def _end_at_sigterm(signal_number: int | None) -> None:
    """End the worker, whose own handler is back in place, if the signal was SIGTERM."""
    if signal_number == signal.SIGTERM:
        signal.raise_signal(signal.SIGTERM)


def traits_of(results: Results, events: Sequence[Event], folder: Path) -> Iterator[str]:
    """Yield what was seen in a run; of counts only the magnitude."""
    for event in events:
        if event.process != NEMESIS and isinstance(event.error, list):
            yield f"{event.type} of {event.f} with error {event.error[0]}"
    strength = results.strength
    if strength is not None:
        yield f"leader changes {_magnitude(strength.leader_changes)}"
        yield f"old values read {_magnitude(strength.old_values_read)}"
        yield f"faults at the leader {_magnitude(strength.faults_at_leader)}"
    yield f"view number {_magnitude(_view_number(folder))}"


def _magnitude(count: int) -> int:
    return count.bit_length()


def _view_number(folder: Path) -> int:
    """Return the highest number of a view or term in the last messages; 0 if there is none."""
    path = folder / "messages.jsonl"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return max((int(number) for number in VIEW_NUMBER.findall(file.read())), default=0)
