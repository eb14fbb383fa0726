"""The verb evaluate: the run's own numbers again on either framework, other data with the run's own units, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runner.__main__ import main
from runner.data.tables.fitted import load
from runner.forward import logits
from runner.recorded import find
from runner.tracking.result_files import load_result
from runner.weights import WEIGHTS, read

TRAINED = {
    "classes": ("data=iris", "architecture.hidden_sizes=[5]"),
    "numbers": ("data=diabetes", "architecture.hidden_sizes=[4]", "training.precision=64"),
}
SHOP = ("data=table", "data.path=old.csv", "data.target=bought")
# Rows of somebody else's, which its own function reads.
ROWS = """
import numpy as np

from runner.data import Source


def rows(*, shift: float, width: int, seed: int):
    def read():
        inputs = np.random.default_rng(7).normal(size=(40, width)) + shift
        return inputs, inputs[:, :1] * 100 + 150

    return Source("theirs", "regression", (width,), (), 40, read)
"""


def visitors(count: int, *, ages: tuple[int, int], towns: str) -> pd.DataFrame:
    """Returns rows with a number that is missing here and there, a word and a class."""
    draws = np.random.default_rng(count)
    age = draws.uniform(*ages, count)
    bought = np.where(age + draws.normal(0, 5, count) > 40, "yes", "no")
    rows = pd.DataFrame({"age": age, "town": draws.choice(towns.split(), count), "bought": bought})
    rows.loc[::9, "age"] = np.nan
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three trained runs, of classes, of numbers and of a table."""
    place = tmp_path_factory.mktemp("evaluate")
    visitors(120, ages=(20, 60), towns="Bern Zug").to_csv(place / "old.csv", index=False)
    # Older, from a town that nobody knew, and the class that comes first then is not here.
    visitors(40, ages=(60, 90), towns="Zug Oslo").query("bought == 'yes'").to_csv(
        place / "new.csv", index=False
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, overrides in {**TRAINED, "shop": SHOP}.items():
            words = [f"name={name}", *overrides, "training.epochs=2", "tracking=none", "plots=none"]
            assert main(words) == 0
    (place / "theirs.py").write_text(ROWS, encoding="utf-8")
    return place


@pytest.fixture(autouse=True)
def in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)


