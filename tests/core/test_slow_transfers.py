"""A checkpoint that comes in slowly: what has come is kept as long as more comes."""

from tests.core.group import SECOND, Group
from vsr_node.core.messages import Commit, GetCheckpoint, GetState, Message, NewCheckpoint

PART_COUNT = 4
TIME_OUT = 4 * SECOND


def chunk(position: int) -> NewCheckpoint:
    return NewCheckpoint(0, 10, 0, PART_COUNT, position, (f"part {position}",))


def of_transfer(messages: list[Message]) -> list[Message]:
    return [each for each in messages if isinstance(each, GetCheckpoint | GetState)]


def test_a_transfer_goes_on_however_long_it_takes_while_chunks_arrive() -> None:
    group = Group(5)
    group.tell("n0", "n2", Commit(0, 10, 1, TIME_OUT))
    for position in range(PART_COUNT - 1):
        group.now += TIME_OUT * 3 // 4
        asked = of_transfer(group.tell("n1", "n2", chunk(position)))
        assert set(asked) == {GetCheckpoint(0, 10, position + 1)}
    group.tell("n1", "n2", chunk(PART_COUNT - 1))
    assert group["n2"].commit_number == 10


def test_a_transfer_that_stands_still_for_a_time_out_begins_anew() -> None:
    group = Group(5)
    group.tell("n0", "n2", Commit(0, 10, 1, TIME_OUT))
    group.tell("n1", "n2", chunk(0))
    group.now += TIME_OUT
    assert of_transfer(group.turn("n2")) == [GetState(0, 0)]
