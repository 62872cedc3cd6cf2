"""The doctor finds each of many protocol mistakes, and none where there is none.

The nodes are made from one template, a lin-kv store of its own, with one mistake each.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.workshop import doctor
from vsr_node.bench.workshop.broken_nodes import FOLDER, broken_command
from vsr_node.bench.workshop.examination import Level, Line
from vsr_node.checker.validity import Validity

ROOT = Path(__file__).parents[2]

NODE = """\
#!{python}
import json, os, sys, time
store = {{}}
reply_number = 0
def emit(message):
    {emit}
def serve(body):
    kind, key = body["type"], json.dumps(body.get("key"))
    if kind == "init":
        return {init}
    if kind == "echo":
        return {{"type": "echo_ok", "echo": body["echo"]}}
    if kind == "write":
        store[key] = {written}
        return {write_ok}
    if kind not in ("read", "cas"):
        {unknown}
    if key not in store:
        return {missing}
    if kind == "read":
        return {read_ok}
    if store[key] != body["from"]:
        return {mismatch}
    store[key] = body["to"]
    return {{"type": "cas_ok"}}
{before}
for line in {lines}:
    message = json.loads(line)
    client, me, body = message["src"], message["dest"], message["body"]
    if "msg_id" not in body:
        continue
    body_of_reply = {in_reply_to} | serve(body)
    reply = {{"src": me, "dest": client, "body": body_of_reply}}
    {send}
{at_end}
"""

SOUND = {
    "emit": "print(json.dumps(message), flush=True)",
    "init": '{"type": "init_ok"}',
    "written": 'body["value"]',
    "write_ok": '{"type": "write_ok"}',
    "unknown": 'return {"type": "error", "code": 10, "text": "unknown"}',
    "missing": '{"type": "error", "code": 20, "text": "no such key"}',
    "read_ok": '{"type": "read_ok", "value": store[key]}',
    "mismatch": '{"type": "error", "code": 22, "text": "another value"}',
    "before": "",
    "lines": "sys.stdin",
    "in_reply_to": '{"in_reply_to": body["msg_id"]}',
    "send": "emit(reply)",
    "at_end": "",
}

UNLESS_INIT = 'if body["type"] != "init": '
BUFFERED = "sys.stdout.write(json.dumps(message) + chr(10))"

MISTAKES = {
    "a wrong in_reply_to": (
        {"in_reply_to": '{"in_reply_to": body["msg_id"] + (body["type"] != "init")}'},
        '"in_reply_to" is',
    ),
    "in_reply_to is a string": (
        {"in_reply_to": '{"in_reply_to": str(body["msg_id"])}'},
        "\"in_reply_to\" is '1'",
    ),
    "no in_reply_to": ({"in_reply_to": "{}"}, '"in_reply_to" is None'),
    "a banner on stdout": ({"before": 'print("node is starting", flush=True)'}, "no JSON"),
    "debugging on stdout": (
        {"send": 'print("got", client, flush=True); emit(reply)'},
        "no JSON",
    ),
    "an extra field": (
        {"write_ok": '{"type": "write_ok", "value": body["value"]}'},
        'a field "value" that its schema lacks',
    ),
    "a missing field": ({"read_ok": '{"type": "read_ok"}'}, 'a read_ok without "value"'),
    "a misspelt type": ({"write_ok": '{"type": "write-ok"}'}, "\"type\" is 'write-ok'"),
    "a missing flush": ({"emit": BUFFERED}, "it printed only when its stdin ended"),
    "no newline": (
        {"emit": "sys.stdout.write(json.dumps(message)); sys.stdout.flush()"},
        "without its newline",
    ),
    "a message over several lines": (
        {"emit": "print(json.dumps(message, indent=2), flush=True)"},
        "no JSON",
    ),
    "a reply to the wrong node": (
        {"send": f'{UNLESS_INIT}reply["dest"] = me\n    emit(reply)'},
        "went to somebody else",
    ),
    "a reply to nobody": (
        {"send": f'{UNLESS_INIT}reply["dest"] = "n9"\n    emit(reply)'},
        "n9, which is nobody",
    ),
    "a name of its own": (
        {"send": f'{UNLESS_INIT}reply["src"] = "server"\n    emit(reply)'},
        "server, which is nobody",
    ),
    "no src": ({"send": 'del reply["src"]; emit(reply)'}, '"src" is no string'),
    "a body that is text": (
        {"send": 'reply["body"] = json.dumps(body_of_reply); emit(reply)'},
        '"body" is no object',
    ),
    "a body that is no envelope": ({"send": "emit(body_of_reply)"}, '"src" is no string'),
    "a cas that always succeeds": ({"mismatch": '{"type": "cas_ok"}'}, "it succeeded"),
    "values become text": ({"written": 'str(body["value"])'}, '"value" is "3"'),
    "a request forgotten": (
        {"send": 'if client != "c50": emit(reply)'},
        "got no answer",
    ),
    "no init_ok": ({"init": '{"type": "ok"}'}, "\"type\" is 'ok'"),
    "an end after init": (
        {"send": 'emit(reply)\n    if body["type"] == "write": sys.exit("enough")'},
        "it ended, exit status 1",
    ),
    "a closed stdout": (
        {"send": 'emit(reply)\n    if body["type"] == "echo": os.close(1); time.sleep(9)'},
        "it closed its stdin or stdout",
    ),
    "bytes that are not UTF-8": (
        {"send": 'emit(reply); sys.stdout.buffer.write(b"\\xff\\n"); sys.stdout.flush()'},
        "no JSON",
    ),
}

# What Maelstrom lets pass.
ADVICE = {
    "another node's name": (
        {"send": f'{UNLESS_INIT}reply["src"] = "n1" if me == "n0" else "n0"\n    emit(reply)'},
        "that says it is from n1",
    ),
    "an unknown error code": (
        {"missing": '{"type": "error", "code": 404, "text": "not found"}'},
        "error 404, which the protocol does not know",
    ),
    "an error code that is text": (
        {"missing": '{"type": "error", "code": "20", "text": "not found"}'},
        '"code" is no integer',
    ),
    "the wrong error": (
        {"mismatch": '{"type": "error", "code": 20, "text": "another value"}'},
        "error 20",
    ),
    "every answer twice": ({"send": "emit(reply); emit(reply)"}, "was answered 2 times"),
    "init_ok with the names": (
        {"init": '{"type": "init_ok", "node_ids": body["node_ids"]}'},
        'a field "node_ids"',
    ),
    "an end at an unknown type": ({"unknown": "raise KeyError(kind)"}, "it ended, exit status 1"),
    "an unknown type that succeeds": (
        {"unknown": 'return {"type": "ok"}'},
        "an unknown type succeeded",
    ),
}

NULL_REPLY = (
    '{"type": "read_ok", "value": None} if kind == "read" else {"type": "error", "code": 20}'
)
DIES_AT_ECHO = 'if body["type"] == "echo": sys.exit(1)\n    emit(reply)'
HEARTBEAT = 'emit({"src": me, "dest": me, "body": {"type": "heartbeat"}})'

Make = Callable[[dict[str, str]], tuple[str, ...]]


@pytest.fixture
def make_node(tmp_path: Path) -> Make:
    def make(parts: dict[str, str]) -> tuple[str, ...]:
        path = tmp_path / "node.py"
        path.write_text(NODE.format(python=sys.executable, **(SOUND | parts)))
        # -E: PYTHONUNBUFFERED would mend one of the mistakes; -S: starts in half the time.
        return (sys.executable, "-E", "-S", str(path))

    return make


def examined(
    command: tuple[str, ...], nodes: int = 1, level: Level = Level.MISTAKE, **options: Any
) -> list[Line]:
    patience = options.get("patience", 0.3)
    one = doctor.Doctor(
        command, nodes, options.get("workload", "lin-kv"), patience, lambda line: None
    )
    verdict = one.examine()
    lines = [line for line in one.lines if line.level is level]
    assert verdict is Validity(one.mistake_count == 0)
    return lines


def test_there_are_many_mistakes() -> None:
    assert len(MISTAKES) >= 15


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_shown_and_explained(
    name: str, make_node: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "INIT_SECONDS", 4.0)
    monkeypatch.setattr(doctor, "EXIT_SECONDS", 5.0)
    parts, text = MISTAKES[name]
    mistakes = examined(make_node(parts), patience=1.5)
    told = [line.format() for line in mistakes]
    assert any(text in each for each in told), told
    for line in mistakes:
        assert line.expected
        assert line.where
        assert line.asked or line.answered or "it " in line.text, line


@pytest.mark.parametrize("name", ADVICE)
def test_what_maelstrom_lets_pass_is_advice(name: str, make_node: Make) -> None:
    parts, text = ADVICE[name]
    nodes = 2 if "node's name" in name else 1
    advice = examined(make_node(parts), nodes, Level.ADVICE, patience=5)
    assert any(text in line.format() for line in advice)
    assert all(line.expected and line.where for line in advice)
    if nodes == 1:  # The nodes of the template keep no common store.
        assert examined(make_node(parts), patience=5) == []


# What the protocol allows, or what no test of lin-kv asks for.
ALLOWED = {
    "a leader that is elected late": {
        "before": "begin = time.monotonic()",
        "send": 'if body["type"] in ("read", "write", "cas") and time.monotonic() < begin + 1: '
        'reply["body"] = {"type": "error", "code": 11, '
        '"in_reply_to": body["msg_id"]}; store.clear()\n    emit(reply)',
    },
    "a refusal now and then": {
        "before": "count = 0",
        "send": 'count += 1\n    if body["type"] == "read" and count % 3 == 0: '
        'reply["body"] = {"type": "error", "code": 11, "in_reply_to": body["msg_id"]}'
        "\n    emit(reply)",
    },
    "a msg_id in replies": {
        "in_reply_to": '{"msg_id": 7, "in_reply_to": body["msg_id"]}',
        "missing": NULL_REPLY,
    },
    "no answer to an echo": {"send": 'if body["type"] != "echo": emit(reply)'},
    "an end at an echo": {"unknown": 'return {"type": "error", "code": 10}', "send": DIES_AT_ECHO},
    "heartbeats at the end": {"at_end": HEARTBEAT},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_is_no_mistake(name: str, make_node: Make) -> None:
    assert examined(make_node(ALLOWED[name]), patience=3) == []


INPUTS = {
    "electing.py": (1, 3),
    "refusing.py": (1, 3),
    "heartbeats.py": (1, 3),
    "heartbeats.py --quiet": (1, 3),
    "error_without_code.py": (1,),
    "init_ok_with_more.py": (1,),
    "uses_lin_kv_service.py": (1, 3),
}
CASES = [(name, nodes) for name in INPUTS for nodes in INPUTS[name]]


@pytest.mark.parametrize(("name", "nodes"), CASES)
def test_nobody_is_accused_for_what_is_allowed(
    name: str, nodes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = os.environ.get("VSR_INPUTS")
    if folder is None:
        pytest.skip("VSR_INPUTS names no folder of inputs")
    file, *arguments = name.split()
    command = ["doctor", "--bin", f"{folder}/{file}", "--node-count", str(nodes)]
    status = main([*command, "--patience", "3", "--", *arguments])
    output = capsys.readouterr().out
    assert status == 0, output


SERVICE_CLIENT = Path(__file__).parent / "nodes" / "service_client.py"


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_node_may_stand_on_a_service(nodes: int, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["doctor", "--bin", str(SERVICE_CLIENT), "--node-count", str(nodes)]
    assert main([*command, "--patience", "2"]) == 0
    output = capsys.readouterr().out
    assert "MISTAKE" not in output


def test_the_template_without_a_mistake_is_sound(make_node: Make) -> None:
    assert examined(make_node({}), patience=5) == []


@pytest.mark.parametrize(
    "command", [broken_command("honest"), (str(ROOT / "run-vsr-node"),)], ids=["honest", "ours"]
)
def test_nothing_is_said_against_sound_nodes(command: tuple[str, ...]) -> None:
    assert examined(command, nodes=3, patience=10) == []


SLOW_AT_N2 = f"""\
import sys
sys.path.insert(0, {str(FOLDER)!r})
from small_node import Store

class SlowAtN2(Store):
    def on_request(self, client, request):
        seconds = 0.2 if self.name == "n2" else 0.0
        self.after(seconds, lambda: Store.on_request(self, client, request))

SlowAtN2().run()
"""


def test_a_client_does_not_ask_a_second_node_before_the_first_has_answered(tmp_path: Path) -> None:
    # A store may go by each client's numbers, and what comes by a slow node comes late.
    path = tmp_path / "node.py"
    path.write_text(SLOW_AT_N2)
    assert examined((sys.executable, str(path)), nodes=5, patience=5) == []


def test_an_echo_node_is_examined_as_one() -> None:
    command = broken_command("echo-only")
    assert examined(command, workload="echo", patience=5) == []
    assert examined(command, workload="lin-kv", patience=5)
