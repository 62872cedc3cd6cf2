"""Clients, which send one request at a time, to one node, with a time-out."""

from collections.abc import Callable
from typing import Any

from vsr_node.bench.nodes.known_errors import KnownError
from vsr_node.bench.nodes.loop import Timers
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.nodes.network import Network

OWN_ERROR_MIN = 1000
"""The first of the codes that are free for a node's own errors."""

NO_CODE = "no code"
"""The code of an error that has none. Maelstrom takes it for an indefinite error."""

Body = dict[str, Any]
Completion = Callable[[Body | None], None]
"""Takes the reply's body, or None if no reply came in time. Raises WireError if it is malformed."""


class Client:
    """Sends requests with growing ``msg_id``s, and recognizes the reply to the last one.

    A reply to an earlier request is not a mistake: the network may repeat messages, and a reply may
    come after the time-out. ``late_reply_count`` counts such replies.
    """

    def __init__(self, name: str, network: Network, timers: Timers) -> None:
        self.name = name
        self.late_reply_count = 0
        self.is_gone = False
        """Whether another client took its place after an operation of unknown outcome."""
        self._network = network
        self._timers = timers
        self._last_msg_id = 0
        self._completion: Completion | None = None
        network.add_client(name, self)

    def request(self, node: str, body: Body, time_out_ns: int, completion: Completion) -> None:
        """Send ``body``, and call ``completion`` once, with the reply, or None if it is late."""
        assert self._completion is None, "a client sends one request at a time"
        self._last_msg_id += 1
        self._completion = completion
        self._network.request(self.name, node, body | {"msg_id": self._last_msg_id})
        self._timers.call_at(self._timers.now() + time_out_ns, self._on_time_out, self._last_msg_id)

    def on_reply(self, source: str, body: Body) -> None:
        """Take a message from ``source``; any node may answer. Raises WireError if it is wrong."""
        in_reply_to = body.get("in_reply_to")
        if type(in_reply_to) is not int:
            raise WireError(
                Kind.REPLY_TO_NOBODY, f'{source} sent {self.name} a body without "in_reply_to"'
            )
        if not 1 <= in_reply_to <= self._last_msg_id:
            raise WireError(
                Kind.REPLY_TO_NOBODY,
                f"{source} answered message {in_reply_to} of {self.name}, which it never sent",
            )
        if in_reply_to != self._last_msg_id or self._completion is None:
            self.late_reply_count += 1
            if self.is_gone:
                raise WireError(
                    Kind.REPLY_TOO_LATE, f"{source} answered {self.name}, which had given up"
                )
            return
        completion, self._completion = self._completion, None
        completion(body)
        require_known_code(body)

    def _on_time_out(self, msg_id: int) -> None:
        if msg_id == self._last_msg_id and self._completion is not None:
            completion, self._completion = self._completion, None
            completion(None)


def require_type(body: Body, expected_type: str) -> None:
    """Check the type of a successful reply. Raises WireError with MALFORMED_REPLY."""
    if body.get("type") != expected_type:
        raise _malformed(f'"type" is {body.get("type")!r} where {expected_type!r} or "error" fits')


def require_plain_init_ok(body: Body) -> None:
    """Raise WireError with INIT_OK_WITH_MORE for an ``init_ok`` that has more than it needs."""
    try:
        require_fields(body, "init_ok", frozenset())
    except WireError as error:
        raise WireError(Kind.INIT_OK_WITH_MORE, error.detail) from None


def require_fields(body: Body, expected_type: str, fields: frozenset[str]) -> None:
    """Check the shape of a successful reply: its type, all of ``fields``, and no unknown field.

    Raises WireError with MALFORMED_REPLY.
    """
    require_type(body, expected_type)
    for field in sorted(fields):
        if field not in body:
            raise _malformed(f'a {expected_type} without "{field}"')
    for field in body:
        if field not in fields and field not in ("type", "in_reply_to", "msg_id"):
            raise _malformed(f'a {expected_type} with a field "{field}" that its schema lacks')
    if "msg_id" in body and type(body["msg_id"]) is not int:
        raise _malformed('"msg_id" is no integer')


def error_of(body: Body) -> tuple[int | str, str] | None:
    """Return the code and text of an error, None if the reply is not an error.

    The code is ``NO_CODE`` if it is not an integer.
    """
    if body.get("type") != "error":
        return None
    code = body.get("code")
    return code if type(code) is int else NO_CODE, str(body.get("text", ""))


def require_known_code(body: Body) -> None:
    """Raise WireError with UNKNOWN_ERROR_CODE for an error whose code is not defined."""
    error = error_of(body)
    if error is None:
        return
    code = error[0]
    if isinstance(code, str):
        raise WireError(Kind.UNKNOWN_ERROR_CODE, 'an error whose "code" is no integer')
    if code not in set(KnownError) and code < OWN_ERROR_MIN:
        raise WireError(Kind.UNKNOWN_ERROR_CODE, f"error {code}, which the protocol does not know")


def _malformed(detail: str) -> WireError:
    return WireError(Kind.MALFORMED_REPLY, f"a malformed reply: {detail}")
