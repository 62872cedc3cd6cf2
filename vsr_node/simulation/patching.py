"""Mutations replace source text of the core when it is imported.

The core has no switches: a process that is to run a mutant calls ``install`` before it imports the
core, and gets modules made from the patched text. Such a process never runs the true core.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Literal

PACKAGES = (
    *("vsr_node.core", "vsr_node.links", "vsr_node.machines", "vsr_node.storage"),
    "vsr_node.client",
)
"""What mutations edit. No two edited files have the same name."""


SEEDS_USUAL = 50
"""A mutation that takes more seeds needs a reason."""


class StaleMutationError(Exception):
    """A mutation's old text does not occur exactly once: the core has moved on."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In ``file`` of the core, the storage or the client, ``old`` becomes ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A small protocol bug. ``kind``: S breaks safety, L liveness. ``why``: what is wrong with it.

    ``rare`` is the reason if it takes more than ``SEEDS_USUAL`` seeds to be noticed.
    """

    name: str
    kind: Literal["S", "L"]
    why: str
    edits: tuple[Edit, ...]
    seeds_max: int = 300
    rare: str = ""


def patch(mutation: Mutation, file: str, source: str) -> str:
    """Return a file's source with the mutation's edits. Raise StaleMutationError."""
    for edit in mutation.edits:
        if edit.file != file:
            continue
        count = source.count(edit.old)
        if count != 1:
            raise StaleMutationError(
                f"{mutation.name}: its old text occurs {count} times in {file}, not once:\n"
                f"{edit.old}"
            )
        source = source.replace(edit.old, edit.new)
    return source


class _PatchedLoader(SourceFileLoader):
    """Loads a module from its patched source, past any cached bytecode."""

    def __init__(self, name: str, path: str, mutation: Mutation) -> None:
        super().__init__(name, path)
        self._mutation = mutation

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        file = path.replace("\\", "/").rpartition("/")[2]
        return compile(patch(self._mutation, file, source), path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the modules of the core that a mutation edits."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation
        self._files = {edit.file for edit in mutation.edits}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package not in PACKAGES or f"{name}.py" not in self._files:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _PatchedLoader(fullname, spec.origin, self._mutation)
        return spec


def install(mutation: Mutation) -> None:
    """Make this process import the mutated core. It must not have imported any of it yet."""
    imported = [name for name in sys.modules if name.startswith(PACKAGES)]
    if imported:
        raise RuntimeError(f"the core was imported before the mutation: {imported[0]}")
    sys.meta_path.insert(0, _Finder(mutation))
