"""What a call can end with, other than its result; see docs/EMBEDDING.md, "What can go wrong"."""

from collections.abc import Callable
from typing import Any

from vsr_node.machines.errors import NotExecuted, VsrError

from .session import End, Ended


class Unavailable(NotExecuted):
    """No member could reach a quorum in time."""


class TooBusy(NotExecuted):
    """More calls are under way than this client may have."""


class Closed(NotExecuted):
    """The client was closed before the call was sent."""


class Rejected(NotExecuted):
    """A member refused the call for good, such as for its size."""


class AccessDenied(NotExecuted):
    """The group does not let this client in."""


class WrongGroup(NotExecuted):
    """The members are of another group."""


class WrongVersion(NotExecuted):
    """The members run another machine, or speak another version of the protocol."""


class NotReady(VsrError):  # noqa: N818
    """A member does not serve yet; the text says what it waits for."""


class OutcomeUnknown(VsrError, TimeoutError):  # noqa: N818
    """The call was executed once at most, and nobody knows yet whether it was.

    ``settle`` asks on under the same number, so it never executes the call a second time. It is a
    coroutine function where the client is asynchronous.
    """

    def __init__(self, text: str, settle: Callable[[float], Any] | None = None) -> None:
        super().__init__(text)
        self._settle = settle

    def settle(self, timeout: float) -> Any:
        """Return the call's result, or raise what it ended with; give up after ``timeout`` s.

        Raises this error again if it is still unknown, and for good if nobody will ever know.
        """
        if self._settle is None:
            raise self
        return self._settle(timeout)


class SessionExpired(OutcomeUnknown):
    """The same, for good: the client was away for so long that the group forgot its session."""


REFUSALS: dict[str, type[NotExecuted]] = {
    "version": WrongVersion,
    "group": WrongGroup,
    "access": AccessDenied,
}
"""The errors of refused connections, by the reason on the wire; others are tried again."""


def error_of(ended: Ended) -> VsrError:
    """Return the error of a call that ended without a result, for good."""
    match ended.end:
        case End.EXPIRED:
            return SessionExpired(ended.text)
        case End.NOT_EXECUTED:
            return Unavailable(ended.text)
        case End.REFUSED:
            return Rejected(ended.text)
        case _:
            return OutcomeUnknown(ended.text)


def error_of_refusal(reason: str, refused: str, missed: str) -> NotExecuted:
    """Return the error of a call that ended as ``missed`` since a member ``refused`` to talk."""
    error = REFUSALS.get(reason)
    return Unavailable(f"{missed}: {refused}") if error is None else error(refused)
