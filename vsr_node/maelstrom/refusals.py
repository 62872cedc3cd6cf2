"""The answer to a request that was given up, and whether it may say "never executed".

A client may send copies of a request to several nodes, under one msg_id. A node that is cut off
knows of its own copy only, so error 11 speaks of that copy, and its text says so. Programs look at
the code, though. So the first write of a client that is refused here gets error 13, as it may be a
copy. If its next request, by number, is refused here too, the client stays at this node, as
Maelstrom's clients do, and sends no copies: from then on error 11 lets it go on.
"""

from vsr_node.core.messages import Reason, Refusal

from .errors import ErrorCode, RequestError

CLIENTS_MAX = 16_384
"""Beyond it the client that was refused first is forgotten, and gets error 13 the next time."""

_CODES = {
    Reason.UNREAD: ErrorCode.TEMPORARILY_UNAVAILABLE,
    Reason.NUMBER_REUSED: ErrorCode.MALFORMED_REQUEST,
    Reason.OUTCOME_UNKNOWN: ErrorCode.CRASH,
}


class Refusals:
    """Remembers the last request of each client that was refused here."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def error_of(self, refusal: Refusal) -> RequestError:
        """Return the error that answers a request that was given up."""
        client, msg_id, reason = refusal
        if reason is Reason.UNAVAILABLE:
            return self.never_executed(client, msg_id, reason.value)
        self._add(client, msg_id)
        return RequestError(_CODES[reason], reason.value)

    def never_executed(self, client: str, msg_id: int, why: str) -> RequestError:
        """Return the error for a write of which at least this copy is never executed."""
        if self._add(client, msg_id):
            return RequestError(
                ErrorCode.TEMPORARILY_UNAVAILABLE, f"{why}; this copy is never executed"
            )
        text = f"{why}; a copy that was sent to another node may have been executed"
        return RequestError(ErrorCode.CRASH, text)

    def _add(self, client: str, msg_id: int) -> bool:
        """Return whether the client's request before this one was refused here, too."""
        last = self._last.get(client)
        if last is None and len(self._last) >= CLIENTS_MAX:
            del self._last[next(iter(self._last))]
        self._last[client] = msg_id
        return last == msg_id - 1
