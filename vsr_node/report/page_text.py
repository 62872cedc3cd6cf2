"""The text of a page, readable without scripts. All text from runs is escaped."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from vsr_node.checker import KeyViolation, Operation
from vsr_node.checker.explanation import name_of
from vsr_node.checker.history import Call, canonical_text
from vsr_node.checker.judgement import Anomaly
from vsr_node.report.contents import OUTCOMES, Operations, PageContents, outcome_of, shown
from vsr_node.report.figures import figure
from vsr_node.report.lanes import Lane, Span
from vsr_node.report.recorded_run import FaultSpan, RecordedRun, verdict_of
from vsr_node.report.surroundings import seconds, surroundings

FAULTS_SHOWN = 1000
LANE_EVENTS_SHOWN = 1000
MISTAKES_SHOWN = 5
KEYS_SHOWN = 20
FIGURES_MAX = 6


def summary(contents: PageContents, operations: Operations) -> Iterator[str]:
    """Yield a summary of the run in a few sentences."""
    run = contents.run
    counts = {"ok": 0, "fail": 0, "info": 0}
    for call in operations.calls:
        counts[call.outcome] += 1
    counted = (
        f"{operations.total:,} operations: {counts['ok']:,} ok, {counts['fail']:,} fail, "
        f"{counts['info']:,} of unknown outcome"
    )
    facts = [counted]
    if contents.messages.total:
        facts.append(f"{contents.messages.total:,} messages")
    facts.append("1 fault" if len(run.faults) == 1 else f"{len(run.faults)} faults")
    yield f"<p>{html.escape('; '.join(facts))}.</p>"
    if operations.total > len(operations.calls):
        yield f"<p>This page shows {len(operations.calls):,} of the operations.</p>"
    workload = run.results.get("workload")
    if isinstance(workload, dict) and run.valid is not True and not contents.violations:
        explanation = workload.get("explanation")
        if contents.judged is not None:
            explanation = contents.judged.judgement.explanation
        if isinstance(explanation, str):
            yield f"<pre>{html.escape(explanation)}</pre>"
    if run.valid is not True:
        yield from (f"<p>{html.escape(reason)}.</p>" for reason in _reasons(run.results))
    mistakes = run.results.get("mistakes")
    if isinstance(mistakes, dict) and mistakes.get("count"):
        first = mistakes.get("first")
        texts = first if isinstance(first, list) else []
        yield f"<p>{mistakes['count']} mistakes in the protocol. The first ones:</p><ul>"
        for mistake in texts[:MISTAKES_SHOWN]:
            yield f"<li><code>{html.escape(shown(mistake))}</code></li>"
        yield "</ul>"
    shrunk = run.results.get("shrunk")
    if isinstance(shrunk, dict):
        fails = html.escape(str(shrunk.get("fails")))
        yield f"<p>The smallest part of a larger run that still fails: it fails {fails} times.</p>"
    repeat = run.results.get("repeat")
    if isinstance(repeat, str):
        yield f"<p>Repeat it with <code>{html.escape(repeat)}</code></p>"
    if contents.files:
        links = (
            f'<a href="{html.escape(quote(name))}">{html.escape(name)}</a>'
            for name in contents.files
        )
        yield f'<p class="files">Files: {" · ".join(links)}</p>'


def _reasons(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons beside the workload why a run is not valid, of the bench or Maelstrom."""
    stats = results.get("stats")
    by_f = stats.get("by_f", stats.get("by-f")) if isinstance(stats, dict) else None
    for f, counts in sorted(by_f.items()) if isinstance(by_f, dict) else ():
        if counts["count"] and not counts.get("ok", counts.get("ok-count")):
            times = "once" if counts["count"] == 1 else f"{counts['count']} times"
            yield f"{f} was tried {times} and never ok: Maelstrom's stats check"
    for name, part in results.items():
        known = name in ("workload", "stats")
        if isinstance(part, dict) and not known and verdict_of(part) is False:
            yield f"{name} is not valid"


