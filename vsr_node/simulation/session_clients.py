"""Clients that register: lanes that ask through the real ``client.session``, and books about it.

The session must keep its own rules, whatever the group does. By their names in a report:

own-number      no two calls have the same session and number
one-number      a call has one number in its session, however often it is sent
window          the numbers of calls under way are never ``client.session.WINDOW`` apart
expired-session nothing is asked of a session of which the client knows that it has expired
own-answer      a call ends with an answer to its own session and number
"""

from collections.abc import Callable
from typing import NamedTuple

from vsr_node.client.session import NEVER, WINDOW, End, Ended, Session
from vsr_node.core.messages import Reason, Refusal, Reply
from vsr_node.machines.answers import Operation
from vsr_node.simulation.clients import History, outcome_of
from vsr_node.simulation.cluster import Cluster
from vsr_node.simulation.invariants import Violation
from vsr_node.simulation.plan import Lane
from vsr_node.simulation.requests import ClientRequest, RequestId, registration
from vsr_node.simulation.situations import Situation
from vsr_node.simulation.streams import stream
from vsr_node.simulation.timeline import MILLISECOND, Microseconds, Timeline
from vsr_node.simulation.transcript import Transcript, words
from vsr_node.wire.calls import Answer, Ask, Call, Outcome, Query, Register

RESET_MEAN = 700 * MILLISECOND
"""How long it takes, on average, until a connection is lost with all that is under way on it."""

CROWD = 120
"""Calls that some clients make at once: more than the window has room for."""

OUTCOMES = {
    Reason.UNAVAILABLE: Outcome.UNAVAILABLE,
    Reason.OUTCOME_UNKNOWN: Outcome.UNKNOWN,
    Reason.SESSION_EXPIRED: Outcome.EXPIRED,
    Reason.NUMBER_REUSED: Outcome.REFUSED,
}


class _Asking(NamedTuple):
    """What a client does once a call has ended; None drops its result."""

    operation: Operation
    on_end: Callable[[End, object], None] | None


