"""A run that is killed again and again at random moments, with its recorder or without: is it the one that never was?

python benchmarks/run_kills.py [KILLS] [SEED] [BACKEND]
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import killed_runs

# Kills of one run; after them it is left alone until it ends, and another one begins.
AT_ONCE = 5
EPOCHS = 200
LONGEST_SECONDS = 12.0


def main(kills: int, seed: int, backend: str) -> None:
    """Prints what came of each run; ends with an error where one is not what it would have been."""
    draws = random.Random(seed)
    words = (*killed_runs.RUN, f"training.epochs={EPOCHS}", f"backend={backend}")
    with TemporaryDirectory() as temporary:
        unbroken = Path(temporary) / "unbroken"
        unbroken.mkdir()
        course = killed_runs.killed(unbroken, 0, draws, *words, longest=LONGEST_SECONDS)
        done = number = 0
        while done < kills:
            number += 1
            folder = Path(temporary) / str(number)
            folder.mkdir()
            most = min(AT_ONCE, kills - done)
            ending = killed_runs.killed(folder, most, draws, *words, longest=LONGEST_SECONDS)
            killed_runs.require_same(folder, ending, unbroken, course)
            done += ending.kills
            where = ", ".join(map(str, ending.epochs))
            print(
                f"run {number}: killed {ending.kills} times, with {where} epochs told; FINISHED, every row once",
                flush=True,
            )
        print(f"{done} kills, {number} runs: each is the run that was never stopped, to the last bit")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 50, int(given[1]) if given[1:] else 0, (given[2:] or ["torch"])[0])
