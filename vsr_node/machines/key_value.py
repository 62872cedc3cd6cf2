"""A map of registers: Maelstrom's lin-kv (doc/workloads.md, "Workload: Lin-kv").

Keys and values are JSON *texts* in one canonical form. So two of them are equal exactly if they are
the same JSON: 1, 1.0 and true differ, and maps compare as maps.
"""

from typing import Any, TypeAlias, cast

Operation: TypeAlias = tuple[str | bool, ...]
"""("read", key), ("write", key, value) or ("cas", key, from, to, create_if_not_exists)."""

Result: TypeAlias = tuple[str | int, ...]
"""("read_ok", value), ("write_ok",), ("cas_ok",) or ("error", code, text)."""

KEY_DOES_NOT_EXIST = 20
PRECONDITION_FAILED = 22

EXCERPT_LENGTH = 100
"""Characters of a key or a value in an error's text, which every replica remembers."""

WRITE_OK: Result = ("write_ok",)
CAS_OK: Result = ("cas_ok",)


class KeyValueMachine:
    """Registers by key. Deterministic, and without any notion of time."""

    __slots__ = ("_registers",)

    def __init__(self) -> None:
        self._registers: dict[str, str] = {}

    def apply(self, operation: Any) -> Result:
        """Execute an ``Operation``. Errors are results, as all replicas get the same ones.

        Raise ValueError or AssertionError if it is not an operation.
        """
        kind = operation[0]
        if kind == "write":
            _, key, value = operation
            self._registers[key] = value
            return WRITE_OK
        if kind == "cas":
            return self._compare_and_set(*operation)
        return self.read(operation)

    def read(self, operation: Any) -> Result:
        """Answer a read."""
        kind, key = operation
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

    def snapshot(self) -> tuple[tuple[str, str], ...]:
        """Return all registers as (key, value), in the order in which keys were first written."""
        return tuple(self._registers.items())

    def restore(self, parts: tuple[object, ...]) -> None:
        """Take over what ``snapshot`` returned."""
        self._registers = dict(cast("tuple[tuple[str, str], ...]", parts))


def _key_does_not_exist(key: str) -> Result:
    return ("error", KEY_DOES_NOT_EXIST, f"key {_excerpt(key)} does not exist")


def _excerpt(text: str) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= EXCERPT_LENGTH else f"{text[:EXCERPT_LENGTH]}..."
