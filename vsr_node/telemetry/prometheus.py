"""Metrics in Prometheus's text format (prometheus.io, Exposition formats, version 0.0.4)."""

from collections.abc import Iterator
from pathlib import Path

from .metrics import Family, Histogram, Labels, Metrics


def exposition(metrics: Metrics) -> str:
    """Return all metrics as they are now, a line a sample."""
    return "".join(f"{line}\n" for family in metrics.families() for line in _lines(family))


def write(metrics: Metrics, path: Path) -> None:
    """Write all metrics to a file, which readers see whole at any time. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(exposition(metrics), encoding="utf-8")
    new.replace(path)


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.text}"
    yield f"# TYPE {family.name} {family.kind}"
    for labels, value in family.samples.items():
        if isinstance(value, Histogram):
            yield from _of_histogram(family, labels, value)
        else:
            yield f"{family.name}{_braces(labels)} {value / family.scale:.15g}"


def _of_histogram(family: Family, labels: Labels, histogram: Histogram) -> Iterator[str]:
    count = 0
    for bound, below in zip(histogram.bounds, histogram.counts, strict=False):
        count += below
        le = ("le", f"{bound / family.scale:.15g}")
        yield f"{family.name}_bucket{_braces((*labels, le))} {count}"
    count += histogram.counts[-1]
    yield f"{family.name}_bucket{_braces((*labels, ('le', '+Inf')))} {count}"
    yield f"{family.name}_sum{_braces(labels)} {histogram.total / family.scale:.15g}"
    yield f"{family.name}_count{_braces(labels)} {count}"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
