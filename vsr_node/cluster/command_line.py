"""The commands of a group over TCP: ``vsr serve``, ``call``, ``status``, ``members`` and others.

Each option is also an environment variable, ``--peers`` is ``VSR_PEERS``, and a key in the TOML
file of ``--config``, ``peers``. The command line comes before the environment, and that before the
file.
"""

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vsr_node.client.asynchronous import Client
from vsr_node.client.blocking import SyncClient
from vsr_node.client.errors import OutcomeUnknown
from vsr_node.client.security import TLS
from vsr_node.cluster.server import Server
from vsr_node.core.membership import VIEWS_PER_EPOCH
from vsr_node.machines.errors import BadArguments, CommandError, VsrError
from vsr_node.machines.library.key_value import KeyValue
from vsr_node.machines.typed import Command, Machine, commands_of
from vsr_node.shell_command import command_here
from vsr_node.storage.protocol import StorageError

EXIT_OK, EXIT_INVARIANT, EXIT_USAGE, EXIT_FAILED, EXIT_UNKNOWN, EXIT_STORAGE = 0, 1, 2, 3, 4, 74
"""3: the call surely was not executed, or is an error. 4: nobody knows."""

COMMANDS = ("serve", "call", "get", "put", "cas", "status", "members", "pki")


COMMON: dict[str, dict[str, Any]] = {
    "peers": {"required": True, "help": "NAME=HOST:PORT,.. of the members, in one order"},
    "tls": {"help": "a folder with ca.pem, cert.pem and key.pem"},
    "group": {"default": "vsr", "help": "the group's name"},
    "timeout": {"type": float, "default": 10.0, "help": "seconds"},
}
"""The options of all commands but ``pki``."""

SETTINGS = (
    *COMMON,
    "name",
    "members",
    "data-dir",
    "listen",
    "http",
    "flush",
    "trace",
    "trace-events",
)
"""The options that an environment variable or the file of --config may give."""


class UsageError(Exception):
    """The command line makes no sense; the text is for people."""


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    try:
        options = _parser(_settings_of(arguments)).parse_args(arguments)
        return int(options.run(options))
    except (UsageError, ValueError, BadArguments) as error:
        return _complain(error, EXIT_USAGE)
    except StorageError as error:
        return _complain(error, EXIT_STORAGE)
    except OutcomeUnknown as error:
        return _complain(f"nobody knows whether it was executed: {error}", EXIT_UNKNOWN)
    except (VsrError, CommandError) as error:
        return _complain(f"{type(error).__name__}: {error}", EXIT_FAILED)
    except OSError as error:
        return _complain(error, EXIT_FAILED)


def _complain(error: object, status: int) -> int:
    print(f"vsr: {error}", file=sys.stderr)
    return status


