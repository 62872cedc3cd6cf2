"""What happened to each node, from a run's faults, messages and the bench's guesses."""

from pathlib import Path
from typing import Any

from tests.report.conftest import MS
from vsr_node.checker.history import Json
from vsr_node.report.lanes import Lane, lanes_of
from vsr_node.report.messages import Messages, Sighting
from vsr_node.report.node_logs import load_node_logs
from vsr_node.report.recorded_run import FaultSpan, RecordedRun

NODES = ["n0", "n1", "n2"]


def fault(name: str, begin: int, end: int | None, value: Json) -> FaultSpan:
    return FaultSpan(name, "", begin * MS, None if end is None else end * MS, value)


def seen(node: str, time: int, number: int, field: str = "view_number") -> Sighting:
    return Sighting(node, time * MS, number, field)


def lanes(
    faults: list[FaultSpan] | None = None,
    sightings: list[Sighting] | None = None,
    starts: dict[str, list[int]] | None = None,
    results: dict[str, Any] | None = None,
) -> dict[str, Lane]:
    run = RecordedRun("run", [], faults or [], results or {})
    messages = Messages(
        members=NODES,
        sightings=sightings or [],
        starts={node: [time * MS for time in times] for node, times in (starts or {}).items()},
    )
    return {lane.node: lane for lane in lanes_of(run, messages)}


def conditions(lane: Lane) -> list[tuple[int, int | None, str, bool, str]]:
    return [(*_ms(each.span), each.kind, each.whole, each.text) for each in lane.conditions]


def leads(lane: Lane) -> list[tuple[int, int | None]]:
    return [_ms(span) for span in lane.leads]


def _ms(span: tuple[int, int | None]) -> tuple[int, int | None]:
    return span[0] // MS, None if span[1] is None else span[1] // MS


def test_the_primary_of_a_later_epoch_is_that_of_its_members_in_their_order() -> None:
    run = RecordedRun("run", [], [], {})
    epoch = 1 << 32
    sightings = [seen(node, 1, 0) for node in NODES] + [seen(node, 9, epoch) for node in NODES]
    messages = Messages(members=NODES, sightings=sightings, epochs={1: ["n2", "n0"]})
    found = {lane.node: leads(lane) for lane in lanes_of(run, messages)}
    assert found == {"n0": [(1, 9)], "n1": [], "n2": [(9, None)]}


def test_a_node_that_is_chosen_as_a_member_is_so_until_the_change_is_answered() -> None:
    change = fault("reconfigure", 3, 8, {"nodes": ["n1"], "asked": "n0"})
    found = lanes([change])
    assert conditions(found["n1"]) == [(3, 8, "chosen", False, "chosen")]
    assert conditions(found["n0"]) == []


def test_a_killed_node_is_down_until_it_is_initialized_again() -> None:
    kill = fault("kill", 100, 200, {"nodes": ["n1"]})
    lane = lanes([kill], starts={"n1": [5, 260]})["n1"]
    assert conditions(lane) == [
        (100, 200, "killed", True, "killed"),
        (200, 260, "starting", True, "n1 starts again"),
    ]


def test_kills_one_after_the_other_last_until_the_nodes_are_started_again() -> None:
    faults = [fault("kill", 1, 3, {"nodes": ["n0"]}), fault("kill", 3, 9, {"nodes": ["n1"]})]
    found = lanes(faults)
    assert conditions(found["n0"]) == [(1, 9, "killed", True, "killed")]
    assert conditions(found["n1"]) == [(3, 9, "killed", True, "killed")]


def test_a_fault_is_on_the_lanes_of_the_nodes_that_it_hit() -> None:
    pause = fault("pause", 100, 200, {"nodes": ["n0", "n1"]})
    found = lanes([pause], results={"faults": [{"nodes": ["n1"]}]})
    assert conditions(found["n0"]) == []
    assert conditions(found["n1"]) == [(100, 200, "paused", True, "paused")]


def test_a_pause_ends_when_the_paused_process_is_killed() -> None:
    faults = [fault("pause", 1, 9, {"nodes": ["n0"]}), fault("kill", 4, None, {"nodes": ["n0"]})]
    assert conditions(lanes(faults)["n0"]) == [
        (1, 4, "paused", True, "paused"),
        (4, None, "killed", True, "killed"),
    ]


def test_a_node_that_lost_its_majority_is_cut_off_and_others_are_cut_from_it() -> None:
    cuts: Json = {"n0": ["n1"], "n1": ["n0", "n2"], "n2": ["n1"]}
    found = lanes([fault("partition", 1, 2, {"cuts": cuts})])
    assert conditions(found["n1"]) == [(1, 2, "cut", True, "cut from n0 n2")]
    assert conditions(found["n2"]) == [(1, 2, "cut", False, "cut from n1")]


