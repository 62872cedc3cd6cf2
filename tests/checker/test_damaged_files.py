"""Damaged files: reading and judging them raises a HistoryError or nothing."""

from random import Random

from tests.checker.test_samples import FOLDER
from vsr_node.checker import HistoryError, RegisterModel, check
from vsr_node.checker.formats import read_history

MUTATIONS = 2500

PIECES = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"(",
        b")",
        b'"',
        b"\\",
        b"#",
        b"#_",
        b"#{",
        b"#:a{",
        b"##",
        b"^",
        b"^{",
    ),
    *(
        b":",
        b"::",
        b";",
        b",",
        b"\t",
        b"\n",
        b"\r",
        b" ",
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\u",
    ),
    *(b"nil", b"null", b"NaN", b"1e999", b"1/0", b"-", b"9" * 5000, b"[" * 5000, b'{"a":' * 5000),
    *(
        b"jepsen.util",
        b"INFO ",
        b":invoke",
        b":ok",
        b":nemesis",
        b'"history": [',
        b"#jepsen.history.Op",
    ),
)


def mutated(random: Random, contents: list[bytes]) -> bytes:
    """Return a content with one to three changes: cut, shortened, mixed with another, or more."""
    content = random.choice(contents)
    for _ in range(random.randint(1, 3)):
        begin, end = sorted(random.randint(0, len(content)) for _ in range(2))
        match random.randrange(6):
            case 0:
                content = content[:end]
            case 1:
                content = content[:begin] + content[end:]
            case 2:
                content = content[:begin] + random.choice(PIECES) + content[begin:]
            case 3:
                content = content[:begin] + random.randbytes(random.randint(1, 3)) + content[begin:]
            case 4:
                content = content[:begin] + random.choice(contents) + content[end:]
            case 5:
                content = content[:end] + content[begin:]
    return content


def test_damaged_files_raise_nothing_else() -> None:
    contents = [path.read_bytes() for path in sorted(FOLDER.iterdir())]
    read_count = 0
    for seed in range(MUTATIONS):
        content = mutated(Random(seed), contents)
        try:
            check(read_history(content), RegisterModel())
            read_count += 1
        except HistoryError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {content[:2000]!r}") from error
    assert read_count > MUTATIONS / 20
