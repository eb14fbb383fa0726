"""Data sets of the Hugging Face Hub, saved in a folder, and those that scikit-learn fetches into its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from own_files import saved_dataset
from sklearn import datasets as fetchers

from runner.data import Source, fetched, huggingface
from runner.errors import ConfigurationError

datasets = pytest.importorskip("datasets", reason="the extra huggingface is not installed")


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    datasets.disable_progress_bars()


def source(name: Path | str, **keywords: Any) -> Source:
    options: dict[str, Any] = {
        "subset": None,
        "inputs": None,
        "target": None,
        "task": None,
        "most_classes": 100,
        "tokens": None,
    } | keywords
    return huggingface.huggingface(name=str(name), **options)


def saved(folder: Path, features: dict[str, Any], **parts: dict[str, Any]) -> Path:
    made = {
        part: datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        for part, columns in parts.items()
    }
    datasets.DatasetDict(made).save_to_disk(str(folder))
    return folder


YES_NO = datasets.ClassLabel(names=["no", "yes"])


def test_numbers_of_a_folder(tmp_path: Path) -> None:
    found = source(saved_dataset(tmp_path / "saved"))
    assert (found.task, found.classes, found.input_shape) == ("multiclass", ("low", "mid", "top"), (2,))
    inputs, targets = found.read()[:2]
    np.testing.assert_array_equal(inputs, np.stack([np.linspace(0, 1, 30), np.arange(30) % 7], axis=1))
    np.testing.assert_array_equal(targets, np.arange(30) % 3)
    prices = source(tmp_path / "saved", target="height", inputs=["age"])
    assert (prices.task, prices.input_shape) == ("regression", (1,))


def test_pictures_in_parts(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5)).astype(np.uint8)
    features = {"image": datasets.Image(), "label": YES_NO}
    path = saved(
        tmp_path / "saved",
        features,
        train={"image": list(pixels[:4]), "label": [0, 1, 0, 1]},
        test={"image": list(pixels[4:]), "label": [1, 0]},
    )
    found = source(path)
    assert (found.rows, found.test_rows, found.validation_rows, found.input_shape) == (6, 2, 0, (4, 5, 1))
    inputs, targets = found.read()[:2]
    assert isinstance(inputs, np.ndarray)
    assert inputs.dtype == np.uint8
    np.testing.assert_array_equal(inputs[..., 0], pixels)
    assert (targets.tolist(), found.classes) == ([0, 1, 0, 1, 1, 0], ("no", "yes"))
    assert found.notes[0] == "data.name: its splits are train (4), test (2)."


def test_tokens_and_a_test_split_with_secret_labels(tmp_path: Path) -> None:
    features = {"ids": datasets.Sequence(datasets.Value("int32")), "label": YES_NO}
    path = saved(
        tmp_path / "saved",
        features,
        train={"ids": [[1, 2, 0], [3, 1, 1]], "label": [0, 1]},
        test={"ids": [[1, 1, 1]], "label": [-1]},
    )
    found = source(path, tokens=4)
    assert (found.rows, found.test_rows, found.tokens, found.input_shape) == (2, 0, 4, (3,))
    assert "data.name: the labels of test are kept secret (-1), so that part is left out." in found.notes


def refused(name: Path | str, **keywords: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        source(name, **keywords)
    return str(error.value)


def test_features_that_cannot_be_learnt(tmp_path: Path) -> None:
    path = saved_dataset(tmp_path / "saved")
    assert "Received: lable. Did you mean label?" in refused(path, target="lable")
    said = refused(path, inputs=["hight"])
    assert "data.inputs: is no feature of the data set. Received: hight. Did you mean height?" in said
    said = refused(path, inputs=["word"])
    assert "must be numbers, pictures, or lists of numbers of one length. Received: word (string)." in said
    assert "Words become whole numbers by a tokenizer" in said


def test_rows_of_several_lengths_and_sizes(tmp_path: Path) -> None:
    lists = {"ids": datasets.Sequence(datasets.Value("int32")), "label": YES_NO}
    path = saved(tmp_path / "lists", lists, train={"ids": [[1, 2], [3]], "label": [0, 1]})
    assert "ids must have lists of one length. Received: (1,) and (2,). Pad or cut them" in refused(path)
    images = {"image": datasets.Image(), "label": YES_NO}
    sizes = [np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)]
    path = saved(tmp_path / "images", images, train={"image": sizes, "label": [0, 1]})
    assert "image must have pictures of one size. Received: 2 sizes, as (2, 2) and (2, 3)." in refused(path)


def test_what_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    said = refused("nobody/nothing")
    assert said.startswith("data.name: could not be loaded: ")
    assert (
        "Without a network it must be in the cache (HF_HOME names it), or be a folder that save_to_disk wrote"
        in said
    )
    path = saved_dataset(tmp_path / "saved")
    (path / "data.arrow").write_bytes(b"nothing of the kind")
    assert "could not be loaded: " in refused(path)
    (tmp_path / "b").mkdir()
    features = {"a": datasets.Value("float32"), "label": YES_NO}
    path = saved(
        tmp_path / "other", features, validation={"a": [1.0], "label": [0]}, test={"a": [1.0], "label": [0]}
    )
    assert "data.name: must have a split called train. Received: validation, test." in refused(path)


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface.extras.importlib.util, "find_spec", lambda name: None)
    assert "needs datasets, which is not installed. Received: a/b. Type: pip install" in refused("a/b")


# scikit-learn


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    return tmp_path


def test_house_prices_are_read_from_scikit_learns_folder(home: Path) -> None:
    rows = np.random.default_rng(0).uniform(1, 9, (20640, 9))
    found = fetched.fetched(name="california_housing")
    assert found.files is not None
    assert found.files.missing() == ("cal_housing_py3.pkz",)
    assert str(found.files.note()) == (
        f"data.name: a run would let scikit-learn download california_housing to {home}."
    )
    # As scikit-learn itself keeps them: the price first, then sums that it divides by rooms and households.
    joblib.dump(rows, home / "cal_housing_py3.pkz", compress=6)
    assert not found.files.missing()
    inputs, targets = found.read()[:2]
    np.testing.assert_allclose(targets[:, 0], rows[:, 0] / 100000)
    np.testing.assert_allclose(inputs[:, 2], rows[:, 3] / rows[:, 6])
    assert (found.rows, found.input_shape, found.task) == (20640, (8,), "regression")
    assert inputs.shape == (20640, 8)


def test_faces_are_read_from_scikit_learns_folder(home: Path) -> None:
    faces = np.random.default_rng(1).uniform(0, 1, (400, 64 * 64)).astype(np.float32)
    joblib.dump(faces, home / "olivetti_py3.pkz", compress=6)
    found = fetched.fetched(name="olivetti_faces")
    inputs, targets = found.read()[:2]
    # scikit-learn brings them to 0 to 1 and turns them upright.
    scaled = (faces - faces.min()) / (faces - faces.min()).max()
    np.testing.assert_allclose(inputs[..., 0], scaled.reshape(400, 64, 64).swapaxes(1, 2), rtol=1e-6)
    assert np.bincount(targets).tolist() == [10] * 40
    assert len(found.classes) == 40


def test_without_a_network_it_is_said_what_to_put_where(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(fetchers, "fetch_covtype", unreachable)
    with pytest.raises(ConfigurationError) as error:
        fetched.fetched(name="covtype").read()
    said = str(error.value)
    assert "covtype is not there, and scikit-learn could not download it: no route to host." in said
    assert f"copy covertype/samples_py3 and covertype/targets_py3 of its scikit_learn_data to {home}." in said


def test_a_check_needs_no_network_and_nothing_heavy(home: Path) -> None:
    code = (
        "import sys, json; from runner.data import fetched; fetched.fetched(name='covtype').files.note();"
        "print(json.dumps(sorted({'sklearn', 'datasets', 'pandas'} & set(sys.modules))))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout) == []
