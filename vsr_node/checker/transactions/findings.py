"""What a judge of transactions finds, before it is held against the models."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from vsr_node.checker.judgement import Anomaly
from vsr_node.checker.transactions.describe import (
    describe_transactions,
    key_text,
    value_text,
)
from vsr_node.checker.transactions.graph import Graph, Kind
from vsr_node.checker.transactions.transaction import (
    Outcome,
    Part,
    Token,
    Transaction,
    Transactions,
    is_transaction,
)
from vsr_node.checker.validity import Validity

EXAMPLES_MAX = 3
"""How many anomalies of a name are kept."""


Namer: TypeAlias = Callable[[int], str]
"""Returns the label of a transaction, given its number, and so has it described."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one transaction comes before another."""

    key: Token
    sentence: str
    """With the labels of both."""


@dataclass(slots=True)
class Findings:
    """The anomalies that are no cycles, and the graph for those that are."""

    write: str
    """The function of a part that writes."""
    transactions: Transactions
    graph: Graph
    reason: Callable[[int, int, Kind, Namer], Reason | None]
    """Explain an edge, given its ends; the last argument gives labels."""
    anomalies: dict[str, list[Anomaly]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    of_maelstrom: set[str] = field(default_factory=set)
    """The names that Maelstrom's checker finds, too."""
    maelstrom_throws: str = ""
    """Why Maelstrom's checker ends with an exception, empty if it does not."""
    ambiguous: str = ""
    """What can't be judged in this history and why, a sentence, or empty."""
    maelstrom_graph: Graph | None = None
    """The edges that Maelstrom's checker sees, None if it sees them all."""
    empty_for_maelstrom: Validity = Validity.UNKNOWN
    """What Maelstrom says of a history without edges."""
    unseen: str = ""
    """What no judge can see in this history, a sentence, or empty."""

    def add(
        self,
        name: str,
        sentence: str,
        transactions: Sequence[Transaction],
        keys: Collection[Token] = (),
        *,
        ours: bool = False,
    ) -> None:
        """Add an anomaly with the transactions that prove it, which the sentence calls T1, T2, ...

        ``ours`` is whether Maelstrom's checker misses it.
        """
        self.counts[name] = self.counts.get(name, 0) + 1
        if not ours:
            self.of_maelstrom.add(name)
        examples = self.anomalies.setdefault(name, [])
        if len(examples) < EXAMPLES_MAX:
            lines = [*describe_transactions(transactions, self.write, keys), f"  {sentence}"]
            events = sorted({index for each in transactions for index in each.events})
            examples.append(Anomaly(name, "\n".join(lines), tuple(events)))

    def find_changed(self) -> None:
        """Find answers that are not the transaction that was asked for."""
        for transaction in self.transactions.possible:
            if transaction.was_changed:
                asked = value_text(transaction.invocation.value)
                answer = transaction.completion and transaction.completion.value
                if answer is not None and not is_transaction(answer, self.write):
                    self.maelstrom_throws = "an answer is no transaction"
                self.add(
                    "changed-transaction",
                    f"T1 was asked for as {asked} and answered as {value_text(answer)}.",
                    [transaction],
                    ours=True,
                )

    def find_lost_updates(self, version_of: Callable[[Part], object]) -> None:
        """Find transactions that read the same version of a key before they wrote it."""
        writers: dict[tuple[Token, object], list[Transaction]] = {}
        for transaction in self.transactions.possible:
            if transaction.outcome is not Outcome.OK:
                continue
            touched: dict[Token, Part] = {}
            written: set[Token] = set()
            for part in transaction.parts:
                if part.is_read:
                    touched.setdefault(part.key, part)
                    continue
                first = touched.setdefault(part.key, part)
                if first.is_read and part.key not in written:
                    writers.setdefault((part.key, version_of(first)), []).append(transaction)
                written.add(part.key)
        for (key, _), group in writers.items():
            if len(group) > 1:
                self._add_lost_update(key, group)

    def _add_lost_update(self, key: Token, group: list[Transaction]) -> None:
        read = next(part for part in group[0].parts if part.is_read and part.key == key)
        self.add(
            "lost-update",
            f"T1 and T2 both read {key_text(key)} as {value_text(read.value)} "
            f"and then wrote it, so one of the two did not see the other's write.",
            group[:2],
            [key],
        )
