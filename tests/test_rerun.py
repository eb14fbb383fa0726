"""The verb rerun: the same curve to the last bit, what is different today, and the exit code where other numbers came."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.__main__ import main
from runner.commands import rerun
from runner.recorded import find, local
from runner.recorded.differences import PACKAGES, gap, keys, packages, size, surroundings
from runner.tracking import identity
from runner.tracking.journal import JOURNAL

QUIET = ("tracking=none", "plots=none")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run."""
    place = tmp_path_factory.mktemp("rerun")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        words = ["name=first", "data=iris", "architecture.hidden_sizes=[5]", "training.epochs=2", *QUIET]
        assert main(words) == 0
    return place


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def altered(name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """Returns a copy of the run's folder whose journal tells something else."""
    first = find("first").folder
    assert first is not None
    folder = Path("copies") / name
    shutil.copytree(first, folder)
    events = [json.loads(line) for line in (first / JOURNAL).read_text().splitlines()]
    for event in events:
        change(event)
    (folder / JOURNAL).write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return folder


def moved(by: float) -> Callable[[dict[str, Any]], None]:
    """Returns what moves the loss of the third step."""

    def change(event: dict[str, Any]) -> None:
        if event["event"] == "steps" and event["first_step"] <= 3:
            values = event["values"]["train/step_loss"]
            if 3 - event["first_step"] < len(values):
                values[3 - event["first_step"]] += by

    return change


def test_the_same_comes_of_it_to_the_last_bit(capsys: pytest.CaptureFixture[str]) -> None:
    before = find("first")
    assert main(["rerun", "first"]) == 0
    said = capsys.readouterr().out
    # 106 rows in batches of 32, twice.
    assert "The same to the last bit: 8 losses of steps and" in said
    again = find("last")
    assert again.name == "rerun of first"
    assert again.tags["rerun_of"] == str(before.folder)
    assert again.steps == before.steps
    assert again.curves == before.curves
    assert f"python -m runner compare {before.folder} {again.folder}" in said
    assert again.tags["config_sha256"] == before.tags["config_sha256"]


def test_what_is_changed_on_purpose_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rerun", "first", "seed=1", "optimizer.learning_rate=0.1"]) == 0
    said = capsys.readouterr().out
    assert "The losses of 8 steps differ by at most" in said
    assert "step 1 is the first that differs." in said
    assert "Changed on purpose: seed, optimizer.learning_rate." in said


def test_another_curve_is_a_failure_by_a_measured_floor(capsys: pytest.CaptureFixture[str]) -> None:
    folder = altered("other", moved(0.01))
    assert main(["rerun", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "differ by at most 0.0" in said
    assert "at step 3; step 3 is the first that differs." in said
    assert "Not the same: step 3 is the first beyond" in said
    (floor,) = Path("outputs").glob("2*/*/floor")
    with np.load(floor / "0.npz") as base:
        np.testing.assert_array_equal(base["losses"], [value for _, value in find("first").steps])


def test_rounding_is_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = altered("rounded", moved(1e-7))
    monkeypatch.setattr(rerun, "_limits", lambda experiment, steps, folder: np.full(steps, 2e-6))
    assert main(["rerun", str(folder)]) == 0
    expected = "That is rounding: one unit in the last place of the first weights moves them by 2e-07."
    assert expected in capsys.readouterr().out


def test_other_rows_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    def change(event: dict[str, Any]) -> None:
        if event["event"] == "dataset":
            event["card"]["sha256"] = "0" * 64

    assert main(["rerun", str(altered("rows", change))]) == 0
    assert "The data are not those of the run any more: they have another SHA-256." in capsys.readouterr().out


def test_what_is_different_today_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = altered("older", lambda event: event.get("card", {}).get("tags", {}).update(git_commit="a" * 40))
    record = local.read(folder)
    assert record is not None
    assert packages(record) == []
    (folder / PACKAGES).write_text("NumPy==1.0\nnew==2\nsame==3\n")
    monkeypatch.setattr(identity, "packages", lambda: "numpy==2.0\nsame==3\n")
    monkeypatch.setattr(identity, "git_tags", lambda folder: {"git_commit": "b" * 40, "git_dirty": "false"})
    assert list(surroundings(record)) == [
        "Packages of another version than in the run: new 2 then, absent now, numpy 1.0 then, 2.0 now.",
        "The code is of another commit: aaaaaaaaaaaa then, bbbbbbbbbbbb now.",
    ]


def test_curves_apart_by_hand() -> None:
    nan = float("nan")
    assert gap([(1, 1.0), (2, nan)], [(1, 1.0), (2, nan)]).is_nothing
    found = gap([(1, 1.0), (2, 3.0), (3, 0.25)], [(1, 1.0), (2, 4.0), (3, 0.5), (4, 0.0)])
    # 1 / 4 at the second place, 0.25 / 1 at the third: the first of equals.
    assert (found.compared, found.first, found.largest, found.at, found.only_one) == (3, 2, 0.25, 2, 1)
    assert size(nan, 1.0) == float("inf")
    assert size(2.0, -2.0) == 2.0


def test_configurations_differ_where_they_mean_something_else() -> None:
    records = [find("first"), local.read(altered("same", lambda event: None))]
    assert None not in records
    path = records[1].require("config.yaml")  # type: ignore[union-attr]
    path.write_text(path.read_text().replace("epochs: 2", "epochs: 7").replace("name: first", "name: other"))
    assert keys(records) == {"training.epochs": [2, 7]}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "rerun: needs the run: its number, its name, its folder, last or best."),
        (("first", "sweep.workers=2"), "sweep.workers: has no part in one run that is carried out again."),
        (("first", "optimizer=sdg"), "optimizer: there is no option 'sdg'. Did you mean sgd?"),
        (("frst",), "Did you mean first"),
        (("first", "-m", "seed=1,2"), "-m: one run is one configuration. Leave -m out."),
    ],
)
def test_what_cannot_be_carried_out_again_is_said(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rerun", *words]) == 2
    assert said in capsys.readouterr().err
