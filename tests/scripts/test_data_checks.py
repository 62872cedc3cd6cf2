"""The long checks of what survives, in short: they see what they are to see."""

import shutil
import time
from pathlib import Path
from random import Random

import pytest

from scripts.soaking.endurance import THROUGHPUT_MIN, Load, compare
from scripts.soaking.group import PATIENCE_S
from scripts.soaking.restarts import Trial
from scripts.soaking.syncs import measure
from tests.scripts.conftest import ROOT

NODE = str(ROOT / "run-vsr-node")


@pytest.mark.parametrize(
    ("options", "is_lost"), [((), False), (("--data-dir", "none"), True)], ids=["kept", "forgotten"]
)
def test_writes_that_are_lost_are_seen(
    tmp_path: Path, options: tuple[str, ...], is_lost: bool
) -> None:
    trial = Trial([NODE, *options], tmp_path, Random(1))
    with trial.group as group:
        group.start()
        deadline = time.monotonic() + PATIENCE_S
        trial.write_until(lambda: len(trial.acknowledged) > 50, deadline)
        trial.restart()
        for name in group.names:
            group.kill(name)
        group.start()
        assert trial.acknowledged
        assert bool(trial.lost()) == is_lost


def test_memory_data_and_restarts_are_measured(tmp_path: Path) -> None:
    load = Load([NODE], tmp_path, seed=1)
    with load.group as group:
        group.start()
        load.begin()
        window = load.window(300)
        assert min(window) > 0
        assert load.restart() > 0


def test_a_group_that_became_slower_is_seen(tmp_path: Path) -> None:
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder in folders:
        folder.mkdir()
    # Waiting for the disk is what slows the old one.
    old = Load([NODE, "--data-dir", "data"], folders[0], seed=1)
    new = Load([NODE, "--data-dir", "none"], folders[1], seed=1)
    with old.group, new.group:
        old.group.start()
        old.begin()
        assert compare(old, new, operation_count=3_000) < THROUGHPUT_MIN


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_flushes_are_counted() -> None:
    # One client waits for one flush; a few more are SQLite's own.
    assert 1 <= measure([NODE, "--data-dir", "data"], 1, 100) < 1.5
    assert measure([NODE, "--data-dir", "none"], 1, 100) == 0
