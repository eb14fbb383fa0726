"""How soon the command line answers: help, check and a mistake, against Python doing nothing and against importing torch.

python benchmarks/start.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "--help": ["-m", "runner", "--help"],
    "list optimizer": ["-m", "runner", "list", "optimizer"],
    "check": ["-m", "runner", "check"],
    "a mistake": ["-m", "runner", "optimizer.learning_rate=-1"],
}


def seconds(words: list[str], folder: str) -> float:
    """Returns how long a command takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Prints the median seconds of each command and their ratio to importing torch."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with TemporaryDirectory() as folder:
        for _ in range(rounds + 1):
            for name, words in COMMANDS.items():
                times[name].append(seconds(words, folder))
    # The first round fills the disk's cache.
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:16} {median:6.3f} s   {median / medians['import torch']:.2f} x import torch")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
