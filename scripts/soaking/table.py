"""The table of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.soaking.checks import Check, Share
from scripts.soaking.runs import Done

HEAD = ("check", "state", "passed", "failed", "left", "seconds", "figures")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; ``state`` is ok, FAILED, or unfinished."""

    check: str
    state: str
    passed: int
    failed: int
    left: int
    seconds: float
    figures: str

    def cells(self) -> tuple[str, ...]:
        """Return the row as texts, in the order of HEAD."""
        counts = (str(self.passed), str(self.failed), str(self.left))
        return (self.check, self.state, *counts, f"{self.seconds:.0f}", self.figures)


def summarize(check: Check, all_done: Mapping[tuple[str, str], Done]) -> Row:
    """Return a check's row. The check is ok if enough of its runs are and its share is kept."""
    done = [
        all_done[check.name, run.name] for run in check.runs if (check.name, run.name) in all_done
    ]
    failed = sum(bool(each.fault) for each in done)
    left = len(check.runs) - len(done)
    spare = 0 if check.passes_min is None else len(check.runs) - check.passes_min
    if failed > spare or (not left and check.share and not _is_kept(check.share, done)):
        state = "FAILED"
    elif left:
        state = "unfinished"
    else:
        state = "ok"
    return Row(
        check=check.name,
        state=state,
        passed=len(done) - failed,
        failed=failed,
        left=left,
        seconds=sum(each.seconds for each in done),
        figures=_figures(check, done),
    )


def table(rows: Sequence[Row]) -> str:
    """Format the rows as a table."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _is_kept(share: Share, done: Sequence[Done]) -> bool:
    return _sum(share.part, done) < share.below * _sum(share.whole, done)


def _sum(figure: str, done: Sequence[Done]) -> float:
    return sum(each.figures.get(figure, 0) for each in done)


def _figures(check: Check, done: Sequence[Done]) -> str:
    """Format the share of a check that has one, else the highest value of each figure."""
    if check.share is not None:
        part, whole = _sum(check.share.part, done), _sum(check.share.whole, done)
        return f"{check.share.part}: {part:g} of {whole:g}"
    names = sorted({name for each in done for name in each.figures})
    highest = {n: max(each.figures[n] for each in done if n in each.figures) for n in names}
    return ", ".join(f"{name}: at most {highest[name]:g}" for name in names)
