"""What a hunt has tried and found: a table for people, JSON, JUnit XML."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from vsr_node.bench.hunting.hunt import Catch, Tried
from vsr_node.bench.stored.results import Results
from vsr_node.bench.stored.strength import Strength
from vsr_node.checker.validity import Validity

HEAD = (
    *("faults", "runs", "invalid", "unknown", "operations", "ok", "faults", "at the leader"),
    *("leader changes", "old values read"),
)


def table_lines(tried: Sequence[Tried]) -> list[str]:
    """Return a table of what was tried, a line for each combination of faults, and a sum."""
    kinds = sorted({each.recipe.faults for each in tried})
    rows = [
        HEAD,
        *(_row(kind, [each for each in tried if each.recipe.faults == kind]) for kind in kinds),
        _row("all", tried),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _row(faults: str, tried: Sequence[Tried]) -> tuple[str, ...]:
    results = [each.trial.results for each in tried if each.trial.results is not None]
    strengths = [each.strength for each in results if each.strength is not None]
    counts = (
        len(tried),
        sum(each.trial.valid is Validity.INVALID for each in tried),
        sum(each.trial.valid is Validity.UNKNOWN for each in tried),
        sum(each.stats.count for each in results),
        sum(each.stats.ok for each in results),
        _sum(strengths, lambda each: each.faults),
        _sum(strengths, lambda each: each.faults_at_leader),
        _sum(strengths, lambda each: each.leader_changes),
        _sum(strengths, lambda each: each.old_values_read),
    )
    return (faults, *(f"{count:,}" for count in counts))


def _sum(strengths: Iterable[Strength], count: Callable[[Strength], int]) -> int:
    return sum(map(count, strengths))


def ranges_line(tried: Sequence[Tried]) -> str:
    """Return what the networks and the loads of all runs were."""
    recipes = [each.recipe for each in tried]
    nodes = sorted({recipe.node_count for recipe in recipes})
    distributions = ", ".join(sorted({recipe.latency_distribution for recipe in recipes}))
    latency_ms = _range([recipe.latency_ms for recipe in recipes])
    parts = [
        f"{' and '.join(map(str, nodes))} nodes",
        f"latency {latency_ms} ms ({distributions})",
        f"a fault or its end every {_range([r.nemesis_interval_s for r in recipes])} s",
        f"rate {_range([recipe.rate for recipe in recipes])}",
    ]
    return "; ".join(parts)


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def wrong_of(tried: Tried) -> str:
    """Return in which ways a run was invalid."""
    return ", ".join(sorted(tried.trial.wrong))


def found_lines(found: Sequence[Tried]) -> list[str]:
    """Return how often each kind of violation was found, and in which run first."""
    counts = Counter(map(wrong_of, found))
    first = {wrong_of(each): each for each in reversed(found)}
    return [
        f"{wrong}: {count} {'run' if count == 1 else 'runs'}, the first was number "
        f"{first[wrong].number} ({first[wrong].recipe.faults})"
        for wrong, count in sorted(counts.items())
    ]


def as_json(catch: Catch, seed: int) -> dict[str, Any]:
    """Return what ``hunt.json`` holds."""
    return {
        "valid": catch.valid.value,
        "seed": seed,
        "seconds": round(catch.seconds, 1),
        "stopped_by": catch.signal_number,
        "runs": len(catch.tried),
        "operations": catch.operation_count,
        "tried": [_tried_as_json(each) for each in catch.tried],
    }


def _tried_as_json(tried: Tried) -> dict[str, Any]:
    results = tried.trial.results
    return {
        "number": tried.number,
        "recipe": asdict(tried.recipe),
        "seed": tried.options.seed,
        "valid": tried.trial.valid.value,
        "wrong": sorted(tried.trial.wrong),
        "problem": tried.trial.problem,
        "operations": None if results is None else results.stats.count,
        "strength": None if results is None else _strength(results),
        "repeat": None if results is None else results.repeat,
    }


def _strength(results: Results) -> dict[str, Any] | None:
    return None if results.strength is None else asdict(results.strength)


def junit_of(catch: Catch, name: str) -> bytes:
    """Return JUnit XML: a case for each run. An unknown one, or a hunt cut short, is an error."""
    cases = [_case(each) for each in catch.tried]
    if catch.signal_number is not None:
        cases.append(("to the end", "error", f"the hunt was cut short after {catch.seconds:.0f} s"))
    elif not catch.tried:
        cases.append(("to the end", "error", "there was no run"))
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(sum(kind == "failure" for _, kind, _ in cases)),
        errors=str(sum(kind == "error" for _, kind, _ in cases)),
        time=f"{catch.seconds:.3f}",
    )
    for title, kind, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname="hunt", name=title)
        if kind:
            ElementTree.SubElement(case, kind, message=text)
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _case(tried: Tried) -> tuple[str, str, str]:
    title = f"run {tried.number}: {tried.recipe.faults}"
    if tried.trial.valid is Validity.INVALID:
        repeat = tried.trial.results.repeat if tried.trial.results else ""
        return title, "failure", f"{wrong_of(tried)}; repeat with {repeat}"
    if tried.trial.valid is Validity.UNKNOWN:
        return title, "error", tried.trial.problem or "not all could be judged"
    return title, "", ""
