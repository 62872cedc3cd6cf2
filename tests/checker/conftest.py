from itertools import count

import pytest

TICK_S = 5e-6
"""About what a configuration takes."""


@pytest.fixture
def steady_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checker's time pass with each look at the clock, however slow the machine is."""
    ticks = count()
    for module in ("linearizability", "minimal"):
        monkeypatch.setattr(f"vsr_node.checker.{module}.monotonic", lambda: next(ticks) * TICK_S)
