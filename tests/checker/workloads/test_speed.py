"""The time of the judges grows with the history, not with its square, nor with offsets."""

from time import process_time

from tests.checker.transactions.drawn import REGISTERS, one_cycle
from tests.checker.transactions.oracle import judged
from tests.checker.workloads.large import large_kafka, large_set
from vsr_node.checker import Event
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import judge


def seconds(workload: str, events: list[Event]) -> float:
    start = process_time()
    assert judge(workload, events).valid is Validity.VALID
    return process_time() - start


def test_logs_take_time_in_proportion_whatever_their_offsets() -> None:
    small = seconds("kafka", large_kafka(1_000))
    assert seconds("kafka", large_kafka(8_000)) < 30 * small
    assert seconds("kafka", large_kafka(1_000, 10**15)) < 5 * small


def test_sets_take_time_in_proportion_to_what_was_read() -> None:
    small = seconds("g-set", large_set(500, 50))
    assert seconds("g-set", large_set(2_000, 200)) < 16 * 5 * small


def test_one_cycle_of_all_transactions_takes_time_in_proportion() -> None:
    def cycle_s(transactions: int) -> float:
        events = one_cycle(REGISTERS, transactions)
        start = process_time()
        judgement = judged(events, REGISTERS, "strict-serializable")
        assert [anomaly.name for anomaly in judgement.anomalies] == ["G1c"]
        return process_time() - start

    small = cycle_s(500)
    assert cycle_s(4_000) < 30 * small
