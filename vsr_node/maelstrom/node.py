"""The handling of each line that the process reads, without any I/O of its own.

docs/SPECIFICATION.md lists the answers that clients see. A line that makes no sense is logged and
dropped; a request that makes no sense is answered with an error; neither ends the node.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, Any, cast

import orjson

from vsr_node.cluster.member import Member
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import Limits
from vsr_node.core.messages import (
    DurableState,
    Message,
    Operation,
    Reason,
    Refusal,
    Reply,
    Send,
    name_of,
)
from vsr_node.core.size import size_of
from vsr_node.core.status import Status
from vsr_node.core.timers import Timers
from vsr_node.links.frames import LinkRows, Relay
from vsr_node.machines.maelstrom_machine import READS, MaelstromMachine
from vsr_node.storage.protocol import Storage, StorageError
from vsr_node.wire import json_body
from vsr_node.wire.shapes import MESSAGE_TYPES, NUMBER_MAX, MalformedMessageError

if TYPE_CHECKING:
    from .listeners import Listeners
    from .rotation import Rotation

from .data import open_storage
from .errors import ErrorCode, RequestError, malformed
from .json_text import may_be_inexact, parse, parse_exactly
from .options import OPERATION_BYTES_LIMIT, Options
from .requests import codec
from .requests.held_reads import READ_ALL, HeldReads
from .requests.local import LocalRequests
from .requests.table import REQUESTS, beginning_of, byte_count, refusal_of, reply_of

_ADDRESSED = itemgetter("src", "dest", "body")

EXCERPT_LENGTH = 200
"""How many bytes of a dropped line are logged."""


CLIENT_BYTES_MAX = 1 << 10
"""Bytes of a client's name: each entry of its requests has it."""

LONG_BODY = 4 << 10
"""Bytes of a message's body that take longer to copy than to keep apart."""

_GROWTH_MAX = 8
"""How often longer the canonical text of a value can be than the text that came, at the very most.

1e15 becomes 1000000000000000.0, and nothing grows more.
"""

REPLY_TO_NOTHING = "a reply to no request of this node"

NOTHING_TO_READ = (
    "nothing was written yet, so a read without a key may ask for messages, elements or a sum"
)

_EXACT_TYPES = frozenset({int, str, bool, type(None)})
"""The types of JSON values that are always read exactly (see ``json_text``)."""


