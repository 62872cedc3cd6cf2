"""Groups that change their members at random, under loss, repeats, reordering, cuts and crashes.

``python -m tests.core.random_changes FIRST COUNT`` runs seeds. All that is random follows from the
seed. What must hold is checked after each turn; after the chaos the network is good, at most f of
each live epoch are away, and the newest epoch must commit, and everybody come to rest.
"""

import sys
from collections.abc import Callable, Iterator
from random import Random

from tests.core.group import SECOND, Envelope, Group
from vsr_node.core.limits import Limits
from vsr_node.core.messages import Entry, Message, Reconfiguration, Refusal, Reply, Send
from vsr_node.core.replica import Replica
from vsr_node.core.status import Status

SIZES = (1, 2, 3, 3, 5)


class RandomGroup(Group):
    """A group whose network and faults are drawn from a seed, and which is watched."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.loss = random.choice([0, 0.02, 0.1])
        self.repeats = random.choice([0, 0.05])
        self.delay_max = random.choice([1_000, 20_000, 200_000])
        self.committed: list[Entry] = []
        self.epochs: list[tuple[str, ...]] = []
        self.begun: dict[int, set[str]] = {0: set()}
        self.primaries: dict[int, str] = {}
        self.seen: dict[str, int] = {}
        self.reads_asked: dict[int, int] = {}
        self.done_max = 0
        self.retired: set[str] = set()
        self.number = 0
        size = random.choice([3, 4, 5, 6, 7])
        limits = random.choice(
            [Limits(), Limits(checkpoint_interval=4), Limits(chunk_parts=1, checkpoint_interval=6)]
        )
        super().__init__(size, founders=random.randint(1, min(size, 5)), limits=limits)
        self.epochs = [self.founders]

    # The network

    def _post(self, source: str, send: Send) -> None:
        for destination in send.destinations:
            number = len(self.sent)
            for _ in range(1 + (self.random.random() < self.repeats)):
                due = self.now + self.random.randint(0, self.delay_max)
                envelope = Envelope(due, number, source, destination, send.message)
                is_lost = self.random.random() < self.loss or (source, destination) in self.cut
                if not is_lost and destination not in self._down:
                    self.under_way.append(envelope)
            self.sent.append(envelope)

    def turn(self, name: str, act: Callable[[Replica], None] | None = None) -> list[Message]:
        before = len(self.answers)
        sent = super().turn(name, act)
        self._watch(name)
        for _, answer in self.answers[before:]:
            self._watch_answer(answer)
        return sent

    # What must hold

    def _watch(self, name: str) -> None:
        replica = self[name]
        epoch = replica.membership.epoch
        if replica.leading is not None:
            leader = self.primaries.setdefault(replica.view_number, name)
            assert leader == name, f"two primaries of view {replica.view_number}"
        first = max(self.seen.get(name, 0) + 1, replica.log.first_op_number)
        for op_number in range(first, replica.commit_number + 1):
            self._see(op_number, replica.log[op_number])
        self.seen[name] = replica.commit_number
        assert replica.commit_number <= len(self.committed)
        if replica.status is not Status.RECOVERING:
            for each in range(epoch + 1):
                self.begun[each].add(name)
            if epoch:
                assert replica.membership.members == self.epochs[epoch]
        notes = [note for note in self.operations(name) if note != "read"]
        assert len(set(notes)) == len(notes), "executed twice"

    def _see(self, op_number: int, entry: Entry) -> None:
        if op_number <= len(self.committed):
            assert self.committed[op_number - 1] == entry, f"two entries at {op_number}"
            return
        assert op_number == len(self.committed) + 1
        self.committed.append(entry)
        operation = entry[2]
        if isinstance(operation, Reconfiguration) and operation.epoch == len(self.epochs):
            self.epochs.append(operation.members)
            self.begun[operation.epoch] = set()

    def _watch_answer(self, answer: Reply | Refusal) -> None:
        if answer.client == "reader" and isinstance(answer, Reply):
            count = answer.result[1] if isinstance(answer.result, tuple) else answer.result
            assert isinstance(count, int)
            assert count >= self.reads_asked[answer.request_number], "a stale read"
        elif isinstance(answer, Reply) and isinstance(answer.result, int):
            self.done_max = max(self.done_max, answer.result)

    # Faults within bounds

    def may_lose(self, name: str, gone: set[str]) -> bool:
        """Say whether each live epoch can bear that a replica forgets, or is away for ever."""
        for members in self.live_epochs():
            if name in members:
                away = {
                    each
                    for each in members
                    if each in gone or self[each].status is Status.RECOVERING
                }
                if len(away | {name}) > len(members) - (len(members) // 2 + 1):
                    return False
        return True

    def is_recovering(self, name: str) -> bool:
        return self[name].status is Status.RECOVERING

    def live_epochs(self) -> list[tuple[str, ...]]:
        """The epochs whose state may be needed: from the newest begun one on, and those in logs."""
        live = []
        for epoch in range(len(self.epochs) - 1, -1, -1):
            members = self.epochs[epoch]
            live.append(members)
            good = [
                each
                for each in members
                if each in self.begun[epoch]
                and self[each].status is not Status.RECOVERING
                and each not in self.retired
            ]
            if len(good) > len(members) // 2:
                break
        for replica in self.replicas.values():
            entries = replica.log.suffix(replica.commit_number + 1)
            live += [each[2].members for each in entries if isinstance(each[2], Reconfiguration)]
        return live

    def chaos(self, steps: int) -> None:
        weights = {
            self.some_time: 30,
            self.some_request: 8,
            self.some_read: 4,
            self.some_change: self.random.choice([1, 4]),
            self.some_crash: self.random.choice([0, 1, 3]),
            self.some_loss: self.random.choice([0, 0, 1]),
            self.some_cut: self.random.choice([0, 1, 3]),
            self.some_retirement: self.random.choice([0, 1]),
        }
        for step in self.random.choices(list(weights), list(weights.values()), k=steps):
            step()

    def up(self) -> str:
        return self.random.choice([name for name in self.names if name not in self._down])

    def some_time(self) -> None:
        self.run_for(self.random.choice([self.delay_max, SECOND // 10, SECOND, 3 * SECOND]))

    def some_request(self) -> None:
        self.number += 1
        self.ask(self.up(), self.number)

    def some_read(self) -> None:
        self.number += 1
        self.reads_asked[self.number] = self.done_max
        self.read(self.up(), self.number, "reader")

    def some_change(self) -> None:
        self.number += 1
        alive = [name for name in self.names if name not in self.retired]
        size = min(self.random.choice(SIZES), len(alive))
        members = tuple(self.random.sample(alive, size))
        self.turn(
            self.up(), lambda replica: replica.on_reconfigure("admin", self.number, members, None)
        )

    def some_crash(self) -> None:
        self.restart(self.up())

    def some_loss(self) -> None:
        name = self.up()
        if self.may_lose(name, set(self.retired)):
            self.seen[name] = 0
            self.restart(name, without_log=True)

    def some_cut(self) -> None:
        share = self.random.choice([0, 0, 0.2, 0.5])
        self.cut = {(a, b) for a in self.names for b in self.names if self.random.random() < share}
        for name in self._down:
            self.isolate(name)

    def some_retirement(self) -> None:
        """Delete a released standby for good, unless somebody asks for it again."""
        name = self.up()
        wanted = any(name in members for members in self.asked_for())
        if self[name].is_released and name not in self.epochs[-1] and not wanted:
            self.retired.add(name)
            self.crash(name)

    def asked_for(self) -> Iterator[tuple[str, ...]]:
        """Yield the members of each change that is under way anywhere."""
        entries = [
            entry for each in self.under_way for entry in getattr(each.message, "entries", ())
        ]
        for replica in self.replicas.values():
            waiting = replica.waiting
            entries += replica.log.suffix(replica.commit_number + 1)
            entries += [each.entry for each in (*waiting.held.values(), *waiting.sent.values())]
            if replica.change is not None:
                yield replica.change.members
        yield from (entry[2].members for entry in entries if isinstance(entry[2], Reconfiguration))

    # Rest

    def rest(self) -> None:
        """Heal all that may heal; then the newest epoch must serve, and everybody come to rest."""
        self.loss = self.repeats = 0
        self.delay_max = min(self.delay_max, 20_000)
        self.cut = set()
        for name in self._down:
            self.isolate(name)
        self.run_for(
            20 * SECOND
        )  # No change is being prepared any more that may count on the dead.
        gone: set[str] = set(self.retired)
        for name in self.names:
            if name not in self._down and self.random.random() < 0.3 and self.may_lose(name, gone):
                gone.add(name)
                self.crash(name)
        for name in self._down:
            self.isolate(name)
        for _ in range(60):
            self.run_for(10 * SECOND)
            self.number += 1
            self.ask(self.up(), self.number)
            if self.is_at_rest():
                return
        raise AssertionError(f"no rest: {self.description()}")

    def is_at_rest(self) -> bool:
        self.run_for(10 * SECOND)
        members = self.epochs[-1]
        present = [self[name] for name in members if name not in self._down]
        if not all(
            each.status is Status.NORMAL and each.membership.members == members for each in present
        ):
            return False
        if (
            len({each.view_number for each in present}) > 1
            or len({each.commit_number for each in present}) > 1
        ):
            return False
        if not any(("c1", self.number) == reply[:2] for reply in self.replies()):
            return False
        return all(
            each.status is Status.STANDBY and (each.is_released or each.membership.epoch == 0)
            for each in self.replicas.values()
            if each.name not in members and each.name not in self._down
        )

    def description(self) -> str:
        states = [
            f"{each.name} {each.status} {each.membership.epoch}.{each.view_number % 2**32}"
            f" op {each.op_number} commit {each.commit_number}"
            f"{' released' if each.is_released else ''}"
            f"{' down' if each.name in self._down else ''}"
            for each in self.replicas.values()
        ]
        return f"epochs {self.epochs}; " + "; ".join(states)


def run(seed: int) -> RandomGroup:
    """Run one seed; an AssertionError says what did not hold."""
    group = RandomGroup(seed)
    group.chaos(group.random.choice([60, 150, 300]))
    group.rest()
    return group


def main() -> int:
    first, count = map(int, sys.argv[1:])
    changes = wrong = 0
    for seed in range(first, first + count):
        try:
            changes += len(run(seed).epochs) - 1
        except Exception as error:
            wrong += 1
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
    print(f"{count} seeds, {changes} changes, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
