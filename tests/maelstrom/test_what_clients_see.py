"""Each row of the table "What a client sees" of docs/SPECIFICATION.md, with a real process."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.maelstrom.node_process import NodeProcess


@pytest.fixture
def node() -> Iterator[NodeProcess]:
    """A group of one, initialised."""
    with NodeProcess() as process:
        assert process.init() == {"type": "init_ok", "in_reply_to": 1}
        yield process


@pytest.fixture
def backup() -> Iterator[NodeProcess]:
    """n1 of three; the test plays n0, its primary, and bears no more than 0.2 s of silence."""
    with NodeProcess() as process:
        process.init("n1", ("n0", "n1", "n2"))
        times = {"sent_at": 1, "time_out": 300_000, "wants_answer": 1}
        heartbeat = {"type": "commit", "view_number": 0, "commit_number": 0, **times}
        process.send("n0", heartbeat, "n1")
        assert process.receive_type("prepare_ok")["op_number"] == 0
        yield process


def write(msg_id: int, value: object, key: object = 0) -> dict[str, Any]:
    return {"type": "write", "msg_id": msg_id, "key": key, "value": value}


def read(msg_id: int, key: object = 0) -> dict[str, Any]:
    return {"type": "read", "msg_id": msg_id, "key": key}


def test_missing_keys(node: NodeProcess) -> None:
    assert node.ask(read(2))["code"] == 20
    cas = {"type": "cas", "msg_id": 3, "key": 0, "from": 1, "to": 2}
    assert node.ask(cas)["code"] == 20
    created = node.ask({**cas, "msg_id": 4, "create_if_not_exists": True})
    assert created == {"type": "cas_ok", "in_reply_to": 4}
    assert node.ask(read(5)) == {"type": "read_ok", "value": 2, "in_reply_to": 5}


def test_cas_with_another_value_says_current_and_expected(node: NodeProcess) -> None:
    node.ask(write(2, "is"))
    reply = node.ask({"type": "cas", "msg_id": 3, "key": 0, "from": "should be", "to": 2})
    assert reply["code"] == 22
    assert '"is"' in reply["text"]
    assert '"should be"' in reply["text"]


@pytest.mark.parametrize("value", [None, False, True, 0, 1, 1.0, "", [], {}, {"b": [1], "a": None}])
def test_any_json_is_stored_as_such(node: NodeProcess, value: object) -> None:
    assert node.ask(write(2, value)) == {"type": "write_ok", "in_reply_to": 2}
    reply = node.ask(read(3))
    assert repr(reply["value"]) == repr(value) or reply["value"] == value == {"b": [1], "a": None}


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (0, False), ("1", 1), ([1], [True])]
)
def test_values_that_python_takes_for_equal_differ(
    node: NodeProcess, one: object, other: object
) -> None:
    node.ask(write(2, one))
    cas = {"type": "cas", "key": 0, "to": "new"}
    assert node.ask({**cas, "msg_id": 3, "from": other})["code"] == 22
    assert node.ask({**cas, "msg_id": 4, "from": one})["type"] == "cas_ok"


def test_keys_that_python_takes_for_equal_differ(node: NodeProcess) -> None:
    keys: list[object] = [1, 1.0, True, "1", None, [1], {"a": 1, "b": 2}]
    for number, key in enumerate(keys):
        node.ask(write(10 + number, number, key))
    for number, key in enumerate(keys):
        assert node.ask(read(20 + number, key))["value"] == number


def test_maps_compare_as_maps(node: NodeProcess) -> None:
    node.ask(write(2, {"a": 1, "b": 2}))
    cas = {"type": "cas", "msg_id": 3, "key": 0, "from": {"b": 2, "a": 1}, "to": 0}
    assert node.ask(cas)["type"] == "cas_ok"


@pytest.mark.parametrize(
    "number",
    ["18446744073709551616", "-9223372036854775809", "9" * 300, "18446744073709551615", "1e22"],
)
def test_a_number_comes_back_as_it_was(node: NodeProcess, number: str) -> None:
    template = '{"src":"c1","dest":"n0","body":{"type":"write","msg_id":2,"key":0,"value":%s}}\n'
    node.write((template % number).encode())
    assert node.receive()["body"]["type"] == "write_ok"
    value = node.ask(read(3))["value"]
    assert value == (float(number) if "e" in number else int(number))
    assert type(value) is (float if "e" in number else int)


@pytest.mark.parametrize("number", ["1e400", "1e-400", "0.1234567890123456789", "9" * 5_000])
def test_a_number_that_would_come_back_as_another_is_refused(
    node: NodeProcess, number: str
) -> None:
    template = '{"src":"c1","dest":"n0","body":{"type":"write","msg_id":2,"key":0,"value":%s}}\n'
    node.write((template % number).encode())
    reply = node.receive()["body"]
    assert (reply["code"], reply["in_reply_to"]) == (12, 2)
    assert "value" in reply["text"]


def test_unknown_type(node: NodeProcess) -> None:
    reply = node.ask({"type": "transact", "msg_id": 2})
    assert (reply["code"], reply["in_reply_to"]) == (10, 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "write", "msg_id": 2, "value": 0}, "key"),
        ({"type": "write", "msg_id": 2, "key": 0}, "value"),
        ({"type": "cas", "msg_id": 2, "key": 0, "to": 1}, "from"),
        ({"type": "cas", "msg_id": 2, "key": 0, "from": 1}, "to"),
        (
            {"type": "cas", "msg_id": 2, "key": 0, "from": 1, "to": 1, "create_if_not_exists": 1},
            "create_if_not_exists",
        ),
        ({"type": "echo", "msg_id": 2}, "echo"),
        ({"type": "read", "key": 0}, "msg_id"),
        ({"type": "read", "msg_id": "2", "key": 0}, "msg_id"),
        ({"type": "read", "msg_id": True, "key": 0}, "msg_id"),
        ({"type": "read", "msg_id": -1, "key": 0}, "msg_id"),
        ({"msg_id": 2}, "type"),
        ({"type": ["read"], "msg_id": 2}, "type"),
        ({"type": "init", "msg_id": 2}, "node_id"),
        ("read", "body"),
        (None, "body"),
    ],
)
def test_a_wrong_field_is_named(node: NodeProcess, body: object, field: str) -> None:
    node.send("c1", body)
    reply = node.receive_for("c1")
    assert reply["code"] == 12
    assert field in reply["text"]


def test_a_number_too_large_for_an_answer_is_refused(node: NodeProcess) -> None:
    # 1e400 makes another parser read the line, which knows whole numbers of any size.
    node.write(
        b'{"src":"c1","dest":"n0","body":{"type":"read","msg_id":1180591620717411303424,'
        b'"key":1e400}}\n'
    )
    reply = node.receive_for("c1")
    assert (reply["code"], "in_reply_to" in reply) == (12, False)
    assert node.ask(read(2))["code"] == 20


def test_no_quorum_and_never_sent_on_is_refused_for_certain(backup: NodeProcess) -> None:
    # It votes: it has given its silent primary up, and can't send the request to anybody.
    backup.receive_type("start_view_change")
    backup.send("c1", read(2), "n1")
    assert backup.receive_for("c1")["code"] == 11


def test_a_request_of_unknown_outcome_waits(backup: NodeProcess) -> None:
    backup.send("c1", write(2, 1), "n1")
    assert backup.receive_type("request")["entries"] == [["c1", 2, ["write", "0", "1"]]]
    # It was sent on, so silence is all that is true for as long as the node lives ...
    for _ in range(8):
        backup.receive_type("start_view_change")
    messages, _, status = backup.end()
    # ... and when it ends, that nobody knows.
    answers = [message["body"] for message in messages if message["dest"] == "c1"]
    assert [answer["code"] for answer in answers] == [13]
    assert status == 0


def test_lines_that_are_no_messages_are_dropped_and_told(node: NodeProcess) -> None:
    lines = [
        b"no json",
        b"[1, 2]",
        b'{"src": "c1", "body": {}}',
        b'{"src": 1, "dest": "n0", "body": {}}',
        b'{"src": "c1", "dest": "n7", "body": {"type": "read", "msg_id": 1, "key": 0}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"x" * 3_000_000,
        b'{"a":' * 2_000 + b"1e400",
        b'{"src":"\\ud800","dest":"n0","body":{"type":"echo","msg_id":1,"echo":1e400}}',
    ]
    node.write(b"\n".join(lines) + b"\n")
    assert node.ask(write(2, 1))["type"] == "write_ok"
    messages, errors, status = node.end()
    assert (messages, status) == ([], 0)
    remarks = errors.splitlines()
    assert len(remarks) == len(lines)
    assert all(remark.startswith("dropped line") and len(remark) < 500 for remark in remarks)


def test_answers_are_never_answered(node: NodeProcess) -> None:
    node.send("c1", {"type": "error", "code": 10, "text": "?"})
    node.send("c1", {"type": "read_ok", "value": 1, "in_reply_to": 1})
    messages, _, _ = node.end()
    assert messages == []


def test_a_request_before_init() -> None:
    with NodeProcess() as process:
        assert process.ask(read(1))["code"] == 11
        assert process.init()["type"] == "init_ok"
        assert process.ask(read(2))["code"] == 20


def test_what_is_said_before_init_is_said_by_the_node_that_was_asked(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with NodeProcess("--data-dir", str(tmp_path / "data")) as process:
        for body in (read(1), write(2, 1), {"type": "init", "msg_id": 3}, "no object"):
            process.send("c1", body, "n3")
        process.send("c0", {"type": "init", "msg_id": 1, "node_id": "n3", "node_ids": ["n3"]}, "n3")
        messages, _, _ = process.end()
    assert [message["src"] for message in messages] == ["n3"] * 5
    assert [message["body"]["code"] for message in messages] == [11, 11, 12, 12, 13]


def test_init_again(node: NodeProcess) -> None:
    node.ask(write(2, 1))
    assert node.init() == {"type": "init_ok", "in_reply_to": 1}
    assert node.ask(read(3))["value"] == 1
    assert node.init("n0", ("n0", "n1"))["code"] == 12


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("n7", {"type": "get_state", "view_number": 0, "op_number": 0}),
        ("c1", {"type": "get_state", "view_number": 0, "op_number": 0}),
        ("n0", {"type": "get_state", "view_number": 0, "op_number": -1}),
        ("n0", {"type": "get_state", "view_number": 0}),
        ("n0", {"type": "get_state", "view_number": 0, "op_number": 0, "more": 0}),
        ("n0", {"type": "get_state", "view_number": True, "op_number": 0}),
        (
            "n0",
            {
                "type": "request",
                "view_number": 0,
                "entries": [["c1", 1, ["read"]]],
                "op_number": 0,
                "echo": 0,
            },
        ),
        ("n0", {"type": "prepare_ok", "view_number": 0, "op_number": 1, "echo": 1}),
        ("n0", {"type": "start_view_change", "view_number": 9, "current_view_number": 0}),
        (
            "n2",
            {
                "type": "commit",
                "view_number": 0,
                "commit_number": 0,
                "sent_at": 1,
                "time_out": 300_000,
                "wants_answer": 1,
            },
        ),
        ("n0", {"type": "unknown"}),
    ],
)
def test_impossible_protocol_messages_are_dropped(
    backup: NodeProcess, source: str, body: dict[str, Any]
) -> None:
    backup.send(source, body, "n1")
    backup.send("c1", {"type": "echo", "msg_id": 1, "echo": "alive"}, "n1")
    assert backup.receive_for("c1")["echo"] == "alive"
    _, errors, _ = backup.end()
    assert "dropped line (1 so far)" in errors


def test_echo(node: NodeProcess) -> None:
    echo = {"deep": [1.5, None, "é"], "long": 2**80}
    assert node.ask({"type": "echo", "msg_id": 2, "echo": echo}) == {
        "type": "echo_ok",
        "echo": echo,
        "in_reply_to": 2,
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(node: NodeProcess, number: signal.Signals) -> None:
    node.process.send_signal(number)
    assert node.process.wait(timeout=30) == 0


def test_the_end_of_stdin_ends_it_well_and_answers_what_was_asked() -> None:
    with NodeProcess() as process:
        process.send("c0", {"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0"]})
        process.send("c1", write(1, 1))
        messages, errors, status = process.end()
    assert [message["body"]["type"] for message in messages] == ["init_ok", "write_ok"]
    assert (errors, status) == ("", 0)


def test_a_closed_stdout_ends_it_quietly(node: NodeProcess) -> None:
    assert node.process.stdout is not None
    node.process.stdout.close()
    node.send("c1", read(2))
    assert node.process.wait(timeout=30) == 0
    assert node.process.stderr is not None
    assert node.process.stderr.read() == b""
    node.process.stdout = None


def test_help_says_what_it_is() -> None:
    with NodeProcess("--help") as process:
        output, _ = process.process.communicate(timeout=30)
    assert b"Viewstamped Replication" in output


def test_several_requests_in_one_turn_are_answered_in_order(node: NodeProcess) -> None:
    for number in range(100):
        node.send("c1", write(2 + number, number))
    replies = [node.receive_for("c1") for _ in range(100)]
    assert [reply["in_reply_to"] for reply in replies] == list(range(2, 102))


def test_a_repeated_request_gets_the_recorded_reply(node: NodeProcess) -> None:
    node.ask(write(2, "old"))
    cas = {"type": "cas", "msg_id": 3, "key": 0, "from": "old", "to": "new"}
    assert node.ask(cas)["type"] == "cas_ok"
    assert node.ask(cas)["type"] == "cas_ok"


def test_a_request_older_than_the_window_is_not_executed_again(node: NodeProcess) -> None:
    for number in range(2, 100):
        node.ask(write(number, number))
    assert node.ask(write(2, "again"))["code"] == 13
    assert node.ask(read(100))["value"] == 99


@pytest.mark.parametrize("same_turn", [False, True])
def test_a_msg_id_of_another_request_is_never_acknowledged(
    node: NodeProcess, same_turn: bool
) -> None:
    node.ask(write(2, 1))
    cas = {"type": "cas", "msg_id": 3, "key": 0, "from": 1, "to": 2}
    other = {"type": "cas", "msg_id": 3, "key": 0, "from": 2, "to": 9}
    if same_turn:
        lines = [{"src": "c1", "dest": "n0", "body": body} for body in (cas, other)]
        node.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        replies = [node.receive_for("c1"), node.receive_for("c1")]
    else:
        replies = [node.ask(cas), node.ask(other)]
    assert replies[0]["type"] == "cas_ok"
    assert (replies[1]["code"], replies[1]["in_reply_to"]) == (12, 3)
    assert node.ask(read(4))["value"] == 2


def test_a_refusal_speaks_of_the_copy_that_came(backup: NodeProcess) -> None:
    backup.receive_type("start_view_change")
    backup.send("c1", write(5, 1), "n1")
    answer = backup.receive_for("c1")
    assert answer["code"] == 11
    assert "this copy of the request is never executed" in answer["text"]


def test_a_protocol_message_before_init_is_logged_as_such() -> None:
    with NodeProcess() as node:
        node.send("n1", {"type": "get_state", "view_number": 0, "op_number": 0})
        node.init("n0", ("n0", "n1"))
        node.send("n2", {"type": "get_state", "view_number": 0, "op_number": 0})
        _, errors, _ = node.end()
    early, strange = errors.splitlines()
    assert "a protocol message before init" in early
    assert "a protocol message from outside the group" in strange
