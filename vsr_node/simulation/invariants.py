"""What must be true at every moment of every run.

``Invariants`` sees what each replica does, as it happens, and raises ``Violation`` at the first
lie. It keeps books of its own and shares no code with the core. The rules, by the names under which
they are reported:

agreement            an op_number is the same entry wherever it is committed, and all state machines
                     apply the same operations in the same order with the same results
commit-quorum        what any replica holds committed is on the disks of a quorum, in its view or a
                     newer one
leader-completeness  a primary begins its view with everything that was committed in older views
whole-in-view        so does any other replica that is in normal status in the view
one-primary          a view has one primary
exactly-once         no request is applied twice, wherever and however often it was sent
view-goes-back, commit-goes-back   numbers only grow; those of the view across crashes too
promise-kept         what was acknowledged stays on the disk as long as it may be committed
durable-before-sent  what a message claims is on its sender's disk when it leaves
right-answer         what is executed, and what is read, has the result that the operations before
                     it lead to
fresh-read           a read is answered from a state that holds all that any client had learned of
                     when it was asked
honest-reply         a reply carries the result of a committed request's one execution
own-session          a session is named by the op_number of its own registration, and by no other
honest-refusal       what was refused for certain is never executed, and neither stands in the log
                     of the replica that refuses it nor was executed there
prompt-answer        a checkpoint of another replica answers what waited for what it covers
kept-tail            a checkpoint leaves the interval of entries before it in the log
owed-answer          a request that waits at a replica is executed or answered in the end
spin                 a replica that hears nothing does not take turn upon turn
bounded-messages     a message carries no more than the bounds in size allow, or a single item
vote-for-a-reason    a backup votes when a time-out is over, or its primary has left the view
true-origin          what comes by way of others is from whom it names
one-route            a relay visits no process twice, and goes n - 1 hops at most
quiet                once all is well again, links fall silent
calm                 where nothing fails, nothing is sent again and no view changes

Those of members that change are in ``epochs``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vsr_node.core.messages import (
    Answers,
    Checkpoint,
    Declined,
    DoViewChange,
    Entry,
    Farewell,
    Prepare,
    PrepareOk,
    Read,
    Reason,
    Reconfiguration,
    Record,
    RecoveryResponse,
    Refusal,
    ReplaceLog,
    Reply,
    Request,
    SaveCheckpoint,
    StartView,
    StartViewChange,
)
from vsr_node.core.status import Status
from vsr_node.links.frames import Relay
from vsr_node.machines.answers import Operation
from vsr_node.machines.maelstrom_machine import READS
from vsr_node.maelstrom.requests.held_reads import READ_ALL
from vsr_node.simulation.epochs import (
    OF_MEMBERS,
    Epochs,
    epoch_of,
    first_view_of,
    format_view,
)
from vsr_node.simulation.model import Model, answer_of
from vsr_node.simulation.requests import ADMIN, ClientRequest, RequestId
from vsr_node.simulation.situations import Situation, Situations
from vsr_node.simulation.statements import STATEMENTS, Statement

if TYPE_CHECKING:
    from vsr_node.core.replica import Replica
    from vsr_node.simulation.cluster import Host


RESTORED = "restored"
"""In place of an applied operation: from here on, so many operations count as applied."""


class Violation(Exception):  # noqa: N818  (the field's word)
    """An invariant does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text


