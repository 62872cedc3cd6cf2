"""A run that is over, and how one is read from disk: the bench's folders, and Maelstrom's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from vsr_node.checker import Event, load_history
from vsr_node.checker.edn import EdnError, read_form
from vsr_node.checker.history import NEMESIS, Json, canonical_text

HISTORIES = ("history.jsonl", "history.edn", "history.txt")
"""The first of them that is there is the history."""

RESULTS_BYTES_MAX = 50_000_000
"""Results beyond this are not read: no run has such, and a page is no reason to exhaust memory."""


EARLIER_REQUESTS: Mapping[str, Sequence[str]] = {
    "read": ("key",),
    "write": ("key", "value"),
    "cas": ("key", "from", "to"),
}
"""The fields of the requests of runs whose results do not list them."""


class NoRunError(ValueError):
    """A folder that holds no run."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a client did, from its invocation to its completion, whatever the outcome."""

    invocation: Event
    completion: Event | None

    @property
    def outcome(self) -> str:
        """`ok`, `fail` or `info`; what never completed is `info`, too."""
        return "info" if self.completion is None else self.completion.type

    @property
    def value(self) -> Json:
        """What was read, or else what was asked."""
        if self.completion is not None and self.completion.value is not None:
            return self.completion.value
        return self.invocation.value


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the nemesis did, in nanoseconds since the run began."""

    name: str
    text: str
    begin: int
    end: int | None
    """None where it lasted to the end of the run."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What clients saw of a run, what the nemesis did, and what came of it."""

    name: str
    events: Sequence[Event]
    faults: Sequence[Fault]
    """In order of their beginning."""
    results: Mapping[str, Any]
    """Empty where there are none."""

    @property
    def valid(self) -> bool | str | None:
        """True, False, "unknown", or None where the run was not judged."""
        return verdict_of(self.results)

    @property
    def page(self) -> Mapping[str, Any]:
        """What the results know of the workload for the page; empty in earlier versions."""
        page = self.results.get("page")
        return page if isinstance(page, dict) else {}

    def calls(self) -> list[Call]:
        """All operations, in order of invocation."""
        under_way: dict[int | str, int] = {}
        calls: list[Call] = []
        for event in self.events:
            if event.process == NEMESIS:
                continue
            if event.type == "invoke":
                under_way[event.process] = len(calls)
                calls.append(Call(event, None))
            else:
                place = under_way.pop(event.process)
                calls[place] = Call(calls[place].invocation, event)
        return calls


def load_run(folder: Path) -> RecordedRun:
    """Read a run's folder, whose name is the test and the time.

    Raises NoRunError, OSError or HistoryError where it can't be read.
    """
    path = next((folder / name for name in HISTORIES if (folder / name).is_file()), None)
    if path is None:
        raise NoRunError(f"{folder} holds no {' or '.join(HISTORIES)}")
    resolved = folder.resolve()
    events = load_history(path)
    name = f"{resolved.parent.name}/{resolved.name}"
    return RecordedRun(name, events, faults_of(events), load_results(folder))


def load_results(folder: Path) -> Mapping[str, Any]:
    """The results of a run; empty where there are none that can be read."""
    for name in ("results.json", "results.edn"):
        path = folder / name
        try:
            if path.stat().st_size > RESULTS_BYTES_MAX:
                continue
            text = path.read_bytes()
            results = orjson.loads(text) if name.endswith("json") else read_form(text.decode())
        except (OSError, ValueError, EdnError):
            continue
        if isinstance(results, dict):
            return results
    return {}


def verdict_of(results: Mapping[str, Any]) -> bool | str | None:
    """True, False, "unknown", or None where results have no verdict."""
    valid = results.get("valid", results.get("valid?"))
    if valid is None or isinstance(valid, bool):
        return valid
    return "unknown"


def faults_of(events: Sequence[Event]) -> list[Fault]:
    """What the nemesis did, in order; a fault ends where the next event undoes it."""
    faults: list[Fault] = []
    under_way: dict[str, int] = {}
    before = ""
    for event in events:
        if event.process != NEMESIS:
            continue
        kind, begins = _act(event.f)
        own = _bench_text(event.value)
        text = own or ("" if event.value is None else canonical_text(event.value))
        if begins and kind in under_way and before == event.f and own is None:
            # Jepsen tells each act twice: when it begins, and then what came of it.
            faults[under_way[kind]] = replace(faults[under_way[kind]], text=text)
            continue
        if kind in under_way:
            place = under_way.pop(kind)
            faults[place] = replace(faults[place], end=event.time)
        if begins:
            under_way[kind] = len(faults)
            faults.append(Fault(kind, text, event.time, None))
        before = event.f
    return faults


_UNDO = {"start": "kill", "resume": "pause", "heal": "partition"}


def _act(f: str) -> tuple[str, bool]:
    """The kind of fault that a nemesis' event is about, and whether it begins or ends it."""
    if f in _UNDO:
        return _UNDO[f], False
    verb, _, rest = f.partition("-")
    if rest and verb in ("start", "stop", "end", "heal", "resume", "restart"):
        return rest, verb == "start"
    return f, True


def _bench_text(value: Json) -> str | None:
    """What the bench says that a fault is; None where it is not the bench that tells of it."""
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return f"{value.get('kind')}: {value['text']}"
    return None
