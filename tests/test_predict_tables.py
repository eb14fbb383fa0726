"""predict and export of a run whose data were a table: raw columns by the preparation that was fitted, and by hand."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import stored

from runner import layers
from runner.__main__ import main
from runner.data.tables import transformer
from runner.data.tables.columns import Column, Settings
from runner.data.tables.fitted import FittedTable
from runner.prediction import models

AREAS, CITIES = np.array([50.0, 70.0, 90.0, 110.0]), ["Bern", "Genf", "Bern", "Genf"]
TRAINED = pd.DataFrame({"area": AREAS, "city": CITIES})
COLUMNS = (Column("area", "number", 0, 4), Column("city", "category", 0, 2))
SETTINGS = Settings(
    impute="mean",
    indicator=False,
    scale="standard",
    encode="one_hot",
    minimum_rows=1,
    embedding_width=None,
    date_parts=(),
    cyclic=True,
)
NEW = pd.DataFrame({"id": ["007", "08", "9"], "city": ["Genf", "Bern", "Rom"], "area": [80.0, 120.0, None]})
# The mean stands for what is missing, and a city that nobody knows is none of them.
SCALED = (np.array([80.0, 120.0, 80.0]) - 80.0) / np.sqrt(500.0)
EXPECTED = 4 * (3 * SCALED + np.array([2.0, -1.0, 0.0])) + 10


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a run of a table: 3 area - (Bern) + 2 (Genf), between the units of the price."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "_MOST_ROWS", 2)
    fitted = FittedTable(
        columns=COLUMNS,
        settings=SETTINGS,
        targets=("price",),
        task="regression",
        classes=(),
        transformer=transformer.fitted(TRAINED, COLUMNS, SETTINGS, scaled=True),
    )
    assert fitted.names == ("area", "city=Bern", "city=Genf")
    tree = layers.named(layers.Sequence((layers.Dense(units=1, bias=False),)))
    stored.write(tmp_path / "run", tree, (3,), {"dense0/kernel": np.array([[3.0], [-1.0], [2.0]])})
    fitted.save(tmp_path / "run")
    return tmp_path


def predict(*words: str, code: int = 0) -> None:
    assert main(["predict", "run", *words, "--backend", "numpy"]) == code


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.tsv"])
def test_columns_go_by_their_names_and_all_others_go_along(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "x.parquet":
        NEW.to_parquet(name)
    else:
        NEW.to_csv(name, index=False, sep="\t" if name == "x.tsv" else ",")
    predict("--input", name, "--output", "y.csv")
    found = pd.read_csv("y.csv", dtype={"id": str})
    assert list(found) == ["id", "prediction"]
    assert found["id"].tolist() == NEW["id"].tolist()
    np.testing.assert_allclose(found["prediction"], EXPECTED, rtol=1e-12)
    predict("--input", name, "--output", "z.csv", "--keep", "city")
    assert list(pd.read_csv("z.csv")) == ["city", "prediction"]
    told = capsys.readouterr().err
    assert f"{name}: ignored: id." in told
    assert "value that was in no training" not in told


def test_many_unknown_categories_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    NEW.iloc[1:].to_csv("x.csv", index=False)
    predict("--input", "x.csv", "--output", "y.csv")
    assert (
        "x.csv: city: 50% of the first 2 rows have a value that was in no training row"
        in capsys.readouterr().err
    )


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    typed = NEW.to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
    predict("--input", "-", "--output", "-", "--keep", "none")
    found = pd.read_csv(io.BytesIO(capsysbinary.readouterr().out))
    np.testing.assert_allclose(found["prediction"], EXPECTED, rtol=1e-12)


FAULTS = {
    "missing": (
        NEW.rename(columns={"city": "citty"}),
        "has no column city, which the network was trained on",
    ),
    "another kind": (NEW.assign(area=["80", "many", ""]), "column area has numbers, and in row 2 'many'."),
    "no rows": (NEW.head(0), "has a line of column names and no row"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    frame, rule = FAULTS[name]
    frame.to_csv("x.csv", index=False)
    predict("--input", "x.csv", "--output", "y.csv", code=2)
    told = capsys.readouterr().err
    assert rule in told
    assert ("Did you mean citty?" in told) == (name == "missing")
    assert not Path("y.csv").exists()


def test_a_preparation_from_someone_else_executes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import skops.io
    from test_hostile_files import MARK, Payload

    skops.io.dump({"strange": Payload()}, place / "run" / "preparation" / "transformer.skops")
    NEW.to_csv("x.csv", index=False)
    predict("--input", "x.csv", "--output", "y.csv", code=2)
    assert "which could carry out code" in capsys.readouterr().err
    assert not Path(MARK).exists()


def test_export_puts_the_preparation_beside(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--output", "m.safetensors"]) == 0
    told = capsys.readouterr().out
    assert "beside: m.preparation" in told
    names = {each.name for each in (place / "m.preparation").iterdir()}
    assert names == {"table.json", "transformer.skops"}
    assert main(["export", "run", "--output", "m.safetensors"]) == 2
    assert main(["export", "run", "--output", "m.safetensors", "--force"]) == 0


# Loads the model as a person does where this project is not installed.
ELSEWHERE = """
import json, sys
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.read_json(sys.argv[2], dtype=False)
refused = []
for wrong in (rows[["city"]], rows.assign(area=["many"] * len(rows))):
    try:
        model.predict(wrong)
    except mlflow.exceptions.MlflowException as error:
        refused.append([error.get_http_status_code(), error.message])
import runner
print(json.dumps({
    "columns": model.metadata.signature.inputs.input_names(),
    "answers": [model.predict(rows).tolist(), model.predict(rows[:1].astype({"area": int})).tolist()],
    "example": model.predict(model.input_example).shape,
    "refused": refused,
    "code": runner.__file__,
}))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
def test_the_model_in_mlflow_takes_the_raw_columns(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.models import Model

    from runner.tracking.models import _write

    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    model = place / "model"
    _write(model, Model(), place / "run" / "network.json", place / "run" / "weights.safetensors")
    NEW.to_json("rows.json")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(model), "rows.json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["columns"] == ["area", "city"]
    np.testing.assert_allclose(np.ravel(told["answers"][0]), EXPECTED, rtol=1e-12)
    np.testing.assert_allclose(told["answers"][1], [EXPECTED[:1]], rtol=1e-12)
    assert told["example"] == [1, 1]
    (missing, wrong) = told["refused"]
    assert missing[0] == wrong[0] == 400
    assert "area" in missing[1]
    assert "column area has numbers, and in row 1 'many'" in wrong[1]
    assert Path(told["code"]).is_relative_to(model)
    assert not [each for each in model.rglob("*") if each.suffix in (".pkl", ".pickle")]
