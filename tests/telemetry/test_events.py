"""The events themselves: that all come, with their fields, and what they add up to."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.telemetry.trace_check import Findings, check_events, line_of, read_events
from vsr_node.cluster.member import Member
from vsr_node.core.membership import Membership
from vsr_node.core.messages import Parts, Refusal, Reply, Send
from vsr_node.core.replica import Replica
from vsr_node.machines.maelstrom_machine import MaelstromMachine
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import execute
from vsr_node.storage.memory import MemoryStorage
from vsr_node.telemetry.catalogue import EVENTS
from vsr_node.telemetry.dispatch import Event, Telemetry, names_under
from vsr_node.telemetry.json_lines import JsonLines
from vsr_node.telemetry.observer import Observer

SEEDS = (*range(4, 12), 16, 28)
SEED_OF_ALL_SPANS = 3
EXCEPTION = "state_machine.operation.exception"


@cache
def events_of_seed(seed: int) -> list[Event]:
    events: list[Event] = []
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(events.append)
    assert execute(draw(seed), telemetry=telemetry).failure is None
    return events


def findings_of(events: list[Event]) -> Findings:
    return check_events(map(line_of, events))


@pytest.fixture(scope="module")
def findings() -> list[Findings]:
    return [findings_of(events_of_seed(seed)) for seed in SEEDS]


def test_spans_and_sums_are_right_under_all_faults(findings: list[Findings]) -> None:
    assert [each.wrong for each in findings] == [[] for _ in SEEDS]


def test_every_event_but_the_exception_and_those_of_tcp_is_seen(findings: list[Findings]) -> None:
    seen = sum((each.seen for each in findings), Counter[str]())
    of_tcp = names_under(["transport"])
    assert {kind.name for kind in EVENTS} - set(seen) == {EXCEPTION, *of_tcp}


def test_a_seed_is_the_same_run_whether_it_is_watched_or_not() -> None:
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(lambda event: None)
    watched = execute(draw(3), telemetry=telemetry)
    assert list(watched.transcript) == list(execute(draw(3)).transcript)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda event: event | {"event": "state.unheard"}, "in no catalogue"),
        (lambda event: event | {"measurements": {}}, "other fields"),
    ],
)
def test_the_checker_of_traces_notices_a_wrong_event(spoil: object, complaint: str) -> None:
    assert callable(spoil)
    event = {
        "event": "state.commit_advance",
        "at_us": 1,
        "measurements": {"operations_committed": 1},
        "metadata": {"node_id": "n0"},
    }
    assert complaint in check_events([spoil(event)]).wrong[0]


@pytest.mark.parametrize(
    ("name", "noticed_by"),
    [
        ("leadership.start", "leadership.stop"),
        ("state.commit_advance", "state.commit_advance"),
        ("protocol.client_request.start", "protocol.client_request.stop"),
        ("view_change.start", "view_change.complete"),
    ],
)
def test_the_checker_of_traces_notices_a_missing_event(name: str, noticed_by: str) -> None:
    events = without(name, noticed_by, SEED_OF_ALL_SPANS)
    assert events is not None
    assert any(noticed_by in text for text in findings_of(events).wrong)


def without(name: str, noticed_by: str, seed: int) -> list[Event] | None:
    """The events of a seed but for one of that name; the same replica goes on to the other."""
    events = list(events_of_seed(seed))
    seen: dict[object, int] = {}
    for place, event in enumerate(events):
        node = event.metadata["node_id"]
        if event.name == noticed_by and node in seen:
            del events[seen[node]]
            return events
        if event.name == name:
            seen[node] = place
        elif event.metadata.get("old_status") == "starting":
            # A new life begins, and with it everything anew.
            seen.pop(node, None)
    return None


class Brittle:
    """A machine that raises."""

    def apply(self, operation: object) -> object:
        raise ZeroDivisionError("a bug of the machine")

    def read(self, operation: object) -> object:
        return operation

    def snapshot(self) -> Parts:
        return ()

    def restore(self, parts: Parts) -> None:
        pass


def watched_alone(telemetry: Telemetry) -> tuple[Observer, Replica]:
    """A replica alone whose machine raises, and what watches it."""
    observer = Observer(telemetry, lambda: 7)
    replica = Replica(
        name="n0",
        membership=Membership(0, ("n0",)),
        machine=observer.watch(Brittle()),
        now=0,
        random=Random(1),
    )
    observer.begin(replica)
    return observer, replica


def test_an_exception_of_the_machine_is_told_before_it_ends_the_replica() -> None:
    events: list[Event] = []
    telemetry = Telemetry(pytest.fail)
    telemetry.attach(events.append)
    observer, replica = watched_alone(telemetry)
    observer.begin_turn(1)
    replica.on_time(1)
    observer.asked("c1", 1, ("write", "k", "v"))
    replica.on_request("c1", 1, ("write", "k", "v"))
    with pytest.raises(ZeroDivisionError):
        replica.end_turn()
    assert events[-1].name == EXCEPTION
    assert events[-1].metadata["error"] == "ZeroDivisionError: a bug of the machine"
    assert events[-1].metadata["kind"] == "write"


def test_who_begins_to_listen_late_hears_of_what_comes_from_then_on() -> None:
    telemetry = Telemetry(pytest.fail)
    observer, replica = watched_alone(telemetry)
    for now in (1, 2):
        observer.begin_turn(now)
        replica.on_time(now)
        observer.end_turn(replica.end_turn())
    events: list[Event] = []
    attachment = telemetry.attach(events.append)
    observer.begin_turn(3)
    replica.on_time(3)
    observer.end_turn(replica.end_turn())
    assert [event.name for event in events] == ["leadership.start", "driver.turn"]
    telemetry.detach(attachment)
    observer.begin_turn(4)
    replica.on_time(4)
    observer.end_turn(replica.end_turn())
    assert len(events) == 2


def test_a_slow_handler_delays_no_answer_of_its_turn_and_the_replica_goes_on() -> None:
    now_ns, happened = 0, list[str]()

    def block(event: Event) -> None:
        nonlocal now_ns
        if event.name == "protocol.client_request.stop":
            happened.append("handler")
            now_ns += 1_000_000_000

    telemetry = Telemetry(pytest.fail)
    telemetry.attach(block)
    member = alone(telemetry, lambda: now_ns)
    carrier = Answers(happened)
    for number in (1, 2):
        member.begin_turn(now_ns // 1000)
        member.ask("c1", number, ("write", "k", "v"), False)
        member.end_turn(carrier)
    assert happened == ["answer", "handler", "answer", "handler"]
    assert member.replica.is_serving_primary


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("is_full", [True, False])
def test_a_handler_that_fails_is_reported_once_and_clients_have_their_answers(
    is_full: bool,
) -> None:
    def fail(event: Event) -> None:
        raise KeyError(event.name)

    reports, happened = list[str](), list[str]()
    telemetry = Telemetry(reports.append)
    telemetry.attach(JsonLines(Path("/dev/full")) if is_full else fail)
    member = alone(telemetry, lambda: 0)
    for number in (1, 2):
        member.begin_turn(number)
        member.ask("c1", number, ("write", "k", "v"), False)
        member.end_turn(Answers(happened))
    assert happened == ["answer", "answer"]
    (report,) = reports
    assert ("No space left on device" if is_full else "KeyError") in report


class Answers:
    """A carrier that notes when a client is answered."""

    def __init__(self, happened: list[str]) -> None:
        self._happened = happened

    def send(self, sends: Sequence[Send]) -> None:
        pass

    def send_frame(self, destinations: tuple[str, ...], frame: object) -> None:
        pass

    def answer(self, replies: Sequence[Reply | Refusal]) -> None:
        self._happened += ["answer" for each in replies if isinstance(each, Reply)]

    def flush(self) -> None:
        pass


def alone(telemetry: Telemetry, clock_ns: Callable[[], int]) -> Member:
    """A member without others."""
    storage = MemoryStorage()
    return Member(
        name="n0",
        members=("n0",),
        machine=MaelstromMachine(),
        storage=storage,
        durable=storage.load(),
        random=Random(1),
        now=0,
        observer=Observer(telemetry, clock_ns),
    )


def test_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"event": 1}\n', encoding="utf-8")
    (tmp_path / "b").write_text('{"event": 2}\n', encoding="utf-8")
    assert [each["event"] for each in read_events([tmp_path / "a", tmp_path / "b"])] == [1, 2]
