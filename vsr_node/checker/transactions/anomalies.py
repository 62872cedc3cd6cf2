"""Anomalies and consistency models: which anomaly implies which, which model forbids which.

The names and the tables are those of Elle 0.2.2 (``elle.consistency-model``), after Adya ("Weak
Consistency", 1999), Bailis et al. and Cerone et al. Two anomalies are ours, and no model allows
them: ``garbage-read`` and ``changed-transaction``.
"""

from collections.abc import Iterable, Mapping

CYCLES = ("G0", "G1c", "G-single-item", "G-nonadjacent-item", "G2-item")
"""The kinds of cycles, the worst first."""

LEVELS = ("", "-process", "-realtime")
"""What a cycle needs besides data: nothing, the order in a process, or the order in real time."""

ALWAYS_FORBIDDEN = frozenset(("garbage-read", "changed-transaction"))

SEVERITY = (
    *("changed-transaction", "garbage-read", "duplicate-elements", "cyclic-versions"),
    *("G1a", "G1b", "future-read", "internal", "incompatible-order", "dirty-update"),
    *(f"{name}{level}" for level in LEVELS for name in CYCLES[:2]),
    "lost-update",
    *(f"{name}{level}" for level in LEVELS for name in CYCLES[2:]),
)
"""All anomalies that are looked for, the worst first."""


