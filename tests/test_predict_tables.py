"""predict and export of a run whose data were a table: raw columns by the preparation that was fitted, and by hand."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import stored
from servers import asked, free_port, model_server

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


JSON = {"Content-Type": "application/json"}


def split(columns: list[str], rows: list[list[object]]) -> bytes:
    """Returns rows as MLflow's server takes them."""
    return json.dumps({"dataframe_split": {"columns": columns, "data": rows}}).encode()


# Each with a word of the answer.
MALFORMED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", JSON, 400, "valid JSON"),
    "no JSON": (b'{"dataframe_split": {', JSON, 400, "valid JSON"),
    "a list": (b'{"dataframe_split": []}', JSON, 400, "must be a dictionary"),
    "no rows": (split(["city", "area"], []), JSON, 400, "input Dataframe is compatible"),
    "no data": (b'{"dataframe_split": {"columns": ["city"]}}', JSON, 400, "must have 'data' field"),
    "records of nothing": (b'{"dataframe_records": 5}', JSON, 400, "list of records"),
    "numbers by their place": (b'{"inputs": [[1, 2]]}', JSON, 400, "missing inputs ['area', 'city']"),
    "a missing column": (split(["city"], [["Bern"]]), JSON, 400, "missing inputs ['area']"),
    "a column twice": (split(["area", "area", "city"], [[1, 2, "Bern"]]), JSON, 400, "schema"),
    "a word": (
        split(["city", "area"], [["Bern", "many"]]),
        JSON,
        400,
        "column area has numbers, and in row 1 'many'",
    ),
    "a list in a cell": (split(["city", "area"], [["Bern", [1]]]), JSON, 400, "column area has numbers"),
    "a word beyond Unicode": (
        rb'{"dataframe_split": {"columns": ["city", "area"], "data": [["\ud800", 1]]}}',
        JSON,
        400,
        "surrogates",
    ),
    "infinity": (
        b'{"dataframe_records": [{"city": "Bern", "area": 1e999}]}',
        JSON,
        400,
        "column area is infinite in row 1",
    ),
    "other columns": (b"a,b\n1,x\n", {"Content-Type": "text/csv"}, 400, "CSV"),
    "plain text": (b"1", {"Content-Type": "text/plain"}, 415, "content types"),
}


@pytest.fixture
def served(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the run's model, served where this project is not; its own copy says that it was carried out."""
    from mlflow.models import Model

    from runner.tracking.models import _write

    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    model = place / "model"
    _write(model, Model(), place / "run" / "network.json", place / "run" / "weights.safetensors")
    assert not [each for each in model.rglob("*") if each.suffix in (".pkl", ".pickle")]
    assert Model.load(model).signature.inputs.input_names() == ["area", "city"]
    (copy,) = model.rglob("runner/__init__.py")
    copy.write_text("from pathlib import Path\nPath(__file__).with_name('carried_out').touch()\n")
    with model_server(place, free_port(), model=str(model), uri=f"sqlite:///{place}/mlflow.db") as address:
        yield address
    assert copy.with_name("carried_out").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
@pytest.mark.timeout(300)
def test_the_served_model_takes_the_raw_columns_and_nothing_takes_it_down(place: Path, served: str) -> None:
    NEW.to_csv("x.csv", index=False)
    predict("--input", "x.csv", "--output", "y.csv")
    told = pd.read_csv("y.csv")["prediction"]
    # Whole numbers beside fractions and what is missing, a city that nobody knows, a column that is no input.
    rows: list[list[object]] = [["007", "Genf", 80], ["08", "Bern", 120.0], ["9", "Rom", None]]
    frames = {
        "split": split(["id", "city", "area"], rows),
        "records": json.dumps(
            {"dataframe_records": [dict(zip(["id", "city", "area"], row, strict=True)) for row in rows]}
        ).encode(),
        "columns": json.dumps(
            {"inputs": {"area": [80, 120.0, None], "city": ["Genf", "Bern", "Rom"]}}
        ).encode(),
    }
    # What is not there is missing, as what is null is.
    sparse = b'{"dataframe_records": [{"city": "Genf", "area": "80"}, {"city": "Rom"}]}'
    example = json.loads((place / "model" / "serving_input_example.json").read_text())
    said = {name: asked(served, *each[:2]) for name, each in MALFORMED.items()}
    answers = {name: asked(served, frame, JSON) for name, frame in frames.items()}
    assert {name: code for name, (code, _) in said.items()} == {
        name: each[2] for name, each in MALFORMED.items()
    }
    for name, each in MALFORMED.items():
        assert each[3] in said[name][1].decode(), name
    for name, (code, content) in answers.items():
        assert code == 200, name
        found = np.ravel(json.loads(content)["predictions"])
        np.testing.assert_allclose(found, EXPECTED, rtol=1e-12)
        np.testing.assert_allclose(found, told, rtol=1e-12)
    code, content = asked(served, sparse, JSON)
    np.testing.assert_allclose(np.ravel(json.loads(content)["predictions"]), EXPECTED[[0, 2]], rtol=1e-12)
    assert asked(served, json.dumps(example).encode(), JSON)[0] == 200
