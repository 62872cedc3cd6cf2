"""The pytest plugin: ``@pytest.mark.vsr_simulate``, the fixture ``vsr_cluster``, and two options.

    @pytest.mark.vsr_simulate(Shop, seeds=200)
    def test_shop() -> None: ...

    def test_two_clients(vsr_cluster) -> None:
        shop = vsr_cluster(Shop)
        Shop.deliver(shop, "tea", 1)

``--vsr-seeds N`` tries N seeds in every such test, and ``--vsr-seed S`` that seed alone. The mark
takes the arguments of ``simulate``, where ``seeds`` may be a number. pytest loads this by itself.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vsr_node.machines.typed import M, SyncCaller

MARK = "vsr_simulate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vsr", "simulations of replicated machines")
    group.addoption("--vsr-seeds", type=int, metavar="N", help="try N seeds in each simulation")
    group.addoption("--vsr-seed", type=int, metavar="S", help="try this seed alone")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the mark."""
    config.addinivalue_line(
        "markers", f"{MARK}(machine, seeds=100, ...): try the machine under simulated faults first"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Simulate what the marks of a test ask for, before its own body runs."""
    for mark in pyfuncitem.iter_markers(MARK):
        _simulate(pyfuncitem.config, *mark.args, **mark.kwargs)


def _simulate(config: pytest.Config, machine: Any, **options: Any) -> None:
    from .simulate import simulate

    seeds, seed = config.getoption("--vsr-seeds"), config.getoption("--vsr-seed")
    if seed is not None:
        options["seeds"] = [seed]
    elif seeds is not None:
        options["seeds"] = range(seeds)
    elif isinstance(options.get("seeds"), int):
        options["seeds"] = range(options["seeds"])
    simulate(machine, **options)


@pytest.fixture
def vsr_cluster() -> "Iterator[Callable[[Callable[[], M]], SyncCaller[M]]]":
    """Return a function that starts a group of a machine and returns a blocking client of it."""
    from .background import BackgroundClusters

    with BackgroundClusters() as clusters:
        yield clusters.start
