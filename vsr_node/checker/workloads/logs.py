"""kafka: logs of messages, each at an offset, that clients send to and poll.

Theory of operation. The log of a key is what all polls and the acknowledged sends say of its
offsets. Gaps between offsets mean nothing, so all comparisons are of *ranks*: the place of an
offset among those of its key, however large it is. The rules and their names are Jepsen's. A
client's place in a key is the last message that its newest poll returned of it; an assign keeps the
places of the keys that it names.

Maelstrom's checker fails on some histories, which makes its verdict unknown, and it forgets a
client's place after a poll that returned an empty list; both are judged here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from math import inf
from typing import NamedTuple

from vsr_node.checker.history import Call, Event, Json, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import counted
from vsr_node.checker.workloads.log_operations import (
    FUNCTIONS,
    TRANSFERS,
    Record,
    Transfer,
    assigned_keys,
    transfer_of,
)
from vsr_node.checker.workloads.realtime_lag import worst_realtime_lag
from vsr_node.checker.workloads.values import ValueKey, key_text
from vsr_node.checker.workloads.verdicts import (
    EXAMPLES_MAX,
    anomaly,
    conclude,
    names_of,
    require_functions,
    text_of,
)

MAELSTROM_OFFSET_MAX = 100_000_000
"""About the largest offset that Maelstrom has memory for: its logs are vectors as long as that."""

LISTED_MAX = 100
"""How many things of one kind the figures list."""

_ALLOWED = ("int-send-skip",)
"""Findings that are normal: sends of several clients interleave."""


class Log:
    """The log of one key."""

    def __init__(self, at: dict[int, dict[ValueKey, Transfer]]) -> None:
        self.offsets = sorted(at)
        self.at = at
        """The messages at each offset, each with an operation that says so."""
        self.first: dict[ValueKey, int] = {}
        """The rank at which a message is first."""
        self.last: dict[ValueKey, int] = {}
        """The rank at which a message is last."""
        self.messages = [next(iter(at[offset])) for offset in self.offsets]
        """The message at each rank: where an offset has two, the first that was seen there."""
        self.ranks = {message: rank for rank, message in enumerate(self.messages)}
        """The rank of each of these."""
        for rank, offset in enumerate(self.offsets):
            for message in at[offset]:
                self.first.setdefault(message, rank)
                self.last[message] = rank

    def step(self, before: ValueKey, after: ValueKey) -> int:
        """Return by how many ranks a message is after another, 1 if that is not known."""
        ranks = self.ranks.get(before), self.ranks.get(after)
        return 1 if ranks[0] is None or ranks[1] is None else ranks[1] - ranks[0]


_EMPTY_LOG = Log({})


class Place(NamedTuple):
    """Where a client is in a log."""

    record: Record
    transfer: Transfer
    failed: Call | None = None
    """The last poll of the client that failed since then."""
    is_forgotten: bool = False
    """Whether Maelstrom has forgotten it, as an empty list was polled since then."""


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``send``, ``poll`` and ``assign``. Raises HistoryError if it is none."""
    del demands
    calls = pair_calls(events)
    require_functions("kafka", FUNCTIONS, calls)
    return _Logs(calls).judgement()


