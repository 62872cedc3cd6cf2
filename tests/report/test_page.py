"""The page in a real browser: what it says, what a click shows, and keys alone."""

import json
from pathlib import Path

import pytest

from tests.report.browser import Browser
from tests.report.conftest import NASTY
from vsr_node.report import draw

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser: Browser, run_folder: Path) -> Browser:
    drawn = draw(run_folder)
    assert drawn.page is not None
    browser.noise.clear()
    browser.requested.clear()
    browser.show_as(width=1280, height=900)
    browser.open(drawn.page)
    return browser


def place(page: Browser, selector: str, x: float, y: float) -> tuple[float, float]:
    """The place in the window of a place in an element, which is scrolled into view."""
    found = page.run(
        f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
        " e.scrollIntoView({block: 'center', behavior: 'instant'});"
        " const r = e.getBoundingClientRect(); return [r.left, r.top]; })()"
    )
    return found[0] + x, found[1] + y


def ink(page: Browser, selector: str) -> int:
    """How many pixels of a canvas are drawn."""
    return int(
        page.run(
            f"(() => {{ const c = document.querySelector({json.dumps(selector)});"
            " const o = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            " o.drawImage(c, 0, 0);"
            " const d = o.getImageData(0, 0, c.width, c.height).data;"
            " let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
        )
    )


def focused(page: Browser) -> str:
    return str(page.run("document.activeElement.id"))


def test_it_opens_at_the_violation_and_says_nothing_to_the_console(page: Browser) -> None:
    assert page.noise == []
    assert all(url.startswith("file:") for url in page.requested)
    assert len(page.requested) == 1
    assert page.text(".badge") == "✗ Not valid"
    assert "these 3 operations can't all have happened" in page.text(".violation h3")
    assert 'read 1: ok, process 1, key "k", node n1, client c4' in page.text("#selected")
    for canvas in ("#timeline", "#space-time", "#latency", "#rate"):
        assert ink(page, canvas) > 500, canvas
    assert page.run("document.getElementById('problem').hidden")


def test_what_a_node_says_is_text(page: Browser) -> None:
    page.run("document.getElementById('list-details').open = true")
    page.run("document.getElementById('messages-out').click()")
    page.wait_for("document.querySelectorAll('#list tr').length > 3")
    assert NASTY in page.text("#list")
    assert NASTY in page.text("#kinds")
    assert page.run("document.querySelectorAll('img').length") == 0
    assert page.noise == []


def test_a_click_on_an_operation_shows_it_and_its_messages(page: Browser) -> None:
    page.run("document.getElementById('zoom-all').click()")
    page.frame()
    # The first write, of process 0, is at 10 ms of 60 in the first lane: below the axis, the
    # faults, and one strip of views (only n0 tells its own).
    width = page.run("document.getElementById('timeline').clientWidth")
    x, y = place(page, "#timeline", 76 + (width - 76) * 11 / 60, 22 + 20 + 16 + 4 + 9)
    page.hover(x, y)
    assert page.text("#tip").startswith("write 1: ok, process 0")
    page.click(x, y)
    assert page.text("#selected").startswith("write 1: ok, process 0")
    assert page.text("#messages-count").startswith("4 messages")
    # The first message of the operation is its request: a line from the client to n0.
    page.press("Tab")
    page.run("document.getElementById('space-time').focus()")
    page.press("ArrowRight")
    page.wait_for("document.querySelector('#message pre')?.textContent")
    assert page.text("#message p").startswith("write c3 → n0, delivered, sent 0.010100 s")
    assert json.loads(page.text("#message pre"))["value"] == 1


def test_a_message_under_the_pointer_tells_its_body(page: Browser) -> None:
    page.run("document.querySelectorAll('[data-operation]')[1].click()")
    page.frame()
    # Write 2 is shown from 30 - 1.05 to 33 + 1.05 ms; its request goes at 30.1 from the client's
    # line, the first, to that of n0, the third.
    width = page.run("document.getElementById('space-time').clientWidth")
    x = 76 + (width - 76) * (30.1 - 28.95) / 5.1
    page.hover(*place(page, "#space-time", x, 22 + 64))
    page.wait_for("document.getElementById('tip').textContent.includes('msg_id')")
    assert page.text("#tip").startswith("write c3 → n0, delivered")
    page.click(*place(page, "#space-time", x, 22 + 64))
    page.wait_for("document.querySelector('#message pre')?.textContent")
    assert '"msg_id":2' in page.text("#message pre")


