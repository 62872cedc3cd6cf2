"""Spans and metrics for OpenTelemetry (an extra: ``pip install 'vsr-node[opentelemetry]'``).

Attribute names follow its semantic conventions for database clients where these have one.
"""

import time
from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from .dispatch import Event
from .metrics import Histogram, Metrics

NANOSECONDS_PER_MICROSECOND = 1_000

SPAN_NAMES = {
    "protocol.client_request.stop": "vsr.call",
    "state_machine.operation.stop": "vsr.apply",
    "state_machine.operation.exception": "vsr.apply",
    "view_change.complete": "vsr.view_change",
    "leadership.stop": "vsr.leadership",
    "recovery.complete": "vsr.recovery",
    "durability.flush": "vsr.flush",
}
"""The spans, by the events that end them."""


class Spans:
    """A handler that makes a span of each event that ends something.

    ``clock`` is the one of the events, in microseconds; spans have the time of day.
    """

    def __init__(self, tracer: Tracer, clock: Callable[[], int]) -> None:
        self._tracer = tracer
        self._offset_ns = time.time_ns() - clock() * NANOSECONDS_PER_MICROSECOND

    def __call__(self, event: Event) -> None:
        """Make a span, if the event ends one."""
        name = SPAN_NAMES.get(event.name)
        if name is None:
            return
        end_ns = event.at_us * NANOSECONDS_PER_MICROSECOND + self._offset_ns
        begin_ns = end_ns - event.measurements["duration_us"] * NANOSECONDS_PER_MICROSECOND
        metadata = event.metadata
        attributes = {
            f"vsr.{key}": value
            for key, value in metadata.items()
            if isinstance(value, str | int | float)
        }
        attributes["db.system.name"] = "vsr"
        if "kind" in metadata:
            attributes["db.operation.name"] = str(metadata["kind"])
        kind = SpanKind.SERVER if name == "vsr.call" else SpanKind.INTERNAL
        span = self._tracer.start_span(name, kind=kind, start_time=begin_ns, attributes=attributes)
        if "error" in metadata or metadata.get("outcome") in ("refused", "unknown"):
            span.set_status(StatusCode.ERROR, str(metadata.get("error", metadata.get("outcome"))))
        span.end(end_ns)


def observe(metrics: Metrics, meter: Meter) -> None:
    """Let OpenTelemetry read the metrics whenever it exports.

    A histogram is read as two counters, ``NAME_count`` and ``NAME_sum``: its readers ask at their
    own time, and no instrument of theirs takes a histogram that was counted elsewhere.
    """
    for family in metrics.families():
        if family.kind == "histogram":
            for suffix in ("count", "sum"):
                read = _reader(metrics, family.name, suffix)
                meter.create_observable_counter(f"{family.name}_{suffix}", [read], "", family.text)
        else:
            create = (
                meter.create_observable_gauge
                if family.kind == "gauge"
                else meter.create_observable_counter
            )
            create(family.name, [_reader(metrics, family.name, "")], "", family.text)


def _reader(
    metrics: Metrics, name: str, suffix: str
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """Return what reads one metric; ``suffix`` is the part of a histogram."""

    def read(_: CallbackOptions) -> Iterable[Observation]:
        (family,) = (each for each in metrics.families() if each.name == name)
        for labels, value in family.samples.items():
            yield Observation(_number(value, family.scale, suffix), dict(labels))

    return read


def _number(value: int | Histogram, scale: int, suffix: str) -> float:
    if isinstance(value, int):
        return value / scale
    return sum(value.counts) if suffix == "count" else value.total / scale