def test_jepsens_cuts_count_and_one_way_cuts_are_named() -> None:
    found = lanes([fault("partition", 1, 2, ["isolated", {"n0": ["n1"]}])])
    assert conditions(found["n0"]) == [(1, 2, "cut", False, "hears no n1")]
    assert conditions(found["n1"]) == [(1, 2, "cut", False, "not heard by n0")]
    assert conditions(found["n2"]) == []


def test_slow_links_are_whole_if_all_links_of_the_node_are_slow() -> None:
    links: Json = [["n0", "n1"], ["n1", "n0"], ["n0", "n2"], ["n2", "n0"]]
    found = lanes([fault("slow", 1, 2, {"links": links, "ms": 100.0})])
    assert conditions(found["n0"]) == [(1, 2, "slowed", True, "slow by 100 ms, with n1 n2")]
    assert conditions(found["n1"]) == [(1, 2, "slowed", False, "slow by 100 ms, with n0")]


def test_a_node_that_ended_by_itself_runs_no_more() -> None:
    mistake = {"kind": "exited", "node": "n2", "time": 7 * MS, "detail": "it ended"}
    found = lanes(starts={"n2": [1]}, results={"mistakes": {"first": [mistake]}})
    assert conditions(found["n2"]) == [(7, None, "ended", True, "it ended")]


def test_the_primary_leads_until_that_of_a_later_view_does() -> None:
    found = lanes(
        sightings=[seen("n0", 1, 0), seen("n1", 2, 0), seen("n1", 50, 1), seen("n0", 90, 1)]
    )
    assert leads(found["n0"]) == [(1, 50)]
    assert leads(found["n1"]) == [(50, None)]
    assert [(_ms(span), view) for span, view in found["n0"].views] == [
        ((1, 90), 0),
        ((90, None), 1),
    ]


def test_no_node_leads_while_it_is_dead_or_paused() -> None:
    faults = [
        fault("pause", 10, 20, {"nodes": ["n0"]}),
        fault("kill", 30, 40, {"nodes": ["n0"]}),
    ]
    sightings = [seen("n0", 1, 0), seen("n0", 50, 0)]
    found = lanes(faults, sightings, {"n0": [0, 48]})["n0"]
    assert leads(found) == [(1, 10), (20, 30), (50, None)]
    assert [_ms(span) for span, _ in found.views] == [(1, 30), (50, None)]


def guesses(*since: tuple[int, str]) -> dict[str, Any]:
    return {"page": {"leaders": [{"since_ns": time * MS, "node": node} for time, node in since]}}


def test_a_leader_by_terms_leads_since_it_entered_its_term() -> None:
    sightings = [seen("n0", 10, 1, "term"), seen("n2", 2000, 2, "term")]
    found = lanes(sightings=sightings, results=guesses((250, "n0"), (2500, "n2")))
    assert leads(found["n0"]) == [(10, 2000)]
    assert leads(found["n2"]) == [(2000, None)]


def test_a_guess_that_outlived_its_node_ends_with_it() -> None:
    kill = fault("kill", 2000, 2200, {"nodes": ["n0"]})
    again = {"n0": [0, 2300]}
    found = lanes([kill], starts=again, results=guesses((250, "n0"), (2750, "n1")))
    assert leads(found["n0"]) == [(250, 2000)]
    assert leads(found["n1"]) == [(2750, None)]
    alone = lanes([kill], starts=again, results=guesses((250, "n0")))
    assert leads(alone["n0"]) == [(250, 2000), (2300, None)]


# --- Logs ----------------------------------------------------------------------------------------


def test_logs_are_in_order_of_time_and_old_ones_have_no_times(tmp_path: Path) -> None:
    (tmp_path / "n0.log").write_text("[    1.000002] late\n[    0.500000] panicked at 3\n")
    (tmp_path / "n1.log").write_bytes(b"[1] no time \xff\n")
    lines = load_node_logs(tmp_path, [])
    assert [(line.time, line.node, line.text, line.alarming) for line in lines] == [
        (-1, "n1", "[1] no time \\xff", False),
        (500_000_000, "n0", "panicked at 3", True),
        (1_000_002_000, "n0", "late", False),
    ]
    assert load_node_logs(tmp_path / "none", []) == []


def test_of_a_long_log_the_end_and_what_is_in_focus_are_kept(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("vsr_node.report.node_logs.LINES_MAX", 3)
    (tmp_path / "n0.log").write_text("".join(f"[{n:5}.000000] {n}\n" for n in range(10)))
    lines = load_node_logs(tmp_path, [(2_000_000_000, 3_000_000_000)])
    assert [line.text for line in lines] == ["2", "3", "7", "8", "9"]
