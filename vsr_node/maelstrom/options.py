"""The command line of the node."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vsr_node.core.limits import Limits

if TYPE_CHECKING:
    import argparse

IN_MEMORY = "none"

LOG_LEVELS = ("debug", "info", "warning", "error")

OPERATION_BYTES_LIMIT = 4 << 20
"""No larger bound can be chosen: what is uncommitted must fit in one message."""


class Options(NamedTuple):
    """The options of the node."""

    clients_max: int = Limits().clients_max
    operation_bytes_max: int = (1 << 20) + (1 << 16) + 4
    """Bytes that the key and the values of one request may have, as JSON in UTF-8: by default those
    of a value of 1 MiB with a key of 64 KiB."""
    quorum_reads: bool = True
    members: tuple[str, ...] = ()
    """The founders of the group; all nodes if there are none."""
    reconfigure_every_s: float | None = None
    """How old an epoch gets, in seconds, before the group changes its members by itself; None: as
    old as it gets."""
    data_dir: str | None = None
    """A folder or ``IN_MEMORY``; None stands for the default journal."""
    is_flushed: bool = True
    """Whether data in ``data_dir`` survive a loss of power."""
    trace: str | None = None
    """The file for events; each node's has its name in it."""
    trace_events: tuple[str, ...] = ()
    """The beginnings of the names of events to trace; all if there are none."""
    log_level: str | None = None
    """From which level on events are logged for people."""
    metrics: str | None = None
    """The file for metrics; each node's has its name in it."""

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens to the events of the protocol."""
        return any((self.trace, self.log_level, self.metrics))


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the command line; exit if it is wrong or asks for help."""
    if not arguments:
        return Options()
    # Imported late: most starts have no options and need not wait for these.
    import argparse

    from vsr_node.shell_command import command_here

    default = Options()
    parser = argparse.ArgumentParser(
        prog=command_here("node"),
        description="A Viewstamped Replication node for Jepsen Maelstrom: reads messages as JSON "
        "lines on stdin, writes messages to stdout and logs to stderr. Serves all workloads "
        "of Maelstrom at once.",
    )
    parser.add_argument(
        "--clients-max",
        type=int,
        default=default.clients_max,
        metavar="N",
        help="number of clients whose requests are remembered, so that a repeated request is not "
        "executed again; all nodes of a group need the same number (default: %(default)s)",
    )
    parser.add_argument(
        "--operation-bytes-max",
        type=int,
        default=default.operation_bytes_max,
        metavar="N",
        help="number of bytes that the key and the values of one request may have as JSON; larger "
        f"requests are refused with error 12; at most {OPERATION_BYTES_LIMIT} "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--reads",
        choices=("quorum", "log"),
        default="quorum",
        help="quorum: a read asks a quorum how far the log goes and is answered from this node's "
        "state; log: a read goes through the log like a write (default: %(default)s)",
    )
    parser.add_argument(
        "--members",
        metavar="NODE,...",
        help="the nodes that found the group; the others wait until they become members "
        "(docs/MEMBERSHIP.md; default: all nodes)",
    )
    parser.add_argument(
        "--reconfigure-every",
        type=float,
        metavar="SECONDS",
        help="change the members of the group each time that an epoch is so old "
        "(default: only when a client asks)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where this node keeps its data, in a folder of its own; none: in memory, so that a "
        "killed node forgets its data without noticing (default: a folder in the system's "
        "temporary folder, found again when the same process restarts the node)",
    )
    parser.add_argument(
        "--fsync",
        choices=("always", "never"),
        help="whether data in --data-dir survive a loss of power; never: only the promises of "
        "view changes do, and after a reboot the node gets its data from the others "
        "(default: always)",
    )
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="append what the protocol does to a file, as JSON Lines; FILE.jsonl becomes "
        "FILE.n0.jsonl for the node n0 (docs/TELEMETRY.md)",
    )
    parser.add_argument(
        "--trace-events",
        metavar="PREFIX,...",
        help="trace the events whose names begin so, for example view_change,leadership "
        "(default: all)",
    )
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        help="log events of this level and above to stderr (default: none)",
    )
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        help="write metrics in Prometheus's text format to a file, anew each second; as --trace, "
        "a file a node",
    )
    options = parser.parse_args(arguments)
    if options.clients_max < 1:
        parser.error("--clients-max must be at least 1")
    if not 1 <= options.operation_bytes_max <= OPERATION_BYTES_LIMIT:
        parser.error(f"--operation-bytes-max must be from 1 to {OPERATION_BYTES_LIMIT}")
    members = tuple(filter(None, (options.members or "").split(",")))
    if options.members is not None and (not members or len(set(members)) < len(members)):
        parser.error("--members must name one node or more, each of them once")
    if options.reconfigure_every is not None and not options.reconfigure_every > 0:
        parser.error("--reconfigure-every must be more than 0")
    if options.data_dir == "":
        parser.error("--data-dir must not be empty")
    if options.fsync is not None and options.data_dir in (None, IN_MEMORY):
        parser.error("--fsync requires --data-dir")
    trace_events = tuple(filter(None, (options.trace_events or "").split(",")))
    if trace_events and options.trace is None:
        parser.error("--trace-events requires --trace")
    if trace_events:
        _require_known(trace_events, parser)
    return Options(
        clients_max=options.clients_max,
        operation_bytes_max=options.operation_bytes_max,
        quorum_reads=options.reads == "quorum",
        members=members,
        reconfigure_every_s=options.reconfigure_every,
        data_dir=options.data_dir,
        is_flushed=options.fsync != "never",
        trace=options.trace,
        trace_events=trace_events,
        log_level=options.log_level,
        metrics=options.metrics,
    )


def _require_known(prefixes: tuple[str, ...], parser: "argparse.ArgumentParser") -> None:
    """Exit with a usage error if no event has such a name: a trace would stay empty."""
    from vsr_node.telemetry.dispatch import names_under

    try:
        names_under(prefixes)
    except ValueError as error:
        parser.error(f"--trace-events: {error} (docs/TELEMETRY.md)")
