"""The value that was seen first, though nobody wrote it: the object did not begin as its model."""

from collections.abc import Iterable

from vsr_node.checker.history import (
    Event,
    Json,
    Operation,
    canonical_text,
    failed_operations,
    pair_operations,
    split_by_key,
)
from vsr_node.checker.models import Model
from vsr_node.checker.verdict import Verdict


def unwritten_first_value(events: Iterable[Event], verdict: Verdict) -> Json:
    """Return the value that an invalid key may have had at first, None if there is none.

    It was seen before any operation of the key was over, and no operation wrote it, not even one
    that failed.
    """
    if verdict.valid is not False:
        return None
    events = list(events)
    happened = split_by_key(pair_operations(events))
    failed = split_by_key(failed_operations(events))
    for key in verdict.keys:
        if key.culprit is None:
            continue
        name = canonical_text(key.key)
        value = verdict.model.seen(key.culprit)
        asked = [*happened[name], *failed.get(name, [])]
        if (
            value is not None
            and _is_first(key.culprit, happened[name])
            and not any(_writes(verdict.model, operation, value) for operation in asked)
        ):
            return value
    return None


def _is_first(operation: Operation, operations: Iterable[Operation]) -> bool:
    """Return whether no operation was over before the given one began."""
    return all(each.completed is None or each.completed > operation.invoked for each in operations)


def _writes(model: Model, operation: Operation, value: Json) -> bool:
    if operation.f in model.read_functions:
        return False
    written = operation.value[1:] if isinstance(operation.value, list) else []
    return canonical_text(value) in map(canonical_text, [operation.value, *written])
