"""A sweep that is killed again and again, parent, workers and recorder, at random moments: is each run finished once?

python benchmarks/sweep_kills.py [KILLS] [SEED]
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import sweeps

SEEDS = 24


def main(kills: int, seed: int) -> None:
    """Prints what came of it; ends with an error where a configuration is finished twice or not at all."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        grid = "seed=" + ",".join(map(str, range(SEEDS)))
        sweep, finished, met = sweeps.killed_again_and_again(
            folder, kills, random.Random(seed), *sweeps.TINY, grid, "sweep.workers=2"
        )
        stored = Counter(sweeps.stored(folder))
        once = {name for (name, status), count in stored.items() if status == "FINISHED" and count == 1}
        statuses = Counter(status for _, status in stored.elements())
        print(
            f"{met} of {kills} kills met the sweep under way; {len(sweeps.journals(sweep))} runs were begun"
        )
        print(
            f"{len(finished)} of {SEEDS} configurations finished, at most {max(finished.values())} times each"
        )
        print(f"MLflow has {dict(statuses)}, {len(once)} configurations finished once")
        assert len(finished) == len(once) == SEEDS
        assert set(finished.values()) == {1}


if __name__ == "__main__":
    main(*(int(word) for word in [*sys.argv[1:], *("20", "0")[len(sys.argv) - 1 :]]))
