"""A run recorded for a page: the same run, each replica's inside, each message's way."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vsr_node.core.messages import Commit
from vsr_node.report import ReplicaState
from vsr_node.shell_command import command_here
from vsr_node.simulation.__main__ import main
from vsr_node.simulation.page import Asked, draw_page
from vsr_node.simulation.plan import draw
from vsr_node.simulation.recording import Recording
from vsr_node.simulation.run import Failure, execute
from vsr_node.simulation.timeline import NANOSECONDS_PER_MICROSECOND
from vsr_node.simulation.transcript import describe, describe_entry, is_of_message

SEEDS = (1, 5, 13)
STATE = re.compile(
    r"^(\w+) is (\w+) +view (\d+) \(last normal (\d+)\), op (\d+), commit (\d+)$", re.MULTILINE
)


@pytest.fixture(scope="module", params=SEEDS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(draw(request.param))


Log = dict[int, str]


def states(recording: Recording) -> Iterator[tuple[list[ReplicaState], list[Log]]]:
    """After each step what its changes and those before add up to: the replicas and their logs."""
    present: dict[int, ReplicaState] = {}
    logs: list[Log] = [{} for _ in recording.names]
    for step in recording.steps.taken:
        for change in step.changes:
            present[change.replica] = state = change.state
            before = logs[change.replica]
            kept = range(state.first_op_number, change.changed_from)
            logs[change.replica] = {op: before[op] for op in kept}
            logs[change.replica] |= dict(enumerate(change.entries, change.changed_from))
        yield [present[replica] for replica in range(len(logs))], logs


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_watched_goes_as_if_nobody_looked(seed: int) -> None:
    recording = Recording(draw(seed))
    outcome = execute(draw(seed), transcript_length=None)
    assert recording.lines == outcome.transcript.lines
    assert recording.run.timeline.event_count == outcome.event_count


def test_the_changes_add_up_to_what_the_replicas_became(recording: Recording) -> None:
    *_, (last, logs) = states(recording)
    for host, state, log in zip(recording.run.cluster.hosts, last, logs, strict=True):
        replica = host.replica
        assert replica is not None
        assert state == ReplicaState(
            "saving" if host.is_saving else "running",
            replica.status.value,
            replica.view_number,
            replica.last_normal_view,
            replica.op_number,
            replica.commit_number,
            replica.checkpoint.op_number,
            replica.log.first_op_number,
        )
        assert log == {
            op: describe_entry(replica.log[op])
            for op in range(replica.log.first_op_number, replica.op_number + 1)
        }


def test_the_changes_add_up_to_what_the_transcript_tells_on_the_way(recording: Recording) -> None:
    count = 0
    for step, (present, logs) in zip(recording.steps.taken, states(recording), strict=True):
        told = {match[1]: match.groups()[1:] for match in STATE.finditer(step.text)}
        for name, expected in told.items():
            replica = recording.names.index(name)
            state = present[replica]
            seen = (state.status, state.view_number, state.last_normal_view)
            if state.condition == "down":
                continue  # It crashed in that turn: it is what it saved.
            assert (*map(str, (*seen, state.op_number, state.commit_number)),) == expected
            assert [*logs[replica]] == [*range(state.first_op_number, state.op_number + 1)]
            count += 1
    assert count > 5


def test_each_message_arrives_where_and_when_the_transcript_says(recording: Recording) -> None:
    steps = recording.steps
    flights = recording.traffic.flights
    for flight, departure, arrival in zip(flights, steps.departures, steps.arrivals, strict=True):
        told = describe("arrives", (flight.source, flight.destination, flight.message))
        if flight.fate in ("lost", "cut"):
            assert arrival == -1
            assert f"{told} [{flight.fate}]" in steps.taken[departure].text
        elif flight.fate in ("delivered", "repeated"):
            assert departure < arrival
            assert steps.taken[departure].time == flight.sent * NANOSECONDS_PER_MICROSECOND
            assert steps.taken[arrival].time == flight.ended * NANOSECONDS_PER_MICROSECOND
            assert told in steps.taken[arrival].text
    for kind, fates in (("lost", {"lost"}), ("arrives", {"delivered", "repeated", "dropped"})):
        of_kind = [line for line in recording.lines if line[1] == kind]
        assert len(of_kind) <= sum(flight.fate in fates for flight in flights)


def test_every_request_is_known_by_its_client_and_node(recording: Recording) -> None:
    asked = Asked(recording.traffic)
    events = [asked.take(event) for event in recording.run.history.events()]
    invocations = [event for event in events if event.type == "invoke"]
    known = [event for event in invocations if event.node is not None]
    assert all(event.node in recording.names for event in known)
    assert sum(map(len, asked.requests.values())) == len(known)
    # What waits for a session is sent later than it was asked.
    if recording.run.plan.limits.registered:
        assert known
    else:
        assert known == invocations


def test_a_replica_is_down_until_it_is_restarted(recording: Recording) -> None:
    down = [fault for fault in recording.faults if fault.name == "down"]
    restarts = [details[0] for _, kind, details in recording.lines if kind == "restart"]
    assert sorted(fault.text for fault in down) == sorted(restarts)
    assert all(fault.end is not None and fault.begin < fault.end for fault in down)


def test_a_seed_always_gives_the_same_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [tmp_path / "first.html", tmp_path / "second.html"]
    for page in pages:
        assert main(["--seed", "7", "--events", "1", "--html", str(page)]) == 0
        assert f"page in {page.as_uri()}" in capsys.readouterr().out
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert command_here("simulate", "--seed", "7") in pages[0].read_text()


def test_a_page_that_can_not_be_written_changes_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert main(["--seed", "7", "--events", "1", "--html", str(folder)]) == 0
    told = capsys.readouterr()
    assert "no violation" in told.out
    assert "no page: " in told.err
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--seed", "7", "--html", "no/such/page.html"], "there is no folder no/such"),
        (["--mutations", "--html", "page.html"], "mutations have no page"),
    ],
)
def test_where_a_page_can_go_is_checked_first(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert problem in capsys.readouterr().err


def test_what_failed_is_told(tmp_path: Path) -> None:
    failure = Failure("leader-completeness", "n1 begins view 4 without <op 228>")
    page = tmp_path / "page.html"
    draw_page(replace(execute(draw(7)), failure=failure), page, "again")
    text = page.read_text()
    assert "✗ Not valid" in text
    assert "VIOLATION of leader-completeness: n1 begins view 4 without &lt;op 228&gt;" in text


def test_three_cut_links_are_no_message() -> None:
    links = ("n0->n1", "n1->n2", "n2->n0")
    assert not is_of_message("cut", links)
    assert describe("cut", links).startswith("*** cut ")
    assert is_of_message("cut", ("n0", "n1", Commit(0, 0, 0, 0)))
