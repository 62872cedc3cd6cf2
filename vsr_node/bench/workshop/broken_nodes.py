"""The nodes that the bench tests itself on: what each does wrong, and what finds it.

Each is a small executable in ``broken/`` that runs with plain python3:
``--bin vsr_node/bench/broken/stale_reads.py``, or, from anywhere, ``--bin broken:stale-reads``.
Every broken one must be found invalid with its options, by the name of its anomaly where its
workload has names. Three are honest: ``honest`` and, for every workload, ``honest-all`` keep all
data in the memory of their first node and must be found valid whatever the network does;
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
HONEST_ALL = "honest-all"
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
    anomalies: tuple[str, ...] = ()
    """The verdict must name one of these; empty if any violation will do."""


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
"""Those that serve lin-kv."""

_IDS = "unique-ids"
_DUPLICATE_ID = ("duplicate-id",)
_SUM = ("wrong-final-read",)
_CUTS = _group("--rate 50 --time-limit 6 --nemesis partition --nemesis-interval 1")
_SOME_KILLS = _group("--rate 100 --time-limit 12 --nemesis kill --nemesis-interval 1")
# Rest, and what a kill leaves open, take 15 seconds more.
_QUICK_KILLS = _group("--rate 100 --time-limit 4 --nemesis kill --nemesis-interval 0.7")
_AT_ONCE = _group("--rate 1000 --time-limit 3")
_BRIEF = _group("--rate 100 --time-limit 3")
_LATE = (*_BRIEF, "--latency", "20", "--latency-dist", "exponential")

ADDITION_NODES = (
    BrokenNode("ids-without-name", "ids are a plain count", _BRIEF, _IDS, _DUPLICATE_ID),
    BrokenNode("ids-by-clock", "ids are node and millisecond", _AT_ONCE, _IDS, _DUPLICATE_ID),
    BrokenNode("ids-count-anew", "ids begin anew after a kill", _SOME_KILLS, _IDS, _DUPLICATE_ID),
    BrokenNode(
        "keeps-to-itself",
        "a message is never handed on",
        _BRIEF,
        "broadcast",
        ("missing-at-end",),
    ),
    BrokenNode(
        "tells-once",
        "a message is handed on once, and never again",
        _CUTS,
        "broadcast",
        ("lost", "missing-at-end"),
    ),
    BrokenNode(
        "tells-twice",
        "elements are a list, not a set",
        (*_LATE, "--duplicate", "0.2"),
        "broadcast",
        ("duplicate",),
    ),
    BrokenNode("set-drops", "one add of fifty is not done", _BRIEF, "g-set", ("lost",)),
    BrokenNode(
        "set-acks-early",
        "acknowledges before anybody else holds it",
        _QUICK_KILLS,
        "g-set",
        ("lost",),
    ),
    BrokenNode(
        "set-refuses-and-does",
        "a definite error for one of twenty messages kept",
        _BRIEF,
        "broadcast",  # In g-set every error leaves the outcome unknown.
        ("aborted-read",),
    ),
    BrokenNode(
        "counter-read-then-write",
        "adds without cas",
        (*_BRIEF, "--latency", "5"),
        "g-counter",
        _SUM,
    ),
    BrokenNode("counter-retries", "adds again after its own time-out", _LATE, "g-counter", _SUM),
    BrokenNode("counter-max-merge", "merges totals by max", _BRIEF, "pn-counter", _SUM),
)
"""Those that serve ids, sets and counters."""

OTHER_NODES = ADDITION_NODES
"""Those that serve other workloads than lin-kv."""

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
    lies = dict.fromkeys(node.name for node in (*BROKEN_NODES, *OTHER_NODES, *HARD_NODES))
    names = (HONEST, HONEST_ON_DISK, HONEST_ALL, HONEST_RAFT, ECHO_ONLY, *lies)
    if name not in names:
        raise KeyError(f"there is no {BROKEN_PREFIX}{name}; there are {', '.join(names)}")
    return isolated_script(str(FOLDER / f"{name.replace('-', '_')}.py"))
