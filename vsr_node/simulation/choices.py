"""What a plan chooses from a few names, which print as code: so a printed plan is code."""

from enum import StrEnum


class PastableEnum(StrEnum):
    """An enum whose members print as they are written in code."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class DelayKind(PastableEnum):
    """How long messages are under way."""

    CONSTANT = "constant"
    UNIFORM = "uniform"  # from 0 to twice the mean
    EXPONENTIAL = "exponential"
    SPIKES = "spikes"  # constant, but one message in 32 takes 20 times as long


class Loss(PastableEnum):
    """What a disk loses in a crash."""

    UNFLUSHED = "unflushed"  # nothing if the replica flushes
    UNFLUSHED_CHECKPOINT = "unflushed checkpoint"  # the last checkpoint as well
    TAIL = "tail"
    ENTRY = "entry"
    CHECKPOINT = "checkpoint"


class Fate(PastableEnum):
    """What an outsider suffers while the faults have ended for a quorum only."""

    DOWN = "down"
    CUT_OFF = "cut off"
    DEAF = "deaf"  # the others hear it, and it hears nobody
    MUTE = "mute"  # it hears the others, and nobody hears it
    UNSTABLE = "unstable"  # its links lose and repeat messages as before


class LastWords(PastableEnum):
    """The primary gets one request just before the faults end, and nobody gets any after that."""

    UNHEARD = "unheard"  # nobody hears of it
    WITHOUT_ECHO = "without echo"  # all hear of it, nobody is heard: the next view inherits it


class KnownEpoch(PastableEnum):
    """Which epoch a request for other members is meant for."""

    ANY = "any"
    PRESENT = "present"
    WRONG = "wrong"


class Shape(PastableEnum):
    """Which links a partial cut cuts: everybody still reaches everybody, by way of others."""

    LINK = "link"  # one, both ways
    ONE_WAY = "one-way"  # one direction
    MAJORITIES_RING = "majorities-ring"  # each hears a majority, no two the same one
    ONE_WAY_RING = "one-way-ring"  # each hears one
    BRIDGE = "bridge"  # all hear only one, which hears all
    CHAIN = "chain"
    SPARSE = "sparse"  # any that still hang together
