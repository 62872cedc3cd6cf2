"""The ages that the places of the promise file may have, and what is concluded from them."""

import shutil
from itertools import product
from pathlib import Path

import pytest

from tests.storage.damage import RECOVERS, STAYS_OUT, WHOLE, Damage, Journal, nothing, opened
from vsr_node.core.messages import DurableState, Record, ReplaceLog, SetView
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush

from .damage import BOOT, database_of, entry, log_of

TURN_COUNT = 8

GONE = None
"""In place of an age: what stands in the place can't be read."""

AGES = (0, 1, 2, GONE)
"""How many writes to the same place came after the one that is left in it."""

PAIRS = list(product(AGES, AGES))

CONSECUTIVE = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)]
"""The pairs of places that two writes in a row left. The last write was one to the first place."""

PAGE = 4_096
PROMISE_AT, MARK_AT = 0, 2 * PAGE

OTHER_BOOT = "another boot"


def marked(ages: tuple[int | None, int | None]) -> int:
    """Return the newest transaction of two marks of such ages; -1 if neither can be read."""
    known = [TURN_COUNT - 2 * age - number for number, age in enumerate(ages) if age is not None]
    return max(known, default=-1)


class Ages:
    """A journal with every promise file that it ever had: each turn promises something, too."""

    def __init__(self, folder: Path, flush: Flush) -> None:
        storage = opened(folder / "living", flush)
        storage.load()
        model = MemoryStorage()
        states: list[DurableState] = [model.load()]
        self.promise_files = [(folder / "living" / "promise").read_bytes()]
        self.databases = [self._copied(folder, 0)]
        for number in range(1, TURN_COUNT + 1):
            records: list[Record] = [SetView(number, number), ReplaceLog(number, (entry(number),))]
            storage.save(records)
            model.save(records)
            states.append(model.load())
            self.promise_files.append((folder / "living" / "promise").read_bytes())
            self.databases.append(self._copied(folder, number))
        shutil.copytree(folder / "living", folder / "left")
        storage.close()
        self.journal = Journal(folder / "left", states, flush)

    def _copied(self, folder: Path, number: int) -> dict[str, bytes]:
        living = folder / "living"
        return {path.name: path.read_bytes() for path in (database_of(living), log_of(living))}

    def page(self, place: int, age: int | None) -> bytes:
        """Return what the place at byte ``place`` held ``age`` writes to it ago."""
        if age is GONE:
            return b"\xff" * PAGE
        contents: list[bytes] = []
        for data in self.promise_files:
            if data[place : place + PAGE] not in contents[-1:]:
                contents.append(data[place : place + PAGE])
        return contents[-1 - age]

    def aged(self, at: int, ages: tuple[int | None, int | None], turns_lost: int = 0) -> Damage:
        """Return the damage that gives the two places at ``at`` their ages."""

        def damage(folder: Path) -> None:
            data = bytearray((folder / "promise").read_bytes())
            for number, age in enumerate(ages):
                place = at + number * PAGE
                data[place : place + PAGE] = self.page(place, age)
            (folder / "promise").write_bytes(data)
            if turns_lost:
                for name, content in self.databases[-1 - turns_lost].items():
                    (folder / name).write_bytes(content)

        return damage


@pytest.fixture(scope="module", params=Flush)
def ages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ages:
    return Ages(tmp_path_factory.mktemp("ages"), request.param)


@pytest.mark.parametrize("marks", PAIRS)
def test_marks_in_the_same_run_must_be_the_last_two(
    ages: Ages, marks: tuple[int | None, int | None]
) -> None:
    """No loss of power explains others."""
    expected = WHOLE if marks in CONSECUTIVE else RECOVERS
    assert ages.journal.outcome(ages.aged(MARK_AT, marks)) == expected


@pytest.mark.parametrize("marks", PAIRS)
def test_marks_after_a_loss_of_power_may_be_of_any_age_where_everything_was_flushed(
    ages: Ages, marks: tuple[int | None, int | None]
) -> None:
    expected = {
        Flush.EVERYTHING: STAYS_OUT if marks == (GONE, GONE) else WHOLE,
        Flush.PROMISES: RECOVERS,
        Flush.NOTHING: STAYS_OUT,
    }[ages.journal.flush]
    assert ages.journal.outcome(ages.aged(MARK_AT, marks), boot_id=OTHER_BOOT) == expected


@pytest.mark.parametrize(
    ("marks", "turns_lost"),
    [(pair, lost) for pair in PAIRS for lost in (1, 2, 3, 4) if marked(pair) > TURN_COUNT - lost],
)
def test_a_database_that_ends_below_a_mark_has_lost_its_end(
    ages: Ages, marks: tuple[int | None, int | None], turns_lost: int
) -> None:
    damage = ages.aged(MARK_AT, marks, turns_lost)
    assert ages.journal.outcome(damage) == RECOVERS
    expected = RECOVERS if ages.journal.flush is Flush.PROMISES else STAYS_OUT
    assert ages.journal.outcome(damage, boot_id=OTHER_BOOT) == expected


@pytest.mark.parametrize("boot_id", [BOOT, OTHER_BOOT])
@pytest.mark.parametrize("promises", PAIRS)
def test_promises_of_any_age_do_no_harm_while_the_database_is_whole(
    ages: Ages, promises: tuple[int | None, int | None], boot_id: str
) -> None:
    damage = ages.aged(PROMISE_AT, promises)
    outcome = ages.journal.outcome(damage, boot_id=boot_id)
    if boot_id == BOOT or ages.journal.flush is Flush.EVERYTHING:
        assert outcome == WHOLE
    elif ages.journal.flush is Flush.NOTHING:
        assert outcome == STAYS_OUT


@pytest.mark.parametrize("promises", PAIRS)
def test_promises_count_alone_only_if_they_are_the_last_two(
    ages: Ages, promises: tuple[int | None, int | None]
) -> None:
    """Older ones that are consecutive can't be told from the last ones: no single fault does it."""

    def damage(folder: Path) -> None:
        ages.aged(PROMISE_AT, promises)(folder)
        log_of(folder).unlink()

    if promises not in CONSECUTIVE:
        assert ages.journal.outcome(damage) == STAYS_OUT
    elif promises == (0, 0):
        assert ages.journal.outcome(damage) == RECOVERS


def test_no_age_at_all_is_whole(ages: Ages) -> None:
    assert ages.journal.outcome(nothing) == WHOLE
    assert ages.journal.outcome(ages.aged(MARK_AT, (0, 0))) == WHOLE
