"""A replica: its state, and the part of the protocol that gets each input.

The contract with the driver, which owns the process, the clock, the disk and the network, is in
``docs/ARCHITECTURE.md``, "The driver's duties". Its heart: nothing but the ``asks`` of a turn may
leave before **all of the turn's ``records`` are durable**.

Nothing here does I/O, looks at a clock or draws from a global random generator: the same calls
give the same results. The paper is Liskov & Cowling, "Viewstamped Replication Revisited",
MIT-CSAIL-TR-2012-021 (VRR); each module names its section.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from . import (
    change,
    checkpoint,
    following,
    forwarding,
    leading,
    quorum_read,
    reconfiguration,
    recovery,
    standby,
    state_transfer,
    view_change,
    voting,
    waiting,
)
from .admission import Hearing, ImpossibleMessageError, refuse_impossible
from .client_table import ClientTable, Recorded
from .execution import NOBODY, commit_up_to
from .limits import Limits
from .log import Log
from .membership import VIEWS_PER_EPOCH, Membership, epoch_of
from .messages import (
    Checkpoint,
    DurableState,
    Entries,
    Entry,
    Message,
    Operation,
    Output,
    Parts,
    Read,
    Reason,
    Reconfiguration,
    Record,
    Recovered,
    Refusal,
    ReplaceLog,
    Reply,
    Request,
    Result,
    SaveCheckpoint,
    Send,
    SetCommit,
    SetView,
    StartViewChange,
)
from .sessions import SessionTable
from .size import size_of_entry
from .status import TRANSITIONS, Status
from .timers import RESEND_SLACK, TIME_OUT_INITIAL, RoundTrip, Timer, Timers

JITTER_PERCENT = 25
"""Time-outs are longer by up to that much, drawn anew in each view, so that few collide."""


class StateMachine(Protocol):
    """What is replicated. It must be deterministic."""

    def apply(self, operation: Operation) -> Result:
        """Execute one operation."""

    def read(self, operation: Operation) -> Result:
        """Answer an operation that changes nothing, as ``apply`` would."""

    def snapshot(self) -> Parts:
        """Return the state, as values that never change: the same after the same operations."""

    def restore(self, parts: Parts) -> None:
        """Make the state what ``snapshot`` returned."""


class Replica:
    """One replica of the group.

    ``processes`` are all that may be spoken to, this one too, and None stands for the members;
    ``membership`` are those that founded the group. A process that is no member is a standby.
    ``durable`` is what an earlier incarnation of the same replica left, or the default. No two
    incarnations may be handed the same ``random``: a recovery draws its nonce from it.
    Raises ImpossibleMessageError from ``on_message`` for a message that no correct replica sends.
    """

    def __init__(
        self,
        *,
        name: str,
        processes: tuple[str, ...] | None = None,
        membership: Membership,
        machine: StateMachine,
        now: int,
        random: Random,
        durable: DurableState | None = None,
        limits: Limits | None = None,
    ) -> None:
        processes = membership.members if processes is None else processes
        if name not in processes:
            raise ValueError(f"{name} is no process of the group")
        if not set(membership.members) <= set(processes):
            raise ValueError("each member must be a process")
        durable = durable or DurableState()
        self.name = name
        self.processes: tuple[str, ...] = ()
        self.other_processes: tuple[str, ...] = ()
        self.meet(processes)
        self.membership = membership
        self.peers = membership.others(name)
        self.is_member = name in membership.members
        # The entry that ends the present epoch is executed, and these are the members of the next.
        self.next_membership: Membership | None = None
        self.newest: reconfiguration.Newest | None = None
        self.machine = machine
        self.limits = limits or Limits()
        clients_max = self.limits.clients_max
        self.client_table: ClientTable = (
            SessionTable(clients_max, machine.read)
            if self.limits.registered
            else ClientTable(clients_max)
        )
        self._random = random
        self.reads = quorum_read.Reads(random.getrandbits(quorum_read.NONCE_BITS))

        # VRR figure 2: the state of a replica.
        self.view_number = durable.view_number
        self._note_primary()
        self.last_normal_view = durable.last_normal_view
        self.status = Status.RECOVERING if durable.is_recovering else Status.VIEW_CHANGE
        self.log = Log(durable.entries, durable.first_op_number)
        # Up to where it is executed, and where the epoch began: the entry that ended the last one.
        self.commit_number = self.epoch_op_number = 0
        self.checkpoint = durable.checkpoint
        # The view began with this much: its primary logged the entries above.
        self.inherited_op_number = self.log.op_number

        self.now = now
        self.timers = Timers()
        self.round_trip = RoundTrip()
        self.time_out = TIME_OUT_INITIAL
        self._jitter_percent = 0

        # What each phase and role knows; None in any other (``begin_phase``).
        self.leading: leading.Leading | None = None
        self.following: following.Following | None = None
        self.changing: view_change.Changing | None = None
        self.recovering: recovery.Recovering | None = None
        self.standing: standby.Standing | None = None
        self.change: change.Change | None = None
        # What is there in all of them.
        self.voting = voting.Voting()
        self.waiting = waiting.Waiting()
        self.incoming: state_transfer.Incoming | None = None
        self.fetching = state_transfer.Fetching()
        self.beginning = reconfiguration.Beginning(0)
        self.handed_in: standby.HandedIn | None = None
        self.executed = checkpoint.Executed()

        self._begin_output(durable.commit_number)
        self._begin(durable)

    def _begin_output(self, commit_number_recorded: int) -> None:
        self.asks: list[Send] = []
        self.sends: list[Send] = []
        self.replies: list[Reply | Refusal] = []
        self._log_changed_from: int | None = None
        self._view_changed = self._checkpoint_changed = self._has_recovered = False
        self._commit_number_recorded = commit_number_recorded

    def _begin(self, durable: DurableState) -> None:
        """Take up the view of the last incarnation; a new group begins in view 0."""
        if durable.checkpoint.op_number:
            checkpoint.restore(self, durable.checkpoint)
            if durable.checkpoint.members:
                _, _, _, epoch, members = durable.checkpoint
                self.set_membership(Membership(epoch, members))
        commit_up_to(self, durable.commit_number)
        while self.next_membership is not None:
            self.set_membership(self.next_membership)
            commit_up_to(self, durable.commit_number)
        reconfiguration.begin_again(self)
        if self.status is Status.RECOVERING and (
            self.is_member or not recovery.knows_its_group(self)
        ):
            recovery.begin(self, nonce=f"{self._random.getrandbits(128):032x}")
            return
        if not self.is_member:
            # Outside of the group it has promised nothing, whatever it lost.
            self._has_recovered = self.status is Status.RECOVERING
            standby.begin(self)
            return
        if self.last_normal_view < self.view_number:
            view_change.restart_view_change(self)
            return
        self.begin_view()
        view_change.begin_role(self)

    # Input

    def on_time(self, now: int) -> None:
        """Begin a turn at ``now``, in microseconds of the driver's clock."""
        assert now >= self.now, "the driver's clock does not go back"
        self.now = now
        checkpoint.take_if_due(self)

    def on_standstill(self, duration: int) -> None:
        """Note that the last turn took so long, in microseconds, that what was said waits unheard.

        All replicas save a checkpoint at about the same time: nobody is silent because of that.
        """
        self.timers.put_off(Timer.SUSPECT, duration)

    def meet(self, processes: Sequence[str]) -> None:
        """Take processes that may be spoken to from now on, beside those that are known."""
        self.processes = (*dict.fromkeys((*self.processes, *processes)),)
        self.other_processes = tuple(each for each in self.processes if each != self.name)

    def on_request(
        self, client: str, request_number: int, operation: Operation, size: int | None = None
    ) -> None:
        """Take a request from a client. The answer comes from here or, later, from elsewhere.

        ``size`` is at least that of its entry; None if it is not known yet.
        """
        if self.handed_in is not None:
            standby.answer_here(self, client, request_number)
        waiting.take_request(
            self,
            client,
            request_number,
            operation,
            size or size_of_entry((client, request_number, operation)),
        )

    def on_read(
        self, client: str, request_number: int, operation: Operation, size: int | None = None
    ) -> None:
        """Take an operation from a client that changes nothing and need not go through the log.

        ``size`` is as for ``on_request``.
        """
        entry = (client, request_number, operation)
        take_read = quorum_read.take_read if self.standing is None else standby.take_read
        take_read(self, entry, size or size_of_entry(entry))

    def on_reconfigure(
        self, client: str, request_number: int, members: tuple[str, ...], epoch: int | None
    ) -> None:
        """Take a client's request that the group's members be these.

        ``epoch`` is the one that the client takes for the present one; None if it does not matter.
        The answer is that of an ordinary request: a Refusal, or a Reply whose result is a
        Reconfiguration with the epoch and the members that the group has now, or a Declined.
        """
        operation = Reconfiguration(0 if epoch is None else epoch + 1, members)
        self.on_request(client, request_number, operation)

    def reconfigure_self(self, members: tuple[str, ...]) -> None:
        """Change the members without a client, if this is a primary that can."""
        if self.accepts_requests:
            epoch = self.membership.epoch + 1
            change.consider(self, (NOBODY, epoch, Reconfiguration(epoch, members)))

    def on_message(self, source: str, message: Message) -> None:
        """Take a message from another replica. Views are compared here and nowhere else.

        Raise ImpossibleMessageError, before anything has changed, for what cannot be.
        """
        hearing = HEARINGS[type(message)]
        if self.status is Status.RECOVERING and Status.RECOVERING not in hearing.statuses:
            return
        is_present = message.view_number == self.view_number and self.status is Status.NORMAL
        if is_present and source in self.peers:
            # Nearly all messages are such ones, of which nothing else can be impossible.
            why = hearing.impossible and hearing.impossible(self, source, message)
            if why is not None:
                raise ImpossibleMessageError(source, message, why)
        else:
            refuse_impossible(self, source, message, hearing)
        if is_present:
            if Status.NORMAL in hearing.statuses:
                hearing.handler(self, source, message)
        elif epoch_of(message.view_number) == self.membership.epoch:
            self._on_message_of_epoch(source, message, hearing)
        else:
            reconfiguration.on_message_of_other_epoch(self, source, message)
        if self.next_membership is not None:
            reconfiguration.enter_epoch(self)

    def _on_message_of_epoch(self, source: str, message: Message, hearing: Hearing) -> None:
        reconfiguration.note_started(self, source)
        if self.status in _IN_VIEWS:
            view_number = (
                message.current_view_number
                if isinstance(message, StartViewChange)
                else message.view_number
            )
            if view_number > self.view_number:
                view_change.enter_view(self, view_number)
            elif view_number < self.view_number and not hearing.is_served_in_any_view:
                if hearing.of_older_view is not None:
                    hearing.of_older_view(self, source, message)
                return
        if self.status in hearing.statuses:
            hearing.handler(self, source, message)

    def give_up(self) -> None:
        """Leave the view, and give each request that waits the answer that is still true.

        The process ends after this turn.
        """
        voting.say_farewell(self)
        waiting.give_up(self)
        quorum_read.give_up(self)

    def end_turn(self) -> Output:
        """Fire the timers that are due and return what the driver has to do."""
        if self.timers.next_deadline <= self.now:
            self.timers.fire_due(self.now, self._fire)
        while True:
            if self.status is Status.VIEW_CHANGE:
                view_change.go_on(self)
            elif self.status is Status.RECOVERING:
                recovery.go_on(self)
            forwarding.submit_held(self)
            if self.following is not None:
                following.acknowledge(self)
            elif self.is_serving_primary:
                leading.prepare_new_entries(self, is_read=quorum_read.is_asked(self))
            quorum_read.go_on(self)
            if self.next_membership is None:
                break
            reconfiguration.enter_epoch(self)
        if self.handed_in is not None:
            standby.answer_handed_in(self)
        self._assert_invariants()
        output = Output(self.asks, self._take_records(), self.replies, self.sends)
        self.asks = []
        self.replies = []
        self.sends = []
        return output

    def _fire(self, timer: int) -> None:
        _TIMER_HANDLERS[timer](self)

    def _assert_invariants(self) -> None:
        assert self.commit_number <= self.log.op_number, "what is committed is in the log"
        assert self.log.first_op_number <= self.checkpoint.op_number + 1, "nothing is left out"
        assert self.checkpoint.op_number <= self.commit_number, "checkpoints are executed"
        assert self.last_normal_view <= self.view_number, "no log is of a view to come"
        if self.status is Status.NORMAL:
            assert self.last_normal_view == self.view_number, "normal means: whole in this view"
        elif self.status is Status.VIEW_CHANGE:
            assert self.last_normal_view < self.view_number, "it becomes whole with the new view"
        if self.status is not Status.RECOVERING:
            assert self.view_number // VIEWS_PER_EPOCH == self.membership.epoch, "of one epoch"
            assert self.is_member == (self.status is not Status.STANDBY), "members take part"

    def _take_records(self) -> list[Record]:
        records: list[Record] = []
        if self._checkpoint_changed:
            records.append(SaveCheckpoint(self.checkpoint, self.log.first_op_number))
            self._checkpoint_changed = False
        if self._log_changed_from is not None:
            first_op_number = max(self._log_changed_from, self.log.first_op_number)
            records.append(ReplaceLog(first_op_number, self.log.suffix(first_op_number)))
            self._log_changed_from = None
        if self._view_changed:
            records.append(SetView(self.view_number, self.last_normal_view))
            self._view_changed = False
        if self._commit_number_recorded < self.commit_number:
            self._commit_number_recorded = self.commit_number
            records.append(SetCommit(self.commit_number))
        if self._has_recovered:
            records.append(Recovered())
            self._has_recovered = False
        return records

    # What others look at

    @property
    def next_timer(self) -> int:
        """The latest time for the next turn, in microseconds of the driver's clock."""
        return self.timers.next_deadline

    @property
    def started(self) -> frozenset[str]:
        """The members of the present epoch that are known to have begun it."""
        return reconfiguration.started(self)

    @property
    def op_number(self) -> int:
        """The number of the last entry in the log."""
        return self.log.op_number

    @property
    def durable_op_number(self) -> int | None:
        """How far this view's log was durable before this turn; None if that is not certain."""
        if self._view_changed or self._checkpoint_changed or self._has_recovered:
            return None
        if self._log_changed_from is not None:
            return self._log_changed_from - 1
        return self.log.op_number

    @property
    def is_serving_primary(self) -> bool:
        """Whether this replica is the primary and a quorum is responding."""
        return self.leading is not None and not self.timers.is_running(Timer.VOTE)

    @property
    def accepts_requests(self) -> bool:
        """Whether this replica is a serving primary whose log goes on: the epoch is not over."""
        return (
            self.leading is not None
            and self.next_membership is None
            and not self.timers.is_running(Timer.VOTE)
            and not leading.is_closed(self)
        )

    @property
    def is_following(self) -> bool:
        """Whether this replica is a backup that hears its primary."""
        return self.following is not None and not self.timers.is_running(Timer.VOTE)

    @property
    def is_released(self) -> bool:
        """Whether this is a standby that left the group and whose state nobody needs."""
        return reconfiguration.is_released(self)

    @property
    def is_receiving_checkpoint(self) -> bool:
        """Whether a checkpoint of another replica has come in part."""
        return self.incoming is not None

    def heard_at(self, name: str) -> int:
        """Return when this primary sent what ``name`` last answered (microseconds)."""
        return self.round_trip.echoed[name]

    def voted_at(self, name: str) -> int | None:
        """Return when ``name`` last voted for the next view (microseconds); None if never."""
        return voting.voted_at(self, name)

    @property
    def patience(self) -> int:
        """The time-out with this view's jitter, in microseconds."""
        return self.time_out + self.time_out * self._jitter_percent // 100

    @property
    def answer_patience(self) -> int:
        """How long an answer may take before it is overdue, in microseconds."""
        if self.round_trip.is_measured:
            return self.round_trip.bound + RESEND_SLACK
        return self.time_out // 4

    # What the phases of the protocol change

    def send(self, destinations: tuple[str, ...], message: Message) -> None:
        """Send when the turn has ended and its records are durable."""
        if destinations:
            self.sends.append(Send(destinations, message))

    def ask(self, destinations: tuple[str, ...], message: Request | Read) -> None:
        """Send what need not wait for the turn's records, as it promises nothing."""
        if destinations:
            self.asks.append(Send(destinations, message))

    def answer(self, client: str, request_number: int, known: Recorded | Reason) -> None:
        """Answer a client with what the client table knows of its request."""
        # Asking whether it is a Reason takes eight times as long, as that is an Enum.
        if isinstance(known, tuple):
            self.replies.append(Reply(client, request_number, known[1]))
        else:
            self.refuse(client, request_number, known)

    def refuse(self, client: str, request_number: int, reason: Reason) -> None:
        """Give a client's request up."""
        self.replies.append(Refusal(client, request_number, reason))

    def append(self, entries: Sequence[Entry]) -> None:
        """Put entries at the log's end."""
        if self._log_changed_from is None and entries:
            self._log_changed_from = self.log.op_number + 1
        self.log.append(entries)

    def replace_log(self, first_op_number: int, entries: Entries) -> None:
        """Make the log from ``first_op_number`` on be ``entries``; never what is committed."""
        assert first_op_number > self.commit_number, "committed entries never change (VRR 4.1)"
        self.log.replace(first_op_number, entries)
        if self._log_changed_from is None or first_op_number < self._log_changed_from:
            self._log_changed_from = first_op_number

    def set_checkpoint(self, checkpoint: Checkpoint, first_op_number: int) -> None:
        """Keep a checkpoint in place of the last one and of the log below ``first_op_number``."""
        assert checkpoint.op_number > self.checkpoint.op_number, "checkpoints only go forward"
        self.checkpoint = checkpoint
        self.log.truncate(first_op_number)
        self._checkpoint_changed = True

    def set_recovered(self) -> None:
        """Trust the log again; durable in one step with that log."""
        self._has_recovered = True

    def begin_phase(
        self,
        status: Status,
        phase: leading.Leading | following.Following | view_change.Changing | standby.Standing,
    ) -> None:
        """Change the status along the legal ways. All that the last phase knew is gone."""
        assert (self.status, status) in TRANSITIONS, f"{self.status} never becomes {status}"
        self.status = status
        self.leading = phase if isinstance(phase, leading.Leading) else None
        self.following = phase if isinstance(phase, following.Following) else None
        self.changing = phase if isinstance(phase, view_change.Changing) else None
        self.standing = phase if isinstance(phase, standby.Standing) else None
        self.recovering = None
        self.change = None

    def set_membership(self, membership: Membership) -> None:
        """Make these the members; the entry that says so is the last that was executed."""
        self.membership = membership
        self.peers = membership.others(self.name)
        self.is_member = self.name in membership.members
        self._note_primary()
        self.epoch_op_number = self.commit_number
        self.next_membership = None

    def cut_uncommitted(self) -> None:
        """Drop the log above commit_number."""
        if self.log.op_number > self.commit_number:
            self.replace_log(self.commit_number + 1, ())

    def set_view(self, view_number: int) -> None:
        """Enter a view; durable before anything is sent in it."""
        self.view_number = view_number
        self._note_primary()
        self._view_changed = True

    def _note_primary(self) -> None:
        self.primary = self.membership.primary_of(self.view_number)
        self.is_primary = self.primary == self.name

    def set_last_normal_view(self, view_number: int) -> None:
        """Note that the log is whole in ``view_number``; durable in one step with that log."""
        self.last_normal_view = view_number
        self._view_changed = True

    def begin_view(self) -> None:
        """Begin a view without what was learned in the last one and means nothing in another."""
        self._jitter_percent = self._random.randrange(JITTER_PERCENT + 1)
        self.voting = voting.Voting()
        quorum_read.begin_anew(self)
        self.timers.stop_all_but(Timer.HELD, Timer.READ, Timer.EPOCH)

    def go_on_with_committed(self) -> None:
        """Go on to normal status: state transfer has brought all that is committed."""
        if self.status is Status.RECOVERING:
            recovery.go_on_with_committed(self)
        elif self.status is Status.VIEW_CHANGE:
            view_change.go_on_with_committed(self)

    def enter_epoch(self) -> None:
        """Enter the next epoch: state transfer has brought what ends the present one."""
        reconfiguration.enter_epoch(self)

    def leave_view(self) -> None:
        """Enter the next view: state transfer has brought what contradicts the present one."""
        view_change.leave_view(self)


