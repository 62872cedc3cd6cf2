"""Pictures of pages for docs/, each with a note of the page's sources in it.

    python -m tests.report.screenshot store/latest/report.html docs/first-run.png

`test_screenshots.py` fails when a picture is of a page that has changed since.
"""

import hashlib
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from tests.report import browser as chromium

SOURCES = Path(__file__).parent.parent.parent / "vsr_node/report/page"
WIDTH, HEIGHT = 1000, 1000
KEYWORD = b"page\0"
END_BYTES = 12
"""The last chunk of every PNG, IEND, is empty: a length, a name, and a checksum."""


def note() -> bytes:
    """What a picture of the page as it is now has in it."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return KEYWORD + digest.hexdigest().encode()


def with_text(png: bytes, text: bytes) -> bytes:
    """A PNG with one more tEXt chunk (RFC 2083, 4.2.7), before the end."""
    chunk = b"tEXt" + text
    checked = struct.pack(">I", len(text)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:-END_BYTES] + checked + png[-END_BYTES:]


def main(page: Path, picture: Path) -> None:
    """Take the picture of what one sees first."""
    program = chromium.find()
    if program is None:
        sys.exit("no Chromium here")
    with tempfile.TemporaryDirectory() as profile, chromium.running(program, Path(profile)) as tab:
        tab.show_as(width=WIDTH, height=HEIGHT)
        tab.open(page)
        tab.picture(picture)
    picture.write_bytes(with_text(picture.read_bytes(), note()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
