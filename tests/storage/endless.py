"""Saves turn after turn and tells each on stdout, until it is killed.

python -m tests.storage.endless FOLDER FLUSH TURNS_DONE_ALREADY
"""

import sys
from itertools import islice
from pathlib import Path

from tests.storage.damage import life, opened
from vsr_node.storage.promise_file import Flush


def main(folder: Path, flush: Flush, done: int) -> None:
    storage = opened(folder, flush)
    storage.load()
    for turn, records in enumerate(islice(life(sys.maxsize), done, None), done + 1):
        storage.save(records)
        print(turn, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Flush(sys.argv[2]), int(sys.argv[3]))
