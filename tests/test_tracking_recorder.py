"""The recorder against real stores: all arrives, once, with the right status, whatever befalls training."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples import card, measurements, plots, result

from runner.experiment import Component
from runner.tracking import journal, sent
from runner.tracking.journal import Journal
from runner.tracking.process import this_process
from runner.tracking.recorder import Recorder, RecorderReport
from runner.tracking.store import StoredRun, address

# SQLAlchemy and MLflow deprecate one another's ways, and MLflow warns of its own annotations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(300),
]

TRAINING = Path(__file__).with_name("training_process.py")
EPOCHS = 300


def runs(base: Path) -> dict[str, Any]:
    """Returns MLflow's runs by name; a name that occurs twice is an error."""
    import mlflow

    client = mlflow.MlflowClient(address(None, base))
    experiment = client.get_experiment_by_name("examples")
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    by_name = {run.info.run_name: run for run in found}
    assert len(by_name) == len(found)
    return by_name


def rows(base: Path, run_id: str, name: str) -> list[tuple[int, float]]:
    """Returns every value of a metric that MLflow holds, with its step."""
    import mlflow

    found = mlflow.MlflowClient(address(None, base)).get_metric_history(run_id, name)
    return sorted((row.step, row.value) for row in found)


def written(epochs: int, name: str) -> list[tuple[int, float]]:
    return [(epoch, values[name]) for epoch, values in measurements(epochs)]


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something holds; the recorder of a killed process has nobody who could wait for it."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("what was waited for did not happen within two minutes")


