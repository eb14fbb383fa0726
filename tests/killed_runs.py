"""A run as a process that is killed at random moments, with its recorder or without, and gone on with until it ends."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from runner import weights
from runner.recorded import local
from runner.tracking import journal, unsent
from runner.tracking.journal import JOURNAL
from runner.weights import WEIGHTS

RUN = (
    "data=iris",
    "plots=none",
    "architecture.hidden_sizes=[8]",
    "architecture.dropout=0.2",
    "training.checkpoint.steps=5",
)
_LONGEST_SECONDS = 600.0
# Some forty epochs.
_MORE_BYTES = 20_000


@dataclass(frozen=True)
class Ending:
    """What came of a run: its folder, how often it was killed, and at which moments: epochs that it had told."""

    folder: Path
    kills: int
    epochs: tuple[int, ...]


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Starts a command in a folder; what it says is appended to a file there."""
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "runner", *words],
            cwd=folder,
            stdout=said,
            stderr=said,
            env=os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).parents[1]))},
        )


def killed(folder: Path, kills: int, draws: random.Random, *words: str, longest: float) -> Ending:
    """Trains in a folder, and kills it so many times.

    Args:
        folder: an empty one.
        kills: how often at most; it may end before.
        draws: decides the moments, and whether the recorder is killed too.
        words: the overrides.
        longest: seconds within which a kill comes that may come before anything is told.
    """
    process = start(folder, *words)
    run = _begun(folder, process)
    done, epochs = 0, []
    while done < kills and _is_at_its_moment(process, run, draws, longest):
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if draws.random() < 0.5:
            _kill_recorder(run)
        done += 1
        epochs.append(_epochs_told(run))
        if journal.ending(run) is not None:
            # It had ended, and was waiting for its recorder.
            process = start(folder, "sync")
            break
        process = start(folder, "resume", str(run))
    assert process.wait(_LONGEST_SECONDS) == 0, (folder / "said.txt").read_text()
    return Ending(run, done, tuple(epochs))


def _begun(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    while process.poll() is None:
        known = local.cards(folder / "outputs")
        if known:
            return known[0][0]
        time.sleep(0.05)
    raise AssertionError((folder / "said.txt").read_text())


def _is_at_its_moment(
    process: subprocess.Popen[bytes], run: Path, draws: random.Random, longest: float
) -> bool:
    """Waits for a random moment; returns whether the process lives then.

    Of three moments one is counted from the start, most of which is the loading of a framework, the others by what is told.
    """
    if draws.random() < 1 / 3:
        return _lives_for(process, draws.uniform(0.0, longest))
    goal = _size(run) + draws.randrange(1, _MORE_BYTES)
    while process.poll() is None:
        if _size(run) >= goal:
            return _lives_for(process, draws.uniform(0.0, 0.2))
        time.sleep(0.01)
    return False


def _size(run: Path) -> int:
    return (run / JOURNAL).stat().st_size


def _lives_for(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _kill_recorder(run: Path) -> None:
    path = run / unsent.RECORDER
    if path.exists():
        pid = json.loads(path.read_text())["pid"]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It had told everything, and was gone.
            return


def _epochs_told(run: Path) -> int:
    return (run / JOURNAL).read_text().count('"event": "metrics"')


@dataclass(frozen=True)
class Stored:
    """A run as MLflow has it: its status, its error, and the steps and values of every metric."""

    status: str
    error: str | None
    rows: dict[str, list[tuple[int, float]]]


def stored(folder: Path) -> Stored:
    """Returns the only run of a folder's store, as its database has it."""
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
        ((number, status),) = database.execute("SELECT run_uuid, status FROM runs").fetchall()
        errors = database.execute(
            "SELECT value FROM tags WHERE run_uuid = ? AND key = 'error'", (number,)
        ).fetchall()
        rows: dict[str, list[tuple[int, float]]] = {}
        query = "SELECT key, step, value FROM metrics WHERE run_uuid = ? ORDER BY key, step"
        for key, step, value in database.execute(query, (number,)):
            rows.setdefault(key, []).append((step, value))
    return Stored(status, errors[0][0] if errors else None, rows)


def require_same(stopped: Path, ending: Ending, unbroken: Path, course: Ending) -> None:
    """Looks whether a run that was killed is in MLflow, and in its folder, what the unbroken one is."""
    found, expected = stored(stopped), stored(unbroken)
    assert (found.status, found.error) == ("FINISHED", None)
    for name, rows in expected.rows.items():
        doubled = [step for step, count in Counter(step for step, _ in found.rows[name]).items() if count > 1]
        assert not doubled, f"{name} has steps twice: {doubled}"
        assert found.rows[name] == rows, name
    assert found.rows.keys() == expected.rows.keys()
    ours, theirs = (weights.read(folder / WEIGHTS) for folder in (ending.folder, course.folder))
    assert {name: array.tobytes() for name, array in ours.items()} == {
        name: array.tobytes() for name, array in theirs.items()
    }
