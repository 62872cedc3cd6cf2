"""From what goes into a turn, and comes out of it, to the events that it consisted of.

The core knows nothing of this: a driver hands the observer the inputs and the output that it
exchanges with the replica, and the observer compares its states at the ends of turns. All
events of a turn are emitted after its output has left: a slow handler delays no answer of its turn.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

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
from vsr_node.core.size import size_of

from . import records
from .derived import BEFORE_THE_START, COUNT, Derived, State, state_of
from .dispatch import Event, Telemetry
from .requests import Requests
from .states import States
from .traffic import Traffic
from .watched import Applied, WatchedMachine

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

    ``clock`` gives microseconds. The driver calls, in this order: ``watch`` for the machine that
    the replica gets; ``begin`` with the replica; then, each turn, ``begin_turn``, ``asked`` and
    ``heard`` for the inputs, ``save`` and ``sent`` for what the output asks, and ``end_turn``;
    at last ``end``.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        clock: Callable[[], int],
        kind_of: Callable[[Operation], str] = kind_of,
        is_error: Callable[[Result], bool] = is_error,
    ) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._replica: Replica
        self._is_begun = False
        self._machine: WatchedMachine
        self._states = States()
        self._requests = Requests(kind_of, is_error)
        self._traffic = Traffic()
        self._before: State | None = BEFORE_THE_START
        self._began_at = 0
        self._input_count = 0
        self._heard: list[Derived] = []
        self._saved: list[Derived] = []
        self._sent: list[tuple[Send, int]] = []

    # What the driver tells

    def watch(self, machine: StateMachine) -> StateMachine:
        """Return the machine that the replica is to get in place of ``machine``."""
        self._machine = WatchedMachine(machine, self._telemetry, self._clock, self._fail)
        return self._machine

    def begin(self, replica: Replica) -> None:
        """Watch a replica that was just made."""
        self._replica = replica
        self._is_begun = True
        self._began_at = self._clock()
        if self._telemetry.is_active:
            self._emit(self._all_of(Output([], [], [], [])))

    def begin_turn(self, now: int) -> None:
        """Begin a turn, before the replica learns of the time ``now`` (``Replica.on_time``)."""
        self._began_at = self._clock()
        self._input_count = 0
        if not self._telemetry.is_active:
            self._before = None
            return
        if self._before is None:
            self._before = state_of(self._replica)
        lag = now - self._replica.next_timer
        if lag > self._replica.time_out // STALLED_PART:
            self._heard.append(Derived("driver.stalled", self._began_at, {"lag_us": lag}, {}))

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
            size = size_of(operation) if byte_count is None else byte_count
            started = self._requests.take(
                client, request_number, operation, size, self._began_at, is_read=is_read
            )
            if started is not None:
                self._heard.append(started)

    def heard(self, peer: str, message: Message, byte_count: int | None = None) -> None:
        """Note a message from another replica, before the replica itself gets it."""
        if self._before is not None:
            self._input_count += 1
            size = size_of(tuple(message)) if byte_count is None else byte_count
            self._heard += self._traffic.hear(self._replica, peer, message, size, self._began_at)

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
            now = self._clock()
            flush = records.of_flush(turn_records, now - began_at, waits_for_disk, now)
            self._saved.append(flush)

    def sent(self, send: Send, byte_count: int | None = None) -> None:
        """Note a message that leaves, and its length without its envelope."""
        if self._before is not None:
            size = size_of(tuple(send.message)) if byte_count is None else byte_count
            self._sent.append((send, size))

    def end_turn(self, output: Output) -> None:
        """Emit the events of a turn, whose output has left."""
        if self._before is not None:
            self._emit(self._all_of(output))
        self._heard = []
        self._saved = []
        self._sent = []
        self._machine.applied = []

    def end(self) -> None:
        """Emit what ends with the replica, which is shut down."""
        if self._before is not None:
            self._emit(self._states.end(self._replica, self._clock()))

    # What it makes of that

    def _all_of(self, output: Output) -> Iterator[Derived]:
        """Yield the events of a turn, the causes first."""
        replica, before, now = self._replica, self._before, self._clock()
        assert before is not None
        after = state_of(replica)
        yield from self._heard
        for applied in self._machine.applied:
            yield from self._of_operation(applied)
        yield from records.of_records(output.records, before, self._machine.snapshot_us, now)
        yield from self._states.compare(replica, before, after, now)
        yield from self._saved
        yield from self._requests.answer(output.replies, now)
        yield from self._requests.leave_to_primary(replica, before, after, now)
        for send, byte_count in self._sent:
            yield from self._of_sent(send, before, byte_count, now)
        measurements = {"duration_us": now - self._began_at, "inputs": self._input_count}
        yield Derived("driver.turn", now, measurements, {})
        self._before = after

    def _of_sent(self, send: Send, before: State, byte_count: int, now: int) -> Iterator[Derived]:
        message = send.message
        if isinstance(message, Prepare):
            self._states.note_prepare(send, now)
        yield from self._traffic.send(self._replica, send, before, byte_count, now)
        if isinstance(message, Request):
            yield from self._requests.send(message, send.destinations[0], now)

    def _of_operation(self, applied: Applied) -> Iterator[Derived]:
        metadata = {"kind": self._requests.kind_of(applied.operation)}
        yield Derived("state_machine.operation.start", applied.began_at, COUNT, metadata)
        duration = {"duration_us": applied.ended_at - applied.began_at}
        if applied.error is None:
            yield Derived("state_machine.operation.stop", applied.ended_at, duration, metadata)
        else:
            yield Derived(
                "state_machine.operation.exception",
                applied.ended_at,
                duration,
                metadata | {"error": applied.error},
            )

    def _fail(self, applied: Applied) -> None:
        # A replica that is being made has no state yet that the event could tell.
        if self._is_begun:
            self._emit(self._of_operation(applied))

    def _emit(self, events: Iterable[Derived]) -> None:
        replica, telemetry = self._replica, self._telemetry
        common = {
            "node_id": replica.name,
            "view_number": replica.view_number,
            "status": replica.status.value,
            "is_primary": replica.is_primary,
            "cluster_size": len(replica.membership.members),
            "op_number": replica.log.op_number,
            "commit_number": replica.commit_number,
        }
        for name, at_us, measurements, metadata in events:
            if telemetry.listeners(name):
                telemetry.emit(Event(name, at_us, measurements, {**common, **metadata}))
        telemetry.flush()