class TestProcessesOnAFreshFolder:
    """Eight trainings that end and one that is killed, all begun at once where there is no store yet."""

    @pytest.fixture(scope="class")
    def base(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        base = tmp_path_factory.mktemp("a fresh folder")
        # A run that another program has open must not be joined.
        environment = os.environ | {"MLFLOW_RUN_ID": "0" * 32}
        endings = ["FINISHED"] * 8 + ["KILLED"]
        processes = [
            subprocess.Popen(
                [sys.executable, str(TRAINING), str(base), f"run{number}", ending], env=environment
            )
            for number, ending in enumerate(endings)
        ]
        assert [process.wait() for process in processes] == [*[0] * 8, -signal.SIGKILL]
        wait_for(lambda: sent.load(base / "run8").complete)
        return base

    def test_every_run_has_its_status(self, base: Path) -> None:
        statuses = {name: run.info.status for name, run in runs(base).items()}
        assert statuses == {f"run{number}": "FINISHED" for number in range(8)} | {"run8": "KILLED"}

    @pytest.mark.parametrize("name", ["train/loss", "validation/accuracy"])
    def test_every_value_is_there_once(self, base: Path, name: str) -> None:
        found = runs(base)
        assert len(found) == 9
        for run in found.values():
            assert rows(base, run.info.run_id, name) == written(EPOCHS, name)

    def test_the_killed_run_ended_when_it_last_spoke(self, base: Path) -> None:
        run = runs(base)["run8"]
        *_, (last, _) = journal.read(base / "run8", 0)
        assert run.info.end_time == round(1000 * last["time"])
        assert "gone" in run.data.tags["error"]

    def test_nothing_was_said_of_trouble(self, base: Path) -> None:
        assert [log.read_text() for log in base.glob("*/recorder.log")] in ([], [""])


class TestOneRecorderForSeveralRuns:
    """One recorder follows a run with figures and one that failed."""

    @pytest.fixture(scope="class")
    def base(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("several")

    @pytest.fixture(scope="class")
    def report(self, base: Path) -> RecorderReport:
        recorder = Recorder.start(address(None, base), base)
        for folder, write in ((base / "good", self.write_good), (base / "bad", self.write_bad)):
            tracker = Journal(folder)
            recorder.follow(folder)
            write(base, tracker)
        return recorder.finish(120)

    @staticmethod
    def write_good(base: Path, tracker: Journal) -> None:
        broken = Component(target="examples.nothing", arguments={}, key="plots.broken")
        parameters = {"a[0]": "x" * 7000, "name": None, "deterministic": True}
        tracker.start(card(base, name="good", figures=plots(broken=broken), parameters=parameters))
        tracker.metrics(1, {"train/loss": math.inf, "loss (mean)": math.nan, "train/accuracy": 0.5})
        config = tracker.folder / "config.yaml"
        config.write_text("seed: 0\n")
        tracker.artifact(config)
        tracker.artifact(tracker.folder / "never_written.txt")
        tracker.tags({"version.torch": "2.6.0"})
        tracker.result(result("multiclass"))
        tracker.end("FINISHED", None)

    @staticmethod
    def write_bad(base: Path, tracker: Journal) -> None:
        tracker.start(card(base, name="bad"))
        tracker.end("FAILED", "diverged at step 3")

    def test_the_report_names_what_is_amiss(self, report: RecorderReport) -> None:
        assert [run.status for run in report.runs] == ["FINISHED", "FAILED"]
        assert [run.unsent for run in report.runs] == [0, 0]
        missing, figure = report.sentences
        assert missing == "never_written.txt was announced but is not there"
        assert figure.startswith("the figure broken could not be drawn: ")

    def test_parameters_and_tags_are_as_yaml_writes_them(self, base: Path, report: RecorderReport) -> None:
        data = runs(base)["good"].data
        assert data.params == {"a_0_": "x" * 6000, "name": "null", "deterministic": "true"}
        assert data.tags["version.torch"] == "2.6.0"
        assert data.tags["pid"] == str(os.getpid())

    def test_infinity_is_no_number_that_a_chart_would_show(self, base: Path, report: RecorderReport) -> None:
        run_id = runs(base)["good"].info.run_id
        for name in ("train/loss", "loss _mean_"):
            ((step, value),) = rows(base, run_id, name)
            assert step == 1
            assert math.isnan(value)

    def test_figures_are_files_and_images_among_the_charts(self, base: Path, report: RecorderReport) -> None:
        import mlflow

        client = mlflow.MlflowClient(address(None, base))
        run_id = runs(base)["good"].info.run_id
        names = {Path(item.path).name for item in client.list_artifacts(run_id, "figures")}
        drawn = {"learning_curves", "confusion_matrix", "roc", "precision_recall", "calibration"}
        assert names == {f"{name}.png" for name in drawn}
        images = {Path(item.path).name.partition("+")[0] for item in client.list_artifacts(run_id, "images")}
        assert images == drawn
        assert "config.yaml" in {item.path for item in client.list_artifacts(run_id)}

    def test_the_experiment_has_a_view_with_the_figures(self, base: Path, report: RecorderReport) -> None:
        import mlflow

        experiment = mlflow.MlflowClient(address(None, base)).get_experiment_by_name("examples")
        saved = json.loads(experiment.tags["mlflow.sharedViewState.all"])
        panel = next(
            each for each in json.loads(saved["state"])["compareRunCharts"] if each["type"] == "IMAGE"
        )
        assert set(panel["imageKeys"]) == {path.stem for path in (base / "good" / "figures").iterdir()}
        assert {run.folder.name: run.viewed for run in report.runs} == {"good": True, "bad": False}

    def test_a_failure_has_its_text_as_tag_and_file(self, base: Path, report: RecorderReport) -> None:
        import mlflow

        run = runs(base)["bad"]
        assert run.data.tags["error"] == "diverged at step 3"
        files = mlflow.MlflowClient(address(None, base)).list_artifacts(run.info.run_id)
        assert [item.path for item in files] == ["error.txt", "packages.txt"]

    def test_sending_all_of_it_again_changes_nothing(self, base: Path, report: RecorderReport) -> None:
        from runner.tracking.delivery import Delivery
        from runner.tracking.mlflow import Store

        (base / "good" / "sent.json").unlink()
        delivery = Delivery(base / "good", Store(address(None, base)))
        assert delivery.advance()
        assert delivery.complete
        good = runs(base)["good"]
        assert good.info.status == "FINISHED"
        assert rows(base, good.info.run_id, "train/accuracy") == [(1, 0.5)]


def test_a_recorder_that_dies_is_one_sentence_and_the_journal_is_sent_later(tmp_path: Path) -> None:
    from runner.tracking.delivery import Delivery
    from runner.tracking.mlflow import Store

    recorder = Recorder.start(address(None, tmp_path), tmp_path)
    os.kill(recorder._process.pid, signal.SIGKILL)
    folder = tmp_path / "run"
    tracker = Journal(folder)
    recorder.follow(folder)
    tracker.start(card(tmp_path))
    for epoch, values in measurements(5):
        tracker.metrics(epoch, values)
    tracker.end("FINISHED", None)
    report = recorder.finish(60)
    assert report.trouble == (
        "The recorder ended with exit code -9 and 7 events are unsent; the journal keeps them, and the next"
        " command here or `python -m runner sync` sends them."
        f" The reason is in {tmp_path / 'recorder.log'}."
    )
    Delivery(folder, Store(address(None, tmp_path))).advance()
    assert rows(tmp_path, runs(tmp_path)["a run"].info.run_id, "train/loss") == written(5, "train/loss")


def test_a_file_that_cannot_be_stored_waits_and_the_status_does_not(tmp_path: Path) -> None:
    import mlflow

    from runner.tracking.delivery import Delivery
    from runner.tracking.mlflow import Store

    folder = tmp_path / "run"
    tracker = Journal(folder)
    tracker.start(card(tmp_path))
    (folder / "config.yaml").write_text("seed: 0\n")
    tracker.artifact(folder / "config.yaml")
    tracker.end("FINISHED", None)
    # Where the files should go there is a file in the way, as good as a full disk.
    (tmp_path / "mlartifacts").touch()
    delivery = Delivery(folder, Store(address(None, tmp_path)))
    with pytest.raises(OSError, match="mlartifacts"):
        delivery.advance()
    assert (runs(tmp_path)["a run"].info.status, sent.unsent(folder)) == ("FINISHED", 2)

    (tmp_path / "mlartifacts").unlink()
    delivery.advance()
    assert delivery.complete
    run_id = runs(tmp_path)["a run"].info.run_id
    files = mlflow.MlflowClient(address(None, tmp_path)).list_artifacts(run_id)
    assert [item.path for item in files] == ["config.yaml", "packages.txt"]


def test_the_figures_of_a_sweeps_run_are_drawn_when_all_else_is_sent(tmp_path: Path) -> None:
    from runner.tracking.delivery import Delivery
    from runner.tracking.mlflow import Store

    folder = tmp_path / "run"
    tracker = Journal(folder)
    known = card(tmp_path)
    figures = {"learning_curves": plots()["learning_curves"]}
    tracker.start(replace(known, plots=figures, tags={**known.tags, "sweep": "today"}))
    tracker.result(result("multiclass"))
    tracker.end("FINISHED", None)
    delivery = Delivery(folder, Store(address(None, tmp_path)))
    delivery.advance()
    assert runs(tmp_path)["a run"].info.status == "FINISHED"
    assert (delivery.complete, delivery.has_figures_to_draw, sent.unsent(folder)) == (False, True, 1)
    assert not (folder / "figures").exists()

    # Whoever comes later draws them.
    later = Delivery(folder, Store(address(None, tmp_path)))
    assert later.draw()
    assert (later.complete, later.has_figures_to_draw, later.draw()) == (True, False, False)
    assert [path.name for path in (folder / "figures").iterdir()] == ["learning_curves.png"]


def test_a_server_that_does_not_answer_is_told_at_the_end_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Notes of what a server does not have lie in the working folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # The discard port of this machine: nobody listens.
    recorder = Recorder.start("http://127.0.0.1:9", tmp_path)
    tracker = Journal(tmp_path)
    recorder.follow(tmp_path)
    tracker.start(card(tmp_path))
    tracker.metrics(1, {"train/loss": 0.5})
    tracker.end("FINISHED", None)
    report = recorder.finish(120)
    assert report.trouble is not None
    assert report.trouble.startswith("The recorder could not reach MLflow's store and 3 events are unsent;")
    assert report.runs[0].status is None
    assert "Connection" in (tmp_path / "recorder.log").read_text()


def test_the_packages_of_a_worker_that_ended_before_it_was_heard_are_kept_by_its_own_recorder_alone(
    tmp_path: Path,
) -> None:
    from runner.tracking.delivery import Delivery
    from runner.tracking.mlflow import Store

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    worker = replace(this_process(), pid=ended.pid, started=0.0)
    store = Store(address(None, tmp_path))
    for own in (True, False):
        folder = tmp_path / str(own)
        tracker = Journal(folder)
        tracker.start(replace(card(tmp_path, name=str(own)), process=worker))
        tracker.end("FINISHED", None)
        Delivery(folder, store, own=own).advance()
        files = store.client.list_artifacts(runs(tmp_path)[str(own)].info.run_id)
        assert [item.path for item in files] == (["packages.txt"] if own else [])


def test_the_end_of_every_run_is_waited_for_and_counted(tmp_path: Path) -> None:
    recorder = Recorder.start(address(None, tmp_path), tmp_path)
    for number in range(3):
        tracker = Journal(tmp_path / str(number))
        recorder.follow(tracker.folder)
        tracker.start(replace(card(tmp_path), name=f"run {number}", identity=f"{number}"))
        tracker.end("FINISHED", None)
    told: list[tuple[int, int]] = []
    report = recorder.finish(240, lambda *counts: told.append(counts))
    assert told == sorted(told)
    assert told[-1] == (3, 3)
    assert {run.info.status for run in runs(tmp_path).values()} == {"FINISHED"}
    assert (report.trouble, len(report.runs)) == (None, 3)


def test_the_recorder_of_a_sweep_lets_its_workers_go_first_while_there_are_any(tmp_path: Path) -> None:
    import psutil

    recorder = Recorder.start(address(None, tmp_path), tmp_path, patient=True)
    process = psutil.Process(recorder._process.pid)
    written = Journal(tmp_path / "run")
    written.start(card(tmp_path))
    recorder.follow(written.folder)
    wait_for(lambda: process.nice() == psutil.Process().nice() + 10)
    # Where the system shares its cores among sessions, that of the recorder is told the same.
    sessions = Path(f"/proc/{process.pid}/autogroup")
    if sessions.exists():
        wait_for(lambda: sessions.read_text().split()[-2:] == ["nice", "10"])
    told: list[tuple[int, int]] = []
    recorder.wait_for_beginnings(240, lambda *counts: told.append(counts))
    assert told[-1] == (1, 1)
    stored = StoredRun.load(written.folder)
    assert stored is not None
    assert runs(tmp_path)["a run"].info.run_id == stored.run_id
    # Somebody waits now. Niceness can be taken back by an administrator alone, that of a session by everybody.
    if sessions.exists():
        wait_for(lambda: sessions.read_text().split()[-2:] == ["nice", "0"])
    # It goes on listening.
    another = Journal(tmp_path / "another")
    another.start(replace(card(tmp_path), identity="another"))
    another.end("FINISHED", None)
    recorder.follow(another.folder)
    written.end("FINISHED", None)
    assert recorder.finish(240).trouble is None
