"""What every state machine, storage and transport must do: suites to run on one's own.

    check_state_machine(MyMachine, operations, reads)
    check_storage(lambda: MyStorage(folder))
    await check_transport(make)

Each raises AssertionError that says which rule is broken. The parts themselves are the Protocols
``core.replica.StateMachine``, ``storage.protocol.Storage`` and ``cluster.network.Transport``.
"""

from .state_machine import check_state_machine as check_state_machine
from .storage import check_storage as check_storage
from .transport import check_transport as check_transport
