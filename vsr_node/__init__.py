"""Viewstamped Replication: a node for Jepsen Maelstrom, and the tools that try to break it."""

import sys

__version__ = "0.1.0"

# True while Python imports the packages of the module that `python -m` names. This is the first
# of them, and the last place where no module of the caller's folder has been imported yet.
if sys.argv[:1] == ["-m"]:
    from vsr_node.start import restart_module

    restart_module()

# What embeds a group imports it from here. Each name is loaded when it is first used, so that the
# node and the tools, which use none, start without them.
_PUBLIC = {
    "AccessDenied": "client.errors",
    "BadArguments": "machines.errors",
    "Client": "client.asynchronous",
    "Closed": "client.errors",
    "CommandError": "machines.errors",
    "CommandFailed": "machines.errors",
    "Context": "machines.typed",
    "Counter": "machines.library.counter",
    "DeterminismWarning": "machines.determinism",
    "DivergenceError": "machines.errors",
    "KeyValue": "machines.library.key_value",
    "LocalCluster": "cluster.local",
    "Machine": "machines.typed",
    "NotExecuted": "machines.errors",
    "NotReady": "client.errors",
    "OutcomeUnknown": "client.errors",
    "Server": "cluster.server",
    "Rejected": "client.errors",
    "SessionExpired": "client.errors",
    "SyncClient": "client.blocking",
    "TLS": "client.security",
    "TooBusy": "client.errors",
    "Unavailable": "client.errors",
    "Report": "testing.simulate",
    "SimulationFailure": "testing.simulate",
    "VsrError": "machines.errors",
    "WrongGroup": "client.errors",
    "WrongVersion": "client.errors",
    "command": "machines.typed",
    "invariant": "machines.typed",
    "query": "machines.typed",
    "simulate": "testing.simulate",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vsr_node.client.asynchronous import Client as Client
    from vsr_node.client.blocking import SyncClient as SyncClient
    from vsr_node.client.errors import AccessDenied as AccessDenied
    from vsr_node.client.errors import Closed as Closed
    from vsr_node.client.errors import NotReady as NotReady
    from vsr_node.client.errors import OutcomeUnknown as OutcomeUnknown
    from vsr_node.client.errors import Rejected as Rejected
    from vsr_node.client.errors import SessionExpired as SessionExpired
    from vsr_node.client.errors import TooBusy as TooBusy
    from vsr_node.client.errors import Unavailable as Unavailable
    from vsr_node.client.errors import WrongGroup as WrongGroup
    from vsr_node.client.errors import WrongVersion as WrongVersion
    from vsr_node.client.security import TLS as TLS
    from vsr_node.cluster.local import LocalCluster as LocalCluster
    from vsr_node.cluster.server import Server as Server
    from vsr_node.machines.determinism import DeterminismWarning as DeterminismWarning
    from vsr_node.machines.errors import BadArguments as BadArguments
    from vsr_node.machines.errors import CommandError as CommandError
    from vsr_node.machines.errors import CommandFailed as CommandFailed
    from vsr_node.machines.errors import DivergenceError as DivergenceError
    from vsr_node.machines.errors import NotExecuted as NotExecuted
    from vsr_node.machines.errors import VsrError as VsrError
    from vsr_node.machines.library.counter import Counter as Counter
    from vsr_node.machines.library.key_value import KeyValue as KeyValue
    from vsr_node.machines.typed import Context as Context
    from vsr_node.machines.typed import Machine as Machine
    from vsr_node.machines.typed import command as command
    from vsr_node.machines.typed import invariant as invariant
    from vsr_node.machines.typed import query as query
    from vsr_node.testing.simulate import Report as Report
    from vsr_node.testing.simulate import SimulationFailure as SimulationFailure
    from vsr_node.testing.simulate import simulate as simulate


def __getattr__(name: str) -> object:
    """Load a public name."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
