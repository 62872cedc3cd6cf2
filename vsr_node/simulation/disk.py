"""A disk in memory: what a replica finds when it is started again.

The simulated replicas write to it, and the invariants check messages against it: a claim is durable
if it is on the disk when the message leaves. While a machine is down its disk may be damaged, or
lose what was never flushed. What may be believed of the rest, ``storage.trust`` decides, as for a
real disk. A replica's promise, its view, is always flushed and never lost.
"""

from collections.abc import Sequence

from vsr_node.core.messages import Checkpoint, DurableState, Entry, Record, Recovered
from vsr_node.simulation.choices import Loss
from vsr_node.simulation.faults import Damage
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.protocol import may_wait
from vsr_node.storage.trust import Found, believable

TAIL_MAX = 8
"""How many entries a lost tail has at most."""

GARBAGE: Entry = ("garbage", 0, (("garbage", 0), ("write", '"k0"', '"garbage"')))


class Disk(MemoryStorage):
    """A storage whose records are durable when ``save`` returns, but for what ``suffer`` destroys.

    As in ``SqliteStorage``, commit numbers alone wait for the next records; a crash loses them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Record] = []
        self._older_checkpoint = Checkpoint()
        self._damaged: set[int] = set()
        self._checkpoint_is_damaged = False
        self._is_whole = True
        self._lost: dict[int, Entry] = {}

    # Storage

    def load(self) -> DurableState:
        """Return what may be believed of what is there, and keep nothing else."""
        self._waiting = []
        state = believable(
            Found(
                self.view_number,
                self.last_normal_view,
                self.commit_number,
                self.checkpoint,
                self._checkpoint_is_damaged,
                self.first_op_number,
                self.entries,
                frozenset(self._damaged),
                self._is_whole,
                self.is_recovering,
            )
        )
        self._take_over(state)
        self._damaged.clear()
        self._checkpoint_is_damaged = False
        self._is_whole = True
        if not state.is_recovering:
            self._lost = {}
        return state._replace(entries=tuple(self.entries))

    def save(self, records: Sequence[Record]) -> None:
        """Carry out the records at once, or with the next ones if they may wait."""
        self._waiting += records
        if may_wait(records):
            return
        checkpoint = self.checkpoint
        super().save(self._waiting)
        self._waiting = []
        if self.checkpoint is not checkpoint:
            self._older_checkpoint = checkpoint
        if any(isinstance(record, Recovered) for record in records):
            self._lost = {}

    def close(self) -> None:
        """Carry out what waits. In the simulator replicas only crash."""
        super().save(self._waiting)

    # What the invariants look at

    def entry_at(self, op_number: int) -> Entry | None:
        """Return an entry; None if it is truncated or was never there."""
        position = op_number - self.first_op_number
        return self.entries[position] if 0 <= position < len(self.entries) else None

    def held(self, op_number: int) -> Entry | None:
        """Return an entry, or the one that was there before the log was lost.

        A quorum consists of those that acknowledged. A replica that loses its log afterwards is
        one of the failures that the group lives through.
        """
        return self.entry_at(op_number) if self.may_be_trusted else self._lost.get(op_number)

    def holds(self, first_op_number: int, entries: Sequence[Entry]) -> bool:
        """Return whether exactly these entries are there from ``first_op_number`` on.

        A truncated entry counts as held, as the checkpoint covers it.
        """
        truncated_count = max(0, self.first_op_number - first_op_number)
        start = max(0, first_op_number - self.first_op_number)
        left = list(entries[truncated_count:])
        return self.entries[start : start + len(left)] == left

    # What may happen while its machine is down

    @property
    def may_be_trusted(self) -> bool:
        """Whether a replica that starts now need not recover."""
        is_damaged = self._checkpoint_is_damaged or bool(self._damaged)
        return self._is_whole and not self.is_recovering and not is_damaged

    def suffer(self, damage: Damage) -> None:
        """Lose what a crash takes along. The next ``load`` notices it in any case."""
        if self.may_be_trusted:
            self._lost = dict(enumerate(self.entries, self.first_op_number))
        match damage.loss:
            case Loss.UNFLUSHED:
                self._keep(len(self.entries) // 2)
            case Loss.UNFLUSHED_CHECKPOINT:
                self._keep(len(self.entries) // 2)
                self.checkpoint = self._older_checkpoint
            case Loss.TAIL:
                self._keep(max(0, len(self.entries) - 1 - damage.number % TAIL_MAX))
            case Loss.ENTRY:
                self._damage_entry(damage.number)
            case Loss.CHECKPOINT:
                self._checkpoint_is_damaged = True

    def _keep(self, count: int) -> None:
        """Keep that many entries; the others vanish, as if they had never been written."""
        self._is_whole = False
        del self.entries[count:]

    def _damage_entry(self, number: int) -> None:
        """Turn an entry into another; its checksum betrays that."""
        if self.entries:
            position = number % len(self.entries)
            self.entries[position] = GARBAGE
            self._damaged.add(self.first_op_number + position)
