"""Mutations of sessions: of their table in the core, and of the client's side."""

from vsr_node.simulation.mutations.files import SESSION, SESSIONS
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "session-number-reused",
        "S",
        "a session is named by how many there are, so an expired one's name is given again",
        (
            Edit(
                SESSIONS,
                "            session = session_name(self._op_number, nonce)\n",
                "            session = session_name(1 + len(self._clients), nonce)\n",
            ),
        ),
    ),
    Mutation(
        "expired-session-executes",
        "S",
        "a request of an expired session is executed, as if its client were new",
        (
            Edit(
                SESSIONS,
                "        if known is None:\n            is_query",
                "        if known is None and not client.startswith(QUERY):\n"
                "            self._sessions.setdefault(_nonce_of(client), client)\n"
                "            return super().execute(client, request_number, apply, operation)\n"
                "        if known is None:\n            is_query",
            ),
            Edit(
                SESSIONS,
                "        return None if is_possible else EXPIRED\n",
                "        return None\n",
            ),
        ),
    ),
    Mutation(
        "session-forgotten-in-checkpoint",
        "S",
        "a restored table counts op_numbers from the beginning, and gives names again",
        (Edit(SESSIONS, "        self._op_number = op_number\n", ""),),
    ),
    Mutation(
        "client-reuses-a-number",
        "S",
        "a new session goes on with the numbers of those under way",
        (
            Edit(
                SESSION,
                "asked.number = self._last_number = self._last_number + 1",
                "asked.number = self._last_number = len(self._calls) + 1",
            ),
        ),
    ),
    Mutation(
        "client-ignores-the-window",
        "S",
        "a client has more numbers under way than the group keeps answers",
        (
            Edit(
                SESSION,
                "self._window_end = lowest + WINDOW - 1",
                "self._window_end = lowest + 4 * WINDOW",
            ),
        ),
    ),
    Mutation(
        "client-retries-under-a-new-number",
        "S",
        "a call without an answer is sent again as another one, and may be executed twice",
        (
            Edit(
                SESSION,
                "                    self._send(now, asked)\n                self._wake_at",
                "                    if asked is not self._registration and not asked.is_query:\n"
                "                        del self._calls[asked.number]\n"
                "                        self._last_number += 1\n"
                "                        asked.number = self._last_number\n"
                "                        self._calls[asked.number] = asked\n"
                "                        asked.copies.clear()\n"
                "                    self._send(now, asked)\n                self._wake_at",
            ),
        ),
    ),
    Mutation(
        "client-ignores-eviction",
        "L",
        "a client goes on in a session that has expired",
        (
            Edit(
                SESSION,
                '        self.name = ""\n        self._registration = self._new_registration()\n'
                "        certain",
                "        certain",
            ),
        ),
    ),
    Mutation(
        "client-takes-anothers-answer",
        "S",
        "a client takes an answer for that to a call under way, whosever it is",
        (
            Edit(
                SESSION,
                "self._calls.get(number) if client == self.name else None",
                "self._calls.get(number, next(iter(self._calls.values()), None))",
            ),
        ),
    ),
)
