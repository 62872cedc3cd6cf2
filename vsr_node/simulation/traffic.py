"""All messages of a run in the order of sending, and the steps of their departure and arrival."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vsr_node.report import Message
from vsr_node.simulation.network import Departure
from vsr_node.simulation.requests import ClientRequest, WantedMembers
from vsr_node.simulation.timeline import NANOSECONDS_PER_MICROSECOND, Microseconds
from vsr_node.simulation.transcript import Line, describe_message, is_of_message

NOT_IN_FLIGHT = -1


@dataclass(slots=True)
class Flight:
    """A message on its way, from step ``departure`` to step ``arrival`` (None: not there yet).

    The fates are the report's.
    """

    source: str
    destination: str
    message: object
    sent: Microseconds
    ended: Microseconds
    fate: str
    departure: int
    arrival: int | None = None

    def as_message(self) -> Message:
        """Return it as the report's message."""
        return Message(
            self.sent * NANOSECONDS_PER_MICROSECOND,
            self.ended * NANOSECONDS_PER_MICROSECOND,
            self.source,
            self.destination,
            type(self.message).__name__,
            self.fate,
            describe_message(self.message).encode(),
        )


class Traffic:
    """Collects the messages from each step's transcript lines and departures."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        # By time of arrival, source, destination, and identity of the message.
        self._flying: defaultdict[tuple[int, str, str, int], deque[Flight]] = defaultdict(deque)

    def note(
        self, step: int, lines: Iterable[Line], departed: Iterable[Departure], down: set[str]
    ) -> None:
        """Add a step. A message that arrives at a machine that is ``down`` is dropped."""
        for time, kind, details in lines:
            match kind, details:
                case "arrives", (source, destination, message):
                    flight = self._flying[time, source, destination, id(message)].popleft()
                    flight.arrival = step
                    if destination in down:
                        flight.fate = "dropped"
                case (("lost" | "cut"), (source, destination, message)) if is_of_message(
                    kind, details
                ):
                    stopped = Flight(source, destination, message, time, time, kind, step)
                    stopped.arrival = NOT_IN_FLIGHT
                    self.flights.append(stopped)
        for source, destination, message, sent, arrival, is_copy in departed:
            fate = "repeated" if is_copy else "delivered"
            flight = Flight(source, destination, message, sent, arrival, fate, step)
            self.flights.append(flight)
            self._flying[arrival, source, destination, id(message)].append(flight)

    def end(self, now: Microseconds, times: Sequence[Microseconds]) -> None:
        """End the run, whose steps happened at ``times``."""
        for flight in self.flights:
            if flight.arrival is None:
                # Copies vanish on the way when an era ends.
                has_vanished = flight.ended <= now
                flight.fate = "dropped" if has_vanished else "under way"
                flight.arrival = bisect_left(times, flight.ended)

    def requests(self) -> Iterator[tuple[Flight, Any]]:
        """Yield the clients' requests, lost ones included, each with its operation.

        Those for other members are of no client of the machine's.
        """
        for flight in self.flights:
            if isinstance(flight.message, ClientRequest):
                operation = flight.message.operation
                if not isinstance(operation, WantedMembers):
                    yield flight, operation
