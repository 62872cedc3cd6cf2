"""How fast the checker is, beside the oracle, on the same histories in the same run.

    VSR_HISTORIES=FOLDER python -m tests.checker.benchmark

Without VSR_HISTORIES drawn histories are judged. The time is that after loading, on one core.
"""

from collections.abc import Callable
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

from tests.checker import recorded
from tests.checker.histories import draw
from tests.checker.oracle import is_linearizable
from tests.checker.transactions.drawn import LISTS, REGISTERS, draw_long
from tests.checker.transactions.oracle import judged as judge_transactions
from vsr_node.checker import Event, RegisterModel, check


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
    transactions()


def transactions() -> None:
    """Valid ones, and ones half of whose reads are stale: nearly all are in one component."""
    for count, stale in ((10_000, 0.0), (10_000, 0.5), (100_000, 0.0)):
        for write in (LISTS, REGISTERS):
            events = draw_long(Random(1), write, count, stale=stale)
            start = process_time()
            judgement = judge_transactions(events, write, "strict-serializable")
            took_s = process_time() - start
            held_mb = getrusage(RUSAGE_SELF).ru_maxrss >> 10
            print(
                f"{count} transactions ({write}), {stale:.0%} stale: {took_s:.2f} s of the "
                f"processor, {judgement.valid.word}, {held_mb} MB at most so far"
            )


if __name__ == "__main__":
    main()
