"""Protocol messages as JSON: each comes back as it was, and what is none is refused."""

import re
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from vsr_node.core.messages import (
    Answers,
    CatchUp,
    Commit,
    Declined,
    DoViewChange,
    EpochStarted,
    Farewell,
    GetCheckpoint,
    GetState,
    Message,
    NewCheckpoint,
    NewState,
    Prepare,
    PrepareOk,
    Read,
    ReadOk,
    Reason,
    Reconfiguration,
    Recovery,
    RecoveryResponse,
    Refusal,
    Request,
    StartEpoch,
    StartView,
    StartViewChange,
)
from vsr_node.links.frames import LinkRows, Relay, Row
from vsr_node.maelstrom.requests import codec
from vsr_node.wire.json_body import decode, encode
from vsr_node.wire.shapes import MESSAGE_TYPES, NUMBER_MAX, Frame, MalformedMessageError

SPECIFICATION = Path(__file__).parents[2] / "docs" / "SPECIFICATION.md"

WRONG: tuple[Any, ...] = (-1, NUMBER_MAX + 1, 1.0, True, None, "1", {}, [1], [[]])

ENTRIES = (
    ("c1", 0, ("read", '"key"')),
    ("c1", NUMBER_MAX, ("write", "0", '{"a":[1,1.0,true,null,"\\n"]}')),
    ("é", 2, ("cas", "null", "0", "18446744073709551616", True)),
)

CLIENT = ("c1", 3, ((4, ("read_ok", "1"), 9), (5, ("error", 20, "no"), -1), (6, ("write_ok",))))
"""The last reply is of a version that kept no digests."""

DECLINED = Declined("not-possible", "why")

MESSAGES: list[Message] = [
    Request(1, ENTRIES),
    Prepare(1, 2, 3, ENTRIES, 4, 5),
    PrepareOk(1, 2, 3),
    Commit(1, 2, 3, 4),
    StartViewChange(2, 1),
    Farewell(1),
    DoViewChange(3, 1, 2, 3, ENTRIES),
    StartView(3, 2, 3, (), 4, 5),
    GetState(1, 0),
    NewState(1, 2, 3, ENTRIES),
    GetCheckpoint(1, 2, 3),
    NewCheckpoint(1, 2, 5, 9, 4, (CLIENT, ('"key"', "1.0"))),
    Recovery(1, 2, "0123456789abcdef" * 2),
    RecoveryResponse(3, "0123456789abcdef" * 2, 2, 3, ENTRIES),
    Read(1, 2),
    ReadOk(1, 2, 3),
    StartEpoch(1 << 32, 7, ("n0", "n3")),
    EpochStarted(1 << 32),
    CatchUp(1, 2),
    Answers(
        1,
        (("c1", 2, ("read_ok", "1")), ("c1", 3, None), ("c2", 1, DECLINED)),
        (Refusal("c3", 4, Reason.OUTCOME_UNKNOWN),),
    ),
]

WITH_CHANGES: list[Message] = [
    Request(1, (("c1", 2, Reconfiguration(3, ("n0", "n3"))),)),
    NewState(1, 2, 3, (("c1", 2, DECLINED), *ENTRIES)),
    NewCheckpoint(1, 2, 1, 9, 0, (("c1", 3, ((4, DECLINED, 9),)),), 1, ("n3",)),
]


ROWS = (Row("n0", 0, ("n1", "n2")), Row("n2", NUMBER_MAX, ()))

LINK_FRAMES: list[Frame] = [
    LinkRows(50_000, "amiss", ROWS),
    Relay("n0", ("n2", "n1"), Prepare(1, 2, 3, ENTRIES, 4, 5)),
    Relay("n0", (), NewCheckpoint(1, 2, 5, 9, 4, (CLIENT, ('"key"', "1.0")))),
]


def test_all_messages_are_here() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(Message))
    assert len(MESSAGE_TYPES) == len(MESSAGES) + len({type(frame) for frame in LINK_FRAMES})


