"""Did the faults bite? A run whose faults met nothing says no more than one without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vsr_node.bench.faults.kill import KILL
from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.network import FaultCounts, Network

UNTOUCHED = "THE FAULTS TOUCHED NOTHING: this run says no more than one without them"


class FaultOptions(Protocol):
    """The options of a test that ask for faults."""

    @property
    def nemeses(self) -> Sequence[str]:
        """The kinds of faults by name."""

    @property
    def slow_ms(self) -> float | None:
        """The delay of slow links; None if no link is ever slow."""

    @property
    def loss(self) -> float:
        """The share of messages between servers that is lost."""

    @property
    def duplication(self) -> float:
        """The share of messages between servers that is repeated."""

    @property
    def require_faults(self) -> bool:
        """Whether a run whose faults touched nothing must not pass."""


@dataclass(frozen=True, slots=True)
class Bite:
    """What all faults of a run touched, as the results have it."""

    asked: bool
    """Whether there were to be faults."""
    touched: bool
    messages_cut: int
    messages_lost: int
    messages_repeated: int
    messages_slowed: int
    messages_lost_to_kills: int
    kills: int
    """How many nodes were killed."""
    faults: int
    operations_in_flight: int
    """How many operations were in flight when faults began."""
    leader_known: int
    """How many faults began while one node stood out as the leader."""
    leader_hit: int
    told: str
    """All of it in a line, for people; empty if no faults were asked for."""

    @property
    def touched_nothing(self) -> bool:
        """Whether there were to be faults, and none of them touched anything."""
        return self.asked and not self.touched


def bite_of(options: FaultOptions, network: Network, effects: Sequence[Effect]) -> Bite:
    """Return what the faults touched."""
    counts = network.counts
    kills = sum(len(effect.nodes) for effect in effects if effect.f == KILL.name)
    messages = (counts.cut, counts.lost, counts.repeated, counts.slowed, counts.killed)
    touched = any(messages) or any(effect.has_touched for effect in effects)
    asks = (options.nemeses, options.slow_ms, options.loss, options.duplication)
    asked = options.require_faults or any(asks)
    told = ""
    if asked:
        told = _summary(counts, effects) if touched else UNTOUCHED
    return Bite(
        asked=asked,
        touched=touched,
        messages_cut=counts.cut,
        messages_lost=counts.lost,
        messages_repeated=counts.repeated,
        messages_slowed=counts.slowed,
        messages_lost_to_kills=counts.killed,
        kills=kills,
        faults=len(effects),
        operations_in_flight=sum(effect.operations_in_flight for effect in effects),
        leader_known=sum(effect.leader is not None for effect in effects),
        leader_hit=sum(effect.leader_hit for effect in effects),
        told=told,
    )


def _summary(counts: FaultCounts, effects: Sequence[Effect]) -> str:
    text = f"messages: {counts.cut} cut, {counts.lost} lost, {counts.repeated} repeated"
    if counts.slowed:
        text += f", {counts.slowed} slowed"
    if counts.killed:
        text += f", {counts.killed} lost to kills"
    if effects:
        in_flight = sum(effect.operations_in_flight for effect in effects)
        text += f"; {in_flight} operations in flight when faults began; {_leader_hits(effects)}"
    return text


def _leader_hits(effects: Sequence[Effect]) -> str:
    known = sum(effect.leader is not None for effect in effects)
    if not known:
        return "the messages don't show which node leads"
    hits = sum(effect.leader_hit for effect in effects)
    return f"the leader, as the messages tell it, was hit by {hits} of {known} faults"
