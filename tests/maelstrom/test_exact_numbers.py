"""Which lines have to be read again, because a number in them may have been rounded."""

from random import Random

import pytest

from vsr_node.maelstrom.json_text import InexactNumber, may_be_inexact, parse, parse_exactly


def number(random: Random) -> str:
    """A JSON number of any form and length."""
    digits = "".join(random.choices("0123456789", k=random.choice((1, 2, 8, 15, 16, 17, 18, 30))))
    text = random.choice(("", "-")) + (digits.lstrip("0") or "0")
    if random.random() < 0.5:
        text += "." + "".join(random.choices("0123456789", k=random.randint(1, 20)))
    if random.random() < 0.5:
        text += random.choice("eE") + random.choice(("", "+", "-")) + str(random.randint(0, 400))
    return text


def test_no_number_is_rounded_unnoticed() -> None:
    random = Random(1)
    noticed = 0
    for _ in range(5_000):
        text = number(random)
        line = f'{{"value":[{text},"x"]}}'.encode()
        if may_be_inexact(line):
            noticed += 1
            continue
        exact = parse_exactly(text.encode())
        assert not isinstance(exact, InexactNumber), text
        assert repr(parse(text.encode())) == repr(exact), text
    assert 500 < noticed < 4_000


@pytest.mark.parametrize(
    "line",
    [
        b"1234567890.123456",
        b"1e99",
        b"1E-99",
        b"[1,2,3.5]",
        b'"2026-11-27 15:00:00.000"',
        b"x" * 99,
    ],
)
def test_most_lines_need_not_be_read_again(line: bytes) -> None:
    assert may_be_inexact(line) == (line == b"1234567890.123456")
