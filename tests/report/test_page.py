"""The page in a real browser: what it says, what a click shows, and keys alone."""

import json
from pathlib import Path

import pytest

from tests.report.browser import Browser
from tests.report.conftest import MS, NASTY, write_lines
from vsr_node.report import draw

pytestmark = pytest.mark.slow

MARGIN, AXIS = 96, 22
"""Where the drawings begin, in pixels from the left and from the top."""


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
    # The first write, of process 0, is at 10 ms of 60 in the first lane, below the axis.
    width = page.run("document.getElementById('timeline').clientWidth")
    x, y = place(page, "#timeline", MARGIN + (width - MARGIN) * 11 / 60, AXIS + 4 + 10)
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
    x = MARGIN + (width - MARGIN) * (30.1 - 28.95) / 5.1
    page.hover(*place(page, "#space-time", x, 22 + 64))
    page.wait_for("document.getElementById('tip').textContent.includes('msg_id')")
    assert page.text("#tip").startswith("write c3 → n0, delivered")
    page.click(*place(page, "#space-time", x, 22 + 64))
    page.wait_for("document.querySelector('#message pre')?.textContent")
    assert '"msg_id":2' in page.text("#message pre")


def window(page: Browser, canvas: str) -> tuple[float, float]:
    """The time that a drawing shows, in milliseconds."""
    page.frame()
    shown = page.run(f"({{...document.getElementById('{canvas}').dataset}})")
    return float(shown["begin"]) / 1000, float(shown["end"]) / 1000


def lane_place(page: Browser, at_ms: float, y: float) -> tuple[float, float]:
    begin, end = window(page, "nodes")
    width = page.run("document.getElementById('nodes').clientWidth")
    x = MARGIN + (width - MARGIN) * (at_ms - begin) / (end - begin)
    return place(page, "#nodes", x, y)


def test_the_violation_opens_from_the_last_acknowledged_write_to_the_bad_read(
    page: Browser,
) -> None:
    # Write 2 begins at 30 ms, and the read of 1 ends at 52 ms; 8 percent are left on both sides.
    for canvas in ("nodes", "timeline", "space-time", "latency", "rate"):
        assert window(page, canvas) == pytest.approx((28.24, 53.76)), canvas
    # Its key's order is drawn, the failed cas in it, as that saw another value than 7.
    assert page.run("document.getElementById('timeline').dataset.order") == "2"


def test_the_messages_follow_the_zoom_of_the_other_charts(page: Browser) -> None:
    before = window(page, "space-time")
    page.run("document.getElementById('zoom-in').click()")
    assert window(page, "space-time") == window(page, "timeline") != before
    page.run("document.getElementById('zoom-all').click()")
    assert window(page, "space-time") == window(page, "nodes") == (0, 60)


def test_each_node_has_a_lane_with_its_faults_its_view_and_its_log(
    page: Browser, run_folder: Path
) -> None:
    page.run("document.getElementById('zoom-all').click()")
    # Below the faults: n0 with its views, the cut of n1 from it, and no log; then n1.
    n1 = AXIS + 20 + 2 + 20 + 17 + 8
    page.hover(*lane_place(page, 40, n1 - 45 + 10))
    assert page.text("#tip") == "n0: view 1 from 0.030 s"
    page.hover(*lane_place(page, 20, n1 - 45 + 10))
    assert page.text("#tip") == "n0: view 0 from 0.010 s, leads"
    page.hover(*lane_place(page, 40, n1 + 20 + 8))
    assert page.text("#tip").startswith(
        "n1: cut from n0 n2, 0.025 s to 0.055 s\nfault 1: partition"
    )
    page.click(*lane_place(page, 40, n1 + 20 + 8))
    assert page.text("#fault").startswith("fault 1: partition one: n1 | n0 n2, 0.025 s to 0.055 s")
    assert page.run("document.getElementById('fault-1').className") == "selected-fault"
    # The only line of its log came at 35 ms.
    page.click(*lane_place(page, 35, n1 + 20 + 17 + 5))
    assert page.text("#log .selected") == "0.035000 sn1ERROR: <b>lost</b>"
    assert page.run("document.querySelectorAll('#log b').length") == 0
    assert "selected" in page.run("document.querySelector('#log tr').className")


