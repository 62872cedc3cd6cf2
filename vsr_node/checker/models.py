"""Models of correct objects, as steps from state to state.

The checker judges each key by itself, so a model describes one key. To add one, derive from
``Model`` and define ``name``, ``initial`` and ``apply``; all else has defaults.
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
    """Functions that never change any state: they cost the search next to nothing, and an operation
    of theirs with an unknown outcome is ignored."""

    @abstractmethod
    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """Return whether the operation, with its value, fits ``state``, and the state after it.

        A pure function of the state and of the operation's ``f`` and ``value``. Raises
        HistoryError, in any state, if the function is unknown or the value makes no sense.
        """

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return the same operations in the same order, without differences that none of them sees.

        Called with all operations of one key; changes only values. The search then meets fewer
        states, and more operations that are equivalent.
        """
        return list(operations)

    def describe(self, operation: Operation) -> str:
        """Describe an operation in a few words."""
        return f"{operation.f} {canonical_text(operation.value)}"

    def describe_state(self, state: State) -> str:
        """Describe a state in a few words."""
        return f"the state is {state!r}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """Describe in a few words why an operation does not fit the state."""
        return f"it does not fit, as {self.describe_state(state)}"

    def unknown(self, operation: Operation) -> HistoryError:
        """Return the error to raise for an operation that this object does not have."""
        return HistoryError(
            f"event {operation.invoked}: the {self.name} model does not know "
            f"{operation.f} with {canonical_text(operation.value)}"
        )


class RegisterModel(Model):
    """A register with read, write and cas (``[from, to]``), first null. States are JSON texts."""

    name = "register"
    initial = "null"
    read_functions: tuple[str, ...] = ("read",)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See ``Model.apply``. A cas that is known to have failed is not in a history."""
        match operation.f, operation.value:
            case "read", value:
                return canonical_text(value) == state, state
            case "write", value:
                return True, canonical_text(value)
            case "cas", [expected, new]:
                return canonical_text(expected) == state, canonical_text(new)
        raise self.unknown(operation)

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """Make all values equal that are written but neither read nor expected by a cas."""
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
        """Describe a cas as "cas 1 -> 2"."""
        match operation.f, operation.value:
            case "cas", [expected, new]:
                return f"cas {canonical_text(expected)} -> {canonical_text(new)}"
        return super().describe(operation)

    def describe_state(self, state: State) -> str:
        """Describe the value as JSON text."""
        return f"the register is {state}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """Describe the value that the operation saw, and the state."""
        verb = "read" if operation.f == "read" else "found"
        return f"it {verb} {canonical_text(_expected(operation))}, and the register is {state}"


class MapModel(Model):
    """One key of a map of texts with get, put and append; a missing key reads as "" or null."""

    name = "map"
    initial = ""
    read_functions: tuple[str, ...] = ("get",)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See ``Model.apply``."""
        match operation.f, operation.value:
            case "get", str() | None as value:
                return (value or "") == state, state
            case "put", str() as value:
                return True, value
            case "append", str() as value:
                return True, f"{state}{value}"
        raise self.unknown(operation)

    def describe_state(self, state: State) -> str:
        """Describe the value as JSON text."""
        return f"the value is {canonical_text(str(state))}"


def _expected(operation: Operation) -> Json:
    """Return the value that the register must have for a read or a cas; None for others.

    Also None, like the initial value, for a read of unknown outcome.
    """
    match operation.f, operation.value:
        case "read", value:
            return value
        case "cas", [expected, _]:
            return expected
    return None


MODELS: dict[str, type[Model]] = {model.name: model for model in (RegisterModel, MapModel)}
"""All models by name."""
