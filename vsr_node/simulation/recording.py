"""A run repeated, with everything recorded that its page shows.

The seed makes it the same run. The recording looks at it from outside, after each event of the
timeline, and changes nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from vsr_node.checker.history import Json
from vsr_node.core.messages import Entries
from vsr_node.report import About, FaultSpan, ReplicaChange, ReplicaState, Sighting, Step, Steps
from vsr_node.simulation.cluster import Host
from vsr_node.simulation.faults import ClockJump
from vsr_node.simulation.network import Departure, Network
from vsr_node.simulation.plan import Plan
from vsr_node.simulation.run import SimulatedRun
from vsr_node.simulation.timeline import NANOSECONDS_PER_MICROSECOND
from vsr_node.simulation.traffic import Traffic
from vsr_node.simulation.transcript import (
    Line,
    describe,
    describe_entry,
    describe_message,
    is_of_message,
)

RUNNING, PAUSED, SAVING, DOWN = "running", "paused", "saving", "down"
NO_FAULT: tuple[str, str, Json] = ("", "", None)


class Recording:
    """The run of a plan. All times here are nanoseconds, as in the report."""

    def __init__(self, plan: Plan) -> None:
        self.run = run = SimulatedRun(plan, transcript_length=None)
        self.lines: list[Line] = []
        self.traffic = Traffic()
        self.replicas = [_Replica(number, host) for number, host in enumerate(run.cluster.hosts)]
        self._links = _Links(run.cluster.network)
        self._taken: list[Step] = []
        self._departed: list[Departure] = []
        run.cluster.network.watch = self._departed.append
        run.timeline.watch = self._look
        self._look()
        # The run's outcome names the violation that ends it. Here all that came before matters.
        with suppress(Exception):
            run.carry_out()
        self._look()
        times = [step.time // NANOSECONDS_PER_MICROSECOND for step in self._taken]
        self.traffic.end(run.timeline.now, times)

    @property
    def names(self) -> list[str]:
        """The replicas' names in the group's order."""
        return [host.name for host in self.run.cluster.hosts]

    @property
    def steps(self) -> Steps:
        """The run, step by step."""
        flights = self.traffic.flights
        return Steps(
            self.names,
            self._taken,
            [flight.departure for flight in flights],
            [flight.arrival for flight in flights if flight.arrival is not None],
        )

    @property
    def sightings(self) -> list[Sighting]:
        """When each replica entered each view."""
        seen = [sighting for replica in self.replicas for sighting in replica.sightings]
        return sorted(seen, key=lambda sighting: sighting.time)

    @property
    def faults(self) -> list[FaultSpan]:
        """What befell replicas and links, in the order of time."""
        periods = [self._links.periods, *(replica.periods for replica in self.replicas)]
        faults = [fault for each in periods for fault in each.faults]
        faults += [
            FaultSpan(kind, " ".join(map(str, details)), _nanoseconds(time), _nanoseconds(time))
            for time, kind, details in self.lines
            if kind == ClockJump.name
        ]
        return sorted(faults, key=lambda fault: fault.begin)

    def _look(self) -> None:
        """Make a step of what has happened since the last look, if anything has."""
        time = _nanoseconds(self.run.timeline.now)
        lines = self.run.transcript.take()
        changes = tuple(change for each in self.replicas if (change := each.look(time)))
        self._links.look(time)
        if lines or changes or self._departed:
            down = {host.name for host in self.run.cluster.hosts if host.replica is None}
            self.traffic.note(len(self._taken), lines, self._departed, down)
            text = "\n".join(self._describe(lines, changes))
            self._taken.append(Step(time, text, _about(lines), changes))
            self.lines += lines
            self._departed.clear()

    def _describe(self, lines: Sequence[Line], changes: Sequence[ReplicaChange]) -> Iterator[str]:
        for _, kind, details in lines:
            yield describe(kind, details).strip()
        described = {details[0] for _, kind, details in lines if kind == "state"}
        for change in changes:
            name, state = self.names[change.replica], change.state
            if name not in described:
                numbers = f"op {state.op_number}, commit {state.commit_number}"
                yield f"{name} is {state.condition}, {numbers}"
        destinations: dict[tuple[str, str], list[str]] = {}
        for departure in self._departed:
            if not departure.is_copy:
                what = (departure.source, describe_message(departure.message))
                destinations.setdefault(what, []).append(departure.destination)
        for (source, message), names in destinations.items():
            yield f"{source} sends to {', '.join(names)}: {message}"


class _Periods:
    """Faults of which each ends the one before; ``faults`` lists those that have begun."""

    def __init__(self) -> None:
        self.faults: list[FaultSpan] = []
        self._now = NO_FAULT

    def look(self, fault: tuple[str, str, Json], time: int) -> None:
        """Let this fault, (name, text, value) or ``NO_FAULT``, last from ``time`` on."""
        if fault == self._now:
            return
        if self._now != NO_FAULT:
            self.faults[-1] = replace(self.faults[-1], end=time)
        if fault != NO_FAULT:
            name, text, value = fault
            self.faults.append(FaultSpan(name, text, time, None, value))
        self._now = fault


class _Links:
    """Records which links are cut."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.periods = _Periods()

    def look(self, time: int) -> None:
        cut = {(link.source, link.destination) for link in self._network.links if link.cuts}
        names = [
            f"{source}{'-' if (destination, source) in cut else '->'}{destination}"
            for source, destination in sorted(cut)
            if source < destination or (destination, source) not in cut
        ]
        cuts: dict[str, Json] = {
            host: [source for source, destination in sorted(cut) if destination == host]
            for host in sorted({destination for _, destination in cut})
        }
        self.periods.look(("cut", " ".join(names), {"cuts": cuts}) if names else NO_FAULT, time)


