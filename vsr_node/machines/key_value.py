"""A map of registers: Maelstrom's lin-kv, txn-list-append and txn-rw-register (doc/workloads.md).

One map serves all three, so an answer does not depend on which of them is tested. A list is a
register whose value is a JSON list.
"""

from collections.abc import Sequence
from typing import Any

from .answers import ABORTED, ANSWER_LENGTH_MAX, Operation, Result, too_long

KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22

EXCERPT_LENGTH = 100
"""Characters of a key or a value in an error's text, which every replica remembers."""

WRITE_OK: Result = ("write_ok",)
CAS_OK: Result = ("cas_ok",)


class KeyValueMachine:
    """Registers by key. Deterministic, and without any notion of time.

    Its operations are ("read", key), ("write", key, value), ("cas", key, from, to,
    create_if_not_exists), ("txn", steps), and ("txn_read", steps) if no step writes. A step is
    ("r", key), ("w", key, value) or ("append", key, element).
    """

    __slots__ = ("_registers",)

    LOGGED = ("write", "cas", "txn")
    READS = ("read", "txn_read")

    def __init__(self) -> None:
        self._registers: dict[str, str] = {}

    def apply(self, operation: Any) -> Result:
        """Execute an operation. Errors are results, as all replicas get the same ones.

        Raise ValueError or AssertionError if it is not an operation.
        """
        kind = operation[0]
        if kind == "write":
            _, key, value = operation
            self._registers[key] = value
            return WRITE_OK
        if kind == "cas":
            return self._compare_and_set(*operation)
        if kind == "txn":
            return self._transact(operation[1])
        return self._apply_other(operation)

    def _apply_other(self, operation: Operation) -> Result:
        """Execute what writes no register. A machine with more parts knows more of that."""
        return self.read(operation)

    def read(self, operation: Any) -> Result:
        """Answer a read."""
        kind, key = operation
        if kind == "txn_read":
            return self._transact(key)
        assert kind == "read", f"not a read: {operation!r}"
        value = self._registers.get(key)
        if value is None:
            return _key_does_not_exist(key)
        return ("read_ok", value)

    def _compare_and_set(self, _: str, key: str, expected: str, value: str, create: bool) -> Result:
        current = self._registers.get(key)
        if current is None and not create:
            return _key_does_not_exist(key)
        if current is not None and current != expected:
            text = (
                f"expected {_excerpt(expected)}, but the current value of key {_excerpt(key)} is "
                f"{_excerpt(current)}"
            )
            return ("error", PRECONDITION_FAILED, text)
        self._registers[key] = value
        return CAS_OK

    def _transact(self, steps: Sequence[tuple[str, ...]]) -> Result:
        """Execute all steps, or none if one is impossible or something gets too long."""
        # The pieces of a text, which are joined when it is read: a list may grow in many steps.
        drafts: dict[str, list[str]] = {}
        answers = []
        length = 0
        for kind, key, *argument in steps:
            draft = drafts.get(key)
            if draft is None:
                draft = drafts[key] = [self._registers.get(key, "null")]
            if kind == "r":
                argument = draft[:] = ["".join(draft)]
            elif kind == "w":
                draft[:] = argument
            elif not _extend(draft, *argument):
                text = f"the value of key {_excerpt(key)} is not a list"
                return ("error", ABORTED, text)
            answers.append(f'["{kind}",{key},{argument[0]}]')
            length += len(answers[-1]) + 1
            if length > ANSWER_LENGTH_MAX:
                return too_long("the answer")
        written = dict.fromkeys(key for kind, key, *_ in steps if kind != "r")
        changes = {key: "".join(drafts[key]) for key in written}
        for key, value in changes.items():
            if len(value) > ANSWER_LENGTH_MAX:
                return too_long(f"the value of key {_excerpt(key)}")
        self._registers.update(changes)
        return ("txn_ok", f"[{','.join(answers)}]")

    def snapshot(self) -> tuple[tuple[Any, ...], ...]:
        """Return all registers as (key, value), in the order in which keys were first written."""
        return tuple(self._registers.items())

    def restore(self, parts: Sequence[Any]) -> None:
        """Take over what ``snapshot`` returned."""
        self._registers = dict(parts)


def _extend(draft: list[str], element: str) -> bool:
    """Add an element to the list that the pieces make; return False if they make no list."""
    if draft in (["null"], ["[]"]):
        draft[:] = ["[", element, "]"]
        return True
    if not draft[0].startswith("["):
        return False
    if len(draft) == 1:
        draft[:] = [draft[0][:-1], "]"]
    draft[-1:] = [",", element, "]"]
    return True


def _key_does_not_exist(key: str) -> Result:
    return ("error", KEY_DOES_NOT_EXIST, f"key {_excerpt(key)} does not exist")


def _excerpt(text: str) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= EXCERPT_LENGTH else f"{text[:EXCERPT_LENGTH]}..."
