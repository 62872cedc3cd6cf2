"""``bench embedding``: a small run of it, and its table."""

import json
from pathlib import Path

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.embedding.cells import CELLS, OWN, YARDSTICKS, Cell, Load, Place
from vsr_node.bench.embedding.load import Ends
from vsr_node.bench.embedding.measuring import better_yardstick
from vsr_node.bench.embedding.table import text_of

MS = 1_000_000


@pytest.mark.slow
def test_members_of_both_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--rounds", "1", "--seconds", "0.3", "--only", "1 client at a backup"]
    assert main(["embedding", *words, "--store", str(tmp_path)]) == 0
    assert "1 client at a backup, writes, memory: pysyncobj" in capsys.readouterr().out
    file = tmp_path / "embedding/latest/embedding.json"
    measured = json.loads(file.read_text(encoding="utf-8"))
    assert {each["subject"] for each in measured} == {OWN, *YARDSTICKS}
    for each in measured:
        (load,) = each["rounds"]
        assert load["operations"] > 0
        assert load["cpu_us"] > 0
        assert 0 < load["latency_p50_ms"] <= load["latency_p99_ms"] <= load["silence_ms"] + 1


def test_a_text_that_no_cell_has_names_the_cells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embedding", "--only", "nonsense"]) == 254
    assert "1000 clients at the primary, writes, memory" in capsys.readouterr().err


def test_figures_of_a_load() -> None:
    ends = Ends()
    for began, ended in ((0, 1), (0, 2), (1, 4), (4, 9)):
        ends.add(began * MS, ended * MS)
    load = ends.figures(0, 10 * MS)
    assert (load.operations, load.operations_per_second) == (4, 400)
    assert (load.latency_p50_ms, load.latency_p99_ms, load.silence_ms) == (3, 5, 5)


def test_the_better_setting_counts_in_each_cell() -> None:
    cell = CELLS[0]
    killed = Cell(32, Place.BACKUP, kills_primary=True)

    def load(operations: int, silence_ms: float) -> Load:
        return Load(operations, 1.0, 1.0, 2.0, silence_ms, 50.0)

    batches, at_once = YARDSTICKS
    measured = {
        (cell.of_yardstick, batches): [load(10, 1)],
        (cell.of_yardstick, at_once): [load(20, 1)],
        (cell, OWN): [load(50, 1), load(70, 1), load(60, 1)],
        (killed, batches): [load(1, 900)],
        (killed, at_once): [load(1, 1000)],
        (killed, OWN): [load(1, 250)],
    }
    assert better_yardstick(measured, cell) == at_once
    assert better_yardstick(measured, killed) == batches
    text = text_of(measured, (cell, killed))
    assert "60 (50-70)  3.00  2.5" in text
    assert "no success for 250 ms (250-250); PySyncObj 900 ms (900-900)" in text
