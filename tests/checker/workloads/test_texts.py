"""What the explanations say: the operations that matter, and facts that are right."""

from typing import Any

import pytest

from tests.checker.workloads.histories import answered, history
from vsr_node.checker import Event
from vsr_node.checker.judgement import Anomaly, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import judge

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN


def named(judgement: Judgement, name: str) -> Anomaly:
    return next(each for each in judgement.strict_anomalies if each.name == name)


def names(judgement: Judgement) -> set[str]:
    return {each.name for each in judgement.strict_anomalies}


def facts(judgement: Judgement, name: str, events: tuple[int, ...], *texts: str) -> None:
    """Require that an anomaly names these events, and says these things on a screen at most."""
    anomaly = named(judgement, name)
    assert anomaly.events == events
    for text in texts:
        assert text in anomaly.explanation
    assert len(anomaly.explanation.splitlines()) <= 24


# --- Sets ---------------------------------------------------------------------------------------


def test_lost_names_the_add_the_last_read_with_it_and_the_last_read() -> None:
    judgement = judge(
        "g-set",
        answered(
            (0, "add", 5, 5), (0, "add", 6, 6),
            (1, "read", None, [5, 6]), (1, "read", None, [6]), (2, "read", None, [6]),
        ),
    )  # fmt: skip
    assert judgement.as_maelstrom is INVALID
    facts(judgement, "lost", (0, 1, 4, 5, 8, 9), "5 was acknowledged", "the last read lacks it")
    assert judgement.figures["lost"] == [5]


def test_stale_counts_only_for_strict_and_says_since_when() -> None:
    judgement = judge(
        "broadcast",
        answered((0, "broadcast", 5, 5), (1, "read", None, []), (1, "read", None, [5])),
    )
    assert (judgement.valid, judgement.as_maelstrom, judgement.strict) == (VALID, VALID, INVALID)
    facts(judgement, "stale", (0, 1, 2, 3), "5 was acknowledged at event 1", "at event 2, lacks it")
    assert judgement.figures["stale"] == [5]
    assert judgement.figures["stable-latencies"] == dict.fromkeys(
        ("0", "0.5", "0.95", "0.99", "1"), 1
    )


def test_an_element_that_was_read_is_known_without_an_acknowledgement() -> None:
    judgement = judge(
        "g-set",
        history(
            (0, "invoke", "add", 5),
            (1, "invoke", "read", None), (1, "ok", "read", [5]),
            (2, "invoke", "read", None), (2, "ok", "read", []),
            (2, "invoke", "read", None), (2, "ok", "read", [5]),
        ),
    )  # fmt: skip
    facts(judgement, "stale", (0, 1, 2, 3, 4), "5 was read at event 2", "at event 3, lacks it")


def test_incomparable_reads_name_both_elements() -> None:
    judgement = judge(
        "g-set",
        history(
            (0, "invoke", "add", 5), (1, "invoke", "add", 6),
            (2, "invoke", "read", None), (3, "invoke", "read", None),
            (2, "ok", "read", [5]), (3, "ok", "read", [6]),
        ),
    )  # fmt: skip
    assert names(judgement) == {"incomparable-reads"}
    facts(judgement, "incomparable-reads", (2, 3, 4, 5), "5", "6", "neither can come first")


def test_a_read_older_than_an_element_that_it_has() -> None:
    judgement = judge(
        "g-set",
        history(
            (2, "invoke", "read", None),
            (0, "invoke", "add", 5), (0, "ok", "add", 5),
            (1, "invoke", "add", 6), (1, "ok", "add", 6),
            (2, "ok", "read", [6]),
            (3, "invoke", "read", None), (3, "ok", "read", [5, 6]),
        ),
    )  # fmt: skip
    assert (judgement.valid, judgement.strict) == (VALID, INVALID)
    assert names(judgement) == {"stale", "not-linearizable"}
    facts(
        judgement, "not-linearizable", (0, 1, 2, 3, 4, 5),
        "has 6 and lacks 5", "acknowledged at event 2, before 6 was asked for at event 3",
    )  # fmt: skip