def test_operations_and_faults_have_anchors(browser: Browser, run_folder: Path) -> None:
    drawn = draw(run_folder)
    assert drawn.page is not None
    browser.noise.clear()
    browser.show_as(width=1280, height=900)
    browser.open(drawn.page, "#op-5")
    assert browser.text("#selected").startswith("write 2: ok, process 0")
    browser.run("location.hash = '#fault-1'")
    browser.frame()
    assert browser.text("#fault").startswith("fault 1: partition one")
    assert window(browser, "timeline") == (15, 60)
    browser.run("document.querySelectorAll('[data-operation]')[0].click()")
    assert browser.run("location.hash") == "#op-0"
    assert browser.noise == []


def test_a_minute_at_rate_500_opens_and_zooms_quickly(browser: Browser, tmp_path: Path) -> None:
    """By the CPU time of the page's thread, the best of three tries: the machine may be busy."""
    large_run(tmp_path)
    page = draw(tmp_path).page
    assert page is not None
    browser.noise.clear()
    browser.show_as(width=1280, height=900)

    def open_seconds() -> float:
        browser.open(page)
        return browser.busy_seconds()

    def frame_seconds() -> float:
        before = browser.busy_seconds()
        browser.run(TWENTY_FRAMES)
        return (browser.busy_seconds() - before) / 20

    assert any(open_seconds() < 1.0 for _ in range(3))
    for canvas in ("nodes", "timeline", "space-time", "latency"):
        place(browser, f"#{canvas}", 0, 0)
        assert any(frame_seconds() < 0.030 for _ in range(3)), canvas
    assert browser.noise == []


TWENTY_FRAMES = """(async () => {
  for (let n = 0; n < 20; n++) {
    document.getElementById(n < 10 ? "zoom-in" : "zoom-out").click();
    await new Promise(requestAnimationFrame);
    await new Promise(done => setTimeout(done));
  }
})()"""


def large_run(folder: Path) -> None:
    """Write a run of 60 s at rate 500, with 20 messages for 5 operations."""
    history, messages = [], []
    for number in range(30_000):
        time, process = number * 2 * MS, number % 20
        node = f"n{process % 5}"
        event = {"process": process, "f": "write", "key": number // 600, "value": number % 5}
        for type_, after in (("invoke", 0), ("ok", 1)):
            index = 2 * number + after
            history.append(
                event | {"index": index, "time": time + after * MS, "type": type_, "node": node}
            )
        request = {"type": "write", "key": number // 600, "value": number % 5, "msg_id": number}
        ways = [(f"c{process}", node, request), (node, f"c{process}", {"type": "write_ok"})]
        ways += [(node, f"n{other}", {"type": "prepare", "term": 1}) for other in (0, 2)]
        messages += [
            {"sent": time, "ended": time + MS, "fate": "delivered"}
            | {"message": {"src": source, "dest": to, "body": body}}
            for source, to, body in ways
        ]
    write_lines(folder / "history.jsonl", history)
    write_lines(folder / "messages.jsonl", messages)
    (folder / "results.json").write_text('{"valid": true}')


def test_filters(page: Browser) -> None:
    def shown() -> int:
        page.frame()
        return int(page.text("#messages-count").split()[0])

    place(page, "#space-time", 0, 0)
    page.run("document.getElementById('messages-out').click()")
    everything = shown()
    page.run("document.getElementById('kinds-none').click()")
    assert shown() == 0
    page.run("document.getElementById('kinds-all').click()")
    assert shown() == everything
    select = "document.getElementById('scope')"
    page.run(f"{select}.value = 'servers'; {select}.dispatchEvent(new Event('change'))")
    assert 0 < shown() < everything
    place(page, "#timeline", 0, 0)
    before = ink(page, "#timeline")
    page.run("document.getElementById('zoom-all').click()")
    for outcome in ("ok", "no", "unknown"):
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
