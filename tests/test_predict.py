"""The verb predict: every kind of input and output, in order, with what goes along; both frameworks against NumPy."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stored
from examples import card
from PIL import Image
from safetensors.numpy import save_file

from runner import forward, layers
from runner.__main__ import main
from runner.prediction import models
from runner.tracking.journal import Journal

ROWS = 5000
X = np.random.default_rng(0).normal(size=(ROWS, 2))
IDS = [f"{place:05d}" for place in range(ROWS)]
EXPECTED = stored.probabilities(X)
NAMES = ["probability_no", "probability_yes", "probability_may, be"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a classifier and a regression, whose batches are so small that there are many."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "_MOST_ROWS", 1000)
    stored.classifier(tmp_path / "run")
    stored.regression(tmp_path / "values")
    return tmp_path


def predict(*words: str, run: str = "run", code: int = 0) -> None:
    assert main(["predict", run, *words, "--backend", "numpy"]) == code


def require_answers(found: pd.DataFrame) -> None:
    np.testing.assert_allclose(found[NAMES].to_numpy(), EXPECTED, rtol=0, atol=1e-14)
    taken = EXPECTED.argmax(axis=1)
    assert found["prediction"].tolist() == [stored.CLASSES[each] for each in taken]


def write_input(name: str) -> None:
    """Writes the same rows, with identifiers and a text that has a comma in it, in a format."""
    frame = pd.DataFrame({"id": IDS, "a": X[:, 0], "b": X[:, 1], "said": "1, 2"})
    if name.endswith(".parquet"):
        frame.to_parquet(name, row_group_size=700)
    elif name.endswith(".feather"):
        frame.to_feather(name)
    elif name == "semicolons.csv":
        frame.to_csv(name, index=False, sep=";")
    elif name == "wide.csv":
        frame.to_csv(name, index=False, encoding="utf-16")
    elif name == "marked.csv":
        frame.to_csv(name, index=False, encoding="utf-8-sig")
    else:
        frame.to_csv(name, index=False, sep="\t" if ".tsv" in name else ",")


@pytest.mark.parametrize(
    "name",
    ["x.csv", "x.tsv", "x.csv.gz", "semicolons.csv", "wide.csv", "marked.csv", "x.parquet", "x.feather"],
)
def test_columns_are_answered_in_their_order_and_keep_their_identifiers(name: str) -> None:
    write_input(name)
    predict("--input", name, "--output", "y.csv", "--keep", "id,said")
    found = pd.read_csv("y.csv", dtype={"id": str})
    assert list(found) == ["id", "said", "prediction", *NAMES]
    assert found["id"].tolist() == IDS
    assert set(found["said"]) == {"1, 2"}
    require_answers(found)


def test_what_is_no_number_goes_along_by_itself_and_everything_else_on_demand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_input("x.parquet")
    predict("--input", "x.parquet", "--output", "y.parquet")
    found = pd.read_parquet("y.parquet")
    assert list(found) == ["id", "said", "prediction", *NAMES]
    require_answers(found)
    predict("--input", "x.parquet", "--output", "z.parquet", "--keep=said")
    assert list(pd.read_parquet("z.parquet")) == ["said", "prediction", *NAMES]
    assert "x.parquet: ignored: id." in capsys.readouterr().err
    predict("--input", "x.parquet", "--output", "z.parquet", "--keep=none", "--force")
    assert list(pd.read_parquet("z.parquet")) == ["prediction", *NAMES]


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.safetensors"])
def test_arrays_are_answered(name: str) -> None:
    if name == "x.npy":
        np.save(name, X)
    elif name == "x.npz":
        np.savez_compressed(name, x=X, number=np.arange(ROWS), word=np.array(IDS), other=np.zeros(3))
    else:
        save_file({"x": X, "number": np.arange(ROWS)}, name)
    predict("--input", name, "--output", "y.npz")
    with np.load("y.npz", allow_pickle=False) as found:
        np.testing.assert_allclose(found["probability"], EXPECTED, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(found["prediction"], EXPECTED.argmax(axis=1))
        assert found["classes"].tolist() == list(stored.CLASSES)
        assert ("number" in found) == (name != "x.npy")
        if name == "x.npz":
            assert found["word"].tolist() == IDS
            np.testing.assert_array_equal(found["number"], np.arange(ROWS))
            assert "other" not in found


def test_standard_input_and_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    typed = "\n".join(f"{a!r},{b!r}" for a, b in X.tolist()[:10])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    predict("--input", "-", "--output", "-")
    found = pd.read_csv(io.BytesIO(capsysbinary.readouterr().out))
    np.testing.assert_allclose(found[NAMES].to_numpy(), EXPECTED[:10], rtol=0, atol=1e-14)


def test_values_have_the_units_of_the_data() -> None:
    x = np.array([[1.0, 0.0, 0.0], [0.5, 2.0, -1.0]])
    np.save("x.npy", x.astype(np.float32))
    predict("--input", "x.npy", "--output", "y.csv", run="values")
    assert pd.read_csv("y.csv")["prediction"].tolist() == [4 * 1.0 + 10, 4 * (0.5 + 4 - 3) + 10]


def test_two_classes_by_one_probability(tmp_path: Path) -> None:
    tree = layers.named(layers.Sequence((layers.Dense(units=1, bias=False),)))
    arrays = {"dense0/kernel": np.array([[2.0]])}
    stored.write(tmp_path / "two", tree, (1,), arrays, output="sigmoid", classes=("no", "yes"))
    stored.table(tmp_path / "x.csv", {"x": [-1.0, 0.0, 3.0]})
    predict("--input", "x.csv", "--output", "y.csv", run="two")
    found = pd.read_csv("y.csv")
    yes = 1 / (1 + np.exp([2.0, 0.0, -6.0]))
    np.testing.assert_allclose(found[["probability_no", "probability_yes"]], np.stack([1 - yes, yes], axis=1))
    # The metrics count a half as no.
    assert found["prediction"].tolist() == ["no", "no", "yes"]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_a_folder_and_of_a_list(channels: int, tmp_path: Path) -> None:
    shape = (4, 6, channels)
    tree = layers.named(layers.Sequence((layers.Flatten(), layers.Dense(units=1, bias=False))))
    kernel = np.random.default_rng(1).normal(size=(4 * 6 * channels, 1))
    stored.write(tmp_path / "pixels", tree, shape, {"dense0/kernel": kernel})
    pixels = np.random.default_rng(2).integers(0, 256, size=(3, *shape), dtype=np.uint8)
    (tmp_path / "photos" / "b").mkdir(parents=True)
    names = ["photos/a.png", "photos/b/z.png", "photos/c.bmp"]
    for name, each in zip(names, pixels, strict=True):
        Image.fromarray(each.squeeze()).save(name)
    expected = 4 * (pixels.reshape(3, -1).astype(float) @ kernel)[:, 0] + 10
    predict("--input", "photos", "--output", "y.csv", run="pixels")
    found = pd.read_csv("y.csv")
    assert found["file"].tolist() == names
    np.testing.assert_allclose(found["prediction"], expected, rtol=1e-13)
    Path("order.txt").write_text("\n".join(reversed(names)))
    predict("--input", "order.txt", "--output", "z.csv", run="pixels")
    np.testing.assert_allclose(pd.read_csv("z.csv")["prediction"], expected[::-1], rtol=1e-13)


def test_images_of_another_size_are_resized_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = layers.named(layers.Sequence((layers.Flatten(), layers.Dense(units=1, bias=False))))
    stored.write(tmp_path / "pixels", tree, (2, 2, 1), {"dense0/kernel": np.ones((4, 1))})
    Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).save("grey.png")
    predict("--input", "grey.png", "--output", "y.csv", run="pixels")
    assert pd.read_csv("y.csv")["prediction"].tolist() == [4 * 400.0 + 10]
    assert "grey.png is 8 x 8: all images are resized to 2 x 2." in capsys.readouterr().err


NETWORKS: dict[str, list[str]] = {
    "mlp": ["data=iris", "architecture.batch_norm=true", "architecture.dropout=0.3"],
    "cnn": ["architecture=cnn", "architecture.filters=[2,3]", "activation=gelu"],
    "resnet": ["architecture=resnet", "architecture.stages=[2,3]", "activation=prelu"],
    "rnn": ["architecture=rnn", "data=brackets", "architecture.bidirectional=true"],
    "transformer": ["architecture=transformer", "data=adding", "activation=glu"],
    "autoencoder": ["architecture=autoencoder", "data=wine"],
    "count": ["data=diabetes", "loss=poisson", "standardise=false"],
    "probability": ["data=breast_cancer", "loss=binary_cross_entropy"],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_frameworks_say_the_same_as_plain_numpy(name: str, tmp_path: Path) -> None:
    network = stored.untrained(tmp_path / name, *NETWORKS[name])
    rows = np.random.default_rng(3).integers(0, 2, size=(7, *network.input_shape)).astype(np.float64)
    # As those of a file are.
    rows.flags.writeable = False
    expected = forward.predict(network.described, network.weights, rows)
    assert np.std(expected) > 1e-4
    for backend in ("torch", "keras"):
        found = models.predictor(network, backend)(rows)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_a_run_is_named_by_its_name_by_last_and_by_its_folder(place: Path) -> None:
    np.save("x.npy", X)
    folder = place / "outputs" / "day" / "time"
    folder.parent.mkdir(parents=True)
    stored.classifier(folder)
    journal = Journal(folder)
    journal.start(card(place, name="my run"))
    journal.end("FINISHED", None)
    for number, run in enumerate(("my run", "last", "outputs/day/time")):
        predict("--input", "x.npy", "--output", f"{number}.csv", run=run)
        require_answers(pd.read_csv(f"{number}.csv"))


def test_who_trained_answers_where_nobody_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: dict[str, Any] = {"torch": None, "tensorflow": object()}
    monkeypatch.setattr(models.importlib.util, "find_spec", there.get)
    assert [models.usual(name) for name in ("keras", "torch", None)] == ["keras", "keras", "keras"]
    there["tensorflow"] = None
    assert models.usual("keras") == "numpy"
