"""Tracking on against tracking off, on a run of 10,000 steps: the seconds of its epochs, as the journal has them.

python benchmarks/tracking.py [ROUNDS]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

RUN = ["data=blobs", "data.samples=9143", "training.epochs=50", "training.batch_size=32"]


def epoch_seconds(tracking: str) -> float:
    """Returns the seconds from the first to the last epoch's end of a run."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "runner", *RUN, f"tracking={tracking}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        (journal,) = Path(folder).glob("outputs/*/*/journal.jsonl")
        events = [json.loads(line) for line in journal.read_text().splitlines()]
    times = [event["time"] for event in events if event["event"] == "metrics"]
    return float(times[49] - times[0])


def main(rounds: int) -> None:
    """Prints the median ratio."""
    ratios = []
    for _ in range(rounds):
        on, off = epoch_seconds("mlflow"), epoch_seconds("none")
        ratios.append(on / off)
        print(f"{on:.2f} s with tracking, {off:.2f} s without", flush=True)
    print(f"{statistics.median(ratios):.3f} x without tracking  ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
