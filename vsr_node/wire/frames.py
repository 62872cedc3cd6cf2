"""Frames: 4 bytes of length, 1 byte of type, and a msgpack array of the fields in their order.

The length is big-endian and counts what follows it. A ``FrameCodec`` is a table from types to named
tuples; ``PEER_FRAMES`` is that of the protocol's messages, and each kind of connection has one of
its own. Nothing that other processes send is trusted: a frame that does not have just the fields
and kinds of its type is refused here, in C, so the core only ever sees well-formed messages.

Operations, results and the parts of a machine's state are texts here, which cost what bytes cost.

    encode(message) -> bytes                     a whole frame
    FrameReader(bytes_max).feed(data) -> frames  each (type, payload), whole ones only
    decode(type, payload) -> message             raises MalformedMessageError
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import GenericAlias
from typing import Annotated, Any, Generic, TypeVar, cast

import msgspec

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

from .shapes import NONCE, NUMBER_MAX, Frame, MalformedMessageError

LENGTH_BYTES = 4

PEER_FRAME_BYTES_MAX = 32 << 20
"""No message of bounded operations is longer; see ``core/limits``."""

FrameType = TypeVar("FrameType", bound=tuple[Any, ...])

Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
"""The kind of a field that is annotated ``int``."""

_FirstOpNumber = Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
_Change = tuple[Number | str, tuple[str, ...] | str]
"""A RECONFIGURATION or a DECLINED, which are arrays here."""
_Value = str | _Change
_Entry = tuple[str, Number, _Value]
_Reply = tuple[Number, _Value, int]
_ClientPart = tuple[str, int, tuple[_Reply, ...]]

_PEER_KINDS: dict[str, Any] = {
    "entries": tuple[_Entry, ...],
    "parts": tuple[str | _ClientPart, ...],
    "answers": tuple[tuple[str, Number, _Value | None], ...],
    "refusals": tuple[tuple[str, Number, Reason], ...],
    "nonce": Annotated[str, msgspec.Meta(pattern=rf"\A{NONCE.pattern}\Z")],
    "rows": tuple[tuple[str, Number, tuple[str, ...]], ...],
    "body": bytes,
}
"""The kinds of fields whose annotation says too little, by name."""

_OPERATION = itemgetter(2)

_ENCODER = msgspec.msgpack.Encoder()


class FrameCodec(Generic[FrameType]):
    """Encodes and decodes the frames of one kind of connection.

    ``classes`` are named tuples by type byte. A field that is annotated ``int`` is a whole number
    from 0 to ``NUMBER_MAX``; any other has the kind that ``kinds`` has for its name, or else the
    one of its annotation.
    """

    def __init__(
        self, classes: Mapping[int, type[FrameType]], kinds: Mapping[str, Any] | None = None
    ) -> None:
        self._types = {frame_class: bytes((number,)) for number, frame_class in classes.items()}
        self._decoders = {
            number: (_decoder_of(frame_class, kinds or {}), cast("Any", frame_class)._make)
            for number, frame_class in classes.items()
        }

    def encode(self, frame: FrameType) -> bytes:
        """Return the whole frame. Raises ValueError for a text with a lone surrogate."""
        payload = _ENCODER.encode(frame)
        length = (1 + len(payload)).to_bytes(LENGTH_BYTES, "big")
        return length + self._types[type(frame)] + payload

    def decode(self, frame_type: int, payload: bytes) -> FrameType:
        """Return what a frame holds. Raises MalformedMessageError."""
        try:
            decoder, make = self._decoders[frame_type]
        except KeyError:
            raise MalformedMessageError(f"no frame of type {frame_type} belongs here") from None
        try:
            frame = make(decoder.decode(payload))
        except (ValueError, RecursionError) as error:
            raise MalformedMessageError(str(error)) from None
        return cast("FrameType", frame)


def _decoder_of(
    frame_class: type[tuple[Any, ...]], kinds: Mapping[str, Any]
) -> msgspec.msgpack.Decoder[Any]:
    fields = frame_class.__annotations__.items()
    shape = tuple(_kind_of(name, annotation, kinds) for name, annotation in fields)
    return msgspec.msgpack.Decoder(GenericAlias(tuple, shape))


def _kind_of(name: str, annotation: Any, kinds: Mapping[str, Any]) -> Any:
    if annotation is int:
        return _FirstOpNumber if name == "first_op_number" else Number
    return kinds.get(name, annotation)


_PEER_FRAMES: FrameCodec[Any] = FrameCodec(
    {
        1: Request,
        2: Prepare,
        3: PrepareOk,
        4: Commit,
        5: StartViewChange,
        6: DoViewChange,
        7: StartView,
        8: GetState,
        9: NewState,
        10: GetCheckpoint,
        11: NewCheckpoint,
        12: Recovery,
        13: RecoveryResponse,
        14: Read,
        15: ReadOk,
        16: Farewell,
        17: StartEpoch,
        18: EpochStarted,
        19: CatchUp,
        20: Answers,
        32: LinkRows,
        33: Relay,
    },
    _PEER_KINDS,
)

PEER_TYPES = range(1, 64)
"""The type bytes of messages between members; other frames take theirs from 64 on."""


def encode(message: Frame) -> bytes:
    """Return the whole frame of what a member sends another."""
    if type(message) is Relay:
        message = message._replace(body=encode(cast("Message", message.body))[LENGTH_BYTES:])
    return _PEER_FRAMES.encode(message)


def decode(frame_type: int, payload: bytes) -> Frame:
    """Return what a frame between members holds. Raises MalformedMessageError."""
    message: Frame = _PEER_FRAMES.decode(frame_type, payload)
    if type(message) is NewCheckpoint:
        _refuse_mixed(message)
        return message._replace(parts=tuple(map(_part_of, message.parts)))
    if type(message) is Answers:
        refusals = tuple(map(Refusal._make, message.refusals))
        return message._replace(answers=_with_changes(message.answers), refusals=refusals)
    if type(message) is LinkRows:
        return message._replace(rows=tuple(map(Row._make, message.rows)))
    if type(message) is Relay:
        return message._replace(body=_decode_relayed(cast("bytes", message.body)))
    entries = getattr(message, "entries", ())
    if tuple in map(type, map(_OPERATION, entries)):
        message = cast("Any", message)._replace(entries=_with_changes(entries))
    return message


def _decode_relayed(frame: bytes) -> Message:
    """Return the message that a relay carries: its type byte, and its payload."""
    message = decode(frame[0], frame[1:]) if frame else None
    if message is None or isinstance(message, LinkRows | Relay):
        raise MalformedMessageError("field body: expected a message of the protocol")
    return message


def _with_changes(entries: Sequence[tuple[str, int, object]]) -> tuple[Any, ...]:
    return tuple((client, number, _value_of(value)) for client, number, value in entries)


def _part_of(part: Any) -> object:
    """Return a part, a client's with the changes among its results."""
    match part:
        case (name, forgotten_number, replies):
            replies = tuple(
                (number, _value_of(result), digest) for number, result, digest in replies
            )
            return name, forgotten_number, replies
    return part


