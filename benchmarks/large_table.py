"""A table of 10 million rows and 50 columns in Parquet: memory of the process that trains, and the cost of its rows.

    python benchmarks/large_table.py [--rows ROWS] [--backend torch|keras] [--steps-only] [--keep FOLDER]

Memory is that of the process alone: pages of files that are mapped, which the system takes back when it needs them, do not
count. Steps are epochs over a million rows in batches of 1024, timed in turn in one process: rows in memory, rows mapped
from a file and read when they are needed or ahead, and the same rows handed out again and again, which costs no reading.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from common import Case, NullObserver
from common import job as job_of
from numpy.typing import NDArray

from runner.backend import Job
from runner.data import OnDemand, Rows, Selected
from runner.plan import Plan, steps_in_epoch

BACKENDS = ("torch", "keras")
COLUMNS, BATCH, CHUNK = 50, 1024, 16
MEASURED_ROWS = 1_000_000
GROUP = 100_000
ROUNDS = 5
MOST_MEGABYTES, MOST_RATIO, MOST_SHARE = 1500, 1.3, 0.15


def main() -> None:
    """Prints the memory of whole runs, and then what rows cost."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=10_000_000)
    asked.add_argument("--backend", choices=BACKENDS)
    asked.add_argument("--steps-only", action="store_true")
    asked.add_argument("--keep", type=Path, help="a folder whose file and cache are used again")
    asked.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    chosen = asked.parse_args()
    if chosen.measure is not None:
        measure_steps(chosen.backend, chosen.measure)
        return
    backends = [chosen.backend] if chosen.backend else BACKENDS
    with TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not chosen.steps_only:
            path = table(folder, chosen.rows)
            for backend in backends:
                for what in ("the rows are prepared", "they are prepared already"):
                    measure_run(folder, path, backend, what)
        for backend in backends:
            for cpus in (1, 2):
                command = [sys.executable, __file__, "--backend", backend, "--measure", str(folder)]
                only = (lambda count: lambda: os.sched_setaffinity(0, range(count)))(cpus)
                print(f"{backend} on {cpus} CPU{'s' if cpus > 1 else ''}:", flush=True)
                subprocess.run(command, check=True, preexec_fn=only)


def table(folder: Path, rows: int) -> Path:
    """Returns a Parquet file of float32 and a class that follows from them, written by row groups unless it is there."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = folder / f"rows_{rows}.parquet"
    if path.exists():
        return path
    names = [f"x{number}" for number in range(COLUMNS)]
    fields = [arrow.field(name, arrow.float32()) for name in names]
    schema = arrow.schema([*fields, arrow.field("y", arrow.int8())])
    direction = np.random.default_rng(1).normal(size=COLUMNS).astype(np.float32)
    with parquet.ParquetWriter(path, schema) as writer:
        for group, first in enumerate(range(0, rows, GROUP)):
            drawn = np.random.default_rng([2, group])
            values = drawn.standard_normal((min(GROUP, rows - first), COLUMNS), np.float32)
            noise = 3 * drawn.standard_normal(len(values), np.float32)
            target = (values @ direction + noise > 0).astype(np.int8)
            writer.write_table(arrow.table([*np.ascontiguousarray(values.T), target], schema=schema))
    return path


def measure_run(folder: Path, path: Path, backend: str, what: str) -> None:
    """Trains one epoch as a person would and prints the peak of the memory that belongs to the process alone."""
    chosen = [f"backend={backend}", "data=table", f"data.path={path}", "data.target=y", "plots=none"]
    short = ["training.epochs=1", f"training.batch_size={BATCH}", "tracking=none"]
    command = [sys.executable, "-m", "runner", *chosen, *short]
    began = time.monotonic()
    run = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "XDG_CACHE_HOME": str(folder)}, stdout=subprocess.DEVNULL
    )
    peak = 0.0
    while run.poll() is None:
        peak = max(peak, anonymous_megabytes(run.pid))
        time.sleep(0.01)
    assert run.returncode == 0, f"{command} ended with {run.returncode}"
    seconds = time.monotonic() - began
    print(
        f"{backend}, {what}: {peak:,.0f} MB at most (bound {MOST_MEGABYTES:,}), {seconds:.0f} seconds",
        flush=True,
    )


def anonymous_megabytes(process: int) -> float:
    """Returns the memory of a process that no file stands behind; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("RssAnon:")), 0.0)


class Same(OnDemand):
    """As many rows as there are, of which the same ones are handed out again and again: what reading costs is missing."""

    def __init__(self, block: NDArray[Any], rows: int) -> None:
        super().__init__((rows, COLUMNS), block.dtype)
        self._block = block

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Returns as many rows as are asked for."""
        return self._block[: len(numbers)]

    def part(self, numbers: NDArray[np.int64]) -> Same:
        """Returns as many rows as are asked for."""
        return Same(self._block, len(numbers))


def measure_steps(backend: str, folder: Path) -> None:
    """Prints what epochs cost in ratio to one over rows in memory."""
    path = folder / "mapped.npy"
    if not path.exists():
        values = np.random.default_rng(0).standard_normal((MEASURED_ROWS, COLUMNS), np.float32)
        np.save(path, values)
    mapped = np.load(path, mmap_mode="r")
    every = np.arange(MEASURED_ROWS)
    ways: dict[str, tuple[Any, int]] = {
        "in memory": (np.array(mapped), 0),
        "mapped": (Selected(mapped, every), 0),
        "mapped, read ahead": (Selected(mapped, every), 2),
        "mapped, the same rows again": (Same(np.array(mapped[: CHUNK * BATCH]), MEASURED_ROWS), 0),
    }
    epochs = {name: epoch(backend, *way) for name, way in ways.items()}
    for run in epochs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(ROUNDS):
        for name, run in epochs.items():
            times[name].append(run())
    for name in ("mapped", "mapped, read ahead"):
        ratio = _median(times[name], times["in memory"])
        share = 1 - _median(times["mapped, the same rows again"], times[name])
        print(
            f"  {name}: {ratio:.2f} x in memory (at most {MOST_RATIO}),"
            f" rows are {share:.0%} of a step (at most {MOST_SHARE:.0%})"
        )
    print(
        f"  read ahead: {_median(times['mapped, read ahead'], times['mapped']):.2f} x not ahead", flush=True
    )


def epoch(backend: str, inputs: Any, chunks: int) -> Callable[[], float]:
    """Returns a function that trains an epoch and gives its seconds."""
    engine = importlib.import_module(f"runner.backends.{backend}.training")
    targets = np.random.default_rng(1).integers(0, 10, MEASURED_ROWS)

    def run() -> float:
        task = job(backend, Rows(inputs, targets), chunks)
        model = engine.build(job=task)
        start = time.perf_counter()
        engine.fit(model=model, job=task, observer=NullObserver())
        return time.perf_counter() - start

    return run


def job(backend: str, rows: Rows, chunks: int) -> Job:
    """Returns an epoch over rows by the small network of the other benchmarks."""
    case = Case("large", COLUMNS, BATCH, 2 * BATCH, 1)
    base = job_of(
        case, backend, f"training.prefetch.chunks={chunks}", f"training.steps_per_execution={CHUNK}"
    )
    steps = steps_in_epoch(MEASURED_ROWS, BATCH, None)
    plan = Plan(0, MEASURED_ROWS, BATCH, 1, steps, np.full(steps, 1e-3))
    return replace(base, splits=replace(base.splits, train=rows), plan=plan)


def _median(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
