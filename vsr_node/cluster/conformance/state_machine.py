"""The rules of a state machine: it is a function of its operations, and its snapshots are true."""

from collections.abc import Callable, Sequence

from vsr_node.core.messages import Operation
from vsr_node.core.replica import StateMachine


def check_state_machine(
    make: Callable[[], StateMachine], operations: Sequence[Operation], reads: Sequence[Operation]
) -> None:
    """Execute ``operations`` on several machines, with ``reads`` in between.

    Raises AssertionError if a machine is not a function of its operations, if a read changes it, or
    if a snapshot is not the whole state or changes later.
    """
    machine, twin, read_often = make(), make(), make()
    results = [machine.apply(each) for each in operations]
    assert results == [twin.apply(each) for each in operations], "the same operations, same results"
    assert machine.snapshot() == twin.snapshot(), "the same operations, the same state"
    answers = [machine.read(each) for each in reads]
    for position, operation in enumerate(operations):
        for each in reads:
            read_often.read(each)
        assert read_often.apply(operation) == results[position], "a read changes nothing"
    assert read_often.snapshot() == machine.snapshot(), "a read changes nothing"
    for position in range(len(operations) + 1):
        _check_restored(make, operations, position, results)
    restored = make()
    restored.restore(machine.snapshot())
    assert [restored.read(each) for each in reads] == answers, "a snapshot is the whole state"


def _check_restored(
    make: Callable[[], StateMachine],
    operations: Sequence[Operation],
    position: int,
    results: Sequence[object],
) -> None:
    """Go on from a snapshot that was taken after ``position`` operations."""
    machine, other = make(), make()
    for each in operations[:position]:
        machine.apply(each)
    # What the other has executed is to be forgotten.
    for each in operations:
        other.apply(each)
    parts = machine.snapshot()
    copy = repr(parts)
    assert isinstance(parts, tuple), "a snapshot is a tuple of parts"
    other.restore(parts)
    assert other.snapshot() == parts, "what is restored is the state"
    for number in range(position, len(operations)):
        result = other.apply(operations[number])
        assert result == results[number], "a restored machine goes on alike"
        machine.apply(operations[number])
    assert repr(parts) == copy, "a snapshot never changes"
    assert other.snapshot() == machine.snapshot(), "a restored machine goes on alike"
