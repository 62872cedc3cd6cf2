"""From what goes into a turn, and comes out of it, to the events that it consisted of.

The core knows nothing of this: a driver hands the observer the inputs and the output that it
exchanges with the replica, and the observer compares its states at the ends of turns. All
events of a turn are emitted after its output has left: a slow handler delays no answer of its turn.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from vsr_node.core.messages import (
    Commit,
    Farewell,
    GetState,
    Message,
    Operation,
    Output,
    Prepare,
    Record,
    Request,
    Result,
    Send,
    StartViewChange,
)
from vsr_node.core.replica import Replica, StateMachine

from .common import (
    BEFORE_THE_START,
    COUNT,
    NANOSECONDS_PER_MICROSECOND,
    Measured,
    State,
    state_of,
)
from .dispatch import Telemetry
from .requests import Requests
from .states import States
from .traffic import Traffic
from .turns import OPERATION_EVENTS, OPERATION_EXCEPTION, OPERATION_START, Turn
from .watched import WatchedMachine

Hear: TypeAlias = Callable[[Turn, str, Any], Measured]
SendOne: TypeAlias = Callable[[Turn, Replica, Send, int], Measured]

STALLED_PART = 4
"""A turn that comes a quarter of a time-out late is reported."""


def kind_of(operation: Operation) -> str:
    """Return the kind of an operation that is a tuple and begins with it."""
    return str(operation[0]) if isinstance(operation, tuple) else type(operation).__name__


def is_error(result: Result) -> bool:
    """Return whether a result is ("error", ...), as those of ``machines`` are."""
    return isinstance(result, tuple) and bool(result) and result[0] == "error"


class Observer:
    """Watches one incarnation of a replica, on behalf of the handlers of ``telemetry``.

    ``clock_ns`` gives nanoseconds. The driver calls, in this order: ``watch`` for the machine that
    the replica gets; ``begin`` with the replica; then, each turn, ``begin_turn``, ``asked`` and
    ``heard`` for the inputs, ``save`` and ``sent`` for what the output asks, and ``end_turn``;
    at last ``end``. It calls ``note`` whenever it likes.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        clock_ns: Callable[[], int],
        kind_of: Callable[[Operation], str] = kind_of,
        is_error: Callable[[Result], bool] = is_error,
    ) -> None:
        self._telemetry = telemetry
        self._clock_ns = clock_ns
        self._kind_of = kind_of
        self._replica: Replica | None = None
        self._machine: WatchedMachine
        self._states = States()
        self._requests = Requests(is_error)
        traffic = Traffic()
        # What follows from several turns is noted as it comes. All else waits for a handler.
        self._hear: Mapping[type[Message], Hear] = {
            Commit: traffic.hear_heartbeat,
            StartViewChange: traffic.hear_vote,
            Farewell: traffic.hear_farewell,
        }
        self._send: Mapping[type[Message], SendOne] = {
            Prepare: self._states.note_prepare,
            Request: self._requests.send,
            Commit: traffic.send_heartbeat,
            StartViewChange: traffic.send_vote,
            GetState: traffic.ask_for_entries,
        }
        self._wanted: frozenset[str] = frozenset()
        self._is_timing = False
        """Whether anybody listens to operations."""
        self._turn: Turn | None = None
        """This turn, or the next; None while nobody listens."""
        self._looked_at = 0
        """The last look at the clock in this turn."""

    # What the driver hands over

    def watch(self, machine: StateMachine) -> StateMachine:
        """Return the machine that the replica is to get in place of ``machine``."""
        self._machine = WatchedMachine(machine, self._clock_ns, self._fail)
        self._listen(BEFORE_THE_START)
        return self._machine

    def begin(self, replica: Replica) -> None:
        """Watch a replica that was just made."""
        self._replica = replica
        if self._turn is not None:
            self._turn.began_at = self._looked_at = self._clock()
            self.end_turn(Output([], [], [], []))

    def begin_turn(self, now: int) -> None:
        """Begin a turn, before the replica learns of the time ``now`` (``Replica.on_time``)."""
        replica = self._replica
        assert replica is not None
        if self._telemetry.wanted is not self._wanted:
            self._listen(state_of(replica))
        turn = self._turn
        if turn is None:
            return
        turn.now = now
        turn.began_at = self._looked_at = self._clock_ns() // NANOSECONDS_PER_MICROSECOND
        lag = now - replica.next_timer
        if lag > 0 and lag > replica.time_out // STALLED_PART:
            turn.note("driver.stalled", turn.began_at, (lag,))

    def asked(
        self,
        client: str,
        request_number: int,
        operation: Operation,
        byte_count: int | None = None,
        is_read: bool = False,
    ) -> None:
        """Note a client's request, of that length as it came; None: nobody knows it."""
        turn = self._turn
        if turn is not None:
            asked = client, request_number, operation, byte_count, is_read, turn.began_at
            turn.asked.append(asked)

    def heard(self, peer: str, message: Message, byte_count: int | None = None) -> None:
        """Note a message from another replica, before the replica itself gets it."""
        turn = self._turn
        if turn is not None:
            hear = self._hear.get(type(message))
            measured = () if hear is None else hear(turn, peer, message)
            turn.heard.append((peer, message, byte_count, measured))

    def save(
        self,
        save: Callable[[Sequence[Record]], None],
        records: Sequence[Record],
        *,
        waits_for_disk: bool,
    ) -> None:
        """Make the records of a turn durable by ``save``, and note how long that takes."""
        turn = self._turn
        if turn is None:
            save(records)
            return
        began_at = self._clock()
        save(records)
        now = self._looked_at = self._clock()
        snapshot_us = self._machine.snapshot_us
        turn.flushes.append((records, now, now - began_at, snapshot_us, waits_for_disk))

    def sent(self, send: Send, byte_count: int | None = None) -> None:
        """Note a message that leaves, and its length without its envelope."""
        turn, replica = self._turn, self._replica
        if turn is not None and replica is not None:
            now = self._looked_at
            note = self._send.get(type(send.message))
            measured = () if note is None else note(turn, replica, send, now)
            turn.sent.append((send, byte_count, now, measured))

    def note(self, name: str, measurements: Measured, own: tuple[object, ...] = ()) -> None:
        """Note what the driver met by itself; it is emitted with this turn or the next."""
        if self._turn is not None:
            self._turn.note(name, self._clock(), measurements, own)

    def end_turn(self, output: Output) -> None:
        """Emit the events of a turn, whose output has left."""
        turn, replica = self._turn, self._replica
        if turn is None or replica is None:
            return
        now = turn.ended_at = self._clock_ns() // NANOSECONDS_PER_MICROSECOND
        turn.after = state_of(replica)
        self._states.compare(turn, replica, now)
        if turn.asked:
            self._requests.take(turn)
        if output.replies:
            self._requests.answer(turn, replica, output.replies, now)
        self._requests.leave_to_primary(turn, replica)
        self._emit(turn)

    def end(self) -> None:
        """Emit what ends with the replica, which is shut down."""
        if self._turn is not None:
            self._states.end(self._turn, self._clock())
            self._emit(self._turn)

    # What it makes of that

    def _clock(self) -> int:
        return self._clock_ns() // NANOSECONDS_PER_MICROSECOND

    def _fail(self, operation: Operation, began_ns: int, error: Exception) -> None:
        """Emit what has happened, as the turn will not end."""
        turn, replica = self._turn, self._replica
        # A replica that fails while it is made has no state yet that its events could have.
        if turn is None or replica is None:
            return
        began_at, now = began_ns // NANOSECONDS_PER_MICROSECOND, self._clock()
        kind, text = self._kind_of(operation), f"{type(error).__name__}: {error}"
        turn.note(OPERATION_START, began_at, COUNT, (kind,))
        turn.note(OPERATION_EXCEPTION, now, (now - began_at,), (kind, text))
        turn.after = state_of(replica)
        self._requests.take(turn)
        self._emit(turn)

    def _listen(self, state: State) -> None:
        """Go on for those that listen now; ``state`` is that at the end of the last turn."""
        self._wanted = self._telemetry.wanted
        self._is_timing = not self._wanted.isdisjoint(OPERATION_EVENTS)
        if not self._wanted:
            self._turn = self._machine.spans = None
        else:
            self._open(self._turn or Turn(self._kind_of, state))

    def _open(self, turn: Turn) -> None:
        self._turn = turn
        self._machine.spans = turn.spans if self._is_timing else None

    def _emit(self, turn: Turn) -> None:
        self._telemetry.emit(turn)
        self._open(Turn(self._kind_of, turn.after))
