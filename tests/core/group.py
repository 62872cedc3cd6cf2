"""Replicas driven by hand: the test is their clock, disk and network.

Nothing moves unless the test says so: ``ask`` and ``tell`` give input, ``deliver`` hands over
what is under way, ``settle`` hands over everything without time passing, and ``run_for`` lets
virtual time pass, with a one-way ``delay`` for each message sent in it.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeVar

from vsr_node.core.limits import Limits
from vsr_node.core.membership import Membership
from vsr_node.core.messages import DurableState, Entry, Message, Parts, Refusal, Reply, Send
from vsr_node.core.replica import Replica
from vsr_node.storage.memory import MemoryStorage

SECOND = 1_000_000
"""In microseconds, as all times here."""

SETTLE_MAX = 10_000

MessageType = TypeVar("MessageType", bound=Message)


def as_is(operation: object) -> object:
    """A machine's answer that is the operation."""
    return operation


class Notebook:
    """A machine that notes each operation and answers with how many it has noted."""

    def __init__(self) -> None:
        self.operations: list[object] = []

    def apply(self, operation: object) -> object:
        self.operations.append(operation)
        return len(self.operations)

    def read(self, operation: object) -> object:
        return (operation, len(self.operations))

    def snapshot(self) -> Parts:
        return tuple(self.operations)

    def restore(self, parts: Parts) -> None:
        self.operations = list(parts)


class Envelope(NamedTuple):
    """A message under way, to arrive at ``due``; ``number`` is its place among all sent."""

    due: int
    number: int
    source: str
    destination: str
    message: Message


def entry(number: int, client: str = "c1") -> Entry:
    """The request that ``Group.ask`` makes of the same numbers."""
    return client, number, operation(number, client)


def operation(number: int, client: str = "c1") -> str:
    """What that request asks for."""
    return f"operation {number} of {client}"