HEARINGS: dict[type[Message], Hearing] = {
    **forwarding.HEARS,
    **leading.HEARS,
    **following.HEARS,
    **voting.HEARS,
    **view_change.HEARS,
    **state_transfer.HEARS,
    **recovery.HEARS,
    **quorum_read.HEARS,
    **reconfiguration.HEARS,
    **standby.HEARS,
}
"""How each type of message is taken."""

_IN_VIEWS = (Status.NORMAL, Status.VIEW_CHANGE)
"""The statuses in which news of a view counts."""

_TIMER_HANDLERS: dict[int, Callable[[Replica], None]] = {
    Timer.SUSPECT: voting.suspect,
    Timer.VOTE: voting.vote,
    Timer.HEARTBEAT: leading.on_heartbeat,
    Timer.RESEND: leading.on_resend,
    Timer.VIEW_CHANGE: view_change.repeat_view_change,
    Timer.RECOVERY: recovery.ask,
    Timer.GAP: state_transfer.on_gap,
    Timer.HELD: waiting.refuse_held,
    Timer.FORWARD: forwarding.submit_overdue,
    Timer.READ: quorum_read.look_after,
    Timer.PREPARE: leading.prepare_held,
    Timer.REPEAT: forwarding.repeat_early,
    Timer.EPOCH: reconfiguration.say_epoch_started,
    Timer.CHANGE: change.go_on,
}
