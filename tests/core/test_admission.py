"""Impossible messages: each is refused, and has changed nothing."""

from dataclasses import fields, is_dataclass
from enum import Enum
from random import Random
from typing import Any, get_args

import pytest

from tests.core.group import SECOND, Group, entry
from vsr_node.core import (
    following,
    forwarding,
    leading,
    quorum_read,
    reconfiguration,
    recovery,
    standby,
    state_transfer,
    view_change,
    voting,
)
from vsr_node.core.admission import ImpossibleMessageError
from vsr_node.core.limits import VIEWS_AHEAD_MAX
from vsr_node.core.messages import (
    Commit,
    DoViewChange,
    GetState,
    Message,
    NewState,
    Prepare,
    PrepareOk,
    Read,
    Request,
    StartView,
    StartViewChange,
)
from vsr_node.core.replica import HEARINGS
from vsr_node.core.timers import TIME_OUT_MAX, TIME_OUT_MIN


def test_every_type_of_message_is_heard_by_one_phase() -> None:
    assert set(HEARINGS) == set(get_args(Message))
    phases = [forwarding, leading, following, voting, view_change]
    phases += [state_transfer, recovery, quorum_read, reconfiguration, standby]
    assert sum(len(phase.HEARS) for phase in phases) == len(HEARINGS)


def values_of(thing: object) -> Any:
    """All that a replica is made of, as values that compare."""
    if isinstance(thing, dict):
        return {key: values_of(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [values_of(value) for value in thing]
    if is_dataclass(thing):
        return {field.name: values_of(getattr(thing, field.name)) for field in fields(thing)}
    if isinstance(thing, Random):
        return thing.getstate()
    if thing is None or isinstance(thing, Enum) or type(thing).__eq__ is not object.__eq__:
        return thing
    names = getattr(type(thing), "__slots__", None) or vars(thing)
    return {name: values_of(getattr(thing, name)) for name in names}


def group_in_view_4() -> Group:
    """Five replicas in normal status in view 4 (primary n4), two entries committed, one not."""
    group = Group(5)
    for number in range(4):
        for name in group.names:
            group.tell(
                "n0" if name != "n0" else "n1", name, StartViewChange(number + 1, number + 1)
            )
        group.settle()
    for number in (1, 2):
        group.ask("n4", number)
        group.settle()
    group.run_for(SECOND)
    group.ask("n4", 3)
    group.under_way.clear()
    return group


IMPOSSIBLE: list[tuple[str, str, Message]] = [
    # From whom no message can come.
    ("stranger", "n1", GetState(4, 0)),
    ("n1", "n1", GetState(4, 0)),
    ("", "n1", StartViewChange(5, 4)),
    ("c1", "n1", Request(4, (entry(1),))),
    # Only a view's primary speaks as such.
    ("n0", "n1", Prepare(4, 2, 3, (entry(9),), 1, SECOND)),
    ("n0", "n1", Commit(4, 3, 1, SECOND)),
    ("n0", "n1", Commit(9_999, 3, 1, SECOND)),
    ("n0", "n1", StartView(4, 2, 3, (), 1, SECOND)),
    ("n0", "n1", StartView(6, 2, 3, (), 1, SECOND)),
    # Patience without bounds.
    ("n4", "n1", Commit(4, 2, 1, TIME_OUT_MIN - 1)),
    ("n4", "n1", Commit(4, 2, 1, TIME_OUT_MAX + 1)),
    ("n4", "n1", Prepare(4, 2, 3, (entry(3),), 1, 0)),
    ("n1", "n2", StartView(6, 2, 3, (), 1, 1 << 50)),
    # Views beyond reach.
    ("n0", "n1", StartViewChange(4 + VIEWS_AHEAD_MAX + 1, 4 + VIEWS_AHEAD_MAX + 1)),
    ("n0", "n1", GetState(1 << 50, 0)),
    # Acknowledgements.
    ("n0", "n1", PrepareOk(4, 2, 1)),
    ("n0", "n4", PrepareOk(9, 2, 1)),
    ("n0", "n4", PrepareOk(4, 4, 1)),
    ("n0", "n4", Request(4, (), 4, 1)),
    ("n0", "n4", Read(4, 1, 4, 1)),
    # Votes.
    ("n0", "n1", StartViewChange(6, 4)),
    ("n0", "n1", StartViewChange(3, 4)),
    ("n0", "n1", StartViewChange(1 << 50, 0)),
    # Logs.
    ("n0", "n1", DoViewChange(7, 4, 2, 3, ())),
    ("n0", "n1", DoViewChange(6, 6, 2, 3, ())),
    ("n0", "n1", DoViewChange(6, 9, 2, 3, ())),
    ("n0", "n1", DoViewChange(6, 4, 2, 2, (entry(2),))),
    ("n0", "n1", DoViewChange(6, 4, 2, 4, (entry(4),))),
    ("n1", "n2", StartView(6, 1, 3, (entry(3),), 1, SECOND)),
    ("n1", "n2", StartView(6, 4, 3, (entry(3),), 1, SECOND)),
    ("n0", "n1", NewState(4, 2, 3, ())),
]


@pytest.mark.parametrize(("source", "destination", "message"), IMPOSSIBLE)
def test_an_impossible_message_is_refused_and_changes_nothing(
    source: str, destination: str, message: Message
) -> None:
    group = group_in_view_4()
    replica = group[destination]
    assert replica.view_number == 4
    before = values_of(vars(replica))
    replica.on_time(group.now)
    with pytest.raises(ImpossibleMessageError, match=type(message).__name__):
        replica.on_message(source, message)
    assert values_of(vars(replica)) == before


def test_what_the_comparison_compares_is_seen_to_change() -> None:
    group = group_in_view_4()
    before = values_of(vars(group["n1"]))
    group["n1"].on_message("n2", StartViewChange(5, 4))
    assert values_of(vars(group["n1"])) != before


def test_honest_messages_are_never_refused() -> None:
    # ``tell`` would raise: a long run with cuts, in which all kinds of messages occur.
    group = Group(5)
    group.delay = 3_000
    for number in range(60):
        group.ask(group.names[number % 5], number)
        if number % 10 == 3:
            group.isolate(group.names[number // 10 * 2 % 5])
            for missed in range(500 if number == 13 else 0):
                group.ask("n4", missed, client="c2")
        if number % 10 == 9:
            group.heal()
        group.run_for(SECOND // 2)
    group.heal()
    group.run_for(20 * SECOND)
    kinds = {type(each.message) for each in group.sent}
    assert kinds == {
        *(Request, Prepare, PrepareOk, Commit, GetState, NewState),
        *(StartViewChange, DoViewChange, StartView),
    }
    assert len({tuple(map(str, group.operations(name))) for name in group.names}) == 1
