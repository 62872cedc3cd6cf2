"""The bounds of the core: those that may be chosen when a replica is made, and the fixed ones.

What bounds times is in ``timers``.
"""

from dataclasses import dataclass

BATCH_MAX = 512
"""Entries in one PREPARE, REQUEST or NEW_STATE."""

RESEND_MAX = 64
"""Entries that the primary sends again at once; a backup that lacks more asks for them."""

UNCOMMITTED_MAX = 4096
"""Entries that the primary logs beyond its commit_number."""

REORDER_MAX = 4096
"""How far ahead of its log a backup keeps entries that came early."""

SUFFIX_MAX = 8192
"""Entries that START_VIEW carries below the primary's commit_number to spare others a fetch."""

WAITING_MAX = 16_384
"""Requests that wait at one replica, and as many reads; beyond it new ones are refused."""

WINDOW = 64
"""Replies that the client table keeps of one client."""

FORGOTTEN_AT_ONCE = 16
"""How many replies go when there are more, so that few executions look for the lowest numbers."""

VIEWS_AHEAD_MAX = 1 << 32
"""How far the view of a message may be ahead of its receiver's."""

READ_DOUBLINGS_MAX = 8
"""How often the time doubles after which a READ without enough answers is given up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``clients_max`` must be the same at all replicas of a group, the others need not."""

    clients_max: int = 10_000
    """The number of clients whose requests are remembered."""

    checkpoint_interval: int = 2_048
    """Entries between two checkpoints, at least, and entries that are kept before one."""

    chunk_parts: int = 512
    """Parts of a checkpoint in one message."""
