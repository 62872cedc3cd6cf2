"""Which part may import which: the architecture, held by reading every import in vsr_node."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vsr_node"

# Each folder and module at the top of vsr_node, and the others that it may import from.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {"start", "machines", "client", "cluster", "testing"},
    "entry": {"__init__", "start"},
    "start": set(),
    "shell_command": set(),
    "worker_processes": {"start"},
    "__main__": {"shell_command", "maelstrom", "bench", "checker", "simulation", "cluster"},
    "core": set(),
    "links": set(),
    "machines": set(),
    "checker": {"shell_command"},
    "report": {"checker", "shell_command"},
    "storage": {"core"},
    "telemetry": {"core"},
    "wire": {"core", "links"},
    "client": {"machines", "wire"},
    "cluster": {
        *("core", "links", "machines", "storage", "telemetry", "wire", "client", "shell_command"),
    },
    "maelstrom": {
        *("core", "links", "machines", "storage", "telemetry", "wire", "cluster", "shell_command"),
    },
    "bench": {
        *("checker", "report", "shell_command", "start", "worker_processes"),
        *("client", "cluster", "machines"),
    },
    "simulation": {
        *("core", "links", "machines", "storage", "wire", "maelstrom", "telemetry", "checker"),
        *("report",),
        *("client",),
        *("shell_command", "start", "worker_processes"),
    },
    "testing": {"core", "machines", "wire", "cluster", "simulation"},
}

# Each room of the bench, and the other rooms that it may import from. "" is the bench's own top;
# ``broken`` and ``yardsticks`` are scripts, which know nothing of the bench.
ROOM_MAY_IMPORT: dict[str, set[str]] = {
    "nodes": set(),
    "broken": set(),
    "yardsticks": set(),
    "faults": {"nodes"},
    "workloads": {"nodes"},
    "stored": {"faults", "nodes", "workloads"},
    "perf": {"nodes", "stored"},
    "embedding": {"stored"},
    "running": {"faults", "nodes", "stored", "workloads"},
    "hunting": {"faults", "nodes", "running", "stored", "workloads"},
    "workshop": {"faults", "nodes", "running", "stored", "workloads"},
    "command_line": {
        *("faults", "hunting", "nodes", "perf", "running", "stored", "workloads", "workshop"),
        *("embedding",),
    },
    "": {"command_line"},
}

# The core is a function of what it is handed: nothing in it can reach a clock, a file, a process,
# a thread or a random number of its own. (`Random` is the type of the generator handed in.)
CORE_MAY_IMPORT_FROM_OUTSIDE = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "random.Random",
    "types",
    "typing",
    "zlib.crc32",
}


def imported_names(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of all that a module imports, wherever in it that stands.

    `module` is the module's own dotted name, with `.__init__` for a package; relative imports are
    resolved against it. `from a import b` yields `a.b`, whether b is a module or not.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield node.lineno, alias.name
            case ast.ImportFrom():
                base = module.split(".")[: -node.level] if node.level else []
                prefix = ".".join(base + ([node.module] if node.module else []))
                for alias in node.names:
                    yield node.lineno, f"{prefix}.{alias.name}"
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def violations(package: Path) -> list[str]:
    """Return a line for every import in `package` that the tables above do not allow."""
    found = []
    paths = sorted(package.rglob("*.py"))
    modules = {path: path.relative_to(package).with_suffix("").parts for path in paths}
    tops = {names[0] for names in modules.values()}
    found += [f"{top}: has no import rule" for top in sorted(tops - MAY_IMPORT.keys())]
    for path, names in modules.items():
        module = ".".join((package.name, *names))
        for line, name in imported_names(path.read_text(encoding="utf-8"), module):
            if not is_allowed(name, names[0], tops, package.name):
                found.append(f"{path.relative_to(package)}:{line}: {name}")
    return found


def room_violations(bench: Path) -> list[str]:
    """Return a line for every import between rooms that ROOM_MAY_IMPORT forbids."""
    prefix = f"{bench.parent.name}.{bench.name}."
    rooms = {path.name for path in bench.iterdir() if any(path.rglob("*.py"))}
    found = [f"{room}: has no import rule" for room in sorted(rooms - ROOM_MAY_IMPORT.keys())]
    for path in sorted(bench.rglob("*.py")):
        relative = path.relative_to(bench)
        room = relative.parts[0] if len(relative.parts) > 1 else ""
        module = prefix + ".".join(relative.with_suffix("").parts)
        allowed = {room} | ROOM_MAY_IMPORT.get(room, set())
        for line, name in imported_names(path.read_text(encoding="utf-8"), module):
            target = name.removeprefix(prefix).split(".")[0] if name.startswith(prefix) else ""
            if target in rooms - allowed:
                found.append(f"{relative}:{line}: {name}")
    return found


def is_allowed(name: str, importer: str, tops: set[str], package: str) -> bool:
    """Return whether ``importer``, a folder or module at the top, may import ``name``."""
    first, *rest = name.split(".")
    if first != package:
        if importer != "core":
            return True
        return {name, name.rpartition(".")[0]} & CORE_MAY_IMPORT_FROM_OUTSIDE != set()
    target = rest[0] if rest else ""
    if target == importer or target not in tops:
        return True
    return target in MAY_IMPORT.get(importer, set())


def test_folders_import_only_what_the_architecture_allows() -> None:
    assert violations(PACKAGE) == []


def test_rooms_of_the_bench_import_only_what_the_architecture_allows() -> None:
    assert room_violations(PACKAGE / "bench") == []


@pytest.mark.parametrize("table", [MAY_IMPORT, ROOM_MAY_IMPORT], ids=["folders", "rooms"])
def test_the_table_has_no_cycle(table: dict[str, set[str]]) -> None:
    remaining = dict(table)
    while remaining:
        leaves = {folder for folder, targets in remaining.items() if not targets & remaining.keys()}
        assert leaves, f"these import each other: {sorted(remaining)}"
        remaining = {folder: remaining[folder] for folder in remaining.keys() - leaves}


@pytest.mark.parametrize(
    ("path", "source", "violation"),
    [
        (
            "faults/a.py",
            "from made_up.bench.stored.options import Options",
            "stored.options.Options",
        ),
        ("nodes/a.py", "import made_up.bench.faults.plan", "faults.plan"),
        ("nodes/a.py", "from ..faults import plan", "faults.plan"),
        ("stored/a.py", "def f():\n    from made_up.bench.running import runner", "running.runner"),
        ("a.py", "from made_up.bench import nodes", "nodes"),
    ],
)
def test_a_violation_between_rooms_is_found(
    tmp_path: Path, path: str, source: str, violation: str
) -> None:
    rooms = {f"bench/{room}/__init__.py": "" for room in ROOM_MAY_IMPORT if room}
    package = make_package(tmp_path, rooms | {f"bench/{path}": source})
    (found,) = room_violations(package / "bench")
    assert found == f"{path}:{len(source.splitlines())}: made_up.bench.{violation}"


def test_a_room_without_a_rule_is_found(tmp_path: Path) -> None:
    package = make_package(tmp_path, {"bench/attic/a.py": ""})
    assert room_violations(package / "bench") == ["attic: has no import rule"]


@pytest.mark.parametrize(
    ("path", "source", "violation"),
    [
        ("core/replica.py", "import made_up.bench", "made_up.bench"),
        ("core/replica.py", "import made_up.bench.cli as c", "made_up.bench.cli"),
        ("core/replica.py", "from made_up.bench import cli", "made_up.bench.cli"),
        ("core/replica.py", "from made_up import bench", "made_up.bench"),
        ("core/replica.py", "from ..bench import cli", "made_up.bench.cli"),
        ("core/replica.py", "from .. import bench", "made_up.bench"),
        ("core/__init__.py", "from ..bench import cli", "made_up.bench.cli"),
        ("core/deep/inner.py", "from ...bench.cli import main", "made_up.bench.cli.main"),
        ("core/deep/__init__.py", "from ... import bench", "made_up.bench"),
        ("checker/a.py", "def f():\n    import made_up.core", "made_up.core"),
        (
            "checker/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up.core import a",
            "made_up.core.a",
        ),
        (
            "checker/a.py",
            "import importlib\nimportlib.import_module('made_up.core')",
            "made_up.core",
        ),
        ("checker/a.py", "__import__('made_up.core')", "made_up.core"),
        ("bench/a.py", "from made_up.core import replica", "made_up.core.replica"),
        ("__init__.py", "from made_up.core import replica", "made_up.core.replica"),
        ("core/replica.py", "from made_up.shell_command import f", "made_up.shell_command.f"),
        ("core/replica.py", "import time", "time"),
        ("core/replica.py", "from time import monotonic", "time.monotonic"),
        ("core/replica.py", "import random", "random"),
        ("core/replica.py", "from os import path", "os.path"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, path: str, source: str, violation: str) -> None:
    package = make_package(tmp_path, {path: source})
    (found,) = violations(package)
    last_line = len(source.splitlines())
    assert found == f"{path}:{last_line}: {violation}"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "core/replica.py",
            "from . import log\nfrom .log import Log\nimport made_up.core",
        ),
        ("core/replica.py", "from made_up import __version__"),
        ("core/replica.py", "from random import Random\nfrom collections.abc import Iterator"),
        ("core/deep/inner.py", "from ..log import Log\nfrom .. import log"),
        ("bench/a.py", "import time, orjson\nfrom ..checker import check"),
    ],
)
def test_what_is_allowed_is_no_violation(tmp_path: Path, path: str, source: str) -> None:
    assert violations(make_package(tmp_path, {path: source})) == []


def test_a_folder_or_module_without_a_rule_is_found(tmp_path: Path) -> None:
    package = make_package(tmp_path, {"shed/tool.py": "", "hammer.py": ""})
    assert violations(package) == ["hammer: has no import rule", "shed: has no import rule"]


def make_package(parent: Path, sources: dict[str, str]) -> Path:
    package = parent / "made_up"
    paths = ("core/__init__.py", "checker/__init__.py", "bench/__init__.py", "shell_command.py")
    empty = dict.fromkeys(paths, "")
    for path, source in (empty | sources).items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(source, encoding="utf-8")
    return package