def _settings_of(arguments: Sequence[str]) -> dict[str, str]:
    """Return what the options would be without the command line: of --config and VSR_*."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", default=os.environ.get("VSR_CONFIG"))
    path = finder.parse_known_args(arguments)[0].config
    settings = {} if not path else _read_settings(Path(path))
    given = {name: os.environ.get(_variable(name)) for name in SETTINGS}
    return settings | {name: value for name, value in given.items() if value is not None}


def _variable(option: str) -> str:
    return f"VSR_{option.replace('-', '_').upper()}"


def _read_settings(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--config {path}: {error}") from None
    unknown = sorted(table.keys() - set(SETTINGS))
    if unknown:
        raise UsageError(f"--config {path}: {', '.join(unknown)} is none of {', '.join(SETTINGS)}")
    return {name: str(value) for name, value in table.items()}


def _parser(settings: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=command_here())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name != "pki":
            _add_common(command, settings)
        return command

    serve = add("serve", _serve, "be a member of a group")
    serve.add_argument("machine", nargs="?", default="", help="MODULE:CLASS; KeyValue without it")
    _add(serve, settings, "name", help="which of --peers this is", required=True)
    _add(
        serve,
        settings,
        "members",
        help="NAME,..: the founders of the group, the same at all (those of --peers)",
    )
    _add(
        serve,
        settings,
        "data-dir",
        help="where its journal is kept; 'none': in memory",
        required=True,
    )
    _add(serve, settings, "listen", help="HOST:PORT to listen at, if not the one in --peers")
    _add(serve, settings, "http", help="HOST:PORT of /livez, /readyz, /metrics and /status")
    _add(serve, settings, "flush", default="always", help="always or never wait for the disk")
    _add(
        serve,
        settings,
        "trace",
        type=Path,
        help="a file to which events are appended as JSON Lines",
    )
    _add(
        serve,
        settings,
        "trace-events",
        default="",
        help="PREFIX,..: only these (docs/TELEMETRY.md)",
    )
    serve.add_argument("--insecure", action="store_true", help="serve other machines without TLS")
    call = add("call", _call, "execute a command of a machine")
    call.add_argument("machine", help="MODULE:CLASS")
    call.add_argument("command")
    call.add_argument("arguments", nargs="*", help="JSON, or a text as it is")
    for name, names in (("get", ("key",)), ("put", ("key", "value"))):
        command = add(name, _key_value, f"{name} a value of KeyValue")
        for each in names:
            command.add_argument(each)
        command.set_defaults(method=name)
    cas = add("cas", _key_value, "put a value if the key has the expected one")
    for each in ("key", "expected", "value"):
        cas.add_argument(each)
    cas.set_defaults(method="cas")
    add("status", _status, "print the state of all members").add_argument(
        "--json", action="store_true", help="a JSON object a line"
    )
    members = add("members", _members, "print the group's members, or change them")
    how = members.add_mutually_exclusive_group()
    how.add_argument("--add", metavar="NAME=HOST:PORT,..", help="let these join")
    how.add_argument("--remove", metavar="NAME,..", help="let these leave")
    how.add_argument(
        "--replace",
        nargs=2,
        metavar=("NAME", "NAME=HOST:PORT"),
        help="let one leave, and another one join in its place",
    )
    how.add_argument("--set", metavar="NAME[=HOST:PORT],..", help="let these be all members")
    pki = add("pki", _pki, "make an authority and certificates, for trying TLS")
    pki.add_argument("folder", type=Path)
    pki.add_argument("names", nargs="+", metavar="MEMBER")
    pki.add_argument("--days", type=int, default=365)
    return parser


def _add(
    parser: argparse.ArgumentParser, settings: Mapping[str, str], name: str, **how: Any
) -> None:
    """Add an option that an environment variable or the file of --config may give."""
    assert name in SETTINGS, name
    if name in settings:
        how.update(default=settings[name], required=False)
    parser.add_argument(f"--{name}", **how)


def _add_common(parser: argparse.ArgumentParser, settings: Mapping[str, str]) -> None:
    parser.add_argument("--config", metavar="FILE", help="a TOML file with options, by name")
    for name, how in COMMON.items():
        _add(parser, settings, name, **how)


def _peers(options: argparse.Namespace) -> dict[str, str]:
    return _addresses("--peers", options.peers)


def _addresses(option: str, text: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in text.split(",") if each]
    members = {name: address for name, _, address in pairs}
    if (
        not members
        or len(members) < len(pairs)
        or not all(name and _is_address(address) for name, address in members.items())
    ):
        raise UsageError(f"{option}: expected NAME=HOST:PORT,.., not {text!r}")
    return members


def _is_address(text: str) -> bool:
    """Return whether a text is HOST:PORT."""
    return text.rpartition(":")[2].isdecimal()


def _security(options: argparse.Namespace) -> TLS | None:
    if not options.tls:
        return None
    security = TLS.folder(options.tls)
    for path in (security.authority, security.certificate, security.key):
        if not path.is_file():
            raise UsageError(f"--tls: there is no {path}")
    return security


def _machine(text: str) -> type[Machine]:
    """Return the class that MODULE:CLASS names; modules of this folder are found."""
    module_name, _, name = text.partition(":")
    if not name:
        raise UsageError(f"{text}: expected MODULE:CLASS")
    sys.path.insert(0, str(Path.cwd()))
    try:
        machine = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{text}: {error}") from None
    finally:
        sys.path.pop(0)
    if not (isinstance(machine, type) and issubclass(machine, Machine)):
        raise UsageError(f"{text} is no Machine")
    return machine


def _serve(options: argparse.Namespace) -> int:
    machine = _machine(options.machine) if options.machine else KeyValue
    is_volatile = options.data_dir == "none"
    for option in ("listen", "http"):
        address = getattr(options, option)
        if address and not _is_address(address):
            raise UsageError(f"--{option}: expected HOST:PORT, not {address!r}")
    server = Server(
        machine,
        name=options.name,
        members=_peers(options),
        founders=_names(options.members) if options.members else None,
        data_dir=None if is_volatile else Path(options.data_dir),
        volatile=is_volatile,
        flush=options.flush,
        security=_security(options),
        insecure=options.insecure,
        listen=options.listen or "",
        group=options.group,
        http=options.http or "",
        trace=options.trace,
        trace_events=[each for each in options.trace_events.split(",") if each],
    )
    return asyncio.run(_run(server, machine.__name__, secured=bool(options.tls)))


async def _read_certificates(server: Server[Any]) -> None:
    try:
        await server.read_certificates()
    except OSError as error:
        _complain(f"the certificates were not read: {error}", EXIT_OK)
    else:
        print(f"{server.name} has read its certificates", file=sys.stderr, flush=True)


async def _run(server: Server[Any], machine: str, *, secured: bool) -> int:
    """Serve until SIGTERM or SIGINT, or until the member ends by itself."""
    loop = asyncio.get_running_loop()
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    if secured:
        # Without TLS there is nothing to read, and SIGHUP ends the member as it ends others.
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(_read_certificates(server)))
    await server.start(timeout=None)
    members = ", ".join(f"{name} at {address}" for name, address in server.members.items())
    print(f"{server.name} serves {machine}; the group is {members}", file=sys.stderr, flush=True)
    ended = loop.create_task(server.wait())
    waits = loop.create_task(asked_to_end.wait())
    await asyncio.wait((ended, waits), return_when=asyncio.FIRST_COMPLETED)
    await server.stop()
    if ended.done():
        error = ended.exception()
        if isinstance(error, StorageError):
            raise error
        return EXIT_INVARIANT
    ended.cancel()
    return EXIT_OK


def _call(options: argparse.Namespace) -> int:
    machine = _machine(options.machine)
    command = commands_of(machine).get(options.command)
    if command is None:
        names = ", ".join(sorted(commands_of(machine)))
        raise UsageError(f"{options.machine} has no command {options.command}; it has {names}")
    return _execute(options, machine, command, [_value(each) for each in options.arguments])


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _key_value(options: argparse.Namespace) -> int:
    command = commands_of(KeyValue)[options.method]
    names = {"get": ("key",), "put": ("key", "value"), "cas": ("key", "expected", "value")}
    values = [getattr(options, name) for name in names[options.method]]
    return _execute(options, KeyValue, command, values)


def _execute(
    options: argparse.Namespace,
    machine: type[Machine],
    command: Command[Any, Any, Any],
    arguments: Sequence[object],
) -> int:
    with SyncClient.connect(
        machine,
        _peers(options),
        security=_security(options),
        timeout=options.timeout,
        group=options.group,
    ) as client:
        result = client.call(command.request(*arguments))
    if result is not None:
        print(result if isinstance(result, str) else json.dumps(result))
    return EXIT_OK


def _status(options: argparse.Namespace) -> int:
    members = _peers(options)
    states = asyncio.run(_ask_for_status(options, members))
    answered = {each["name"]: each for each in map(json.loads, states)}
    for name, address in members.items():
        state = answered.get(name)
        if options.json:
            print(json.dumps(state or {"name": name, "not_ready": "it does not answer"}))
        elif state is None:
            print(f"{name:8} {address:21} does not answer")
        else:
            print(
                f"{name:8} {address:21} {_role(state):8} {state['status']},"
                f" view {_view(state)}, op {state['op_number']}, commit {state['commit_number']}"
                + (f"; {state['not_ready']}" if state["not_ready"] else "")
            )
    return EXIT_OK if answered else EXIT_FAILED


def _view(state: Mapping[str, Any]) -> str:
    """Return the number of the view; in a later epoch after the epoch's and a point."""
    view = str(state["view_number"] % VIEWS_PER_EPOCH)
    return f"{state['epoch']}.{view}" if state["epoch"] else view


