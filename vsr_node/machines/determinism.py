"""A lint of commands: what may give another value at another member is warned of at import."""

import ast
import inspect
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType

_TIME = "use context.now"
_CHANCE = "use context.random"
_PROCESS = "it differs by process"

CHANCY: Mapping[str, str] = {
    "time": _TIME,
    "datetime.now": _TIME,
    "datetime.today": _TIME,
    "datetime.utcnow": _TIME,
    "date.today": _TIME,
    "random": _CHANCE,
    "secrets": _CHANCE,
    "uuid.uuid1": "use context.uuid()",
    "uuid.uuid4": "use context.uuid()",
    "os": "members have other environments",
    "socket": "each member would send",
    "open": "members have other files",
    "input": "members have other terminals",
    "id": _PROCESS,
    "hash": _PROCESS,
}
"""Modules and functions whose values differ between members, with what to do instead."""


_MODULES = {"time", "random", "secrets", "uuid", "os", "socket"}


class DeterminismWarning(UserWarning):
    """A command uses what may differ between members."""


def warn_of_chance(functions: Sequence[FunctionType], allow: tuple[str, ...]) -> None:
    """Warn of all that functions use and that may differ between members, but for ``allow``."""
    for function in functions:
        for name, advice in sorted(set(_found_in(function))):
            if name not in allow:
                warnings.warn(
                    f"{function.__qualname__} uses {name}: {advice}, or allow=({name!r},) if it is "
                    "the same at all members",
                    DeterminismWarning,
                    stacklevel=3,
                )


def _found_in(function: FunctionType) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return  # Typed in by hand: there is no source.
    own = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
    for node in ast.walk(tree):
        match node:
            case ast.Name() | ast.Attribute():
                dotted = _dotted(node)
                if dotted.partition(".")[0] not in own:
                    yield from _chance_in(_resolved(dotted, function.__globals__))
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if _is_set(iterated):
                yield "set", "its order differs by process, so sort it"


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    return ""


def _resolved(dotted: str, names: Mapping[str, object]) -> str:
    """Return a dotted name with its first part as its own module calls it."""
    first, dot, rest = dotted.partition(".")
    value = names.get(first)
    if isinstance(value, ModuleType):
        return f"{value.__name__}{dot}{rest}"
    # The functions of ``random`` are methods of a generator.
    owner = type(getattr(value, "__self__", None))
    modules = _MODULES & {str(getattr(value, "__module__", "")), owner.__module__}
    return f"{min(modules)}.{dotted}" if modules else dotted


def _chance_in(dotted: str) -> Iterator[tuple[str, str]]:
    for name, advice in CHANCY.items():
        # ``datetime`` is a module and a class of it.
        if f"{dotted}.".startswith((f"{name}.", f"datetime.{name}.")):
            yield name, advice


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
    return False
