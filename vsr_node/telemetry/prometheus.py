"""Metrics in Prometheus's text format (prometheus.io, Exposition formats, version 0.0.4)."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from .metrics import Family, Histogram, Labels, Metrics

TEXTS_MAX = 512
"""How many texts of labels are kept."""


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
    starts = _bucket_starts(family.name, labels, histogram.bounds, family.scale)
    count = 0
    for start, below in zip(starts, histogram.counts, strict=True):
        count += below
        yield f"{start}{count}"
    braces = _braces(labels)
    yield f"{family.name}_sum{braces} {histogram.total / family.scale:.15g}"
    yield f"{family.name}_count{braces} {count}"


# The metrics are written each second, and these texts stay the same.
@lru_cache(TEXTS_MAX)
def _bucket_starts(
    name: str, labels: Labels, bounds: tuple[int, ...], scale: int
) -> tuple[str, ...]:
    """Return the lines of a histogram's buckets up to the count."""
    texts = [*(f"{bound / scale:.15g}" for bound in bounds), "+Inf"]
    return tuple(f"{name}_bucket{_braces((*labels, ('le', text)))} " for text in texts)


@lru_cache(TEXTS_MAX)
def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
