"""The figures as text for people."""

from collections.abc import Sequence

from vsr_node.bench.perf.figures import Json, Summary
from vsr_node.bench.perf.subjects import ECHO, REPLICATION

HEAD = (
    *("subject", "a second", "/ echo", "/ repl", "p50 ms", "p99 ms"),
    *("msgs", "bytes", "cpu ms", "nodes", "bench", "MiB"),
)
LEGEND = (
    "a second: operations; / echo, / repl: over that of as many bare echo nodes, and of the bare\n"
    "replication node, in the same round; msgs, bytes, cpu ms: between nodes, and CPU time of all\n"
    "nodes, an operation (milliseconds each are seconds a thousand); nodes, bench: cores in use;\n"
    "MiB: resident memory of the largest node. Medians of all rounds."
)
BENCH_CORES_MAX = 0.7


def text_of(summaries: Sequence[Summary], results: Json) -> str:
    """Return the whole text."""
    lines = [""]
    for cell in dict.fromkeys(summary.cell for summary in summaries):
        rows = [HEAD, *(_row(summary) for summary in summaries if summary.cell == cell)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines.append(cell.text)
        for subject, *others in rows:
            cells = [f"{value:>{width}}" for value, width in zip(others, widths[1:], strict=True)]
            lines.append(f"  {subject:<{widths[0]}}  {'  '.join(cells)}")
        lines.append("")
    lines.append(LEGEND)
    lines += ["", "start-up, from the processes' start to the last init_ok; messages when idle"]
    for name, subject in results["subjects"].items():
        lines.append(
            f"  {name:<18} {subject['start_up_seconds']:.2f} s  "
            f"{subject['idle_messages_per_second']:.0f} a second"
        )
    busy = [summary for summary in summaries if summary.figures["bench_cores"] > BENCH_CORES_MAX]
    if busy:
        lines += ["", f"THE BENCH TOOK MORE THAN {BENCH_CORES_MAX:.0%} OF A CORE, and may limit:"]
        lines += [f"  {summary.subject}: {summary.cell.text}" for summary in busy]
    return "\n".join(lines)


def _row(summary: Summary) -> tuple[str, ...]:
    figures = summary.figures
    return (
        summary.subject,
        f"{figures['operations_per_second']:.0f}",
        *(_ratio(summary, yardstick) for yardstick in (ECHO, REPLICATION)),
        f"{figures['latency_p50_ms']:.2f}",
        f"{figures['latency_p99_ms']:.2f}",
        f"{figures['server_messages']:.2f}",
        f"{figures['server_bytes']:.0f}",
        f"{figures['node_cpu_ms']:.3f}",
        f"{figures['node_cores']:.2f}",
        f"{figures['bench_cores']:.2f}",
        f"{figures['resident_mib']:.0f}",
    )


def _ratio(summary: Summary, yardstick: str) -> str:
    ratio = summary.ratios.get(yardstick, {}).get("operations_per_second")
    return "" if ratio is None else f"{ratio:.2f}"
