"""Seeds on a Dask cluster: a real one, of two processes on this machine."""

from collections.abc import Iterator

import pytest

from vsr_node.simulation.__main__ import main

distributed = pytest.importorskip("distributed")

# What Dask's own code warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def scheduler() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address


def test_seeds_are_spread_over_a_cluster(
    scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--seeds", "0..8", "--scheduler", scheduler]) == 0
    on_the_cluster = capsys.readouterr().out
    assert main(["--seeds", "0..8", "--jobs", "1"]) == 0
    here = capsys.readouterr().out
    assert "no violation" in on_the_cluster
    # All but the last lines, which tell of time, are counts of what was reached.
    assert on_the_cluster.splitlines()[:-3] == here.splitlines()[:-3]
