"""Transactions and cycles in words, short enough for a screen."""

from collections.abc import Collection, Sequence

from vsr_node.checker.history import Json
from vsr_node.checker.transactions.transaction import (
    Outcome,
    Part,
    Token,
    Transaction,
    text_of,
    token,
)

TRANSACTIONS_MAX = 8
"""How many transactions of a cycle are described."""

ELEMENTS_MAX = 8
PARTS_WIDTH = 90
VALUE_WIDTH = 60


def label_of(place: int) -> str:
    """Return the label of the transaction at a place, from T1 on."""
    return f"T{place + 1}"


def seconds_text(time_ns: int) -> str:
    """Return a time since the run began, in seconds."""
    digits = 3 if time_ns % 1_000_000 == 0 else 6
    return f"{time_ns / 1e9:.{digits}f} s"


def value_text(value: Json) -> str:
    """Return a value as JSON text; the middle of what is long is left out."""
    if isinstance(value, list | tuple):
        if len(value) <= ELEMENTS_MAX:
            return _cut("[" + ", ".join(map(_text, value)) + "]")
        first, last = value[:2], value[-4:]
        left_out = len(value) - len(first) - len(last)
        begin, end = (", ".join(map(_text, part)) for part in (first, last))
        return _cut(f"[{begin}, ... {left_out} more ..., {end}]")
    return _cut(_text(value))


def _text(value: Json) -> str:
    return text_of(token(value))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_WIDTH else f"{text[: VALUE_WIDTH - 3]}..."


def key_text(key: Token) -> str:
    """Return the name of a key in a sentence."""
    return f"key {_cut(text_of(key))}"


def describe_transactions(
    transactions: Sequence[Transaction], write: str, keys: Collection[Token] = ()
) -> list[str]:
    """Return a line for each transaction, with those parts that matter if it is long."""
    shown = transactions[:TRANSACTIONS_MAX]
    columns = [
        (
            label_of(place),
            f"process {each.invocation.process}",
            *([each.invocation.node or "-"] if any(t.invocation.node for t in shown) else []),
            _when(each),
        )
        for place, each in enumerate(shown)
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    lines = [
        "    "
        + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        + "   "
        + describe_parts(each, write, keys)
        for cells, each in zip(columns, shown, strict=True)
    ]
    if len(transactions) > len(shown):
        lines.append(f"    and {len(transactions) - len(shown)} more")
    return lines


def _when(transaction: Transaction) -> str:
    start = seconds_text(transaction.invocation.time)
    if transaction.completion is None:
        return f"from {start} on, never answered"
    end = seconds_text(transaction.completion.time)
    match transaction.outcome:
        case Outcome.OK:
            return f"{start} to {end}"
        case Outcome.INFO:
            return f"{start} to {end}, outcome unknown"
    return f"{start} to {end}, failed"


def describe_parts(transaction: Transaction, write: str, keys: Collection[Token] = ()) -> str:
    """Return what a transaction did, or only what it did with some keys if that is too long."""
    parts = [_part_text(part, write) for part in transaction.parts]
    text = ", ".join(parts) or "nothing"
    if len(text) <= PARTS_WIDTH:
        return text
    chosen = [_part_text(part, write) for part in transaction.parts if not keys or part.key in keys]
    text = ", ".join(chosen)
    if len(text) > PARTS_WIDTH:
        text = text[:PARTS_WIDTH].rsplit(", ", 1)[0]
    return f"{text}, ..."


def _part_text(part: Part, write: str) -> str:
    return f"{'r' if part.is_read else write} {_cut(text_of(part.key))} {value_text(part.value)}"


def join_names(names: Sequence[str]) -> str:
    """Return the names in a sentence."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
