"""All rounds together: medians, and each figure over that of the yardsticks in the same round."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from vsr_node.bench.perf.cells import Cell, Figures
from vsr_node.bench.perf.measuring import Measured
from vsr_node.bench.perf.subjects import ECHO, REPLICATION

RATIOS = (
    "operations_per_second",
    "latency_p50_ms",
    "latency_p99_ms",
    "server_messages",
    "server_bytes",
    "node_cpu_ms",
    "resident_mib",
)
"""The figures that are compared with those of the yardsticks."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CellSummary:
    """What a subject did under a load: each figure's median over the rounds, and the ratios.

    ``ratios`` has, by yardstick and figure, the median over the rounds of the subject's figure
    divided by that of the yardstick in the same round.
    """

    subject: str
    cell: Cell
    figures: dict[str, float]
    ratios: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class SubjectFigures:
    """A subject's figures beside those under load: medians over the rounds."""

    command: tuple[str, ...]
    start_up_seconds: float
    idle_messages_per_second: float


def summaries_of(rounds: Sequence[Sequence[Measured]]) -> list[CellSummary]:
    """Return a summary for each load and subject, in the order in which they were measured."""
    by_place: dict[tuple[Cell, str], list[tuple[int, Figures]]] = {}
    for number, measured in enumerate(rounds):
        for each in measured:
            for cell, figures in each.cells:
                by_place.setdefault((cell, each.subject.name), []).append((number, figures))
    cells = list(dict.fromkeys(cell for cell, _ in by_place))
    summaries = []
    for cell in cells:
        at_limit = {
            name: dict(by_place[cell, name])
            for name in (ECHO, REPLICATION)
            if (cell, name) in by_place
        }
        for (other, name), done in by_place.items():
            if other == cell:
                ratios = {
                    limit: _ratios(done, figures)
                    for limit, figures in at_limit.items()
                    if limit != name
                }
                summaries.append(CellSummary(name, cell, _medians([f for _, f in done]), ratios))
    return summaries


def _medians(figures: Sequence[Figures]) -> dict[str, float]:
    plain = [asdict(each) for each in figures]
    return {
        name: round(median(each[name] for each in plain), 4)
        for name, value in plain[0].items()
        if not isinstance(value, dict)
    }


def _ratios(done: Sequence[tuple[int, Figures]], limit: dict[int, Figures]) -> dict[str, float]:
    ratios = {}
    for name in RATIOS:
        pairs = [
            (getattr(figures, name), getattr(limit[number], name))
            for number, figures in done
            if number in limit
        ]
        each = [own / other for own, other in pairs if other]
        if each:
            ratios[name] = round(median(each), 3)
    return ratios


def as_json(
    rounds: Sequence[Sequence[Measured]],
    summaries: Sequence[CellSummary],
    subjects: Mapping[str, SubjectFigures],
) -> Json:
    """Return all that was measured, the summaries first."""
    return {
        "summaries": [
            {
                "subject": summary.subject,
                **asdict(summary.cell),
                "figures": summary.figures,
                "ratios": summary.ratios,
            }
            for summary in summaries
        ],
        "subjects": {name: asdict(subject) for name, subject in subjects.items()},
        "rounds": [
            [
                {
                    "subject": each.subject.name,
                    "start_up_seconds": round(each.start_up_seconds, 3),
                    "leader": each.leader,
                    "idle_messages_per_second": round(each.idle_messages_per_second, 1),
                    "cells": [asdict(cell) | asdict(figures) for cell, figures in each.cells],
                }
                for each in measured
            ]
            for measured in rounds
        ],
    }


def subject_figures_of(rounds: Sequence[Sequence[Measured]]) -> dict[str, SubjectFigures]:
    """Return the figures of each subject, in the order in which they were measured."""
    by_name: dict[str, list[Measured]] = {}
    for measured in rounds:
        for each in measured:
            by_name.setdefault(each.subject.name, []).append(each)
    return {
        name: SubjectFigures(
            done[0].subject.command,
            round(median(each.start_up_seconds for each in done), 3),
            round(median(each.idle_messages_per_second for each in done), 1),
        )
        for name, done in by_name.items()
    }