class Group:
    """``size`` replicas n0, n1, ... whose messages wait in ``under_way``.

    The first ``founders`` of them found the group; None stands for all. ``durable`` is what each
    replica starts from. ``cut`` holds the (source, destination) pairs whose messages are lost when
    they are sent.
    """

    def __init__(
        self,
        size: int = 3,
        *,
        founders: int | None = None,
        durable: dict[str, DurableState] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.names = tuple(f"n{number}" for number in range(size))
        self.founders = self.names[:founders]
        self.now = 0
        self.delay = 0
        self.under_way: list[Envelope] = []
        self.cut: set[tuple[str, str]] = set()
        self.answers: list[tuple[str, Reply | Refusal]] = []
        self.sent: list[Envelope] = []
        self.storages = {name: MemoryStorage() for name in self.names}
        self._down: set[str] = set()
        self.replicas: dict[str, Replica] = {}
        self._limits = limits or Limits()
        self._incarnations = 0
        for name in self.names:
            self._start(name, (durable or {}).get(name))
        for name in self.names:
            self.turn(name)

    def _start(self, name: str, durable: DurableState | None) -> None:
        self.storages[name] = MemoryStorage(durable)
        self.replicas[name] = Replica(
            name=name,
            processes=self.names,
            membership=Membership(0, self.founders),
            machine=Notebook(),
            now=self.now,
            random=Random(self._incarnations),
            durable=durable,
            limits=self._limits,
        )
        self._incarnations += 1

    def __getitem__(self, name: str) -> Replica:
        return self.replicas[name]

    def operations(self, name: str) -> list[object]:
        """What the replica's machine has executed."""
        machine = self.replicas[name].machine
        assert isinstance(machine, Notebook)
        return machine.operations

    # Faults

    def isolate(self, name: str) -> None:
        """Loses all that the replica sends from now on, and all that is sent to it."""
        for other in self.names:
            self.cut |= {(name, other), (other, name)}

    def crash(self, name: str) -> None:
        """Takes the replica away for good; what it sent before is under way still."""
        self.isolate(name)
        self._down.add(name)
        self.under_way = [each for each in self.under_way if each.destination != name]

    def restart(self, name: str, *, without_log: bool = False) -> None:
        """Kills a replica and starts it again from its storage, or from its promises alone."""
        found = self.storages[name].load()
        if without_log:
            found = DurableState(found.view_number, found.last_normal_view, is_recovering=True)
        self.under_way = [each for each in self.under_way if each.destination != name]
        self._start(name, found)
        self.turn(name)

    def heal(self) -> None:
        """Loses nothing any more. What was lost stays lost."""
        self.cut = {pair for pair in self.cut if self._down & set(pair)}

    # Input

    def turn(self, name: str, act: Callable[[Replica], None] | None = None) -> list[Message]:
        """One turn of a replica as its contract wants it; returns what it sent, in order."""
        replica = self.replicas[name]
        replica.on_time(self.now)
        if act is not None:
            act(replica)
        output = replica.end_turn()
        for send in output.asks:
            self._post(name, send)
        self.storages[name].save(output.records)
        self.answers += [(name, answer) for answer in output.replies]
        for send in output.sends:
            self._post(name, send)
        return [send.message for send in output.asks + output.sends]

    def _post(self, source: str, send: Send) -> None:
        for destination in send.destinations:
            number = len(self.sent)
            envelope = Envelope(self.now + self.delay, number, source, destination, send.message)
            self.sent.append(envelope)
            if (source, destination) not in self.cut:
                self.under_way.append(envelope)

    def ask(self, name: str, number: int, client: str = "c1") -> list[Message]:
        """A client asks a replica for the operation of ``entry(number, client)``."""
        request = entry(number, client)
        return self.turn(name, lambda replica: replica.on_request(*request))

    def read(self, name: str, number: int, client: str = "c1") -> list[Message]:
        """A client asks a replica to read."""
        return self.turn(name, lambda replica: replica.on_read(client, number, "read"))

    def tell(self, source: str, destination: str, message: Message) -> list[Message]:
        """Hands a message over in a turn of its own."""
        return self.turn(destination, lambda replica: replica.on_message(source, message))

    # The network

    def take(
        self,
        message_type: type[MessageType],
        source: str | None = None,
        destination: str | None = None,
    ) -> list[MessageType]:
        """Removes messages that are under way, and returns them: lost, or for the test to use."""
        taken = self._take(message_type, source, destination)
        return [each.message for each in taken if isinstance(each.message, message_type)]

    def deliver(
        self,
        message_type: type[Message],
        source: str | None = None,
        destination: str | None = None,
    ) -> None:
        """Hands over what is under way of this kind; there must be something."""
        taken = self._take(message_type, source, destination)
        assert taken, f"no {message_type.__name__} is under way"
        for each in taken:
            self.tell(each.source, each.destination, each.message)

    def _take(
        self, message_type: type[object], source: str | None, destination: str | None
    ) -> list[Envelope]:
        taken = [
            each
            for each in self.under_way
            if isinstance(each.message, message_type)
            and source in (None, each.source)
            and destination in (None, each.destination)
        ]
        self.under_way = [each for each in self.under_way if each not in taken]
        return taken

    def settle(self) -> None:
        """Hands over all that is under way, and what follows from it; no time passes."""
        for _ in range(SETTLE_MAX):
            if not self.under_way:
                return
            first = self.under_way.pop(0)
            self.tell(first.source, first.destination, first.message)
        raise AssertionError("the replicas talk for ever without time passing")

    def wait_for_timer(self, name: str) -> list[Message]:
        """Lets time pass for nobody but one replica, until its next timer."""
        self.now = max(self.now, self.replicas[name].next_timer)
        return self.turn(name)

    def run_for(self, duration: int) -> None:
        """Lets time pass: messages arrive, timers fire, in the order in which they are due."""
        end = self.now + duration
        while True:
            arrival = min(self.under_way, default=None)
            running = [name for name in self.names if name not in self._down]
            name = min(running, key=lambda each: self.replicas[each].next_timer)
            timer = self.replicas[name].next_timer
            if arrival is not None and arrival.due <= min(timer, end):
                self.under_way.remove(arrival)
                self.now = max(self.now, arrival.due)
                self.tell(arrival.source, arrival.destination, arrival.message)
            elif timer <= end:
                self.now = max(self.now, timer)
                self.turn(name)
            else:
                self.now = end
                return

    # What came out

    def replies(self, name: str | None = None) -> list[tuple[str, int, object]]:
        """(client, request_number, result) of each reply so far, of one replica or of all."""
        return [
            (answer.client, answer.request_number, answer.result)
            for source, answer in self.answers
            if isinstance(answer, Reply) and name in (None, source)
        ]

    def refusals(self) -> list[tuple[str, Refusal]]:
        """Each refusal so far, with the replica that gave it."""
        return [(source, answer) for source, answer in self.answers if isinstance(answer, Refusal)]

    def types_sent(self, source: str) -> set[type[Message]]:
        """The kinds of messages that a replica has sent since ``sent`` was last emptied."""
        return {type(each.message) for each in self.sent if each.source == source}
