"""How fast the checker is, beside the oracle, on the same histories in the same run.

    VSR_HISTORIES=FOLDER python -m tests.checker.benchmark

Without VSR_HISTORIES drawn histories are judged. The time is that after loading, on one core.
Histories of workloads follow, beside the plain judges on some that are small enough for them.
"""

from collections.abc import Callable
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

from tests.checker import recorded
from tests.checker.histories import draw
from tests.checker.oracle import is_linearizable
from tests.checker.test_map import draw_map
from tests.checker.transactions.drawn import LISTS, REGISTERS, draw_long, one_cycle
from tests.checker.transactions.oracle import judged as judge_transactions
from tests.checker.workloads import plain
from tests.checker.workloads.large import large_kafka, large_set
from vsr_node.checker import Event, MapModel, RegisterModel, check
from vsr_node.checker.workloads import judge as judge_workload


def drawn() -> list[list[Event]]:
    """Fifty histories of about the size of the recorded ones."""
    return [
        draw(
            Random(seed),
            operations=85,
            processes=5,
            values=(0, 1, 2, 3, 4),
            lies=0.05 * (seed % 2),
            unsure=0.15,
        )
        for seed in range(50)
    ]


def judge(events: list[Event]) -> bool | None:
    return check(events, RegisterModel()).valid


def seconds(
    judged: Callable[[list[Event]], bool | None], histories: list[list[Event]]
) -> tuple[float, list[bool | None]]:
    """The time that it takes to judge them all, and the verdicts."""
    start = perf_counter()
    verdicts = [judged(events) for events in histories]
    return perf_counter() - start, verdicts


WORKLOADS: tuple[tuple[str, str, list[Event], Callable[[list[Event]], object] | None], ...] = (
    ("a set of 200 elements, 100 reads", "g-set", large_set(200, 100), plain.set_full),
    ("a set of 10,000 elements, 1,000 reads", "g-set", large_set(10_000, 1_000), None),
    ("kafka, 1,000 operations", "kafka", large_kafka(1_000), plain.kafka),
    ("kafka, 20,000 operations", "kafka", large_kafka(20_000), None),
    ("kafka, 20,000 operations, offsets of 10^15", "kafka", large_kafka(20_000, 10**15), None),
)


def measure_workloads() -> None:
    for what, workload, events, judged_plainly in WORKLOADS:
        start = perf_counter()
        valid = judge_workload(workload, events).valid.value
        checker_s = perf_counter() - start
        line = f"{what}: {checker_s:.3f} s, valid {valid}"
        if judged_plainly is not None:
            start = perf_counter()
            judged_plainly(events)
            plain_s = perf_counter() - start
            line += f"; the plain judge {plain_s:.3f} s, {plain_s / checker_s:.1f} times as long"
        print(line)


def main() -> None:
    place = recorded.folder()
    histories = [events for events, _ in recorded.etcd(place)] if place else drawn()
    operations = sum(event.type == "invoke" for events in histories for event in events)
    kind = "recorded" if place else "drawn"
    print(f"{len(histories)} {kind} histories, {operations} operations")
    checker_s, verdicts = seconds(judge, histories)
    print(f"checker {checker_s:8.3f} s")
    oracle_s, oracle_verdicts = seconds(is_linearizable, histories)
    print(f"oracle  {oracle_s:8.3f} s, {oracle_s / checker_s:.1f} times as long")
    print("the same verdicts" if verdicts == oracle_verdicts else "DIFFERENT VERDICTS")
    measure_workloads()
    measure_maps()
    measure_transactions()


def measure_maps() -> None:
    """50 clients, 10 keys and 200 operations a key, nearly all appends and gets."""
    for lies in (0.0, 0.005):
        events = draw_map(Random(7), clients=50, keys=10, operations_per_key=200, lies=lies)
        start = process_time()
        verdict = check(events, MapModel())
        took_s = process_time() - start
        print(f"a map of long texts: {took_s:.2f} s of the processor, valid is {verdict.valid}")


def measure_transactions() -> None:
    """Valid ones, ones half of whose reads are stale (nearly all in one component), one cycle."""
    for write in (LISTS, REGISTERS):
        measure_one(f"10000 transactions ({write}) in one cycle", one_cycle(write, 10_000), write)
    for count, stale in ((10_000, 0.0), (10_000, 0.5), (100_000, 0.0)):
        for write in (LISTS, REGISTERS):
            events = draw_long(Random(1), write, count, stale=stale)
            measure_one(f"{count} transactions ({write}), {stale:.0%} stale", events, write)


def measure_one(what: str, events: list[Event], write: str) -> None:
    start = process_time()
    judgement = judge_transactions(events, write, "strict-serializable")
    took_s = process_time() - start
    held_mb = getrusage(RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{what}: {took_s:.2f} s of the processor, {judgement.valid.word}, "
        f"{held_mb} MB at most so far"
    )


if __name__ == "__main__":
    main()