def test_filters(page: Browser) -> None:
    def shown() -> int:
        page.frame()
        return int(page.text("#messages-count").split()[0])

    page.run("document.getElementById('messages-out').click()")
    everything = shown()
    page.run("document.getElementById('kinds-none').click()")
    assert shown() == 0
    page.run("document.getElementById('kinds-all').click()")
    assert shown() == everything
    select = "document.getElementById('scope')"
    page.run(f"{select}.value = 'servers'; {select}.dispatchEvent(new Event('change'))")
    assert 0 < shown() < everything
    before = ink(page, "#timeline")
    page.run("document.getElementById('zoom-all').click()")
    for outcome in ("ok", "fail", "info"):
        page.run(f"document.getElementById('show-{outcome}').click()")
    page.frame()
    assert ink(page, "#timeline") < before
    assert page.noise == []


def test_keys_alone_suffice(page: Browser) -> None:
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(60):
        page.press("Tab")
        reached.append(focused(page))
        if reached[-1] == "timeline":
            break
    assert reached[-1] == "timeline"
    first = page.text("#selected")
    page.press("ArrowLeft")
    assert page.text("#selected") != first
    page.press("ArrowRight")
    assert page.text("#selected") == first
    page.press("ArrowUp")
    assert page.text("#selected") != first
    page.press("v")
    assert page.text("#selected") == first
    for key, shift in (("+", False), ("-", False), ("0", False), ("ArrowLeft", True)):
        page.press(key, shift=shift)
    page.press("Enter")
    assert focused(page) == "space-time"
    page.press("ArrowRight")
    page.wait_for("document.querySelector('#message pre')?.textContent")
    told = page.text("#message p")
    page.press("ArrowRight")
    assert page.text("#message p") != told
    page.press("Escape")
    assert focused(page) == "timeline"
    assert page.noise == []


def test_a_key_press_on_an_operation_of_the_explanation_selects_it(page: Browser) -> None:
    page.run("document.querySelectorAll('[data-operation]')[1].focus()")
    page.press("Enter")
    assert page.text("#selected").startswith("write 2: ok, process 0")
    pressed = page.run(
        "[...document.querySelectorAll('[data-operation]')].map(b => b.ariaPressed).join()"
    )
    assert pressed == "false,true,false"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_it_fits_its_window_and_can_be_read(
    browser: Browser, run_folder: Path, width: int, height: int, dark: bool
) -> None:
    page = draw(run_folder).page
    assert page is not None
    browser.noise.clear()
    browser.show_as(width=width, height=height, dark=dark)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert lightness(browser, "color") > lightness(browser, "backgroundColor") + 400 or not dark
    assert lightness(browser, "color") + 400 < lightness(browser, "backgroundColor") or dark
    assert browser.noise == []


def lightness(browser: Browser, name: str) -> int:
    script = f"getComputedStyle(document.body).{name}.match(/\\d+/g).slice(0, 3).map(Number)"
    return sum(browser.run(script))


def test_a_page_without_messages(browser: Browser, run_folder: Path) -> None:
    (run_folder / "messages.jsonl").unlink()
    page = draw(run_folder).page
    assert page is not None
    browser.noise.clear()
    browser.open(page)
    assert browser.run("document.getElementById('messages-section').hidden")
    assert browser.text("#selected").startswith("read 1: ok")
    assert browser.noise == []


def test_broken_data_are_told(browser: Browser, run_folder: Path) -> None:
    page = draw(run_folder).page
    assert page is not None
    text = page.read_text()
    begin = text.index('id="data-operations">') + len('id="data-operations">')
    page.write_text(text[:begin] + "AAAA" + text[text.index("<", begin) :])
    browser.call("Page.navigate", url=page.absolute().as_uri())
    browser.wait_for("document.getElementById('problem')?.textContent")
    assert "can't be shown" in browser.text("#problem")
