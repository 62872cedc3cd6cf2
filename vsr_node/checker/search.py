"""The search for an order that explains one key's history.

Theory of operation. Wing & Gong ("Testing and Verifying Concurrent Objects", 1993) place one
operation after the other: the next one can be any that was invoked before the first completion of
an unplaced operation. Lowe ("Testing for linearizability", 2017) adds a cache: the rest of the
search depends only on the set of placed operations and the state.

Here, operations are numbered in the order of their completion. It follows:

- The first unplaced one is the *deadline*: everything before it is placed, and the candidates are
  the operations invoked before it completed, its *window*. No linked list is needed to find them.
- The set of placed operations is the deadline and a bit mask over its window, bit 0 being the
  deadline's own operation. A mask is as wide as operations overlap, however long the history is.
- All that depends only on the deadline and the state is computed once: a ``_Position``.

The search goes depth first, tries candidates in order of their completion, and leaves out steps
that can't matter. Each rule keeps a shortest one of all orders that complete the history:

- *Reads.* A read that fits may be taken at once: it changes nothing.
- *Twins.* Of operations with the same function and value the one that completes first goes first.
- *Unsure operations* (those whose outcome is unknown) come last, after any twin whose outcome is
  known, and only if they change the behaviour of a candidate. Operations of a kind are equivalent,
  so the used ones are only counted. A configuration that used no fewer of any kind than an earlier
  one, all else being equal, can do no more than that one.
- *Untold states.* A state that none of the operations from the deadline on can tell from others is
  replaced by one that stands for them all; steps that lead to one are tried last.
- *Lost causes.* If the deadline's operation fits only after others that are all placed already, the
  branch ends. This is computed for positions that turn out to be crowded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from sys import getsizeof
from typing import NamedTuple

from vsr_node.checker.history import Operation, canonical_text
from vsr_node.checker.models import Model, State
from vsr_node.checker.verdict import DeadEnd

NO_STATE = -1
"""The number that stands for no state: the operation does not fit."""

UNTOLD = 1
"""The number of the model's ``untold`` state."""

DEAD_ENDS_MAX = 8
"""How many of the states in which the search ended are kept to explain a violation."""

CROWD = 4
"""How many masks make a position crowded."""

REACH_MAX = 64
"""How many states are tried to find the operations that make the deadline's operation fit."""

# The figures below were measured with tracemalloc; a test compares them.
_ENTRY_BYTES = 140
"""A cached mask: its slot in a dict, the integer, and a tuple with one count."""

_POSITION_BYTES = 560
"""A ``_Position`` with its dict and its slot in another dict, without its moves."""

_MOVE_BYTES = 200
_STACK_BYTES = 170
"""A configuration on the stack, with its step and its own integers."""


class SearchOutcome(Enum):
    """How a turn of the search ended."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    PAUSED = "paused"


class _Step(NamedTuple):
    """The last placement on the way to a configuration, linked to those before it."""

    before: "_Step | None"
    deadline: int
    placed: int  # The mask of operations in the deadline's window,
    kind: int  # or the kind of the unsure operation; else -1.


class _Configuration(NamedTuple):
    deadline: int
    mask: int
    state: int
    used: int  # How many unsure operations of each kind, in fields of bits.
    last_step: _Step | None


class _Move(NamedTuple):
    """A kind of operation that fits the state."""

    twins: int  # The operations of the kind in the window.
    next_state: int


class _UnsureMove(NamedTuple):
    """A kind of unsure operation that fits the state and changes it."""

    kind: int
    unit: int  # One, in the kind's field of the counts.
    field: int  # The mask of that field.
    limit: int  # How many there are before the deadline, in that field.
    twins: int
    users: int  # Operations of the window that the move makes behave otherwise.
    used_by_unsure: bool  # Whether it makes another unsure operation behave otherwise.
    next_state: int


class _Helpers(NamedTuple):
    """The operations directly after which the deadline's operation can fit."""

    sure: int  # Operations of the window.
    unsure: tuple[tuple[int, int], ...]  # The field and the limit of each kind.


_HELPED_BY_ALL = _Helpers(-1, ())


