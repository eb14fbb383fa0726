"""Stores that fail, and processes that die: nothing is lost, nothing is there twice, no run stays RUNNING."""

from __future__ import annotations

import queue
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples import card, measurements
from servers import free_port, tracking_server

from runner.tracking import sent, unsent
from runner.tracking.journal import Journal
from runner.tracking.process import this_process
from runner.tracking.recorder import Recorder
from runner.tracking.store import StoredRun, address
from runner.tracking.sync import sync

# SQLAlchemy and MLflow deprecate one another's ways, and MLflow warns of its own annotations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(300),
]

TRAINING = Path(__file__).with_name("training_process.py")
SECONDS = 120.0


def run_of(folder: Path) -> Any:
    """Returns MLflow's run of a run's folder."""
    import mlflow

    stored = StoredRun.load(folder)
    assert stored is not None
    return mlflow.MlflowClient(stored.uri).get_run(stored.run_id)


def rows(folder: Path, name: str) -> list[tuple[int, float]]:
    """Returns every value of a metric that MLflow holds, with its step."""
    import mlflow

    stored = StoredRun.load(folder)
    assert stored is not None
    found = mlflow.MlflowClient(stored.uri).get_metric_history(stored.run_id, name)
    return sorted((row.step, row.value) for row in found)


def written(epochs: int, name: str) -> list[tuple[int, float]]:
    return [(epoch, values[name]) for epoch, values in measurements(epochs)]


def begin(recorder: Recorder, folder: Path, uri: str) -> Journal:
    tracker = Journal(folder)
    tracker.start(replace(card(folder.parent), uri=uri))
    recorder.follow(folder)
    return tracker


def tell(tracker: Journal, first: int, last: int) -> None:
    for epoch, values in measurements(last)[first - 1 :]:
        tracker.metrics(epoch, values)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.drawn(2, of="faults")
