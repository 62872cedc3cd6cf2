"""What a correct object does, as a step from state to state.

The checker judges each key by itself, so a model describes one key. To add one, derive from
``Model`` and give it ``name``, ``initial`` and ``apply``; everything else has a default.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import TypeAlias

from vsr_node.checker.foreign import describe_foreign, is_transaction
from vsr_node.checker.history import MISMATCH, HistoryError, Json, Operation, canonical_text

State: TypeAlias = Hashable


class Model(ABC):
    """A sequential object. States are immutable, hashable, and equal only if they behave alike."""

    name: str
    initial: State
    functions: tuple[str, ...] = ()
    """The functions that the model knows."""
    read_functions: tuple[str, ...] = ()
    """Functions that never change any state. They cost the search next to nothing, and one of
    unknown outcome says nothing."""
    untold: State = None
    """A state for all those that no later operation can tell apart, by their ``horizon``."""

    def __init__(self, initial: Json = None) -> None:
        """Begin with a value, or with the model's own first state if it is None.

        Raises HistoryError if the object can't have that value.
        """
        if initial is not None:
            self.initial = self.state_of(initial)

    def state_of(self, value: Json) -> State:
        """Return the state of an object that has a value. Raises HistoryError if none has it."""
        return canonical_text(value)

    @abstractmethod
    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """Return whether the operation, with its value, can happen in ``state``, and the next one.

        A pure function of the state and of the operation's ``f`` and ``value``. Raises
        HistoryError, in any state, if the model does not know the function or the value makes no
        sense.
        """

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return the operations, in the same places, without differences that none of them can see.

        Called with all operations of one key; changes only values. The search then meets fewer
        states, and more operations that are equivalent.
        """
        return list(operations)

    def horizon(self, operations: Sequence[Operation]) -> Callable[[State], float]:
        """Return a function from a state to the place of the last operation that can tell it.

        That is the last one, of these operations in this order, whose result depends on the state
        or on what others make of it. From there on, ``untold`` stands for the state.
        """
        return lambda state: inf

    def seen(self, operation: Operation) -> Json:
        """Return the value that the operation saw, None if it saw none."""
        return operation.value if operation.f in self.read_functions else None

    def describe(self, operation: Operation) -> str:
        """Describe the operation in a few words."""
        return f"{operation.f} {canonical_text(operation.value)}"

    def describe_state(self, state: State) -> str:
        """Describe the state in a few words."""
        return f"the state is {state!r}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """Describe in a few words why an operation does not fit the state."""
        return f"it does not fit, as {self.describe_state(state)}"

    def unknown(self, operation: Operation) -> HistoryError:
        """Return the error to raise for an operation that this object does not have."""
        where = f"event {operation.invoked}: the {self.name} model"
        known = {name for name, model in MODELS.items() if operation.f in model.functions}
        if not known or is_transaction(operation.value):
            foreign = describe_foreign(operation)
            return HistoryError(f"{where} does not know {operation.f}{foreign}")
        if self.name in known:
            value = canonical_text(operation.value)
            return HistoryError(f"{where} does not know {operation.f} with the value {value}")
        other = min(known)
        return HistoryError(f"{where} does not know {operation.f}; the {other} model does")


class RegisterModel(Model):
    """A register with read, write and cas (``[from, to]``), null at first. A state is JSON text."""

    name = "register"
    initial = "null"
    functions = ("read", "write", "cas")
    read_functions: tuple[str, ...] = ("read", MISMATCH)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See ``Model.apply``. A cas that failed is not in a history, but its mismatch may be."""
        match operation.f, operation.value:
            case "read", value:
                return canonical_text(value) == state, state
            case "write", value:
                return True, canonical_text(value)
            case "cas", [expected, new]:
                return canonical_text(expected) == state, canonical_text(new)
            case f, value if f == MISMATCH:
                return canonical_text(value) != state, state
        raise self.unknown(operation)

    def simplify(self, operations: Sequence[Operation]) -> list[Operation]:
        """Make all values equal that are written and neither read nor expected by a cas."""
        seen = {canonical_text(value) for value in map(_named, operations)}
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

    def seen(self, operation: Operation) -> Json:
        """Return the value that was read or that a cas found, None if it found another one."""
        return None if operation.f == MISMATCH else _named(operation)

    def describe(self, operation: Operation) -> str:
        """Describe a cas as "cas 1 -> 2"."""
        match operation.f, operation.value:
            case "cas", [expected, new]:
                return f"cas {canonical_text(expected)} -> {canonical_text(new)}"
            case f, value if f == MISMATCH:
                return f"failed cas of {canonical_text(value)}"
        return super().describe(operation)

    def describe_state(self, state: State) -> str:
        """Describe the state by its value as JSON text."""
        return f"the register is {state}"

    def obstacle(self, state: State, operation: Operation) -> str:
        """Describe the value that the operation saw, and the one that is there."""
        verb = {"read": "read", MISMATCH: "found another value than"}.get(operation.f, "found")
        return f"it {verb} {canonical_text(_named(operation))}, and the register is {state}"


class MapModel(Model):
    """One key of a map of texts with get, put and append; a missing key reads as "" or null.

    A text only grows until the next put. So if it is the beginning of nothing that is read from now
    on, nobody reads it: it is ``untold``, and only a put makes a text of it again.
    """

    name = "map"
    initial = ""
    functions = ("get", "put", "append")
    read_functions: tuple[str, ...] = ("get",)

    def state_of(self, value: Json) -> State:
        """Return the text. Raises HistoryError if the value is not a text."""
        if not isinstance(value, str):
            raise HistoryError(f"a map holds texts, not {canonical_text(value)}")
        return value

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See ``Model.apply``."""
        match operation.f, operation.value:
            case "get", str() | None as value:
                return (value or "") == state, state
            case "put", str() as value:
                return True, value
            case "append", str() as value:
                return True, self.untold if state is self.untold else f"{state}{value}"
        raise self.unknown(operation)

    def horizon(self, operations: Sequence[Operation]) -> Callable[[State], float]:
        """Return the place of the last get of a text that begins with the state's."""
        last: dict[str, int] = {}
        for place, operation in enumerate(operations):
            if operation.f == "get":
                last[str(operation.value or "")] = place
        texts = sorted(last)
        places = [last[text] for text in texts]

        def place_of_last_get(state: State) -> float:
            begin = str(state)
            start = bisect_left(texts, begin)
            end = bisect_right(texts, begin, lo=start, key=lambda text: text[: len(begin)])
            return max(places[start:end], default=-1)

        return place_of_last_get

    def describe_state(self, state: State) -> str:
        """Describe the state by its value as JSON text."""
        return f"the value is {canonical_text(str(state))}"


def _named(operation: Operation) -> Json:
    """Return the value that a read, a cas or a mismatch compares with, null for other operations.

    A read of unknown outcome asks for nothing, and gives null, too.
    """
    match operation.f, operation.value:
        case "cas", [expected, _]:
            return expected
        case f, value if f in ("read", MISMATCH):
            return value
    return None


MODELS: dict[str, type[Model]] = {model.name: model for model in (RegisterModel, MapModel)}
"""The models, by name."""