@pytest.mark.parametrize("frame", LINK_FRAMES)
def test_what_links_send_comes_back_as_it_was(frame: Frame) -> None:
    decoded = decode(orjson.loads(encode(frame)), codec)
    assert (type(decoded), decoded) == (type(frame), frame)


WRONG_FIELDS: dict[tuple[int, str], tuple[Any, ...]] = {
    (0, "state"): (None, 1, ["amiss"]),
    (0, "interval"): (None, -1, "1"),
    (0, "rows"): (None, "", [None], [["n0", 1]], [["n0", -1, []]], [["n0", 1, [2]]], [[]]),
    (1, "origin"): (None, 1, ["n0"]),
    (1, "route"): (None, "n2", [1], {}),
    (1, "body"): (None, [], {}, {"type": "commit"}, orjson.loads(encode(LINK_FRAMES[1]))),
}


@pytest.mark.parametrize(("place", "field"), WRONG_FIELDS)
def test_what_links_would_not_send_is_refused(place: int, field: str) -> None:
    body: dict[str, Any] = orjson.loads(encode(LINK_FRAMES[place]))
    with pytest.raises(MalformedMessageError):
        decode({name: body[name] for name in body if name != field}, codec)
    for wrong in WRONG_FIELDS[place, field]:
        with pytest.raises(MalformedMessageError):
            decode({**body, field: wrong}, codec)


def test_no_message_has_the_type_of_a_clients_request_or_its_answer() -> None:
    asked = {"read", "write", "cas"}
    assert not MESSAGE_TYPES & (asked | {f"{name}_ok" for name in asked})


def test_the_specification_lists_every_message_with_its_fields() -> None:
    text = SPECIFICATION.read_text(encoding="utf-8").partition("## Messages\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]*) \|", text.partition("\n### ")[0], re.MULTILINE)
    fields = {name: tuple(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert fields == {
        orjson.loads(encode(message))["type"]: message._fields for message in MESSAGES
    }


@pytest.mark.parametrize("message", MESSAGES + WITH_CHANGES)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(orjson.loads(encode(message)), codec) == message
    assert b"\n" not in encode(message)


@pytest.mark.parametrize("message", MESSAGES)
def test_each_field_is_needed_and_no_other(message: Message) -> None:
    body: dict[str, Any] = orjson.loads(encode(message))
    for field in body:
        with pytest.raises(MalformedMessageError):
            decode({name: body[name] for name in body if name != field}, codec)
        for wrong in WRONG:
            with pytest.raises(MalformedMessageError):
                decode({**body, field: wrong}, codec)
    with pytest.raises(MalformedMessageError):
        decode({**body, "more": 0}, codec)


@pytest.mark.parametrize(
    "operation",
    [
        None,
        [],
        "read",
        ["read"],
        ["read", 1],
        ["read", "0", "0"],
        ["write", "0"],
        ["write", "0", 1],
        ["write", "0", ""],
        ["write", "0", "no json"],
        ["write", "0", "1,"],
        ["write", "0", "[1"],
        ["cas", "0", "1", "2"],
        ["cas", "0", "1", "2", 1],
        ["cas", "0", "1", "no json", True],
        ["delete", "0"],
        # It would make two lines of the answer to a read.
        pytest.param(
            ["write", "0", "1\n"],
        ),
        pytest.param(
            ["cas", "0", "1", "[1,\n2]", True],
        ),
    ],
)
def test_what_is_no_operation_is_refused(operation: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(codec.decode_operations([operation]))


def test_a_batch_is_refused_for_one_operation() -> None:
    good: list[object] = [["write", "0", "1"], ["write", "1", "[2]"], ["cas", "0", "1", "2", True]]
    decoded = tuple(codec.decode_operations(good))
    assert decoded == (("write", "0", "1"), ("write", "1", "[2]"), ("cas", "0", "1", "2", True))
    for bad in (["write", "0", "["], {"write": 1, "0": 2, "1": 3}, "abc", ["write", 0, "1"]):
        with pytest.raises(ValueError, match=r"."):
            tuple(codec.decode_operations([*good, bad]))
        with pytest.raises(ValueError, match=r"."):
            tuple(codec.decode_operations([["write", "0", "1"], bad]))
