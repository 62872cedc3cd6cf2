"""Handlers: who hears what, and what happens when one fails."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from tests.telemetry.trace_check import check_events, read_events
from vsr_node.core.messages import ReplaceLog
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import execute
from vsr_node.telemetry import open_telemetry
from vsr_node.telemetry.catalogue import COMMON_METADATA, Level
from vsr_node.telemetry.common import Flush, Row, State, Stop
from vsr_node.telemetry.dispatch import Event, Handler, Telemetry, TurnHandler
from vsr_node.telemetry.json_lines import JsonLines
from vsr_node.telemetry.metrics import Metrics
from vsr_node.telemetry.observer import kind_of
from vsr_node.telemetry.prometheus import exposition
from vsr_node.telemetry.texts import HumanLog, StandardLogging
from vsr_node.telemetry.turns import Turn

SEED = 2

STATE = State(True, False, "n0", 3, "normal", True, 3, 12, 10)
REPLICA = dict(zip(COMMON_METADATA, STATE[2:], strict=True))

START: Row = ("leadership.start", 5, (1,), ("n0-3-1", 3))
TURN: Row = ("driver.turn", 6, (40, 1), ())


def turn_of(*rows: Row, stops: Sequence[Stop] = (), flushes: Sequence[Flush] = ()) -> Turn:
    turn = Turn(kind_of, STATE)
    turn.noted += rows
    turn.flushes += flushes
    if stops:
        turn.began_at, turn.ended_at = 8_960, 9_000
        turn.stops += stops
    return turn


def flushed(duration_us: int) -> Flush:
    return [ReplaceLog(1, (("c1", 1, ("write",)),))], 6, duration_us, 0, True


def stopped(kind: str, outcome: str) -> Stop:
    """A call of 1,500 us that ends so at 9,000 us."""
    return ("c1", 1, (kind,), None, False, 7_500), outcome, ("ok",)


def watch_seed(handler: Handler | TurnHandler, *prefixes: str) -> None:
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(handler, *prefixes)
    assert execute(draw(SEED), telemetry=telemetry).failure is None


def test_a_prefix_is_a_whole_name_or_the_names_above_it() -> None:
    telemetry = Telemetry(pytest.fail)
    heard: list[str] = []
    telemetry.attach(lambda event: heard.append(event.name), "leadership", "driver.turn")
    telemetry.emit(turn_of(START, TURN, ("driver.stalled", 7, (1,), ())))
    assert heard == ["leadership.start", "driver.turn"]
    with pytest.raises(ValueError, match=r"no event begins with driver\.tur"):
        telemetry.attach(print, "driver.tur")


def test_a_handler_that_raises_is_detached_and_reported_once_and_the_others_go_on() -> None:
    reports: list[str] = []
    telemetry = Telemetry(reports.append)
    heard: list[Event] = []

    def fail(event: Event) -> None:
        raise KeyError("a bug of the handler")

    telemetry.attach(fail)
    telemetry.attach(heard.append)
    telemetry.emit(turn_of(START, TURN))
    telemetry.emit(turn_of(TURN))
    assert [event.name for event in heard] == ["leadership.start", "driver.turn", "driver.turn"]
    assert reports == [
        "telemetry: a handler raised KeyError and is detached: 'a bug of the handler'"
    ]


def test_a_detached_handler_hears_nothing_and_nothing_is_wanted() -> None:
    telemetry = Telemetry(pytest.fail)
    attachment = telemetry.attach(lambda event: pytest.fail(event.name))
    telemetry.detach(attachment)
    telemetry.detach(attachment)
    telemetry.emit(turn_of(START))
    assert telemetry.wanted == frozenset()


def test_json_lines_are_the_events_and_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for _ in range(2):
        lines = JsonLines(path)
        telemetry = Telemetry(pytest.fail)
        telemetry.attach(lines)
        telemetry.emit(turn_of(START, TURN))
        lines.close()
    first, second, *rest = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert first == {
        "event": "leadership.start",
        "at_us": 5,
        "measurements": {"count": 1},
        "metadata": {**REPLICA, "span_id": "n0-3-1", "fencing": 3},
    }
    assert second["metadata"] == REPLICA
    assert rest == [first, second]


def test_a_trace_of_a_seed_reads_back_right(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    lines = JsonLines(path)
    watch_seed(lines)
    lines.close()
    findings = check_events(read_events([path]))
    assert findings.wrong == []
    assert sum(findings.seen.values()) > 1_000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_ends_the_trace_and_nothing_else() -> None:
    reports: list[str] = []
    telemetry = Telemetry(reports.append)
    telemetry.attach(JsonLines(Path("/dev/full")))
    telemetry.emit(turn_of(START))
    telemetry.emit(turn_of(START))
    assert len(reports) == 1
    assert "No space left on device" in reports[0]


def test_the_log_for_people_has_the_levels() -> None:
    texts: list[str] = []
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(HumanLog(texts.append, Level.INFO))
    telemetry.emit(turn_of(START, TURN))
    (text,) = texts
    assert "INFO    n0 leadership.start (view 3, primary, normal, commit 10 of 12)" in text
    assert text.endswith("count=1 span_id=n0-3-1 fencing=3")


def test_stdlib_logging_gets_each_event_with_its_level(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(StandardLogging())
    with caplog.at_level(logging.INFO, logger="vsr_node"):
        telemetry.emit(turn_of(START, TURN))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("vsr_node.leadership.start", "INFO")
    assert record.vsr_event.measurements == {"count": 1}  # type: ignore[attr-defined]


def samples_of(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_the_metrics() -> None:
    metrics = Metrics("n0")
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(metrics, *metrics.events)
    call = stopped('a "kind"\\', "ok")
    telemetry.emit(turn_of(START, stops=[call], flushes=[flushed(300), flushed(90_000_000)]))
    samples = samples_of(exposition(metrics))
    node = ("node_id", "n0")
    kind = ("kind", 'a "kind"\\')
    assert samples["vsr_is_primary", frozenset({node})] == 1
    assert samples["vsr_commit_number", frozenset({node})] == 10
    assert samples["vsr_uncommitted_entries", frozenset({node})] == 2
    assert samples["vsr_calls_total", frozenset({node, kind, ("outcome", "ok")})] == 1
    assert samples["vsr_call_duration_seconds_sum", frozenset({node, kind})] == 0.0015
    buckets = {
        bound: samples["vsr_flush_duration_seconds_bucket", frozenset({node, ("le", bound)})]
        for bound in ("0.00025", "0.0005", "10", "+Inf")
    }
    assert buckets == {"0.00025": 0, "0.0005": 1, "10": 1, "+Inf": 2}


def test_metrics_add_up_to_the_events_of_a_seed() -> None:
    metrics = Metrics("all")
    counts = {"protocol.client_request.stop": 0, "view_change.start": 0}

    def count(event: Event) -> None:
        counts[event.name] += 1

    telemetry = Telemetry(pytest.fail)
    telemetry.attach(metrics, *metrics.events)
    telemetry.attach(count, *counts)
    assert execute(draw(SEED), telemetry=telemetry).failure is None
    samples = samples_of(exposition(metrics))
    calls = [value for (name, _), value in samples.items() if name == "vsr_calls_total"]
    changes = [value for (name, _), value in samples.items() if name == "vsr_view_changes_total"]
    assert sum(calls) == counts["protocol.client_request.stop"] > 0
    assert changes == [counts["view_change.start"]]
    assert counts["view_change.start"] > 0


def test_opentelemetry_gets_spans_of_what_ended() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(open_telemetry.Spans(provider.get_tracer("vsr"), lambda: 0))
    telemetry.emit(turn_of(stops=[stopped("write", "unknown")]))
    (span,) = exporter.get_finished_spans()
    assert span.name == "vsr.call"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 1_500_000
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["db.operation.name"] == "write"
    assert span.attributes["vsr.node_id"] == "n0"


def test_opentelemetry_reads_the_same_metrics() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    metrics = Metrics("n0")
    open_telemetry.observe(metrics, provider.get_meter("vsr"))
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(metrics, *metrics.events)
    telemetry.emit(turn_of(START, flushes=[flushed(300)]))
    data: Any = reader.get_metrics_data()
    points = {
        metric.name: metric.data.data_points[0].value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.data.data_points
    }
    assert points["vsr_is_primary"] == 1
    assert points["vsr_commit_number"] == 10
    assert points["vsr_flush_duration_seconds_sum"] == 0.0003
    assert points["vsr_flush_duration_seconds_count"] == 1
    provider.shutdown()
