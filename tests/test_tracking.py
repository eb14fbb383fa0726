"""The journal, the state of its delivery, and the addresses; nothing here needs MLflow."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from examples import card, plots, result

from runner.experiment import Task
from runner.results import Program
from runner.tracking import DatasetCard, Tracker, journal, sent
from runner.tracking.journal import Journal
from runner.tracking.memory import Memory
from runner.tracking.process import Process, gone, this_process
from runner.tracking.result_files import load_result
from runner.tracking.sent import Sent
from runner.tracking.store import StoredRun, address, artifact_location, charts_page


def told(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_event_is_one_line_in_the_order_of_the_calls(tmp_path: Path) -> None:
    tracker = Journal(tmp_path)
    tracker.start(card(tmp_path))
    tracker.tags({"version.torch": "2.6.0"})
    tracker.metrics(1, {"train/loss": 0.5})
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    tracker.artifact(tmp_path / "config.yaml")
    tracker.end("FINISHED", None)
    events = told(tmp_path)
    assert [event["event"] for event in events] == ["start", "tags", "metrics", "artifact", "end"]
    assert events[2]["step"] == 1
    assert events[2]["values"] == {"train/loss": 0.5}
    assert events[3]["path"] == "config.yaml"


def test_steps_are_one_line_with_a_column_for_each_metric(tmp_path: Path) -> None:
    losses = np.array([0.1, 0.2, 0.3])
    Journal(tmp_path).steps(17, {"train/step_loss": losses, "train/gradient_norm": [1, 2, math.inf]})
    (event,) = told(tmp_path)
    assert event["first_step"] == 17
    assert event["values"] == {
        "train/step_loss": [0.1, 0.2, 0.3],
        "train/gradient_norm": [1.0, 2.0, math.inf],
    }


def test_a_model_is_two_files_by_their_names_in_the_folder(tmp_path: Path) -> None:
    Journal(tmp_path).model(tmp_path / "network.json", tmp_path / "weights.safetensors", None)
    (event,) = told(tmp_path)
    assert (event["network"], event["weights"]) == ("network.json", "weights.safetensors")
    assert event["flavour"] == "numpy"
    assert journal.program(event, tmp_path) is None


def test_a_program_comes_back_as_it_was(tmp_path: Path) -> None:
    program = Program(tmp_path / "program", "pytorch", {"torch": "2.13.0+cpu"})
    Journal(tmp_path).model(tmp_path / "network.json", tmp_path / "weights.safetensors", program)
    (event,) = told(tmp_path)
    assert event["flavour"] == "pytorch"
    assert journal.program(event, tmp_path) == program


def test_a_dataset_comes_back_as_it_was(tmp_path: Path) -> None:
    written = DatasetCard(
        name="iris", input_shape=(4,), classes=("a", "b"), rows={"train": 5, "test": 2}, sha256="0" * 64
    )
    Journal(tmp_path).dataset(written)
    ((event, _),) = journal.read(tmp_path, 0)
    assert journal.dataset_card(event) == written


def test_an_event_is_in_the_file_before_the_call_returns(tmp_path: Path) -> None:
    tracker = Journal(tmp_path)
    tracker.metrics(7, {"train/loss": math.inf})
    ((event, behind),) = journal.read(tmp_path, 0)
    assert event["values"]["train/loss"] == math.inf
    assert behind == (tmp_path / "journal.jsonl").stat().st_size


def test_the_error_text_is_kept_as_a_file_too(tmp_path: Path) -> None:
    Journal(tmp_path).end("FAILED", "diverged at step 3")
    assert (tmp_path / "error.txt").read_text() == "diverged at step 3\n"
    assert [event["event"] for event in told(tmp_path)] == ["artifact", "end"]


def test_a_reader_goes_on_where_it_stopped_and_leaves_half_a_line(tmp_path: Path) -> None:
    tracker = Journal(tmp_path)
    tracker.metrics(1, {"a": 1.0})
    ((_, behind),) = journal.read(tmp_path, 0)
    tracker.metrics(2, {"a": 2.0})
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"event": "met')
    assert [event["step"] for event, _ in journal.read(tmp_path, behind)] == [2]


def test_a_broken_line_is_told_and_skipped(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b'{"event": "met{"event": "end"}\n{"event": "end"}\n')
    assert [event["event"] for event, _ in journal.read(tmp_path, 0)] == ["unreadable", "end"]


def test_a_card_comes_back_as_it_was(tmp_path: Path) -> None:
    written = card(tmp_path, figures=plots(), parameters={"seed": 1, "name": None, "standardise": True})
    Journal(tmp_path).start(written)
    ((event, _),) = journal.read(tmp_path, 0)
    assert journal.card(event) == written


@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_a_result_comes_back_as_it_was_without_a_pickle(tmp_path: Path, task: Task) -> None:
    written = result(task)
    journal.save_result(written, tmp_path)
    found = load_result(tmp_path)
    assert replace(found, predictions={}) == replace(written, predictions={})
    assert list(found.predictions) == ["test"]
    np.testing.assert_array_equal(found.predictions["test"].targets, written.predictions["test"].targets)
    np.testing.assert_array_equal(found.predictions["test"].outputs, written.predictions["test"].outputs)


def test_both_trackers_answer_to_the_protocol(tmp_path: Path) -> None:
    trackers: list[Tracker] = [Journal(tmp_path), Memory()]
    for tracker in trackers:
        tracker.metrics(3, {"train/loss": 0.25})
        tracker.steps(1, {"train/step_loss": [0.5, 0.25]})
        tracker.end("FINISHED", None)
    assert told(tmp_path)[0]["values"] == {"train/loss": 0.25}
    assert trackers[1].all_metrics == [(3, {"train/loss": 0.25})]  # type: ignore[attr-defined]
    assert trackers[1].all_steps == [(1, {"train/step_loss": [0.5, 0.25]})]  # type: ignore[attr-defined]


def test_what_is_unsent_is_counted_from_the_journal(tmp_path: Path) -> None:
    tracker = Journal(tmp_path)
    for step in (1, 2, 3):
        tracker.metrics(step, {"a": 1.0})
    (_, behind), *_ = journal.read(tmp_path, 0)
    assert sent.unsent(tmp_path) == 3
    lists = {"waiting": ("config.yaml",), "problems": ("one",), "images": ("curves",)}
    state = Sent(offset=behind, status="FINISHED", **lists)
    state.save(tmp_path)
    assert sent.load(tmp_path) == state
    assert sent.unsent(tmp_path) == 3
    assert not state.complete


def test_the_address_is_absolute_and_what_is_said_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    base = tmp_path.resolve().as_posix()
    assert address(None, tmp_path) == f"sqlite:///{base}/mlflow.db"
    assert address("sqlite:///other/runs.db", tmp_path) == f"sqlite:///{base}/other/runs.db"
    assert address("sqlite:////data/runs.db", tmp_path) == "sqlite:////data/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000/")
    assert address(None, tmp_path) == "http://tracking:5000"
    assert address("sqlite:///runs.db", tmp_path) == f"sqlite:///{base}/runs.db"


def test_files_lie_beside_a_database_and_are_a_servers_own_business() -> None:
    assert artifact_location("sqlite:////data/mlflow.db") == "/data/mlartifacts"
    assert artifact_location("http://tracking:5000") is None


def test_the_charts_open_in_the_mode_for_model_training_with_the_sweeps_filter() -> None:
    root = "http://127.0.0.1:5000/#/experiments/3/runs?workflowType=machine_learning&compareRunsMode=CHART"
    server = "http://127.0.0.1:5000"
    assert charts_page(server, "3", None, viewed=False) == root
    filtered = f"{root}&searchFilter=tags.sweep%3D%22a1%22"
    assert charts_page(server, "3", "a1", viewed=False) == filtered


def test_a_view_is_asked_for_without_a_filter_since_mlflow_takes_only_one_of_them() -> None:
    root = "http://127.0.0.1:5000/#/experiments/3/runs?workflowType=machine_learning&compareRunsMode=CHART"
    server = "http://127.0.0.1:5000"
    assert charts_page(server, "3", None, viewed=True) == f"{root}&viewStateShareKey=all"
    assert charts_page(server, "3", "a1", viewed=True) == f"{root}&viewStateShareKey=a1"


def test_a_stored_run_says_where_its_page_is(tmp_path: Path) -> None:
    assert StoredRun.load(tmp_path) is None
    stored = StoredRun("r", "3", "https://tracking")
    stored.save(tmp_path)
    assert StoredRun.load(tmp_path) == stored
    content = json.loads((tmp_path / "mlflow.json").read_text())
    assert content["address"] == "https://tracking/#/experiments/3/runs/r?workflowType=machine_learning"
    assert (
        StoredRun("r", "3", "sqlite:////x/mlflow.db").page
        == "http://127.0.0.1:5000/#/experiments/3/runs/r?workflowType=machine_learning"
    )


def test_a_process_is_gone_when_it_ended_or_its_number_has_a_new_owner() -> None:
    here = this_process()
    assert here.pid == os.getpid()
    assert not gone(here)
    assert gone(replace(here, started=here.started - 100))
    assert not gone(Process("another-machine", 1, 0.0))


def test_a_killed_process_that_nobody_waited_for_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        import psutil

        process = Process(socket.gethostname(), child.pid, psutil.Process(child.pid).create_time())
        assert not gone(process)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert gone(process)
    assert gone(process)
