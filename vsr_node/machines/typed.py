"""Machines of typed commands: a class whose methods are replicated.

    class Counter(Machine):
        value: int = 0

        @command
        def add(self, n: int) -> int:
            self.value += n
            return self.value

The command is the call. On the class it is sent to a group, and on an instance it is the function:

    await Counter.add(client, 5)    # an AsyncCaller[Counter]: the asyncio client
    Counter.add(client, 5)          # a SyncCaller[Counter]: the blocking client
    Counter().add(5)                # here and now, for unit tests

A client implements ``call(request)``. ``request.operation(now_us, chance)`` is the text that it
sends, and ``request.result(text)`` makes the value out of the answer, or raises the error that it
is. A repeated call must have the same text, so the text is made once.

A command that asks for a ``Context`` as its first parameter gets time and chance from it. The
client stamps both into the operation: all members then see the same, whoever takes the call.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from uuid import UUID

import msgspec

from .determinism import warn_of_chance
from .errors import BadArguments, CommandError, CommandFailed
from .state import parts_of, set_parts
from .types import has_set

M = TypeVar("M", bound="Machine")
P = ParamSpec("P")
R = TypeVar("R")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CHANCE_BITS = 48

_ENCODE = msgspec.json.Encoder().encode
_ENCODE_SORTED = msgspec.json.Encoder(order="deterministic").encode


class Context:
    """Time and chance of one operation, the same at all members."""

    __slots__ = ("_chance", "_now_us", "_random", "operation_number")

    def __init__(self, now_us: int = 0, chance: int = 0, operation_number: int = 0) -> None:
        self._now_us = now_us
        self._chance = chance
        self._random: Random | None = None
        self.operation_number = operation_number
        """How many operations the machine has executed with this one."""

    @property
    def now(self) -> datetime:
        """When the client made the call; never earlier than that of an operation before."""
        return EPOCH + timedelta(microseconds=self._now_us)

    @property
    def random(self) -> Random:
        """A generator of this operation's own."""
        if self._random is None:
            self._random = Random(self._chance)
        return self._random

    def uuid(self) -> UUID:
        """Return a random UUID (version 4)."""
        return UUID(int=self.random.getrandbits(128), version=4)


@typing.dataclass_transform(field_specifiers=(field,))
class Machine:
    """The base of replicated machines. A subclass becomes a dataclass: its fields are the state.

    All fields need defaults, and types that JSON can hold: see docs/EMBEDDING.md. The names in
    ``allow`` may stand in commands without a DeterminismWarning.
    """

    _context: Context | None = None

    def __init_subclass__(cls, *, allow: tuple[str, ...] = (), **options: Any) -> None:
        super().__init_subclass__(**options)
        members = list(vars(cls).values())
        dataclass(cls)
        functions = [each.function if isinstance(each, Command) else each for each in members]
        warn_of_chance(list(filter(inspect.isfunction, functions)), allow)

    def snapshot(self) -> tuple[str, ...]:
        """Return the state as texts: the same after the same operations.

        Override both methods to store the state otherwise.
        """
        return parts_of(self)

    def restore(self, parts: tuple[str, ...]) -> None:
        """Make the state what ``snapshot`` returned, at another member too."""
        set_parts(self, parts)


class AsyncCaller(Generic[M]):
    """Sends requests to a group, for coroutines."""

    async def call(self, request: Request[M, R]) -> R:
        """Return the result, or raise the error that it is."""
        raise NotImplementedError


class SyncCaller(Generic[M]):
    """Sends requests to a group, and blocks meanwhile."""

    def call(self, request: Request[M, R]) -> R:
        """Return the result, or raise the error that it is."""
        raise NotImplementedError