def violations(contents: PageContents, operations: Operations) -> Iterator[str]:
    """Yield the explanations, each with its operations as buttons; the first one is open."""
    for number, violation in enumerate(contents.violations):
        opened = "" if number else " open"
        yield f'<details class="violation"{opened}>'
        yield f"<summary><h3>{html.escape(violation.headline())}</h3></summary>"
        yield from _part(violation, operations)
        yield f"<p>{html.escape(violation.minimality())}</p>"
        yield from _endings(violation)
        remedies = list(violation.remedies())
        if remedies:
            yield "<p>It would have an order</p><ul>"
            yield from (f"<li>{html.escape(remedy)}</li>" for remedy in remedies)
            yield "</ul>"
        yield f"<p>{html.escape(violation.prefix())}</p>"
        around = surroundings(violation, contents.run.faults, contents.messages)
        text = "\n".join(around)
        if text:
            yield "<details><summary>Faults and messages around it, as text</summary>"
            yield f"<pre>{html.escape(text)}</pre></details>"
        yield "</details>"
    others = _other_keys(contents)
    if others:
        yield f"<p>Not linearizable either: {html.escape(others)}.</p>"


def anomalies(contents: PageContents, operations: Operations) -> Iterator[str]:
    """Yield what is wrong with a workload's history, with a drawing and the operations."""
    judged = contents.judged
    if judged is None:
        return
    for number, anomaly in enumerate(judged.anomalies):
        headline, *lines = anomaly.explanation.splitlines()
        opened = "" if number else " open"
        yield f'<details class="violation"{opened}>'
        yield f"<summary><h3>{html.escape(headline)}</h3></summary>"
        yield from _proof(anomaly, lines, operations)
        if number < FIGURES_MAX:
            yield figure(contents.run, judged, anomaly)
        yield "</details>"


def _proof(anomaly: Anomaly, lines: Sequence[str], operations: Operations) -> Iterator[str]:
    """Yield the lines of an anomaly that list no operation, and its operations as buttons."""
    facts = "\n".join(line for line in lines if not line.startswith("    process "))
    if facts:
        yield f"<pre>{html.escape(facts)}</pre>"
    yield "<ol>"
    for number in (operations.number_of.get(index) for index in anomaly.events):
        if number is not None:
            text = html.escape(_in_a_line(operations.calls[number]))
            yield f'<li><button type="button" data-operation="{number}">{text}</button></li>'
    yield "</ol>"


def _in_a_line(call: Call) -> str:
    event = call.invocation
    where = f"process {event.process:<4} {event.node or '':<4}"
    return f"{seconds(event.time):>9}  {where} {event.f} {shown(call.value)}"


def _endings(violation: KeyViolation) -> Iterator[str]:
    """Yield the ends of the orders, and why no operation can come next."""
    for place, end in enumerate(violation.part.dead_ends):
        title = "Another order ends as badly" if place else "Where an order ends"
        opened = "" if place else " open"
        yield f"<details{opened}><summary>{title}: "
        yield f"{html.escape(violation.state_after(end))}</summary>"
        yield f"<p>{html.escape(violation.ending(end))}</p><ul>"
        for candidate in violation.candidates(end):
            yield f"<li><b>{html.escape(candidate.text)}</b>: "
            yield f"{html.escape(candidate.obstacle)}</li>"
        yield "</ul></details>"


def _part(violation: KeyViolation, operations: Operations) -> Iterator[str]:
    early_text, late = violation.shown_operations()
    part = violation.part.operations
    early = part[: len(part) - len(late)]
    if early:
        yield f"<details><summary>{html.escape(early_text)}</summary>"
        yield from _operation_list(violation, operations, early, 1)
        yield "</details>"
    yield from _operation_list(violation, operations, late, len(early) + 1)


def _operation_list(
    violation: KeyViolation, numbers: Operations, operations: Sequence[Operation], first: int
) -> Iterator[str]:
    yield f'<ol start="{first}">'
    for operation in operations:
        number = numbers.number_of[operation.invoked]
        text = html.escape(violation.in_a_line(operation))
        yield f'<li><button type="button" data-operation="{number}">{text}</button></li>'
    yield "</ol>"