def test_a_phantom_may_be_an_element_that_is_added_only_later() -> None:
    judgement = judge("g-set", answered((1, "read", None, [5]), (0, "add", 5, 5)))
    facts(judgement, "phantom", (0, 1, 2, 3), "5 before anybody had added it")


def test_an_element_twice_in_a_read_is_a_duplicate() -> None:
    judgement = judge("broadcast", answered((0, "broadcast", 5, 5), (1, "read", None, [5, 5])))
    assert judgement.as_maelstrom is VALID
    facts(judgement, "duplicate", (0, 1, 2, 3), "5 2 times")
    assert judgement.figures["duplicated"] == {"5": 2}


def test_no_stable_element_is_unknown_and_linearizable() -> None:
    judgement = judge("g-set", answered((1, "read", None, []), (0, "add", 5, 5)))
    assert (judgement.valid, judgement.as_maelstrom) == (UNKNOWN, UNKNOWN)
    assert judgement.strict is VALID


# --- Counters -----------------------------------------------------------------------------------


def test_a_wrong_final_read_names_the_add_that_is_missing() -> None:
    judgement = judge(
        "g-counter",
        answered((0, "add", 4, 4), (1, "add", 3, 3), (0, "read", None, 4, "final")),
    )
    facts(
        judgement, "wrong-final-read", (2, 3, 4, 5),
        "is 4; the acknowledged adds make 7", "if this add of 3 had not been done",
    )  # fmt: skip
    assert judgement.figures["acceptable"] == [[7, 7]]


def test_a_wrong_final_read_names_the_add_that_was_done_twice() -> None:
    judgement = judge("g-counter", answered((0, "add", 4, 4), (0, "read", None, 8, "final")))
    facts(judgement, "wrong-final-read", (0, 1, 2, 3), "if this add of 4 had been done twice")


def test_acceptable_sums_are_ranges() -> None:
    judgement = judge(
        "pn-counter",
        history(
            (0, "invoke", "add", 1), (0, "info", "add", 1),
            (1, "invoke", "add", -4), (1, "info", "add", -4),
            (2, "invoke", "add", 2), (2, "ok", "add", 2),
            (3, "invoke", "read", None, "final"), (3, "ok", "read", -1, "final"),
        ),
    )  # fmt: skip
    assert judgement.valid is VALID
    assert judgement.figures["acceptable"] == [[-2, -1], [2, 3]]


def test_an_add_under_way_at_the_end_may_have_been_done_but_not_for_maelstrom() -> None:
    judgement = judge(
        "g-counter",
        history(
            (0, "invoke", "add", 1), (0, "ok", "add", 1), (1, "invoke", "add", 4),
            (2, "invoke", "read", None, "final"), (2, "ok", "read", 5, "final"),
        ),
    )  # fmt: skip
    assert (judgement.valid, judgement.as_maelstrom) == (VALID, INVALID)


def test_a_stale_read_of_a_counter_names_the_add_that_it_lacks() -> None:
    judgement = judge(
        "g-counter", answered((0, "add", 4, 4), (1, "read", None, 0), (1, "read", None, 4, "final"))
    )
    assert (judgement.valid, judgement.strict) == (VALID, INVALID)
    facts(judgement, "not-linearizable", (0, 1, 2, 3), "a read is 0", "if this add of 4 had not")


def test_what_only_the_search_finds_is_explained_by_the_smallest_part() -> None:
    judgement = judge(
        "pn-counter",
        history(
            (0, "invoke", "add", 5), (0, "info", "add", 5),
            (1, "invoke", "add", -5), (1, "info", "add", -5),
            *((2, kind, "read", value) for got in (5, 0, 5)
              for kind, value in (("invoke", None), ("ok", got))),
        ),
    )  # fmt: skip
    assert judgement.strict is INVALID
    facts(judgement, "not-linearizable", (4, 5, 6, 7, 8, 9), "no order of these 3 operations")


# --- Logs ---------------------------------------------------------------------------------------


def send(process: int, key: str, message: int, offset: int) -> tuple[Any, ...]:
    return process, "send", [["send", key, message]], [["send", key, [offset, message]]]


def poll(process: int, **logs: list[list[int]]) -> tuple[Any, ...]:
    return process, "poll", [["poll"]], [["poll", dict(logs)]]


