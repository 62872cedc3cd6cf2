"""Did the faults bite? A run whose faults met nothing says no more than one without them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.network import Network

UNTOUCHED = "THE FAULTS TOUCHED NOTHING: this run says no more than one without them"


class Asked(Protocol):
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


def bite_of(options: Asked, network: Network, effects: Sequence[Effect]) -> Bite:
    """Return what the faults touched."""
    bite = Bite(
        asked=options.require_faults
        or any((options.nemeses, options.slow_ms, options.loss, options.duplication)),
        touched=any(effect.messages_touched for effect in effects),
        messages_cut=network.cut_count,
        messages_lost=network.lost_count,
        messages_repeated=network.repeated_count,
        messages_slowed=network.slowed_count,
        messages_lost_to_kills=network.killed_count,
        kills=sum(len(effect.nodes) for effect in effects if effect.f == "kill"),
        faults=len(effects),
        operations_in_flight=sum(effect.operations_in_flight for effect in effects),
        leader_known=sum(effect.leader is not None for effect in effects),
        leader_hit=sum(effect.leader_hit for effect in effects),
        told="",
    )
    counts = (
        bite.messages_cut,
        bite.messages_lost,
        bite.messages_repeated,
        bite.messages_slowed,
        bite.messages_lost_to_kills,
        bite.kills,
    )
    bite = replace(bite, touched=bite.touched or any(counts))
    return replace(bite, told=_told(bite))


def _told(bite: Bite) -> str:
    if not bite.asked:
        return ""
    if not bite.touched:
        return UNTOUCHED
    told = (
        f"messages: {bite.messages_cut} cut, {bite.messages_lost} lost, "
        f"{bite.messages_repeated} repeated"
    )
    if bite.messages_slowed:
        told += f", {bite.messages_slowed} slowed"
    if bite.messages_lost_to_kills:
        told += f", {bite.messages_lost_to_kills} lost to kills"
    if bite.faults:
        told += f"; {bite.operations_in_flight} operations in flight when faults began; "
        told += _leader_hits(bite)
    return told


def _leader_hits(bite: Bite) -> str:
    if not bite.leader_known:
        return "who leads can't be told from the messages"
    return (
        f"the leader, as the messages tell it, was hit by {bite.leader_hit} of "
        f"{bite.leader_known} faults"
    )
