"""A recorded run, and its loading from a folder of the bench or of Maelstrom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from vsr_node.checker import Event, load_history
from vsr_node.checker.edn import EdnError, read_form
from vsr_node.checker.history import NEMESIS, Call, Json, canonical_text

HISTORIES = ("history.jsonl", "history.edn", "history.txt")
"""Names of a history's file; the first that exists is read."""

RESULTS_BYTES_MAX = 50_000_000
"""Larger results are not read: no run has such, and a page must not exhaust the memory."""


EARLIER_REQUESTS: Mapping[str, Sequence[str]] = {
    "read": ("key",),
    "write": ("key", "value"),
    "cas": ("key", "from", "to"),
}
"""The fields of the requests of runs whose results do not list them."""


class NoRunError(ValueError):
    """A folder without a run."""


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault of the nemesis. Times are in nanoseconds since the run began."""

    name: str
    text: str
    begin: int
    end: int | None
    """None if it lasted to the end of the run."""
    value: Json = None
    """The fault as its event describes it, with the nodes, cuts or links that it hits."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The events, faults and results of a run."""

    name: str
    events: Sequence[Event]
    faults: Sequence[FaultSpan]
    """In order of begin."""
    results: Mapping[str, Any]
    """Empty if there are none."""

    @property
    def valid(self) -> bool | str | None:
        """True, False, "unknown", or None if the run was not judged."""
        return verdict_of(self.results)

    @property
    def page(self) -> Mapping[str, Any]:
        """What the results know of the workload for the page; empty in earlier versions."""
        page = self.results.get("page")
        return page if isinstance(page, dict) else {}

    @property
    def first_requests(self) -> Mapping[str, str]:
        """The types of first requests by function, where the operation alone does not tell them."""
        types: Mapping[str, str] = self.page.get("first_requests", {})
        return types

    def calls(self) -> list[Call]:
        """Return all operations in order of invocation."""
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
    """Load a run from its folder, named after the test and the time.

    Raises NoRunError, OSError or HistoryError if it can't be read.
    """
    path = next((folder / name for name in HISTORIES if (folder / name).is_file()), None)
    if path is None:
        raise NoRunError(f"{folder} holds no {' or '.join(HISTORIES)}")
    resolved = folder.resolve()
    events = load_history(path)
    name = f"{resolved.parent.name}/{resolved.name}"
    return RecordedRun(name, events, faults_of(events), load_results(folder))


def load_results(folder: Path) -> Mapping[str, Any]:
    """Load the results of a run; empty if none can be read."""
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
    """Return True, False, "unknown", or None if the results have no verdict."""
    valid = results.get("valid", results.get("valid?"))
    if valid is None or isinstance(valid, bool):
        return valid
    return "unknown"


def faults_of(events: Sequence[Event]) -> list[FaultSpan]:
    """Return the nemesis' faults in order. A fault ends with the event that undoes it."""
    faults: list[FaultSpan] = []
    under_way: dict[str, int] = {}
    before = ""
    for event in events:
        if event.process != NEMESIS:
            continue
        kind, begins = _act(event.f)
        own = _bench_text(event.value)
        # A word alone as the value, such as a kind of partition, is read as an error.
        text = own or _jepsen_text(event.error if event.value is None else event.value)
        if begins and kind in under_way and before == event.f and own is None:
            # Jepsen logs each act twice: when it begins, and with its result.
            fault = faults[under_way[kind]]
            if cuts_of(event.value) is not None and fault.text:
                text = f"{fault.text}: {text}"
            faults[under_way[kind]] = replace(fault, text=text, value=event.value)
            continue
        if kind in under_way:
            place = under_way.pop(kind)
            answer = "" if own is None or begins else f"; {own}"
            ended = faults[place].text + answer
            faults[place] = replace(faults[place], end=event.time, text=ended)
        if begins:
            under_way[kind] = len(faults)
            faults.append(FaultSpan(kind, text, event.time, None, event.value))
        before = event.f
    return faults


_UNDO = {
    "start": "kill",
    "resume": "pause",
    "heal": "partition",
    "reconfigured": "reconfigure",
}


def _act(f: str) -> tuple[str, bool]:
    """Return the kind of fault of a nemesis' event, and whether the event begins it."""
    if f in _UNDO:
        return _UNDO[f], False
    verb, _, rest = f.partition("-")
    if rest and verb in ("start", "stop", "end", "heal", "resume", "restart"):
        return rest, verb == "start"
    return f, True


def cuts_of(value: Json) -> dict[str, frozenset[str]] | None:
    """Return which nodes each node does not hear by a fault's value; None if it cuts no links."""
    match value:
        case ["isolated", dict(cuts)] | {"cuts": dict(cuts)}:
            return {
                node: frozenset(map(str, sources) if isinstance(sources, list) else ())
                for node, sources in cuts.items()
            }
    return None


def _jepsen_text(value: Json) -> str:
    """Describe a fault by its value: cut links by sides if there are any."""
    if value is None or isinstance(value, str):
        return value or ""
    cuts = cuts_of(value)
    if cuts is None:
        return canonical_text(value)
    nodes = sorted(frozenset(cuts).union(*cuts.values()))
    sides: dict[frozenset[str], list[str]] = {}
    for node in nodes:
        sides.setdefault(cuts.get(node, frozenset()), []).append(node)
    if all(unheard == frozenset(nodes) - frozenset(side) for unheard, side in sides.items()):
        return " | ".join(" ".join(side) for side in sides.values())
    return "; ".join(f"{node} hears no {' '.join(sorted(cuts[node]))}" for node in sorted(cuts))


def _bench_text(value: Json) -> str | None:
    """Return the bench's description of a fault, None if the event is not the bench's."""
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return f"{value.get('kind')}: {value['text']}"
    return None
