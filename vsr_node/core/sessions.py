"""Sessions: clients that register through the log before they ask (``Limits.registered``).

A registration is an entry of the log like any other. Its op_number names the session, so no name is
ever given twice, at no replica and in no view. The client's nonce is a part of the name: a group
that lost all its data and began anew counts op_numbers from 1 again, and its sessions are others.

The table keeps ``clients_max`` sessions. The one that has executed nothing for longest expires, and
nothing is executed under its name from then on: its table is gone, so nobody could tell which of
its requests were executed before.
"""

from collections.abc import Callable

from .client_table import ClientTable, Recorded
from .messages import Operation, Parts, Reason, Result
from .size import size_of

REGISTRATION = 0
"""The request_number of a registration, whose client is a nonce. A session's begin at 1."""

QUERY = "?"
"""The first letter of a name under which a standby hands a query in. It needs no session, as it
changes nothing, and is not recorded."""

EXPIRED = Reason.SESSION_EXPIRED


def session_name(op_number: int, nonce: str) -> str:
    """Return the name of the session whose registration stands at ``op_number``."""
    return f"{op_number}-{nonce}"


def registered_at(session: str) -> int:
    """Return the op_number in a session's name; 0 if it is no such name."""
    op_number = session.partition("-")[0]
    return int(op_number) if op_number.isascii() and op_number.isdecimal() else 0


class SessionTable(ClientTable):
    """The client table of a group whose clients register. ``read`` answers queries."""

    def __init__(self, clients_max: int, read: Callable[[Operation], Result]) -> None:
        super().__init__(clients_max)
        self._read = read
        self._op_number = 0
        self._sessions: dict[str, str] = {}
        """The name of each session, by its nonce: a repeated registration makes no second one."""

    def look_up(
        self, client: str, request_number: int, operation: Operation
    ) -> Recorded | Reason | None:
        """Return what is known of a request or a registration; None if it may be executed.

        A session that was registered beyond what is executed here is not known yet.
        """
        if request_number == REGISTRATION:
            session = self._sessions.get(client)
            return None if session is None else _registered(session)
        if client in self._clients:
            return super().look_up(client, request_number, operation)
        is_possible = client.startswith(QUERY) or registered_at(client) > self._op_number
        return None if is_possible else EXPIRED

    def execute(
        self,
        client: str,
        request_number: int,
        apply: Callable[[Operation], Result],
        operation: Operation,
    ) -> Recorded | Reason:
        """Execute the next entry of the log, and return what is known then."""
        self._op_number += 1
        if request_number == REGISTRATION:
            return self._register(client)
        known = self._clients.get(client)
        if known is None:
            is_query = client.startswith(QUERY)
            return (request_number, self._read(operation), 0) if is_query else EXPIRED
        is_new = request_number not in known.replies
        outcome = super().execute(client, request_number, apply, operation)
        if is_new and type(outcome) is tuple and type(outcome[1]) is str:
            # The results of typed machines are texts, which the table without sessions never has.
            self._bound_size(known, size_of(outcome[1]))
        return outcome

    def _register(self, nonce: str) -> Recorded:
        session = self._sessions.get(nonce)
        if session is None:
            session = session_name(self._op_number, nonce)
            known = self._admit()
            known.forgotten_number = REGISTRATION
            self._clients[session] = known
            self._sessions[nonce] = session
        return _registered(session)

    def _forget(self, client: str) -> None:
        super()._forget(client)
        del self._sessions[_nonce_of(client)]

    def restore(self, parts: Parts, op_number: int) -> None:
        """Take over what ``snapshot`` returned when the log up to ``op_number`` was executed."""
        super().restore(parts, op_number)
        self._op_number = op_number
        self._sessions = {_nonce_of(session): session for session in self._clients}


def _nonce_of(session: str) -> str:
    return session.partition("-")[2]


def _registered(session: str) -> Recorded:
    return REGISTRATION, session, 0
