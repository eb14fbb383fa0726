"""A sweep that is killed again and again, parent, workers and recorder, at random moments: is each run finished once,
with every step of it told once?

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

from runner.tracking.journal import JOURNAL

SEEDS = 24
# Four steps each; most kills meet a run on its way.
EPOCHS = 60


def main(kills: int, seed: int) -> None:
    """Prints what came of it; ends with an error where a configuration is finished twice or not at all."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        grid = "seed=" + ",".join(map(str, range(SEEDS)))
        sweep, finished, met = sweeps.killed_again_and_again(
            folder,
            kills,
            random.Random(seed),
            *sweeps.TINY,
            f"training.epochs={EPOCHS}",
            "training.checkpoint.steps=4",
            grid,
            "sweep.workers=2",
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
        goers = [run for run in sweeps.journals(sweep).values() if b'"event": "resume"' in journal_of(run)]
        print(f"{len(goers)} runs went on from a checkpoint")
        for run in sweeps.journals(sweep).values():
            steps = [step for step, _ in sweeps.rows(folder, run, "train/step_loss")]
            assert steps == list(range(1, len(steps) + 1)), run
        assert len(finished) == len(once) == SEEDS
        assert set(finished.values()) == {1}


def journal_of(run: Path) -> bytes:
    """Returns the journal of a run as it lies there."""
    return (run / JOURNAL).read_bytes()


if __name__ == "__main__":
    main(*(int(word) for word in [*sys.argv[1:], *("20", "0")[len(sys.argv) - 1 :]]))
