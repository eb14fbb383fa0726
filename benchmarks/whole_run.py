"""The whole default run as a process against a hand-written script that does the same, on a fresh and on an existing store.

python benchmarks/whole_run.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

SCRIPT = Path(__file__).with_name("hand_written.py")


def seconds(command: list[str], folder: Path) -> float:
    """Returns how long a command takes in a folder."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Prints the median ratio for each kind of store."""
    ratios: dict[str, list[float]] = {"fresh store": [], "existing store": []}
    for _ in range(rounds):
        with TemporaryDirectory() as ours, TemporaryDirectory() as theirs:
            for kind in ratios:
                mine = seconds([sys.executable, "-m", "runner"], Path(ours))
                reference = seconds([sys.executable, str(SCRIPT), theirs], Path(theirs))
                ratios[kind].append(mine / reference)
                print(f"{kind}: {mine:.2f} s against {reference:.2f} s", flush=True)
    for kind, found in ratios.items():
        print(f"{kind}: {statistics.median(found):.2f} x the script  ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