def _at_each_level(implied: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the table for each level; what holds without an order holds with one, too."""
    table: dict[str, tuple[str, ...]] = {}
    for level, next_level in zip(LEVELS, (*LEVELS[1:], None), strict=True):
        for name, others in implied.items():
            weaker = () if next_level is None else (f"{name}{next_level}",)
            table[f"{name}{level}"] = (*(f"{other}{level}" for other in others), *weaker)
    return table


IMPLIED: dict[str, tuple[str, ...]] = {
    **_at_each_level(
        {
            "G0": ("G1c",),
            "G1c": ("G1",),
            "G1": (),
            "G-single-item": ("G-single", "G-nonadjacent-item"),
            "G-single": ("G-nonadjacent",),
            "G-nonadjacent-item": ("G-nonadjacent", "G2-item"),
            "G-nonadjacent": ("G2",),
            "G2-item": ("G2",),
            "G2": (),
        }
    ),
    "G1a": ("G1",),
    "G1b": ("G1",),
    "incompatible-order": ("G1a",),
    "dirty-update": ("G1a",),
    "future-read": ("G1c",),
    "lost-update": ("G2-item",),
}
"""The anomalies that are there, too, where one is."""

WEAKER: dict[str, tuple[str, ...]] = {
    "strict-serializable": (
        *("serializable", "snapshot-isolation", "linearizable", "session-serializable"),
        *("strong-snapshot-isolation", "strong-session-serializable"),
    ),
    "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
    "strong-snapshot-isolation": ("strong-session-snapshot-isolation", "strong-read-committed"),
    "strong-session-snapshot-isolation": ("snapshot-isolation", "strong-session-read-committed"),
    "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
    "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
    "strong-read-uncommitted": ("strong-session-read-uncommitted",),
    "strong-session-read-uncommitted": ("read-uncommitted",),
    "session-serializable": ("1SR",),
    "1SR": (),
    "serializable": (
        *("repeatable-read", "snapshot-isolation", "update-serializable", "view-serializable"),
    ),
    "view-serializable": (),
    "update-serializable": ("forward-consistent-view",),
    "snapshot-isolation": (
        *("forward-consistent-view", "monotonic-atomic-view", "monotonic-snapshot-read"),
        *("parallel-snapshot-isolation", "prefix"),
    ),
    "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
    "forward-consistent-view": ("consistent-view",),
    "consistent-view": ("cursor-stability", "monotonic-view"),
    "cursor-stability": ("read-committed",),
    "monotonic-view": ("read-committed",),
    "monotonic-snapshot-read": ("read-committed",),
    "parallel-snapshot-isolation": ("causal-cerone", "update-atomic"),
    "prefix": ("causal-cerone",),
    "causal-cerone": ("read-atomic",),
    "update-atomic": ("read-atomic",),
    "read-atomic": ("monotonic-atomic-view",),
    "monotonic-atomic-view": ("read-committed",),
    "read-committed": ("read-uncommitted",),
    "read-uncommitted": (),
    "linearizable": ("sequential",),
    "sequential": ("causal",),
    "causal": ("writes-follow-reads", "PRAM"),
    "PRAM": ("monotonic-reads", "monotonic-writes", "read-your-writes"),
    "writes-follow-reads": (),
    "monotonic-reads": (),
    "monotonic-writes": (),
    "read-your-writes": (),
}
"""The models that hold, too, where one does."""

OTHER_NAMES: dict[str, str] = {
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-2+": "consistent-view",
    "PL-2L": "monotonic-view",
    "PL-2.99": "repeatable-read",
    "PL-3": "serializable",
    "PL-3U": "update-serializable",
    "PL-CS": "cursor-stability",
    "PL-FCV": "forward-consistent-view",
    "PL-MSR": "monotonic-snapshot-read",
    "PL-SI": "snapshot-isolation",
    "PL-SS": "strict-serializable",
    "conflict-serializable": "serializable",
    "strong-serializable": "strict-serializable",
    "strong-PL-1": "strong-read-uncommitted",
    "strong-PL-2": "strong-read-committed",
    "strong-session-PL-1": "strong-session-read-uncommitted",
    "strong-session-PL-2": "strong-session-read-committed",
}

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "read-uncommitted": ("G0", "duplicate-elements", "cyclic-versions"),
    "read-committed": ("G1",),
    "cursor-stability": ("lost-update",),
    "consistent-view": ("G-single",),
    "update-atomic": ("lost-update",),
    "read-atomic": ("internal", "G1a", "future-read"),
    "repeatable-read": ("G2-item", "lost-update"),
    "snapshot-isolation": ("internal", "G-nonadjacent"),
    "serializable": ("internal", "G2"),
    "strong-session-read-uncommitted": ("G0-process",),
    "strong-session-read-committed": ("G1c-process",),
    "strong-session-snapshot-isolation": ("G1-process", "G-nonadjacent-process"),
    "strong-session-serializable": ("G1-process", "G2-process"),
    "strong-read-uncommitted": ("G0-realtime",),
    "strong-read-committed": ("G1c-realtime",),
    "strong-snapshot-isolation": ("G1-realtime", "G-nonadjacent-realtime"),
    "strict-serializable": ("G1c-realtime", "G2-realtime"),
}
"""What a model forbids beside all that weaker models forbid, and all that implies it."""

COMMON_MODELS = (
    *("read-uncommitted", "read-committed", "repeatable-read", "snapshot-isolation"),
    *("serializable", "strong-session-serializable", "strict-serializable"),
)
"""The models that an explanation mentions, the weakest first."""


def _closure(names: Iterable[str], table: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the names and all that follows from them."""
    found = set(names)
    unexplored = list(found)
    while unexplored:
        for name in table.get(unexplored.pop(), ()):
            if name not in found:
                found.add(name)
                unexplored.append(name)
    return found


def _reversed(table: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {}
    for name, others in table.items():
        for other in others:
            turned.setdefault(other, []).append(name)
    return turned


_IMPLYING = _reversed(IMPLIED)
_STRONGER = _reversed(WEAKER)
_FORBIDDING = _reversed(FORBIDDEN)


def model_name(name: str) -> str | None:
    """Return the usual name of a model, None if there is no such model."""
    usual = OTHER_NAMES.get(name, name)
    return usual if usual in WEAKER else None


def implied_by(anomaly: str) -> set[str]:
    """Return the anomaly and all that are there, too, where it is."""
    return _closure((anomaly,), IMPLIED)


def forbidden_by(models: Iterable[str]) -> set[str]:
    """Return the anomalies that can't be there if all the models hold."""
    direct = (name for model in _closure(models, WEAKER) for name in FORBIDDEN.get(model, ()))
    return _closure(direct, _IMPLYING)


def models_without(anomalies: Iterable[str]) -> set[str]:
    """Return the models that do not hold, given the anomalies."""
    names = _closure(anomalies, IMPLIED)
    if names & ALWAYS_FORBIDDEN:
        return set(WEAKER)
    direct = (model for name in names for model in _FORBIDDING.get(name, ()))
    return _closure(direct, _STRONGER)


def weakest(models: set[str]) -> set[str]:
    """Return those of the models that do not follow from a weaker one among them."""
    return {model for model in models if not (_closure((model,), WEAKER) - {model}) & models}


def strongest(models: set[str]) -> set[str]:
    """Return those of the models that do not follow from a stronger one among them."""
    return {model for model in models if not (_closure((model,), _STRONGER) - {model}) & models}
