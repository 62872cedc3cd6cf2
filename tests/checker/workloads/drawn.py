"""Small histories of sets, counters and logs, drawn by a seed, with lies among the answers."""

from collections.abc import Callable
from random import Random
from typing import Any

from vsr_node.checker import Event

Perform = Callable[[Any, str, Any], Any]
"""Changes an object as an operation does, and returns what is answered."""


class _Run:
    """Operations of several processes, each with its effect at a drawn moment."""

    def __init__(self, random: Random, perform: Perform, lie: Perform) -> None:
        self.events: list[Event] = []
        self._random = random
        self._perform, self._lie = perform, lie
        self._open: dict[int, list[Any]] = {}
        self._late: list[list[Any]] = []
        self._next_process = 3
        self._idle = [0, 1, 2]

    def begin(self, f: str, value: Any, is_final: bool = False) -> None:
        process = self._idle.pop(self._random.randrange(len(self._idle)))
        self._event(process, "invoke", f, value, is_final)
        self._open[process] = [f, value, is_final, False, None]

    def step(self, lies: float) -> None:
        """Let an operation take effect, or end one."""
        random = self._random
        waiting = [call for call in (*self._open.values(), *self._late) if not call[3]]
        if waiting and random.random() < 0.5:
            self._take_effect(random.choice(waiting))
        elif self._open:
            self._end(random.choice(list(self._open)), lies)

    def finish(self, lies: float) -> None:
        while self._open:
            self.step(lies)

    @property
    def has_idle(self) -> bool:
        return bool(self._idle)

    def _take_effect(self, call: list[Any]) -> None:
        call[3], call[4] = True, self._perform(self._random, call[0], call[1])

    def _end(self, process: int, lies: float) -> None:
        random = self._random
        call = self._open.pop(process)
        f, value, is_final, done, _ = call
        fate = random.random()
        if fate < 0.12 and not is_final:
            if fate < 0.09:
                self._event(process, "info", f, value, is_final)
            self._late.append(call)
            self._idle.append(self._next_process)
            self._next_process += 1
            return
        if fate > 0.93 and (not done or random.random() < lies * 3) and not is_final:
            self._event(process, "fail", f, value, is_final)
        else:
            if not done and random.random() > lies:
                self._take_effect(call)
            answer = call[4] if call[3] else self._lie(random, f, value)
            if random.random() < lies:
                answer = self._lie(random, f, value)
            self._event(process, "ok", f, answer, is_final)
        self._idle.append(process)

    def _event(self, process: int, kind: str, f: str, value: Any, is_final: bool) -> None:
        index = len(self.events)
        self.events.append(
            Event(index, index * 1_000_000, process, kind, f, value=value, is_final=is_final)
        )


def draw_set(seed: int, adding: str = "add") -> list[Event]:
    """Draw a history of a set of some seven operations, its final reads included."""
    random = Random(seed)
    state: list[int] = []

    def perform(_: Any, f: str, value: Any) -> Any:
        if f == "read":
            return list(state)
        if value not in state:
            state.append(value)
        return value

    def lie(random: Random, f: str, value: Any) -> Any:
        if f != "read":
            return value
        seen = [each for each in state if random.random() < 0.7]
        if random.random() < 0.15:
            seen.append(random.choice([*range(4), 9]))
        random.shuffle(seen)
        return seen

    return _draw(random, perform, lie, adding, lambda count: random.choice((count, count, 0)))


def draw_counter(seed: int) -> list[Event]:
    """Draw a history of a counter of some seven operations, its final reads included."""
    random = Random(seed)
    state = [0]

    def perform(_: Any, f: str, value: Any) -> Any:
        if f == "read":
            return state[0]
        state[0] += value
        return value

    def lie(random: Random, f: str, value: Any) -> Any:
        return state[0] + random.choice((-3, -1, 1, 2, 5)) if f == "read" else value

    return _draw(random, perform, lie, "add", lambda _: random.randrange(-2, 5))


def _draw(
    random: Random, perform: Perform, lie: Perform, adding: str, value: Callable[[int], int]
) -> list[Event]:
    lies = random.choice((0.0, 0.05, 0.2))
    run = _Run(random, perform, lie)
    left, adds = random.randrange(2, 7), 0
    while left:
        if run.has_idle and random.random() < 0.4:
            left -= 1
            if random.random() < 0.5:
                run.begin(adding, value(adds))
                adds += 1
            else:
                run.begin("read", None)
        else:
            run.step(lies)
    run.finish(lies)
    for _ in range(random.randrange(0, 3)):
        run.begin("read", None, is_final=True)
    run.finish(lies)
    return run.events


def draw_kafka(seed: int) -> list[Event]:
    """Draw a history of logs with two keys and three clients."""
    return _Kafka(Random(seed)).draw()


