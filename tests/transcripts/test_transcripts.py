"""Scenarios of the protocol as golden text: each file beside this one reads like a story.

A change of behaviour shows as a diff. After `pytest tests/transcripts --update-transcripts`, read
the diff: every line of it must be what you meant.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from vsr_node.core.status import Status
from vsr_node.simulation.scenario import Scenario

HERE = Path(__file__).parent
WRITE_1 = ("write", '"x"', "1")
WRITE_2 = ("write", '"x"', "2")
READ = ("read", '"x"')


def begin(title: str, replica_count: int = 3) -> Scenario:
    scenario = Scenario(replica_count)
    scenario.tell(title)
    scenario.run(milliseconds=100)
    return scenario


def normal_case() -> Scenario:
    scenario = begin("Requests at the primary and at a backup: each is answered where it was sent.")
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=10)
    scenario.request("c2", READ, to="n2")
    scenario.run(milliseconds=300)
    return scenario


def normal_case_of_five() -> Scenario:
    scenario = begin("A quorum of five is three: the primary answers, whoever was asked.", 5)
    scenario.request("c1", WRITE_1, to="n4")
    scenario.run(milliseconds=150)
    return scenario


def lost_prepare() -> Scenario:
    scenario = begin("A PREPARE is lost on the way to n2, which notices at the next one.", 5)
    scenario.cut("n0", "n2", both_ways=False)
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=5)
    scenario.mend("n0", "n2", both_ways=False)
    scenario.request("c1", WRITE_2, to="n0")
    scenario.run(milliseconds=200)
    return scenario


def primary_dies_before_commit() -> Scenario:
    scenario = begin("n0 dies when its PREPARE has reached the first backup alone.", 5)
    scenario.crash("n0", after_outputs=1)
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=600)
    scenario.tell("The client asks n3. The one replica that held the request brought it along.")
    scenario.request_again("c1", to="n3")
    scenario.run(milliseconds=150)
    return scenario


def primary_dies_after_commit() -> Scenario:
    scenario = begin("n0 answers its client and dies before it told the backups to commit.", 5)
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=2)
    scenario.crash("n0", after_outputs=1)
    scenario.run(milliseconds=600)
    scenario.tell("The next view has the write.")
    scenario.request("c2", READ, to="n2")
    scenario.run(milliseconds=150)
    return scenario


def two_view_changes_in_a_row() -> Scenario:
    scenario = begin("n0 and n1 die at once: view 1 has no primary, view 2 has.", 5)
    scenario.crash("n0")
    scenario.crash("n1")
    scenario.run(milliseconds=2500)
    scenario.request("c1", WRITE_1, to="n4")
    scenario.run(milliseconds=150)
    return scenario


def farewell() -> Scenario:
    scenario = begin("n0 is stopped in good order, and says so: nobody waits for a time-out.", 5)
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=20)
    scenario.stop("n0")
    scenario.run(milliseconds=20)
    scenario.request("c2", WRITE_2, to="n2")
    scenario.run(milliseconds=150)
    return scenario


def lagging_replica() -> Scenario:
    scenario = begin("n2 is dead while the others work, comes back, and fetches what it missed.")
    scenario.crash("n2")
    for _ in range(3):
        scenario.request("c1", WRITE_1, to="n0")
        scenario.run(milliseconds=10)
    scenario.restart("n2")
    scenario.run(milliseconds=400)
    return scenario


def partitioned_primary_comes_back() -> Scenario:
    scenario = begin("n0 is cut off with a write that nobody else has.")
    scenario.cut("n0")
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=800)
    scenario.tell("The others have a new primary, which serves.")
    scenario.request("c2", WRITE_2, to="n2")
    scenario.run(milliseconds=50)
    scenario.tell("n0 comes back: it deposes nobody, and its write, sent again, comes second.")
    scenario.mend("n0")
    scenario.run(milliseconds=800)
    return scenario


def retry_through_another_replica() -> Scenario:
    scenario = begin("A client repeats a request that was executed, through two other replicas.")
    scenario.request("c1", ("cas", '"x"', "0", "1", True), to="n0")
    scenario.run(milliseconds=10)
    scenario.request_again("c1", to="n1")
    scenario.request_again("c1", to="n2")
    scenario.run(milliseconds=10)
    return scenario


def lagging_replica_gets_a_checkpoint() -> Scenario:
    scenario = Scenario(checkpoint_interval=2)
    scenario.tell("n2 is dead while the others work, and drop the log that it would need.")
    scenario.run(milliseconds=100)
    scenario.crash("n2")
    scenario.run(milliseconds=400)
    for _ in range(9):
        scenario.request("c1", WRITE_1, to="n0")
        scenario.run(milliseconds=10)
    scenario.restart("n2")
    scenario.run(milliseconds=200)
    return scenario


def recovery() -> Scenario:
    scenario = begin("n2 loses the end of its log, and does not know what it acknowledged.")
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=100)
    scenario.crash_and_lose_log("n2")
    scenario.run(milliseconds=10)
    scenario.restart("n2")
    scenario.run(milliseconds=100)
    return scenario


def recovery_of_the_primary() -> Scenario:
    scenario = begin("The primary loses its log: it recovers from the next view's primary.")
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=100)
    scenario.crash_and_lose_log("n0")
    scenario.run(milliseconds=10)
    scenario.restart("n0")
    scenario.run(milliseconds=2_000)
    return scenario


def quorum_read() -> Scenario:
    scenario = Scenario(quorum_reads=True)
    scenario.tell("A backup asks the primary, and answers from its own state.")
    scenario.run(milliseconds=100)
    scenario.request("c1", WRITE_1, to="n0")
    scenario.run(milliseconds=10)
    scenario.request("c2", READ, to="n1")
    scenario.run(milliseconds=10)
    scenario.tell("Without its answer all are asked. One has what n1 has not yet and waits for.")
    scenario.cut("n0", "n1", both_ways=False)
    scenario.request("c1", WRITE_2, to="n2")
    scenario.run(milliseconds=4)
    scenario.request("c2", READ, to="n1")
    scenario.run(milliseconds=35)
    scenario.mend("n0", "n1", both_ways=False)
    scenario.run(milliseconds=250)
    return scenario


def quorum_read_at_a_deposed_primary() -> Scenario:
    scenario = Scenario(quorum_reads=True)
    scenario.tell("n0 is cut off, and the others write on in a new view.")
    scenario.run(milliseconds=100)
    scenario.cut("n0")
    scenario.run(milliseconds=800)
    scenario.request("c1", WRITE_1, to="n1")
    scenario.run(milliseconds=10)
    scenario.tell("n0 still thinks that it is in view 0, where nobody answers it any more.")
    scenario.request("c2", READ, to="n0")
    scenario.run(milliseconds=10)
    scenario.mend("n0")
    scenario.run(milliseconds=800)
    return scenario


SCENARIOS = (
    normal_case,
    normal_case_of_five,
    lost_prepare,
    primary_dies_before_commit,
    primary_dies_after_commit,
    two_view_changes_in_a_row,
    farewell,
    lagging_replica,
    partitioned_primary_comes_back,
    retry_through_another_replica,
    lagging_replica_gets_a_checkpoint,
    recovery,
    recovery_of_the_primary,
    quorum_read,
    quorum_read_at_a_deposed_primary,
)


@pytest.mark.parametrize("tell", SCENARIOS, ids=lambda tell: tell.__name__)
def test_scenario_reads_as_before(
    tell: Callable[[], Scenario], pytestconfig: pytest.Config
) -> None:
    text = tell().text()
    golden = HERE / f"{tell.__name__}.txt"
    if pytestconfig.getoption("--update-transcripts", default=False):
        golden.write_text(text)
    assert text == golden.read_text(), (
        "if the change is what you meant: pytest tests/transcripts --update-transcripts"
    )


@pytest.mark.parametrize("tell", SCENARIOS, ids=lambda tell: tell.__name__)
def test_all_replicas_that_live_agree_at_the_end(tell: Callable[[], Scenario]) -> None:
    scenario = tell()
    replicas = [
        replica
        for name in scenario.host(scenario.primary).replica.membership.members  # type: ignore[union-attr]
        if (replica := scenario.host(name).replica) is not None
    ]
    assert {replica.status for replica in replicas} == {Status.NORMAL}
    assert len({replica.commit_number for replica in replicas}) == 1
    assert len({replica.view_number for replica in replicas}) == 1
