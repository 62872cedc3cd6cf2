"""txn-list-append and txn-rw-register: transactions on lists that grow, and on registers."""

from random import Random
from typing import ClassVar

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.examiner import Body
from vsr_node.bench.workloads.transactions import Drawing
from vsr_node.bench.workloads.workload import (
    DEFAULTS,
    Function,
    Operation,
    Parameters,
    Workload,
)


class _Transactions(Workload):
    """Each operation is a transaction of one to ``--max-txn-length`` operations."""

    functions = (Function("txn", "do all of a list of operations", ("txn",), reply_field="txn"),)
    options = (
        *("key_count", "max_txn_length", "max_writes_per_key"),
        *("consistency_models", "strict"),
    )
    write: ClassVar[str]
    """The function that changes a key."""

    def __init__(
        self,
        node_count: int,
        concurrency: int,
        random: Random,
        *,
        thorough: bool = False,
        parameters: Parameters = DEFAULTS,
    ) -> None:
        super().__init__(node_count, concurrency, random, thorough=thorough, parameters=parameters)
        self._drawing = Drawing(random, parameters)

    def next_operation(self, thread: int) -> Operation:
        """Return a transaction."""
        del thread
        length = self._random.randint(1, self.parameters.max_txn_length)
        drawn = [self._drawing.operation() for _ in range(length)]
        value = [
            ["r", key, None] if element is None else [self.write, key, element]
            for key, element in drawn
        ]
        return Operation("txn", None, value)

    def result(self, operation: Operation, body: Body) -> list[list[object]]:
        """Return the transaction with what it read. Raises WireError if it has another shape."""
        require_fields(body, "txn_ok", frozenset(("txn",)))
        done = body["txn"]
        if type(done) is not list or not all(map(_is_operation, done)):
            raise WireError(
                Kind.MALFORMED_REPLY,
                'a malformed reply: "txn" is no list of operations, [function, key, value] each',
            )
        return done


def _is_operation(value: object) -> bool:
    return type(value) is list and len(value) == 3 and type(value[0]) is str


class TxnListAppend(_Transactions):
    """The workload on lists."""

    name = "txn-list-append"
    document = "workloads.md, Workload: Txn-list-append"
    write = "append"


class TxnRwRegister(_Transactions):
    """The workload on registers."""

    name = "txn-rw-register"
    document = "workloads.md, Workload: Txn-rw-register"
    write = "w"
