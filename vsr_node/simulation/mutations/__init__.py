"""The catalogue of mutations: small, plausible protocol bugs that the simulator must notice.

Each is an ``Edit`` of source (``patching``), with the reason why it is a bug. Old texts must occur
exactly once in their file, so that a mutation which the core has outgrown is an error.

VRR is Liskov & Cowling, "Viewstamped Replication Revisited", MIT-CSAIL-TR-2012-021.
"""

from vsr_node.simulation.mutations import (
    exactly_once,
    normal_operation,
    quorum_read,
    recovery,
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
    *exactly_once.MUTATIONS,
)


def find(name: str) -> Mutation:
    """Return the mutation of that name. Raise KeyError."""
    return {mutation.name: mutation for mutation in CATALOGUE}[name]
