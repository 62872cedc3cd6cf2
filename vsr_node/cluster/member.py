"""One member of a group: a replica, its storage, links and observer, and the order of a turn.

A driver owns the clock and the network. In each turn it calls ``begin_turn``, then ``ask`` and
``hear`` for all that waits, then ``end_turn`` with its ``Carrier``, which is handed what leaves in
the order that the replica's contract requires (docs/ARCHITECTURE.md, "The driver's duties").
At the end it calls ``give_up``, if clients may still hear, and ``close``.

    member = Member(
        name="n0", members=("n0", "n1", "n2"), machine=machine,
        storage=storage, durable=storage.load(), random=Random(), now=now,
    )
    member.begin_turn(now)
    member.hear("n1", message)
    member.ask("c1", 7, operation, is_read=False)
    member.end_turn(carrier)
    wait until input or member.next_timer
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import Limits
from vsr_node.core.membership import Membership
from vsr_node.core.messages import (
    DurableState,
    Operation,
    Refusal,
    Reply,
    Send,
    expects_answer,
)
from vsr_node.core.replica import Replica, StateMachine
from vsr_node.links.frames import LINK_FRAMES, LinkRows, Relay
from vsr_node.links.links import ImpossibleFrameError, Links
from vsr_node.storage.protocol import Storage
from vsr_node.wire.shapes import Frame

if TYPE_CHECKING:
    from vsr_node.telemetry.observer import Observer


class Carrier(Protocol):
    """Carries away what leaves a turn."""

    def send(self, sends: Sequence[Send]) -> None:
        """Take messages to other members."""

    def send_frame(self, destinations: tuple[str, ...], frame: LinkRows | Relay) -> None:
        """Take what links send to other members directly."""

    def answer(self, replies: Sequence[Reply | Refusal]) -> None:
        """Take answers to clients."""

    def flush(self) -> None:
        """Let leave what was taken: the member is about to wait for its disk, or the turn ends."""


class Member:
    """A replica with its storage, and an observer if somebody listens.

    ``members`` founded the group, and ``processes`` may be its members later: None if it has no
    others. ``durable`` is what the storage loaded. A StorageError from ``end_turn`` ends the
    member: nobody may act on that turn.
    """

    def __init__(
        self,
        *,
        name: str,
        members: tuple[str, ...],
        processes: tuple[str, ...] | None = None,
        machine: StateMachine,
        storage: Storage,
        durable: DurableState,
        random: Random,
        now: int,
        limits: Limits | None = None,
        observer: "Observer | None" = None,
    ) -> None:
        self.storage = storage
        self.observer = observer
        self.replica = Replica(
            name=name,
            processes=processes,
            membership=Membership(0, members),
            machine=machine if observer is None else observer.watch(machine),
            now=now,
            random=random,
            durable=durable,
            limits=limits,
        )
        self.links = Links(name, self.replica.processes, now, self.replica.time_out)
        if observer is not None:
            observer.begin(self.replica)

    @property
    def next_timer(self) -> int:
        """The latest time of the next turn, in microseconds of the driver's clock."""
        return min(self.replica.timers.next_deadline, self.links.next_timer)

    def begin_turn(self, now: int) -> None:
        """Begin a turn at ``now``, in microseconds of the driver's clock."""
        if self.observer is not None:
            self.observer.begin_turn(now)
        replica, links = self.replica, self.links
        links.now, links.time_out = now, replica.time_out
        replica.on_time(now)

    def note_standstill(self, duration: int) -> None:
        """Note that the last turn took so long, in microseconds, that others waited."""
        self.links.on_standstill(duration)
        self.replica.on_standstill(duration)

    def ask(
        self,
        client: str,
        request_number: int,
        operation: Operation,
        is_read: bool,
        size: int | None = None,
        byte_count: int | None = None,
    ) -> None:
        """Take a client's request.

        A read changes nothing and need not go through the log. ``size`` is at least that of its
        entry (``core/size``), and ``byte_count`` what came for it; None if they are not known.
        """
        if self.observer is not None:
            self.observer.asked(client, request_number, operation, byte_count, is_read=is_read)
        if is_read:
            self.replica.on_read(client, request_number, operation, size)
        else:
            self.replica.on_request(client, request_number, operation, size)

    def meet(self, processes: Sequence[str]) -> None:
        """Take processes that may be members later, beside those that are known."""
        self.replica.meet(processes)
        self.links.meet(processes)

    def reconfigure(
        self, client: str, request_number: int, members: tuple[str, ...], epoch: int | None
    ) -> None:
        """Take a client's request for other members; ``epoch`` None: in any epoch."""
        self.replica.on_reconfigure(client, request_number, members, epoch)

    def hear(self, peer: str, frame: Frame, byte_count: int | None = None) -> None:
        """Take what came from another member. Raises ImpossibleMessageError."""
        message: Any = frame
        links = self.links
        if links.is_watching or type(frame) in LINK_FRAMES:
            try:
                heard = links.receive(peer, frame)
            except ImpossibleFrameError as error:
                raise ImpossibleMessageError(peer, frame, str(error)) from error
            if heard is None:
                return
            peer, message = heard
        else:
            links.heard_at[peer] = links.now
            if links.waits:
                links.waits.pop(peer, None)
        if self.observer is not None:
            self.observer.heard(peer, message, byte_count)
        self.replica.on_message(peer, message)

    def end_turn(self, carrier: Carrier) -> None:
        """End the turn: save what it recorded, and hand its output to ``carrier``."""
        output = self.replica.end_turn()
        asks, records, replies, sends = output
        links = self.links
        departures = links.end_turn() if links.next_timer <= links.now else ()
        for departure in departures:
            carrier.send_frame(*departure)
        if asks:
            self._send(carrier, asks)
        if records:
            if (asks or departures) and self.storage.waits_for_disk:
                carrier.flush()
            if self.observer is None:
                self.storage.save(records)
            else:
                self.observer.save(
                    self.storage.save, records, waits_for_disk=self.storage.waits_for_disk
                )
        if replies:
            carrier.answer(replies)
        if sends:
            self._send(carrier, sends)
        carrier.flush()
        if self.observer is not None:
            self.observer.end_turn(output)

    def _send(self, carrier: Carrier, sends: Sequence[Send]) -> None:
        """Send messages, around what is cut if something is."""
        links = self.links
        if not links.is_watching:
            for destinations, message in sends:
                if expects_answer(message):
                    links.expect(destinations)
            carrier.send(sends)
            return
        for destinations, message in sends:
            expects = expects_answer(message)
            for hops, frame in links.send(destinations, message, expects=expects):
                if isinstance(frame, Relay):
                    carrier.send_frame(hops, frame)
                else:
                    carrier.send((Send(hops, message),))

    def give_up(self, carrier: Carrier) -> None:
        """Answer all waiting requests, as nobody will answer them later."""
        self.replica.give_up()
        self.end_turn(carrier)

    def close(self) -> None:
        """Close the storage."""
        self.storage.close()
        if self.observer is not None:
            self.observer.end()