def assign(process: int, *keys: str) -> tuple[Any, ...]:
    return process, "assign", list(keys), list(keys)


THREE = (send(0, "k", 11, 0), send(0, "k", 12, 5), send(0, "k", 13, 10**15))
ALL = [[0, 11], [5, 12], [10**15, 13]]


def kafka(*lines: tuple[Any, ...]) -> Judgement:
    return judge("kafka", answered(*lines))


def test_gaps_between_offsets_mean_nothing() -> None:
    judgement = kafka(*THREE[:2], assign(1, "k"), poll(1, k=ALL[:2]))
    assert (judgement.valid, judgement.as_maelstrom) == (VALID, VALID)


def test_an_offset_beyond_maelstroms_memory_is_judged_here() -> None:
    judgement = kafka(*THREE, assign(1, "k"), poll(1, k=ALL))
    assert (judgement.valid, judgement.as_maelstrom) == (VALID, UNKNOWN)
    assert "offset 1000000000000000 is larger than its memory" in judgement.explanation


def test_a_skip_within_a_poll_names_the_message_left_out() -> None:
    judgement = kafka(*THREE, poll(1, k=[ALL[0], ALL[2]]), poll(2, k=ALL))
    facts(
        judgement, "int-poll-skip", (2, 3, 6, 7),
        "from 11 at offset 0 to 13 at offset 1000000000000000", "leaves out 12 at offset 5",
    )  # fmt: skip
    assert names(judgement) == {"int-poll-skip"}


def test_a_skip_between_polls_names_both_polls_and_the_message() -> None:
    judgement = kafka(*THREE, poll(1, k=ALL[:1]), poll(1, k=ALL[2:]), poll(2, k=ALL))
    facts(
        judgement, "poll-skip", (2, 3, 6, 7, 8, 9),
        "process 1", "as far as 11 at offset 0", "begins at 13", "leaves out 12 at offset 5",
    )  # fmt: skip


def test_an_assign_keeps_the_places_of_the_keys_that_it_names() -> None:
    back = poll(1, k=ALL[:1])
    assert kafka(*THREE, poll(1, k=ALL), assign(1, "j"), back).valid is VALID
    judgement = kafka(*THREE, poll(1, k=ALL), assign(1, "k"), back)
    facts(judgement, "nonmonotonic-poll", (6, 7, 10, 11), "begins at 11 at offset 0")


def test_a_skip_behind_an_empty_list_is_found_where_maelstrom_forgets_the_place() -> None:
    small = (send(0, "k", 11, 0), send(0, "k", 12, 1), send(0, "k", 13, 2))
    lines = (*small, poll(1, k=[[0, 11]]), poll(1, k=[]), poll(1, k=[[2, 13]]))
    judgement = kafka(*lines, poll(2, k=[[0, 11], [1, 12], [2, 13]]))
    assert names(judgement) == {"poll-skip"}
    assert (judgement.valid, judgement.as_maelstrom) == (INVALID, VALID)


def test_a_poll_that_failed_in_between_is_named_with_the_skip() -> None:
    events = answered(*THREE, poll(1, k=ALL[:1]), poll(1), poll(1, k=ALL[2:]), poll(2, k=ALL))
    events[9] = events[9]._replace(type="fail", value=[["poll"]], error=[11, "no"])
    judgement = judge("kafka", events)
    facts(judgement, "poll-skip", (2, 3, 6, 7, 10, 11), "failed at event 9", "commit_offsets")


def test_only_empty_lists_of_a_key_make_maelstroms_checker_fail() -> None:
    judgement = kafka(*THREE[:1], assign(1, "k", "j"), poll(1, k=ALL[:1], j=[]))
    assert (judgement.valid, judgement.as_maelstrom) == (VALID, UNKNOWN)
    assert 'key "j" is an empty list' in judgement.explanation


def test_a_phantom_makes_maelstroms_checker_fail() -> None:
    judgement = kafka(*THREE[:1], poll(1, k=[[0, 11], [1, 99]]))
    assert (judgement.valid, judgement.as_maelstrom) == (INVALID, UNKNOWN)
    facts(judgement, "phantom", (2, 3), '99 at offset 1 of key "k"', "nobody sent")


