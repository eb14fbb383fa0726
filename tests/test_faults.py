"""Whatever happens to a run, what it has learnt is kept, and MLflow tells how it ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from runner.tracking import journal, sent
from runner.tracking.process import Process, gone
from runner.tracking.store import StoredRun

# SQLAlchemy and MLflow deprecate one another's ways.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[1]
SMALL = ["data=iris", "architecture.hidden_sizes=[8]", "plots=none"]
ENDLESS = "training.epochs=100000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One working folder, and so one store, for all."""
    return tmp_path_factory.mktemp("faults")


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, name: str, *words: str) -> tuple[subprocess.Popen[str], Path]:
    """Starts a run of its own name in a folder of that name."""
    return start(folder, f"name={name}", f"hydra.run.dir={name}", *words), folder / name


def wait_for(condition: Callable[[], Any]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("what was waited for did not happen within two minutes")


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event, _ in journal.read(folder, 0) if event["event"] == kind]


def epochs_done(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: len(events(folder, "metrics")) >= count


def stored(folder: Path) -> Any:
    """Returns MLflow's run of a run's folder."""
    import mlflow

    known = StoredRun.load(folder)
    assert known is not None
    return mlflow.MlflowClient(known.uri).get_run(known.run_id)


def assert_finite_weights(folder: Path) -> dict[str, Any]:
    weights = load_file(folder / "weights.safetensors")
    assert len(weights) >= 2
    assert all(np.isfinite(each).all() for each in weights.values())
    return weights


def validation_loss(weights: dict[str, Any], *overrides: str) -> float:
    """Returns the validation loss of a network with one hidden layer, in plain NumPy."""
    from support import experiment

    from runner.blueprint import blueprint
    from runner.data import prepare

    read = experiment(*overrides)
    splits = prepare(
        blueprint(read).source,
        split=read.split,
        standardise=read.standardise,
        seed=read.seed,
        debug=read.debug,
    )
    inputs, targets = splits.validation.inputs, splits.validation.targets
    hidden = np.maximum(inputs @ weights["dense0/kernel"] + weights["dense0/bias"], 0)
    logits = hidden @ weights["dense1/kernel"] + weights["dense1/bias"]
    right = logits[np.arange(len(targets)), targets]
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))


@pytest.mark.drawn(4, of="faults")
def test_a_killed_run_is_marked_and_its_best_weights_are_kept(folder: Path) -> None:
    process, mine = run(folder, "killed", *SMALL, ENDLESS)
    wait_for(epochs_done(mine, 3))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: sent.load(mine).complete)
    told = events(mine, "metrics")
    assert len(told) >= 3
    known = stored(mine)
    assert known.info.status == "KILLED"
    assert known.data.metrics["train/loss"] == told[-1]["values"]["train/loss"]
    sent_weights = Path(str(known.info.artifact_uri).removeprefix("file://")) / "weights.safetensors"
    assert sent_weights.read_bytes() == (mine / "weights.safetensors").read_bytes()
    best = min(event["values"]["validation/loss"] for event in told)
    # The weights are written before the epoch is told of, so they may be those of the epoch after.
    kept = validation_loss(assert_finite_weights(mine), *SMALL)
    assert kept <= best + 1e-5
    assert kept == pytest.approx(best, rel=0.1)


@pytest.mark.drawn(4, of="faults")
@pytest.mark.parametrize(
    ("backend", "number", "epochs", "code"),
    [
        ("torch", signal.SIGTERM, 3, 143),
        ("keras", signal.SIGINT, 3, 130),
        ("keras", signal.SIGTERM, 0, 143),
        ("torch", signal.SIGINT, 0, 130),
    ],
    ids=["SIGTERM on torch", "Ctrl-C on Keras", "SIGTERM while Keras loads", "Ctrl-C while torch loads"],
)
def test_an_interrupted_run_ends_in_order(
    folder: Path, backend: str, number: signal.Signals, epochs: int, code: int
) -> None:
    process, mine = run(folder, f"{number.name}_{epochs}", f"backend={backend}", *SMALL, ENDLESS)
    wait_for(epochs_done(mine, epochs) if epochs else lambda: events(mine, "tags"))
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert f"stopped by {number.name}" in errors
    known = stored(mine)
    assert known.info.status == "KILLED"
    assert known.data.tags["error"] == f"stopped by {number.name}"
    if epochs:
        assert_finite_weights(mine)