def _role(state: Mapping[str, Any]) -> str:
    if state["is_primary"]:
        return "primary"
    if state["name"] in state["members"]:
        return "backup"
    return "released" if state["is_released"] else "standby"


def _names(text: str) -> list[str]:
    return [each for each in text.split(",") if each]


def _members(options: argparse.Namespace) -> int:
    """Print the members of the newest epoch that is known, or let the group have others."""
    states = [json.loads(each) for each in asyncio.run(_ask_for_status(options, _peers(options)))]
    if not states:
        return _complain("nobody answers", EXIT_FAILED)
    newest = max(states, key=lambda state: (state["epoch"], state["is_primary"]))
    wanted = _wanted(options, newest)
    if wanted is None:
        _print_members(
            newest["epoch"], {n: newest["addresses"].get(n, "") for n in newest["members"]}
        )
        if newest["change"] is not None:
            print(f"in preparation: {', '.join(newest['change']['members'])}")
        return EXIT_OK
    changed = asyncio.run(_reconfigure(options, newest["addresses"], wanted, newest["epoch"]))
    _print_members(changed["epoch"], {name: wanted[name] for name in changed["members"]})
    return EXIT_OK


def _print_members(epoch: int, members: Mapping[str, str]) -> None:
    print(f"epoch {epoch}")
    for name, address in members.items():
        print(f"{name:8} {address}")


