"""The bounds of the core: those that may be chosen when a replica is made, and the fixed ones.

What bounds times is in ``timers``. Sizes are those of ``size``: times 6, they are bytes.
"""

from typing import NamedTuple

BATCH_MAX = 512
"""Entries in one PREPARE, REQUEST or NEW_STATE, which ``Limits.batch_size`` bounds too."""

RESEND_MAX = 64
"""Entries that the primary sends again at once; a backup that lacks more asks for them."""

UNCOMMITTED_MAX = 4096
"""Entries that the primary logs beyond its commit_number; ``Limits.uncommitted_size`` too."""

REORDER_MAX = 4096
"""How far ahead of its log a backup keeps entries that came early."""

SUFFIX_MAX = 8192
"""Entries that START_VIEW carries below the primary's commit_number to spare others a fetch."""

WAITING_MAX = 16_384
"""Requests that wait at one replica, and as many reads; beyond it new ones are refused."""

SECOND_MAX = 1_024
"""Requests that wait although another one with their number waits already."""

WINDOW = 64
"""Replies that the client table keeps of one client."""

FORGOTTEN_AT_ONCE = 16
"""How many replies go when there are more, so that few executions look for the lowest numbers."""

REPLIES_SIZE_MAX = 4 << 20
"""Size of the results that the client table keeps of one client."""

ALL_REPLIES_SIZE_MAX = 64 << 20
"""Size of the results that the client table keeps of all clients."""

SEALED_SIZE = 16 << 10
"""Larger operations get their digests some at a time, not all for a checkpoint."""

VIEWS_AHEAD_MAX = 1 << 48
"""How far the view of a message may be ahead of its receiver's: 65,536 epochs."""

OFFERED_MAX = 64
"""So many of the last entries of an epoch are sent to new members unasked."""

CATCH_UP_MAX = 512
"""How many committed entries a new member may lack when the change to it is logged."""

DOUBLINGS_MAX = 8
"""How often the time doubles after which a READ or a REQUEST is sent again."""


class Limits(NamedTuple):
    """``clients_max`` and ``registered`` must be the same at all replicas of a group."""

    clients_max: int = 10_000
    """The number of clients whose requests are remembered."""

    registered: bool = False
    """Whether clients register through the log, and nobody else's requests are executed."""

    checkpoint_interval: int = 2_048
    """Entries between two checkpoints, at least, and entries that are kept before one.

    Fewer lie between two that have ``checkpoint_size``.
    """

    checkpoint_size: int = 64 << 20
    """Size of the entries between two checkpoints, unless there are ``checkpoint_interval``.

    Also the size of the entries that are kept before one.
    """

    chunk_parts: int = 512
    """Parts of a checkpoint in one message, which ``batch_size`` bounds too."""

    batch_size: int = 2 << 20
    """Size of the entries or parts in one message, unless the first alone is larger.

    START_VIEW and RECOVERY_RESPONSE carry so much below the primary's commit_number.
    """

    uncommitted_size: int = 8 << 20
    """Size of the entries that the primary logs beyond its commit_number.

    An operation must not be larger. It also bounds what a backup keeps of entries that came early.
    With ``batch_size`` it is 60 MiB on the line, which is less than a node reads.
    """

    waiting_size: int = 64 << 20
    """Size of the requests that wait at one replica, and of as many reads; new ones are refused."""
