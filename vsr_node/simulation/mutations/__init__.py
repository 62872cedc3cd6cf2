"""The catalogue of mutations: small, plausible protocol bugs that the simulator must notice.

Each is an ``Edit`` of source (``patching``), with the reason why it is a bug. Old texts must occur
exactly once in their file, so that a mutation which the core has outgrown is an error.

Some edits do no harm, so nothing can notice them:

- ``timers``: a timer fires only when its deadline has passed. The next turn, a microsecond later,
  fires it.
- ``membership``: only the first members lead, as many as a quorum. One of them is always there.
- ``leading``: a late PREPARE_OK lowers what its sender has acknowledged. More is sent again, and
  the next one raises it.
- ``leading``: ``log_requests`` counts what has found no room. It is sent again after a time-out.
- ``following``: an older PREPARE sets ``echo`` back. A primary takes only echoes that are newer.
- ``view_change``: the first DO_VIEW_CHANGE of a replica is kept, not the last. In a view change
  its log does not change, but for what is committed.
- ``view_change``: a new primary believes its own commit_number alone, or sends START_VIEW without
  what others lack. It learns the rest from acknowledgements, and they fetch.
- ``state_transfer``: a repeated first chunk, of whatever checkpoint, makes a transfer begin anew.
  It takes longer, and what is fetched is a checkpoint in any case.
- ``voting``: votes are kept when a view begins. Which view is entered, and when, decides nothing
  about the log, and votes expire.
- ``waiting``: the primary also answers the last request that its view inherited, or leaves the
  first one of its own to the replica that took it. Either knows the result once it is committed.
- ``forwarding``: ``submit_again`` does not look at what is known. The primary does not log it
  again, and ``submit_overdue`` looks at it.

VRR is Liskov & Cowling, "Viewstamped Replication Revisited", MIT-CSAIL-TR-2012-021.
"""

from vsr_node.simulation.mutations import (
    exactly_once,
    links,
    machines,
    normal_operation,
    quorum_read,
    reconfiguration,
    recovery,
    sessions,
    state_transfer,
    view_change,
)
from vsr_node.simulation.patching import Mutation

CATALOGUE = (
    *normal_operation.MUTATIONS,
    *view_change.MUTATIONS,
    *state_transfer.MUTATIONS,
    *recovery.MUTATIONS,
    *quorum_read.MUTATIONS,
    *reconfiguration.MUTATIONS,
    *exactly_once.MUTATIONS,
    *sessions.MUTATIONS,
    *links.MUTATIONS,
    *machines.MUTATIONS,
)


def find(name: str) -> Mutation:
    """Return the mutation of that name. Raise KeyError."""
    return {mutation.name: mutation for mutation in CATALOGUE}[name]
