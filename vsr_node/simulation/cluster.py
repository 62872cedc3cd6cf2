"""Replicas on simulated machines. Each has a disk, a clock and an inbox, and may die or pause.

A ``Cluster`` drives each replica as every driver must: a turn begins with the time, then takes all
that waits in the inbox; its records are on the disk before anything but its asks leaves.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from vsr_node.core.membership import Membership
from vsr_node.core.messages import (
    Answers,
    Message,
    Output,
    Parts,
    Prepare,
    Reason,
    Reconfiguration,
    Recovered,
    Refusal,
    ReplaceLog,
    Reply,
    SaveCheckpoint,
    Send,
    expects_answer,
)
from vsr_node.core.replica import Replica, StateMachine
from vsr_node.core.status import Status
from vsr_node.core.timers import Timers
from vsr_node.links.frames import Relay
from vsr_node.links.links import Links
from vsr_node.machines.answers import NOTHING_WRITTEN
from vsr_node.machines.maelstrom_machine import READS
from vsr_node.maelstrom.requests.held_reads import PATIENCE_US, READ_ALL, HeldReads
from vsr_node.simulation.choices import KnownEpoch
from vsr_node.simulation.disk import Disk
from vsr_node.simulation.encoding import Encoding, TupleCodec
from vsr_node.simulation.epochs import epoch_of
from vsr_node.simulation.faults import (
    AfterOutputs,
    ClockJump,
    CrashPoint,
    Damage,
    Instant,
    Stage,
    Trap,
)
from vsr_node.simulation.invariants import RESTORED, Invariants, Violation
from vsr_node.simulation.network import Network
from vsr_node.simulation.partial_cuts import Direction
from vsr_node.simulation.plan import PER_MILLE, Plan
from vsr_node.simulation.requests import (
    ADMIN,
    ClientRequest,
    RequestId,
    WantedMembers,
    registration,
)
from vsr_node.simulation.situations import Situation, Situations
from vsr_node.simulation.streams import stream
from vsr_node.simulation.subject import MAELSTROM, Subject
from vsr_node.simulation.timeline import (
    MICROSECONDS_PER_SECOND,
    MILLISECOND,
    Microseconds,
    Timeline,
)
from vsr_node.simulation.transcript import Transcript
from vsr_node.telemetry.common import NANOSECONDS_PER_MICROSECOND
from vsr_node.telemetry.dispatch import Telemetry
from vsr_node.telemetry.observer import Observer, kind_of

FLOOD = "flood"
"""The client of requests that come in floods."""

FLOOD_INTERVAL = MILLISECOND

CHANGE_PATIENCE = 20 * MICROSECONDS_PER_SECOND
"""A request for other members that nobody answered so long ago is under way nowhere."""

WAKES_MAX = 100
"""A replica spins if timers alone cause more turns within ``WAKES_WINDOW``."""

WAKES_WINDOW = 10 * MILLISECOND


def is_read(operation: Any) -> bool:
    """Return whether an operation of an ``ObservedMachine`` changes nothing."""
    return operation[1][0] in READS


class ObservedMachine:
    """A machine with a list of what it applied.

    Its operations are (request, operation). The request is the client's name and number, which
    distinguish a second execution from a second request. Its snapshot holds how many it applied.
    """

    def __init__(self, machine: StateMachine, applied: list[tuple[Any, object]]) -> None:
        self._applied = applied
        self._count = 0
        self._machine = machine

    def apply(self, operation: Any) -> object:
        """Apply the operation within ``operation``."""
        result = self._machine.apply(operation[1])
        self._applied.append((operation, result))
        self._count += 1
        return result

    def read(self, operation: Any) -> object:
        """Answer the read within ``operation``."""
        return self._machine.read(operation[1])

    def snapshot(self) -> Parts:
        """Return the state."""
        return (self._count, *self._machine.snapshot())

    def restore(self, parts: Any) -> None:
        """Take over a state."""
        self._count = parts[0]
        self._machine.restore(parts[1:])
        self._applied.append((RESTORED, self._count))


class Host:
    """A machine with one replica on it, and what the invariants last saw of the replica."""

    def __init__(self, seed: int, index: int, name: str, clock_rate: int) -> None:
        self.index = index
        self.name = name
        self.disk = Disk()
        self.random = stream(seed, "host", name)
        self.clock_rate = clock_rate
        self.clock_offset = self.random.randrange(1 << 40)
        self.replica: Replica | None = None
        self.incarnation = 0
        self.pauses = 0
        self.promise: tuple[int, int] = (0, 0)  # view and op_number of its last acknowledgement
        self.disk_is_full = False
        self.is_absent = False  # it has not come yet
        self.is_deleted = False  # it never comes back
        self.view_number = 0
        self.status = Status.NORMAL
        self.forget()

    def forget(self) -> None:
        """Lose what a crash loses."""
        self.replica = None
        self.links: Links | None = None
        self.observer: Observer | None = None
        self.is_saving = False
        self.timer_is_due = False  # in this turn
        self.inbox: list[tuple[str, Any]] = []
        self.crash_point: CrashPoint | None = None  # of the next turn
        self.is_stopping = False
        self.has_just_recovered = False  # in this turn
        self.has_just_entered_epoch = False  # in this turn
        self.is_released = False
        self.damage: Damage | None = None  # what the disk suffers in the next crash
        self.turn_is_due = False
        self.wakes_at = Timers.NEVER
        self.wakes = 0
        self.wakes_since = 0
        self.held_reads = HeldReads()
        self.commit_number = 0
        self.applied: list[tuple[Any, object]] = []
        self.applied_count = 0
        self.asked: dict[RequestId, None] = {}  # what was asked here and has no answer from here
        self.decided: list[RequestId] = []  # of these, what a restored state has decided

    @property
    def is_gone(self) -> bool:
        """Whether there is no such process, dead or alive."""
        return self.is_absent or self.is_deleted

    @property
    def is_lost(self) -> bool:
        """Whether its log is."""
        return self.is_gone or not self.disk.may_be_trusted

    @property
    def next_timer(self) -> Microseconds:
        """The latest time for the next turn, on the machine's clock."""
        assert self.replica is not None
        assert self.links is not None
        return min(self.replica.next_timer, self.links.next_timer)

    def clock(self, now: Microseconds) -> Microseconds:
        """Return what the machine's clock shows at ``now``."""
        return self.clock_offset + now * self.clock_rate // PER_MILLE

    def when(self, deadline: Microseconds) -> Microseconds:
        """Return when the machine's clock will show ``deadline``."""
        return -(-(deadline - self.clock_offset) * PER_MILLE // self.clock_rate)


class Client(Protocol):
    """A client that takes answers."""

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Take an answer that arrived."""


class DeafClient:
    """A client that asks and does not wait for answers."""

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Ignore it."""


class Cluster:
    """All hosts, the network between them, and the verbs that faults are made of."""

    def __init__(
        self,
        plan: Plan,
        timeline: Timeline,
        transcript: Transcript,
        *,
        calm: bool,
        subject: Subject = MAELSTROM,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._plan = plan
        self._calm = calm
        self._subject = subject
        # A registration is no operation of the machine, so the machine's codec would refuse it.
        self._encoding = Encoding(TupleCodec() if plan.limits.registered else subject.codec)
        self._telemetry = telemetry
        self._timeline = timeline
        self._transcript = transcript
        self.situations: Situations = Counter()
        self.sent: Counter[type] = Counter()
        names = tuple(f"n{index}" for index in range(plan.replica_count))
        founders = tuple(names[index] for index in plan.processes.founders) or names
        self._processes = names
        self._founders = Membership(epoch=0, members=founders)
        self.hosts = [
            Host(plan.seed, index, name, plan.clock_rates_per_mille[index])
            for index, name in enumerate(names)
        ]
        for index in plan.processes.absent:
            self.hosts[index].is_absent = True
        self.deletes_released = plan.processes.deletes_released
        self._host_of = {host.name: host for host in self.hosts}
        self._wanted: dict[RequestId, tuple[tuple[str, ...], Microseconds]] = {}
        self.clients: dict[str, Client] = {}
        self._traps: list[tuple[Trap, Stage]] = []
        self._flood_count = 0
        self.clients[FLOOD] = self.clients[ADMIN] = DeafClient()
        self.invariants = Invariants(
            self.hosts,
            founders,
            self.situations,
            calm=calm,
            members_change=bool(plan.processes.founders),
            model=subject.model(),
        )
        self.network = Network(plan.seed, plan.messages, timeline, transcript, self._deliver)
        for host in self.hosts:
            if not host.is_absent:
                self._start(host)

    # The driver's duties

    def _start(self, host: Host) -> Replica:
        now = host.clock(self._timeline.now)
        machine: StateMachine = ObservedMachine(self._subject.make(), host.applied)
        if self._telemetry is not None:
            host.observer = Observer(
                self._telemetry,
                lambda: self._timeline.now * NANOSECONDS_PER_MICROSECOND,
                lambda operation: kind_of(cast("tuple[object, object]", operation)[1]),
            )
            machine = host.observer.watch(machine)
        replica = host.replica = Replica(
            name=host.name,
            processes=self._processes,
            membership=self._founders,
            machine=machine,
            durable=host.disk.load(),
            now=now,
            random=stream(self._plan.seed, "replica", host.name, host.incarnation),
            limits=self._plan.limits,
        )
        host.links = Links(host.name, replica.processes, now, replica.time_out)
        if host.observer is not None:
            host.observer.begin(replica)
        self._schedule_wake(host)
        return replica

    def _deliver(self, source: str, destination: str, message: Any) -> None:
        self._transcript.add("arrives", source, destination, message)
        host = self._host_of.get(destination)
        if host is None:
            self.invariants.on_answered(message)
            self.clients[destination].on_answer(source, message)
        elif host.replica is None:
            self.situations[Situation.MESSAGE_TO_THE_DEAD] += 1
        else:
            if self._plan.as_bytes and not isinstance(message, ClientRequest):
                message = self._encoding.through_bytes(message)
                self.situations[Situation.MESSAGE_AS_BYTES] += 1
            if isinstance(message, Answers):
                self._excuse(host, message)
            host.inbox.append((source, message))
            self._schedule_turn(host)

    def _excuse(self, host: Host, message: Answers) -> None:
        """Demand no answer from here to what others answer, or what is older than they remember."""
        for client, request_number, result in message.answers:
            if result is None:
                host.asked.pop((client, request_number), None)

    def _schedule_turn(self, host: Host) -> None:
        if not host.turn_is_due and not host.pauses and not host.is_saving:
            host.turn_is_due = True
            delay = host.random.getrandbits(8) * self._plan.turn_delay >> 8
            self._timeline.at(self._timeline.now + delay, self._on_turn, host)

    def _schedule_wake(self, host: Host) -> None:
        assert host.replica is not None
        deadline = host.next_timer
        if deadline >= Timers.NEVER:
            return
        wakes_at = max(host.when(deadline), self._timeline.now + 1)
        if wakes_at < host.wakes_at:
            host.wakes_at = wakes_at
            self._timeline.at(wakes_at, self._on_wake, host)

    def _on_wake(self, host: Host) -> None:
        now = self._timeline.now
        if host.wakes_at != now:
            return
        host.wakes_at = Timers.NEVER
        if host.replica is None or host.pauses or host.is_saving:
            return
        if host.next_timer <= host.clock(now):
            self._count_wake(host, now)
            self._turn(host)
        else:
            self._schedule_wake(host)

    def _count_wake(self, host: Host, now: Microseconds) -> None:
        if now - host.wakes_since > WAKES_WINDOW:
            host.wakes_since = now
            host.wakes = 0
        host.wakes += 1
        if host.wakes > WAKES_MAX:
            raise Violation(
                "spin", f"{host.name} takes {WAKES_MAX} turns by timers in {WAKES_WINDOW} us"
            )

    def _on_turn(self, host: Host) -> None:
        if host.turn_is_due and not host.pauses and not host.is_saving:
            self._turn(host)
        host.turn_is_due = False

    def _turn(self, host: Host) -> None:
        """Take one turn of the replica, from the time to the outputs."""
        replica, links = host.replica, host.links
        assert replica is not None
        assert links is not None
        host.turn_is_due = False
        now, observer = host.clock(self._timeline.now), host.observer
        if observer is not None:
            observer.begin_turn(now)
        host.timer_is_due = replica.next_timer <= now
        links.on_time(now, replica.time_out)
        replica.on_time(now)
        inbox = host.inbox
        host.inbox = []
        if len(inbox) > 1:
            self.situations[Situation.SEVERAL_IN_ONE_TURN] += 1
        for source, frame in inbox:
            if isinstance(frame, ClientRequest):
                self._ask(host, frame)
            elif (heard := links.receive(source, frame)) is not None:
                origin, message = heard
                if isinstance(frame, Relay):
                    self.invariants.on_relayed(host, origin, message)
                if observer is not None:
                    observer.heard(origin, message)
                replica.on_message(origin, message)
        self._carry_out(host, replica.end_turn())

    def _carry_out(self, host: Host, output: Output) -> None:
        assert host.links is not None
        for destinations, frame in host.links.end_turn():
            self._send_frame(host, destinations, frame)
        self._send_all(host, output.asks)
        if host.crash_point is Instant.BEFORE_SAVE:
            self._crash(host, Situation.CRASH_BEFORE_SAVE)
            return
        self.invariants.before_turn_counts(host, output.replies)
        if output.records:
            if host.disk_is_full:
                self._crash(host, Situation.DISK_FULL)
                return
            self._save(host, output)
        self._look_at(host)
        self.invariants.on_answers(host, output.replies)
        delay = self._plan.disks.save_delay
        if output.records and delay:
            host.is_saving = True
            saved_at = self._timeline.now + (host.random.getrandbits(8) * delay >> 8)
            self._timeline.at(saved_at, self._on_saved, (host, host.incarnation, output))
        elif self._send(host, output):
            self._end_turn(host)

    def _end_turn(self, host: Host) -> None:
        if host.is_stopping:
            self._stop(host)
        elif host.is_released and self._may_delete(host):
            self.situations[Situation.DELETED] += 1
            self._delete(host)
        else:
            self._schedule_wake(host)

    def answers_by_itself(self, operation: Any) -> bool:
        """Return whether the replica that gets the operation answers it, unless it dies."""
        return self._plan.quorum_reads and is_read(operation)

    def _ask(self, host: Host, request: ClientRequest) -> None:
        replica = host.replica
        assert replica is not None
        if isinstance(request.operation, WantedMembers):
            host.asked[request.client, request.request_number] = None
            replica.on_reconfigure(request.client, request.request_number, *request.operation)
            return
        # A flood is to fill logs, so its reads go through them.
        is_read = request.client != FLOOD and self.answers_by_itself(request.operation)
        if host.observer is not None:
            host.observer.asked(*request, is_read=is_read)
        if is_read:
            replica.on_read(*request)
        else:
            host.asked[request.client, request.request_number] = None
            replica.on_request(*request)

    def _look_at(self, host: Host) -> None:
        """Check a replica after its turn."""
        replica = host.replica
        assert replica is not None
        has_changed = self.invariants.on_turn(host)
        if has_changed or self._transcript.is_detailed:
            self.add_state(host)
        if has_changed:
            self._spring_traps(host)
        host.has_just_recovered = host.has_just_entered_epoch = False

    def _on_saved(self, argument: tuple[Host, int, Output]) -> None:
        """Let the turn's outputs leave after a slow save, unless the replica died meanwhile."""
        host, incarnation, output = argument
        if host.replica is None or host.incarnation != incarnation:
            return
        host.is_saving = False
        if self._send(host, output):
            if host.inbox:
                self._schedule_turn(host)
            self._end_turn(host)

    def _save(self, host: Host, output: Output) -> None:
        op_number = host.disk.op_number
        self.invariants.before_save(host, output.records)
        for record in output.records:
            if type(record) is SaveCheckpoint:
                is_own = not any(operation is RESTORED for operation, _ in host.applied)
                self.invariants.on_checkpoint(host, record, is_own=is_own)
                self.situations[
                    Situation.CHECKPOINT_TAKEN if is_own else Situation.CHECKPOINT_INSTALLED
                ] += 1
                if host.crash_point is not None:
                    self.situations[Situation.CRASH_WITH_CHECKPOINT] += 1
            if type(record) is Recovered:
                self.situations[Situation.RECOVERED] += 1
                host.has_just_recovered = True
            if type(record) is ReplaceLog and record.first_op_number <= op_number:
                self.situations[Situation.SUFFIX_REPLACED] += 1
                if record.first_op_number + len(record.entries) <= op_number:
                    self.situations[Situation.SUFFIX_CUT] += 1
        if host.observer is None:
            host.disk.save(output.records)
        else:
            host.observer.save(host.disk.save, output.records, waits_for_disk=True)
        self.invariants.after_save(host)

    def _send(self, host: Host, output: Output) -> bool:
        """Let a turn's replies and messages leave; return whether the replica lives on."""
        if isinstance(host.crash_point, AfterOutputs):
            return self._send_some(host, output, host.crash_point.count)
        for answer in self._held_back(host, output.replies):
            self.network.send(host.name, answer.client, answer, repeatable=False)
        self._send_all(host, output.sends)
        if host.observer is not None:
            host.observer.end_turn(output)
        return True

    def _held_back(
        self, host: Host, answers: Sequence[Reply | Refusal]
    ) -> Iterator[Reply | Refusal]:
        """Yield the answers that leave, as a node does: reads of nothing are held for a while."""
        replica = host.replica
        assert replica is not None
        for answer in answers:
            if isinstance(answer, Reply) and answer.result == NOTHING_WRITTEN:
                host.held_reads.hold(answer.client, answer.request_number, self._timeline.now)
                self.situations[Situation.READ_HELD] += 1
                patience = (host, host.incarnation)
                self._timeline.at(self._timeline.now + PATIENCE_US, self._on_patience, patience)
                continue
            self.invariants.on_reply(host, answer)
            yield answer
        result = replica.machine.read(((), READ_ALL)) if host.held_reads.deadlines else None
        if result not in (None, NOTHING_WRITTEN):
            for client, request_number in host.held_reads.release():
                answer = Reply(client, request_number, result)
                self.invariants.on_held_reply(host, answer)
                yield answer

    def _on_patience(self, argument: tuple[Host, int]) -> None:
        """Refuse the reads that were held for too long."""
        host, incarnation = argument
        if host.replica is not None and host.incarnation == incarnation:
            self._refuse(host, host.held_reads.release(self._timeline.now))

    def _refuse(self, host: Host, held: Iterator[RequestId]) -> None:
        for client, request_number in held:
            refusal = Refusal(client, request_number, Reason.UNAVAILABLE)
            self.network.send(host.name, client, refusal, repeatable=False)

    def _send_all(self, host: Host, sends: list[Send]) -> None:
        for send in sends:
            destinations, message = send
            if host.observer is not None:
                host.observer.sent(send)
            self.invariants.on_send(host, destinations, message)
            self.sent[type(message)] += len(destinations)
            if type(message) is Prepare and self._is_again(message, destinations):
                self.situations[Situation.PREPARE_AGAIN] += 1
            self._send_message(host, destinations, message)

    def _send_message(self, host: Host, destinations: tuple[str, ...], message: Message) -> None:
        """Send a message, around what is cut if something is."""
        assert host.links is not None
        expects = expects_answer(message)
        for hops, frame in host.links.send(destinations, message, expects=expects):
            if frame is message:
                for hop in hops:
                    self.network.send(host.name, hop, message)
            else:
                self._send_frame(host, hops, frame)

    def _send_frame(self, host: Host, destinations: tuple[str, ...], frame: object) -> None:
        """Send what links send."""
        if self._calm:
            raise Violation("calm", f"{host.name} sends {frame}")
        self.sent[type(frame)] += len(destinations)
        for destination in destinations:
            if isinstance(frame, Relay):
                self.invariants.on_relay(host, destination, frame)
            self.network.send(host.name, destination, frame)

    def _is_again(self, message: Prepare, destinations: tuple[str, ...]) -> bool:
        epoch = self.invariants.epochs[epoch_of(message.view_number)]
        return len(destinations) < len(epoch.members) - 1

    def _send_some(self, host: Host, output: Output, count: int) -> bool:
        singles = list(output.replies)
        copies = [
            (destination, message)
            for destinations, message in output.sends
            for destination in destinations
        ]
        for answer in self._held_back(host, singles[:count]):
            self.network.send(host.name, answer.client, answer, repeatable=False)
        for destination, message in copies[: max(0, count - len(singles))]:
            self.invariants.on_send(host, (destination,), message)
            self._send_message(host, (destination,), message)
        is_between = count < len(singles) + len(copies)
        self._crash(
            host, Situation.CRASH_BETWEEN_OUTPUTS if is_between else Situation.CRASH_AFTER_TURN
        )
        return False

    def add_state(self, host: Host) -> None:
        """Note a replica's state in the transcript."""
        replica = host.replica
        assert replica is not None
        self._transcript.add(
            "state",
            host.name,
            replica.status.value,
            replica.view_number,
            replica.last_normal_view,
            replica.op_number,
            replica.commit_number,
        )

    # The verbs

    def request(self, client: str, target: int, request: ClientRequest) -> None:
        """Let a client send a request to the replica of that index."""
        self.invariants.on_asked(request)
        self.network.send(client, self.hosts[target].name, request, repeatable=False)

    def flood(self, host: Host, count: int) -> Microseconds:
        """Let ``count`` reads come to a replica one after the other; return when half have come.

        Nobody waits for them. They change nothing, so the history needs none of them.
        """
        now = self._timeline.now
        for number in range(count):
            self._timeline.at(now + number * FLOOD_INTERVAL, self._on_flood, host)
        return now + count * FLOOD_INTERVAL // 2

    def flood_again(self, host: Host, count: int) -> None:
        """Let the last ``count`` requests of floods come to a replica, too."""
        for number in range(max(1, self._flood_count - count + 1), self._flood_count + 1):
            self._ask_in_flood(host, number)

    def _on_flood(self, host: Host) -> None:
        self._flood_count += 1
        self._ask_in_flood(host, self._flood_count)

    def _ask_in_flood(self, host: Host, number: int) -> None:
        if self._plan.limits.registered:
            # Newcomers, each of which may let another session expire.
            nonce = f"{number:016x}"
            self.clients[nonce] = self.clients[FLOOD]
            self.request(nonce, host.index, registration(nonce))
            return
        request = (FLOOD, number)
        self.request(FLOOD, host.index, ClientRequest(*request, (request, ("read", '"k0"'))))

    def change_request(self, members: Sequence[int], known_epoch: KnownEpoch) -> ClientRequest:
        """Return a new request for these members; none stands for the present ones."""
        newest = self.invariants.epochs.newest
        names = tuple(self.hosts[index].name for index in members) or newest.members[::-1]
        epoch = {
            KnownEpoch.ANY: None,
            KnownEpoch.PRESENT: newest.number,
            KnownEpoch.WRONG: newest.number + 1,
        }[known_epoch]
        self.situations[Situation.CHANGE_ASKED] += 1
        request = ClientRequest(ADMIN, len(self._wanted) + 1, WantedMembers(names, epoch))
        self._wanted[request[:2]] = (names, self._timeline.now)
        return request

    def ask_for_change(self, host: Host, request: ClientRequest) -> None:
        """Send a replica a request for other members."""
        self.network.send(ADMIN, host.name, request, repeatable=False)

    def groups_at_stake(self) -> Iterator[tuple[str, ...]]:
        """Yield the members of each epoch that may be needed, and of those that may begin."""
        invariants = self.invariants
        for epoch in invariants.epochs.live():
            yield epoch.members
        for host in self.hosts:
            begin = max(0, invariants.committed_count + 1 - host.disk.first_op_number)
            for _, _, operation in host.disk.entries[begin:]:
                if isinstance(operation, Reconfiguration):
                    yield operation.members
        recently = self._timeline.now - CHANGE_PATIENCE
        for request, (members, asked_at) in self._wanted.items():
            if request not in invariants.changes and (
                asked_at > recently or any(request in host.asked for host in self.hosts)
            ):
                yield members

    def may_lose(self, host: Host) -> bool:
        """Return whether each group can go on without a replica's log, for good if need be."""
        for members in self.groups_at_stake():
            if host.name in members:
                others = (self._host_of[name] for name in members if name != host.name)
                lost = 1 + sum(other.is_lost for other in others)
                if 2 * (len(members) - lost) <= len(members):
                    return False
        return True

    def wipe(self, host: Host) -> None:
        """Let a replica be gone for good, if the group can live without it."""
        if host.is_gone:
            return
        if not self.may_lose(host):
            self.situations[Situation.WIPE_SPARED] += 1
            return
        self._transcript.add("wipe", host.name)
        self.situations[Situation.WIPED] += 1
        self._delete(host)

    def arrive(self, host: Host) -> None:
        """Let a process come for the first time."""
        if host.is_absent:
            host.is_absent = False
            self._transcript.add("arrival", host.name)
            self.situations[Situation.ARRIVAL] += 1
            self._start(host)
            self.add_state(host)

    def _may_delete(self, host: Host) -> bool:
        """Return whether a released replica is to go, as nobody asks for it again."""
        return (
            self.deletes_released
            and self.invariants.epochs.was_member(host.name, epoch_of(host.view_number))
            and all(host.name not in members for members in self.groups_at_stake())
        )

    def _delete(self, host: Host) -> None:
        self._transcript.add("deleted", host.name)
        host.is_deleted = True
        host.forget()

    def host_of(self, name: str) -> Host:
        """Return the host of that name."""
        return self._host_of[name]

    def host_after(self, host: Host) -> Host:
        """Return the next host in the order of the group."""
        return self.hosts[(host.index + 1) % len(self.hosts)]

    def settled_in(self, view_number: int) -> list[Host]:
        """Return the hosts of the replicas in normal status in a view."""
        return [
            host
            for host in self.hosts
            if host.replica is not None
            and host.status is Status.NORMAL
            and host.view_number == view_number
        ]

    def primary(self) -> Host:
        """Return the primary of the newest view in which one serves; the first if none does."""
        serving = [
            host
            for host in self.hosts
            if host.replica is not None
            and host.replica.is_primary
            and host.replica.status is Status.NORMAL
        ]
        first = next(host for host in self.hosts if not host.is_gone)
        return max(serving, key=lambda host: host.view_number, default=first)

    def crash(
        self,
        host: Host,
        point: CrashPoint = Instant.BETWEEN_TURNS,
        damage: Damage | None = None,
    ) -> None:
        """Kill a replica at that point, unless it is dead. Its disk suffers ``damage`` then."""
        if host.replica is None:
            return
        if damage is not None:
            host.damage = damage
        if point is Instant.BETWEEN_TURNS:
            self._crash(host, Situation.CRASH_BETWEEN_TURNS)
        else:
            host.crash_point = point

    def stop(self, host: Host) -> None:
        """Stop a replica in good order: it ends its turn, and gives up what waits there."""
        if host.replica is None or host.pauses:
            return
        host.is_stopping = True
        if not host.is_saving:
            self._stop(host)

    def _stop(self, host: Host) -> None:
        assert host.replica is not None
        host.is_stopping = False
        incarnation = host.replica
        host.replica.give_up()
        self._carry_out(host, host.replica.end_turn())
        if host.replica is incarnation:
            self._refuse(host, host.held_reads.release())
            host.disk.close()
            self._crash(host, Situation.STOP)

    def set_trap(self, trap: Trap, stage: Stage) -> None:
        """Let the trap spring on the next replica that it catches in its turn."""
        self._traps.append((trap, stage))

    def remove_trap(self, trap: Trap) -> None:
        """Take a trap away, unless it has sprung."""
        self._traps = [each for each in self._traps if each[0] is not trap]

    def remove_traps(self) -> None:
        """Spare the replicas that would have been caught."""
        self._traps.clear()

    def _spring_traps(self, host: Host) -> None:
        assert host.replica is not None
        for each in self._traps:
            trap, stage = each
            if trap.catches(host):
                self._traps.remove(each)
                trap.spring(stage, host)
                return

    def _crash(self, host: Host, when: Situation) -> None:
        assert host.replica is not None
        self._transcript.add(when, host.name)
        self.situations[when] += 1
        if host.replica.status is Status.VIEW_CHANGE:
            self.situations[Situation.CRASH_IN_VIEW_CHANGE] += 1
        elif host.replica.status is Status.RECOVERING:
            self.situations[Situation.CRASH_WHILE_RECOVERING] += 1
        elif host.replica.is_primary:
            self.situations[Situation.CRASH_OF_PRIMARY] += 1
        if host.replica.is_receiving_checkpoint:
            self.situations[Situation.CRASH_IN_TRANSFER] += 1
        if host.damage is not None:
            self._suffer(host, host.damage)
        host.forget()

    def _suffer(self, host: Host, damage: Damage) -> None:
        """Damage a disk, if the group is to live through it."""
        if damage.spares_flushed and self._plan.disks.are_flushed:
            return
        if not self._plan.disks.more_losses and not self.may_lose(host):
            self.situations[Situation.LOSS_SPARED] += 1
            return
        self._transcript.add(f"disk loses {damage.loss} at", host.name)
        self.situations[damage.loss] += 1
        host.disk.suffer(damage)

    def restart(self, host: Host) -> None:
        """Start a replica from its disk if it is dead; call off a crash that waits for a turn."""
        host.crash_point = None
        host.damage = None
        host.disk_is_full = False
        host.is_stopping = False
        if host.replica is not None or host.is_gone:
            return
        host.incarnation += 1
        replica = self._start(host)
        self.invariants.on_restart(host)
        self._transcript.add("restart", host.name)
        self.network.replay(host.name)
        self.situations[Situation.RESTART] += 1
        if replica.status is Status.RECOVERING:
            self.situations[Situation.RESTART_RECOVERING] += 1
        if replica.is_primary and replica.status is Status.NORMAL:
            self.situations[Situation.RESTART_OF_PRIMARY] += 1
        self.add_state(host)

    def pause(self, host: Host) -> None:
        """Stop a replica for a while; what is sent to it waits."""
        host.pauses += 1
        self._transcript.add("pause", host.name)
        self.situations[Situation.PAUSE] += 1

    def resume(self, host: Host) -> None:
        """End one pause."""
        host.pauses -= 1
        if not host.pauses:
            self._transcript.add("resume", host.name)
            host.turn_is_due = False
            if host.replica is not None:
                self._schedule_turn(host)

    def jump_clock(self, host: Host, jump: Microseconds) -> None:
        """Set a replica's clock forward."""
        host.clock_offset += jump
        self._transcript.add(ClockJump.name, host.name, jump)
        self.situations[Situation.CLOCK_JUMP] += 1
        if host.replica is not None:
            self._schedule_wake(host)

    def cut(self, source: str, destination: str) -> None:
        """Cut one direction between two replicas."""
        self.network.link(source, destination).cuts += 1

    def mend(self, source: str, destination: str) -> None:
        """Undo one cut of a direction."""
        self.network.link(source, destination).cuts -= 1

    def cut_links(self, links: Sequence[Direction]) -> None:
        """Cut some directions at once."""
        self.situations[Situation.LINKS_CUT] += 1
        names = self._names_of(links)
        self._transcript.add("cut", *(f"{a}->{b}" for a, b in names))
        for source, destination in names:
            self.cut(source, destination)

    def mend_links(self, links: Sequence[Direction]) -> None:
        """Undo ``cut_links``."""
        names = self._names_of(links)
        self._transcript.add("mend", *(f"{a}->{b}" for a, b in names))
        for source, destination in names:
            self.mend(source, destination)

    def slow_down(self, links: Sequence[Direction], delay: Microseconds) -> None:
        """Let messages on some directions take longer; a negative ``delay`` undoes it."""
        for source, destination in self._names_of(links):
            self.network.link(source, destination).slowness += delay

    def _names_of(self, links: Sequence[Direction]) -> list[tuple[str, str]]:
        return [(self.hosts[a].name, self.hosts[b].name) for a, b in links]
