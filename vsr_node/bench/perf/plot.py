"""A plot of the figures in SVG: throughput and latency over the load, a line a subject."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from vsr_node.bench.perf.figures import CellSummary

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 34, 40
COLORS = ("#8a8a8a", "#4d4d4d", "#0b6fb8", "#c4540a", "#2d8a3e", "#8a3ea8", "#b8860b", "#a01830")
LEGEND_HEIGHT = 30
FIGURES = (
    ("operations_per_second", "operations a second"),
    ("latency_p50_ms", "p50, ms"),
    ("latency_p99_ms", "p99, ms"),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic axis from ``low`` to ``high``, drawn from ``begin`` to ``end``."""

    low: float
    high: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value is drawn."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Return the powers of ten on the axis, or its ends if there are none."""
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)] or [self.low, self.high]


def svg_of(summaries: Sequence[CellSummary]) -> str:
    """Return the plot: a row for each place, mix and kind of loop, a column for each figure."""
    subjects = list(dict.fromkeys(summary.subject for summary in summaries))
    color = {name: COLORS[place % len(COLORS)] for place, name in enumerate(subjects)}
    rows: dict[tuple[str, float, bool], list[CellSummary]] = {}
    for summary in summaries:
        cell = summary.cell
        rows.setdefault((cell.place, cell.read_fraction, cell.rate is None), []).append(summary)
    width, height = WIDTH * len(FIGURES), HEIGHT * len(rows) + LEGEND_HEIGHT
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_legend(color),
    ]
    for row, ((place, reads, closed), members) in enumerate(rows.items()):
        load = "clients" if closed else "requests a second"
        for column, (figure, name) in enumerate(FIGURES):
            title = f"{name}: {place}, {reads:.0%} reads"
            x, y = column * WIDTH, LEGEND_HEIGHT + row * HEIGHT
            parts.append(f'<g transform="translate({x},{y})">')
            parts += _panel(members, figure, title, load, color)
            parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _legend(color: dict[str, str]) -> list[str]:
    parts = []
    x = 12
    for name, shade in color.items():
        parts.append(f'<rect x="{x}" y="11" width="14" height="4" fill="{shade}"/>')
        parts.append(_text(x + 20, 17, name, "start"))
        x += 40 + 7 * len(name)
    return parts


def _panel(
    summaries: Sequence[CellSummary], figure: str, title: str, load: str, color: dict[str, str]
) -> list[str]:
    points: dict[str, list[tuple[float, float]]] = {}
    for summary in summaries:
        value = summary.figures[figure]
        if value > 0:
            at = summary.cell.clients if summary.cell.rate is None else summary.cell.rate
            points.setdefault(summary.subject, []).append((float(at or 0), value))
    parts = [_text(LEFT, 20, title, "start"), _text(WIDTH // 2, HEIGHT - 6, load, "middle")]
    if not points:
        return parts
    across = _scale([x for line in points.values() for x, _ in line], LEFT, WIDTH - RIGHT)
    up = _scale([y for line in points.values() for _, y in line], HEIGHT - BOTTOM, TOP)
    parts += [
        _text(across.place(value), HEIGHT - BOTTOM + 15, f"{value:g}", "middle")
        for value in sorted({x for line in points.values() for x, _ in line})
    ]
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{value:,g}", "end"))
    for name, line in points.items():
        places = [(across.place(x), up.place(y)) for x, y in sorted(line)]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color[name]}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{color[name]}"/>' for x, y in places]
    return parts


def _scale(values: Sequence[float], begin: float, end: float) -> Scale:
    return Scale(min(values) / 1.3, max(values) * 1.3, begin, end)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
