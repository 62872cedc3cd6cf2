"""Each message comes back from frames as it was, however they are cut; the rest is refused."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any, get_args

import msgspec
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
    Operation,
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
    Result,
    StartEpoch,
    StartView,
    StartViewChange,
)
from vsr_node.links.frames import LinkRows, Relay, Row
from vsr_node.wire import frames, json_body
from vsr_node.wire.frames import LENGTH_BYTES, FrameReader, decode, encode
from vsr_node.wire.shapes import NUMBER_MAX, Frame, MalformedMessageError

ENTRIES = (("c1", 0, '["add",[5]]'), ("é", NUMBER_MAX, ""))
CLIENT = ("c1", -1, ((4, "7", 9), (5, '{"a":1}', -3)))
NONCE = "0123456789abcdef" * 2

MESSAGES: list[Message] = [
    Request(1, ENTRIES),
    Prepare(1, 2, 3, ENTRIES, 4, 5),
    PrepareOk(1, 2, 3),
    Commit(1, 2, 3, 4),
    StartViewChange(2, 1),
    DoViewChange(3, 1, 2, 3, ENTRIES),
    StartView(3, 2, 3, (), 4, 5),
    GetState(1, 0),
    NewState(1, 2, 3, ENTRIES),
    GetCheckpoint(1, 2, 3),
    NewCheckpoint(1, 2, 5, 9, 4, (CLIENT, "part", "")),
    Recovery(1, 2, NONCE),
    RecoveryResponse(3, NONCE, 2, 3, ENTRIES),
    Read(1, 2),
    ReadOk(1, 2, 3),
    Farewell(1),
    Request(1, (("c1", 2, Reconfiguration(3, ("n0", "n3"))),)),
    NewState(1, 2, 3, (("c1", 2, Declined("not-possible", "why")), ("c2", 1, "text"))),
    NewCheckpoint(
        1, 2, 1, 9, 0, (("c1", 3, ((4, Reconfiguration(1, ("n3",)), 9),)), ""), 1, ("n3",)
    ),
    StartEpoch(1 << 32, 7, ("n0", "n3")),
    EpochStarted(1 << 32),
    CatchUp(1, 2),
    Answers(
        1,
        (("c1", 2, "text"), ("c1", 3, None), ("c2", 1, Declined("not-possible", "why"))),
        (Refusal("c3", 4, Reason.OUTCOME_UNKNOWN),),
    ),
]

WRONG: tuple[Any, ...] = (-1, NUMBER_MAX + 1, 1.0, True, None, "1", {}, [1], [[]])


class TextCodec:
    """Operations, results and parts that are texts, as in frames."""

    def decode_operations(self, values: Sequence[object]) -> Iterable[Operation]:
        return map(self._text, values)

    def decode_result(self, value: object) -> Result:
        return self._text(value)

    def decode_part(self, value: object) -> object:
        return self._text(value)

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("not a text")
        return value


def payload_of(fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


def frames_of(data: bytes, bytes_max: int = 1 << 20) -> list[tuple[int, bytes]]:
    return FrameReader(bytes_max).feed(data)


def test_all_messages_are_here() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(Message))


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    ((frame_type, payload),) = frames_of(encode(message))
    decoded = decode(frame_type, payload)
    assert (type(decoded), decoded) == (type(message), message)


@pytest.mark.parametrize(
    "frame",
    [
        LinkRows(50_000, "amiss", (Row("n0", 1, ("n1", "n2")), Row("n2", NUMBER_MAX, ()))),
        *(Relay("n0", ("n2",), message) for message in MESSAGES),
    ],
)
def test_what_links_send_comes_back_as_it_was(frame: Frame) -> None:
    ((frame_type, payload),) = frames_of(encode(frame))
    decoded = decode(frame_type, payload)
    assert (type(decoded), decoded) == (type(frame), frame)
    for wrong in (frame[:-1], (*frame[:-1], None), (*frame[:-1], b""), (*frame[:-1], [["n0", 1]])):
        with pytest.raises(MalformedMessageError):
            decode(frame_type, payload_of(wrong))


def test_a_relay_carries_no_relay() -> None:
    inner = encode(Relay("n0", (), MESSAGES[0]))[LENGTH_BYTES:]
    ((frame_type, _),) = frames_of(encode(Relay("n0", (), MESSAGES[0])))
    with pytest.raises(MalformedMessageError, match="a message of the protocol"):
        decode(frame_type, payload_of(("n0", (), inner)))


@pytest.mark.parametrize("message", MESSAGES)
def test_both_encodings_agree(message: Message) -> None:
    ((frame_type, payload),) = frames_of(encode(message))
    body = orjson.loads(json_body.encode(message))
    assert decode(frame_type, payload) == json_body.decode(body, TextCodec())


@pytest.mark.parametrize("message", MESSAGES)
def test_both_encodings_refuse_the_same_fields(message: Message) -> None:
    ((frame_type, _),) = frames_of(encode(message))
    for position, field in enumerate(message._fields):
        for wrong in WRONG:
            fields: list[Any] = list(message)
            fields[position] = wrong
            body = orjson.loads(json_body.encode(message)) | {field: wrong}
            with pytest.raises(MalformedMessageError):
                decode(frame_type, payload_of(fields))
            with pytest.raises(MalformedMessageError):
                json_body.decode(body, TextCodec())


@pytest.mark.parametrize("message", MESSAGES)
def test_each_field_is_needed_and_no_other(message: Message) -> None:
    ((frame_type, payload),) = frames_of(encode(message))
    malformed: tuple[Any, ...] = (message[:-1], (*message, 0), {}, None)
    for wrong in malformed:
        with pytest.raises(MalformedMessageError):
            decode(frame_type, payload_of(wrong))
    for cut in (payload[:-1], payload + b"\x00", b""):
        with pytest.raises(MalformedMessageError):
            decode(frame_type, cut)


@pytest.mark.parametrize(
    "parts", [("part", CLIENT), ("part", "part"), (CLIENT, CLIENT), (("c", 1),), (("c", 1, (1,)),)]
)
def test_parts_of_a_checkpoint_that_are_not_in_their_place_are_refused(parts: Any) -> None:
    ((frame_type, _),) = frames_of(encode(MESSAGES[10]))
    with pytest.raises(MalformedMessageError):
        decode(frame_type, payload_of((1, 2, 5, 9, 4, parts)))


def test_op_numbers_begin_at_1() -> None:
    ((frame_type, _),) = frames_of(encode(NewState(1, 2, 3, ())))
    with pytest.raises(MalformedMessageError):
        decode(frame_type, payload_of((1, 2, 0, ())))


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(MalformedMessageError, match="type 255"):
        decode(255, payload_of((1, 2)))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(MalformedMessageError):
        decode(1, b"\x92\x01" + b"\x91" * 100_000)


def pieces(data: bytes, random: Random) -> Iterator[bytes]:
    while data:
        size = random.randint(1, 40)
        yield data[:size]
        data = data[size:]


def test_frames_come_whole_however_the_bytes_are_cut() -> None:
    data = b"".join(map(encode, MESSAGES))
    for seed in range(50):
        reader = FrameReader(1 << 20)
        found = [
            decode(*frame) for piece in pieces(data, Random(seed)) for frame in reader.feed(piece)
        ]
        assert found == MESSAGES
        assert reader.is_between_frames


def test_memory_is_taken_as_bytes_come() -> None:
    reader = FrameReader(frames.PEER_FRAME_BYTES_MAX)
    assert reader.feed(frames.PEER_FRAME_BYTES_MAX.to_bytes(LENGTH_BYTES, "big")) == []
    assert not reader.is_between_frames


@pytest.mark.parametrize("length", [0, 101, 2**32 - 1])
def test_a_frame_of_an_impossible_length_is_refused_at_once(length: int) -> None:
    with pytest.raises(MalformedMessageError, match=str(length)):
        frames_of(length.to_bytes(LENGTH_BYTES, "big"), bytes_max=100)


def test_changed_bytes_never_raise_anything_else() -> None:
    random = Random(1)
    data = b"".join(map(encode, MESSAGES))
    for _ in range(2_000):
        changed = bytearray(data)
        for _ in range(random.randint(1, 4)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        with suppress(MalformedMessageError):
            for frame in frames_of(bytes(changed)):
                decode(*frame)


def test_random_bytes_never_raise_anything_else() -> None:
    random = Random(2)
    for _ in range(2_000):
        with suppress(MalformedMessageError):
            decode(random.randrange(17), random.randbytes(random.randrange(60)))