class _Logs:
    """The history of all logs, and all that follows from it."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._transfers = {
            call.invocation.index: transfer_of(call)
            for call in calls
            if call.invocation.f in TRANSFERS
        }
        self._writers: dict[tuple[str, ValueKey], Transfer] = {}
        self._readers: dict[tuple[str, ValueKey], Transfer] = {}
        """The poll that is ok and has a message, the one that was answered first."""
        self._polled: list[tuple[Record, Transfer]] = []
        """Each message with its reader, and all that polls returned which are not ok."""
        self._polled_keys: dict[str, bool] = {}
        """The keys in answers to polls that are ok, and whether some message of it was there."""
        for transfer in self._transfers.values():
            self._note_sends(transfer)
        for transfer in sorted(self._transfers.values(), key=_end):
            self._note_polls(transfer)
        self._logs = self._build_logs()

    def _note_sends(self, transfer: Transfer) -> None:
        for record in transfer.sent:
            writer = self._writers.get((record.key, record.message))
            if writer is None or writer.outcome == "fail":
                self._writers[record.key, record.message] = transfer

    def _note_polls(self, transfer: Transfer) -> None:
        is_ok = transfer.outcome == "ok"
        for key, records in transfer.polled.items():
            if is_ok:
                self._polled_keys[key] = self._polled_keys.get(key, False) or bool(records)
            for record in records:
                if not is_ok:
                    self._polled.append((record, transfer))
                elif (key, record.message) not in self._readers:
                    self._readers[key, record.message] = transfer
                    self._polled.append((record, transfer))

    def _build_logs(self) -> dict[str, Log]:
        at: dict[str, dict[int, dict[ValueKey, Transfer]]] = {}
        for transfer in self._transfers.values():
            sent = transfer.sent if self._was_done(transfer) else ()
            for records in (sent, *transfer.polled.values()):
                for key, offset, message in records:
                    if offset is not None:
                        offsets = at.setdefault(key, {})
                        offsets.setdefault(offset, {}).setdefault(message, transfer)
        return {key: Log(offsets) for key, offsets in at.items()}

    def _was_done(self, transfer: Transfer) -> bool:
        """Return whether an operation is known to have happened."""
        if transfer.outcome == "info":
            return any((sent.key, sent.message) in self._readers for sent in transfer.sent)
        return transfer.outcome == "ok"

    # --- Verdicts -------------------------------------------------------------------------------

    def judgement(self) -> Judgement:
        """Return the verdicts."""
        rules: tuple[Callable[[], Iterator[Anomaly]], ...] = (
            self._inconsistent_offsets,
            self._duplicates,
            self._phantoms,
            self._aborted_reads,
            self._reads_before_sends,
            self._precommitted_reads,
            self._lost_writes,
            self._unseen,
            self._steps_within_polls,
            self._steps_between_polls,
            self._steps_within_sends,
            self._steps_between_sends,
        )
        noticed = [each for rule in rules for each in _first_of_each_name(rule())]
        forgotten = self._steps_between_polls(forgotten=True)
        found = [*noticed, *_first_of_each_name(forgotten)]
        anomalies = _bad(found)
        failure = self._why_maelstrom_fails()
        return conclude(
            self._calls,
            anomalies,
            as_maelstrom=Validity.of(None if failure else not _bad(noticed)),
            unknown="" if self._transfers else "nothing was sent or polled",
            notes=[f"Maelstrom's checker fails: {failure}."] if failure else [],
            figures=self._figures(found, anomalies),
        )

    def _why_maelstrom_fails(self) -> str:
        """Return why Maelstrom's checker throws an exception, "" if it does not."""
        polls = (call for call, _ in self._called() if call.invocation.f != "send")
        if not any(call.outcome == "ok" for call in polls):
            return "no poll is ok"
        for record, _ in self._polled:
            writer = self._writers.get((record.key, record.message))
            if writer is None or writer.call.completion is None:
                return f"{_name(record)} was polled, and its send has no completion"
        for key, has_messages in self._polled_keys.items():
            if not has_messages:
                return f"all that was polled of key {text_of(key)} is an empty list"
        for log in self._logs.values():
            if log.offsets[-1] > MAELSTROM_OFFSET_MAX:
                return f"offset {log.offsets[-1]} is larger than its memory"
        return ""

    def _called(self) -> Iterator[tuple[Call, Transfer]]:
        return ((transfer.call, transfer) for transfer in self._transfers.values())

    def _figures(self, found: list[Anomaly], anomalies: list[Anomaly]) -> dict[str, Json]:
        causes: dict[str, Json] = {}
        for call, transfer in self._called():
            if transfer.outcome == "info" and call.completion is not None:
                causes.setdefault(text_of(call.completion.error), call.completion.error)
        worst = worst_realtime_lag(self._calls, self._transfers)
        return {
            "worst-realtime-lag": None if worst is None else worst.as_json(),
            "bad-error-types": [*sorted(names_of(anomalies))],
            "error-types": [*sorted(names_of(found))],
            "info-txn-causes": list(causes.values())[:LISTED_MAX],
        }

    # --- Logs -----------------------------------------------------------------------------------

    def _inconsistent_offsets(self) -> Iterator[Anomaly]:
        for key, log in self._logs.items():
            for offset in log.offsets:
                if len(log.at[offset]) > 1:
                    (one, by_one), (other, by_other) = islice(log.at[offset].items(), 2)
                    text = (
                        f"offset {offset} of key {text_of(key)} has {key_text(one)} and "
                        f"{key_text(other)}."
                    )
                    yield anomaly("inconsistent-offsets", text, [by_one.call, by_other.call], key)

    def _duplicates(self) -> Iterator[Anomaly]:
        for key, log in self._logs.items():
            for message, first in log.first.items():
                last = log.last[message]
                if first < last:
                    one, other = log.offsets[first], log.offsets[last]
                    proof = [log.at[one][message].call, log.at[other][message].call]
                    text = (
                        f"{key_text(message)} is at offset {one} and at offset {other} of key "
                        f"{text_of(key)}."
                    )
                    yield anomaly("duplicate", text, [*self._sends(key, message), *proof], key)

    def _sends(self, key: str, message: ValueKey) -> list[Call]:
        """Return the send of a message, as a list of one, or of none if nobody sent it."""
        writer = self._writers.get((key, message))
        return [] if writer is None else [writer.call]

    # --- Messages that must not be there --------------------------------------------------------

    def _phantoms(self) -> Iterator[Anomaly]:
        for record, transfer in self._polled:
            if (record.key, record.message) not in self._writers:
                text = f"a poll returned {_name(record)}, which nobody sent."
                yield anomaly("phantom", text, [transfer.call], record.key)

    def _aborted_reads(self) -> Iterator[Anomaly]:
        for record, transfer in self._polled:
            writer = self._writers.get((record.key, record.message))
            if writer is not None and writer.outcome == "fail" and transfer.outcome == "ok":
                text = f"a poll returned {_name(record)}, whose send failed for certain."
                yield anomaly("G1a", text, [writer.call, transfer.call], record.key)

    def _reads_before_sends(self) -> Iterator[Anomaly]:
        for record, transfer in self._polled:
            writer = self._writers.get((record.key, record.message))
            answer = transfer.call.completion
            if writer is None or answer is None or transfer.outcome != "ok":
                continue
            if answer.index < writer.call.invocation.index:
                text = (
                    f"a poll returned {_name(record)} at event {answer.index}, before it was sent "
                    f"at event {writer.call.invocation.index}."
                )
                yield anomaly("G1c-realtime", text, [transfer.call, writer.call], record.key)

    def _precommitted_reads(self) -> Iterator[Anomaly]:
        for transfer in self._transfers.values():
            sent = {(record.key, record.message) for record in transfer.sent}
            for records in transfer.polled.values() if sent else ():
                for record in records:
                    if (record.key, record.message) in sent:
                        text = f"a transaction polled {_name(record)}, which it sent itself."
                        yield anomaly("precommitted-read", text, [transfer.call], record.key)

    # --- Messages that must be there ------------------------------------------------------------

    def _lost_writes(self) -> Iterator[Anomaly]:
        for key, log in self._logs.items():
            read = [message for message in log.first if (key, message) in self._readers]
            if not read:
                continue
            highest = max(read, key=log.first.__getitem__)
            for message, rank in log.last.items():
                writer = self._writers.get((key, message))
                if rank > log.first[highest] or (key, message) in self._readers or writer is None:
                    continue
                if self._was_done(writer):
                    record = Record(key, log.offsets[rank], message)
                    offset = log.offsets[log.first[highest]]
                    text = (
                        f"{_name(record)} was {_known(writer)}, and no poll that is ok returned "
                        f"it, though one got as far as offset {offset}."
                    )
                    reader = self._readers[key, highest]
                    yield anomaly("lost-write", text, [writer.call, reader.call], key)

    def _unseen(self) -> Iterator[Anomaly]:
        for transfer in self._transfers.values():
            if transfer.outcome == "ok":
                for record in transfer.sent:
                    if (record.key, record.message) not in self._readers:
                        text = (
                            f"{_name(record)} was acknowledged, and no poll that is ok returned "
                            "it until the end."
                        )
                        yield anomaly("unseen", text, [transfer.call], record.key)

    # --- Order ----------------------------------------------------------------------------------

    def _steps_within_polls(self) -> Iterator[Anomaly]:
        for transfer in self._transfers.values():
            for key, records in transfer.polled.items():
                log = self._logs.get(key, _EMPTY_LOG)
                for before, after in pairwise(records):
                    step = log.step(before.message, after.message)
                    if step > 1:
                        text = (
                            f"a poll of key {text_of(key)} goes from {_at(before)} to {_at(after)}"
                        )
                        yield self._skip("int-poll-skip", text, before, after, [transfer.call])
                    elif step < 1:
                        text = (
                            f"a poll of key {text_of(key)} returned {_at(after)} after "
                            f"{_at(before)}, against the order of the log."
                        )
                        yield anomaly("int-nonmonotonic-poll", text, [transfer.call], key)

    def _step(self, before: Record, after: Record) -> int:
        return self._logs.get(before.key, _EMPTY_LOG).step(before.message, after.message)

    def _skip(
        self, name: str, text: str, before: Record, after: Record, proof: list[Call]
    ) -> Anomaly:
        """Return a gap between two messages, with the first message that is in it."""
        log = self._logs[before.key]
        rank = log.ranks[before.message] + 1
        others = log.ranks[after.message] - rank - 1
        offset, message = log.offsets[rank], log.messages[rank]
        more = f" and {counted(others, 'more message')}" if others else ""
        text = f"{text}, and leaves out {_at(Record(before.key, offset, message))}{more}."
        return anomaly(name, text, [*proof, log.at[offset][message].call], before.key)

    def _steps_between_polls(self, forgotten: bool = False) -> Iterator[Anomaly]:
        """Yield moves of clients from places that Maelstrom has forgotten, or from all others."""
        for calls in self._by_process().values():
            places: dict[str, Place] = {}
            for call in calls:
                if call.invocation.f in ("assign", "subscribe"):
                    places = _kept(places, call)
                elif (transfer := self._transfers.get(call.invocation.index)) is not None:
                    yield from self._moves(places, transfer, forgotten)

    def _by_process(self) -> dict[int | str, list[Call]]:
        by_process: dict[int | str, list[Call]] = {}
        for call in self._calls:
            by_process.setdefault(call.invocation.process, []).append(call)
        return by_process

    def _moves(
        self, places: dict[str, Place], transfer: Transfer, forgotten: bool
    ) -> Iterator[Anomaly]:
        """Compare a client's places with what it polls next, and move them."""
        if transfer.outcome == "fail" and transfer.call.invocation.f != "send":
            places |= {key: place._replace(failed=transfer.call) for key, place in places.items()}
        for key, records in transfer.polled.items():
            place = places.get(key)
            if records and place is not None and place.is_forgotten is forgotten:
                yield from self._move(place, records[0], transfer)
            if transfer.outcome != "ok":
                continue
            if records:
                places[key] = Place(records[-1], transfer)
            elif place is not None:
                places[key] = place._replace(is_forgotten=True)

    def _move(self, place: Place, after: Record, transfer: Transfer) -> Iterator[Anomaly]:
        before, step = place.record, self._step(place.record, after)
        if step == 1:
            return
        process, key = transfer.call.invocation.process, text_of(before.key)
        text = f"process {process} had polled key {key} as far as {_at(before)}, and its next poll "
        proof = [place.transfer.call, transfer.call]
        if step > 1:
            text += f"of it begins at {_at(after)}"
            skip = self._skip("poll-skip", text, before, after, proof)
            yield skip if place.failed is None else _with_failed_poll(skip, place.failed)
        else:
            text += f"of it begins at {_at(after)}, which it had passed."
            yield anomaly("nonmonotonic-poll", text, proof, before.key)

    def _steps_within_sends(self) -> Iterator[Anomaly]:
        for transfer in self._transfers.values():
            for before, after in _successive(transfer.sent):
                step = self._step(before, after)
                if step > 1:
                    text = f"a transaction sent {_at(before)} and then {_at(after)}"
                    yield self._skip("int-send-skip", text, before, after, [transfer.call])
                elif step < 1:
                    text = (
                        f"a transaction sent {key_text(before.message)} and then "
                        f"{key_text(after.message)}, and they are the other way round in the log."
                    )
                    yield anomaly("int-nonmonotonic-send", text, [transfer.call], before.key)

    def _steps_between_sends(self) -> Iterator[Anomaly]:
        for calls in self._by_process().values():
            places: dict[str, Place] = {}
            for call in calls:
                if call.invocation.f in ("assign", "subscribe"):
                    places = _kept(places, call)
                    continue
                transfer = self._transfers.get(call.invocation.index)
                if transfer is None or call.completion is None or call.outcome == "fail":
                    continue
                for record in _first_of_each_key(transfer.sent):
                    place = places.get(record.key)
                    if place is not None and self._step(place.record, record) < 1:
                        yield self._sent_back(place, record, transfer)
                for record in transfer.sent:
                    places[record.key] = Place(record, transfer)

    def _sent_back(self, place: Place, after: Record, transfer: Transfer) -> Anomaly:
        log = self._logs[after.key]
        one, other = log.ranks[place.record.message], log.ranks[after.message]
        text = (
            f"process {transfer.call.invocation.process} sent "
            f"{key_text(place.record.message)} to key {text_of(after.key)}, which is at offset "
            f"{log.offsets[one]}, and after that {key_text(after.message)}, which is at offset "
            f"{log.offsets[other]}."
        )
        return anomaly("nonmonotonic-send", text, [place.transfer.call, transfer.call], after.key)


