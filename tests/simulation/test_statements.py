"""What messages state: each type has its text and claim, and calm is demanded of all."""

from typing import get_args

import pytest

from vsr_node.core.messages import GetCheckpoint, Message, Read, Request
from vsr_node.simulation.invariants import Violation
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import SimulatedRun
from vsr_node.simulation.statements import STATEMENTS


def test_every_type_of_message_has_a_statement() -> None:
    assert set(STATEMENTS) == set(get_args(Message))


def calm_run() -> SimulatedRun:
    run = SimulatedRun(draw(0), None)
    run.cluster.invariants._calm = True
    return run


def test_calm_is_demanded_of_messages_that_claim_nothing() -> None:
    run = calm_run()
    with pytest.raises(Violation, match="calm: n0 sends GetCheckpoint"):
        run.cluster.invariants.on_send(run.cluster.hosts[0], ("n1",), GetCheckpoint(0, 0, 0))


@pytest.mark.parametrize("message", [Request(0, ()), Read(0, 1)])
def test_what_clients_ask_is_handed_on_where_nothing_fails(message: Message) -> None:
    run = calm_run()
    run.cluster.invariants.on_send(run.cluster.hosts[0], ("n1",), message)
