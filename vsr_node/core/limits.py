"""The bounds that may be chosen when a replica is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``clients_max`` must be the same at all replicas of a group, the others need not."""

    clients_max: int = 10_000
    """Clients whose requests are remembered."""

    checkpoint_interval: int = 2_048
    """Entries between two checkpoints, at least, and entries that are kept before one."""

    chunk_parts: int = 512
    """Parts of a checkpoint in one message."""
