"""A sweep that was killed goes on where it was: what is finished is kept, the rest is run, and each once."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sweeps
from examples import card
from support import experiment, trained

from runner import checkpoints
from runner.checkpoints import Checkpoint
from runner.runs import Resumption, RunRequest
from runner.sweep.begun import Begun
from runner.tracking import journal, sent, unsent
from runner.tracking.journal import Journal
from runner.tracking.process import this_process
from runner.tracking.sent import Sent
from runner.training_state import TrainingState

pytestmark = pytest.mark.timeout(600)

GRID = ["optimizer.learning_rate=0.1,0.01", "seed=1,2"]
JOBS = 4
KILLS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resumed")


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """A sweep that was killed three times and then resumed to its end."""
    sweep, finished, met = sweeps.killed_again_and_again(
        folder, KILLS, random.Random(5), *sweeps.TINY, *GRID, "sweep.workers=1"
    )
    assert met >= 2
    assert len(finished) == JOBS
    assert set(finished.values()) == {1}
    return sweep


def test_mlflow_has_each_configuration_once_and_nothing_under_way(folder: Path, killed: Path) -> None:
    found = sweeps.stored(folder)
    names = Counter(name for name, status in found if status == "FINISHED")
    assert names == Counter(f"lr={rate} seed={seed}" for rate in ("0.1", "0.01") for seed in (1, 2))
    assert {status for _, status in found} <= {"FINISHED", "KILLED"}
    assert sweeps.all_sent(killed)


def test_one_run_sums_up_whatever_befell_the_sweep(folder: Path, killed: Path) -> None:
    assert sweeps.summaries(folder) == [("sweep over optimizer.learning_rate, seed", "FINISHED")]
    tags = sweeps.tags(folder, "sweep over optimizer.learning_rate, seed")
    assert tags["progress"] == f"{JOBS} of {JOBS} done"


@pytest.mark.drawn(1, of="sweeps")
def test_a_run_that_was_killed_on_its_way_goes_on_in_its_folder_and_its_mlflow_run(folder: Path) -> None:
    long = [*sweeps.TINY, "training.epochs=150", "architecture.dropout=0.2", "training.checkpoint.steps=5"]
    sweep = folder / "sweeps" / "long"
    process = sweeps.start(folder, "-m", *long, "seed=7", "hydra.sweep.dir=sweeps/long")
    path = sweep / "0" / "journal.jsonl"
    while process.poll() is None and (not path.exists() or path.stat().st_size < 12_000):
        time.sleep(0.01)
    sweeps.kill_everything(process)
    done = sweeps.run(folder, "resume", "sweeps/long")
    assert done.returncode == 0, done.stderr
    (said,) = re.findall(r"goes on after step (\d+)", done.stderr)
    assert 0 < int(said) < 600
    assert set(sweeps.journals(sweep)) == {"0"}
    assert sweeps.all_sent(sweep)
    _, unbroken = trained(*long, "seed=7", "tracking=none")
    losses = [loss for _, columns in unbroken.all_steps for loss in columns["train/step_loss"]]
    assert sweeps.rows(folder, sweep / "0", "train/step_loss") == list(enumerate(losses, 1))
    epochs = [(epoch, values["validation/loss"]) for epoch, values in unbroken.all_metrics if epoch]
    assert sweeps.rows(folder, sweep / "0", "validation/loss") == epochs


CHECKPOINT = Checkpoint(
    state=TrainingState(
        epoch=0, step=4, updates=4, optimizer="sgd", weights={"a": np.ones(2)}, slots={}, averages={}
    ),
    losses=np.empty(0),
    records=(),
    first_epoch=0,
    kept_epoch=0,
    kept_weights={},
    finite_epoch=0,
    finite_weights={"a": np.ones(2)},
    data="abc",
)
URI = "sqlite:///mlflow.db"


@pytest.fixture(scope="module")
def new() -> RunRequest:
    """What a run would be once more."""
    return RunRequest(
        experiment=experiment(*sweeps.TINY),
        folder=Path("new"),
        command="",
        overrides=(),
        config="",
        parameters={},
        uri=URI,
        sweep="a sweep",
        choices={},
    )


def begun(folder: Path, *, meaning: str = "m", uri: str = URI, steps: tuple[int, ...] = (4, 8)) -> Journal:
    """Returns the journal of a run that has left checkpoints, and its process is gone."""
    written = Journal(folder)
    written.start(replace(card(folder, name="run"), uri=uri, tags={"config_sha256": meaning}))
    for step in steps:
        state = replace(CHECKPOINT.state, step=step)
        checkpoints.save(replace(CHECKPOINT, state=state), folder / checkpoints.FOLDER, keep=2)
    return written


def test_what_was_cut_short_goes_on_from_its_newest_checkpoint_and_what_failed_by_itself_begins_anew(
    tmp_path: Path, new: RunRequest
) -> None:
    begun(tmp_path / "0", meaning="killed").close()
    begun(tmp_path / "1", meaning="stopped").end("KILLED", "stopped with the sweep")
    begun(tmp_path / "2", meaning="worker").end("FAILED", "its process was killed", is_cut_short=True)
    begun(tmp_path / "3", meaning="diverged").end("FAILED", "diverged at step 9")
    begun(tmp_path / "4", meaning="early", steps=()).end("KILLED", "stopped with the sweep")
    begun(tmp_path / "5", meaning="elsewhere", uri="sqlite:///other.db").end("KILLED", "stopped")
    begun(tmp_path / "6", meaning="done").end("FINISHED", None)
    (tmp_path / "1" / checkpoints.FOLDER / "step-00000008.safetensors").write_bytes(b"half of it")
    found = Begun(tmp_path, URI)
    for number, meaning, step in [(0, "killed", 8), (1, "stopped", 4), (2, "worker", 8)]:
        request = found.request(new, meaning)
        assert request is not None
        assert request.folder == tmp_path / str(number)
        assert request.resumption == Resumption(step=step, is_longer=False, changed={})
        resumed = request.experiment.training.resume_from
        assert resumed == str(request.folder / checkpoints.FOLDER / f"step-{step:08d}.safetensors")
        # Each once, though two jobs may mean the same.
        assert found.request(new, meaning) is None
    assert all(found.request(new, each) is None for each in ("diverged", "early", "elsewhere", "done"))


def test_no_recorder_takes_a_run_that_goes_on_for_one_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: RunRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("0", "1", "2"):
        begun(tmp_path / name, meaning=name).end("KILLED", "stopped with the sweep")
        Sent(offset=7, status="KILLED").save(tmp_path / name)
    Sent(offset=7).save(tmp_path / "2")
    found = Begun(tmp_path, URI)
    # While it waits for its turn nobody else tells of it.
    assert json.loads((tmp_path / "0" / unsent.RECORDER).read_text()) == vars(this_process())
    assert found.request(new, "0") is not None
    found.begin(tmp_path / "0")
    assert sent.load(tmp_path / "0") == Sent(offset=7)
    assert journal.ending(tmp_path / "0") is None
    # Of those that it was not the turn of, MLflow has all of one and not of the other.
    assert found.request(new, "1") is not None
    assert list(found.left()) == [tmp_path / "2"]
    assert not (tmp_path / "1" / unsent.RECORDER).exists()
    assert sent.load(tmp_path / "1") == Sent(offset=7, status="KILLED")


def test_a_finished_sweep_has_nothing_left_to_run(folder: Path, killed: Path) -> None:
    before = sweeps.journals(killed)
    done = sweeps.run(folder, "resume", str(killed))
    assert done.returncode == 0
    assert sweeps.journals(killed) == before
    assert done.stderr.count("test/accuracy") == JOBS


def test_another_grid_is_said_and_nothing_started(folder: Path, killed: Path) -> None:
    before = sweeps.journals(killed)
    done = sweeps.run(folder, "resume", str(killed), "seed=1,3")
    assert done.returncode == 2
    assert "in sweeps_killed seed was 1, 2 and is 1, 3" in done.stderr
    assert sweeps.journals(killed) == before


@pytest.mark.drawn(1, of="sweeps")
def test_the_same_command_again_takes_the_newest_sweep_of_its_grid(folder: Path) -> None:
    command = ["-m", *sweeps.TINY, "data=wine", "seed=3,4", "sweep.workers=1"]
    first = sweeps.run(folder, *command)
    assert first.returncode == 0, first.stderr
    (sweep,) = (path.parent for path in (folder / "outputs" / "sweeps").glob("*/*/sweep.json"))
    # One of its runs is made to have failed.
    journal = sweep / "1" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"status": "FINISHED"', '"status": "FAILED"'))
    again = sweeps.run(folder, *command, "sweep.resume=true", "tracking.experiment=other")
    assert again.returncode == 0, again.stderr
    assert set(sweeps.journals(sweep)) == {"0", "1", "1_2"}
    other = sweeps.run(folder, *command, "seed=3,4,5", "sweep.resume=true")
    assert other.returncode == 2
    assert "seed was 3, 4 and is 3, 4, 5" in other.stderr


@pytest.mark.drawn(1, of="sweeps")
def test_a_sweep_whose_folder_is_gone_goes_on_from_what_mlflow_knows(folder: Path) -> None:
    words = ["-m", *sweeps.TINY, "data=breast_cancer", "seed=3,4", "name=lost", "sweep.workers=1"]
    sweep = folder / "outputs" / "sweeps" / "2001-01-01" / "lost"
    first = sweeps.run(folder, *words, f"hydra.sweep.dir={sweep}")
    assert first.returncode == 0, first.stderr
    shutil.rmtree(sweep)
    again = sweeps.run(folder, "resume", "2001-01-01_lost")
    assert again.returncode == 0, again.stderr
    assert sweeps.journals(sweep) == {}
    assert Counter(sweeps.stored(folder))["lost seed=3", "FINISHED"] == 1


def test_what_is_no_sweep_is_refused_with_the_nearest_name(folder: Path) -> None:
    sweeps_folder = folder / "outputs" / "sweeps" / "2002-02-02" / "12-00-00"
    sweeps_folder.mkdir(parents=True)
    record = {"name": "2002-02-02_12-00-00", "words": ["-m"], "grid": {}, "jobs": 1, "working": str(folder)}
    (sweeps_folder / "sweep.json").write_text(json.dumps(record))
    wrong = sweeps.run(folder, "resume", "2002-02-02_12-00-01")
    assert wrong.returncode == 2
    assert "is no sweep. Did you mean 2002-02-02_12-00-00" in wrong.stderr
    none = sweeps.run(folder, "resume")
    assert none.returncode == 2
    assert "needs the run or the sweep that is to go on" in none.stderr
