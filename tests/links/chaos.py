"""Many runs of ``LinkGroup`` at random: cuts of all kinds, one after the other, and then none.

    python -m tests.links.chaos SECONDS [FIRST_SEED]

prints how many runs there were, and the first that was wrong.
"""

import sys
import time
from random import Random

from .group import KINDS, MILLISECOND, SECOND, LinkGroup, Weather

REST = 12


def run(seed: int) -> str | None:
    """Run one seed. Return what was wrong; None if nothing was."""
    random = Random(seed)
    weather = Weather(
        random.choice((0, 1, 5, 20, 100)) * MILLISECOND,
        random.choice(("constant", "uniform", "exponential")),
    )
    group = LinkGroup(random.choice((3, 4, 5, 7)), random, weather)
    group.run_for(2 * SECOND)
    if group.link_rows and weather.kind != "exponential":
        return f"{group.link_rows} rows though nothing was cut"
    for _ in range(random.randint(1, 3)):
        kind = random.choice(list(KINDS))
        group.cut_off(KINDS[kind](random, group.count))
        group.run_for(random.choice((3, 6)) * SECOND + group.bound)
        unheard = group.unheard(group.now - 6 * group.interval - 800 * MILLISECOND)
        if unheard:
            return f"{kind} of {group.count}, {weather}: {unheard}, {sorted(group.cut.directions)}"
    group.heal()
    group.run_for(6 * SECOND)
    unheard = group.unheard(group.now - 6 * group.interval - 800 * MILLISECOND)
    if unheard:
        return f"healed, {weather}: {unheard}"
    for _ in range(20 if weather.kind == "exponential" else 1):
        group.run_for(REST * max(SECOND, group.time_out))
        if not group.watching:
            return None
    return f"healed, {weather}: {group.watching} still watch"


def main() -> None:
    """Run seeds for so long."""
    end, first = time.process_time() + float(sys.argv[1]), int((*sys.argv, "0")[2])
    seed, wrong = first, []
    while time.process_time() < end:
        try:
            error = run(seed)
        except AssertionError as assertion:
            error = str(assertion)
        if error:
            wrong.append((seed, error))
        seed += 1
    print(f"{seed - first} runs, {len(wrong)} wrong {wrong[:3]}")


if __name__ == "__main__":
    main()