class Node:
    """A Maelstrom node. It waits for ``init``, then drives one member, whose output it carries.

    ``log`` takes lines for people; ``write`` takes pieces for stdout, which make whole lines with
    their newlines, once or a few times a turn. ``listeners`` hear of what the protocol does. A
    StorageError ends the node: its records can't be read or kept.
    """

    def __init__(
        self,
        *,
        random: Random,
        log: Callable[[str], None],
        write: Callable[[Sequence[bytes]], None],
        options: Options,
        listeners: "Listeners | None" = None,
    ) -> None:
        self._random = random
        self._log = log
        self._write = write
        self._options = options
        self._listeners = listeners
        # In a line of that length nothing can be too large.
        self._short_line = min(CLIENT_BYTES_MAX, options.operation_bytes_max // _GROWTH_MAX)
        self._name = ""
        self._name_text = b""
        self._member: Member | None = None
        self._local: LocalRequests
        self._held_reads = HeldReads()
        self._storage: Storage
        self._message_id: int | None = None
        self._message_id_max = 0
        self._peer_prefixes: dict[str, bytes] = {}
        self._body_length_max = 0
        self._kept_back_from: set[tuple[str, ...]] = set()
        self._dropped_count = 0
        self._logged: tuple[int, Status] = (0, Status.NORMAL)
        self._output: list[bytes] = []
        self._rotation = _rotation_of(options)

    @property
    def next_timer(self) -> int:
        """The latest time of the next turn, in microseconds; never before ``init``."""
        if self._member is None:
            return Timers.NEVER
        next_timer = self._member.next_timer
        if self._rotation is not None:
            next_timer = min(next_timer, self._rotation.due_at)
        held = self._held_reads.deadlines
        return min(next_timer, *held.values()) if held else next_timer

    def turn(self, now: int, lines: Sequence[bytes]) -> None:
        """Handle all waiting lines, at ``now`` microseconds of a monotonic clock."""
        member = self._member
        if member is not None:
            member.begin_turn(now)
            if self._rotation is not None:
                self._rotation.go_on(member.replica)
        for line in lines:
            self._on_line(now, line)
        # An init among the lines has made it.
        member = self._member
        if member is None:
            self.flush()
        else:
            member.end_turn(self)
            if self._held_reads.deadlines:
                self._answer_held_reads(member)
            self._log_changes(member)

    def note_standstill(self, duration: int) -> None:
        """Note that the last turn took so long, in microseconds, that others waited."""
        if self._member is not None:
            self._member.note_standstill(duration)

    def shut_down(self) -> None:
        """Answer all waiting requests: nobody will answer them later."""
        if self._member is not None:
            self._member.give_up(self)
            self._refuse_held_reads(self._held_reads.release())
            self.flush()
            self._log_changes(self._member)
            self._member.close()
        if self._listeners is not None:
            self._listeners.close()

    # Input

    def drop(self, line: bytes, why: str) -> None:
        """Log the beginning of a line that is dropped."""
        self._dropped_count += 1
        excerpt = line[:EXCERPT_LENGTH].decode(errors="replace")
        more = "..." if len(line) > EXCERPT_LENGTH else ""
        self._log(f"dropped line ({self._dropped_count} so far): {why}: {excerpt}{more}")

    def _on_line(self, now: int, line: bytes) -> None:
        try:
            message: Any = parse(line)
            source, destination, body = _ADDRESSED(message)
        except (KeyError, TypeError):
            self.drop(line, "not a message: src, dest and body are required")
            return
        except ValueError as error:
            if line.strip():
                self.drop(line, f"not JSON ({error})")
            return
        # The network numbers messages in rising order.
        message_id = message.get("id")
        if type(message_id) is not int or not 0 <= message_id <= NUMBER_MAX:
            message_id = None
        elif message_id > self._message_id_max:
            self._message_id_max = message_id
        self._message_id = message_id
        if type(source) is not str or type(destination) is not str:
            self.drop(line, "not a message: src and dest must be strings")
        elif source in self._peer_prefixes and destination == self._name and type(body) is dict:
            self._on_peer(line, source, body)
        else:
            self._on_addressed(now, line, source, destination, body)

    def _on_addressed(
        self, now: int, line: bytes, source: str, destination: str, body: dict[str, Any]
    ) -> None:
        """Take what does not come from a peer, or not in the shape in which peers send it."""
        if self._member is None:
            # The network knows this node's name already, and takes nothing from any other.
            self._name = destination
        if destination != self._name:
            self.drop(line, f"not for {self._name}")
        elif type(body) is not dict:
            self._reply_error(source, None, malformed("body", "expected an object"))
        elif _is_reply(body):
            self.drop(line, REPLY_TO_NOTHING)
        else:
            self._on_client(now, line, source, body)

    def _on_peer(self, line: bytes, source: str, body: dict[str, Any]) -> None:
        assert self._member is not None
        try:
            self._member.hear(source, json_body.decode(body, codec), len(line))
        except (MalformedMessageError, ImpossibleMessageError) as error:
            self.drop(line, REPLY_TO_NOTHING if _is_reply(body) else str(error))

    def _on_client(self, now: int, line: bytes, source: str, body: dict[str, Any]) -> None:
        message_type, msg_id = body.get("type"), body.get("msg_id")
        if type(message_type) is str and message_type in MESSAGE_TYPES:
            # A peer may have got its init sooner.
            early = self._member is None
            self.drop(
                line, f"a protocol message {'before init' if early else 'from outside the group'}"
            )
            return
        try:
            if type(msg_id) is not int or not 0 <= msg_id <= NUMBER_MAX:
                msg_id = None
                raise malformed("msg_id", f"expected a number from 0 to {NUMBER_MAX}")
            if type(message_type) is not str:
                raise malformed("type", "expected a string")
            # Searching the line takes longer than all the rest, and most lines have no such value.
            if not _EXACT_TYPES.issuperset(map(type, body.values())) and may_be_inexact(line):
                exact: Any = parse_exactly(line)
                body = exact["body"]
            reading = None if self._member is None else REQUESTS[message_type]
            if reading is not None:
                self._on_operation(source, msg_id, reading(body), len(line))
            else:
                self._on_request(now, source, msg_id, message_type, body)
        except RequestError as error:
            self._reply_error(source, msg_id, error)
        except ValueError as error:
            self._reply_error(source, msg_id, malformed("body", str(error)))

    def _on_operation(self, source: str, msg_id: int, operation: Any, line_length: int) -> None:
        assert self._member is not None
        size = None
        if line_length <= self._short_line:
            size = line_length * _GROWTH_MAX
        else:
            self._check_size(source, operation)
        is_read = operation[0] in READS and self._options.quorum_reads
        self._member.ask(source, msg_id, operation, is_read, size, line_length)

    def _check_size(self, source: str, operation: Operation) -> None:
        """Raise RequestError if a request is too large to be replicated."""
        bytes_max = self._options.operation_bytes_max
        if byte_count(operation) > bytes_max:
            raise malformed("body", f"key and values together have more than {bytes_max} bytes")
        if len(source.encode()) > CLIENT_BYTES_MAX:
            raise malformed("src", f"longer than {CLIENT_BYTES_MAX} bytes")

    def _on_request(
        self, now: int, source: str, msg_id: int, message_type: str, body: dict[str, Any]
    ) -> None:
        if message_type == "init":
            self._on_init(now, source, msg_id, body)
        elif self._member is None:
            raise RequestError(ErrorCode.TEMPORARILY_UNAVAILABLE, "init has not arrived yet")
        elif message_type in ("reconfigure", "status"):
            self._on_group_request(source, msg_id, message_type, body)
        else:
            answer = self._local.answer(message_type, body)
            if answer is None:
                raise RequestError(ErrorCode.NOT_SUPPORTED, f"unknown type {message_type}")
            self._reply(source, msg_id, answer)

    def _on_group_request(
        self, source: str, msg_id: int, message_type: str, body: dict[str, Any]
    ) -> None:
        """Take a request about the group: other members, or what this node knows of it."""
        from .requests.membership import status_of, wanted_members

        assert self._member is not None
        replica = self._member.replica
        if message_type == "status":
            self._reply(source, msg_id, status_of(self._member))
            return
        members, epoch = wanted_members(body, replica.processes)
        self._check_size(source, ())
        replica.on_reconfigure(source, msg_id, members, epoch)

    def _on_init(self, now: int, source: str, msg_id: int, body: dict[str, Any]) -> None:
        name, processes = _configuration_of(body)
        founders = self._options.members or processes
        for founder in founders:
            if founder not in processes:
                raise malformed("node_ids", f"{founder}, one of --members, is missing")
        if self._member is None:
            try:
                durable = self._open_storage(name, processes, founders)
            except StorageError as error:
                self._reply_error(source, msg_id, RequestError(ErrorCode.CRASH, str(error)))
                self.flush()
                raise
            self._member = Member(
                name=name,
                members=founders,
                processes=processes,
                machine=MaelstromMachine(),
                storage=self._storage,
                durable=durable,
                now=now,
                random=self._random,
                limits=Limits(clients_max=self._options.clients_max),
                observer=None if self._listeners is None else self._listeners.observe(name),
            )
            self._name = name
            self._name_text = orjson.dumps(name)
            self._local = LocalRequests(name, self._random)
            self._peer_prefixes = {
                peer: b'{"src":%b,"dest":%b,"body":' % (orjson.dumps(name), orjson.dumps(peer))
                for peer in self._member.replica.other_processes
            }
            prefix_length_max = max(map(len, self._peer_prefixes.values()), default=0)
            self._body_length_max = json_body.LINE_LENGTH_MAX - prefix_length_max - len(b"}")
        elif (name, processes) != (self._name, self._member.replica.processes):
            raise malformed("node_ids", "differs from the configuration of the first init")
        self._reply(source, msg_id, {"type": "init_ok"})

    def _open_storage(
        self, name: str, processes: tuple[str, ...], founders: tuple[str, ...]
    ) -> DurableState:
        self._storage = open_storage(
            self._options,
            name,
            processes,
            self._message_id,
            lambda: self._message_id_max,
            self._log,
            founders,
        )
        durable = self._storage.load()
        if durable.is_recovering:
            self._log(
                "the journal is, or may be, incomplete: this node takes no part in the protocol "
                "until it has recovered from the others"
            )
        return durable

    # Output

    def answer(self, replies: Sequence[Reply | Refusal]) -> None:
        """Take answers to clients."""
        for reply in replies:
            client, request_number, outcome = reply
            if type(outcome) is Reason:
                self._reply_with(client, request_number, refusal_of(outcome))
            elif (beginning := reply_of(outcome)) is not None:
                self._reply_with(client, request_number, beginning)
            else:
                self._hold(client, request_number)

    def _hold(self, client: str, request_number: int) -> None:
        """Hold a read whose shape nobody knows yet."""
        assert self._member is not None
        if not self._held_reads.hold(client, request_number, self._member.replica.now):
            self._refuse_held_reads([(client, request_number)])

    def _answer_held_reads(self, member: Member) -> None:
        """Answer the reads that are held from this node's state, or give up what is overdue."""
        replica = member.replica
        beginning = reply_of(replica.machine.read(READ_ALL))
        if beginning is None and self._local.has_topology:
            beginning = beginning_of({"type": "read_ok", "messages": []})
        if beginning is None:
            self._refuse_held_reads(self._held_reads.release(replica.now))
        else:
            for client, request_number in self._held_reads.release():
                self._reply_with(client, request_number, beginning)
        self.flush()

    def _refuse_held_reads(self, keys: Iterable[tuple[str, int]]) -> None:
        for client, request_number in keys:
            error = RequestError(ErrorCode.TEMPORARILY_UNAVAILABLE, NOTHING_TO_READ)
            self._reply_error(client, request_number, error)

    def send(self, sends: Sequence[Send]) -> None:
        """Take messages to other nodes."""
        assert self._member is not None
        observer, output, prefixes = self._member.observer, self._output, self._peer_prefixes
        for send in sends:
            destinations, message = send
            body_text = json_body.encode(message)
            if len(body_text) > self._body_length_max:
                self._keep_back(destinations, message, len(body_text))
                continue
            if observer is not None:
                observer.sent(send, len(body_text))
            for destination in destinations:
                if len(body_text) > LONG_BODY:
                    output += (prefixes[destination], body_text, b"}\n")
                else:
                    output.append(prefixes[destination] + body_text + b"}\n")

    def send_frame(self, destinations: tuple[str, ...], frame: LinkRows | Relay) -> None:
        """Take what links send to other nodes directly."""
        assert self._member is not None
        observer = self._member.observer
        body_text = json_body.encode(frame)
        if len(body_text) > self._body_length_max:
            return  # As in ``_keep_back``; it would have to go directly.
        if observer is not None and isinstance(frame, Relay) and frame.origin == self._name:
            observer.sent(Send(frame.route[-1:], cast("Message", frame.body)), len(body_text))
        for destination in destinations:
            self._output.append(self._peer_prefixes[destination] + body_text + b"}\n")

    def _keep_back(self, destinations: tuple[str, ...], message: Message, length: int) -> None:
        """Log a message that its receivers would drop, once for the same ones.

        Operations and values that a journal has from an earlier version were not bounded.
        """
        items = [item for field in message if type(field) is tuple for item in field]
        largest = max(map(size_of, items), default=0)
        assert largest > OPERATION_BYTES_LIMIT, "messages of bounded operations are bounded"
        if destinations not in self._kept_back_from:
            self._kept_back_from.add(destinations)
            self._log(
                f"a {name_of(type(message))} of {length} bytes is not sent to "
                f"{', '.join(destinations)}, as no node reads such a line: it has an operation or "
                f"a value of {largest} characters, of an earlier version. Overwrite the value with "
                "a smaller one: a replica that lacks it catches up after the next checkpoint"
            )

    def flush(self) -> None:
        """Write what was taken."""
        if self._output:
            self._write(self._output)
            self._output = []

    def _reply_with(self, client: str, request_number: int, beginning: bytes) -> None:
        """Reply with a body whose JSON begins so; a dict would take twice the time."""
        self._output.append(
            b'{"src":%b,"dest":%b,"body":%b,"in_reply_to":%d}}\n'
            % (self._name_text, orjson.dumps(client), beginning, request_number)
        )

    def _reply(self, destination: str, msg_id: int | None, body: dict[str, object]) -> None:
        if msg_id is not None:
            body["in_reply_to"] = msg_id
        message = {"src": self._name, "dest": destination, "body": body}
        self._output.append(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    def _reply_error(self, destination: str, msg_id: int | None, error: RequestError) -> None:
        # A path in the text may have bytes that are not UTF-8.
        text = error.text.encode(errors="backslashreplace").decode()
        self._reply(destination, msg_id, {"type": "error", "code": int(error.code), "text": text})

    def _log_changes(self, member: Member) -> None:
        replica = member.replica
        view_number, status = self._logged
        if replica.view_number != view_number or replica.status is not status:
            self._logged = (replica.view_number, replica.status)
            self._log(
                f"entered view {replica.view_number}, primary {replica.primary}, "
                f"status {replica.status.value}, op_number {replica.op_number}, "
                f"commit_number {replica.commit_number}"
            )


def _is_reply(body: dict[str, Any]) -> bool:
    return "in_reply_to" in body or body.get("type") == "error"


def _rotation_of(options: Options) -> "Rotation | None":
    """Return what changes the members of the group; None if only clients do."""
    if options.reconfigure_every_s is None:
        return None
    # Imported late, as most nodes never need it.
    from .rotation import Rotation

    return Rotation(round(options.reconfigure_every_s * 1_000_000))


def _configuration_of(body: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the node's name and all processes of an ``init`` body. Raises RequestError."""
    name = body.get("node_id")
    if type(name) is not str or not name:
        raise malformed("node_id", "expected a name")
    processes = body.get("node_ids")
    if type(processes) is not list or not all(type(process) is str for process in processes):
        raise malformed("node_ids", "expected a list of names")
    if len(set(processes)) != len(processes):
        raise malformed("node_ids", "a name occurs twice")
    if name not in processes:
        raise malformed("node_ids", f"{name}, the node_id, is missing")
    return name, tuple(processes)
