from pathlib import Path

from scripts.soaking.checks import CHECKS
from scripts.soaking.kill_primary import measure
from tests.scripts.conftest import ROOT


def test_a_group_lives_on_and_tells_its_new_view(tmp_path: Path) -> None:
    assert measure([str(ROOT / "run-vsr-node")], 3, tmp_path) > 0
    # What the long checks look for as the sign of a view change is what nodes write.
    (sign,) = {run.never_logged for check in CHECKS for run in check.runs} - {""}
    assert sign in (tmp_path / "n1.log").read_text()
