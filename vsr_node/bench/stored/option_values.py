"""The kinds of values that options of the command line take."""

import math
from argparse import ArgumentTypeError

from vsr_node.bench.faults.kinds import NAMES, NEMESES
from vsr_node.bench.faults.partition import SHAPES
from vsr_node.bench.workloads import WORKLOADS
from vsr_node.checker.transactions.anomalies import COMMON_MODELS, model_name


def positive(text: str) -> float:
    """Return a finite number above 0."""
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def not_negative(text: str) -> float:
    """Return a finite number, 0 or more."""
    number = float(text)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def probability(text: str) -> float:
    """Return a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def availability(text: str) -> float:
    """Return a fraction, 1 for ``total``."""
    return 1.0 if text == "total" else probability(text)


def count(text: str) -> int:
    """Return a whole number, 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def workload(name: str) -> str:
    """Return the name of a workload."""
    if name in WORKLOADS:
        return name
    available = ", ".join(sorted(WORKLOADS))
    raise ArgumentTypeError(f"there is no workload {name}; there are {available}")


def models(text: str) -> tuple[str, ...]:
    """Return the consistency models in a list, whose commas may have blanks around them."""
    names = tuple(name for each in text.split(",") if (name := each.strip()))
    for name in names:
        if model_name(name) is None:
            common = ", ".join(COMMON_MODELS)
            raise ArgumentTypeError(f"there is no model {name}; there are {common} and others")
    return names


def nemeses(text: str) -> tuple[str, ...]:
    """Return the names of nemeses in a list, in the order of ``NAMES``."""
    names = {name for name in text.split(",") if name and name != "none"}
    if "all" in names:
        return NEMESES
    for name in sorted(names - set(NAMES)):
        raise ArgumentTypeError(
            f"there is no nemesis {name}; there are {', '.join(NAMES)}, and all"
        )
    return tuple(name for name in NAMES if name in names)


def partitions(text: str) -> tuple[str, ...]:
    """Return the kinds of partition in a list, in the order of ``SHAPES``."""
    names = {name for each in text.split(",") if (name := each.strip())}
    for name in sorted(names - SHAPES.keys()):
        raise ArgumentTypeError(f"there is no partition {name}; there are {', '.join(SHAPES)}")
    return tuple(name for name in SHAPES if name in names)
