"""What the workloads ask: their generators, set-up, exchanges and final phases."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from vsr_node.bench.nodes.mistakes import WireError
from vsr_node.bench.workloads import WORKLOADS, Parameters, Setting, Workload
from vsr_node.bench.workloads.broadcast import TOPOLOGIES
from vsr_node.bench.workloads.transactions import Drawing
from vsr_node.bench.workloads.workload import ClientCrashError, Operation


def workload(name: str, **parameters: Any) -> Workload:
    return WORKLOADS[name](Setting(3, 6, Parameters(**parameters)), Random(1))


def drawn(one: Workload, count: int = 4_000) -> list[Operation]:
    return [one.next_operation(number % 6) for number in range(count)]


def exchanged(one: Workload, operation: Operation, *replies: Any, thread: int = 0) -> Any:
    """Carry an operation out with these replies; return its requests and its value."""
    exchange = one.perform(thread, operation)
    requests = []
    reply: Any = None
    for following in (*replies, None):
        try:
            requests.append(next(exchange) if reply is None else exchange.send(reply))
        except StopIteration as end:
            assert following is None, "all replies were taken"
            return requests, end.value
        reply = following
    raise AssertionError("it asks for more")


def shares(operations: list[Operation]) -> dict[str, float]:
    counts = Counter(operation.f for operation in operations)
    return {f: count / len(operations) for f, count in counts.items()}


def test_half_of_the_operations_add_0_1_2_and_half_read() -> None:
    for name, f in (("broadcast", "broadcast"), ("g-set", "add")):
        operations = drawn(workload(name))
        assert shares(operations) == pytest.approx({f: 0.5, "read": 0.5}, abs=0.03)
        added = [operation.value for operation in operations if operation.f == f]
        assert added == list(range(len(added)))


def test_deltas_go_from_minus_5_to_4_and_the_growing_counter_leaves_the_negative_ones_out() -> None:
    operations = drawn(workload("pn-counter"))
    assert shares(operations) == pytest.approx({"add": 0.5, "read": 0.5}, abs=0.03)
    assert {o.value for o in operations if o.f == "add"} == set(range(-5, 5))
    operations = drawn(workload("g-counter"))
    assert shares(operations) == pytest.approx({"add": 1 / 3, "read": 2 / 3}, abs=0.03)
    assert {o.value for o in operations if o.f == "add"} == set(range(5))


@pytest.mark.parametrize(
    ("name", "operation", "request_", "reply", "value"),
    [
        ("unique-ids", ("generate", None), {"type": "generate"}, {"id": [1]}, [1]),
        ("broadcast", ("broadcast", 7), {"type": "broadcast", "message": 7}, {}, 7),
        ("broadcast", ("read", None), {"type": "read"}, {"messages": [7]}, [7]),
        ("g-set", ("add", 7), {"type": "add", "element": 7}, {}, 7),
        ("g-set", ("read", None), {"type": "read"}, {"value": [7]}, [7]),
        ("pn-counter", ("add", -2), {"type": "add", "delta": -2}, {}, -2),
        ("g-counter", ("read", None), {"type": "read"}, {"value": 3}, 3),
    ],
)
def test_requests_and_values_have_maelstroms_fields(
    name: str, operation: Any, request_: Any, reply: Any, value: Any
) -> None:
    asked = Operation(operation[0], None, operation[1])
    ok = {"type": f"{operation[0]}_ok", "in_reply_to": 1} | reply
    assert exchanged(workload(name), asked, ok) == ([request_], value)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("broadcast", {"messages": {"0": 1}}),
        ("broadcast", {"value": []}),
        ("g-set", {"value": 3}),
        ("g-counter", {"value": "3"}),
        ("pn-counter", {"value": True}),
    ],
)
def test_a_read_of_another_type_is_malformed(name: str, reply: Any) -> None:
    with pytest.raises(WireError, match="malformed"):
        exchanged(workload(name), Operation("read", None, None), {"type": "read_ok"} | reply)


def test_the_topology_is_what_was_asked_for() -> None:
    names = [f"n{number}" for number in range(5)]
    (body,) = workload("broadcast").set_up(names)
    assert body["type"] == "topology"
    assert body["topology"] == {
        "n0": ["n3", "n1"],
        "n1": ["n4", "n2", "n0"],
        "n2": ["n1"],
        "n3": ["n0", "n4"],
        "n4": ["n1", "n3"],
    }
    assert TOPOLOGIES["line"](names[:3]) == {"n0": ["n1"], "n1": ["n0", "n2"], "n2": ["n1"]}
    assert TOPOLOGIES["tree3"](names)["n0"] == ["n1", "n2", "n3"]
    assert TOPOLOGIES["tree"](names)["n1"] == ["n0", "n3", "n4"]
    assert TOPOLOGIES["total"](names)["n2"] == ["n0", "n1", "n3", "n4"]
    for make in TOPOLOGIES.values():
        for count in (1, 2, 3, 10, 25):
            neighbours = make([str(number) for number in range(count)])
            pairs = {(one, other) for one in neighbours for other in neighbours[one]}
            assert pairs == {(other, one) for one, other in pairs}, "both ways"
    assert not workload("g-set").set_up(names)


def test_a_thread_reads_once_in_the_end() -> None:
    for name in ("broadcast", "g-set", "g-counter", "pn-counter"):
        one = workload(name)
        assert list(one.final(2)) == [Operation("read", None, None, is_final=True)]
    assert not WORKLOADS["unique-ids"].has_final_phase


def test_keys_of_transactions_are_drawn_by_weight_and_replaced_after_enough_writes() -> None:
    drawing = Drawing(Random(1), Parameters(key_count=3, max_writes_per_key=4))
    drawn_ones = [drawing.operation() for _ in range(3_000)]
    written: dict[int, list[int]] = {}
    for key, element in drawn_ones:
        if element is not None:
            written.setdefault(key, []).append(element)
    assert all(elements == list(range(1, len(elements) + 1)) for elements in written.values())
    assert {len(written[key]) for key in sorted(written)[:-3]} == {4}
    # A fifth draw of a write is made again, and half of those become reads.
    reads = sum(element is None for _, element in drawn_ones)
    assert reads == pytest.approx(3_000 * 5 / 9, abs=100)
    first = Counter(Drawing(Random(seed), Parameters()).operation()[0] for seed in range(2_000))
    assert first[9] > first[8] > first[7] > first[5]


SEND = Operation("send", None, [["send", "4", 1]])
POLL = Operation("poll", None, [["poll"]])


def test_kafka_mixes_sends_polls_assignments_and_crashes() -> None:
    operations = drawn(workload("kafka", rate=10.0), 20_000)
    found = shares(operations)
    assert found["assign"] == pytest.approx(1 / 64, abs=0.005)
    assert found["crash"] == pytest.approx(6 / 30 / 10, abs=0.005)
    assert found["send"] == pytest.approx(found["poll"], abs=0.05)
    assert {type(key) for o in operations if o.f == "assign" for key in o.value} == {str}


def test_a_send_gets_its_offset() -> None:
    reply = {"type": "send_ok", "offset": 9}
    requests, value = exchanged(workload("kafka"), SEND, reply)
    assert requests == [{"type": "send", "key": "4", "msg": 1}]
    assert value == [["send", "4", [9, 1]]]
    with pytest.raises(WireError):
        exchanged(workload("kafka"), SEND, {"type": "send_ok", "offset": "9"})


def assigned(one: Workload, keys: list[str], committed: dict[str, int]) -> Any:
    reply = {"type": "list_committed_offsets_ok", "offsets": committed}
    requests, value = exchanged(one, Operation("assign", None, keys), reply)
    assert requests == [{"type": "list_committed_offsets", "keys": keys}]
    assert value == keys


def polled(one: Workload, offsets: Any, messages: Any) -> None:
    replies = [{"type": "poll_ok", "msgs": messages}]
    if any(messages.values()):
        replies.append({"type": "commit_offsets_ok"})
    requests, value = exchanged(one, POLL, *replies)
    assert requests[0] == {"type": "poll", "offsets": offsets}
    highest = {key: pairs[-1][0] for key, pairs in messages.items() if pairs}
    assert requests[1:] == ([{"type": "commit_offsets", "offsets": highest}] if highest else [])
    assert value == [["poll", messages]]


def test_a_poll_commits_what_it_got_and_goes_on_behind_it() -> None:
    one = workload("kafka")
    polled(one, {}, {})
    assigned(one, ["4", "5"], {"4": 2})
    polled(one, {"4": 2, "5": 0}, {"4": [[2, "a"], [3, "b"]], "5": []})
    polled(one, {"4": 4, "5": 0}, {})
    assigned(one, ["4", "6"], {"4": 0, "6": 1})
    polled(one, {"4": 4, "6": 1}, {})
    one.on_new_process(0)
    polled(one, {}, {})


def test_a_poll_whose_commit_fails_moved_its_place_all_the_same() -> None:
    one = workload("kafka")
    assigned(one, ["4"], {})
    exchange = one.perform(0, POLL)
    next(exchange)
    commit = exchange.send({"type": "poll_ok", "msgs": {"4": [[0, "a"]]}})
    assert commit == {"type": "commit_offsets", "offsets": {"4": 0}}
    polled(one, {"4": 1}, {})


@pytest.mark.parametrize("messages", [[], {"4": {}}, {"4": [[1]]}, {"4": [["1", 2]]}, {"4": None}])
def test_polls_of_another_shape_are_malformed(messages: Any) -> None:
    with pytest.raises(WireError):
        exchanged(workload("kafka"), POLL, {"type": "poll_ok", "msgs": messages})


def test_kafka_ends_with_a_new_client_that_polls_all_there_is() -> None:
    one = workload("kafka")
    assert list(one.final(0)) == [], "nothing was sent"
    exchanged(one, SEND, {"type": "send_ok", "offset": 1})
    final = one.final(0)
    crash = next(final)
    assert (crash.f, crash.is_final) == ("crash", True)
    with pytest.raises(ClientCrashError):
        next(one.perform(0, crash))
    one.on_new_process(0)
    assign = next(final)
    assert exchanged(one, assign) == ([], ["4"])
    assert next(final) == POLL._replace(is_final=True)
    polled(one, {"4": 0}, {"4": [[0, "a"]]})
    assert next(final).f == "poll"
    polled(one, {"4": 1}, {"4": [[1, "b"]]})
    assert next(final, None) is None
