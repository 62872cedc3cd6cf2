"""Small nodes of somebody who has nothing of ours: JavaScript, as for Gossip Glomers."""

import shutil
from pathlib import Path

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.running import runner

NODES = Path(__file__).parent / "nodes" / "javascript"

CHALLENGES = {
    "broadcast": "--node-count 5 --rate 30 --nemesis partition",
    "g_counter": "--node-count 3 --rate 30 --nemesis partition",
    "kafka": "--node-count 2 --concurrency 2n --rate 200",
    "txn_rw_register": "--node-count 2 --concurrency 2n --rate 200 --availability total "
    "--consistency-models read-committed --nemesis partition",
}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
@pytest.mark.parametrize("name", CHALLENGES)
def test_a_node_in_javascript_passes_its_challenge(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "REST_NS", 1_500_000_000)
    words = ["test", "-w", name.replace("_", "-"), *CHALLENGES[name].split()]
    run = ["--time-limit", "3", "--seed", "2", "--store", str(tmp_path)]
    status = main([*words, *run, "--bin", "node", "--", str(NODES / f"{name}.js")])
    assert status == 0, capsys.readouterr().out