def test_a_message_read_while_its_send_is_under_way_until_the_end() -> None:
    sending = Event(0, 0, 9, "invoke", "send", value=[["send", "k", 12]])
    events = answered(send(0, "k", 11, 0), poll(1, k=[[0, 11], [1, 12]]))
    moved = [event._replace(index=event.index + 1) for event in events]
    judgement = judge("kafka", [sending, *moved])
    assert (judgement.valid, judgement.as_maelstrom) == (VALID, UNKNOWN)


def test_sends_alone_are_unseen_and_make_maelstroms_checker_fail() -> None:
    judgement = kafka(*THREE[:1])
    assert (judgement.valid, judgement.as_maelstrom) == (INVALID, UNKNOWN)
    facts(judgement, "unseen", (0, 1), "11 at offset 0", "until the end")


def test_lost_writes_are_bounded_by_the_highest_message_that_was_read() -> None:
    small = (send(0, "k", 11, 0), send(0, "k", 12, 1), send(0, "k", 13, 2))
    judgement = kafka(*small, poll(1, k=[[1, 12]]))
    facts(judgement, "lost-write", (0, 1, 6, 7), "11 at offset 0", "offset 1")
    lost = [each for each in judgement.anomalies if each.name == "lost-write"]
    assert len(lost) == 1
    assert {each.name for each in judgement.anomalies} == {"lost-write", "unseen"}


def test_an_info_send_is_lost_only_if_another_message_of_its_operation_was_read() -> None:
    asked: list[Any] = [["send", "k", 11], ["send", "j", 21]]
    done: list[Any] = [["send", "k", [0, 11]], ["send", "j", [0, 21]]]

    def judged(**polled: list[list[int]]) -> set[str]:
        events = [
            Event(0, 0, 0, "invoke", "txn", value=asked),
            Event(1, 1, 0, "info", "txn", value=done),
            *answered(send(1, "k", 12, 1), poll(2, k=[[1, 12]], **polled)),
        ]
        numbered = [event._replace(index=index) for index, event in enumerate(events)]
        return names(judge("kafka", numbered))

    assert judged() == set()
    assert judged(j=[[0, 21]]) == {"lost-write"}


def test_disagreement_about_an_offset_names_both_messages() -> None:
    judgement = kafka(send(0, "k", 11, 0), send(1, "k", 12, 0), poll(2, k=[[0, 12]]))
    facts(judgement, "inconsistent-offsets", (0, 1, 2, 3), "offset 0", "11 and 12")


def test_a_message_of_a_failed_send_is_named_with_the_send() -> None:
    events = answered(send(0, "k", 11, 0), send(0, "k", 12, 1), poll(1, k=[[0, 11], [1, 12]]))
    events[3] = events[3]._replace(type="fail", value=[["send", "k", 12]])
    facts(judge("kafka", events), "G1a", (2, 3, 4, 5), "12 at offset 1", "failed for certain")


def test_sends_that_go_back_name_both_offsets() -> None:
    judgement = kafka(send(0, "k", 11, 5), send(0, "k", 12, 3), poll(1, k=[[3, 12], [5, 11]]))
    facts(judgement, "nonmonotonic-send", (0, 1, 2, 3), "11", "offset 5", "12", "offset 3")


@pytest.mark.parametrize("last", ["crash", "debug-topic-partitions"])
def test_a_crash_need_not_be_ok(last: str) -> None:
    events = answered(*THREE[:1], poll(1, k=ALL[:1]), (1, last, None, None))
    events[-1] = events[-1]._replace(type="info")
    assert judge("kafka", events).as_maelstrom is VALID


def test_the_worst_lag_is_from_the_answer_of_the_send_to_the_poll_that_lacks_it() -> None:
    lines = (assign(1, "k"), send(0, "k", 11, 0), send(0, "k", 12, 5), poll(1, k=[[0, 11]]))
    lag = kafka(*lines, poll(1, k=[[5, 12]])).figures["worst-realtime-lag"]
    # Event 5 is the answer to the second send, at 0.005 s; event 6 begins the poll that lacks it.
    assert lag == {"time": 0.006, "process": 1, "key": "k", "lag": 0.001}
    assert kafka(send(0, "k", 11, 0)).figures["worst-realtime-lag"] is None