class Invariants:
    """The books of one run, over all replicas and their incarnations.

    ``model`` says which answers are right; None if that is judged elsewhere.
    """

    def __init__(
        self,
        hosts: "list[Host]",
        founders: tuple[str, ...],
        situations: Situations,
        *,
        calm: bool,
        members_change: bool,
        model: Model | None,
    ) -> None:
        self._hosts = hosts
        self.epochs = Epochs(founders)
        self._members_change = members_change
        self.changes: dict[RequestId, Reconfiguration | Declined] = {}
        """What became of each request for other members."""
        self._newest_views: dict[int, int] = {}
        self._situations = situations
        self._calm = calm
        self._committed: list[Entry] = []
        self._committed_in_view: list[int] = []
        self._requests_committed: set[RequestId] = set()
        self._applied: list[tuple[object, object]] = []
        self._applied_by_commit: dict[int, int] = {}
        self._executions: dict[RequestId, int] = {}
        self._refused: set[RequestId] = set()
        self._answered: set[RequestId] = set()
        self._handed_back: set[Reply] = set()
        # How many operations the state of an answer had applied at least; the most that any client
        # has learned of, and had when it asked.
        self._answered_at: dict[RequestId, int] = {}
        self._told_of = 0
        self._asked_after: dict[RequestId, tuple[int, Operation]] = {}
        self._model = model
        self._primaries: dict[int, str] = {}
        self._sessions: dict[str, str] = {}
        self._left_views: set[int] = set()
        self._prepared: set[tuple[str, str, int]] = set()
        self._checkpoints: dict[int, Checkpoint] = {}
        # The way so far of each relayed message to each process, by the identity of the message,
        # which is kept so that no other gets it.
        self._ways: dict[tuple[int, str], tuple[object, tuple[str, ...]]] = {}

    @property
    def committed_count(self) -> int:
        """How many op_numbers are committed at any replica."""
        return len(self._committed)

    @property
    def primary_count(self) -> int:
        """How many views had a primary."""
        return len(self._primaries)

    @property
    def view_count(self) -> int:
        """How many views there were, in all epochs."""
        newest = self._newest_views
        return 1 + sum(view_number - first_view_of(epoch) for epoch, view_number in newest.items())

    @property
    def applied(self) -> Sequence[tuple[object, object]]:
        """All operations that were executed, in the order of the log, with their results."""
        return self._applied

    # What the state machines did.

    def _on_apply(self, name: str, index: int, operation: Any, result: object) -> None:
        """Hold operation ``index`` of a machine's life (0 is the first) against the others'."""
        request = operation[0]
        if index == len(self._applied):
            earlier = self._executions.setdefault(request, index)
            if earlier != index:
                raise Violation(
                    "exactly-once", f"{name} applies {request} a second time, as operation {index}"
                )
            if request in self._refused:
                raise Violation("honest-refusal", f"{name} applies {request}, which was refused")
            self._applied.append((operation, result))
            self._check_answer(name, operation, result)
            return
        known_operation, known_result = self._applied[index]
        if known_operation is not operation and known_operation != operation:
            raise Violation(
                "agreement",
                f"operation {index} is {operation} at {name} and {known_operation} elsewhere",
            )
        if known_result != result:
            raise Violation(
                "agreement",
                f"operation {index} {operation} gives {result} at {name}, {known_result} elsewhere",
            )

    def _check_answer(self, name: str, operation: Any, result: object) -> None:
        if self._model is None:
            return
        answer = self._model.apply(operation[1])
        if answer_of(result) != answer:
            raise Violation(
                "right-answer", f"{name} executes {operation} with {result}, not {answer}"
            )

    def _on_applied(self, host: "Host") -> None:
        """Take in what was applied in a turn, now that the turn's records are durable."""
        for operation, result in host.applied:
            if operation is RESTORED:
                assert isinstance(result, int)
                self._on_restored(host, result)
                host.applied_count = result
                continue
            self._on_apply(host.name, host.applied_count, operation, result)
            host.applied_count += 1
        host.applied.clear()

    def _on_restored(self, host: "Host", applied_count: int) -> None:
        """Note what a restored state decides of all that waits at a replica."""
        before = host.applied_count
        host.decided = [
            request
            for request in host.asked
            if before <= self._executions.get(request, -1) < applied_count
        ]

    # What the replicas became.

    def on_turn(self, host: "Host") -> bool:
        """Look at a replica after its records were saved; return whether view or status changed."""
        replica = host.replica
        assert replica is not None
        if host.applied:
            self._on_applied(host)
        # What a turn commits it may commit in the view in which it began.
        view_number = host.view_number
        changed = replica.view_number != view_number or replica.status is not host.status
        if changed:
            self._on_view(host)
        commit_number = replica.commit_number
        if commit_number != host.commit_number:
            self._on_commit(host, commit_number, view_number)
            changed = changed or host.has_just_entered_epoch
        if len(self.epochs) > 1 or epoch_of(replica.view_number):
            self._check_epoch(host, replica)
        return changed

    def _check_epoch(self, host: "Host", replica: "Replica") -> None:
        """Hold a replica's epoch and members against what its executed log leads to."""
        epochs = self.epochs
        if host.disk.commit_number:
            epochs.note_durable(host.name, host.disk.commit_number)
        if replica.status is Status.RECOVERING:
            return
        epoch = epochs.after(replica.commit_number)
        if epoch_of(replica.view_number) != epoch.number:
            raise Violation(
                "own-epoch",
                f"{host.name} is in view {format_view(replica.view_number)}, while it has executed"
                f" all up to op {replica.commit_number}, in epoch {epoch.number}",
            )
        if replica.membership.members != epoch.members:
            raise Violation(
                "own-epoch",
                f"{host.name} has the members {replica.membership.members} in epoch"
                f" {epoch.number}, not {epoch.members}",
            )
        is_member = host.name in epoch.members
        if is_member is (replica.status is Status.STANDBY):
            raise Violation(
                "members-only",
                f"{host.name} is in status {replica.status.value} in epoch {epoch.number} of"
                f" {epoch.members}",
            )
        self._check_released(host, replica)

    def _check_released(self, host: "Host", replica: "Replica") -> None:
        is_released = replica.status is Status.STANDBY and replica.is_released
        known = epoch_of(replica.view_number)
        if is_released and not host.is_released and self.epochs.was_member(host.name, known):
            self._situations[Situation.RELEASED] += 1
            if not self.epochs.may_go(host.name, known):
                raise Violation(
                    "kept-state",
                    f"{host.name} is released in epoch {known}, while no"
                    " quorum of a later epoch holds what it held",
                )
        host.is_released = is_released

    def _on_view(self, host: "Host") -> None:
        replica = host.replica
        assert replica is not None
        if replica.view_number < host.view_number:
            raise Violation(
                "view-goes-back", f"{host.name}: {host.view_number} to {replica.view_number}"
            )
        if self._calm and replica.view_number:
            raise Violation("calm", f"{host.name} is in view {replica.view_number}")
        if epoch_of(replica.view_number) > epoch_of(host.view_number):
            self._on_epoch(host, replica)
        host.view_number = replica.view_number
        host.status = replica.status
        epoch = epoch_of(replica.view_number)
        self._newest_views[epoch] = max(self._newest_views.get(epoch, 0), replica.view_number)
        if replica.status is Status.NORMAL:
            if replica.is_primary:
                self._on_primary(host, replica.view_number)
            self._check_whole(host, replica)

    def _on_epoch(self, host: "Host", replica: "Replica") -> None:
        """Count how a replica enters an epoch."""
        host.has_just_entered_epoch = True
        if host.status is Status.RECOVERING:
            self._situations[Situation.EPOCH_WHILE_RECOVERING] += 1
        if replica.checkpoint.op_number > host.commit_number:
            self._situations[Situation.EPOCH_BY_CHECKPOINT] += 1
        else:
            self._situations[Situation.EPOCH_BY_ENTRY] += 1
        if replica.status is Status.STANDBY and host.status is not Status.STANDBY:
            self._situations[Situation.LEFT] += 1

    def _on_primary(self, host: "Host", view_number: int) -> None:
        replica = host.replica
        assert replica is not None
        if view_number and view_number not in self._primaries:
            self._situations[Situation.VIEW_CHANGE] += 1
        if self._primaries.setdefault(view_number, host.name) != host.name:
            raise Violation(
                "one-primary", f"{host.name} and {self._primaries[view_number]} in {view_number}"
            )
        uncommitted = replica.log.suffix(replica.commit_number + 1)
        if uncommitted and isinstance(uncommitted[-1][2], Reconfiguration):
            self._situations[Situation.CHANGE_INHERITED] += 1

    def _check_whole(self, host: "Host", replica: "Replica") -> None:
        """Demand all that was committed in older views of a replica that begins to work in one."""
        begin = replica.log.first_op_number - 1
        for op_number, entry in enumerate(self._committed[begin:], begin + 1):
            is_older = self._committed_in_view[op_number - 1] < replica.view_number
            if is_older and (replica.op_number < op_number or replica.log[op_number] != entry):
                raise Violation(
                    "leader-completeness" if replica.is_primary else "whole-in-view",
                    f"{host.name} begins view {replica.view_number} without committed op"
                    f" {op_number}",
                )

    def _on_commit(self, host: "Host", commit_number: int, view_number: int) -> None:
        replica = host.replica
        assert replica is not None
        if commit_number < host.commit_number:
            raise Violation(
                "commit-goes-back", f"{host.name}: {host.commit_number} to {commit_number}"
            )
        committed = self._committed
        first_op_number = replica.log.first_op_number
        if first_op_number - 1 > len(committed):
            raise Violation(
                "agreement",
                f"the log of {host.name} begins at op {first_op_number}, while nobody has"
                f" committed more than {len(committed)}",
            )
        for op_number in range(max(host.commit_number + 1, first_op_number), commit_number + 1):
            entry = replica.log[op_number]
            if op_number > len(committed):
                self._check_quorum(host, op_number, entry, view_number)
                committed.append(entry)
                self._committed_in_view.append(self._view_of(op_number, view_number, replica))
                self._count_commit(replica, entry)
            else:
                known = committed[op_number - 1]
                if known is not entry and known != entry:
                    raise Violation(
                        "agreement", f"op {op_number} is {entry} at {host.name}, {known} elsewhere"
                    )
        host.commit_number = commit_number
        applied = self._applied_by_commit.setdefault(commit_number, host.applied_count)
        if applied != host.applied_count:
            raise Violation(
                "agreement",
                f"at commit {commit_number} {host.name} applied {host.applied_count} operations,"
                f" another replica {applied}",
            )

    def _view_of(self, op_number: int, view_number: int, replica: "Replica") -> int:
        """Return the newest view in which an entry can have been committed in this turn."""
        number = self.epochs.of_entry(op_number).number
        if epoch_of(replica.view_number) == number:
            return replica.view_number
        return max(view_number, first_view_of(number))

    def _count_commit(self, replica: "Replica", entry: Entry) -> None:
        if not replica.is_primary:
            self._situations[Situation.BACKUP_COMMITS_FIRST] += 1
        client, request_number, operation = entry
        request = (client, request_number)
        if isinstance(operation, Reconfiguration | Declined):
            self._on_change(request, operation)
        if request in self._requests_committed:
            self._situations[Situation.LOGGED_TWICE] += 1
        self._requests_committed.add(request)

    def _on_change(self, request: RequestId, change: Reconfiguration | Declined) -> None:
        """Begin the epoch of a committed change, and note what became of its request."""
        self.changes.setdefault(request, change)
        if isinstance(change, Declined):
            self._situations[Situation.CHANGE_DECLINED] += 1
            return
        present, members = self.epochs.newest, change.members
        if change.epoch == present.number and sorted(members) == sorted(present.members):
            self._situations[Situation.CHANGE_ABORTED] += 1
            return
        is_next = change.epoch == present.number + 1
        if not is_next or not members or len({*members}) < len(members):
            raise Violation("one-change", f"{change} stands at the end of {present}")
        self._situations[Situation.CHANGE_MADE] += 1
        self.epochs.begin(len(self._committed), members)

    def _check_quorum(self, host: "Host", op_number: int, entry: Entry, view_number: int) -> None:
        epoch = self.epochs.of_entry(op_number)
        view_number = max(view_number, first_view_of(epoch.number))
        holders = 0
        for other in self._hosts:
            disk = other.disk
            if disk.last_normal_view >= view_number and other.name in epoch.members:
                known = disk.held(op_number)
                holders += known is entry or known == entry
        if holders < epoch.quorum:
            raise Violation(
                "commit-quorum",
                f"{host.name} commits op {op_number} in view {format_view(view_number)},"
                f" which {holders} of {len(epoch.members)} hold",
            )

    def on_restart(self, host: "Host") -> None:
        """Look at a replica that starts from its disk."""
        replica = host.replica
        assert replica is not None
        disk = host.disk
        if (
            replica.view_number < disk.view_number
            or replica.last_normal_view < disk.last_normal_view
        ):
            raise Violation(
                "view-goes-back",
                f"{host.name} comes back in view {replica.view_number}"
                f" (last normal {replica.last_normal_view}), its disk knows {disk.view_number}"
                f" ({disk.last_normal_view})",
            )
        host.status = replica.status
        self._on_applied(host)
        if replica.commit_number:
            self._on_commit(host, replica.commit_number, host.view_number)

    def on_checkpoint(self, host: "Host", record: SaveCheckpoint, *, is_own: bool) -> None:
        """Hold a saved checkpoint against those taken elsewhere at that op_number."""
        checkpoint, first_op_number = record
        replica = host.replica
        assert replica is not None
        tail_begin = checkpoint.op_number - replica.limits.checkpoint_interval + 1
        if is_own and first_op_number != max(tail_begin, host.disk.first_op_number):
            raise Violation(
                "kept-tail",
                f"the log of {host.name} begins at op {first_op_number} after the checkpoint at op"
                f" {checkpoint.op_number}, with an interval of"
                f" {replica.limits.checkpoint_interval}",
            )
        known = self._checkpoints.setdefault(checkpoint.op_number, checkpoint)
        if known is not checkpoint and known != checkpoint:
            raise Violation(
                "agreement", f"{host.name} has another checkpoint at op {checkpoint.op_number}"
            )

    def before_save(self, host: "Host", records: list[Record]) -> None:
        """Release a replica from its acknowledgement if its log is superseded.

        It is if it contradicts what was committed: then a later view has begun without it.
        """
        disk = host.disk
        if not any(
            isinstance(record, ReplaceLog) and record.first_op_number <= disk.op_number
            for record in records
        ):
            return
        begin = disk.first_op_number - 1
        committed = self._committed[begin : disk.op_number]
        if committed != disk.entries[: len(committed)]:
            host.promise = (0, 0)

    def after_save(self, host: "Host") -> None:
        """Hold a disk against what was last acknowledged from it."""
        disk = host.disk
        view_number, op_number = host.promise
        is_of_that_view = disk.last_normal_view == view_number and disk.may_be_trusted
        if is_of_that_view and disk.op_number < op_number:
            raise Violation(
                "promise-kept",
                f"{host.name} acknowledged op {op_number} in view {view_number}, and its disk"
                f" holds that view's log up to {disk.op_number}",
            )

    # What the replicas said.

    def before_turn_counts(self, host: "Host", answers: Sequence[Reply | Refusal]) -> None:
        """Hold a turn's certain refusals against what the replica knew before the turn."""
        for answer in answers:
            if isinstance(answer, Refusal) and is_definite(answer):
                request = (answer.client, answer.request_number)
                # A standby hands reads in at the log, and any replica gives the same one up.
                if not self._members_change or request not in self._asked_after:
                    self._check_refusal(host, request)

    def _check_refusal(self, host: "Host", request: RequestId) -> None:
        if 0 <= self._executions.get(request, -1) < host.applied_count:
            raise Violation("honest-refusal", f"{host.name} refuses {request}, which it executed")
        # What came into the log in this turn is another copy. What a newer view took out of it in
        # this turn is no longer there, as the records are durable before the refusal leaves.
        assert host.replica is not None
        disk, log = host.disk, host.replica.log
        before = disk.entries[max(0, host.commit_number + 1 - disk.first_op_number) :]
        after = log.suffix(max(log.first_op_number, host.commit_number + 1))
        if _has(before, request) and _has(after, request):
            raise Violation("honest-refusal", f"{host.name} refuses {request}, which its log has")

    def on_answers(self, host: "Host", answers: Sequence[Reply | Refusal]) -> None:
        """Look at all answers of a turn, and demand those that a restored state has decided."""
        for answer in answers:
            host.asked.pop((answer.client, answer.request_number), None)
        for request in host.decided:
            if request in host.asked:
                raise Violation(
                    "prompt-answer",
                    f"{host.name} does not answer {request}, which its new checkpoint covers",
                )
        host.decided = []

    def on_send(self, host: "Host", destinations: tuple[str, ...], message: Any) -> None:
        """Hold a message that is about to leave against its sender's disk."""
        disk = host.disk
        statement = STATEMENTS[type(message)]
        if isinstance(message, OF_MEMBERS):
            self._check_member(host, message)
        elif isinstance(message, Answers):
            self._on_handed_back(host, message)
        if isinstance(message, PrepareOk | Request | Read):
            host.promise = max(host.promise, (message.view_number, message.op_number))
        elif isinstance(message, Farewell):
            self._left_views.add(message.view_number)
        elif isinstance(message, StartViewChange):
            self._check_vote(host, message)
        if not statement.claim(disk, message, self._committed):
            raise Violation(
                "durable-before-sent",
                f"{host.name} sends {message}, while its disk has view {disk.view_number}, last"
                f" normal view {disk.last_normal_view}, op {disk.op_number}",
            )
        _check_size(host, message)
        if self._calm:
            self._check_calm(host, destinations, message, statement)

    def _check_member(self, host: "Host", message: Any) -> None:
        """Demand that a member of the message's epoch sends it, which has begun it durably."""
        view_number = getattr(message, "current_view_number", message.view_number)
        number = epoch_of(view_number)
        begin = self.epochs[number].begin if number < len(self.epochs) else len(self._committed) + 1
        if not isinstance(message, Read) and host.disk.commit_number < begin:
            raise Violation(
                "begun-durably",
                f"{host.name} sends {message}, while its disk has executed op"
                f" {host.disk.commit_number}, and epoch {number} begins after op {begin}",
            )
        members = self.epochs[number].members
        if host.name not in members:
            raise Violation("members-only", f"{host.name} sends {message} in epoch of {members}")

    def on_relay(self, host: "Host", hop: str, relay: Relay) -> None:
        """Hold a relay that leaves for ``hop`` against its way so far."""
        name = host.name
        known = self._ways.get((id(relay.body), name))
        if known is None and relay.origin != name:
            return  # It came as bytes, and is another value at each hop.
        way = (name,) if known is None or relay.origin == name else known[1]
        if relay.origin != way[0]:
            raise Violation("true-origin", f"{name} passes {relay} on, which is of {way[0]}")
        if hop in way or len(way) >= len(self._hosts):
            raise Violation("one-route", f"{relay} went {way}, and goes to {hop}")
        self._ways[id(relay.body), hop] = (relay.body, (*way, hop))

    def on_relayed(self, host: "Host", origin: str, message: object) -> None:
        """Hold a message that came by way of others against its way."""
        known = self._ways.get((id(message), host.name))
        if known is None:
            return
        way = known[1]
        if way[0] != origin:
            raise Violation("true-origin", f"{host.name} takes {message} as if of {origin}: {way}")
        self._situations[_ROUTES[min(len(way) - 1, 4)]] += 1

    def _check_vote(self, host: "Host", vote: StartViewChange) -> None:
        view_number = vote.current_view_number
        is_news = vote.view_number == view_number
        replica = host.replica
        assert replica is not None
        # A primary's own time-out may be over as soon as it hears how old the answers are.
        leads = replica.membership.primary_of(view_number) == host.name
        may_vote = is_news or host.timer_is_due or leads
        if not may_vote and view_number not in self._left_views:
            raise Violation(
                "vote-for-a-reason",
                f"{host.name} votes in view {view_number}, whose primary neither was silent nor"
                " has left it",
            )

    def _check_calm(
        self, host: "Host", destinations: tuple[str, ...], message: Any, statement: Statement
    ) -> None:
        if not statement.is_calm:
            raise Violation("calm", f"{host.name} sends {message}")
        if isinstance(message, Request):
            self._check_calm_request(host, message)
        if isinstance(message, Prepare):
            for destination in destinations:
                for position in range(len(message.entries)):
                    key = (host.name, destination, message.first_op_number + position)
                    if key in self._prepared:
                        raise Violation("calm", f"op {key[2]} is sent again to {destination}")
                    self._prepared.add(key)

    @staticmethod
    def _check_calm_request(host: "Host", message: Request) -> None:
        # The primary drops what it has no room for: a request may leave twice before it is logged.
        for client, request_number, _ in message.entries:
            if _has(host.disk.entries, (client, request_number)):
                raise Violation(
                    "calm", f"{host.name} sends {client}#{request_number}, which its log has"
                )

    def _on_handed_back(self, host: "Host", message: Answers) -> None:
        """Hold the answers that a standby is to give out against what their sender executed."""
        for client, request_number, result in message.answers:
            if result is not None:
                reply = Reply(client, request_number, result)
                self._check_reply(host, reply)
                self._handed_back.add(reply)

    def on_reply(self, host: "Host", reply: Reply | Refusal) -> None:
        """Hold an answer that is about to leave against what was executed."""
        if isinstance(reply, Refusal):
            is_certain = is_definite(reply)
            self._situations[Situation.REFUSED if is_certain else Situation.OUTCOME_UNKNOWN] += 1
        elif reply not in self._handed_back:
            self._check_reply(host, reply)

    def _check_reply(self, host: "Host", reply: Reply) -> None:
        request = (reply.client, reply.request_number)
        index = self._executions.get(request)
        if reply.request_number == 0:
            self._on_registered(host, reply)
            return
        if request[0] == ADMIN:
            self._on_change_reply(host, reply)
            return
        if index is None and request in self._asked_after:
            self._on_read_reply(host, reply)
            return
        if index is None:
            raise Violation("honest-reply", f"{host.name} answers {request}, which nobody executed")
        if reply.result != self._applied[index][1]:
            if self._members_change and request in self._asked_after:
                # A standby hands reads in at the log, a member answers the same one by itself.
                self._on_read_reply(host, reply)
                return
            raise Violation(
                "honest-reply",
                f"{host.name} answers {request} with {reply.result},"
                f" its execution gave {self._applied[index][1]}",
            )
        if request in self._answered:
            self._situations[Situation.ANSWERED_AGAIN] += 1
        self._answered.add(request)
        self._answered_at[request] = index + 1

    def _on_registered(self, host: "Host", reply: Reply) -> None:
        """Hold a new session's name against the log and against all other sessions."""
        session, nonce = str(reply.result), reply.client
        op_number = int(session.partition("-")[0])
        is_there = 0 < op_number <= len(self._committed)
        entry = self._committed[op_number - 1] if is_there else None
        if entry is None or entry[:2] != (nonce, 0) or op_number > host.commit_number:
            raise Violation("own-session", f"{host.name} names {nonce} {session}; there is {entry}")
        if self._sessions.setdefault(session, nonce) != nonce:
            raise Violation("own-session", f"{session} is {nonce} and {self._sessions[session]}")
        self._situations[Situation.REGISTERED] += 1

    def on_asked(self, request: ClientRequest) -> None:
        """Note that a client asks: its answer may not come from an older state than this."""
        operation: Any = request.operation
        if operation[1][0] in READS:
            asked = (self._told_of, operation[1])
            self._asked_after.setdefault((request.client, request.request_number), asked)

    def on_answered(self, answer: Reply | Refusal) -> None:
        """Note that an answer has arrived: its client knows of that state."""
        if isinstance(answer, Reply) and answer.request_number and answer.client != ADMIN:
            request = (answer.client, answer.request_number)
            self._told_of = max(self._told_of, self._answered_at[request])

    def on_held_reply(self, host: "Host", reply: Reply) -> None:
        """Hold an answer to a read that was held, whether the log had that read or not."""
        self._on_read_reply(host, reply)

    def _on_read_reply(self, host: "Host", reply: Reply) -> None:
        request = (reply.client, reply.request_number)
        self._situations[Situation.READ_FROM_QUORUM] += 1
        asked_after, operation = self._asked_after[request]
        if host.applied_count < asked_after:
            raise Violation(
                "fresh-read",
                f"{host.name} answers {request} with {host.applied_count} operations applied, while"
                f" {asked_after} were known of when it was asked",
            )
        if self._model is not None:
            states = range(host.applied_count, asked_after - 1, -1)
            answer = answer_of(reply.result)
            if all(answer != self._model.read(operation, count) for count in states):
                raise Violation(
                    "right-answer", f"{host.name} answers {request} {operation} with {reply.result}"
                )
        self._answered_at[request] = host.applied_count

    def _on_change_reply(self, host: "Host", reply: Reply) -> None:
        """Hold an answer to a request for other members against its entry."""
        request = (reply.client, reply.request_number)
        self._answered.add(request)
        change = self.changes.get(request)
        if change is None or reply.result != change:
            raise Violation(
                "one-answer", f"{host.name} answers {request} with {reply.result}, not {change}"
            )

    def is_owed(self, request: RequestId) -> bool:
        """Return whether a request was neither answered nor committed anywhere.

        The answer to one that was committed may have been lost in the crash of a primary.
        """
        return request not in self._answered and request not in self._requests_committed

    def on_certain_refusal(self, request: RequestId) -> None:
        """Note that a client counts ``request`` as never executed: all that it asked refused it."""
        operation = self._asked_after.get(request, (0, None))[1]
        if operation == READ_ALL or (operation is not None and self._members_change):
            # A log may have a read that is held and then refused, or that a standby gave up; it
            # changes nothing.
            return
        if request in self._executions:
            raise Violation("honest-refusal", f"{request} was executed and then refused")
        self._refused.add(request)


