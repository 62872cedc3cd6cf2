"""Plain judges of sets, counters and logs: definitions written down once more, without any care
for speed, to hold the checkers against. They share no code with them.
"""

from collections import Counter
from itertools import combinations, pairwise
from math import inf
from typing import Any, NamedTuple

from vsr_node.checker import Event


class Call(NamedTuple):
    start: float
    end: float
    f: str
    asked: Any
    got: Any
    outcome: str
    """ok, fail, info, or open if nothing was heard of it."""
    process: int | str
    is_final: bool


def calls_of(events: list[Event]) -> list[Call]:
    calls = []
    for event in events:
        if event.type != "invoke":
            continue
        later = [each for each in events if each.process == event.process]
        later = [each for each in later if each.index > event.index]
        if later:
            end = later[0]
            calls.append(
                Call(event.index, end.index, event.f, event.value, end.value, end.type,
                     event.process, event.is_final)
            )  # fmt: skip
        else:
            calls.append(
                Call(event.index, inf, event.f, event.value, None, "open",
                     event.process, event.is_final)
            )  # fmt: skip
    return calls


def has_an_order(events: list[Event], kind: str) -> bool:
    """Whether all operations have an order that a set or a counter allows."""
    calls = [call for call in calls_of(events) if call.outcome != "fail"]
    calls = [call for call in calls if call.f != "read" or call.outcome == "ok"]
    sure = frozenset(n for n, call in enumerate(calls) if call.outcome == "ok")
    seen: set[Any] = set()

    def search(left: frozenset[int], state: Any) -> bool:
        if not left & sure:
            return True
        if (left, state) in seen:
            return False
        seen.add((left, state))
        first_end = min(calls[n].end for n in left & sure)
        for n in left:
            call = calls[n]
            if call.start > first_end:
                continue
            if call.f == "read":
                if fits(state, call.got) and search(left - {n}, state):
                    return True
            else:
                changed = state | {call.asked} if kind == "set" else state + call.asked
                if search(left - {n}, changed):
                    return True
        return False

    def fits(state: Any, got: Any) -> bool:
        if kind == "set":
            return len(got) == len(set(got)) and set(got) == state
        return bool(got == state)

    return search(frozenset(range(len(calls))), frozenset() if kind == "set" else 0)


def never_ok(events: list[Event]) -> bool:
    fs = {event.f for event in events if event.type != "invoke"}
    return any(
        not any(event.f == f and event.type == "ok" for event in events) for f in fs if f != "crash"
    )


def _list(value: Any) -> list[Any]:
    assert isinstance(value, list)
    return value


def set_full(events: list[Event], adding: str = "add") -> tuple[Any, set[Any]]:
    """The verdict of Jepsen's set-full, and what is lost; each element is added once."""
    elements: dict[Any, dict[str, Any]] = {}
    calls = {call.end: call for call in calls_of(events)}
    for event in events:
        if event.f == adding:
            if event.type == "invoke":
                elements[event.value] = {"known": None, "present": -1, "absent": -1}
            elif event.type == "ok":
                element = elements[event.value]
                element["known"] = event.index if element["known"] is None else element["known"]
        elif event.type == "ok":
            start = calls[event.index].start
            for value, element in elements.items():
                if value in _list(event.value):
                    known = element["known"]
                    element["known"] = event.index if known is None else known
                    element["present"] = max(element["present"], start)
                else:
                    element["absent"] = max(element["absent"], start)
    stable = {v for v, e in elements.items() if e["present"] >= 0 and e["absent"] < e["present"]}
    lost = {
        value
        for value, e in elements.items()
        if e["known"] is not None and e["present"] < e["absent"] and e["known"] < e["absent"]
    }
    return (False if lost else True if stable else "unknown"), lost


def adds_twice(events: list[Event], adding: str) -> bool:
    added = [event.value for event in events if event.type == "invoke" and event.f == adding]
    return len(added) > len(set(added))


def set_names(events: list[Event], adding: str = "add") -> set[str]:
    """The names of all that is wrong with a set, but for its order."""
    calls = calls_of(events)
    reads = [call for call in calls if call.f == "read" and call.outcome == "ok"]
    adds = [call for call in calls if call.f == adding]
    names = {"lost"} if set_full(events, adding)[1] else set()
    for read in reads:
        if len(read.got) > len(set(read.got)):
            names.add("duplicate")
        for element in read.got:
            before = [add for add in adds if add.asked == element and add.start < read.end]
            if not before:
                names.add("phantom")
            elif all(add.outcome == "fail" for add in before):
                names.add("aborted-read")
    for element in {add.asked for add in adds}:
        known = [add.end for add in adds if add.asked == element and add.outcome == "ok"]
        first = min((add.start for add in adds if add.asked == element), default=inf)
        known += [read.end for read in reads if element in read.got and read.end > first]
        for read in reads:
            if known and min(known) < read.start and element not in read.got:
                names.add("stale")
                if read.is_final:
                    names.add("missing-at-end")
    for one, other in combinations(reads, 2):
        # Only elements that somebody added count: others are phantoms.
        added = {add.asked for add in adds}
        if set(one.got) & added - set(other.got) and set(other.got) & added - set(one.got):
            names.add("incomparable-reads")
    return names


def counter_verdicts(events: list[Event]) -> tuple[bool, bool]:
    """Whether all final reads are possible sums, and whether Maelstrom says so."""
    calls = calls_of(events)
    adds = [call for call in calls if call.f == "add"]
    finals = [call.got for call in calls if call.is_final and call.outcome == "ok"]
    verdicts = []
    for unsure_outcomes in (("info", "open"), ("info",)):
        unsure = [add.asked for add in adds if add.outcome in unsure_outcomes]
        done = sum(add.asked for add in adds if add.outcome == "ok")
        sums = {
            done + sum(chosen)
            for count in range(len(unsure) + 1)
            for chosen in combinations(unsure, count)
        }
        verdicts.append(all(value in sums for value in finals))
    return verdicts[0], verdicts[1]


