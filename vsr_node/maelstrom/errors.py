"""The error codes of Maelstrom that this node sends (doc/protocol.md, "Errors").

A definite error means that the request was never executed and never will be.
"""

from enum import IntEnum


class ErrorCode(IntEnum):
    """The ``code`` of an error body."""

    NOT_SUPPORTED = 10
    TEMPORARILY_UNAVAILABLE = 11
    MALFORMED_REQUEST = 12
    CRASH = 13
    """Indefinite: the request may have been executed."""
    ABORT = 14
    KEY_DOES_NOT_EXIST = 20
    PRECONDITION_FAILED = 22


class RequestError(Exception):
    """A request that is answered with an error and not executed."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def malformed(field: str, problem: str) -> RequestError:
    """Return an error that names the field, so that its sender can correct it."""
    return RequestError(ErrorCode.MALFORMED_REQUEST, f"field {field}: {problem}")
