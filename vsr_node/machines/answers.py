"""What the parts of the machine have in common: operations, results, and the bound of an answer.

Keys, values, elements and messages are JSON *texts* in one canonical form. So two of them are equal
exactly if they are the same JSON: 1, 1.0 and true differ, and maps compare as maps.
"""

from typing import Any, TypeAlias

Operation: TypeAlias = tuple[Any, ...]
"""A word and its arguments: texts, whole numbers, true, false, and tuples of these."""

Result: TypeAlias = tuple[str | int, ...]
"""A word, and a JSON text where it has one; or ("error", code, text)."""

NOTHING_WRITTEN: Result = ("nothing_written",)
"""The answer to a read without a key before any kind was written."""

ABORTED = 14

ANSWER_LENGTH_MAX = 4 << 20
"""Characters that one answer may have, and so what it is made of: a list, a set, a transaction.

No operation may be larger either, so that every part of a snapshot fits in a message.
"""


def too_long(what: str) -> Result:
    """Return the error of an operation that is not executed, as answers are bounded."""
    text = f"{what} would have more than {ANSWER_LENGTH_MAX} characters, which no answer has"
    return ("error", ABORTED, text)