class _Kafka:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._lies = random.choice((0.0, 0.05, 0.25))
        self._events: list[Event] = []
        self._open: dict[int, tuple[str, str, Any]] = {}
        """What each process asked for, and how it will end: f, type and value."""
        self._processes = [0, 1, 2]
        self._places: dict[int, dict[str, int]] = {}
        self._logs: dict[str, list[int]] = {"a": [], "b": []}
        self._next = 0

    def draw(self) -> list[Event]:
        random = self._random
        for _ in range(random.randrange(3, 40)):
            place = random.randrange(3)
            process = self._processes[place]
            if process in self._open:
                self._end(process, place)
            else:
                self._begin(process)
        for place, process in enumerate(self._processes):
            if process in self._open and random.random() < 0.9:
                self._end(process, place)
        if random.random() < 0.8:
            self._poll_all(self._processes[0] + 100)
        return self._events

    def _poll_all(self, process: int) -> None:
        """Poll all that is there, as the end of a run does."""
        self._places[process] = {"a": 0, "b": 0}
        for _ in range(3):
            answer = {
                key: [[n, value] for n, value in enumerate(log)][self._places[process][key] :][:9]
                for key, log in self._logs.items()
            }
            answer = {key: pairs for key, pairs in answer.items() if pairs}
            self._event(process, "invoke", "poll", [["poll"]])
            self._event(process, "ok", "poll", [["poll", answer]])
            for key, pairs in answer.items():
                self._places[process][key] = pairs[-1][0] + 1

    def _begin(self, process: int) -> None:
        random = self._random
        choice = random.random()
        if choice < 0.4:
            self._send(process)
        elif choice < 0.5 or process not in self._places:
            keys = random.choice((["a"], ["b"], ["a", "b"]))
            places = self._places.get(process, {})
            self._places[process] = {key: places.get(key, 0) for key in keys}
            self._event(process, "invoke", "assign", keys)
            self._open[process] = ("assign", "ok", keys)
        elif choice < 0.53:
            self._event(process, "invoke", "crash", None)
            self._open[process] = ("crash", "info", None)
        else:
            self._poll(process)

    def _send(self, process: int) -> None:
        random = self._random
        key = random.choice("ab")
        value, self._next = self._next, self._next + 1
        log = self._logs[key]
        asked: list[Any] = [["send", key, value]]
        self._event(process, "invoke", "send", asked)
        outcome = random.choice(("ok", "ok", "ok", "ok", "ok", "info", "fail"))
        offset = len(log)
        if outcome == "ok" or random.random() < (0.5 if outcome == "info" else self._lies):
            if random.random() > self._lies / 2:
                log.append(value)
            if random.random() < self._lies / 2:
                log.append(value)
            if random.random() < self._lies / 2:
                random.shuffle(log)
        if random.random() < self._lies / 2:
            offset = random.randrange(len(log) + 1)
        done = [["send", key, [offset, value]]] if outcome == "ok" else asked
        self._open[process] = ("send", outcome, done)

    def _poll(self, process: int) -> None:
        random = self._random
        self._event(process, "invoke", "poll", [["poll"]])
        places = self._places[process]
        answer: dict[str, Any] = {}
        for key in places:
            if random.random() < self._lies:
                places[key] = random.randrange(len(self._logs[key]) + 1)
            pairs = [[n, value] for n, value in enumerate(self._logs[key])][places[key] :]
            pairs = pairs[: random.randrange(1, 4)]
            if random.random() < self._lies:
                pairs = self._lie(pairs)
            places[key] = max([places[key], *(offset + 1 for offset, _ in pairs)])
            if pairs or random.random() < 0.2:
                answer[key] = pairs
        outcome = random.choice(("ok",) * 12 + ("fail", "info"))
        done: list[Any] = [["poll", answer]] if outcome == "ok" else [["poll"]]
        self._open[process] = ("poll", outcome, done)

    def _lie(self, pairs: list[list[Any]]) -> list[list[Any]]:
        random = self._random
        choice = random.randrange(4)
        if choice == 0 and pairs:
            pairs.pop(random.randrange(len(pairs)))
        elif choice == 1:
            random.shuffle(pairs)
        elif choice == 2:
            pairs.append([len(pairs), random.randrange(self._next + 2)])
        elif pairs:
            pairs.insert(0, random.choice(pairs))
        return pairs

    def _end(self, process: int, place: int) -> None:
        f, outcome, value = self._open.pop(process)
        self._event(process, outcome, f, value)
        if outcome == "info":
            self._processes[place] = process + 3
            self._places.pop(process, None)

    def _event(self, process: int, kind: str, f: str, value: Any) -> None:
        index = len(self._events)
        self._events.append(Event(index, index * 1_000_000, process, kind, f, value=value))
