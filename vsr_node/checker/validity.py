"""The three verdicts on a run, and what comes of several of them."""

from enum import Enum


class Validity(Enum):
    """A verdict. Its value is what it is in JSON."""

    VALID = True
    INVALID = False
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, valid: bool | None) -> "Validity":
        """Return the verdict that a checker's ``valid`` stands for; None is unknown."""
        return cls.UNKNOWN if valid is None else cls(valid)

    @classmethod
    def worst(cls, *verdicts: "Validity") -> "Validity":
        """Return the verdict on all of these together: one invalid part makes the whole invalid."""
        for verdict in (cls.INVALID, cls.UNKNOWN):
            if verdict in verdicts:
                return verdict
        return cls.VALID

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends with this verdict."""
        return {Validity.VALID: 0, Validity.INVALID: 1, Validity.UNKNOWN: 2}[self]

    @property
    def word(self) -> str:
        """The verdict in a sentence."""
        return self.name.lower()