def test_a_server_that_stops_and_comes_back_in_a_run_or_after_it(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri, first, second = f"http://127.0.0.1:{port}", tmp_path / "first", tmp_path / "second"
    with tracking_server(tmp_path, port):
        recorder = Recorder.start(uri, tmp_path)
        tracker = begin(recorder, first, uri)
        tell(tracker, 1, 100)
        while StoredRun.load(first) is None:
            time.sleep(0.05)
    tell(tracker, 101, 200)
    (first / "config.yaml").write_text("seed: 0\n")
    tracker.artifact(first / "config.yaml")
    with tracking_server(tmp_path, port):
        tell(tracker, 201, 300)
        tracker.steps(1, {"train/step_loss": [0.5, 0.25, 0.125]})
        tracker.end("FINISHED", None)
        assert recorder.finish(SECONDS).sentences == ()
        assert run_of(first).info.status == "FINISHED"
        for name in ("train/loss", "validation/accuracy"):
            assert rows(first, name) == written(300, name)
        assert rows(first, "train/step_loss") == [(1, 0.5), (2, 0.25), (3, 0.125)]
        assert (tmp_path / "files").exists()

        recorder = Recorder.start(uri, tmp_path)
        tracker = begin(recorder, second, uri)
        tell(tracker, 1, 50)
        while StoredRun.load(second) is None:
            time.sleep(0.05)
    tell(tracker, 51, 100)
    tracker.end("FINISHED", None)
    report = recorder.finish(SECONDS)
    assert report.trouble is not None
    assert report.trouble.startswith("The recorder could not reach MLflow's store and ")

    with tracking_server(tmp_path, port):
        found = sync(tmp_path, uri, SECONDS)
        assert (found.sent, found.unsent) == ((second,), ())
        assert run_of(second).info.status == "FINISHED"
        assert rows(second, "train/loss") == written(100, "train/loss")


def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import sql

    from runner.tracking.desk import Desk, Follower

    known = sql.text
    # MLflow waits 20 seconds for a lock.
    monkeypatch.setattr(sql, "text", lambda words: known(words.replace("20000", "100")))
    uri, folder = address(None, tmp_path), tmp_path / "run"
    tracker = Journal(folder)
    tracker.start(card(tmp_path))
    desk, follower = Desk(uri, this_process(), queue.Queue()), Follower(folder, own=True)
    follower.look(desk)
    tell(tracker, 1, 20)
    lock = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    follower.look(desk)
    assert (follower.failures, follower.complete, rows(folder, "train/loss")) == (1, False, [])
    tracker.end("FINISHED", None)
    lock.execute("ROLLBACK")
    lock.close()
    follower.look(desk)
    assert (follower.failures, follower.complete) == (0, True)
    assert rows(folder, "train/loss") == written(20, "train/loss")


@pytest.mark.drawn(2, of="faults")
def test_a_file_too_large_for_the_disk_is_sent_when_there_is_room(tmp_path: Path) -> None:
    uri, folder = address(None, tmp_path), tmp_path / "run"
    recorder = Recorder.start(uri, tmp_path)
    # No file of the recorder may grow beyond this: a disk full for artifacts, though not for the database.
    resource.prlimit(recorder._process.pid, resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
    tracker = begin(recorder, folder, uri)
    (folder / "large.bin").write_bytes(bytes(5_000_000))
    tracker.artifact(folder / "large.bin")
    tell(tracker, 1, 20)
    tracker.end("FINISHED", None)
    report = recorder.finish(SECONDS)
    assert report.runs[0].unsent == 1
    assert (run_of(folder).info.status, sent.load(folder).waiting) == ("FINISHED", ("large.bin",))
    assert "File too large" in (tmp_path / "recorder.log").read_text()

    assert sync(tmp_path, None, SECONDS).sent == (folder,)
    (copy,) = (tmp_path / "mlartifacts").rglob("large.bin")
    assert copy.stat().st_size == 5_000_000
    assert rows(folder, "train/loss") == written(20, "train/loss")


@pytest.mark.drawn(2, of="faults")
def test_a_run_that_was_killed_with_its_recorder_is_closed_by_the_next_command(tmp_path: Path) -> None:
    import mlflow

    uri, dead, folder = address(None, tmp_path), tmp_path / "dead", tmp_path / "next"
    process = subprocess.run([sys.executable, str(TRAINING), str(tmp_path), "dead", "ALONE"], check=False)
    assert process.returncode == -signal.SIGKILL
    assert run_of(dead).info.status == "RUNNING"
    assert unsent.noted(unsent.place(uri)) == [(dead, uri)]

    recorder = Recorder.start(uri, tmp_path)
    begin(recorder, folder, uri).end("FINISHED", None)
    assert recorder.finish(SECONDS).sentences == ()
    found = run_of(dead)
    assert (found.info.status, "gone" in found.data.tags["error"]) == ("KILLED", True)
    assert rows(dead, "train/loss") == written(300, "train/loss")
    assert unsent.noted(unsent.place(uri)) == []

    # One whose folder somebody removed has nothing more to tell.
    run_id = found.info.run_id
    mlflow.MlflowClient(uri).update_run(run_id, status="RUNNING")
    shutil.rmtree(dead)
    assert sync(tmp_path, None, SECONDS).sentences == ("MLflow has every run.",)
    assert mlflow.MlflowClient(uri).get_run(run_id).info.status == "KILLED"


@pytest.mark.drawn(2, of="faults")
def test_a_run_whose_recorder_lives_is_left_to_it(tmp_path: Path) -> None:
    uri, folder = address(None, tmp_path), tmp_path / "run"
    recorder = Recorder.start(uri, tmp_path)
    tracker = begin(recorder, folder, uri)
    tell(tracker, 1, 5)
    while StoredRun.load(folder) is None:
        time.sleep(0.05)
    assert sync(tmp_path, None, SECONDS).unsent == (folder,)
    assert run_of(folder).info.status == "RUNNING"
    tracker.end("FINISHED", None)
    assert recorder.finish(SECONDS).sentences == ()
    assert rows(folder, "train/loss") == written(5, "train/loss")