def _value_of(value: object) -> object:
    """Return an operation or a result; what is an array is a change of the members."""
    match value:
        case (int(epoch), tuple(members)):
            return Reconfiguration(epoch, members)
        case (str(kind), str(reason)):
            return Declined(kind, reason)
        case tuple():
            raise MalformedMessageError("not a change of the members")
    return value


def _refuse_mixed(chunk: NewCheckpoint) -> None:
    """Refuse a chunk in which a part is not where the client table or the machine has its own."""
    client_count = max(0, chunk.client_count - chunk.position)
    for position, part in enumerate(chunk.parts):
        if (type(part) is tuple) != (position < client_count):
            raise MalformedMessageError("field parts: the clients come first, then the machine")


class FrameReader:
    """Whole frames out of bytes, however they are cut.

    Memory is taken as bytes come, not as a length promises. ``bytes_max`` bounds what follows the
    length of one frame.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._buffer = bytearray()

    @property
    def is_between_frames(self) -> bool:
        """Whether no frame has begun that has not ended."""
        return not self._buffer

    def feed(self, data: bytes | memoryview) -> list[tuple[int, bytes]]:
        """Take what came and return the frames that are whole now, as (type, payload).

        Raise MalformedMessageError if a frame is empty or too long: nothing after it can be read.
        """
        buffer = self._buffer
        buffer += data
        frames: list[tuple[int, bytes]] = []
        begin, end = 0, len(buffer)
        while end - begin >= LENGTH_BYTES:
            length = int.from_bytes(buffer[begin : begin + LENGTH_BYTES], "big")
            if not 1 <= length <= self.bytes_max:
                raise MalformedMessageError(
                    f"a frame of {length} bytes; expected 1 to {self.bytes_max}"
                )
            payload = begin + LENGTH_BYTES + 1
            following = payload + length - 1
            if following > end:
                break
            frames.append((buffer[payload - 1], bytes(buffer[payload:following])))
            begin = following
        del buffer[:begin]
        return frames
