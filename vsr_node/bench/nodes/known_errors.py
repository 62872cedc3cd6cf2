"""The error codes of Maelstrom's protocol."""

from enum import IntEnum


class KnownError(IntEnum):
    """An error, by its name in protocol.md, Errors."""

    TIMEOUT = 0
    NODE_NOT_FOUND = 1
    NOT_SUPPORTED = 10
    TEMPORARILY_UNAVAILABLE = 11
    MALFORMED_REQUEST = 12
    CRASH = 13
    ABORT = 14
    KEY_DOES_NOT_EXIST = 20
    KEY_ALREADY_EXISTS = 21
    PRECONDITION_FAILED = 22
    TXN_CONFLICT = 30

    @property
    def text(self) -> str:
        """The code and its name, such as ``error 22, precondition-failed``."""
        return f"error {self.value}, {self.name.lower().replace('_', '-')}"


DEFINITE_ERRORS = frozenset(KnownError) - {KnownError.TIMEOUT, KnownError.CRASH}
"""After these the operation surely did not happen; all others leave it open."""

ANSWERS = frozenset(
    (KnownError.KEY_DOES_NOT_EXIST, KnownError.KEY_ALREADY_EXISTS, KnownError.PRECONDITION_FAILED)
)
"""What a correct node answers where the data demand it, rather than a refusal."""