class SessionClient:
    """A client with one session, and connections that break now and then unless all is ``calm``."""

    def __init__(
        self,
        name: str,
        lane: Lane,
        cluster: Cluster,
        timeline: Timeline,
        seed: int,
        *,
        calm: bool,
    ) -> None:
        self.name = name
        self._cluster = cluster
        self._timeline = timeline
        self._random = stream(seed, "session", name)
        targets = dict.fromkeys(target for each in lane.operations for target in each.targets)
        self._members = tuple(cluster.hosts[target].name for target in targets)
        self._session = Session(
            self._members, self._draw_nonce, patience_us=max(lane.retry_after, MILLISECOND)
        )
        self._calm = calm
        self._is_closed = False
        self._last_key = 0
        self._lanes = 0
        self._asked: dict[int, _Asking] = {}
        self._results: list[object] = []
        # The books: what each call was last sent as, what answered it, and what has not ended.
        self._request_of: dict[int, RequestId] = {}
        self._key_of: dict[RequestId, int] = {}
        self._answered: dict[str, RequestId] = {}
        self._under_way: dict[str, set[int]] = {}
        self._expired: set[str] = set()
        self._wakes_at = NEVER
        cluster.clients[name] = self
        for member in self._members:
            self._session.on_connected(timeline.now, member)
        self._plan_reset()
        if not calm and self._random.randrange(3) == 0:
            self._timeline.at(self._timeline.now + self._draw_pause(), self._send_crowd)

    def _draw_nonce(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def _draw_pause(self) -> Microseconds:
        return self._random.randrange(2 * RESET_MEAN)

    # What lanes do

    def open_lane(self) -> None:
        """Note a lane that works here."""
        self._lanes += 1
        self._is_closed = False

    def close_lane(self) -> None:
        """Note that a lane has done its work. With the last one the client goes."""
        self._lanes -= 1
        self._is_closed = not self._lanes

    def ask(
        self,
        operation: Operation,
        deadline: Microseconds,
        on_end: Callable[[End, object], None] | None,
    ) -> None:
        """Ask for an operation; ``on_end`` gets its end, once, and its result."""
        self._last_key += 1
        key = self._last_key
        self._asked[key] = _Asking(operation, on_end)
        is_query = on_end is not None and self._cluster.answers_by_itself((None, operation))
        self._session.call(self._timeline.now, key, str(key), deadline, is_query=is_query)
        self._go_on()

    def _send_crowd(self, _: None) -> None:
        for _number in range(CROWD):
            self.ask(("read", '"k0"'), NEVER, None)

    # What drives the session

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Hand an answer to the session."""
        client = "" if answer.client == self.name else answer.client
        if isinstance(answer, Reply):
            outcome, text = Outcome.RESULT, str(answer.result)
            if answer.request_number or not client:
                text = str(len(self._results))
                self._results.append(answer.result)
        else:
            outcome, text = OUTCOMES[answer.reason], f"refused {len(self._answered)}"
            if outcome is Outcome.EXPIRED and client == self._session.name:
                self._expired.add(client)
                self._cluster.situations[Situation.SESSION_EXPIRED] += 1
        self._answered[text] = (answer.client, answer.request_number)
        self._session.on_answer(
            self._timeline.now, replica, Answer(client, answer.request_number, outcome, text)
        )
        self._go_on()

    def _plan_reset(self) -> None:
        if not self._calm:
            self._timeline.at(self._timeline.now + self._draw_pause(), self._reset)

    def _reset(self, _: None) -> None:
        if self._is_closed:
            return
        member = self._random.choice(self._members)
        self._session.on_disconnected(self._timeline.now, member)
        self._go_on()
        self._timeline.at(self._timeline.now + 10 * MILLISECOND, self._connect, member)
        self._plan_reset()

    def _connect(self, member: str) -> None:
        self._session.on_connected(self._timeline.now, member)
        self._go_on()

    def _wake(self, moment: Microseconds) -> None:
        if moment != self._wakes_at:
            return
        self._wakes_at = NEVER
        if not self._is_closed:
            self._session.on_time(self._timeline.now)
            self._go_on()

    def _go_on(self) -> None:
        """Send what the session wants sent, and hand out what has ended."""
        session = self._session
        while session.sends or session.ended:
            ended, session.ended = session.ended, []
            for each in ended:
                self._on_ended(each)
            sends, session.sends = session.sends, []
            for member, request in sends:
                self._send(member, request)
        if session.next_timer < min(self._wakes_at, NEVER):
            self._wakes_at = max(session.next_timer, self._timeline.now + 1)
            self._timeline.at(self._wakes_at, self._wake, self._wakes_at)

    def _send(self, member: str, request: Ask) -> None:
        cluster = self._cluster
        target = cluster.host_of(member).index
        match request:
            case Register(nonce):
                cluster.clients[nonce] = self
                cluster.request(nonce, target, registration(nonce))
            case Call(session, number, operation):
                cluster.clients[session] = self
                self._check_call(int(operation), (session, number))
                self._request(target, (session, number), int(operation))
            case Query(number, operation):
                self._request_of[int(operation)] = (self.name, number)
                self._request(target, (self.name, number), int(operation))

    def _request(self, target: int, request: RequestId, key: int) -> None:
        operation = (request, self._asked[key].operation)
        self._cluster.request(request[0], target, ClientRequest(*request, operation))

    def _check_call(self, key: int, request: RequestId) -> None:
        session, number = request
        if self._key_of.setdefault(request, key) != key:
            raise Violation("own-number", f"{self.name} gives {request} to another call")
        earlier = self._request_of.get(key)
        if earlier is not None and earlier[0] == session and earlier != request:
            raise Violation("one-number", f"{self.name} sends {earlier} again as {request}")
        if session in self._expired:
            raise Violation("expired-session", f"{self.name} sends {request}")
        self._request_of[key] = request
        under_way = self._under_way.setdefault(session, set())
        under_way.add(number)
        if number - min(under_way) >= WINDOW:
            raise Violation("window", f"{self.name}: {min(under_way)} and {request} are under way")

    def _on_ended(self, ended: Ended) -> None:
        key, end, text = ended
        request = self._request_of.get(key)
        if end is not End.TIMED_OUT and request is not None:
            self._under_way.get(request[0], set()).discard(request[1])
        if end is End.RESULT and self._answered[text] != request:
            raise Violation(
                "own-answer", f"{self.name} takes an answer to {self._answered[text]} for {request}"
            )
        if end in (End.NOT_EXECUTED, End.REFUSED) and request is not None:
            self._cluster.invariants.on_certain_refusal(request)
        operation, on_end = self._asked[key]
        # One that timed out stays in the session, and may end once more.
        self._asked[key] = _Asking(operation, None)
        if on_end is not None:
            on_end(end, self._results[int(text)] if end is End.RESULT else None)


class SessionLane:
    """A lane of a client that registers. A patient one waits for as long as it takes."""

    def __init__(
        self,
        plan: Lane,
        client: SessionClient,
        timeline: Timeline,
        transcript: Transcript,
        history: History,
        on_done: Callable[[], None],
        *,
        patient: bool,
    ) -> None:
        self._plan = plan
        self._client = client
        self._timeline = timeline
        self._transcript = transcript
        self._history = history
        self._on_done = on_done
        self._patient = patient
        self._process = history.new_process()
        self._position = -1
        client.open_lane()
        self._begin_next()

    def _begin_next(self) -> None:
        self._position += 1
        if self._position == len(self._plan.operations):
            self._client.close_lane()
            self._on_done()
            return
        planned = self._plan.operations[self._position]
        self._timeline.at(self._timeline.now + planned.think_time, self._begin)

    def _begin(self, _: None) -> None:
        planned = self._plan.operations[self._position]
        self._history.add(self._process, "invoke", planned.operation)
        deadline = self._timeline.now + self._plan.retry_after * (1 + len(planned.targets))
        self._client.ask(planned.operation, NEVER if self._patient else deadline, self._on_end)

    def _on_end(self, end: End, result: object) -> None:
        operation = self._plan.operations[self._position].operation
        match end:
            case End.RESULT:
                kind = outcome_of(operation, result)
            case End.NOT_EXECUTED | End.REFUSED:
                kind = "fail"
            case _:
                kind = "info"
        self._history.add(self._process, kind, operation, result)
        text = f"{words(operation)}: {kind} {end.name} {words(result)}"
        self._transcript.add("client", self._client.name, text)
        if kind == "info":
            self._process = self._history.new_process()
        self._begin_next()