# --- Kafka, after jepsen/tests/kafka.clj --------------------------------------------------------


def kafka(events: list[Event]) -> tuple[Any, set[str]]:
    """Maelstrom's verdict on logs, without stats, and the names of what is wrong."""
    calls = calls_of(events)
    moves = [call for call in calls if call.f in ("send", "poll")]
    writers = {_sent(call)[:2]: call for call in moves if call.f == "send"}
    ok_polls = [call for call in moves if call.f == "poll" and call.outcome == "ok"]
    read = {(key, value) for call in ok_polls for key, _, value in _polled(call)}
    logs: dict[str, list[set[Any]]] = {}
    for call in moves:
        placed = _polled(call) if call.f == "poll" else []
        if call.f == "send" and call.outcome == "ok":
            key, value, offset = _sent(call)
            placed = [(key, offset, value)]
        for key, offset, value in placed:
            log = logs.setdefault(key, [])
            log += [set() for _ in range(offset + 1 - len(log))]
            log[offset].add(value)
    orders = {key: [min(values) for values in log if values] for key, log in logs.items()}
    ranks = {key: {value: n for n, value in enumerate(order)} for key, order in orders.items()}
    names = _log_names(logs, writers, read, ok_polls) | _lost(logs, writers, read)
    for call in moves:
        if call.f == "send" and call.outcome == "ok" and _sent(call)[:2] not in read:
            names.add("unseen")
    noticed = names | _order_names(calls, ranks, keeps_through_empty=False)
    names = noticed | _order_names(calls, ranks, keeps_through_empty=True)
    polled = {(key, value) for call in moves if call.f == "poll" for key, _, value in _polled(call)}
    fails = not ok_polls or any(
        each not in writers or writers[each].outcome == "open" for each in polled
    )
    for call in ok_polls:
        for key in call.got[0][1] if len(call.got[0]) > 1 else ():
            fails = fails or not any(each[0] == key for each in read)
    return ("unknown" if fails else not noticed), names


def _sent(call: Call) -> tuple[str, Any, Any]:
    _, key, value = call.asked[0]
    offset = call.got[0][2][0] if call.outcome == "ok" else None
    return key, value, offset


def _polled(call: Call) -> list[tuple[str, int, Any]]:
    if call.outcome != "ok" or len(call.got[0]) < 2:
        return []
    return [(key, *pair) for key, pairs in call.got[0][1].items() for pair in pairs]


def _log_names(logs: Any, writers: Any, read: Any, ok_polls: Any) -> set[str]:
    names = set()
    for log in logs.values():
        if any(len(values) > 1 for values in log):
            names.add("inconsistent-offsets")
        if any(count > 1 for count in Counter(v for values in log for v in values).values()):
            names.add("duplicate")
    for each in read:
        if each not in writers:
            names.add("phantom")
        elif writers[each].outcome == "fail":
            names.add("G1a")
    for poll in ok_polls:
        for key, _, value in _polled(poll):
            if (key, value) in writers and writers[key, value].start > poll.end:
                names.add("G1c-realtime")
    return names


def _lost(logs: Any, writers: Any, read: Any) -> set[str]:
    for key, log in logs.items():
        dense = [values for values in log if values]
        firsts: dict[Any, int] = {}
        lasts: dict[Any, int] = {}
        for rank, values in enumerate(dense):
            for value in values:
                firsts.setdefault(value, rank)
                lasts[value] = rank
        bound = max((firsts[v] for k, v in read if k == key and v in firsts), default=-1)
        for value, rank in lasts.items():
            if rank <= bound and (key, value) not in read:
                writer = writers.get((key, value))
                if writer is not None and writer.outcome == "ok":
                    return {"lost-write"}
    return set()


def _order_names(calls: list[Call], ranks: Any, keeps_through_empty: bool) -> set[str]:
    names = set()

    def delta(key: str, one: Any, other: Any) -> int:
        order = ranks.get(key, {})
        return order[other] - order[one] if one in order and other in order else 1

    for process in {call.process for call in calls}:
        polls: dict[str, Any] = {}
        sends: dict[str, Any] = {}
        for call in (call for call in calls if call.process == process):
            if call.f == "assign" and call.outcome in ("ok", "info"):
                polls = {key: polls[key] for key in polls if key in call.asked}
                sends = {key: sends[key] for key in sends if key in call.asked}
            if call.f == "send" and call.outcome in ("ok", "info"):
                key, value, _ = _sent(call)
                if key in sends and delta(key, sends[key], value) < 1:
                    names.add("nonmonotonic-send")
                sends[key] = value
            if call.f == "poll" and call.outcome == "ok" and len(call.got[0]) > 1:
                for key, pairs in call.got[0][1].items():
                    values = [value for _, value in pairs]
                    for one, other in pairwise(values):
                        step = delta(key, one, other)
                        names |= {"int-poll-skip"} if step > 1 else set()
                        names |= {"int-nonmonotonic-poll"} if step < 1 else set()
                    if key in polls and polls[key] is not None and values:
                        step = delta(key, polls[key], values[0])
                        names |= {"poll-skip"} if step > 1 else set()
                        names |= {"nonmonotonic-poll"} if step < 1 else set()
                    if values:
                        polls[key] = values[-1]
                    elif not keeps_through_empty:
                        polls[key] = None
    return names