class _Replica:
    """Records a replica, by comparison with what was last seen of it."""

    def __init__(self, number: int, host: Host) -> None:
        self.sightings: list[Sighting] = []
        self.periods = _Periods()
        self._number = number
        self._host = host
        self._state: ReplicaState | None = None
        self._log: Entries = ()

    def look(self, time: int) -> ReplicaChange | None:
        """Return what has changed."""
        before, log_before = self._state, self._log
        state, log = self._present()
        if state == before and log == log_before:
            return None
        self._state, self._log = state, log
        fault: tuple[str, str, Json] = (
            state.condition,
            self._host.name,
            {"nodes": [self._host.name]},
        )
        self.periods.look(fault if state.condition in (PAUSED, DOWN) else NO_FAULT, time)
        if before is None or state.view_number != before.view_number:
            self.sightings.append(Sighting(self._host.name, time, state.view_number))
        changed_from = _changed_from(before, log_before, state, log)
        entries = log[changed_from - state.first_op_number :]
        return ReplicaChange(self._number, state, changed_from, tuple(map(describe_entry, entries)))

    def _present(self) -> tuple[ReplicaState, Entries]:
        replica = self._host.replica
        if replica is None:
            return self._saved()
        state = ReplicaState(
            self._condition(),
            replica.status.value,
            replica.view_number,
            replica.last_normal_view,
            replica.op_number,
            replica.commit_number,
            replica.checkpoint.op_number,
            replica.log.first_op_number,
        )
        return state, replica.log.suffix(replica.log.first_op_number)

    def _condition(self) -> str:
        if self._host.pauses:
            return PAUSED
        return SAVING if self._host.is_saving else RUNNING

    def _saved(self) -> tuple[ReplicaState, Entries]:
        """Return what is on a dead replica's disk: it has no status, and forgot all else."""
        disk = self._host.disk
        state = ReplicaState(
            DOWN,
            "",
            disk.view_number,
            disk.last_normal_view,
            disk.op_number,
            disk.commit_number,
            disk.checkpoint.op_number,
            disk.first_op_number,
        )
        return state, tuple(disk.entries)


def _changed_from(
    before: ReplicaState | None, log_before: Entries, state: ReplicaState, log: Entries
) -> int:
    """Return the op_number from which on a log is not what it was."""
    first = state.first_op_number
    if before is None or not before.first_op_number <= first <= before.op_number + 1:
        return first
    kept = log_before[first - before.first_op_number :]
    pairs = zip(kept, log, strict=False)
    same = next((n for n, (old, new) in enumerate(pairs) if old != new), min(len(kept), len(log)))
    return first + same


def _about(lines: Sequence[Line]) -> About:
    about = About(0)
    for _, kind, details in lines:
        if kind == "client":
            about |= About.CLIENT
        elif kind != "state" and not is_of_message(kind, details):
            about |= About.FAULT
    return about


def _nanoseconds(time: int) -> int:
    return time * NANOSECONDS_PER_MICROSECOND
