"""How hard did a run look? Counts from its history, its faults and its leaders.

A valid run is worth what it tried. The counts need no knowledge of the nodes, and anybody can make
them again from ``history.jsonl``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.gauge import Leadership
from vsr_node.bench.nodes.known_errors import ANSWERS, KnownError
from vsr_node.bench.stored.options import Description
from vsr_node.bench.workloads import WORKLOADS
from vsr_node.checker.history import NEMESIS, Event, Json, canonical_text

CHANGES = ("write", "cas")

ANSWERED_MIN = 0.3
"""The least share of the operations that the rate allows."""
READ_ELSEWHERE_MIN = 0.1
"""The least share of the acknowledged writes."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What a run tried, in counts."""

    operations: int
    answered: int
    """Operations that were ok, or failed as the data demanded (errors 20, 21 and 22)."""
    refused: int
    """Operations that failed with error 11: the node did not serve them."""
    read_backs: int
    """Reads in addition to the rate: after faults, and when the time was up."""
    faults: int
    faults_that_touched: int
    """Faults that killed a node or touched a message."""
    faults_with_leader: int
    """Faults that began while one node stood out as the leader."""
    faults_at_leader: int
    """Those of them that hit it."""
    operations_in_flight: int
    """Operations that were in flight when faults began."""
    leader_changes: int
    """How often another node began to lead."""
    old_values_read: int
    """Reads after a change of leadership of a key that was written before and not since, each key
    and node counted once a change."""
    writes_acknowledged: int
    """Writes and cas that were ok."""
    writes_read_elsewhere: int
    """Those of them whose value another node returned before the next one was acknowledged."""


@dataclass(slots=True)
class _Register:
    """What is known of a key."""

    acknowledged: Event | None = None
    """The last write or cas that was ok."""
    read_elsewhere: bool = False
    written_at: int = -1
    """When the last write or cas was asked for; -1 if none was."""


@dataclass(slots=True)
class _Reading:
    """Goes through the history, and counts what was read and what was written before."""

    leaderships: Sequence[Leadership]
    registers: dict[str, _Register] = field(default_factory=dict)
    begun: dict[int | str, Event] = field(default_factory=dict)
    old_values_read: set[tuple[int, str, str | None]] = field(default_factory=set)
    writes_acknowledged: int = 0
    writes_read_elsewhere: int = 0
    _leader_change: int = 0

    def go_through(self, events: Sequence[Event]) -> None:
        """Count the events of all clients."""
        for event in events:
            if event.process == NEMESIS:
                continue
            register = self.registers.setdefault(canonical_text(event.key), _Register())
            if event.type == "invoke":
                self.begun[event.process] = event
                if event.f in CHANGES:
                    register.written_at = event.time
            elif event.type == "ok" and event.f == "read":
                self._on_read(register, self.begun[event.process], event)
            elif event.type == "ok" and event.f in CHANGES:
                self.writes_acknowledged += 1
                register.acknowledged, register.read_elsewhere = event, False

    def _on_read(self, register: _Register, asked: Event, answer: Event) -> None:
        acknowledged = register.acknowledged
        if acknowledged is None or asked.time < acknowledged.time:
            return
        if answer.node != acknowledged.node and answer.value == _new_value(acknowledged):
            self.writes_read_elsewhere += not register.read_elsewhere
            register.read_elsewhere = True
        change = self._change_before(asked.time)
        since_ns = self.leaderships[change].since_ns if change else 0
        if max(register.written_at, acknowledged.time) < since_ns:
            self.old_values_read.add((change, canonical_text(answer.key), answer.node))

    def _change_before(self, time_ns: int) -> int:
        """Return the place of the leadership at a time; that of the first is 0."""
        later = self._leader_change + 1
        while later < len(self.leaderships) and self.leaderships[later].since_ns <= time_ns:
            self._leader_change = later
            later += 1
        return self._leader_change


def _new_value(event: Event) -> Json:
    """Return the value that a key has after a write or a cas."""
    if event.f == "cas":
        assert isinstance(event.value, list)
        return event.value[1]
    return event.value


def strength_of(
    events: Sequence[Event],
    effects: Sequence[Effect],
    leaderships: Sequence[Leadership],
    read_backs: int,
) -> Strength:
    """Return what a run tried. ``read_backs`` are its reads in addition to the rate."""
    reading = _Reading(leaderships)
    reading.go_through(events)
    clients = [event for event in events if event.process != NEMESIS]
    codes = [_code(event) for event in clients if event.type == "fail"]
    return Strength(
        operations=sum(event.type == "invoke" for event in clients),
        answered=sum(event.type == "ok" for event in clients) + sum(c in ANSWERS for c in codes),
        refused=codes.count(KnownError.TEMPORARILY_UNAVAILABLE),
        read_backs=read_backs,
        faults=len(effects),
        faults_that_touched=sum(effect.has_touched for effect in effects),
        faults_with_leader=sum(effect.leader is not None for effect in effects),
        faults_at_leader=sum(effect.leader_hit for effect in effects),
        operations_in_flight=sum(effect.operations_in_flight for effect in effects),
        leader_changes=max(0, len(leaderships) - 1),
        old_values_read=len(reading.old_values_read),
        writes_acknowledged=reading.writes_acknowledged,
        writes_read_elsewhere=reading.writes_read_elsewhere,
    )


def weakness_of(strength: Strength, test: Description) -> str | None:
    """Return why a valid run proves little, and which option would help; None if it does not."""
    each_way = "" if test.is_thorough else "no --as-maelstrom, or "
    expected = int(test.rate * test.time_limit_s)
    changed, read = strength.writes_acknowledged, strength.writes_read_elsewhere
    if WORKLOADS[test.workload].model is None:
        return None
    if not (strength.faults or test.loss or test.duplication):
        return "there was no fault: try --nemesis kill,partition"
    if strength.answered < ANSWERED_MIN * (expected + strength.read_backs):
        few = f"{strength.answered} operations were answered where the rate allows {expected}"
        return f"only {few}: try a longer --nemesis-interval"
    if strength.faults and not strength.faults_that_touched:
        return "the faults touched nothing: try a higher --rate"
    if strength.faults_with_leader and not strength.faults_at_leader:
        return "no fault hit the node that led: try a longer --time-limit"
    if strength.faults and not strength.leader_changes and len(test.nodes) > 1:
        return "the messages show no change of leader: try a longer --nemesis-interval"
    if strength.leader_changes and not strength.old_values_read:
        read_what = "nothing written before a change of leader was read after it"
        return f"{read_what}: try {each_way}a higher --rate"
    if len(test.nodes) > 1 and read < READ_ELSEWHERE_MIN * changed:
        few = f"{read} of {changed} acknowledged writes were read at another node"
        return f"only {few}: try {each_way}a higher --rate"
    return None


def _code(event: Event) -> Json:
    """Return the code of the error of an event that failed."""
    return event.error[0] if isinstance(event.error, list) else None
