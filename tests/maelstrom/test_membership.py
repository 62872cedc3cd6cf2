"""Requests about the group itself, of a node that waits for nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.maelstrom.node_process import NodeProcess


@pytest.fixture
def founder() -> Iterator[NodeProcess]:
    """The only member of a group, beside a process that never comes."""
    with NodeProcess("--members", "n0") as process:
        process.init("n0", ("n0", "n1"))
        yield process


def reconfigure(msg_id: int, members: object, **more: object) -> dict[str, Any]:
    return {"type": "reconfigure", "msg_id": msg_id, "members": members, **more}


def test_status_is_answered_from_what_the_node_knows(founder: NodeProcess) -> None:
    assert founder.ask({"type": "status", "msg_id": 2}) == {
        "type": "status_ok",
        "in_reply_to": 2,
        "epoch": 0,
        "view": 0,
        "members": ["n0"],
        "status": "normal",
        "primary": "n0",
        "op_number": 0,
        "commit_number": 0,
        "is_released": False,
        "change": None,
        "routes": None,
    }


def test_what_makes_no_sense_is_refused_at_once(founder: NodeProcess) -> None:
    for members in ([], "n0", ["n0", "n0"], ["n0", "n7"], [0], None):
        reply = founder.ask(reconfigure(2, members))
        assert reply["code"] == 12
        assert reply["text"].startswith("field members: ")
    assert founder.ask(reconfigure(3, ["n0"], epoch="0"))["code"] == 12


def test_the_epoch_decides_whether_a_request_is_meant_for_this_group(founder: NodeProcess) -> None:
    reply = founder.ask(reconfigure(2, ["n0", "n1"], epoch=3))
    assert reply["code"] == 22
    assert "n0" in reply["text"]
    reply = founder.ask(reconfigure(3, ["n0"], epoch=0))
    assert reply == {"type": "reconfigure_ok", "epoch": 0, "members": ["n0"], "in_reply_to": 3}


def test_a_second_change_is_declined_and_the_first_can_be_given_up(founder: NodeProcess) -> None:
    founder.send("c1", reconfigure(2, ["n0", "n1"]))
    assert founder.receive_type("catch_up")["commit_number"] == 0
    status = founder.ask({"type": "status", "msg_id": 3}, "c2")
    assert status["change"] == {"members": ["n0", "n1"], "joiners": {"n1": 0}}
    assert founder.ask(reconfigure(4, ["n1"]), "c2")["code"] == 14
    assert founder.ask(reconfigure(5, ["n0"]), "c2")["type"] == "reconfigure_ok"


def test_a_group_of_one_rotates_by_itself() -> None:
    with NodeProcess("--reconfigure-every", "0.05") as process:
        process.init("n0", ("n0",))
        for msg_id in range(2, 100):
            status = process.ask({"type": "status", "msg_id": msg_id})
            if status["status"] == "normal" and status["op_number"]:
                break
        assert status["members"] == ["n0"]
