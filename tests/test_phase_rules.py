"""Whose a phase's object is: only the module of a phase looks into it, held by reading the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vsr_node"

# The objects of the phases, as attributes of a Replica, and the module of the core that owns each.
OWNERS = {
    "leading": "leading",
    "following": "following",
    "changing": "view_change",
    "recovering": "recovery",
    "voting": "voting",
    "waiting": "waiting",
    "incoming": "state_transfer",
    "reads": "quorum_read",
    "beginning": "reconfiguration",
    "fetching": "state_transfer",
    "standing": "standby",
    "handed_in": "standby",
}

CORE = PACKAGE / "core"


def violations(source: str, module: str, *, in_core: bool = True) -> Iterator[str]:
    """Yield a line for each look of ``module`` into an object that another module owns.

    ``replica.py`` holds the objects: it may make one, drop one, and ask whether one is there.
    """
    names = {"replica", "self"} if in_core else {"replica"}
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in OWNERS:
            continue
        if module == OWNERS[node.attr] or not is_replica(node.value, names):
            continue
        if module == "replica" and is_held(parents[node]):
            continue
        yield f"{module}:{node.lineno}: {ast.unparse(node)}"


def is_replica(node: ast.expr, names: set[str]) -> bool:
    """Say whether an expression stands for a replica: ``replica``, ``host.replica``, a list's."""
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr="replica") | ast.Subscript():
            return True
    return False


def is_held(parent: ast.AST) -> bool:
    """Say whether an object is assigned, or compared with None."""
    match parent:
        case ast.Assign() | ast.AnnAssign():
            return True
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
    return False


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_no_phase_looks_into_the_object_of_another(path: Path) -> None:
    assert list(violations(path.read_text(encoding="utf-8"), path.stem)) == []


@pytest.mark.parametrize("folder", ["simulation", "maelstrom", "storage"])
def test_no_driver_looks_into_the_object_of_a_phase(folder: str) -> None:
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert list(violations(source, path.stem, in_core=False)) == [], path


def test_each_owner_is_a_module_and_each_object_is_held_by_the_replica() -> None:
    assert all((CORE / f"{owner}.py").exists() for owner in OWNERS.values())
    source = (CORE / "replica.py").read_text(encoding="utf-8")
    assert all(f"self.{name}" in source for name in OWNERS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("recovery", "replica.leading.acknowledged"),
        ("recovery", "leading = replica.leading"),
        ("recovery", "replica.changing.is_due = True"),
        ("recovery", "replica.incoming = None"),
        ("recovery", "if replica.incoming is not None: pass"),
        ("cluster", "host.replica.waiting.held"),
        ("run", "replicas[0].voting.voted_at"),
        ("replica", "self.reads.count"),
        ("replica", "self.waiting.held.clear()"),
        ("replica", "go_on(self.leading)"),
    ],
)
def test_a_look_into_another_object_is_found(module: str, source: str) -> None:
    (found,) = violations(source, module)
    assert found.startswith(f"{module}:1: ")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("recovery", "replica.recovering.is_due = True"),
        ("view_change", "replica.changing.logs"),
        ("recovery", "state_transfer.ask(replica, primary)"),
        ("replica", "self.incoming = None"),
        ("replica", "self.leading: leading.Leading | None = None"),
        ("replica", "return self.leading is not None"),
        ("replica", "leading.on_resend(self)"),
        ("run", "replica.voted_at(name)"),
    ],
)
def test_what_is_allowed_is_no_violation(module: str, source: str) -> None:
    assert list(violations(source, module)) == []
