"""Clients: they retry at other replicas, give up, and keep the history that the checker judges.

A lane is a sequence of a client's operations, of which one is under way at a time. So a client with
several lanes has several requests under way. For the history each lane is a process, and another
one after each operation whose outcome stays unknown (Jepsen's rule).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from vsr_node.checker.history import Event
from vsr_node.core.messages import Refusal, Reply
from vsr_node.machines.answers import Operation
from vsr_node.machines.key_value import KEY_DOES_NOT_EXIST
from vsr_node.simulation.cluster import Cluster
from vsr_node.simulation.invariants import is_definite
from vsr_node.simulation.operations import REGISTER_WORDS
from vsr_node.simulation.plan import Lane, PlannedOperation
from vsr_node.simulation.requests import ClientRequest, RequestId
from vsr_node.simulation.situations import Situation, Situations
from vsr_node.simulation.timeline import NANOSECONDS_PER_MICROSECOND, Microseconds, Timeline
from vsr_node.simulation.transcript import Transcript, words


class History:
    """What the clients saw, in the checker's form."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._process_count = 0
        self._rows: list[tuple[int, int, str, Operation, Any]] = []

    @property
    def invoked_count(self) -> int:
        """How many operations clients began."""
        return sum(kind == "invoke" for _, _, kind, _, _ in self._rows)

    def new_process(self) -> int:
        """Return the number of a new process."""
        self._process_count += 1
        return self._process_count - 1

    def add(self, process: int, kind: str, operation: Operation, result: Any = None) -> None:
        """Add that an operation began (invoke) or ended (ok, fail, info)."""
        self._rows.append((self._timeline.now, process, kind, operation, result))

    def events(self) -> list[Event]:
        """Return the history of the registers for the checker.

        Keys and values stay JSON texts, which are unique.
        """
        rows = [row for row in self._rows if row[3][0] in REGISTER_WORDS]
        return [
            Event(
                index=index,
                time=time * NANOSECONDS_PER_MICROSECOND,
                process=process,
                type=kind,
                f=str(operation[0]),
                key=operation[1],
                value=value_of(operation, kind, result),
            )
            for index, (time, process, kind, operation, result) in enumerate(rows)
        ]


def value_of(operation: Operation, kind: str, result: Any) -> Any:
    """Return an event's value: what is to be written, or what was read."""
    match operation:
        case ("read", _):
            return result[1] if kind == "ok" and result[0] == "read_ok" else None
        case ("write", _, value):
            return value
        case ("cas", _, expected, new, _):
            return [expected, new]
    raise ValueError(f"not an operation of lin-kv: {operation}")


def outcome_of(operation: Operation, result: Any) -> str:
    """Return ok or fail. A read that finds no key is ok."""
    if result[0] != "error":
        return "ok"
    return "ok" if operation[0] == "read" and result[1] == KEY_DOES_NOT_EXIST else "fail"


class Attempt(NamedTuple):
    """A request was sent for the ``times``-th time."""

    request_number: int
    times: int


class SimulatedClient:
    """A client. Its lanes share its request numbers."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        timeline: Timeline,
        transcript: Transcript,
        history: History,
    ) -> None:
        self.name = name
        self.cluster = cluster
        self.timeline = timeline
        self.transcript = transcript
        self.history = history
        self._request_number = 0
        self._waiting: dict[int, RunningLane] = {}
        cluster.clients[name] = self

    def begin(self, lane: "RunningLane") -> int:
        """Return the number for a new request of a lane."""
        self._request_number += 1
        self._waiting[self._request_number] = lane
        return self._request_number

    def end(self, request_number: int) -> None:
        """Take no more answers to a request."""
        del self._waiting[request_number]

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Hand an answer to the lane that waits for it; drop a late one."""
        lane = self._waiting.get(answer.request_number)
        if lane is not None:
            lane.on_answer(replica, answer)


class RunningLane:
    """A lane at work. A patient one retries until it gets a result."""

    def __init__(
        self,
        plan: Lane,
        client: SimulatedClient,
        situations: Situations,
        on_done: Callable[[], None],
        *,
        patient: bool,
    ) -> None:
        self._plan = plan
        self._client = client
        self._situations = situations
        self._on_done = on_done
        self._patient = patient
        self._process = client.history.new_process()
        self._position = -1
        self._request_number = 0
        self._asked: list[str] = []
        self._begin_next()

    def _begin_next(self) -> None:
        self._position += 1
        if self._position == len(self._plan.operations):
            self._on_done()
            return
        self._begin_after(self._planned.think_time)

    def _begin_after(self, pause: Microseconds) -> None:
        timeline = self._client.timeline
        timeline.at(timeline.now + pause, self._begin)

    @property
    def _planned(self) -> PlannedOperation:
        return self._plan.operations[self._position]

    @property
    def _request(self) -> RequestId:
        return self._client.name, self._request_number

    def _begin(self, _: None) -> None:
        self._request_number = self._client.begin(self)
        self._asked = []
        self._client.history.add(self._process, "invoke", self._planned.operation)
        self._ask(1)

    def _ask(self, times: int) -> None:
        client = self._client
        planned = self._planned
        target = planned.targets[(times - 1) % len(planned.targets)]
        self._asked.append(client.cluster.hosts[target].name)
        operation = (self._request, planned.operation)
        client.cluster.request(client.name, target, ClientRequest(*self._request, operation))
        if times > 1:
            self._situations[Situation.ASKED_AGAIN] += 1
        if self._patient and client.cluster.answers_by_itself(operation):
            return
        client.timeline.at(
            client.timeline.now + self._plan.retry_after,
            self._on_silence,
            Attempt(self._request_number, times),
        )

    def _on_silence(self, attempt: Attempt) -> None:
        if attempt.request_number != self._request_number:
            return
        if self._patient or attempt.times < len(self._planned.targets):
            self._ask(attempt.times + 1)
        else:
            self._situations[Situation.ABANDONED] += 1
            self._give_up()

    def _give_up(self) -> None:
        """Go on as another process: nobody knows whether the operation happened, or will."""
        self._end("info", None)
        self._process = self._client.history.new_process()
        self._begin_next()

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Take the first result, or count the refusals."""
        if isinstance(answer, Reply):
            operation = self._planned.operation
            self._end(outcome_of(operation, answer.result), answer.result)
            self._begin_next()
        elif not is_definite(answer):
            self._give_up()
        elif replica in self._asked:
            self._asked.remove(replica)
            if not self._asked:
                self._on_certain_refusal()

    def _on_certain_refusal(self) -> None:
        """Go on after every replica that was asked has refused the request for certain."""
        self._client.cluster.invariants.on_certain_refusal(self._request)
        self._end("fail", None)
        if self._patient:
            self._begin_after(self._plan.retry_after)
        else:
            self._begin_next()

    def _end(self, kind: str, result: Any) -> None:
        client = self._client
        client.history.add(self._process, kind, self._planned.operation, result)
        text = f"#{self._request_number} {words(self._planned.operation)}: {kind} {words(result)}"
        client.transcript.add("client", client.name, text)
        client.end(self._request_number)
        self._request_number = 0
