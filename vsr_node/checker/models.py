"""What a correct object does, said as a step from state to state.

The checker judges each key by itself, so a model is that of one key. To add one, derive from
`Model` and give it `name`, `initial` and `apply`; all else has defaults.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import TypeAlias

from vsr_node.checker.history import HistoryError, Json, Operation, canonical_text

State: TypeAlias = Hashable


class Model(ABC):
    """A sequential object. States are immutable, hashable, and equal only if they behave alike."""

    name: str
    initial: State
    read_functions: tuple[str, ...] = ()
    """Functions that never change the state, whichever it is: they cost the search next to nothing,
    and where such an operation's outcome is unknown it says nothing."""

    @abstractmethod
    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """Whether the operation, with the value it has, can happen in `state`, and the state then.

        A pure function of the state and of the operation's `f` and `value`. Raises HistoryError,
        whatever the state, where it does not know the function or the value makes no sense.
        """

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """The same operations, in the same places, without differences that none of them can see.

        Called with all operations of one key; changes values only. The search then meets fewer
        states, and more operations that are as good as each other.
        """
        return list(operations)

    def describe(self, operation: Operation) -> str:
        """The operation in a few words, for people."""
        return f"{operation.f} {canonical_text(operation.value)}"

    def describe_state(self, state: State) -> str:
        """The state in a few words, for people."""
        return f"the state is {state!r}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """Why an operation that does not fit the state does not, in a few words, for people."""
        return f"it does not fit, as {self.describe_state(state)}"

    def unknown(self, operation: Operation) -> HistoryError:
        """The error to raise for an operation that is none of this object's."""
        return HistoryError(
            f"event {operation.invoked}: the {self.name} model does not know "
            f"{operation.f} with {canonical_text(operation.value)}"
        )


class RegisterModel(Model):
    """A register with read, write and cas (`[from, to]`), null at first. States are JSON texts."""

    name = "register"
    initial = "null"
    read_functions: tuple[str, ...] = ("read",)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See `Model.apply`. A cas of which it is known that it failed is not in a history."""
        match operation.f, operation.value:
            case "read", value:
                return canonical_text(value) == state, state
            case "write", value:
                return True, canonical_text(value)
            case "cas", [expected, new]:
                return canonical_text(expected) == state, canonical_text(new)
        raise self.unknown(operation)

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """Makes all values that are written, and neither read nor expected by a cas, the same."""
        seen = {canonical_text(value) for value in map(_expected, operations)}
        unseen: Json = "unseen"
        while canonical_text(unseen) in seen:
            unseen = [unseen]

        def simplified(operation: Operation) -> Operation:
            match operation.f, operation.value:
                case "write", value if canonical_text(value) not in seen:
                    return operation._replace(value=unseen)
                case "cas", [expected, new] if canonical_text(new) not in seen:
                    return operation._replace(value=[expected, unseen])
            return operation

        return [simplified(operation) for operation in operations]

    def describe(self, operation: Operation) -> str:
        """A cas as "cas 1 -> 2"."""
        match operation.f, operation.value:
            case "cas", [expected, new]:
                return f"cas {canonical_text(expected)} -> {canonical_text(new)}"
        return super().describe(operation)

    def describe_state(self, state: State) -> str:
        """The value as JSON text."""
        return f"the register is {state}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """What the operation saw, and what there is."""
        verb = "read" if operation.f == "read" else "found"
        return f"it {verb} {canonical_text(_expected(operation))}, and the register is {state}"


class MapModel(Model):
    """One key of a map of texts with get, put and append; a missing key reads as "" or null."""

    name = "map"
    initial = ""
    read_functions: tuple[str, ...] = ("get",)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See `Model.apply`."""
        match operation.f, operation.value:
            case "get", str() | None as value:
                return (value or "") == state, state
            case "put", str() as value:
                return True, value
            case "append", str() as value:
                return True, f"{state}{value}"
        raise self.unknown(operation)

    def describe_state(self, state: State) -> str:
        """The value as JSON text."""
        return f"the value is {canonical_text(str(state))}"


def _expected(operation: Operation) -> Json:
    """The value that the register must have for a read or a cas; null, its first one, for others.

    A read whose outcome is unknown asks for nothing, and gives null, too.
    """
    match operation.f, operation.value:
        case "read", value:
            return value
        case "cas", [expected, _]:
            return expected
    return None


MODELS: dict[str, type[Model]] = {model.name: model for model in (RegisterModel, MapModel)}
"""The models that there are, by name."""
