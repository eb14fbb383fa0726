"""What a worker of a sweep weighs after many jobs: its memory after the 20th and after the last, on each framework.

python benchmarks/sweep_memory.py [JOBS]
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from runner import compose, workers
from runner.runs import RunRequest
from runner.sweep.worker import work

AFTER = 20
RUN = ["data=digits", "training.epochs=5", "tracking=none"]


def requests(backend: str, jobs: int, folder: Path) -> list[RunRequest]:
    """Returns tiny trainings that differ in their seed, each with what its figures are drawn from."""
    made = []
    with compose.session():
        for seed in range(jobs):
            overrides = [*RUN, f"backend={backend}", f"seed={seed}"]
            config = compose.compose(overrides)
            experiment = compose.read(config)
            made.append(
                compose.run_request(config, experiment, overrides=overrides, folder=folder / str(seed))
            )
    return made


def memory(request: RunRequest) -> int:
    """Carries a run out and returns what the process then weighs, in bytes."""
    request.folder.mkdir()
    report = work(request)
    assert report.outcome.status == "FINISHED", report.outcome.message
    return int(psutil.Process(os.getpid()).memory_info().rss)


def main(jobs: int) -> None:
    """Prints the memory and its growth."""
    for backend in ("torch", "keras"):
        with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            pool = stack.enter_context(workers.pool())
            made = requests(backend, jobs, Path(folder))
            found = [pool.schedule(memory, args=(each,)).result() for each in made]
        shown = ", ".join(
            f"{found[count - 1] >> 20} MB after {count}" for count in (1, AFTER, jobs // 2, jobs)
        )
        print(f"{backend}: {shown}; {found[-1] / found[AFTER - 1] - 1:+.1%} since the {AFTER}th", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