def _other_keys(contents: PageContents) -> str:
    """Return the names of invalid keys that are not explained."""
    explained = {canonical_text(violation.key.key) for violation in contents.violations}
    workload = contents.run.results.get("workload")
    keys = workload.get("keys") if isinstance(workload, dict) else None
    names = [
        name_of(key.get("key"))
        for key in (keys if isinstance(keys, list) else ())
        if isinstance(key, dict)
        and key.get("valid") is False
        and canonical_text(key.get("key")) not in explained
    ]
    more = f" and {len(names) - KEYS_SHOWN} more" if len(names) > KEYS_SHOWN else ""
    return ", ".join(names[:KEYS_SHOWN]) + more


def faults(run: RecordedRun) -> Iterator[str]:
    """Yield a table of the faults, with their effects if the bench recorded them."""
    bite = run.results.get("bite")
    met = [""] * len(run.faults)
    if isinstance(bite, dict) and bite["asked"]:
        yield f"<p>{html.escape(bite['told'])}.</p>"
        met = [_met(effect) for effect in run.results["faults"]]
    if not run.faults:
        yield "<p>None.</p>"
        return
    cells = [
        [_link_to_fault(number, fault), *map(html.escape, (*_fault(fault), each))]
        for number, (fault, each) in enumerate(zip(run.faults, met, strict=True), start=1)
    ]
    rows = [
        (f' id="fault-{number}"', row) for number, row in enumerate(cells[:FAULTS_SHOWN], start=1)
    ]
    yield _table(("from", "to", "fault", "", ""), rows)


def _link_to_fault(number: int, fault: FaultSpan) -> str:
    return f'<a href="#fault-{number}">{seconds(fault.begin)}</a>'


def _fault(fault: FaultSpan) -> tuple[str, str, str]:
    return _end(fault.end), fault.name, fault.text


def _end(end: int | None) -> str:
    return "the end" if end is None else seconds(end)


def _met(effect: Mapping[str, Any]) -> str:
    leader = ", the leader hit" if effect["leader_hit"] else ""
    return (
        f"{effect['messages_touched']} messages touched, {effect['operations_in_flight']} "
        f"operations in flight when it began{leader}"
    )


def lanes_table(lanes: Sequence[Lane]) -> str:
    """Return a table of what happened to the nodes, in order of time."""
    events: list[tuple[Span, str, str]] = []
    for lane in lanes:
        events += [(each.span, lane.node, each.text) for each in lane.conditions]
        events += [(span, lane.node, "leads") for span in lane.leads]
        events += [(span, lane.node, f"view or term {number}") for span, number in lane.views]
    events.sort(key=lambda event: event[0].begin)
    rows = [
        ("", [seconds(span.begin), _end(span.end), html.escape(node), html.escape(text)])
        for span, node, text in events[:LANE_EVENTS_SHOWN]
    ]
    return _table(("from", "to", "node", ""), rows)


def latency_table(calls: Sequence[Call]) -> str:
    """Return a table of outcomes and latencies by function."""
    by_function: dict[str, list[int]] = {}
    counts: dict[str, dict[str, int]] = {}
    for call in calls:
        f = call.invocation.f
        counts.setdefault(f, dict.fromkeys(OUTCOMES, 0))[outcome_of(call)] += 1
        if call.completion is not None and call.outcome == "ok":
            duration = call.completion.time - call.invocation.time
            by_function.setdefault(f, []).append(duration)
    rows = []
    for f in sorted(counts):
        durations = sorted(by_function.get(f, ()))
        quantiles = [
            f"{durations[min(int(share * len(durations)), len(durations) - 1)] / 1e6:.1f}"
            if durations
            else ""
            for share in (0.5, 0.95, 0.99, 1.0)
        ]
        numbers = (f"{counts[f][name]:,}" for name in OUTCOMES)
        rows.append(("", [html.escape(f), *numbers, *quantiles]))
    return _table(("function", *OUTCOMES, "p50 ms", "p95 ms", "p99 ms", "max ms"), rows)


def _table(names: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a table of rows, each with the attributes of its element and its cells as HTML."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    body = "".join(
        f"<tr{attributes}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for attributes, cells in rows
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="table">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
