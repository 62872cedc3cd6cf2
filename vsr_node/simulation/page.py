"""The page of a run: the report's page, with the inside of each replica, step by step."""

import json
from collections import defaultdict, deque
from pathlib import Path

from vsr_node.checker.history import Event, Json
from vsr_node.report import (
    Messages,
    PageContents,
    RecordedRun,
    Request,
    key_of_request,
    violations_of,
    write_page,
)
from vsr_node.simulation.clients import value_of
from vsr_node.simulation.operations import REGISTER_WORDS
from vsr_node.simulation.recording import Recording
from vsr_node.simulation.run import RunOutcome
from vsr_node.simulation.timeline import NANOSECONDS_PER_MICROSECOND
from vsr_node.simulation.traffic import Flight, Traffic


def draw_page(outcome: RunOutcome, path: Path, command: str) -> None:
    """Write the page of a run that ``command`` repeats. Raise OSError."""
    recording = Recording(outcome.plan)
    same = recording.run.timeline.event_count == outcome.event_count
    assert same, "watching a run changes nothing"
    failure = outcome.failure
    explanation = "" if failure is None else f"VIOLATION of {failure.invariant}: {failure.text}"
    asked = Asked(recording.traffic)
    run = RecordedRun(
        f"seed {outcome.plan.seed}",
        [asked.take(event) for event in recording.run.history.events()],
        recording.faults,
        {"valid": failure is None, "workload": {"explanation": explanation}, "repeat": command},
    )
    messages = Messages(
        [flight.as_message() for flight in recording.traffic.flights],
        len(recording.traffic.flights),
        recording.names,
        nodes=recording.names,
        sightings=recording.sightings,
        requests=asked.requests,
    )
    write_page(PageContents(run, violations_of(run), messages, recording.steps), path)


class Asked:
    """The replica that each operation was first sent to, and the client that sent it."""

    def __init__(self, traffic: Traffic) -> None:
        self.requests: dict[bytes, list[Request]] = {}
        self._flights: defaultdict[str, deque[Flight]] = defaultdict(deque)
        for flight, (_, operation) in traffic.requests():
            if operation[0] not in REGISTER_WORDS:
                continue
            value = value_of(operation, "invoke", None)
            time = flight.sent * NANOSECONDS_PER_MICROSECOND
            self._flights[repr((time, operation[0], operation[1], value))].append(flight)

    def take(self, event: Event) -> Event:
        """Return an event for the report: with its node, and with values in place of JSON texts."""
        flights = self._flights[repr((event.time, event.f, event.key, event.value))]
        event = event._replace(key=_decoded(event.key), value=_decoded(event.value))
        if event.type != "invoke" or not flights:
            return event
        flight = flights.popleft()
        event = event._replace(node=flight.destination)
        request = Request(event.time, flight.source)
        self.requests.setdefault(key_of_request(event), []).append(request)
        return event


def _decoded(value: Json) -> Json:
    match value:
        case str():
            decoded: Json = json.loads(value)
            return decoded
        case list():
            return [_decoded(each) for each in value]
        case _:
            return value
