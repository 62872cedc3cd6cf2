"""The requests that were executed, and their results (VRR section 4, the client-table).

The table is replicated state: it changes only when a committed request is executed, so all
replicas that executed the same log hold the same table, and a repeated request gets the
recorded reply from any of them. A client may have several requests under way, and the network
may swap them, so the table keeps a window of numbers for each client rather than the last.
"""

from collections.abc import Callable
from typing import TypeAlias, cast

from .limits import FORGOTTEN_AT_ONCE, WINDOW
from .messages import Operation, Parts, Result

Recorded: TypeAlias = tuple[int, Result]
"""The number of an executed request and its result. Snapshots have it as it is."""


class Forgotten:
    """The request is older than the client's window: nobody knows whether it was executed."""

    __slots__ = ()


FORGOTTEN = Forgotten()


class _Client:
    __slots__ = ("forgotten_number", "replies")

    def __init__(self) -> None:
        self.replies: dict[int, Recorded] = {}
        # All numbers up to this one are below the window.
        self.forgotten_number = -1

    def forget_lowest(self) -> None:
        """Make room; the replies of the highest numbers stay."""
        for number in sorted(self.replies)[:FORGOTTEN_AT_ONCE]:
            del self.replies[number]
            self.forgotten_number = number


class ClientTable:
    """At most ``clients_max`` clients with at most ``WINDOW`` replies each.

    Beyond ``clients_max`` the client that has executed nothing for longest is forgotten. That
    order follows from the log alone, so all replicas forget the same one. A forgotten
    client's requests are executed as new ones: exactly-once ends at that bound.
    """

    def __init__(self, clients_max: int) -> None:
        assert clients_max >= 1
        self._clients_max = clients_max
        self._clients: dict[str, _Client] = {}

    def look_up(self, client: str, request_number: int) -> Recorded | Forgotten | None:
        """Return what is known of a request; None if it may be executed."""
        known = self._clients.get(client)
        if known is None:
            return None
        recorded = known.replies.get(request_number)
        if recorded is not None:
            return recorded
        return FORGOTTEN if request_number <= known.forgotten_number else None

    def execute(
        self,
        client: str,
        request_number: int,
        apply: Callable[[Operation], Result],
        operation: Operation,
    ) -> Recorded | Forgotten:
        """Apply an operation if ``look_up`` allows it, and return what is known then.

        Called in the order of the log.
        """
        clients = self._clients
        known = clients.get(client)
        if known is None:
            known = self._admit()
        else:
            recorded = known.replies.get(request_number)
            if recorded is not None:
                return recorded
            if request_number <= known.forgotten_number:
                return FORGOTTEN
            del clients[client]
        # A dict keeps the order of insertion, so this makes the client the most recent one.
        clients[client] = known
        replies = known.replies
        recorded = replies[request_number] = (request_number, apply(operation))
        if len(replies) > WINDOW:
            known.forget_lowest()
        return recorded

    def _admit(self) -> _Client:
        if len(self._clients) >= self._clients_max:
            del self._clients[next(iter(self._clients))]
        return _Client()

    def snapshot(self) -> Parts:
        """Return the table; a client is (name, forgotten number, ((number, result), ...))."""
        return tuple(
            (client, known.forgotten_number, tuple(known.replies.values()))
            for client, known in self._clients.items()
        )

    def restore(self, parts: Parts) -> None:
        """Take over what ``snapshot`` returned, here or at another replica."""
        self._clients = {}
        for part in parts:
            client, forgotten_number, replies = cast("tuple[str, int, tuple[Recorded, ...]]", part)
            known = self._clients[client] = _Client()
            known.forgotten_number = forgotten_number
            known.replies = {recorded[0]: recorded for recorded in replies}
