import hashlib
import tarfile
from pathlib import Path

import pytest

from tests.scripts.conftest import Checkout

# Copies the archive that stands for the release to where --output says.
CURL = """#!/bin/sh
echo "$*" >>"$CALLS"
while [ "$1" != --output ]; do shift; done
cp "$ARCHIVE" "$2"
"""


@pytest.fixture
def archive(checkout: Checkout, tmp_path: Path) -> Path:
    """Return a whole archive of a release."""
    checkout.add_program("curl", CURL)
    return pack(tmp_path, {"maelstrom/lib/maelstrom.jar": "a jar", "maelstrom/maelstrom": "x"})


def pack(folder: Path, members: dict[str, str]) -> Path:
    archive = folder / "release.tar.bz2"
    with tarfile.open(archive, "w:bz2") as tar:
        for name, text in members.items():
            (folder / "member").write_text(text)
            tar.add(folder / "member", name)
    return archive


def assert_nothing_left(checkout: Checkout) -> None:
    assert [path.name for path in checkout.root.glob("maelstrom*")] == ["maelstrom-kv"]


def test_the_release_is_fetched_checked_and_unpacked(checkout: Checkout, archive: Path) -> None:
    result = checkout.run("scripts/get-maelstrom", variables={"ARCHIVE": str(archive)})
    assert result.returncode == 0, result.stderr
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in result.stdout
    (call,) = checkout.calls()
    assert "/jepsen-io/maelstrom/releases/download/v0.2.4/maelstrom.tar.bz2" in call
    assert (checkout.root / "maelstrom/lib/maelstrom.jar").read_text() == "a jar"
    names = sorted(path.name for path in checkout.root.glob("maelstrom*"))
    assert names == ["maelstrom", "maelstrom-kv"]


def test_a_release_that_is_there_is_kept(checkout: Checkout, archive: Path) -> None:
    for _ in range(2):
        assert (
            checkout.run("scripts/get-maelstrom", variables={"ARCHIVE": str(archive)}).returncode
            == 0
        )
    assert len(checkout.calls()) == 1


def test_a_folder_without_a_release_is_replaced(checkout: Checkout, archive: Path) -> None:
    (checkout.root / "maelstrom/lib").mkdir(parents=True)
    result = checkout.run("scripts/get-maelstrom", variables={"ARCHIVE": str(archive)})
    assert result.returncode == 0
    assert (checkout.root / "maelstrom/lib/maelstrom.jar").exists()


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_a_truncated_archive_is_refused(checkout: Checkout, archive: Path, kept: int) -> None:
    archive.write_bytes(archive.read_bytes()[:kept])
    result = checkout.run("scripts/get-maelstrom", variables={"ARCHIVE": str(archive)})
    assert result.returncode == 1
    assert_nothing_left(checkout)


def test_an_archive_of_something_else_is_refused(
    checkout: Checkout, archive: Path, tmp_path: Path
) -> None:
    archive = pack(tmp_path, {"maelstrom/README": "no jar"})
    result = checkout.run("scripts/get-maelstrom", variables={"ARCHIVE": str(archive)})
    assert result.returncode == 1
    assert "holds no maelstrom/lib/maelstrom.jar" in result.stderr
    assert_nothing_left(checkout)


def test_a_download_that_fails_is_told(checkout: Checkout) -> None:
    checkout.add_program("curl", "#!/bin/sh\nexit 22\n")
    result = checkout.run("scripts/get-maelstrom")
    assert result.returncode == 1
    assert "curl could not fetch" in result.stderr
    assert_nothing_left(checkout)
