"""A typed machine as the replicated state machine of a member: operations and results are texts.

It keeps what all members must agree on beside the machine's own state: how many operations were
executed, the latest time, and a rolling digest of operations and results. Its first part is
``[operation_number, now_us, digest]``.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic
from zlib import crc32

import msgspec

from .errors import CommandError, DivergenceError
from .typed import Command, Context, M, commands_of, declared_error, failed, ok

DIGEST_INTERVAL = 1_024
"""Operations between two digests that members compare."""

DIGESTS_MAX = 64
"""Digests that are kept until the others' have come."""

_HEAD = msgspec.json.Decoder(tuple[int, int, int])

_FATAL = (MemoryError, RecursionError, OSError)
"""Another member might not have met these, so the member ends."""


class Host(Generic[M]):
    """Executes operations on a machine. ``log`` takes the texts of unexpected exceptions.

    With ``check`` the state is restored from each snapshot and compared, which finds a field that
    a snapshot leaves out. Raises TypeError if the machine can't be made without arguments, or a
    command or a field has a type that can't be kept.
    """

    def __init__(
        self,
        make: Callable[[], M],
        *,
        check: bool = False,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._make = make
        self._check = check
        self._log = log
        self.machine = make()
        self.machine.snapshot()
        commands = commands_of(type(self.machine)).values()
        self._commands: dict[type, Command[Any, Any, Any]] = {
            command.codec.struct: command for command in commands
        }
        if not self._commands:
            raise TypeError(f"{type(self.machine).__name__} has no command")
        self._decoder = msgspec.json.Decoder(_union_of(self._commands))
        self._now_us = 0
        self.operation_number = 0
        """How many operations were executed."""
        self.digest = 0
        """The digest of all operations and results."""
        self.digests: OrderedDict[int, int] = OrderedDict()
        """The digests to compare with the others', by operation number."""

    def apply(self, operation: object) -> str:
        """Execute a command. Its errors are results, as all members get the same ones."""
        assert isinstance(operation, str)
        self.operation_number += 1
        result = self._execute(operation)
        self.digest = crc32(result.encode(), crc32(operation.encode(), self.digest))
        if not self.operation_number % DIGEST_INTERVAL:
            self.digests[self.operation_number] = self.digest
            if len(self.digests) > DIGESTS_MAX:
                self.digests.popitem(last=False)
        return result

    def read(self, operation: object) -> str:
        """Answer a query."""
        assert isinstance(operation, str)
        return self._execute(operation, is_read=True)

    def _execute(self, operation: str, *, is_read: bool = False) -> str:
        try:
            decoded = self._decoder.decode(operation)
            command = self._commands[type(decoded)]
            if is_read and not command.is_read:
                raise ValueError("a command goes through the log")
        except ValueError as error:
            # Of a client that has another machine.
            return failed(error)
        machine = self.machine
        codec = command.codec
        arguments, by_name = codec.arguments_of(decoded)
        try:
            if command.takes_context:
                machine._context = self._context_of(command, decoded)
                value = command.function(machine, machine._context, *arguments, **by_name)
            else:
                value = command.function(machine, *arguments, **by_name)
            return ok(codec.encode_value(value))
        except CommandError as error:
            return self._declared(error)
        except _FATAL:
            raise
        except Exception as error:
            self._log(f"{command.function.__qualname__}: {type(error).__name__}: {error}")
            return failed(error)
        finally:
            machine._context = None

    def _declared(self, error: CommandError) -> str:
        try:
            return declared_error(error)
        except (TypeError, ValueError, OverflowError) as unsendable:
            return failed(unsendable)

    def _context_of(self, command: Command[Any, Any, Any], operation: Any) -> Context:
        now_us = max(self._now_us, operation.now_us_)
        if not command.is_read:
            self._now_us = now_us
        return Context(now_us, operation.chance_, self.operation_number)

    def snapshot(self) -> tuple[object, ...]:
        """Return the state."""
        parts = self.machine.snapshot()
        if self._check:
            self._assert_restorable(parts)
        head = msgspec.json.encode((self.operation_number, self._now_us, self.digest))
        return (head.decode(), *parts)

    def restore(self, parts: tuple[object, ...]) -> None:
        """Make the state what ``snapshot`` returned."""
        head, *own = map(str, parts)
        self.operation_number, self._now_us, self.digest = _HEAD.decode(head)
        self.digests.clear()
        self.machine = self._restored(tuple(own))

    def _restored(self, parts: tuple[str, ...]) -> M:
        machine = self._make()
        machine.restore(parts)
        return machine

    def _assert_restorable(self, parts: tuple[str, ...]) -> None:
        restored = self._restored(parts)
        if restored != self.machine or vars(restored) != _state_of(self.machine):
            raise DivergenceError(
                f"the state restored from a snapshot is {restored!r}, not {self.machine!r}"
            )


def _state_of(machine: object) -> dict[str, object]:
    return {name: value for name, value in vars(machine).items() if name != "_context"}


def _union_of(structs: dict[type, Any]) -> Any:
    """Return the union of all operations: the name, which comes first, decides which one it is."""
    first, *others = structs
    union: Any = first
    for each in others:
        union = union | each
    return union
