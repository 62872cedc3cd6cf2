"""The rules of prose that a machine can check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CHECKED = ("README.md", "docs", "scripts", "vsr_node")
"""Folders and files that keep the rules."""

STUMBLES = re.compile(
    r"\b(at yours|of whichever|what is none|none for what|whose they are|is told (?:as|by|in)"
    r"|nobody (?:ever )?tells|hangs? on (?:its|their|these)|it has nothing to say)\b",
    re.IGNORECASE,
)
SINGLE_BACKTICKS = re.compile(r"(?<!`)`[^`\n]+`(?!`)")
BEGINNINGS = re.compile(r"(If|What|Who|Whose|Whichever|Where|When|So|Of|From)\b|\w*[^s\W]s\b")
"""Of a function's docstring: a clause, or a verb in the third person."""


def files(ending: str) -> list[Path]:
    paths = [ROOT / name for name in CHECKED]
    found = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted(file for file in found if file.suffix == ending)


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yield the line and text of each docstring, and whether it is that of a function."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for place, statement in enumerate(body if isinstance(body, list) else ()):
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text, place == 0 and is_function(node)


def is_function(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    names = [each.id for each in node.decorator_list if isinstance(each, ast.Name)]
    return "property" not in names


def faults_of(source: str) -> list[str]:
    faults = [
        f"line {number}: {found[0]!r}"
        for number, line in enumerate(source.split("\n"), start=1)
        if (found := STUMBLES.search(line))
    ]
    for line, text, is_of_function in docstrings(ast.parse(source)):
        if found := SINGLE_BACKTICKS.search(text):
            faults.append(f"line {line}: single backticks around {found[0]}")
        if is_of_function and (found := BEGINNINGS.match(text)):
            faults.append(f"line {line}: a function's docstring begins with {found[0]!r}")
    return faults


@pytest.mark.parametrize("file", files(".py"), ids=lambda file: str(file.relative_to(ROOT)))
def test_docstrings_keep_the_rules(file: Path) -> None:
    assert faults_of(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "file",
    files(".md") + files(".js") + files(".html"),
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_texts_keep_the_rules(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert [found[0] for found in STUMBLES.finditer(text)] == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('def f():\n    """Says what it is."""', "begins with 'Says'"),
        ('def f():\n    """If it is there."""', "begins with 'If'"),
        ('"""The ends of `this`."""', "single backticks around `this`"),
        ("x = 1  # None for what is none", "'None for what'"),
    ],
)
def test_a_fault_is_found(source: str, fault: str) -> None:
    (found,) = faults_of(source)
    assert fault in found


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """Pass it on."""',
        'def f():\n    """Return ``this``."""',
        '@property\ndef f():\n    """Names of nodes."""',
        '"""Draws pages."""',
    ],
)
def test_other_texts_have_none(source: str) -> None:
    assert faults_of(source) == []
