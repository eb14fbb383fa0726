"""A sweep whose jobs fail in every way: each is told of, and none costs another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import sweeps

from runner.tracking import journal
from runner.tracking.process import gone

pytestmark = pytest.mark.timeout(300)

BEHAVIOUR = ["data=told", "architecture.hidden_sizes=[4]", "plots=none", "training.epochs=2"]
ERRORS = {
    "how=raise": "ValueError: no rows today",
    "how=memory": "MemoryError: no room for the rows",
    "how=kill": "its process was killed (out of memory, or by somebody)",
    "how=exit": "its process ended without a word (exit code 3)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sweeps")
    sweeps.with_behaviour(made)
    return made


@pytest.fixture(scope="module")
def failing(folder: Path) -> subprocess.CompletedProcess[str]:
    """One sweep with every kind of failure between two sound jobs."""
    words = [
        "data.how=well,raise,memory,kill,exit,again",
        "hydra.sweep.dir=sweeps/failing",
        "sweep.workers=1",
    ]
    return sweeps.run(folder, "-m", *BEHAVIOUR, *words)


def test_the_jobs_beside_a_failure_finish(folder: Path, failing: subprocess.CompletedProcess[str]) -> None:
    assert failing.returncode == 1, failing.stderr
    assert sweeps.stored(folder)[:6] == [
        ("how=well", "FINISHED"),
        *((name, "FAILED") for name in ERRORS),
        ("how=again", "FINISHED"),
    ]


@pytest.mark.parametrize("name", ERRORS)
def test_a_failure_is_told_everywhere(
    folder: Path, failing: subprocess.CompletedProcess[str], name: str
) -> None:
    assert sweeps.tags(folder, name)["error"].startswith(ERRORS[name])
    assert f"{name}  failed: {ERRORS[name]}" in failing.stderr
    assert f"{name}: {ERRORS[name]}" in failing.stdout
    note = sweeps.tags(folder, "sweep over data.how")["mlflow.note.content"]
    assert f"- {name}: {ERRORS[name]}" in note


def test_the_summary_has_counted(folder: Path, failing: subprocess.CompletedProcess[str]) -> None:
    assert sweeps.tags(folder, "sweep over data.how")["progress"] == "2 of 6 done, 4 failed"
    told = [
        event["values"]["whole_sweep/failed"]
        for event, _ in journal.read(folder / "sweeps" / "failing" / "summary", 0)
        if event["event"] == "metrics"
    ]
    assert told[0] == 0
    assert told[-1] == 4
    assert told == sorted(told)


def test_a_job_that_hangs_is_ended(folder: Path) -> None:
    words = [
        "data.how=hang,raise",
        "hydra.sweep.dir=sweeps/hanging",
        "sweep.workers=1",
        "sweep.job_timeout=15",
    ]
    done = sweeps.run(folder, "-m", *BEHAVIOUR, "name=slow", *words)
    assert done.returncode == 1
    message = "timed out after 15 s (sweep.job_timeout)"
    assert f"slow how=hang  failed: {message}" in done.stderr
    assert sweeps.tags(folder, "slow how=hang")["error"] == message
    assert ("slow how=hang", "FAILED") in sweeps.stored(folder)
    assert sweeps.tags(folder, "slow how=raise")["error"].startswith("ValueError: no rows today")
    card = journal.beginning(folder / "sweeps" / "hanging" / "0")
    assert card is not None
    assert gone(card.process)


def test_nothing_further_is_started_where_an_error_stops_the_sweep(folder: Path) -> None:
    words = ["data.how=raise,well,again", "hydra.sweep.dir=sweeps/stopping", "sweep.on_error=stop"]
    done = sweeps.run(folder, "-m", *BEHAVIOUR, "name=stop", "sweep.workers=1", *words)
    assert done.returncode == 1
    assert list(sweeps.journals(folder / "sweeps" / "stopping")) == ["0"]
    assert done.stdout.count("not started, because another job failed and sweep.on_error=stop") == 2
    ((last_name, last_status),) = [each for each in sweeps.stored(folder) if each[0].startswith("stop")]
    assert (last_name, last_status) == ("stop how=raise", "FAILED")


def test_a_combination_that_cannot_run_fails_alone(folder: Path) -> None:
    words = ["data=iris,digits", "architecture=mlp,cnn", "plots=none", "training.epochs=1"]
    done = sweeps.run(folder, "-m", *words, "name=pair", "hydra.sweep.dir=sweeps/pairs", "debug.rows=200")
    assert done.returncode == 1
    found = dict(each for each in sweeps.stored(folder) if each[0].startswith("pair"))
    assert found == {
        "pair iris mlp": "FINISHED",
        "pair iris cnn": "FAILED",
        "pair digits mlp": "FINISHED",
        "pair digits cnn": "FINISHED",
    }
    assert "must get images of height x width x channels" in sweeps.tags(folder, "pair iris cnn")["error"]
