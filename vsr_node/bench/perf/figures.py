"""All rounds together: medians, and each figure beside that of the yardsticks in the same round."""

from collections.abc import Sequence
from dataclasses import dataclass
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
"""The figures that are put beside those of the yardsticks."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a subject did under a load: each figure's median over the rounds, and the ratios.

    `ratios` has by yardstick and figure the median of what the subject's figure was over that of
    the yardstick in the same round.
    """

    subject: str
    cell: Cell
    figures: dict[str, float]
    ratios: dict[str, dict[str, float]]


def summaries_of(rounds: Sequence[Sequence[Measured]]) -> list[Summary]:
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
                summaries.append(Summary(name, cell, _medians([f for _, f in done]), ratios))
    return summaries


def _medians(figures: Sequence[Figures]) -> dict[str, float]:
    texts = [each.as_json() for each in figures]
    return {
        name: round(median(each[name] for each in texts), 4)
        for name, value in texts[0].items()
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


def as_json(rounds: Sequence[Sequence[Measured]], summaries: Sequence[Summary]) -> Json:
    """Return all that was measured, and the summaries first."""
    return {
        "summaries": [
            {
                "subject": summary.subject,
                **_load(summary.cell),
                "figures": summary.figures,
                "ratios": summary.ratios,
            }
            for summary in summaries
        ],
        "subjects": _subjects(rounds),
        "rounds": [
            [
                {
                    "subject": each.subject.name,
                    "start_up_seconds": round(each.start_up_seconds, 3),
                    "leader": each.leader,
                    "idle_messages_per_second": round(each.idle_messages_per_second, 1),
                    "cells": [_load(cell) | figures.as_json() for cell, figures in each.cells],
                }
                for each in measured
            ]
            for measured in rounds
        ],
    }


def _subjects(rounds: Sequence[Sequence[Measured]]) -> Json:
    subjects: Json = {}
    for name in dict.fromkeys(each.subject.name for measured in rounds for each in measured):
        done = [each for measured in rounds for each in measured if each.subject.name == name]
        subjects[name] = {
            "command": done[0].subject.command,
            "start_up_seconds": round(median(each.start_up_seconds for each in done), 3),
            "idle_messages_per_second": round(
                median(each.idle_messages_per_second for each in done), 1
            ),
        }
    return subjects


def _load(cell: Cell) -> Json:
    return {
        "place": cell.place,
        "read_fraction": cell.read_fraction,
        "clients": cell.clients,
        "rate": cell.rate,
    }
