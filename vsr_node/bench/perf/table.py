"""The figures as a table for people."""

from collections.abc import Callable, Mapping, Sequence

from vsr_node.bench.perf.figures import CellSummary, SubjectFigures
from vsr_node.bench.perf.subjects import ECHO, REPLICATION


def _figure(name: str, digits: int) -> Callable[[CellSummary], str]:
    return lambda summary: f"{summary.figures[name]:.{digits}f}"


def _ratio(yardstick: str) -> Callable[[CellSummary], str]:
    def text(summary: CellSummary) -> str:
        ratio = summary.ratios.get(yardstick, {}).get("operations_per_second")
        return "" if ratio is None else f"{ratio:.2f}"

    return text


COLUMNS: tuple[tuple[str, Callable[[CellSummary], str]], ...] = (
    ("subject", lambda summary: summary.subject),
    ("a second", _figure("operations_per_second", 0)),
    ("/ echo", _ratio(ECHO)),
    ("/ repl", _ratio(REPLICATION)),
    ("p50 ms", _figure("latency_p50_ms", 2)),
    ("p99 ms", _figure("latency_p99_ms", 2)),
    ("msgs", _figure("server_messages", 2)),
    ("bytes", _figure("server_bytes", 0)),
    ("cpu ms", _figure("node_cpu_ms", 3)),
    ("nodes", _figure("node_cores", 2)),
    ("bench", _figure("bench_cores", 2)),
    ("MiB", _figure("resident_mib", 0)),
)
LEGEND = (
    "a second: operations; / echo, / repl: over that of as many bare echo nodes, and of the bare\n"
    "replication node, in the same round; msgs, bytes, cpu ms: between nodes, and CPU time of all\n"
    "nodes, an operation (milliseconds each are seconds a thousand); nodes, bench: cores in use;\n"
    "MiB: resident memory of the largest node. Medians of all rounds."
)
BENCH_CORES_MAX = 0.7


def text_of(summaries: Sequence[CellSummary], subjects: Mapping[str, SubjectFigures]) -> str:
    """Return the whole text."""
    lines = [""]
    for cell in dict.fromkeys(summary.cell for summary in summaries):
        rows = [[name for name, _ in COLUMNS]]
        rows += [[text(each) for _, text in COLUMNS] for each in summaries if each.cell == cell]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines.append(cell.text)
        for name, *others in rows:
            cells = [f"{value:>{width}}" for value, width in zip(others, widths[1:], strict=True)]
            lines.append(f"  {name:<{widths[0]}}  {'  '.join(cells)}")
        lines.append("")
    lines.append(LEGEND)
    lines += ["", "start-up, from the processes' start to the last init_ok; messages when idle"]
    for name, subject in subjects.items():
        lines.append(
            f"  {name:<18} {subject.start_up_seconds:.2f} s  "
            f"{subject.idle_messages_per_second:.0f} a second"
        )
    busy = [summary for summary in summaries if summary.figures["bench_cores"] > BENCH_CORES_MAX]
    if busy:
        lines += ["", f"THE BENCH TOOK MORE THAN {BENCH_CORES_MAX:.0%} OF A CORE, and may limit:"]
        lines += [f"  {summary.subject}: {summary.cell.text}" for summary in busy]
    return "\n".join(lines)