@pytest.mark.drawn(4, of="faults")
def test_a_figure_that_raises_is_told_of_and_no_more(folder: Path) -> None:
    (folder / "own_figures.py").write_text(
        "def broken(*, result: object) -> None:\n    raise ValueError('no ink')\n", encoding="utf-8"
    )
    words = [*SMALL[:2], "plots=default", "+plots.mine._target_=own_figures.broken", "training.epochs=2"]
    process, mine = run(folder, "figure", *words)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "mine could not be drawn: ValueError: no ink" in said + errors
    assert "Traceback" not in said + errors
    assert stored(mine).info.status == "FINISHED"
    assert (mine / "figures" / "learning_curves.png").exists()
    assert not (mine / "figures" / "mine.png").exists()


@pytest.mark.drawn(4, of="faults")
def test_a_divergence_ends_at_the_same_step_on_both_backends(folder: Path) -> None:
    words = ["data=diabetes", "architecture=linear", "optimizer=sgd", "optimizer.learning_rate=2"]
    steps = []
    for backend in ("torch", "keras"):
        process, mine = run(folder, f"diverged_{backend}", f"backend={backend}", "plots=none", *words)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1, errors
        assert "Traceback" not in errors
        found = re.search(r"diverged at step (\d+)", errors)
        assert found is not None, errors
        steps.append(int(found[1]))
        known = stored(mine)
        assert known.info.status == "FAILED"
        assert known.data.tags["error"] == found[0]
        assert_finite_weights(mine)
        # The loss grows over some epochs until it is too large for the number that holds it.
        assert int(known.data.tags["kept_epoch"]) == len(events(mine, "metrics")) >= 1
    assert steps[0] == steps[1]


@pytest.mark.drawn(4, of="faults")
def test_a_sweep_goes_on_without_a_worker_that_was_killed(folder: Path) -> None:
    process = start(
        folder, "-m", *SMALL, "training.epochs=100000,2,3", "hydra.sweep.dir=sweep/one", "backend=torch"
    )
    jobs = [folder / "sweep" / "one" / str(number) for number in range(3)]
    wait_for(epochs_done(jobs[0], 2))
    os.kill(events(jobs[0], "start")[0]["card"]["process"]["pid"], signal.SIGKILL)
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 1, errors
    assert "Traceback" not in errors
    assert [stored(job).info.status for job in jobs] == ["FAILED", "FINISHED", "FINISHED"]
    assert "[3/3]" in errors
    assert "its process was killed" in said
    assert_finite_weights(jobs[0])
    results = [json.loads((job / "result.json").read_text()) for job in jobs[1:]]
    assert [len(result["epochs"]) for result in results] == [2, 3]


@pytest.mark.drawn(4, of="faults")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_an_interrupted_sweep_ends_its_workers(folder: Path, number: signal.Signals, code: int) -> None:
    where = f"sweep/{number.name}"
    words = ["training.epochs=100000,2", "sweep.workers=1", f"hydra.sweep.dir={where}"]
    process = start(folder, "-m", *SMALL, *words)
    first, second = folder / where / "0", folder / where / "1"
    wait_for(epochs_done(first, 2))
    process.send_signal(number)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert said.count("stopped with the sweep") == 2
    assert stored(first).info.status == "KILLED"
    assert gone(Process(**events(first, "start")[0]["card"]["process"]))
    assert_finite_weights(first)
    assert not (second / "journal.jsonl").exists()