@dataclass(slots=True)
class _Position:
    """All that follows from a deadline and a state."""

    reads: int
    moves: tuple[_Move, ...]
    unsure_moves: tuple[_UnsureMove, ...]
    seen: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """For each mask, the minimal counts of unsure operations with which the search was here."""
    helpers: "_Helpers | None" = None
    """None until it is computed."""


class _Kinds:
    """Kinds of operations (equal function and value) and states, both numbered."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._numbers: dict[tuple[str, str], int] = {}
        self._samples: list[Operation] = []
        self._next_states: list[dict[int, int]] = []
        self.states: list[State] = [model.initial, model.untold]
        self._state_numbers: dict[State, int] = {model.initial: 0, model.untold: UNTOLD}
        self.reads_only: list[bool] = []
        self.bytes = 0

    def number(self, operation: Operation) -> int:
        signature = (operation.f, canonical_text(operation.value))
        number = self._numbers.get(signature)
        if number is None:
            self._model.apply(self._model.initial, operation)  # Raises if it is unknown.
            number = self._numbers[signature] = len(self._samples)
            self._samples.append(operation)
            self._next_states.append({})
            self.reads_only.append(operation.f in self._model.read_functions)
        return number

    def sample(self, kind: int) -> Operation:
        """Return an operation of the kind."""
        return self._samples[kind]

    def next_state(self, kind: int, state: int) -> int:
        """Return the state after an operation of the kind, NO_STATE if it does not fit."""
        known = self._next_states[kind].get(state)
        if known is not None:
            return known
        fits, after = self._model.apply(self.states[state], self._samples[kind])
        number = self._state_number(after) if fits else NO_STATE
        self._next_states[kind][state] = number
        self.bytes += 80
        return number

    def _state_number(self, state: State) -> int:
        number = self._state_numbers.get(state)
        if number is None:
            number = self._state_numbers[state] = len(self.states)
            self.states.append(state)
            self.bytes += 150 + getsizeof(state)
        return number


class Search:
    """The search over one key's operations. It can be paused, and estimates its memory.

    Raises HistoryError if the model does not know an operation.
    """

    def __init__(self, model: Model, operations: Sequence[Operation]) -> None:
        self._model = model
        self._kinds = _Kinds(model)
        self._sure: list[Operation] = []
        """Operations with a known outcome, in order of completion."""
        self._kind_of: list[int] = []
        """Their kinds."""
        self._unsure_of_kind: dict[int, list[Operation]] = {}
        """The other operations that can matter, in order of invocation."""
        self._sort(model, operations)
        self._windows, self._unsure_limits = self._overlaps()
        self._lay_out_counts()
        self._horizon = model.horizon([self._kinds.sample(kind) for kind in self._kind_of])
        self._last_told: dict[int, float] = {UNTOLD: inf}
        """The last place where each state can be told."""
        self._positions: list[dict[int, _Position]] = [{} for _ in self._sure]
        self._stack = [_Configuration(0, 0, 0, 0, None)]
        self._bytes = 0
        self._furthest = self._stack[0]
        self._dead_ends: dict[int, _Configuration] = {}

    # --- The operations to place --------------------------------------------------------------

    def _sort(self, model: Model, operations: Sequence[Operation]) -> None:
        sure: list[tuple[int, int, Operation]] = []
        for operation, simple in zip(operations, model.simplify(operations), strict=True):
            kind = self._kinds.number(simple)
            if operation.completed is not None:
                sure.append((operation.completed, kind, operation))
            elif not self._kinds.reads_only[kind]:
                self._unsure_of_kind.setdefault(kind, []).append(operation)
        sure.sort()
        self._sure = [operation for _, _, operation in sure]
        self._kind_of = [kind for _, kind, _ in sure]

    def _overlaps(self) -> tuple[list[int], list[tuple[tuple[int, int], ...]]]:
        """Return each deadline's window, and its number of unsure operations of each kind."""
        calls = [(operation.invoked, number, -1) for number, operation in enumerate(self._sure)]
        for kind, unsure in self._unsure_of_kind.items():
            calls += [(operation.invoked, -1, kind) for operation in unsure]
        calls.sort(reverse=True)
        windows: list[int] = []
        limits: list[tuple[tuple[int, int], ...]] = []
        window = 0
        unsure_counts: dict[int, int] = {}
        unsure_limits: tuple[tuple[int, int], ...] = ()
        for deadline, operation in enumerate(self._sure):
            window >>= 1
            grown = False
            while calls and calls[-1][0] < (operation.completed or 0):
                _, number, kind = calls.pop()
                if number >= 0:
                    window |= 1 << (number - deadline)
                else:
                    unsure_counts[kind] = unsure_counts.get(kind, 0) + 1
                    grown = True
            if grown:
                unsure_limits = tuple(unsure_counts.items())
            windows.append(window)
            limits.append(unsure_limits)
        return windows, limits

    def _lay_out_counts(self) -> None:
        """Give each kind of unsure operation a field of bits with a guard bit above it."""
        self._shifts: dict[int, int] = {}
        self._guards = 0
        shift = 0
        for kind, unsure in self._unsure_of_kind.items():
            self._shifts[kind] = shift
            shift += len(unsure).bit_length() + 1
            self._guards |= 1 << (shift - 1)

    # --- The search --------------------------------------------------------------------------

    def run(self, pause: Callable[[], bool]) -> SearchOutcome:
        """Search until decided, or until ``pause()``, called at each configuration, is true."""
        stack = self._stack
        while stack:
            if pause():
                return SearchOutcome.PAUSED
            deadline, mask, state, used, last_step = stack.pop()
            while True:
                if mask & 1:
                    passed = (~mask & (mask + 1)).bit_length() - 1
                    deadline += passed
                    mask >>= passed
                if deadline == len(self._sure):
                    self._furthest = _Configuration(deadline, 0, state, used, last_step)
                    self._dead_ends.clear()
                    return SearchOutcome.LINEARIZABLE
                position = self._positions[deadline].get(state)
                if position is None:
                    if self._is_untold(state, deadline):
                        state = UNTOLD
                        continue
                    position = self._open_position(deadline, state)
                reads = position.reads & ~mask
                if not reads:
                    break
                last_step = _Step(last_step, deadline, reads, -1)
                mask |= reads
            if self._is_vain(position, mask, used):
                continue
            configuration = _Configuration(deadline, mask, state, used, last_step)
            if deadline > self._furthest.deadline:
                self._furthest = configuration
                self._dead_ends.clear()
            if self._is_lost(position, configuration):
                self._note_dead_end(configuration)
                continue
            self._push_unsure_moves(position, configuration)
            if not self._push_moves(position, configuration):
                self._note_dead_end(configuration)
        return SearchOutcome.NOT_LINEARIZABLE

    def _is_vain(self, position: _Position, mask: int, used: int) -> bool:
        """Return whether the search was here with no more unsure operations used; else note it."""
        earlier = position.seen.get(mask)
        if earlier is None:
            position.seen[mask] = (used,)
            self._bytes += _ENTRY_BYTES + (mask.bit_length() + used.bit_length()) // 7
            return False
        guards = self._guards
        guarded = used | guards
        for counts in earlier:
            if (guarded - counts) & guards == guards:
                return True
        kept = [counts for counts in earlier if ((counts | guards) - used) & guards != guards]
        position.seen[mask] = (*kept, used)
        self._bytes += 44 * (1 + len(kept) - len(earlier))
        return False

    def _is_lost(self, position: _Position, configuration: _Configuration) -> bool:
        """Return whether the deadline's operation can certainly never fit."""
        if len(position.seen) < CROWD:
            return False
        if position.helpers is None:
            position.helpers = self._find_helpers(configuration.deadline, configuration.state)
        sure, unsure = position.helpers
        if sure & ~configuration.mask:
            return False
        used = configuration.used
        return all(used & field_mask >= limit for field_mask, limit in unsure)

    def _find_helpers(self, deadline: int, state: int) -> _Helpers:
        """Find helpers in all states that are reachable if each operation can happen repeatedly."""
        next_state = self._kinds.next_state
        goal = self._kind_of[deadline]
        if next_state(goal, state) != NO_STATE:
            return _HELPED_BY_ALL
        of_kind = self._window_by_kind(deadline)
        unsure_limits = self._unsure_limits[deadline]
        kinds = dict.fromkeys((*of_kind, *(kind for kind, _ in unsure_limits)))
        helpers: dict[int, None] = {}
        reached = {state: None}
        unexplored = [state]
        while unexplored:
            before = unexplored.pop()
            fits_before = next_state(goal, before) != NO_STATE
            for kind in kinds:
                after = next_state(kind, before)
                if after == NO_STATE:
                    continue
                if not fits_before and next_state(goal, after) != NO_STATE:
                    helpers[kind] = None
                if after not in reached:
                    reached[after] = None
                    unexplored.append(after)
            if len(reached) > REACH_MAX:
                return _HELPED_BY_ALL
        sure = 0
        for kind in helpers:
            sure |= of_kind.get(kind, 0)
        return _Helpers(
            sure,
            tuple(
                (self._field_mask(kind) << self._shifts[kind], count << self._shifts[kind])
                for kind, count in unsure_limits
                if kind in helpers
            ),
        )

    def _window_by_kind(self, deadline: int) -> dict[int, int]:
        """Return the operations of a window as a mask for each kind."""
        of_kind: dict[int, int] = {}
        window = self._windows[deadline]
        while window:
            bit = window & -window
            window ^= bit
            kind = self._kind_of[deadline + bit.bit_length() - 1]
            of_kind[kind] = of_kind.get(kind, 0) | bit
        return of_kind

    def _push_moves(self, position: _Position, configuration: _Configuration) -> bool:
        """Push the possible next steps, the likeliest last; return whether there are any."""
        deadline, mask, _, used, last_step = configuration
        pushed = False
        for twins, after in position.moves:
            unplaced = twins & ~mask
            if unplaced:
                bit = unplaced & -unplaced  # The one that completes first.
                step = _Step(last_step, deadline, bit, -1)
                self._stack.append(_Configuration(deadline, mask | bit, after, used, step))
                pushed = True
        return pushed

    def _push_unsure_moves(self, position: _Position, configuration: _Configuration) -> None:
        deadline, mask, _, used, last_step = configuration
        for move in position.unsure_moves:
            if used & move.field >= move.limit or move.twins & ~mask:
                continue
            if move.users & ~mask or move.used_by_unsure:
                step = _Step(last_step, deadline, 0, move.kind)
                after = move.next_state
                self._stack.append(_Configuration(deadline, mask, after, used + move.unit, step))

    def _note_dead_end(self, configuration: _Configuration) -> None:
        """Note that no sure operation fits. At the furthest deadline this happens at least once:
        the largest mask there has no successor with a larger one."""
        if (
            configuration.deadline == self._furthest.deadline
            and len(self._dead_ends) < DEAD_ENDS_MAX
        ):
            self._dead_ends.setdefault(configuration.state, configuration)

    def _is_untold(self, state: int, deadline: int) -> bool:
        """Return whether no operation from the deadline on can tell the state from others."""
        last_told = self._last_told.get(state)
        if last_told is None:
            last_told = self._last_told[state] = self._horizon(self._kinds.states[state])
        return last_told < deadline

    def _open_position(self, deadline: int, state: int) -> _Position:
        reads = 0
        moves: list[_Move] = []
        of_kind = self._window_by_kind(deadline)
        for kind, bits in of_kind.items():
            after = self._kinds.next_state(kind, state)
            if after == NO_STATE:
                continue
            if self._kinds.reads_only[kind]:
                reads |= bits
                continue
            moves.append(_Move(bits, after))
        moves.reverse()
        moves.sort(key=lambda move: not self._is_untold(move.next_state, deadline))
        position = _Position(
            reads, tuple(moves), tuple(self._unsure_moves(deadline, state, of_kind))
        )
        self._positions[deadline][state] = position
        self._bytes += _POSITION_BYTES + _MOVE_BYTES * (len(moves) + len(position.unsure_moves))
        return position

    def _unsure_moves(
        self, deadline: int, state: int, of_kind: dict[int, int]
    ) -> Iterator[_UnsureMove]:
        users_of: dict[int, tuple[int, bool]] = {}
        for kind, count in self._unsure_limits[deadline]:
            after = self._kinds.next_state(kind, state)
            if after in (NO_STATE, state):
                continue
            if after not in users_of:
                users_of[after] = self._users(deadline, state, after, of_kind)
            shift = self._shifts[kind]
            yield _UnsureMove(
                kind=kind,
                unit=1 << shift,
                field=self._field_mask(kind) << shift,
                limit=count << shift,
                twins=of_kind.get(kind, 0),
                users=users_of[after][0],
                used_by_unsure=users_of[after][1],
                next_state=after,
            )

    def _users(
        self, deadline: int, state: int, after: int, of_kind: dict[int, int]
    ) -> tuple[int, bool]:
        """Return the candidates that behave differently in state ``after`` than in ``state``."""
        next_state = self._kinds.next_state
        users = 0
        for kind, bits in of_kind.items():
            if next_state(kind, after) not in (NO_STATE, next_state(kind, state)):
                users |= bits
        used_by_unsure = any(
            next_state(kind, after) not in (NO_STATE, after, next_state(kind, state))
            for kind, _ in self._unsure_limits[deadline]
        )
        return users, used_by_unsure

    def _field_mask(self, kind: int) -> int:
        """Return the mask of a kind's field of the counts, not shifted to its place."""
        return (1 << len(self._unsure_of_kind[kind]).bit_length()) - 1

    # --- Results -------------------------------------------------------------------------------

    @property
    def memory_bytes(self) -> int:
        """An estimate of the memory of the search: its cache, its stack and the steps there."""
        steps = self._furthest.deadline + len(self._stack)
        return self._bytes + self._kinds.bytes + steps * _STACK_BYTES

    @property
    def completed_count(self) -> int:
        """How many operations completed with a known outcome."""
        return len(self._sure)

    @property
    def furthest_deadline(self) -> int:
        """How many operations, in order of completion, were shown to be linearizable."""
        return self._furthest.deadline

    @property
    def deadline_operation(self) -> Operation:
        """The operation that the search did not get past."""
        return self._sure[self._furthest.deadline]

    @property
    def open_count(self) -> int:
        """How many operations could come next, by their times, where the search got furthest."""
        return len(self._candidates(self._furthest))

    def linearization(self) -> tuple[Operation, ...]:
        """Return an order that explains the history as far as the search got."""
        return self._order(self._furthest)

    def dead_ends(self) -> tuple[DeadEnd, ...]:
        """Return orders that end at the furthest deadline, one per final state, longest first."""
        ends = [
            DeadEnd(
                self._order(configuration),
                self._state_after(configuration),
                self._candidates(configuration),
            )
            for configuration in self._dead_ends.values()
        ]
        ends.sort(key=lambda end: -len(end.linearization))
        return tuple(ends)

    def _order(self, configuration: _Configuration) -> tuple[Operation, ...]:
        steps: list[_Step] = []
        step = configuration.last_step
        while step is not None:
            steps.append(step)
            step = step.before
        order: list[Operation] = []
        unsure = {kind: iter(unsure) for kind, unsure in self._unsure_of_kind.items()}
        for step in reversed(steps):
            if step.kind >= 0:
                order.append(next(unsure[step.kind]))
            order += self._operations_in(step.deadline, step.placed)
        return tuple(order)

    def _state_after(self, configuration: _Configuration) -> State:
        """Return the model's state: the search's own may lack differences that can't matter."""
        state = self._model.initial
        for operation in self._order(configuration):
            _, state = self._model.apply(state, operation)
        return state

    def _candidates(self, configuration: _Configuration) -> tuple[Operation, ...]:
        deadline, mask, _, used, _ = configuration
        if deadline == len(self._sure):
            return ()
        sure = self._operations_in(deadline, self._windows[deadline] & ~mask)
        unsure: list[Operation] = []
        for kind, count in self._unsure_limits[deadline]:
            operations = self._unsure_of_kind[kind]
            used_count = (used >> self._shifts[kind]) & self._field_mask(kind)
            unsure += operations[used_count:count]
        return (*sure, *sorted(unsure, key=lambda operation: operation.invoked))

    def _operations_in(self, deadline: int, mask: int) -> list[Operation]:
        operations: list[Operation] = []
        while mask:
            bit = mask & -mask
            mask ^= bit
            operations.append(self._sure[deadline + bit.bit_length() - 1])
        return operations
