"""The nodes that the bench tests itself on: what each does wrong, and what finds it.

Each is a small executable in ``broken/`` that runs with plain python3:
``--bin vsr_node/bench/broken/stale_reads.py``, or, from anywhere, ``--bin broken:stale-reads``.
Every broken one must be found invalid with its options. Two are honest: ``honest`` keeps all data
in the memory of its first node and must be found valid whatever the network does;
``honest-on-disk`` keeps them in the folder that its argument names (``-- {run}``) and must be found
valid whatever happens to the processes, too.

The hard ones elect leaders and replicate a log: each is the honest ``raft`` with one mistake, which
shows only if faults meet it at the right moment. A single run may miss it.
"""

from pathlib import Path
from typing import NamedTuple

from vsr_node.bench.stored.options import RUN_FOLDER
from vsr_node.bench.workloads import DEFAULT
from vsr_node.start import isolated_script

BROKEN_PREFIX = "broken:"
FOLDER = Path(__file__).parent.parent / "broken"

HONEST = "honest"
HONEST_ON_DISK = "honest-on-disk"
ECHO_ONLY = "echo-only"
HONEST_RAFT = "raft"


def _group(options: str) -> tuple[str, ...]:
    """Return these options for a group of three nodes."""
    return tuple(f"--node-count 3 --concurrency 4n {options}".split())


_PLAIN = _group("--rate 100 --time-limit 5")
_MANY = _group("--rate 200 --time-limit 10")
_SLOW = (*_PLAIN, "--latency", "20")
_REPEATS = (*_MANY, "--latency", "20", "--latency-dist", "exponential", "--duplicate", "0.2")
# A kill makes requests time out, and a key is given up after so many: not each kill shows the lie.
_KILLS = _group("--rate 200 --time-limit 18 --nemesis kill --nemesis-interval 1")
# Many short cuts, as these lies show only when one of them hits the primary.
_SHORT_CUTS = _group("--rate 100 --time-limit 18 --nemesis partition --nemesis-interval 1")
_ON_DISK = ("--", f"{RUN_FOLDER}/data")


class BrokenNode(NamedTuple):
    """A lie, and the options of the bench that find it."""

    name: str
    lie: str
    found_by: tuple[str, ...]
    workload: str = DEFAULT


BROKEN_NODES = (
    BrokenNode("own-dict", "each replica answers from its own dict", _PLAIN),
    BrokenNode("early-ack", "the primary acknowledges before a quorum holds it", _SHORT_CUTS),
    BrokenNode("stale-reads", "a backup answers reads from its own state at once", _SLOW),
    BrokenNode("two-primaries", "a primary that was replaced never steps down", _SHORT_CUTS),
    BrokenNode("forgets-writes", "one of fifty writes is acknowledged and not done", _MANY),
    BrokenNode("late-cas", "cas compares when it comes and sets later", _MANY),
    BrokenNode("old-reply", "an equal request gets the client's last reply again", _PLAIN),
    BrokenNode("loses-order", "a new primary replays the log's end in another order", _PLAIN),
    BrokenNode("wrong-errors", "a definite error for one of twenty things done", _PLAIN),
    BrokenNode("cached-reads", "a read is served from a cache for 200 ms", _PLAIN),
    BrokenNode("dirty-reads", "reads show writes that are taken back later", _SHORT_CUTS),
    BrokenNode("forgets-all", "after a kill a node serves as if it were new", _KILLS),
    BrokenNode("does-it-twice", "a repeated request is done once more", _REPEATS),
)

HARD_NODES = (
    BrokenNode("raft-blind-votes", "voters don't compare logs", _ON_DISK),
    BrokenNode("raft-lone-reads", "a leader reads without a quorum", _ON_DISK),
    BrokenNode("raft-lagging-reads", "a follower that lags answers reads", _ON_DISK),
    BrokenNode("raft-early-reads", "reads before a leader's first commit", _ON_DISK),
    BrokenNode("raft-old-terms", "commits an older term's entry by counting", _ON_DISK),
    BrokenNode("raft-twice", "a forwarded request is done twice", _ON_DISK),
    BrokenNode("raft-short-snapshot", "a snapshot leaves out the last change", _ON_DISK),
    BrokenNode("raft-forgets-votes", "term and vote are forgotten at a kill", _ON_DISK),
    BrokenNode("raft-late-log", "the log is written after the answer", _ON_DISK),
    BrokenNode("forgets-all", "all is forgotten at a kill", ()),
)
"""Those that a hunt finds; their options are arguments of the node alone."""


def broken_command(name: str) -> tuple[str, ...]:
    """Return the command that starts one of the nodes. Raises KeyError, which lists all names."""
    lies = dict.fromkeys(node.name for node in (*BROKEN_NODES, *HARD_NODES))
    names = (HONEST, HONEST_ON_DISK, HONEST_RAFT, ECHO_ONLY, *lies)
    if name not in names:
        raise KeyError(f"there is no {BROKEN_PREFIX}{name}; there are {', '.join(names)}")
    return isolated_script(str(FOLDER / f"{name.replace('-', '_')}.py"))
