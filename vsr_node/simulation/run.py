"""One run: a plan carried out, watched and judged.

First everybody works while the plan's faults happen (safety). Then the faults end for a quorum,
which must serve whatever befalls the others, and must keep its view while it hears its primary.
Then they end for all, and all must reach the same state (liveness).
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from vsr_node.core.status import Status
from vsr_node.simulation.choices import Fate, LastWords
from vsr_node.simulation.clients import History, RunningLane, SimulatedClient
from vsr_node.simulation.cluster import Cluster, Host
from vsr_node.simulation.epochs import epoch_of, format_view
from vsr_node.simulation.faults import Stage
from vsr_node.simulation.invariants import Violation
from vsr_node.simulation.plan import Lane, Plan
from vsr_node.simulation.session_clients import SessionClient, SessionLane
from vsr_node.simulation.situations import Situation, Situations
from vsr_node.simulation.subject import MAELSTROM, Subject
from vsr_node.simulation.timeline import (
    MICROSECONDS_PER_SECOND,
    MILLISECOND,
    Microseconds,
    Timeline,
)
from vsr_node.simulation.transcript import Transcript
from vsr_node.telemetry.dispatch import Telemetry

TRANSCRIPT_LENGTH = 400

CLOCKS_DIFFER_PERCENT_MAX = 130
"""Links rest for sure where the fastest clock runs at so much of the slowest one's rate."""


class Failure(NamedTuple):
    """Which invariant broke, and how."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run."""

    plan: Plan
    failure: Failure | None
    situations: Situations
    operation_count: int
    event_count: int
    duration: Microseconds
    transcript: Transcript
    lost: tuple[tuple[str, str, int], ...]
    duplicated: tuple[tuple[str, str, int], ...]


def execute(
    plan: Plan,
    transcript_length: int | None = TRANSCRIPT_LENGTH,
    telemetry: Telemetry | None = None,
    subject: Subject = MAELSTROM,
) -> RunOutcome:
    """Carry a plan out. A violation, or any error that the core raises, is the run's failure.

    All replicas are watched on behalf of the handlers of ``telemetry``, if there is one. The plan's
    operations are those of ``subject``.
    """
    run = SimulatedRun(plan, transcript_length, telemetry, subject)
    failure = None
    try:
        run.carry_out()
    except Violation as violation:
        failure = Failure(violation.invariant, violation.text)
    except AssertionError as error:
        failure = Failure("assertion of the core", str(error) or origin_of(error))
    except Exception as error:  # whatever the core raises is a finding
        failure = Failure(
            "error of the core", f"{type(error).__name__}: {error}, {origin_of(error)}"
        )
    return run.outcome(failure)


def origin_of(error: BaseException) -> str:
    """Return the function and the line that raised an error."""
    traceback = error.__traceback__
    assert traceback is not None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return f"in {code.co_qualname} ({code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno})"


