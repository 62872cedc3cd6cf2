"""The judges of sets, counters and logs beside plain ones, on drawn histories.

    python -m tests.checker.workloads.oracle [COUNT]

prints for 20,000 histories a workload how many differ, which must be none.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.checker.workloads import plain
from tests.checker.workloads.drawn import draw_counter, draw_kafka, draw_set
from vsr_node.checker import Event
from vsr_node.checker.judgement import Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import judge

HISTORIES = 20_000

ORDERS_OF_LOGS = {
    *("int-poll-skip", "int-nonmonotonic-poll", "poll-skip", "nonmonotonic-poll"),
    "nonmonotonic-send",
}
"""Names that depend on which of two messages has the place where they share an offset."""


def set_differences(seed: int) -> list[str]:
    """Return what a judgement on a drawn set has wrong."""
    adding = ("add", "broadcast")[seed % 2]
    events = draw_set(seed, adding)
    judgement = judge({"add": "g-set", "broadcast": "broadcast"}[adding], events)
    names = plain.set_names(events, adding)
    found = {each.name for each in judgement.strict_anomalies} - {"not-linearizable"}
    if "not-linearizable" in {each.name for each in judgement.strict_anomalies}:
        names |= {"stale"}  # That of a read which is older than an element that it has.
    full, _ = plain.set_full(events, adding)
    if plain.adds_twice(events, adding):
        # Jepsen forgets what it knew of an element that is added again.
        full = judgement.as_maelstrom.value
        names = names - {"lost"} | found & {"lost"}
    wrong = names - {"stale", "incomparable-reads"}
    silent = plain.never_ok(events)
    valid = False if wrong else "unknown" if silent else full
    return _differences(
        names=(found, names),
        strict=(judgement.strict.value, plain.has_an_order(events, "set")),
        valid=(judgement.valid.value, valid),
        as_maelstrom=(judgement.as_maelstrom.value, False if silent else full),
    )


def counter_differences(seed: int) -> list[str]:
    """Return what a judgement on a drawn counter has wrong."""
    events = draw_counter(seed)
    judgement = judge("pn-counter", events)
    possible, as_maelstrom = plain.counter_verdicts(events)
    silent = plain.never_ok(events)
    return _differences(
        strict=(judgement.strict.value, plain.has_an_order(events, "counter")),
        valid=(judgement.valid.value, False if not possible else "unknown" if silent else True),
        as_maelstrom=(judgement.as_maelstrom.value, as_maelstrom and not silent),
    )


def kafka_differences(seed: int) -> list[str]:
    """Return what a judgement on drawn logs has wrong."""
    events = draw_kafka(seed)
    judgement = judge("kafka", events)
    verdict, names = plain.kafka(events)
    found = {each.name for each in judgement.anomalies}
    if "inconsistent-offsets" in names:
        names, found = names - ORDERS_OF_LOGS, found - ORDERS_OF_LOGS
    silent = plain.never_ok(events)
    unknown = silent or not any(event.f in ("send", "poll") for event in events)
    return _differences(
        names=(found, names),
        valid=(judgement.valid.value, False if names else "unknown" if unknown else True),
        strict=(judgement.strict is Validity.INVALID, bool(names)),
        as_maelstrom=(judgement.as_maelstrom.value, False if silent else verdict),
    )


DIFFERENCES: dict[str, Callable[[int], list[str]]] = {
    "sets": set_differences,
    "counters": counter_differences,
    "logs": kafka_differences,
}


def _differences(**pairs: tuple[Any, Any]) -> list[str]:
    return [
        f"{name}: {found}, not {expected}"
        for name, (found, expected) in pairs.items()
        if found != expected
    ]


def counts(draw: Callable[[int], list[Event]], workload: str, seeds: range) -> Counter[str]:
    """Count the verdicts and names that drawn histories get."""
    judgements: list[Judgement] = [judge(workload, draw(seed)) for seed in seeds]
    found: Counter[str] = Counter(f"valid {each.valid.value}" for each in judgements)
    for judgement in judgements:
        found.update({each.name for each in judgement.strict_anomalies})
    return found


def main() -> int:
    """Compare all, and print what differs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else HISTORIES
    differing = 0
    for kind, differences in DIFFERENCES.items():
        wrong = [(seed, found) for seed in range(count) if (found := differences(seed))]
        differing += len(wrong)
        print(f"{kind}: {count} histories, {len(wrong)} differ", flush=True)
        for seed, found in wrong[:5]:
            print(f"  seed {seed}: {'; '.join(found)}")
    for workload, draw in (
        ("g-set", draw_set),
        ("pn-counter", draw_counter),
        ("kafka", draw_kafka),
    ):
        print(f"{workload}, the first 500: {dict(counts(draw, workload, range(500)))}")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
