"""The pictures in docs/ are of the page as it is."""

from pathlib import Path

import pytest

from tests.report.screenshot import note, with_text

DOCS = Path(__file__).parent.parent.parent / "docs"
PICTURES = sorted(DOCS.glob("*.png"))
BYTES_MAX = 300_000


def test_there_are_pictures() -> None:
    assert PICTURES


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_of_the_page_as_it_is(picture: Path) -> None:
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    again = "repeat the run that its document shows, and take it again: tests/report/screenshot.py"
    assert note() in content, again
    assert len(content) < BYTES_MAX


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_shown_somewhere(picture: Path) -> None:
    assert any(f"]({picture.name})" in text.read_text() for text in DOCS.glob("*.md"))


def test_a_text_in_a_picture_leaves_its_end_where_it_was() -> None:
    png = b"\x89PNG...." + bytes(4) + b"IEND" + bytes(4)
    noted = with_text(png, b"page\0x")
    assert noted.startswith(b"\x89PNG....")
    assert noted.endswith(png[-12:])
    assert b"tEXtpage\0x" in noted
