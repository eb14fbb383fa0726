"""What a checkpoint after every epoch costs a training of MNIST: 784-128-64-10, batches of 128, with and without in turn.

    RUNNER_MNIST=FOLDER python benchmarks/checkpoints.py [BACKEND] [ROUNDS] [EPOCHS]

Each round trains with and twice without, and gives the ratio of their seconds from the second epoch on: an epoch's seconds
have the checkpoint of the one before in them. A training without against one without says how much of it is the machine.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import trained

OFF, ON = "training.checkpoint.epochs=null", "training.checkpoint.epochs=1"


def seconds(backend: str, epochs: int, rule: str) -> float:
    """Returns the seconds of all epochs but the first."""
    root = os.environ.get("RUNNER_MNIST")
    with TemporaryDirectory() as folder:
        result, _ = trained(
            f"backend={backend}",
            "data=mnist",
            *([f"data.root={root}"] if root else []),
            "plots=none",
            "tracking=none",
            "architecture.hidden_sizes=[128,64]",
            "training.batch_size=128",
            f"training.epochs={epochs}",
            rule,
            folder=Path(folder),
        )
    return sum(record.seconds for record in result.epochs[1:])


def main(backend: str, rounds: int, epochs: int) -> None:
    """Prints the median of the ratios, with the lowest and the highest."""
    seconds(backend, 2, ON)
    ratios: dict[str, list[float]] = {"checkpoints against none": [], "none against none": []}
    for number in range(rounds):
        order = [OFF, ON, OFF] if number % 2 else [ON, OFF, OFF]
        times = [(rule, seconds(backend, epochs, rule)) for rule in order]
        (with_them,) = (time for rule, time in times if rule == ON)
        without = [time for rule, time in times if rule == OFF]
        ratios["checkpoints against none"].append(with_them / statistics.mean(without))
        ratios["none against none"].append(without[0] / without[1])
    for name, found in ratios.items():
        print(
            f"{backend}, {name}: {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        given[0] if given else "torch",
        int(given[1]) if given[1:] else 5,
        int(given[2]) if given[2:] else 10,
    )
