"""What predict refuses: each in a sentence with its file, its row or column, and what to do; and no half file is left."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stored
from safetensors.numpy import save_file

from runner.__main__ import main
from runner.prediction import models, tabular

WORDS = ["--input", "x.csv", "--output", "y.csv", "--backend", "numpy"]
X = np.arange(8.0).reshape(4, 2)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    stored.classifier(tmp_path / "run")
    np.save("x.npy", X)
    stored.table(tmp_path / "x.csv", {"id": list("abcd"), "a": X[:, 0], "b": X[:, 1]})
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, run: str = "run") -> str:
    """Returns what is said where predict refuses, and looks whether anything was left behind."""
    before = set(os.listdir())
    assert main(["predict", run, *words, "--backend", "numpy"]) == 2
    assert set(os.listdir()) == before
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.strip()


def texts(name: str, content: str, encoding: str = "utf-8") -> str:
    Path(name).write_text(content, encoding=encoding)
    return name


def test_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--inptu", "x.csv"]) == 2
    assert "--inptu: is no flag of predict. Did you mean --input?" in capsys.readouterr().err
    assert main(["predict"]) == 2
    told = capsys.readouterr().err
    for each in ("predict: takes one run.", "--input: must be given.", "--output: must be given."):
        assert each in told
    assert main(["predict", "run", "--input"]) == 2
    assert "--input: needs a value." in capsys.readouterr().err
    assert main(["predict", "run", "--input", "a", "--input=b", "--output", "y.csv"]) == 2
    assert "--input: is given twice." in capsys.readouterr().err
    assert main(["predict", "run", "--input", "x.csv", "--output", "y.csv", "--backend", "trch"]) == 2
    assert "--backend: is no backend. Received: trch. Did you mean torch?" in capsys.readouterr().err


def test_where_the_answers_go(capsys: pytest.CaptureFixture[str]) -> None:
    Path("y.csv").write_text("precious")
    told = said(capsys, "--input", "x.csv", "--output", "y.csv")
    assert "--output: is there already. Received: y.csv. --force replaces it." in told
    assert Path("y.csv").read_text() == "precious"
    assert "must end in .csv, .tsv, .parquet or .npz" in said(capsys, "--input", "x.csv", "--output", "y.xls")
    assert "there is no nowhere" in said(capsys, "--input", "x.csv", "--output", "nowhere/y.csv")
    assert "--output: is a folder" in said(capsys, "--input", "x.csv", "--output", "run.csv", run=folder())


def folder() -> str:
    Path("run.csv").mkdir()
    return "run"


def test_an_answer_that_has_the_name_of_a_column(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stored.table(tmp_path / "x.csv", {"prediction": list("abcd"), "a": X[:, 0], "b": X[:, 1]})
    told = said(capsys, "--input", "x.csv", "--output", "y.csv")
    assert "prediction: is what the answers are called, and the input has such a column too." in told
    assert main(["predict", "run", *WORDS, "--keep", "none"]) == 0


TEXTS = {
    "": "--input x.txt.csv: is empty.",
    "a,b\n": "has a line of column names and no row",
    "a,a\n1,2\n": "must have a name of its own above each column. Received: a.",
    "a,\n1,2\n": "must have a name of its own above each column. Received: none above column 2.",
    "a\n1\n": "must have 2 columns of numbers, which the network takes in their order. Received: 1: a.",
    "a,b,c\n1,2,3\n": "Received: 3: a, b, c. Name those that are no inputs: --keep NAME,NAME.",
    "a,b\n1,x\n": "must have numbers in its columns, and b has text",
    "a,b\n1,2\n3\n": "has 1 cells, and there are 2 columns",
    "a,b\n1,2\n3,\n": "row 3: b is empty, and the network takes numbers alone",
    "a,b\n1,2\n3,inf\n": "row 3: b is inf, and the network takes numbers alone",
    "a,b\n1,\0\n": "is no text",
}


@pytest.mark.parametrize("content", TEXTS, ids=repr)
def test_a_text(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert TEXTS[content] in said(capsys, "--input", texts("x.txt.csv", content), "--output", "y.csv")


def test_a_text_that_goes_wrong_later(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "_PORTION", 1 << 12)
    monkeypatch.setattr(tabular.streams, "_BEGINNING", 1 << 12)
    lines = [f"{place},{place}.5" for place in range(3000)]
    lines[2500] = "1,=2+3"
    told = said(capsys, "--input", texts("x.csv", "\n".join(["a,b", *lines])), "--output", "y.csv")
    assert told == "x.csv: row 2502: b has '=2+3', and the network takes numbers alone"
    lines[2500] = "1,2,3"
    told = said(capsys, "--input", texts("x.csv", "\n".join(["a,b", *lines])), "--output", "y.csv")
    assert told == "x.csv: row 2502 has 3 cells, and there are 2 columns"
    lines[2500] = "1,"
    told = said(capsys, "--input", texts("x.csv", "\n".join(["a,b", *lines])), "--output", "y.csv")
    assert told == "x.csv: row 2502: b is empty, and the network takes numbers alone"


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "--input", "x.csv", "--output", "y.csv", "--keep", "ide")
    assert "--keep: names a column that is not there. Received: ide. Did you mean id?" in told
    assert "Its columns are id, a, b." in told
    pd.DataFrame({"a": [1.0], "b": ["x"]}).to_parquet("x.parquet")
    told = said(capsys, "--input", "x.parquet", "--output", "y.csv")
    assert "must have numbers in its columns, and b has text" in told
    pd.DataFrame({"a": [1.0, None], "b": [1, 2]}).to_parquet("x.parquet")
    told = said(capsys, "--input", "x.parquet", "--output", "y.csv")
    assert "row 2: a is empty" in told or "row 2: a is nan" in told
    pd.DataFrame({"a": [], "b": []}).to_parquet("x.parquet")
    assert "x.parquet: has no rows" in said(capsys, "--input", "x.parquet", "--output", "y.csv")
    Path("x.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    assert "x.parquet: cannot be read: " in said(capsys, "--input", "x.parquet", "--output", "y.csv")


def test_files_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("none.csv", "none.npy", "none.parquet", "none.png", "none.txt"):
        told = said(capsys, "--input", name, "--output", "y.csv", run=pixels())
        assert f"--input {name}: " in told
        assert "there is no such file" in told or "No such file" in told


def pixels() -> str:
    from runner import layers

    if not Path("pixels").exists():
        tree = layers.named(layers.Sequence((layers.Flatten(), layers.Dense(units=1, bias=False))))
        stored.write(Path("pixels").absolute(), tree, (2, 2, 1), {"dense0/kernel": np.ones((4, 1))})
    return "pixels"


ARRAYS: list[tuple[str, Any, str]] = [
    ("shape.npy", np.zeros((3, 5)), "must have the shape rows x 2. Received: 3 x 5."),
    ("one.npy", np.array(1.0), "must have the shape rows x 2. Received: one number."),
    ("none.npy", np.zeros((0, 2)), "has no rows"),
    ("words.npy", np.array([["a", "b"]]), "must have numbers. Received: <U1."),
    ("columns.npy", np.asfortranarray(np.zeros((3, 2))), "its rows are not one after the other"),
    ("nan.npy", np.array([[1.0, 2.0], [1.0, np.nan]]), "row 2 has a number that is not finite"),
]


@pytest.mark.parametrize(("name", "content", "rule"), ARRAYS, ids=[each[0] for each in ARRAYS])
def test_an_array(name: str, content: Any, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(name, content)
    assert rule in said(capsys, "--input", name, "--output", "y.csv")


def test_archives(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("two.npz", first=X, second=X)
    told = said(capsys, "--input", "two.npz", "--output", "y.csv")
    assert "must have one array, or call the examples inputs. Received: first, second." in told
    np.savez("x.npz", x=X, id=np.arange(4))
    told = said(capsys, "--input", "x.npz", "--output", "y.csv", "--keep", "ids")
    assert "Received: ids. Did you mean id? Of one value for each row are id." in told
    for name in ("cut.npy", "cut.npz"):
        whole = Path("x.npy" if name == "cut.npy" else "x.npz").read_bytes()
        Path(name).write_bytes(whole[:-20])
        assert f"{name}: " in said(capsys, "--input", name, "--output", "y.csv")
    save_file({"x": X}, "x.safetensors")
    Path("cut.safetensors").write_bytes(Path("x.safetensors").read_bytes()[:-8])
    assert "cut.safetensors: cannot be read" in said(
        capsys, "--input", "cut.safetensors", "--output", "y.csv"
    )


def test_images(capsys: pytest.CaptureFixture[str]) -> None:
    run = pixels()
    Path("photos").mkdir()
    assert "photos: has no image" in said(capsys, "--input", "photos", "--output", "y.csv", run=run)
    Path("photos/a.png").write_bytes(b"no image")
    told = said(capsys, "--input", "photos", "--output", "y.csv", run=run)
    assert "--input: photos/a.png is no picture that can be read" in told
    texts("list.txt", "photos/a.png\nphotos/b.png\n")
    told = said(capsys, "--input", "list.txt", "--output", "y.csv", run=run)
    assert "line 2 names a file that is not there. Received: photos/b.png." in told
    told = said(capsys, "--input", "photos", "--output", "y.csv")
    assert "has images, and the network takes examples of the shape 2" in told


def damaged(change: Any) -> None:
    """Changes what describes the network."""
    path = Path("run/network.json")
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))


CHANGES: dict[str, Any] = {
    "output": (lambda each: each.update(output="system"), "there is no output system"),
    "mean": (lambda each: each.update(input_mean=[0.0]), "input_mean has another shape"),
    "layer": (lambda each: each["layers"].append({"exec": {"name": "a"}}), "KeyError: 'exec'"),
    "units": (lambda each: each["layers"][0]["dense"].update(units=10**9), "has other arrays than"),
    "function": (
        lambda each: each["layers"].append({"activation": {"name": "a", "function": "os.system"}}),
        "has functions of a person's own, which are not carried out from files: os.system",
    ),
    "nothing": (lambda each: each.clear(), "describes no network"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_network_that_is_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, rule = CHANGES[name]
    damaged(change)
    assert rule in said(capsys, "--input", "x.npy", "--output", "y.csv")


def test_a_run_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Path("run/weights.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    assert "is no safetensors file" in said(capsys, "--input", "x.npy", "--output", "y.csv")
    Path("run/weights.safetensors").unlink()
    assert "has no weights.safetensors" in said(capsys, "--input", "x.npy", "--output", "y.csv")
    assert "nothing" in said(capsys, "--input", "x.npy", "--output", "y.csv", run="nothing")


def test_a_framework_that_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    assert main(["predict", "run", "--input", "x.npy", "--output", "y.csv", "--backend", "torch"]) == 2
    told = capsys.readouterr().err
    assert "--backend: needs torch, which is not installed. Received: torch. Type: pip install" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["y.csv", "y.parquet", "y.npz"])
def test_a_signal_leaves_no_half_file(
    name: str, number: signal.Signals, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_MOST_ROWS", 1)
    asked = []

    def answer(network: Any, inputs: Any) -> Any:
        asked.append(len(inputs))
        if len(asked) == 3:
            os.kill(os.getpid(), number)
        return np.zeros((len(inputs), 3))

    monkeypatch.setattr(models, "_in_numpy", answer)
    before = set(os.listdir())
    code = main(["predict", "run", "--input", "x.npy", "--output", name, "--backend", "numpy"])
    assert (code, len(asked)) == (128 + number, 3)
    assert capsys.readouterr().err.strip() == f"stopped; {name} was not written"
    assert set(os.listdir()) == before


def test_it_imports_neither_framework_nor_store(tmp_path: Path) -> None:
    from test_lazy_imports import FRAMEWORKS, imported

    heavy = FRAMEWORKS | {"mlflow", "matplotlib", "sklearn"}
    words = ["predict", str(tmp_path / "run"), "--input", str(tmp_path / "x.npy"), "--output", "-"]
    place = tmp_path / "elsewhere"
    place.mkdir()
    assert imported(place, *words, "--backend", "numpy").keys() & heavy == set()