def _wanted(options: argparse.Namespace, state: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the members that the options ask for, with addresses; None if for no change."""
    known: dict[str, str] = state["addresses"]
    members = {name: known.get(name, "") for name in state["members"]}
    if options.add:
        return members | _addresses("--add", options.add)
    if options.remove:
        left = _names(options.remove)
        _require_members(left, members)
        return {name: address for name, address in members.items() if name not in left}
    if options.replace:
        old, new = options.replace
        _require_members([old], members)
        joining = _addresses("--replace", new)
        return {
            name: address
            for each in members
            for name, address in (joining if each == old else {each: members[each]}).items()
        }
    if options.set:
        pairs = [each.partition("=") for each in _names(options.set)]
        return _addresses(
            "--set",
            ",".join(f"{name}={address or known.get(name, '')}" for name, _, address in pairs),
        )
    return None


def _require_members(names: Sequence[str], members: Mapping[str, str]) -> None:
    for name in names:
        if name not in members:
            raise UsageError(f"{name} is no member; there are {', '.join(members)}")


async def _reconfigure(
    options: argparse.Namespace, known: Mapping[str, str], wanted: Mapping[str, str], epoch: int
) -> dict[str, Any]:
    client: Client[Any] = Client.connect_to_any(
        {**_peers(options), **known},
        security=_security(options),
        timeout=options.timeout,
        group=options.group,
    )
    async with client:
        return await client.reconfigure(wanted, epoch=epoch)


async def _ask_for_status(options: argparse.Namespace, members: dict[str, str]) -> list[str]:
    client: Client[Any] = Client.connect_to_any(
        members, security=_security(options), timeout=options.timeout, group=options.group
    )
    async with client:
        return await client.status()


def _pki(options: argparse.Namespace) -> int:
    try:
        from vsr_node.cluster.pki import make_certificates
    except ImportError:
        raise UsageError("pki needs a package: pip install cryptography") from None
    try:
        for path in make_certificates(options.folder, options.names, options.days):
            print(path)
    except FileExistsError as error:
        raise UsageError(f"{error.filename} exists already; name a new folder") from None
    return EXIT_OK
