"""Maelstrom's error codes, as far as this node sends them (doc/protocol.md, "Errors").

Definite ones mean that the request was never executed and never will be.
"""

from enum import IntEnum


class ErrorCode(IntEnum):
    """The ``code`` of an error body."""

    NOT_SUPPORTED = 10
    TEMPORARILY_UNAVAILABLE = 11
    MALFORMED_REQUEST = 12
    CRASH = 13
    """Indefinite: the request may have been executed."""
    KEY_DOES_NOT_EXIST = 20
    PRECONDITION_FAILED = 22


class RequestError(Exception):
    """A request is answered with an error before it goes anywhere."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def malformed(field: str, problem: str) -> RequestError:
    """The field that is missing or wrong is named, so that its sender can mend it."""
    return RequestError(ErrorCode.MALFORMED_REQUEST, f"field {field}: {problem}")