class Command(Generic[M, P, R]):
    """A method that changes the state, through the log."""

    is_read = False

    def __init__(self, function: Callable[..., R]) -> None:
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self.takes_context = _takes_context(function)

    @cached_property
    def codec(self) -> Codec:
        """The operations and results as texts; made late, as annotations may name later classes."""
        return Codec(self.name, self.function, self.takes_context)

    @overload
    def __get__(self, instance: None, owner: type[M]) -> Command[M, P, R]: ...
    @overload
    def __get__(self, instance: M, owner: type[M]) -> Callable[P, R]: ...
    def __get__(self, instance: M | None, owner: type[M]) -> Command[M, P, R] | Callable[P, R]:
        """Return the command, or the bound function of an instance."""
        if instance is None:
            return self
        bound: Any = self.function.__get__(instance)
        if not self.takes_context:
            return typing.cast("Callable[P, R]", bound)
        context = instance._context or Context()
        return lambda *args, **kwargs: typing.cast("R", bound(context, *args, **kwargs))

    @overload
    def __call__(
        self, client: AsyncCaller[M], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]: ...
    @overload
    def __call__(self, client: SyncCaller[M], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def __call__(
        self, client: AsyncCaller[M] | SyncCaller[M], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R] | R:
        """Execute the command at the group. Raises BadArguments before anything is sent."""
        return client.call(Request(self, *self.codec.check(args, kwargs)))

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request[M, R]:
        """Return the call as a value. Raises BadArguments."""
        return Request(self, *self.codec.check(args, kwargs))


class Query(Command[M, P, R]):
    """A method that changes nothing; it is answered from a member's state, and never old."""

    is_read = True


class Request(Generic[M, R]):
    """A call of a command, to be sent."""

    __slots__ = ("_arguments", "_command", "_encoded")

    def __init__(
        self, command: Command[M, Any, R], arguments: msgspec.Struct, encoded: bytes
    ) -> None:
        self._command = command
        self._arguments = arguments
        self._encoded = encoded

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing and need not go through the log."""
        return self._command.is_read

    def operation(self, now_us: int, chance: int) -> str:
        """Return the text to send.

        ``now_us`` is the time since 1970 in microseconds, and ``chance`` ``CHANCE_BITS`` random
        bits. Both matter only if the command has a context.
        """
        if not self._command.takes_context:
            return self._encoded.decode()
        return self._command.codec.stamped(self._arguments, now_us, chance)

    def result(self, text: str) -> R:
        """Return the value of an answer. Raises CommandError or CommandFailed if it is one."""
        return typing.cast("R", self._command.codec.value_of(text))

    def __repr__(self) -> str:
        return f"{self._command.function.__qualname__}{self._arguments!r}"


class Codec:
    """A command's operations and results as JSON texts.

    An operation is ``["add",5]``, with a context ``["buy",now_us,chance,"tea"]``; a result is
    ``{"ok":5}``, ``{"error":["OutOfStock","tea"]}`` or ``{"failed":"ZeroDivisionError"}``.
    """

    def __init__(self, name: str, function: Callable[..., object], takes_context: bool) -> None:
        hints = typing.get_type_hints(function, include_extras=True)
        parameters = list(inspect.signature(function).parameters.values())[1 + takes_context :]
        stamp: list[Any] = [("now_us_", int, 0), ("chance_", int, 0)] if takes_context else []
        own = [_field_of(name, parameter, hints) for parameter in parameters]
        self._name = name
        self._globals = getattr(function, "__globals__", {})
        # Defaults may stand before what has none, as the stamp always comes with the operation.
        self.struct = msgspec.defstruct(
            f"{name}_",
            stamp + own,
            tag=name,
            array_like=True,
            kw_only=True,
            frozen=True,
            forbid_unknown_fields=True,
        )
        self.kinds = {parameter.name: hints[parameter.name] for parameter in parameters}
        """The types of the arguments."""
        self._positional = tuple(
            parameter.name
            for parameter in parameters
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
        )
        self._keyword_only = tuple(name for name in self.kinds if name not in self._positional)
        self._head = (name, *(0 for _ in stamp))
        self._decoder = msgspec.json.Decoder(self.struct)
        self._encode = _encoder_for(*self.kinds.values())
        self.returned = hints.get("return", Any)
        """The type of the result."""
        self.encode_value = _encoder_for(self.returned)
        self._result_decoder = msgspec.json.Decoder(_result_struct(name, self.returned))

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[msgspec.Struct, bytes]:
        """Return the arguments as a struct, and encoded. Raises BadArguments."""
        try:
            if kwargs or self._keyword_only or len(args) != len(self._positional):
                encoded = self._encode(self._bind(args, kwargs))
            else:
                encoded = self._encode((*self._head, *args))
            # As the members will read it.
            return self._decoder.decode(encoded), encoded
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadArguments(f"{self._name}: {error}") from None

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> msgspec.Struct:
        """Return the arguments by name, and the defaults. Raises BadArguments, or TypeError."""
        if len(args) > len(self._positional):
            raise BadArguments(
                f"{self._name} takes {len(self._positional)} positional arguments, "
                f"but {len(args)} were given"
            )
        given = dict(zip(self._positional, args, strict=False))
        if kwargs:
            twice, unknown = given.keys() & kwargs.keys(), kwargs.keys() - self.kinds
            if twice or unknown:
                names = ", ".join(sorted(twice or unknown))
                raise BadArguments(f"{self._name} does not take {names} there")
        return self.struct(**given, **kwargs)

    def stamped(self, arguments: msgspec.Struct, now_us: int, chance: int) -> str:
        """Return the text of an operation with a context."""
        stamped = msgspec.structs.replace(arguments, now_us_=now_us, chance_=chance)
        return self._encode(stamped).decode()

    def arguments_of(self, operation: msgspec.Struct) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional arguments of an operation, and those by name."""
        values = msgspec.structs.astuple(operation)[len(self._head) - 1 :]
        if not self._keyword_only:
            return values, {}
        count = len(self._positional)
        return values[:count], dict(zip(self._keyword_only, values[count:], strict=True))

    def value_of(self, text: str) -> object:
        """Return a result's value, or raise the error that it is."""
        try:
            result: Any = self._result_decoder.decode(text)
        except ValueError as error:
            raise CommandFailed(
                f"the result of {self._name} is not what it says: {error}"
            ) from None
        if result.error is not msgspec.UNSET:
            name, *arguments = result.error
            raise self._error_class(name)(*arguments)
        if result.failed is not msgspec.UNSET:
            raise CommandFailed(result.failed)
        return result.ok

    def _error_class(self, name: str) -> type[CommandError]:
        found = self._globals.get(name)
        if isinstance(found, type) and issubclass(found, CommandError):
            return found
        below = [CommandError]
        for each in below:
            if each.__name__ == name:
                return each
            below += each.__subclasses__()
        return CommandError


def ok(encoded: bytes) -> str:
    """Return the result of a command that returned a value."""
    return f'{{"ok":{encoded.decode()}}}'


def declared_error(error: CommandError) -> str:
    """Return the result of a command that raised a declared error."""
    return _ENCODE({"error": [type(error).__name__, *error.args]}).decode()


def failed(error: Exception) -> str:
    """Return the result of a command that raised anything else."""
    return _ENCODE({"failed": type(error).__name__}).decode()


def _takes_context(function: Callable[..., object]) -> bool:
    """Return whether the first parameter after ``self`` is annotated ``Context``."""
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < 2:
        return False
    annotation = parameters[1].annotation
    if isinstance(annotation, str):
        annotation = getattr(function, "__globals__", {}).get(annotation)
    return annotation is Context


def _field_of(command: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise TypeError(f"{command}: {parameter} can't be checked; a command names its parameters")
    if parameter.name not in hints:
        raise TypeError(f"{command}: the parameter {parameter.name} has no type")
    if parameter.default is inspect.Parameter.empty:
        return parameter.name, hints[parameter.name]
    return parameter.name, hints[parameter.name], parameter.default


def _encoder_for(*types: Any) -> Callable[[object], bytes]:
    """Return an encoder that sorts, if a set is among the types: its order differs by process."""
    return _ENCODE_SORTED if any(map(has_set, types)) else _ENCODE


def _result_struct(name: str, returned: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        f"{name}_result",
        [
            ("ok", returned | msgspec.UnsetType if returned is not Any else Any, msgspec.UNSET),
            ("error", list[Any] | msgspec.UnsetType, msgspec.UNSET),
            ("failed", str | msgspec.UnsetType, msgspec.UNSET),
        ],
    )


@overload
def command(function: Callable[Concatenate[M, Context, P], R]) -> Command[M, P, R]: ...
@overload
def command(function: Callable[Concatenate[M, P], R]) -> Command[M, P, R]: ...
def command(function: Callable[..., R]) -> Command[Any, Any, R]:
    """Make a method a command: it changes the state, through the log."""
    return Command(function)


@overload
def query(function: Callable[Concatenate[M, Context, P], R]) -> Query[M, P, R]: ...
@overload
def query(function: Callable[Concatenate[M, P], R]) -> Query[M, P, R]: ...
def query(function: Callable[..., R]) -> Query[Any, Any, R]:
    """Make a method a query: it changes nothing, and does not go through the log."""
    return Query(function)


def invariant(function: Callable[[M], object]) -> Callable[[M], object]:
    """Make a method an invariant: ``simulate`` calls it after each operation.

    It must not change the machine, and must not return False.
    """
    function.__dict__["is_invariant"] = True
    return function


def invariants_of(machine: Machine) -> list[Callable[[Machine], object]]:
    """Return the invariants of a machine, those of its bases too."""
    values = (inspect.getattr_static(type(machine), name) for name in dir(type(machine)))
    return [each for each in values if getattr(each, "is_invariant", False)]


def commands_of(machine: type[Machine]) -> dict[str, Command[Any, Any, Any]]:
    """Return all commands and queries of a machine by name, those of its bases too."""
    return {
        name: value
        for name in dir(machine)
        if isinstance(value := inspect.getattr_static(machine, name), Command)
    }
