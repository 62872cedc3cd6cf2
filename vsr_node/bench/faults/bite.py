"""Did the faults bite? A run whose faults met nothing says no more than one without them."""

from collections.abc import Mapping, Sequence
from typing import Any

from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.stored.options import Options

UNTOUCHED = "THE FAULTS TOUCHED NOTHING: this run says no more than one without them"


def bite_of(options: Options, network: Network, effects: Sequence[Effect]) -> dict[str, Any]:
    """Return what the faults touched, in all; `told` says it in a line, empty without faults."""
    messages = {
        "messages_cut": network.cut_count,
        "messages_lost": network.lost_count,
        "messages_repeated": network.repeated_count,
        "messages_slowed": network.slowed_count,
        "messages_lost_to_kills": network.killed_count,
    }
    kills = sum(len(effect.nodes) for effect in effects if effect.f == "kill")
    touched = any(messages.values()) or any(effect.messages_touched for effect in effects)
    bite = {
        "asked": _were_asked(options),
        "touched": touched or kills > 0,
        **messages,
        "kills": kills,
        "faults": len(effects),
        "operations_in_flight": sum(effect.operations_in_flight for effect in effects),
        "leader_known": sum(effect.leader is not None for effect in effects),
        "leader_hit": sum(effect.leader_hit for effect in effects),
    }
    return bite | {"told": _told(bite)}


def faults_touched_nothing(results: Mapping[str, Any]) -> bool:
    """Whether there were to be faults, and nothing met one."""
    return results["bite"]["asked"] and not results["bite"]["touched"]


def _were_asked(options: Options) -> bool:
    kinds = (options.nemeses, options.slow_ms, options.loss, options.duplication)
    return options.require_faults or any(kinds)


def _told(bite: Mapping[str, Any]) -> str:
    if not bite["asked"]:
        return ""
    if not bite["touched"]:
        return UNTOUCHED
    told = (
        f"messages: {bite['messages_cut']} cut, {bite['messages_lost']} lost, "
        f"{bite['messages_repeated']} repeated"
    )
    if bite["messages_slowed"]:
        told += f", {bite['messages_slowed']} slowed"
    if bite["messages_lost_to_kills"]:
        told += f", {bite['messages_lost_to_kills']} lost to kills"
    if bite["faults"]:
        told += f"; {bite['operations_in_flight']} operations in flight when faults began; "
        told += _leader_hits(bite)
    return told


def _leader_hits(bite: Mapping[str, Any]) -> str:
    if not bite["leader_known"]:
        return "who leads can't be told from the messages"
    return (
        f"the leader, as the messages tell it, was hit by {bite['leader_hit']} of "
        f"{bite['leader_known']} faults"
    )
