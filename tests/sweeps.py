"""What the tests of sweeps share: a command in a folder of its own, and what journals and MLflow tell afterwards."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from runner.tracking import journal, sent
from runner.tracking.store import StoredRun

ROOT = Path(__file__).parents[1]
TINY = ["data=iris", "architecture.hidden_sizes=[4]", "plots=none", "training.epochs=2"]
# A data set that behaves as it is told when it is read.
MODULE = """
import os, signal, time
from dataclasses import replace
from runner.data.shipped import iris


class Odd(Exception):
    pass


def behaves(*, how: str, seed: int):
    source = iris()

    def read():
        match how:
            case "raise":
                raise ValueError("no rows today")
            case "odd":
                raise Odd(lambda: "no pickle can hold this")
            case "leave":
                raise SystemExit(3)
            case "memory":
                raise MemoryError("no room for the rows")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(3)
            case "hang":
                time.sleep(3600)
        return source.read()

    return replace(source, read=read)
"""


def environment() -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Starts the program in a folder, in a session of its own so that all of it can be killed at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Carries a command out; nothing it says is a traceback."""
    process = start(folder, *words)
    said, errors = process.communicate(timeout=280)
    assert "Traceback" not in said + errors, errors
    return subprocess.CompletedProcess(words, process.returncode, said, errors)


def with_behaviour(folder: Path) -> None:
    """Puts the data set that behaves as it is told into a working folder."""
    (folder / "behaviour.py").write_text(MODULE, encoding="utf-8")
    (folder / "conf" / "data").mkdir(parents=True)
    text = "# Iris, which does something else when it is read.\\n_target_: behaviour.behaves\\nhow: well\\n"
    (folder / "conf" / "data" / "told.yaml").write_text(text.replace("\\n", "\n"), encoding="utf-8")


def journals(sweep: Path) -> dict[str, Path]:
    """Returns the folders of a sweep's runs that have begun, by their names."""
    found = {}
    for path in sorted(sweep.glob("*/journal.jsonl")):
        card = journal.beginning(path.parent)
        if card is not None and "role" not in card.tags:
            found[path.parent.name] = path.parent
    return found


def stored(folder: Path) -> list[tuple[str, str]]:
    """Returns the name and status of every run in MLflow but the summaries."""
    query = (
        "select name, status from runs where run_uuid not in"
        " (select run_uuid from tags where key = 'role') order by start_time"
    )
    with sqlite3.connect(folder / "mlflow.db") as store:
        return [(str(name), str(status)) for name, status in store.execute(query)]


def summaries(folder: Path) -> list[tuple[str, str]]:
    """Returns the name and status of every summary in MLflow."""
    query = (
        "select name, status from runs join tags using (run_uuid) where key = 'role' and value = 'summary'"
    )
    with sqlite3.connect(folder / "mlflow.db") as store:
        return [(str(name), str(status)) for name, status in store.execute(query)]


def tags(folder: Path, name: str) -> Mapping[str, str]:
    """Returns the tags of the only run in MLflow of a name."""
    with sqlite3.connect(folder / "mlflow.db") as store:
        ((number,),) = store.execute("select run_uuid from runs where name = ?", [name]).fetchall()
        rows = store.execute("select key, value from tags where run_uuid = ?", [number]).fetchall()
    return dict(rows)


def rows(folder: Path, run: Path, metric: str) -> list[tuple[int, float]]:
    """Returns the steps and values of a metric of a run in MLflow, by its folder."""
    known = StoredRun.load(run)
    assert known is not None
    query = "select step, value from metrics where run_uuid = ? and key = ? order by step, timestamp"
    with sqlite3.connect(folder / "mlflow.db") as store:
        return [(int(step), float(value)) for step, value in store.execute(query, (known.run_id, metric))]


def finished(sweep: Path) -> Counter[str]:
    """Returns how many runs of each configuration came to their end, by the digest of its meaning."""
    found: Counter[str] = Counter()
    for folder in journals(sweep).values():
        end, card = journal.ending(folder), journal.beginning(folder)
        if end and card and end["status"] == "FINISHED":
            found[card.tags["config_sha256"]] += 1
    return found


def all_sent(sweep: Path) -> bool:
    return all(sent.load(folder).complete for folder in journals(sweep).values())


def kill_everything(process: subprocess.Popen[str]) -> None:
    """Kills a sweep without a warning: the process that was started, its workers and its recorder."""
    import psutil

    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for each in reversed(family):
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.communicate()


def killed_again_and_again(
    folder: Path, kills: int, generator: random.Random, *words: str
) -> tuple[Path, Counter[str], int]:
    """Begins a sweep, kills it at random moments, each time after it has got further, and resumes it to its end.

    Returns:
        Its folder, the finished runs of each configuration, and how many kills met it while it was under way.
    """
    sweep, met = folder / "sweeps" / "killed", 0
    command = ["-m", *words, "hydra.sweep.dir=sweeps/killed"]
    for _ in range(kills):
        begun, before = len(journals(sweep)), finished(sweep)
        process = start(folder, *command)
        stage = generator.choice(["opening", "begun", "finished"])
        while process.poll() is None and (
            (stage == "opening" and not (sweep / "sweep.json").exists())
            or (stage == "begun" and len(journals(sweep)) <= begun)
            or (stage == "finished" and finished(sweep).total() <= before.total())
        ):
            time.sleep(0.02)
        time.sleep(generator.uniform(0, 1))
        met += process.poll() is None
        kill_everything(process)
        assert not before - finished(sweep), "what was finished stays so"
        if (sweep / "sweep.json").exists():
            command = ["resume", "sweeps/killed"]
    done = run(folder, *command)
    assert done.returncode == 0, done.stderr
    return sweep, finished(sweep), met
