"""Sweeps as they are meant to go: the same numbers with any number of workers, and what MLflow has of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import sweeps
from safetensors.numpy import load_file

from runner.tracking import journal
from runner.tracking.store import StoredRun

pytestmark = pytest.mark.timeout(600)

GRID = ["backend=torch,keras", "activation=tanh,relu", "seed=1,2"]
NAMES = [f"{b} {a} seed={s}" for b in ("torch", "keras") for a in ("tanh", "relu") for s in (1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("swept")


@pytest.fixture(scope="module")
def nested(folder: Path) -> Path:
    """A sweep in two workers whose runs MLflow folds under their summary."""
    words = ["sweep.workers=2", "sweep.nested=true", "hydra.sweep.dir=sweeps/nested"]
    done = sweeps.run(folder, "-m", *sweeps.TINY, *GRID, *words)
    assert done.returncode == 0, done.stderr
    assert "[8/8]" in done.stderr
    return folder / "sweeps" / "nested"


@pytest.fixture(scope="module")
def flat(folder: Path) -> Path:
    """The same in one worker, its runs beside their summary."""
    words = ["sweep.workers=1", "hydra.sweep.dir=sweeps/flat", "name=flat"]
    done = sweeps.run(folder, "-m", *sweeps.TINY, *GRID, *words)
    assert done.returncode == 0, done.stderr
    return folder / "sweeps" / "flat"


def card_names(sweep: Path) -> list[str]:
    return [card.name for run in sorted(sweeps.journals(sweep).values()) if (card := journal.beginning(run))]


def processes(sweep: Path) -> dict[str, set[int]]:
    """Returns the processes that carried runs out, by framework."""
    found: dict[str, set[int]] = {}
    for run in sweeps.journals(sweep).values():
        card = journal.beginning(run)
        assert card is not None
        found.setdefault(card.tags["backend"], set()).add(card.process.pid)
    return found


def test_the_number_of_workers_changes_no_number(nested: Path, flat: Path) -> None:
    assert list(sweeps.journals(nested)) == list(sweeps.journals(flat)) == [str(n) for n in range(8)]
    for number in map(str, range(8)):
        results = [json.loads((sweep / number / "result.json").read_text()) for sweep in (nested, flat)]
        assert results[0]["metrics"] == results[1]["metrics"]
        weights = [load_file(sweep / number / "weights.safetensors") for sweep in (nested, flat)]
        assert all((weights[0][name] == array).all() for name, array in weights[1].items())


def test_a_process_has_one_framework_and_is_used_again(nested: Path, flat: Path) -> None:
    for sweep in (nested, flat):
        found = processes(sweep)
        assert not found["torch"] & found["keras"]
    assert {name: len(pids) for name, pids in processes(flat).items()} == {"torch": 1, "keras": 1}


def test_runs_are_named_by_what_tells_them_apart(nested: Path, flat: Path) -> None:
    assert card_names(nested) == NAMES
    assert card_names(flat) == [f"flat {name}" for name in NAMES]


def test_every_swept_key_is_a_tag(folder: Path, flat: Path) -> None:
    found = sweeps.tags(folder, "flat keras relu seed=2")
    assert {key: found[key] for key in ("backend", "activation", "seed", "sweep")} == {
        "backend": "keras",
        "activation": "relu",
        "seed": "2",
        "sweep": "sweeps_flat",
    }


def test_nested_runs_lie_under_the_summary_and_flat_ones_do_not(
    folder: Path, nested: Path, flat: Path
) -> None:
    parent = StoredRun.load(nested / "summary")
    assert parent is not None
    with sqlite3.connect(folder / "mlflow.db") as store:
        rows = store.execute(
            "select name, value from runs join tags using (run_uuid) where key = 'mlflow.parentRunId'"
        ).fetchall()
    assert sorted(rows) == sorted((name, parent.run_id) for name in NAMES)


def test_the_summary_is_there_from_the_start_and_ends_with_the_table(folder: Path, nested: Path) -> None:
    events = [event for event, _ in journal.read(nested / "summary", 0)]
    first = journal.beginning(nested / "0")
    assert first is not None
    assert events[0]["time"] < first.time
    found = sweeps.tags(folder, "sweep over backend, activation, seed")
    assert found["progress"] == "8 of 8 done"
    assert found["mlflow.note.content"].count("| finished |") == 8
    rows = (nested / "summary" / "runs.csv").read_text().splitlines()
    assert len(rows) == 9
    assert found["best_run"] in NAMES


def test_a_dry_run_lists_the_jobs_times_one_and_keeps_nothing(folder: Path) -> None:
    words = ["data=iris,digits", "architecture=mlp,cnn", "plots=none", "training.epochs=1", "debug.rows=100"]
    where = folder / "sweeps" / "dry"
    done = sweeps.run(folder, "-m", *words, "sweep.dry_run=true", f"hydra.sweep.dir={where}")
    assert done.returncode == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:3] for line in lines[:4]] == [
        ["0", "iris", "mlp"],
        ["1", "iris", "cnn"],
        ["2", "digits", "mlp"],
        ["3", "digits", "cnn"],
    ]
    assert lines[1][3:5] == ["cannot", "run:"]
    assert "4 jobs, 1 of them cannot run." in done.stdout
    assert "all take about" in done.stdout
    assert not where.exists()
