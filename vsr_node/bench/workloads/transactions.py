"""Transactions as Elle draws them: keys that are in use for a while, the newest ones most often."""

from itertools import accumulate
from random import Random

from vsr_node.bench.workloads.workload import Parameters


class Drawing:
    """Draws operations of transactions. A key is written 1, 2, 3, ... until another replaces it."""

    def __init__(self, random: Random, parameters: Parameters) -> None:
        self._random = random
        self._keys = list(range(parameters.key_count))
        self._weights = list(accumulate(2**place for place in range(parameters.key_count)))
        self._writes_max = parameters.max_writes_per_key
        self._next: dict[int, int] = {}

    def operation(self) -> tuple[int, int | None]:
        """Return a key, and the element to write; None for a read. Half of them are reads."""
        while True:
            (place,) = self._random.choices(range(len(self._keys)), cum_weights=self._weights)
            key = self._keys[place]
            if self._random.random() < 0.5:
                return key, None
            element = self._next.get(key, 1)
            if element <= self._writes_max:
                self._next[key] = element + 1
                return key, element
            self._keys[place] = max(self._keys) + 1
