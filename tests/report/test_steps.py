"""A seed's page in a real browser: steps forward and back, by mouse and by keys alone."""

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import accumulate, islice
from pathlib import Path

import pytest

from tests.report.browser import Browser
from tests.simulation.test_page import states
from vsr_node.report import draw as draw_folder
from vsr_node.simulation.page import draw_page
from vsr_node.simulation.plan import draw
from vsr_node.simulation.recording import Recording
from vsr_node.simulation.run import Failure, RunOutcome, execute

pytestmark = pytest.mark.slow


SEED = 639
"""Three replicas crash and are cut off, and many messages are under way for long."""


@pytest.fixture(scope="module")
def outcome() -> RunOutcome:
    return execute(draw(SEED))


@pytest.fixture(scope="module")
def recording(outcome: RunOutcome) -> Recording:
    return Recording(outcome.plan)


@pytest.fixture(scope="module")
def file(outcome: RunOutcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seed") / "page.html"
    draw_page(outcome, path, "again")
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Browser:
    browser.noise.clear()
    browser.show_as(width=1280, height=900)
    browser.open(file)
    return browser


def go_to(page: Browser, step: int) -> None:
    page.run(
        f"(() => {{ const s = document.getElementById('step'); s.value = {step};"
        " s.dispatchEvent(new Event('input')); })()"
    )
    page.frame()


def cells(page: Browser, body: str) -> list[list[str]]:
    rows: list[list[str]] = page.run(
        f"[...document.querySelectorAll('#{body} tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    return rows


def place(page: Browser) -> int:
    return int(page.text("#step-place").split()[1].replace(",", ""))


def shown(page: Browser) -> list[str]:
    """All that the page says of a step."""
    return [page.text(f"#{name}") for name in ("step-text", "replicas", "logs", "flights-title")]


def test_it_begins_at_the_first_step_and_says_nothing_to_the_console(page: Browser) -> None:
    assert place(page) == 0
    assert page.noise == []
    assert [row[0] for row in cells(page, "replicas")] == ["n0 (primary)", "n1", "n2"]
    assert page.text("#flights-title") == "In flight: 0"


def test_a_step_shows_what_each_replica_is(page: Browser, recording: Recording) -> None:
    steps = recording.steps
    first = next(step for step, (_, logs) in enumerate(states(recording)) if any(logs))
    for wanted in (len(steps.taken) // 4, len(steps.taken) - 1, first):
        *_, (present, logs) = islice(states(recording), wanted + 1)
        go_to(page, wanted)
        assert page.text("#step-text") == steps.taken[wanted].text
        for replica, (name, *told) in enumerate(cells(page, "replicas")):
            state = present[replica]
            assert name.split()[0] == steps.replicas[replica]
            assert told[:3] == [state.condition, state.status, str(state.view_number)]
            assert told[4:6] == [str(state.op_number), str(state.commit_number)]
        top = cells(page, "logs")[0]
        op = int(top[0].split()[0])
        for replica, told_entry in enumerate(top[1:]):
            held = logs[replica].get(op, "")
            assert told_entry[2:] == held
            if held:
                is_committed = op <= present[replica].commit_number
                assert told_entry[0] == ("✓" if is_committed else "·")


FLIGHTS_SHOWN = 100
"""What the page shows of them at once; it tells how many more there are."""


def in_flight(recording: Recording, step: int) -> list[str]:
    steps = recording.steps
    return sorted(
        f"{flight.source} {flight.destination}"
        for flight, departure, arrival in zip(
            recording.traffic.flights, steps.departures, steps.arrivals, strict=True
        )
        if departure <= step < arrival
    )


def test_a_step_shows_the_messages_in_flight(page: Browser, recording: Recording) -> None:
    crowds = (
        (step, flights)
        for step, _ in Counter(recording.steps.departures).most_common()
        if 0 < len(flights := in_flight(recording, step)) <= FLIGHTS_SHOWN
    )
    for step, expected in islice(crowds, 2):
        go_to(page, step)
        page.wait_for(
            "[...document.querySelectorAll('#flights tr')]"
            ".map(r => `${r.cells[0].textContent} ${r.cells[1].textContent}`).sort().join()"
            f" === {json.dumps(','.join(expected))}"
        )
        assert page.text("#flights-title") == f"In flight: {len(expected)}"


def test_more_messages_than_the_page_shows_are_counted(page: Browser, recording: Recording) -> None:
    steps = recording.steps
    changes: Counter[int] = Counter()
    for departure, arrival in zip(steps.departures, steps.arrivals, strict=True):
        if departure < arrival:
            changes[departure] += 1
            changes[arrival] -= 1
    counts = list(accumulate(changes[step] for step in range(len(steps.taken))))
    count = max(counts)
    busiest = counts.index(count)
    assert count == len(in_flight(recording, busiest)) > FLIGHTS_SHOWN
    go_to(page, busiest)
    page.wait_for(
        "document.getElementById('flights-title').textContent"
        f" === 'In flight: {count}, of which these {FLIGHTS_SHOWN} arrive first'"
    )
    assert page.run("document.querySelectorAll('#flights tr').length") == FLIGHTS_SHOWN


def test_back_is_where_one_came_from(page: Browser) -> None:
    go_to(page, 500)
    before = shown(page)
    page.run("document.getElementById('step-on').click()")
    page.frame()
    assert place(page) == 501
    assert shown(page) != before
    page.run("document.getElementById('step-back').click()")
    page.frame()
    assert place(page) == 500
    assert shown(page) == before
    page.run("document.getElementById('step-last').click()")
    assert place(page) > 1000
    page.run("document.getElementById('step-first').click()")
    assert place(page) == 0


def test_keys_alone_suffice(page: Browser) -> None:
    page.run("document.getElementById('step').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert place(page) == 2
    page.press("ArrowLeft")
    assert place(page) == 1
    told = page.run("document.getElementById('step').getAttribute('aria-valuetext')")
    assert told.startswith("step 1 of ")
    page.run("document.getElementById('step-on').focus()")
    page.press("Enter")
    assert place(page) == 2
    assert page.noise == []


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        ("fault", r"\*\*\* "),
        ("client", r"c\d #\d+ .*: (ok|fail|info)"),
        ("view", r"\(last normal|is down"),
        ("1", "n1 is "),
    ],
)
def test_it_stops_where_one_wants_it_to(page: Browser, stops: str, expected: str) -> None:
    page.run(f"document.getElementById('stops').value = '{stops}'")
    for _ in range(4):
        page.run("document.getElementById('step-on').click()")
        page.frame()
        assert re.search(expected, page.text("#step-text"))
    on = place(page)
    page.run("document.getElementById('step-back').click()")
    assert place(page) < on
    assert re.search(expected, page.text("#step-text"))


def test_an_operation_that_one_selects_leads_to_its_step(
    page: Browser, recording: Recording
) -> None:
    page.run("document.getElementById('timeline').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    begin = page.text("#selected").split(", ")
    assert f"client {begin[4].removeprefix('client ')}" in begin
    moment = recording.steps.taken[place(page)].time
    _, second, *_ = (e for e in recording.run.history.events() if e.type == "invoke")
    assert moment == second.time


def test_a_run_that_failed_opens_at_its_end(
    browser: Browser, outcome: RunOutcome, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    failure = Failure("leader-completeness", "something is missing")
    draw_page(replace(outcome, failure=failure), path, "again")
    browser.noise.clear()
    browser.show_as(width=390, height=844, dark=True)
    browser.open(path)
    assert place(browser) == int(browser.run("Number(document.getElementById('step').max)"))
    assert "VIOLATION of leader-completeness" in browser.text("header pre")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.noise == []


def test_a_run_of_which_nobody_knows_the_inside_has_no_steps(
    browser: Browser, run_folder: Path
) -> None:
    drawn = draw_folder(run_folder).page
    assert drawn is not None
    browser.open(drawn)
    assert browser.run("document.getElementById('steps-section').hidden")
    assert browser.run("document.getElementById('inside-section').hidden")
