"""The requests that were executed, and their results (VRR section 4, the client-table).

The table is replicated state: it changes only when a committed request is executed, so all
replicas that executed the same log hold the same table, and a repeated request gets the
recorded reply from any of them. A client may have several requests under way, and the network
may swap them, so the table keeps a window of numbers for each client rather than the last.

A client that begins anew may use its numbers again. So each reply is kept with a digest of its
operation, and a known number with another operation is neither executed nor acknowledged. The
digest is computed when it is needed, at the latest for the next snapshot; until then the operation
itself stands in its place, and takes no memory, as the log holds it too.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from .digest import digest_of
from .limits import (
    ALL_REPLIES_SIZE_MAX,
    FORGOTTEN_AT_ONCE,
    REPLIES_SIZE_MAX,
    SEALED_SIZE,
    WINDOW,
)
from .messages import Entries, Operation, Parts, Reason, Result
from .size import size_of

Recorded: TypeAlias = tuple[int, Result, int] | tuple[int, Result, Operation, None]
"""The number of an executed request, its result, and the operation's digest.

Until the digest is needed, it is the operation itself, and None. Snapshots have it with the digest,
or without any if it is older than digests.
"""

FORGOTTEN = Reason.OUTCOME_UNKNOWN
"""The request is older than the client's window: nobody knows whether it was executed."""

REUSED = Reason.NUMBER_REUSED
"""The number is that of another request, which was executed: this one never is."""

NO_DIGEST = -1
"""Of a reply from a snapshot without digests."""


class _Client:
    __slots__ = ("forgotten_number", "replies", "size")

    def __init__(self) -> None:
        self.replies: dict[int, Recorded] = {}
        # All numbers up to this one are below the window.
        self.forgotten_number = -1
        self.size = 0

    def forget_lowest(self, count: int) -> int:
        """Make room; the replies of the highest numbers stay. Return what they were in size."""
        numbers = sorted(self.replies)[:count]
        self.forgotten_number = numbers[-1]
        # The results of most clients have nothing but a name.
        if not self.size:
            for number in numbers:
                del self.replies[number]
            return 0
        size = sum(map(_size_of_result, [self.replies.pop(number)[1] for number in numbers]))
        self.size -= size
        return size

    def seal(self) -> None:
        """Put digests in the place of operations."""
        replies = self.replies
        for number, recorded in replies.items():
            if len(recorded) == 4:
                replies[number] = _sealed(recorded)

    def seal_one(self, number: int) -> None:
        """Put the digest in the place of an operation, if its reply is remembered."""
        recorded = self.replies.get(number)
        if recorded is not None and len(recorded) == 4:
            self.replies[number] = _sealed(recorded)


def _sealed(recorded: tuple[int, Result, Operation, None]) -> Recorded:
    number, result, operation, _ = recorded
    return number, result, digest_of(operation)


def _if_of(recorded: Recorded, operation: Operation) -> Recorded | Reason:
    """Return a record if it is of this operation. Compare digests, as others have no more."""
    if len(recorded) == 3:
        digest = recorded[2]
    elif recorded[2] is operation:
        return recorded
    else:
        digest = digest_of(recorded[2])
    if digest == NO_DIGEST:
        return FORGOTTEN
    return recorded if digest == digest_of(operation) else REUSED


def _size_of_result(result: Result) -> int:
    """Return the size of a result, 0 for one that has nothing but a name."""
    has_more = type(result) is str or (type(result) is tuple and len(result) > 1)
    return size_of(result) if has_more else 0


class ClientTable:
    """At most ``clients_max`` clients with at most ``WINDOW`` replies each.

    Beyond ``clients_max`` the client that has executed nothing for longest is forgotten. That
    order follows from the log alone, so all replicas forget the same one. A forgotten
    client's requests are executed as new ones: exactly-once ends at that bound.

    Results are bounded in size too. Those of the client's lowest numbers go, and where all clients
    together have too much, all those of the client that has executed nothing for longest. Such a
    request is known to be old, and is not executed again.
    """

    def __init__(self, clients_max: int) -> None:
        assert clients_max >= 1
        self._clients_max = clients_max
        self._clients: dict[str, _Client] = {}
        self.size = 0
        """Size of the results, but for those that have nothing but a name."""

    def look_up(
        self, client: str, request_number: int, operation: Operation
    ) -> Recorded | Reason | None:
        """Return what is known of a request; None if it may be executed."""
        known = self._clients.get(client)
        if known is None:
            return None
        recorded = known.replies.get(request_number)
        if recorded is not None:
            return _if_of(recorded, operation)
        return FORGOTTEN if request_number <= known.forgotten_number else None

    def execute(
        self,
        client: str,
        request_number: int,
        apply: Callable[[Operation], Result],
        operation: Operation,
    ) -> Recorded | Reason:
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
                return _if_of(recorded, operation)
            if request_number <= known.forgotten_number:
                return FORGOTTEN
            del clients[client]
        # A dict keeps the order of insertion, so this makes the client the most recent one.
        clients[client] = known
        replies = known.replies
        result = apply(operation)
        recorded = replies[request_number] = (request_number, result, operation, None)
        if type(result) is tuple and len(result) > 1:
            self._bound_size(known, size_of(result))
        if len(replies) > WINDOW:
            self.size -= known.forget_lowest(FORGOTTEN_AT_ONCE)
            if size_of(operation) > SEALED_SIZE:
                known.seal()
        return recorded

    def _admit(self) -> _Client:
        if len(self._clients) >= self._clients_max:
            self._forget(next(iter(self._clients)))
        return _Client()

    def _forget(self, client: str) -> None:
        self.size -= self._clients.pop(client).size

    def _bound_size(self, known: _Client, size: int) -> None:
        """Count a new result; forget others if its client, or all together, have too much."""
        known.size += size
        self.size += size
        while known.size > REPLIES_SIZE_MAX:
            self.size -= known.forget_lowest(1)
        if self.size > ALL_REPLIES_SIZE_MAX:
            oldest = next(each for each in self._clients.values() if each.size)
            self.size -= oldest.forget_lowest(len(oldest.replies))

    def seal(self, entries: Entries) -> None:
        """Put digests in the place of operations that were executed.

        Those of large ones take long, so the next snapshot should not have to compute all of them.
        """
        for client, request_number, _ in entries:
            if client in self._clients:
                self._clients[client].seal_one(request_number)

    def snapshot(self) -> Parts:
        """Return the table; a client is (name, forgotten number, ((number, result, digest), ...)).

        Digests replace the operations here too, so the table is no larger than its snapshot.
        """
        for known in self._clients.values():
            known.seal()
        return tuple(
            (client, known.forgotten_number, tuple(known.replies.values()))
            for client, known in self._clients.items()
        )

    def restore(self, parts: Parts, op_number: int) -> None:
        """Take over what ``snapshot`` returned, here or at another replica, at ``op_number``."""
        self._clients = {}
        self.size = 0
        for part in parts:
            client, forgotten_number, replies = cast("tuple[str, int, tuple[Any, ...]]", part)
            known = self._clients[client] = _Client()
            known.forgotten_number = forgotten_number
            known.replies = {reply[0]: _restored(*reply) for reply in replies}
            known.size = sum(_size_of_result(reply[1]) for reply in replies)
            self.size += known.size


def _restored(number: int, result: Result, digest: int | None = None) -> Recorded:
    return number, result, NO_DIGEST if digest is None else digest
