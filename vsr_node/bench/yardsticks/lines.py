"""What the yardsticks share: a turn reads all lines that wait, and writes all answers at once."""

import os
from collections.abc import Callable
from typing import Any

import orjson

READ_BYTES = 1 << 16  # What a pipe holds; Python asks the system for memory to read more.

Body = dict[str, Any]


def serve(
    on_message: Callable[[str, Body], None], end_turn: Callable[[], None], output: list[bytes]
) -> None:
    """Pass each message to ``on_message``, and write ``output`` each turn, until stdin ends."""
    partial = b""
    while data := os.read(0, READ_BYTES):
        *lines, partial = (partial + data).split(b"\n")
        for line in lines:
            message = orjson.loads(line)
            on_message(message["src"], message["body"])
        end_turn()
        unsent = memoryview(b"".join(output))
        output.clear()
        while unsent:
            unsent = unsent[os.write(1, unsent) :]


def line_of(source: str, destination: str, body: Body) -> bytes:
    """Return a message as a line."""
    message = {"src": source, "dest": destination, "body": body}
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
