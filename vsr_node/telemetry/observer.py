"""From what goes into a turn, and comes out of it, to the events that it consisted of.

The core knows nothing of this: a driver hands the observer the inputs and the output that it
exchanges with the replica, and the observer compares its states at the ends of turns. All
events of a turn are emitted after its output has left: a slow handler delays no answer of its turn.
"""

from collections.abc import Callable, Sequence

from vsr_node.core.messages import (
    Message,
    Operation,
    Output,
    Prepare,
    Record,
    Request,
    Result,
    Send,
)
from vsr_node.core.replica import Replica, StateMachine

from . import records
from .common import BEFORE_THE_START, NANOSECONDS_PER_MICROSECOND, State, state_of
from .dispatch import Telemetry
from .notes import Notes, Turn
from .requests import Requests
from .states import States
from .traffic import Traffic
from .watched import WatchedMachine

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
    at last ``end``.
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
        self._notes = Notes(kind_of)
        self._notes.listen(telemetry.wanted)
        self._states = States(self._notes)
        self._requests = Requests(self._notes, kind_of, is_error)
        self._traffic = Traffic(self._notes)
        # The state before this turn; None while nobody listens.
        self._before: State | None = BEFORE_THE_START
        # When the turn began, and the last look at the clock in it.
        self._began_at = self._looked_at = 0
        self._input_count = 0

    # What the driver tells

    def watch(self, machine: StateMachine) -> StateMachine:
        """Return the machine that the replica is to get in place of ``machine``."""
        self._machine = WatchedMachine(
            machine, self._notes, self._clock_ns, self._kind_of, self._fail
        )
        return self._machine

    def begin(self, replica: Replica) -> None:
        """Watch a replica that was just made."""
        self._replica = replica
        self._began_at = self._looked_at = self._clock()
        self._notes.listen(self._telemetry.wanted)
        if self._notes.wanted:
            self.end_turn(Output([], [], [], []))

    def begin_turn(self, now: int) -> None:
        """Begin a turn, before the replica learns of the time ``now`` (``Replica.on_time``)."""
        replica = self._replica
        assert replica is not None
        self._began_at = self._looked_at = self._clock()
        self._input_count = 0
        self._notes.listen(self._telemetry.wanted)
        if not self._notes.wanted:
            self._before = None
            return
        if self._before is None:
            self._before = state_of(replica)
        lag = now - replica.next_timer
        if lag > replica.time_out // STALLED_PART:
            self._notes.note("driver.stalled", self._began_at, (lag,))

    def asked(
        self,
        client: str,
        request_number: int,
        operation: Operation,
        byte_count: int | None = None,
        *,
        is_read: bool = False,
    ) -> None:
        """Note a client's request, of that length as it came; None: nobody knows it."""
        if self._before is not None:
            self._input_count += 1
            self._requests.take(
                client, request_number, operation, byte_count, self._began_at, is_read
            )

    def heard(self, peer: str, message: Message, byte_count: int | None = None) -> None:
        """Note a message from another replica, before the replica itself gets it."""
        if self._before is not None and self._replica is not None:
            self._input_count += 1
            self._traffic.hear(self._replica, peer, message, byte_count, self._began_at)

    def save(
        self,
        save: Callable[[Sequence[Record]], None],
        turn_records: Sequence[Record],
        *,
        waits_for_disk: bool,
    ) -> None:
        """Make the records of a turn durable by ``save``, and note how long that takes."""
        began_at = self._clock()
        save(turn_records)
        if self._before is not None:
            now = self._looked_at = self._clock()
            records.note_records(
                self._notes, turn_records, self._before, self._machine.snapshot_us, now
            )
            records.note_flush(self._notes, turn_records, now - began_at, waits_for_disk, now)

    def sent(self, send: Send, byte_count: int | None = None) -> None:
        """Note a message that leaves, and its length without its envelope."""
        if self._before is None or self._replica is None:
            return
        now, message = self._looked_at, send.message
        self._traffic.send(self._replica, send, self._before, byte_count, now)
        if isinstance(message, Prepare):
            self._states.note_prepare(send, now)
        elif isinstance(message, Request):
            self._requests.send(message, send.destinations[0], now)

    def end_turn(self, output: Output) -> None:
        """Emit the events of a turn, whose output has left."""
        replica, before = self._replica, self._before
        if before is None or replica is None:
            return
        now = self._clock()
        after = state_of(replica)
        self._states.compare(replica, before, after, now)
        self._requests.answer(output.replies, now)
        self._requests.leave_to_primary(replica, before, after, now)
        self._notes.note("driver.turn", now, (now - self._began_at, self._input_count))
        self._before = after
        self._emit(replica)

    def end(self) -> None:
        """Emit what ends with the replica, which is shut down."""
        if self._before is not None and self._replica is not None:
            self._states.end(self._replica, self._clock())
            self._emit(self._replica)

    # What it makes of that

    def _clock(self) -> int:
        return self._clock_ns() // NANOSECONDS_PER_MICROSECOND

    def _fail(self) -> None:
        """Emit what has happened, as the turn will not end."""
        # A replica that fails while it is made has no state yet that its events could have.
        if self._replica is not None:
            self._emit(self._replica)

    def _emit(self, replica: Replica) -> None:
        common = {
            "node_id": replica.name,
            "view_number": replica.view_number,
            "status": replica.status.value,
            "is_primary": replica.is_primary,
            "cluster_size": len(replica.membership.members),
            "op_number": replica.log.op_number,
            "commit_number": replica.commit_number,
        }
        self._telemetry.emit(Turn(self._notes.take_all(), common))