class SimulatedRun:
    """The parts of one run."""

    def __init__(
        self,
        plan: Plan,
        transcript_length: int | None,
        telemetry: Telemetry | None = None,
        subject: Subject = MAELSTROM,
    ) -> None:
        self.plan = plan
        self._subject = subject
        self.timeline = Timeline()
        self.transcript = Transcript(self.timeline, transcript_length)
        self.cluster = Cluster(
            plan,
            self.timeline,
            self.transcript,
            calm=plan.calm,
            subject=subject,
            telemetry=telemetry,
        )
        self.history = History(self.timeline)
        self._clients: dict[str, SimulatedClient] = {}
        self._session_clients: dict[str, SessionClient] = {}
        self._lanes_at_work = 0
        self._stage = Stage(self.cluster, self.timeline)
        self._spared: list[Host] = []  # those for which the faults end first
        self._has_lasting_cut = False
        # Long, as time-outs grow with every view change that fails while the faults last.
        self.patience = 400 * MICROSECONDS_PER_SECOND + 1000 * plan.messages.delay_mean

    def carry_out(self) -> None:
        """Run all phases. Raise Violation."""
        self._let_faults_happen()
        self._work(self.plan.lanes, patient=False)
        self._end_faults_for_quorum()
        if self._quorum_is_whole():
            self._demand_work(self._reachable(self.plan.settlement.lanes), "the quorum")
            self._demand_stable_view("while the others fail")
        self._end_faults_for_all()
        if self._group_can_go_on():
            lanes = self._reachable(self.plan.settlement.lanes_after_healing)
            self._demand_work(lanes, "everybody")
            self._demand_convergence()
            self._demand_answers()
            self._demand_quiet_links()
        self._subject.judge(self.history, self.cluster.invariants.applied)

    def _quorum_is_whole(self) -> bool:
        """Return whether enough of each group are spared and need not recover."""
        whole = {host.name for host in self._spared if not host.is_lost}
        is_whole = all(
            2 * len(whole.intersection(members)) > len(members)
            for members in self.cluster.groups_at_stake()
        )
        # A spared member that must recover may need one that is not spared.
        epoch = self.cluster.invariants.epochs.newest
        if not is_whole or any(h.is_lost and h.name in epoch.members for h in self._spared):
            self.cluster.situations[Situation.QUORUM_NOT_DEMANDED] += 1
            return False
        return True

    def _group_can_go_on(self) -> bool:
        """Return whether few enough have lost their logs for them to recover."""
        can_go_on = all(
            2 * sum(not self.cluster.host_of(name).is_lost for name in members) > len(members)
            for members in self.cluster.groups_at_stake()
        )
        if not can_go_on:
            self.cluster.situations[Situation.GROUP_STOPPED] += 1
        return can_go_on

    def outcome(self, failure: Failure | None) -> RunOutcome:
        """Return what came of the run."""
        cluster = self.cluster
        situations = cluster.situations
        network = cluster.network
        situations.update(cluster.sent)
        situations[Situation.MESSAGE_CUT] += network.cut_count
        situations[Situation.MESSAGE_LOST] += len(network.lost)
        situations[Situation.MESSAGE_REPEATED] += len(network.duplicated)
        situations[Situation.MESSAGE_REPLAYED] += network.replayed_count
        situations[Situation.MESSAGE_OVERTAKEN] += network.reordered_count
        if self.plan.calm:
            situations[Situation.CALM] += 1
        invariants = cluster.invariants
        situations[Situation.VIEW_WITHOUT_PRIMARY] += (
            invariants.view_count - invariants.primary_count
        )
        return RunOutcome(
            self.plan,
            failure,
            situations,
            self.history.invoked_count,
            self.timeline.event_count,
            self.timeline.now,
            self.transcript,
            tuple(network.lost),
            tuple(network.duplicated),
        )

    # Work

    def _start_lanes(self, lanes: tuple[Lane, ...], *, patient: bool) -> None:
        for lane in lanes:
            if self.plan.limits.registered:
                self._start_session_lane(lane, patient=patient)
                continue
            client = self._clients.get(lane.client)
            if client is None:
                client = self._clients[lane.client] = SimulatedClient(
                    lane.client, self.cluster, self.timeline, self.transcript, self.history
                )
            self._lanes_at_work += 1
            RunningLane(lane, client, self.cluster.situations, self._on_lane_done, patient=patient)

    def _start_session_lane(self, lane: Lane, *, patient: bool) -> None:
        client = self._session_clients.get(lane.client)
        if client is None:
            client = self._session_clients[lane.client] = SessionClient(
                lane.client, lane, self.cluster, self.timeline, self.plan.seed, calm=self.plan.calm
            )
        self._lanes_at_work += 1
        SessionLane(
            lane,
            client,
            self.timeline,
            self.transcript,
            self.history,
            self._on_lane_done,
            patient=patient,
        )

    def _reachable(self, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        """Return lanes that ask those that are spared, in place of those that are not."""
        spared = [host.index for host in self._spared]
        return tuple(
            replace(
                lane,
                operations=tuple(
                    replace(each, targets=tuple(_among(spared, index) for index in each.targets))
                    for each in lane.operations
                ),
            )
            for lane in lanes
        )

    def _on_lane_done(self) -> None:
        self._lanes_at_work -= 1
        if not self._lanes_at_work:
            self.timeline.stop()

    def _work(self, lanes: tuple[Lane, ...], *, patient: bool) -> bool:
        """Let lanes work; return whether they came to their end in time."""
        self._start_lanes(lanes, patient=patient)
        end = self.timeline.now + self.patience
        return not self._lanes_at_work or self.timeline.run_until(end)

    def _demand_work(self, lanes: tuple[Lane, ...], who: str) -> None:
        if not self._work(lanes, patient=True):
            raise Violation("progress", f"{who} did not serve within {self.patience} us")

    # Faults

    def _let_faults_happen(self) -> None:
        for fault in self.plan.faults:
            self._stage.at(fault.start, fault.begin, self._stage)

    # Liveness

    def _end_faults_for_quorum(self) -> None:
        """End all faults, but for the settlement's fates."""
        self._stage.is_open = False
        cluster = self.cluster
        cluster.remove_traps()
        cluster.deletes_released = False
        settlement = self.plan.settlement
        match settlement.last_words:
            case LastWords.UNHEARD:
                self._ask_unheard(cluster.primary())
            case LastWords.WITHOUT_ECHO:
                self._ask_without_echo(cluster.primary())
        fates = [(cluster.hosts[index], fate) for index, fate in settlement.fates]
        if self.plan.processes.founders:
            fates = self._bearable(fates)
        outsiders = {host.name for host, _ in fates}
        self._spared = [
            host for host in cluster.hosts if not host.is_gone and host.name not in outsiders
        ]
        names = [host.name for host in self._spared]
        self.transcript.add("faults end for", *names)
        cluster.network.end_era()
        for host in cluster.hosts:
            self._mend_links_of(host)
        for host in self._spared:
            self._make_well(host)
        self._clean_links(names)
        for host, fate in fates:
            self._suffer(host, fate)
        # Somebody who is gone might be the only way around.
        are_all_here = all(cluster.hosts[index] in self._spared for index in settlement.quorum)
        if settlement.shape is not None and are_all_here:
            self._has_lasting_cut = True
            cluster.situations[settlement.shape] += 1
            cluster.situations[Situation.CUT_STAYS] += 1
            cluster.cut_links(settlement.cuts)

    def _bearable(self, fates: list[tuple[Host, Fate]]) -> list[tuple[Host, Fate]]:
        """Return the fates that leave each group as many as it needs."""
        borne: list[tuple[Host, Fate]] = []
        away = {host.name for host in self.cluster.hosts if host.is_lost}
        groups = list(self.cluster.groups_at_stake())
        for host, fate in fates:
            would_be_away = away | {host.name}
            if host.is_gone:
                continue
            if all(
                2 * len(would_be_away.intersection(members)) < len(members)
                for members in groups
                if host.name in members
            ):
                borne.append((host, fate))
                away = would_be_away
            else:
                self.cluster.situations[Situation.FATE_SPARED] += 1
        return borne

    def _ask_unheard(self, host: Host) -> None:
        """Send the primary a request while nobody can hear it, and nothing after that."""
        cluster = self.cluster
        self._make_well(host)
        for other in cluster.hosts:
            cluster.cut(host.name, other.name)
        self._ask_once(host)

    def _ask_without_echo(self, host: Host) -> None:
        """Send the primary a request while it can hear nobody, until the others replace it."""
        cluster = self.cluster
        for each in cluster.hosts:
            self._mend_links_of(each)
            self._make_well(each)
        for other in cluster.hosts:
            cluster.cut(other.name, host.name)
        self._ask_once(host)
        end = self.timeline.now + self.patience // 20
        while cluster.primary() is host and self.timeline.now < end:
            self.timeline.run_until(self.timeline.now + self.patience // 4000)

    def _ask_once(self, host: Host) -> None:
        self.cluster.flood(host, 1)
        wait = 2 * (self.plan.messages.delay_mean + self.plan.turn_delay) + MILLISECOND
        self.timeline.run_until(self.timeline.now + wait)

    def _make_well(self, host: Host) -> None:
        while host.pauses:
            self.cluster.resume(host)
        self.cluster.restart(host)

    def _mend_links_of(self, host: Host) -> None:
        for other in self.cluster.hosts:
            link = self.cluster.network.link(host.name, other.name)
            link.cuts = link.slowness = 0

    def _clean_links(self, names: list[str]) -> None:
        """End loss, repetition and changing delays between these, and between them and clients."""
        network = self.cluster.network
        for name in names:
            for other in names:
                network.clean(name, other)
            for client in ("quorum0", "quorum1", "everybody0", "everybody1"):
                network.clean(name, client)
                network.clean(client, name)

    def _suffer(self, host: Host, fate: Fate) -> None:
        cluster = self.cluster
        self.transcript.add(f"stays {fate}:", host.name)
        cluster.situations[fate] += 1
        if fate is Fate.DOWN:
            cluster.crash(host)
            return
        self._make_well(host)
        cluster.flood(host, 1)
        for other in cluster.hosts:
            if fate in (Fate.CUT_OFF, Fate.DEAF):
                cluster.cut(other.name, host.name)
            if fate in (Fate.CUT_OFF, Fate.MUTE):
                cluster.cut(host.name, other.name)

    def _demand_stable_view(self, when: str) -> None:
        """Demand that a quorum that hears its primary keeps it, whatever anybody else says."""
        cluster = self.cluster
        epoch = cluster.invariants.epochs.newest
        quorum = [host for host in self._spared if host.name in epoch.members]
        self._await_rest(quorum)
        primary = cluster.primary()
        newest = max(host.disk.view_number for host in cluster.hosts)
        if primary.view_number < newest or not self._is_at_rest(quorum):
            cluster.situations[Situation.STABLE_VIEW_NOT_DEMANDED] += 1
            return
        cluster.situations[Situation.STABLE_VIEW_DEMANDED] += 1
        length = 3 * MICROSECONDS_PER_SECOND + 20 * self.plan.messages.delay_mean
        self.timeline.run_until(self.timeline.now + length)
        for host in quorum:
            if host.view_number != newest and epoch_of(host.view_number) == epoch.number:
                raise Violation(
                    "stable-view",
                    f"{host.name} left view {format_view(newest)} for"
                    f" {format_view(host.view_number)} {when}, although a quorum hears its primary"
                    f" {primary.name}",
                )

    def _await_rest(self, quorum: list[Host]) -> None:
        """Let the votes that are under way arrive, and those that were cast expire.

        A cut that has just begun may cost a view change, until there is a way around it. Rows and
        time-outs learn of it hop by hop, so that takes longer among more processes.
        """
        if self._has_lasting_cut:
            hops = len(self.cluster.hosts) - 2
            self.timeline.run_until(self.timeline.now + hops * self.patience // 100)
        end = self.timeline.now + self.patience // 20
        while not self._is_at_rest(quorum) and self.timeline.now < end:
            self.timeline.run_until(self.timeline.now + self.patience // 4000)

    def _is_at_rest(self, quorum: list[Host]) -> bool:
        """Return whether the quorum follows a primary that hears it, and nobody votes for another.

        Votes from the time without a primary may be under way for long, and count for a time-out
        wherever they arrive.
        """
        voters = {host.name for host in quorum}
        if self.cluster.network.has_votes_under_way(voters):
            return False
        if any(self._has_votes_of(voters, host) for host in self.cluster.hosts):
            return False
        replicas = [host.replica for host in quorum if host.replica is not None]
        return any(self._hears_quorum(host, voters) for host in quorum) and all(
            replica.view_number == replicas[0].view_number
            and (replica.is_serving_primary or replica.is_following)
            for replica in replicas
        )

    def _hears_quorum(self, host: Host, names: set[str]) -> bool:
        """Return whether a primary serves and has lately heard as many of these as a quorum needs.

        It asks no more of them, and has their answers within three quarters of a time-out.
        """
        replica = host.replica
        if replica is None or not replica.is_serving_primary:
            return False
        if not names.issubset(replica.membership.members):
            return False  # Another epoch is about to begin.
        heard_after = host.clock(self.timeline.now) - replica.time_out * 3 // 4
        heard = sum(replica.heard_at(name) > heard_after for name in names - {host.name})
        return heard + 1 >= replica.membership.quorum

    def _has_votes_of(self, voters: set[str], host: Host) -> bool:
        replica = host.replica
        if replica is None:
            return False
        now = host.clock(self.timeline.now)
        return any(
            voted_at is not None and now - voted_at < replica.time_out
            for voted_at in map(replica.voted_at, voters)
        )

    def _end_faults_for_all(self) -> None:
        self.transcript.add("faults end for all")
        self.cluster.network.end_era()
        self._spared = [host for host in self.cluster.hosts if not host.is_gone]
        for host in self.cluster.hosts:
            self._mend_links_of(host)
        for host in self._spared:
            self._make_well(host)
        self._clean_links([host.name for host in self._spared])

    def _demand_convergence(self) -> None:
        """Demand that all come to hold the same without a further request."""
        end = self.timeline.now + self.patience
        step = self.patience // 2000
        while not self._have_converged():
            if self.timeline.now >= end:
                raise Violation("convergence", f"the replicas differ: {self._states()}")
            self.timeline.run_until(self.timeline.now + step)
        first, *others = self._members()
        assert first.replica is not None
        for other in others:
            assert other.replica is not None
            for what in ("machine", "client_table"):
                own, theirs = (getattr(host.replica, what).snapshot() for host in (first, other))
                if own != theirs:
                    raise Violation("agreement", f"{what} of {first.name} and {other.name} differ")

    def _demand_quiet_links(self) -> None:
        """Demand that nobody asks who hears whom any more, now that everybody hears everybody.

        Where clocks differ, an interval of one may be too long for another; who is gone for good
        may be missed for ever.
        """
        rates = self.plan.clock_rates_per_mille
        do_clocks_agree = max(rates) * 100 <= min(rates) * CLOCKS_DIFFER_PERCENT_MAX
        if do_clocks_agree and len(self._spared) == len(self.cluster.hosts):
            self.cluster.situations[Situation.QUIET_DEMANDED] += 1
        else:
            self.cluster.situations[Situation.QUIET_NOT_DEMANDED] += 1
            return
        end = self.timeline.now + self.patience
        while watching := self._watching():
            if self.timeline.now >= end:
                raise Violation("quiet", f"all is well, and {watching} ask who hears whom")
            self.timeline.run_until(self.timeline.now + self.patience // 400)

    def _watching(self) -> list[str]:
        hosts = self.cluster.hosts
        return [host.name for host in hosts if host.links is not None and host.links.is_watching]

    def _members(self) -> list[Host]:
        """Return the hosts of the newest epoch's members that are there."""
        members = self.cluster.invariants.epochs.newest.members
        return [host for host in self.cluster.hosts if host.name in members and not host.is_gone]

    def _have_converged(self) -> bool:
        members = self._members()
        replicas = [host.replica for host in members]
        first = replicas[0]
        return (
            first is not None
            and all(
                replica is not None
                and replica.status is Status.NORMAL
                and replica.view_number == first.view_number
                and replica.commit_number == replica.op_number == first.op_number
                for replica in replicas
            )
            and all(self._has_left(host) for host in self._spared if host not in members)
        )

    def _has_left(self, host: Host) -> bool:
        """Return whether a replica that is no member knows that, and nobody needs it."""
        replica = host.replica
        if replica is None or replica.status is not Status.STANDBY:
            return False
        epochs = self.cluster.invariants.epochs
        return replica.is_released or not epochs.was_member(host.name, epochs.newest.number)

    def _demand_answers(self) -> None:
        """Demand that nothing that a replica took waits for ever."""
        end = self.timeline.now + self.patience
        while owed := self._owed():
            if self.timeline.now >= end:
                raise Violation("owed-answer", f"still waiting: {owed}")
            self.timeline.run_until(self.timeline.now + self.patience // 2000)

    def _owed(self) -> list[str]:
        invariants = self.cluster.invariants
        return [
            f"{request} at {host.name}"
            for host in self.cluster.hosts
            for request in host.asked
            if invariants.is_owed(request)
        ]

    def _states(self) -> str:
        return "; ".join(
            f"{host.name} {host.replica.status.value} in view"
            f" {format_view(host.replica.view_number)},"
            f" op {host.replica.op_number}, commit {host.replica.commit_number}"
            for host in self.cluster.hosts
            if host.replica is not None
        )


def _among(spared: list[int], index: int) -> int:
    """Return the next one that is spared, from ``index`` on."""
    return min(spared, key=lambda each: (each < index, each))
