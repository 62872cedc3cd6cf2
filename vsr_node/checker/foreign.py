"""Operations of other objects than registers and maps: which object it is, and what judges it."""

from vsr_node.checker.history import Json, Operation

_OBJECTS: tuple[tuple[frozenset[str], str, str], ...] = tuple(
    (frozenset(functions.split()), what, needed)
    for functions, what, needed in (
        ("broadcast topology", "a broadcast", "--workload broadcast"),
        (
            "send poll assign subscribe commit crash debug-topic-partitions",
            "a log such as Kafka's",
            "--workload kafka",
        ),
        ("enqueue dequeue drain", "a queue", "Jepsen's checker of queues"),
        ("push pop", "a queue or a stack", "Jepsen's checker of queues"),
        ("add", "a set or a counter", "--workload g-set, g-counter or pn-counter"),
        ("remove add-all contains", "a set", "Jepsen's checker of sets"),
        ("inc increment dec decrement", "a counter", "Jepsen's checker of counters"),
        ("generate", "a generator of unique ids", "--workload unique-ids"),
        ("echo", "an echo", "--workload echo"),
        ("transfer", "a bank", "Jepsen's checker of banks"),
        ("acquire release lock unlock", "a lock", "Knossos with its model of a mutex"),
    )
)

_NEEDED = "this looks like {}; it takes {}, as models are only of registers and maps"


def describe_foreign(operation: Operation) -> str:
    """Describe the object that has this operation and what judges it; "" if that is not known."""
    if operation.f in ("txn", "transact", "transaction") or is_transaction(operation.value):
        return ": " + _NEEDED.format(*_transactions(operation.value))
    for functions, what, needed in _OBJECTS:
        if operation.f in functions:
            return ": " + _NEEDED.format(what, needed)
    return "; it judges read, write and cas of registers, and get, put and append of maps"


def is_transaction(value: Json) -> bool:
    """Return whether a value is a list of reads and writes, such as ``[[:r 1 nil] [:append 9 1]]``.

    Some tests use it with the functions read and write, too.
    """
    match value:
        case [["r" | "w" | "append" | "read" | "write", _, _], *_]:
            return True
    return False


def _transactions(value: Json) -> tuple[str, str]:
    steps = value if isinstance(value, list) else []
    names = {step[0] for step in steps if isinstance(step, list) and step if step[0] == "append"}
    if names:
        return "transactions on lists (list-append)", "--workload txn-list-append"
    return "transactions", "--workload txn-rw-register"
