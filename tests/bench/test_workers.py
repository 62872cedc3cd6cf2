"""Clients and workers, in virtual time, at nodes that the tests play."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.running.thorough_workers import ThoroughWorkers
from vsr_node.bench.running.workers import Work, Workers
from vsr_node.bench.workloads import Setting
from vsr_node.bench.workloads.echo import Echo
from vsr_node.bench.workloads.lin_kv import LinKv
from vsr_node.checker import load_history
from vsr_node.checker.history import Event

MS = 1_000_000
SECOND = 1_000 * MS

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class Trial:
    """Workers of lin-kv whose requests `answer` answers, after a delay."""

    def __init__(self, world: Any, folder: Path, answer: Answer, **options: Any) -> None:
        self.world = world
        self.time = world.time
        self.answer = answer
        self.delay = options.get("delay", MS)
        self.nodes = sorted(world.got)
        for name in self.nodes:
            world.network.add_node(name, Port(self, name))
        concurrency = options.get("concurrency", 4 * len(self.nodes))
        timers = world.time.timers
        lines, text = LogFile(folder / "history.jsonl"), LogFile(folder / "history.txt")
        self.files = [lines, text]
        self.history = History(timers.now, lines, text)
        self.ground = RunGround(timers, world.mistakes, world.network, self.history, print)
        self.kind: type[Workers] = options.get("kind", Workers)
        thorough = self.kind is ThoroughWorkers
        self.workload = LinKv(Setting(len(self.nodes), concurrency, thorough=thorough), Random(2))
        self.client_count = 0
        self.clients = [self.new_client() for _ in range(concurrency)]
        self.rate = options.get("rate", 100)
        self.faults_at = options.get("faults_at", ())

    def new_client(self) -> Client:
        self.client_count += 1
        return Client(f"c{self.client_count - 1}", self.world.network, self.time.timers)

    def run(self, seconds: float) -> list[Event]:
        self.workers = self.kind(
            self.ground,
            Work(self.workload, self.clients, SECOND, self.new_client),
            Random(1),
            self.nodes,
            rate=self.rate,
            time_limit_ns=int(seconds * SECOND),
        )
        self.workers.start()
        for at in self.faults_at:
            timers = self.time.timers
            timers.call_at(self.time.now + int(at * SECOND), self.workers.on_fault)
        patience_s = 2 if self.kind is Workers else 9
        self.time.run_until(self.time.now + int((seconds + patience_s) * SECOND))
        assert self.workers.done
        for file in self.files:
            file.close()
        return self.history.events


class Port:
    """Answers as the trial says."""

    def __init__(self, trial: Trial, name: str) -> None:
        self.trial = trial
        self.name = name

    def write(self, payload: bytes) -> bool:
        message = orjson.loads(payload)
        answer = self.trial.answer(message["body"])
        if answer is not None:
            reply = {"in_reply_to": message["body"]["msg_id"]} | answer
            self.trial.time.timers.call_at(
                self.trial.time.now + self.trial.delay,
                self.trial.world.send,
                self.name,
                message["src"],
                reply,
            )
        return True


def ok(body: dict[str, Any]) -> dict[str, Any]:
    value = {"value": 3} if body["type"] == "read" else {}
    return {"type": f"{body['type']}_ok"} | value


def silent(body: dict[str, Any]) -> None:
    del body


def failing(code: int) -> Answer:
    return lambda body: {"type": "error", "code": code, "text": "no"}


@pytest.fixture
def make_trial(make_world: Any, tmp_path: Path) -> Callable[..., Trial]:
    def make(answer: Answer, **options: Any) -> Trial:
        return Trial(make_world(nodes=options.pop("nodes", 3)), tmp_path, answer, **options)

    return make


@pytest.mark.parametrize(("concurrency", "reads"), [(6, 1 / 2), (12, 1 / 4), (18, 1 / 6)])
def test_the_rate_is_kept_and_functions_are_mixed(
    make_trial: Any, concurrency: int, reads: float
) -> None:
    events = make_trial(ok, rate=100, concurrency=concurrency).run(50)
    begun = [event for event in events if event.type == "invoke"]
    assert 4_700 < len(begun) < 5_300
    shares = {f: sum(e.f == f for e in begun) / len(begun) for f in ("read", "write", "cas")}
    assert shares["read"] == pytest.approx(reads, abs=0.03)
    assert shares["write"] == pytest.approx((1 - reads) / 3, abs=0.03)
    assert shares["cas"] == pytest.approx((1 - reads) * 2 / 3, abs=0.03)
    values = [event.value for event in begun if event.f == "write"]
    assert set(values) == {0, 1, 2, 3, 4}


def test_each_process_stays_with_its_node_and_the_first_half_of_the_first_group_reads(
    make_trial: Any,
) -> None:
    events = make_trial(ok).run(5)
    for event in events:
        assert event.node == f"n{event.process % 3}"
        assert event.key == event.process // 6
        assert (event.f == "read") == (event.process < 3)


def test_with_all_workers_busy_nothing_is_made_up_for_later(make_trial: Any) -> None:
    trial = make_trial(ok, rate=1_000_000, delay=100 * MS, concurrency=6)
    events = trial.run(2)
    assert sum(event.type == "invoke" for event in events) == 6 * 20
    assert trial.workers.lateness.highest == 0


def test_time_outs_make_reads_fail_and_writes_unknown_under_a_new_process(make_trial: Any) -> None:
    trial = make_trial(silent, rate=10)
    events = trial.run(3)
    completed = [event for event in events if event.type != "invoke"]
    assert completed
    for event in completed:
        assert event.type == ("fail" if event.f == "read" else "info")
        assert event.error == [0, "no reply within 1000 ms"]
    assert trial.workers.time_out_count == len(completed)
    last: dict[Any, str] = {}
    for event in events:
        assert last.get(event.process) != "info"
        last[event.process] = event.type
    assert max(event.process for event in events) >= 12


@pytest.mark.parametrize("code", [1, 10, 11, 12, 14, 20, 21, 22, 30])
def test_definite_errors_fail(make_trial: Any, code: int) -> None:
    events = make_trial(failing(code)).run(1)
    assert {event.type for event in events} == {"invoke", "fail"}
    assert all(event.error == [code, "no"] for event in events if event.type == "fail")


@pytest.mark.parametrize("code", [0, 13, 99, 1000])
def test_other_errors_leave_writes_open(make_trial: Any, code: int) -> None:
    events = make_trial(failing(code)).run(1)
    for event in events:
        if event.type != "invoke":
            assert event.type == ("fail" if event.f == "read" else "info")


def test_a_key_is_left_when_twenty_processes_have_worked_on_it(make_trial: Any) -> None:
    events = make_trial(failing(13), rate=100, concurrency=6).run(20)
    processes: dict[Any, set[Any]] = {}
    for event in events:
        processes.setdefault(event.key, set()).add(event.process)
    assert len(processes) > 10
    assert all(len(group) <= 20 for group in processes.values())
    finished = [len(processes[key]) for key in sorted(processes)[:-2]]
    assert sum(finished) / len(finished) > 17


def test_large_groups_have_a_key_for_as_long_as_it_takes(make_trial: Any) -> None:
    events = make_trial(ok, nodes=12, concurrency=24).run(1)
    assert {event.key for event in events} == {0}


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "read_ok", "value": 1, "extra": 1},
        {"type": "read_ok"},
        {"type": "write_ok", "value": 1},
        {"type": "read_ok", "value": 1, "msg_id": "1"},
        {},
    ],
)
def test_a_malformed_reply_is_told_and_leaves_the_operation_open(
    make_trial: Any, answer: dict[str, Any]
) -> None:
    trial = make_trial(lambda body: answer, rate=20)
    events = trial.run(1)
    told = sum(sum(kinds.values()) for kinds in trial.world.mistakes.counts.values())
    assert told == sum(event.type == "info" for event in events) > 0
    assert {event.type for event in events} == {"invoke", "info"}
    assert "malformed" in trial.world.told[0]


def test_a_reply_may_have_a_msg_id_and_an_error_any_field(make_trial: Any) -> None:
    trial = make_trial(lambda body: ok(body) | {"msg_id": 5})
    assert {event.type for event in trial.run(1)} == {"invoke", "ok"}
    trial = make_trial(lambda body: {"type": "error", "code": 22, "why": {"a": 1}})
    assert {event.type for event in trial.run(1)} == {"invoke", "fail"}


@pytest.mark.parametrize("error", [{"text": "no"}, {"code": "20", "text": "no"}])
def test_an_error_without_a_code_is_indefinite_and_advice(
    make_trial: Any, error: dict[str, Any]
) -> None:
    trial = make_trial(lambda body: {"type": "error"} | error)
    events = trial.run(1)
    for event in events:
        if event.type != "invoke":
            assert event.type == ("fail" if event.f == "read" else "info")
            assert event.error == ["no code", "no"]
    assert trial.world.mistakes.count == 0
    assert trial.world.told[0].startswith("ADVICE to")


def test_late_and_repeated_replies_are_no_mistakes(make_trial: Any) -> None:
    trial = make_trial(ok, delay=1_500 * MS, rate=5)
    events = trial.run(4)
    assert {event.type for event in events} == {"invoke", "fail", "info"}
    assert trial.world.mistakes.count == 0


def test_replies_to_nobody_are_mistakes(make_world: Any) -> None:
    world = make_world()
    client = Client("c0", world.network, world.time.timers)
    client.request("n0", {"type": "read"}, SECOND, lambda body: None)
    for body in ({"type": "read_ok"}, {"in_reply_to": 2}, {"in_reply_to": 0}, {"in_reply_to": "1"}):
        world.send("n0", "c0", body)
    assert world.mistakes.count == 4
    world.send("n1", "c0", {"in_reply_to": 1})
    world.send("n1", "c0", {"in_reply_to": 1})
    assert world.mistakes.count == 4
    assert client.late_reply_count == 1


def test_time_outs_are_ten_latencies_and_at_least_a_second() -> None:
    assert [LinKv.time_out_s(ms) for ms in (0, 50, 1_000)] == [1, 1, 10]


def test_the_time_out_of_an_echo_is_five_seconds() -> None:
    assert [Echo.time_out_s(ms) for ms in (0, 1_000)] == [5, 5]


def test_the_history_on_disk_is_the_one_in_memory(make_trial: Any, tmp_path: Path) -> None:
    trial = make_trial(ok)
    trial.history.record_fault("start-partition", {"kind": "one"})
    events = trial.run(1)
    assert load_history(tmp_path / "history.jsonl") == events
    text = (tmp_path / "history.txt").read_text().splitlines()
    assert len(text) == len(events)
    assert text[0].split("\t")[:3] == ["nemesis", "info", "start-partition"]


def thorough(make_trial: Any, answer: Answer, **options: Any) -> Trial:
    trial: Trial = make_trial(answer, kind=ThoroughWorkers, **options)
    return trial


def test_after_a_fault_all_work_on_other_keys_and_the_present_ones_are_read_everywhere(
    make_trial: Any,
) -> None:
    events = thorough(make_trial, ok, faults_at=[5]).run(10)
    begun = [event for event in events if event.type == "invoke"]
    before = {event.key for event in begun if event.time < 5 * SECOND}
    assert not [e for e in begun if e.time > 5 * SECOND and e.f != "read" and e.key in before]
    soon = {
        (e.key, e.node)
        for e in begun
        if e.f == "read" and 5 * SECOND < e.time < 8 * SECOND and e.key in before
    }
    assert soon == {(key, f"n{number}") for key in before for number in range(3)}


@pytest.mark.parametrize(("faults_at", "times"), [((), 1), ((5, 6), 2)])
def test_when_the_time_is_up_all_keys_are_read_at_all_nodes(
    make_trial: Any, faults_at: Any, times: int
) -> None:
    events = thorough(make_trial, ok, faults_at=faults_at).run(10)
    begun = [event for event in events if event.type == "invoke"]
    last = sorted((e.key, str(e.node)) for e in begun if e.time >= 10 * SECOND)
    changed = {event.key for event in begun if event.f != "read"}
    assert last == sorted([(k, f"n{n}") for k in changed for n in range(3)] * times)


def test_the_last_reads_are_tried_again_and_given_up(make_trial: Any) -> None:
    events = thorough(make_trial, failing(11)).run(2)
    last = [e for e in events if e.type == "invoke" and e.time >= 2 * SECOND]
    assert {event.f for event in last} == {"read"}
    assert len(last) > 12
    assert max(event.time for event in last) > 6 * SECOND


def test_a_worker_that_is_refused_backs_off_and_takes_no_share_of_the_rate(
    make_trial: Any,
) -> None:
    refused: dict[str, Any] = {"type": "error", "code": 11, "text": "no"}
    trial = thorough(make_trial, lambda body: refused if body["type"] == "read" else ok(body))
    events = trial.run(20)
    served = [event for event in events if event.type == "ok"]
    assert 1_700 < len(served) < 2_300
    refusals = [event for event in events if event.type == "fail"]
    times: dict[int | str, list[int]] = {}
    for event in refusals:
        times.setdefault(event.process, []).append(event.time)
    reader = times[0]
    assert len(reader) < 20 * 10
    assert min(later - sooner for sooner, later in pairwise(reader)) > 10 * MS


def test_after_a_fault_readers_do_not_all_wait_for_the_whole_time_out(make_trial: Any) -> None:
    events = thorough(make_trial, silent, faults_at=[1]).run(4)
    begun: dict[int | str, int] = {}
    waited = []
    for event in events:
        if event.type == "invoke":
            begun[event.process] = event.time
        elif event.f == "read" and SECOND < begun[event.process] < 4 * SECOND:
            waited.append(event.time - begun[event.process])
    assert min(waited) < 0.5 * SECOND < max(waited) <= SECOND
    assert len(set(waited)) > len(waited) / 2


def test_while_changes_are_held_at_nodes_their_workers_only_read_back(make_trial: Any) -> None:
    trial = thorough(make_trial, ok, faults_at=[2])
    for at, nodes in ((2, ("n1", "n2")), (4, ("n0", "n1", "n2")), (5, ())):
        trial.time.timers.call_at(at * SECOND, partial(hold, trial, nodes))
    begun = [event for event in trial.run(6) if event.type == "invoke"]
    changes = [event for event in begun if event.f != "read"]
    assert {e.node for e in changes if 2 * SECOND < e.time < 4 * SECOND} == {"n0"}
    assert not [e for e in changes if 4 * SECOND < e.time < 5 * SECOND]
    assert len([e for e in begun if 4 * SECOND < e.time < 5 * SECOND]) > 20
    assert {e.node for e in changes if e.time > 5 * SECOND} == {"n0", "n1", "n2"}
    keys = [{e.key for e in changes if b * SECOND < e.time < (b + 2) * SECOND} for b in (0, 2, 4)]
    assert not keys[0] & keys[1]
    assert not keys[1] & keys[2]


def hold(trial: Trial, nodes: Sequence[str]) -> None:
    trial.workers.hold_changes(nodes)


def test_a_thorough_run_writes_mostly_new_values_and_compares_with_what_was_seen(
    make_trial: Any,
) -> None:
    held: dict[Any, Any] = {}

    def keep(body: dict[str, Any]) -> dict[str, Any]:
        key = body["key"]
        if body["type"] == "read":
            missing = {"type": "error", "code": 20, "text": "no"}
            return {"type": "read_ok", "value": held[key]} if key in held else missing
        if body["type"] == "cas" and held.get(key) != body["from"]:
            return {"type": "error", "code": 22, "text": "no"}
        held[key] = body["to"] if body["type"] == "cas" else body["value"]
        return {"type": f"{body['type']}_ok"}

    events = thorough(make_trial, keep, rate=50).run(20)
    written = [e.value for e in events if e.type == "invoke" and e.f == "write"]
    assert len(set(map(str, written))) > 0.8 * len(written)
    done = [event.type for event in events if event.f == "cas" and event.type != "invoke"]
    assert 0.5 < done.count("ok") / len(done) < 0.8