_ROUTES = {
    1: Situation.ROUTE_OF_TWO,
    2: Situation.ROUTE_OF_TWO,
    3: Situation.ROUTE_OF_THREE,
    4: Situation.ROUTE_OF_FOUR,
}


def _has(entries: Sequence[Entry], request: RequestId) -> bool:
    return any((client, number) == request for client, number, _ in entries)


def _check_size(host: "Host", message: Any) -> None:
    assert host.replica is not None
    limits = host.replica.limits
    entries = getattr(message, "entries", ())
    # A change of members always has room: few are under way at once.
    items: Sequence[object] = [
        one for one in entries if not isinstance(one[2], Reconfiguration | Declined)
    ]
    items = items or getattr(message, "parts", ())
    if len(items) < 2:
        return
    sizes = [_size_of(item) for item in items]
    if isinstance(message, DoViewChange | StartView | RecoveryResponse):
        # All that is uncommitted, and a batch that the receiver may lack.
        size_max = limits.batch_size + max(limits.uncommitted_size, *sizes)
    else:
        size_max = limits.batch_size
    if sum(sizes) > size_max:
        raise Violation("bounded-messages", f"{host.name} sends {message}, of {sum(sizes)}")


def _size_of(value: object) -> int:
    if isinstance(value, tuple):
        return 8 + sum(map(_size_of, value))
    return 8 + len(value) if isinstance(value, str) else 8


def is_definite(refusal: Refusal) -> bool:
    """Whether a refusal promises that this copy of the request is never executed."""
    return refusal.reason not in (Reason.OUTCOME_UNKNOWN, Reason.SESSION_EXPIRED)
