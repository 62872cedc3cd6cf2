"""What processes send each other about their links, and what passes through others."""

from typing import Final, NamedTuple


class State:
    """What the sender of ``LinkRows`` makes of all rows that it knows."""

    AMISS: Final = "amiss"
    """Somebody is not heard by somebody: who gets this watches, too."""
    WHOLE: Final = "whole"
    """Everybody hears everybody."""
    DONE: Final = "done"
    """It has been so for some rounds, and the sender watches no longer."""


STATES = (State.AMISS, State.WHOLE, State.DONE)


class Row(NamedTuple):
    """The processes that ``process`` heard directly of late, in their order.

    A later row of the same process has a higher ``stamp``.
    """

    process: str
    stamp: int
    heard: tuple[str, ...]


class LinkRows(NamedTuple):
    """The sender's own row, and the newest that it knows of the others.

    It sends the next after ``interval`` microseconds at the latest.
    """

    interval: int
    state: str
    rows: tuple[Row, ...]


class Relay(NamedTuple):
    """A message of ``origin`` that passes through others.

    ``route`` names those that it still has to reach; its receiver sends it to the first of them.
    Whoever gets one without any is its destination, and takes ``body`` as if from ``origin``.
    """

    origin: str
    route: tuple[str, ...]
    body: object


LINK_FRAMES = frozenset({LinkRows, Relay})
"""The types of frames that are no messages of the protocol."""