def _first_of_each_name(found: Iterable[Anomaly]) -> list[Anomaly]:
    """Return the first few anomalies of each name."""
    by_name: dict[str, list[Anomaly]] = {}
    for each in found:
        examples = by_name.setdefault(each.name, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(each)
    return [each for examples in by_name.values() for each in examples]


def _bad(found: Iterable[Anomaly]) -> list[Anomaly]:
    return [each for each in found if each.name not in _ALLOWED]


def _end(transfer: Transfer) -> float:
    """Return the place of an operation in order of completion."""
    completion = transfer.call.completion
    return inf if completion is None else completion.index


def _kept(places: dict[str, Place], call: Call) -> dict[str, Place]:
    """Return the places that are left after an assign."""
    if call.outcome == "fail" or call.completion is None:
        return places
    keys = assigned_keys(call)
    return {key: place for key, place in places.items() if key in keys}


def _with_failed_poll(skip: Anomaly, failed: Call) -> Anomaly:
    """Name the poll that failed in between: it may be the whole reason."""
    assert failed.completion is not None
    text = (
        f"{skip.explanation}\n    A poll of the same process failed at event "
        f"{failed.completion.index}. If that was commit_offsets, the client had moved on all the "
        "same, and what that poll had returned is not in the history: answer commit_offsets with "
        "no error that is definite."
    )
    return replace(skip, explanation=text)


def _successive(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Yield each two records of one key that follow one another."""
    last: dict[str, Record] = {}
    for record in records:
        if record.key in last:
            yield last[record.key], record
        last[record.key] = record


def _first_of_each_key(records: Sequence[Record]) -> list[Record]:
    return list({record.key: record for record in reversed(records)}.values())


def _known(writer: Transfer) -> str:
    return "acknowledged" if writer.outcome == "ok" else "sent in an operation that was done"


def _name(record: Record) -> str:
    """Name a message with its key and offset."""
    return f"{_at(record)} of key {text_of(record.key)}"


def _at(record: Record) -> str:
    where = "an unknown offset" if record.offset is None else f"offset {record.offset}"
    return f"{key_text(record.message)} at {where}"
