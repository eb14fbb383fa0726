"""Sweeps of tiny trainings with full logging: the seconds of a job after the first, two workers, and a plain multirun.

python benchmarks/sweep.py [JOBS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

SCRIPT = Path(__file__).with_name("plain_sweep.py")
EPOCHS = "training.epochs=5"


def seeds(jobs: int) -> str:
    """Returns the override that makes so many jobs."""
    return "seed=" + ",".join(map(str, range(jobs)))


def timed(command: list[str], folder: Path) -> float:
    """Returns how long a command takes in a folder."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def rate(folder: Path) -> tuple[float, float, int]:
    """Returns the seconds between the ends of a sweep's runs, those of their training, and how many workers there were.

    The first run of each worker is left out: it brings its framework.
    """
    ends, trained, seen = [], [], set()
    for path in folder.glob("outputs/sweeps/*/*/[0-9]*/journal.jsonl"):
        events = [json.loads(line) for line in path.read_text().splitlines()]
        ends.append((events[-1]["time"], events[0]["card"]["process"]["pid"], path))
    first, counted = 0.0, 0
    for end, pid, path in sorted(ends):
        if pid not in seen:
            seen.add(pid)
            first = max(first, end)
        elif end > first:
            counted += 1
            result = json.loads((path.parent / "result.json").read_text())
            trained.append(sum(epoch["seconds"] for epoch in result["epochs"]))
    return (max(end for end, _, _ in ends) - first) / counted, sum(trained) / len(trained), len(seen)


def sent(folder: Path, start: float) -> float:
    """Returns the seconds until MLflow has everything, the figures too."""
    while list((folder / ".unsent").glob("*.json")):
        time.sleep(0.5)
    return time.perf_counter() - start


def main(jobs: int) -> None:
    """Prints seconds and ratios."""
    found = {}
    for workers in (1, 2):
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            timed(["-m", "runner", "-m", seeds(jobs), EPOCHS, f"sweep.workers={workers}"], Path(folder))
            everything = sent(Path(folder), start)
            found[workers], training, begun = rate(Path(folder))
        print(
            f"{begun} workers: {found[workers]:.2f} s a job, {training:.2f} s of them training;"
            f" {jobs} jobs with all figures in MLflow after {everything:.0f} s",
            flush=True,
        )
    print(f"two workers: {found[1] / found[2]:.2f} x the throughput of one")
    with TemporaryDirectory() as folder:
        one, all_of_them = (
            timed([str(SCRIPT), "-m", seeds(count), f"folder={folder}"], Path(folder)) for count in (1, jobs)
        )
    plain = (all_of_them - one) / (jobs - 1)
    ratios = f"one worker has {plain / found[1]:.1f} x its throughput, two {plain / found[2]:.1f} x"
    print(f"plain multirun: {plain:.2f} s a job; {ratios}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