def evaluated(*words: str) -> Path:
    """Evaluates in this process and returns the folder of the evaluation."""
    known = set(Path("outputs").glob("2*/*"))
    assert main(["evaluate", *words]) == 0
    (made,) = set(Path("outputs").glob("2*/*")) - known
    return made


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_rows_give_the_same_numbers_to_the_last_digit(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = find(name)
    assert record.folder is not None
    own, again = load_result(record.folder), load_result(evaluated(name))
    expected = {metric: value for metric, value in own.metrics.items() if metric.startswith("test/")}
    assert again.metrics == expected
    assert len(expected) > 3
    np.testing.assert_array_equal(again.predictions["test"].outputs, own.predictions["test"].outputs)
    assert "equal to the run's own to the last digit." in capsys.readouterr().out


def test_the_other_framework_agrees_and_says_by_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    record = find("numbers")
    assert record.folder is not None
    folder = evaluated("numbers", "backend=keras", "--rows", "validation")
    again, own = load_result(folder).metrics, load_result(record.folder).metrics
    for name, value in again.items():
        assert name.startswith("validation/")
        assert value == pytest.approx(own[name], rel=1e-12)
    said = capsys.readouterr()
    assert "Note: the validation rows of diabetes are evaluated." in said.err
    assert "rows: the largest difference from the run's own is" in said.out or "to the last digit" in said.out
    found = find(str(folder), finished=False)
    assert found.tags["evaluated_from"] == str(record.folder)
    assert (found.tags["task"], "version.keras" in found.tags) == ("evaluate", True)
    assert main(["rerun", str(folder)]) == 2
    expected = "is the evaluation of another run, and its own command does that again."
    again = "Type: python -m runner evaluate numbers backend=keras --rows validation"
    assert f"{expected} {again}" in capsys.readouterr().err
    # It is no training, so that the last one is another.
    assert find("last").name == "shop"


def test_other_data_are_taken_in_the_units_of_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    record = find("numbers")
    assert record.folder is not None
    node = "data={_target_: theirs.rows, shift: 3.0, width: 10}"
    folder = evaluated("numbers", "data._target_=theirs.rows", "+data.shift=3.0", "+data.width=10")
    assert "all rows of rows are evaluated" in capsys.readouterr().err, node
    network = json.loads((record.folder / "network.json").read_text())
    inputs = np.random.default_rng(7).normal(size=(40, 10)) + 3.0
    standardised = (inputs - np.array(network["input_mean"])) / np.array(network["input_scale"])
    raw = logits(network["layers"], read(record.folder / WEIGHTS), standardised)
    values = raw * np.array(network["target_scale"]) + np.array(network["target_mean"])
    shown = load_result(folder)
    order = np.argsort(shown.predictions["test"].targets[:, 0])
    truth = inputs[:, 0] * 100 + 150
    np.testing.assert_allclose(
        shown.predictions["test"].outputs[order, 0], values[np.argsort(truth), 0], rtol=1e-10
    )
    assert shown.metrics["test/mean_absolute_error"] == pytest.approx(np.abs(values[:, 0] - truth).mean())


def test_other_rows_of_a_table_are_prepared_as_those_of_the_training() -> None:
    record = find("shop")
    assert record.folder is not None
    network = json.loads((record.folder / "network.json").read_text())
    assert network["classes"] == ["no", "yes"]
    rows = pd.read_csv("new.csv")
    mixed = pd.concat([rows, rows.assign(bought="no").head(3)])
    mixed.to_csv("mixed.csv", index=False)
    shown = load_result(evaluated("shop", "data.path=mixed.csv"))
    inputs = load(record.folder).transform(mixed)
    raw = logits(network["layers"], read(record.folder / WEIGHTS), inputs)
    probabilities = 1 / (1 + np.exp(-raw[:, 0]))
    truth = (mixed["bought"] == "yes").to_numpy()
    assert shown.metrics["test/accuracy"] == pytest.approx(((probabilities > 0.5) == truth).mean())
    np.testing.assert_allclose(
        np.sort(shown.predictions["test"].outputs[:, -1]), np.sort(probabilities), rtol=1e-5
    )


def test_a_class_that_nobody_learnt_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.read_csv("old.csv")
    rows.loc[:4, "bought"] = "maybe"
    rows.to_csv("maybe.csv", index=False)
    assert main(["evaluate", "shop", "data.path=maybe.csv"]) == 2
    said = capsys.readouterr().err
    assert "has the class maybe, which the model was not trained on" in said
    assert "It knows no, yes." in said
    assert main(["evaluate", "shop", "data=iris"]) == 2
    assert (
        "data: must be a table, because the run's inputs were made of a table's columns."
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "evaluate: needs the run: its number, its name, its folder, last or best."),
        (("clases",), "Did you mean classes?"),
        (
            ("classes", "data=wine"),
            "data: must have inputs of shape 4, as the run's network has. Received: 13 of wine.",
        ),
        (
            ("classes", "data=wine"),
            "data: must have the classes setosa, versicolor, virginica, as the run learnt them."
            " Received: class_0, class_1, class_2.",
        ),
        (
            ("classes", "optimizer=sgd"),
            "optimizer: belongs to the training, which is done, and has no part in an evaluation.",
        ),
        (("classes", "--rows", "tset"), "--rows: there is no such part. Received: tset. Did you mean test?"),
        (("classes", "--row", "test"), "--row: is no flag of evaluate. Did you mean --rows?"),
        (("classes", "sed=3"), "sed: there is no such key. Did you mean seed?"),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *words]) == 2
    assert said in capsys.readouterr().err
