"""Turns that a replica could take, and what their records add up to, worked out plainly."""

from collections.abc import Sequence

from hypothesis import strategies as st

from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Entry,
    Record,
    Recovered,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda values: st.lists(values, max_size=4).map(tuple),
    max_leaves=8,
)
"""Operations, results, parts."""

ENTRIES: st.SearchStrategy[Entry] = st.tuples(
    st.text(max_size=5), st.integers(0, 2**53 - 1), VALUES
)


def are_same(one: DurableState, other: DurableState) -> bool:
    """Whether they are equal in their types, too: to Python, 1 and True and 1.0 are equal."""
    return repr(one) == repr(other)


def added(state: DurableState, records: Sequence[Record]) -> DurableState:
    """The state after one more turn."""
    log = dict(enumerate(state.entries, state.first_op_number))
    for record in records:
        match record:
            case SetView(view_number, last_normal_view):
                state = state._replace(view_number=view_number, last_normal_view=last_normal_view)
            case ReplaceLog(first_op_number, entries):
                log = {number: entry for number, entry in log.items() if number < first_op_number}
                log |= dict(enumerate(entries, first_op_number))
            case SetCommit(commit_number):
                state = state._replace(commit_number=max(state.commit_number, commit_number))
            case SaveCheckpoint(checkpoint, first_op_number):
                state = state._replace(checkpoint=checkpoint, first_op_number=first_op_number)
                log = {number: entry for number, entry in log.items() if number >= first_op_number}
            case Recovered():
                state = state._replace(is_recovering=False)
    return state._replace(entries=tuple(log[number] for number in sorted(log)))


@st.composite
def turns(draw: st.DrawFn) -> list[list[Record]]:
    """Up to a dozen turns of a new replica; each turn is sound after the ones before it."""
    state = DurableState()
    all_turns = []
    for _ in range(draw(st.integers(0, 12))):
        records = draw(_turn(state))
        state = added(state, records)
        all_turns.append(records)
    return all_turns


@st.composite
def _turn(draw: st.DrawFn, state: DurableState) -> list[Record]:
    records: list[Record] = []
    if draw(st.integers(0, 3)) == 0:
        records.append(draw(_checkpoint(state)))
        state = added(state, records)
    op_number = state.first_op_number + len(state.entries) - 1
    if draw(st.booleans()):
        lowest = max(state.commit_number, state.checkpoint.op_number, state.first_op_number - 1) + 1
        first_op_number = draw(st.integers(lowest, max(lowest, op_number + 1)))
        entries = tuple(draw(st.lists(ENTRIES, max_size=6)))
        records.append(ReplaceLog(first_op_number, entries))
        op_number = first_op_number + len(entries) - 1
    if draw(st.integers(0, 2)) == 0:
        view_number = state.view_number + draw(st.integers(0, 5))
        last_normal_view = draw(st.integers(state.last_normal_view, view_number))
        records.append(SetView(view_number, last_normal_view))
    lowest = max(state.commit_number, state.checkpoint.op_number)
    if state.commit_number < lowest or draw(st.booleans()):
        records.append(SetCommit(draw(st.integers(lowest, op_number))))
    return records


@st.composite
def _checkpoint(draw: st.DrawFn, state: DurableState) -> SaveCheckpoint:
    """One of the executed log, or another replica's that is ahead of it."""
    op_number = state.checkpoint.op_number + draw(st.integers(1, 8))
    parts = tuple(draw(st.lists(VALUES, max_size=5)))
    checkpoint = Checkpoint(op_number, draw(st.integers(0, len(parts))), parts)
    is_ahead = op_number >= state.first_op_number + len(state.entries)
    lowest = op_number + 1 if is_ahead else state.first_op_number
    return SaveCheckpoint(checkpoint, draw(st.integers(lowest, op_number + 1)))
