"""The figures of all cells as a table for people."""

from collections.abc import Callable, Sequence
from statistics import median

from vsr_node.bench.embedding.cells import OWN, Cell, Load
from vsr_node.bench.embedding.measuring import Measured, better_yardstick

LEGEND = (
    "a second: operations, the median of all rounds, and their range; p50: the median latency in\n"
    "ms; cpu: CPU time of all members for an operation, in us. x: the median of ours over\n"
    "PySyncObj's better setting, for CPU time of PySyncObj's over ours; aim: what x a second\n"
    "should be at least. Wall-clock figures of a busy machine vary; CPU time varies less."
)
HEAD = ("", "a second", "x", "aim", "p50", "x", "cpu", "x")
YARDSTICK_HEAD = "PySyncObj"


def text_of(measured: Measured, cells: Sequence[Cell]) -> str:
    """Return the whole text."""
    rows: list[tuple[str, ...]] = [HEAD]
    notes = []
    for cell in cells:
        own = measured[cell, OWN]
        better = better_yardstick(measured, cell)
        others = [] if better is None else measured[cell.of_yardstick, better]
        if cell.kills_primary:
            notes.append(_silences(cell, own, others))
            continue
        if better is not None:
            rows.append((f"{cell.text}: {better}", *_figures(others, [], None)))
        rows.append((f"{cell.text}: {OWN}", *_figures(own, others, cell.ratio_min)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{name:<{widths[0]}}"
        + "".join(f"  {text:>{width}}" for text, width in zip(figures, widths[1:], strict=True))
        for name, *figures in rows
    ]
    return "\n".join(["", *lines, "", *notes, "", LEGEND])


def _figures(
    loads: Sequence[Load], others: Sequence[Load], ratio_min: float | None
) -> tuple[str, ...]:
    def of(figure: Callable[[Load], float], each: Sequence[Load]) -> float:
        return median(map(figure, each))

    def ratio(figure: Callable[[Load], float], *, inverted: bool = False) -> str:
        if not others:
            return ""
        own, other = of(figure, loads), of(figure, others)
        own, other = (other, own) if inverted else (own, other)
        return f"{own / other:.2f}" if other else ""

    seconds = [load.operations_per_second for load in loads]
    return (
        f"{median(seconds):,.0f} ({min(seconds):,.0f}-{max(seconds):,.0f})",
        ratio(lambda load: load.operations_per_second),
        "" if ratio_min is None else f"{ratio_min:g}",
        f"{of(lambda load: load.latency_p50_ms, loads):.2f}",
        ratio(lambda load: load.latency_p50_ms),
        f"{of(lambda load: load.cpu_us, loads):.0f}",
        ratio(lambda load: load.cpu_us, inverted=True),
    )


def _silences(cell: Cell, own: Sequence[Load], others: Sequence[Load]) -> str:
    def text(loads: Sequence[Load]) -> str:
        silences = sorted(load.silence_ms for load in loads)
        return f"{median(silences):.0f} ms ({silences[0]:.0f}-{silences[-1]:.0f})"

    line = f"{cell.text}: no success for {text(own)}"
    return f"{line}; {YARDSTICK_HEAD} {text(others)}" if others else line
