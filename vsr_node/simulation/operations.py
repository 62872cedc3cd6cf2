"""The operations that simulated clients ask for, beside those of lin-kv: one of each kind."""

from random import Random

from vsr_node.machines.answers import Operation

REGISTER_WORDS = ("read", "write", "cas")
"""The operations that the checker judges; the model judges all of them."""

WORDS = (
    *("txn", "txn", "txn", "txn_read", "broadcast", "add_element", "add_delta", "ts"),
    *(
        "read_all",
        "read_all",
        "read_all",
        "read_all",
        "read_all",
        "read_all",
        "send",
        "send",
        "poll",
        "commit_offsets",
        "list_committed_offsets",
    ),
)


def draw_other(random: Random, key_count: int) -> Operation:
    """Draw an operation on what no operation of lin-kv touches, so its history stays whole."""
    word = random.choice(WORDS)
    key = f'"k{random.randrange(key_count)}"'
    number = random.randrange(100)
    match word:
        case "txn":
            kinds = [random.choice(("r", "w", "append")) for _ in range(random.randrange(3))]
            return (word, tuple(_step(random, kind, key_count) for kind in (*kinds, "append")))
        case "txn_read":
            return (word, tuple(_step(random, "r", key_count) for _ in range(3)))
        case "send" | "broadcast" | "add_element":
            return (word, key, str(number)) if word == "send" else (word, str(number))
        case "add_delta":
            return (word, number - 50)
        case "poll" | "commit_offsets":
            return (word, ((key, random.randrange(10)), ('"k0"', number))[: 1 + (key != '"k0"')])
        case "list_committed_offsets":
            return (word, (key,))
    return (word,)


def _step(random: Random, kind: str, key_count: int) -> tuple[str, ...]:
    """Draw a step of a transaction; lists and other values have keys of their own."""
    of_lists = kind == "append" or (kind == "r" and random.randrange(2) == 0)
    key = f'"{"list" if of_lists else "value"}{random.randrange(key_count)}"'
    return (kind, key) if kind == "r" else (kind, key, str(random.randrange(1_000_000)))
