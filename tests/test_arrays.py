"""A person's own arrays in files, and what a function of their own may return."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from shares import shares
from support import curve, experiment, one_tensorflow_thread, trained

from runner.data import OnDemand, Source, arrays, own, prepare
from runner.data.gathered import Converted
from runner.errors import ConfigurationError
from runner.experiment import Component, Debug

DRAWS = np.random.default_rng(0)
SIGNALS = DRAWS.normal(size=(30, 5, 2))
LABELS = np.arange(30) % 3
WHOLE = Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)


def source(path: Path | str | None, **keywords: Any) -> Source:
    options: dict[str, Any] = {
        "targets_path": None,
        "inputs": None,
        "targets": None,
        "weights": None,
        "channels": "last",
        "task": None,
        "most_classes": 10,
        "tokens": None,
        "in_memory_bytes": 1e6,
    } | keywords
    return arrays.arrays(path=None if path is None else str(path), **options)


def npz(path: Path, **named: Any) -> Path:
    np.savez(path, **named)
    return path


# Files


def in_npz(folder: Path, inputs: NDArray[Any]) -> dict[str, Any]:
    return {"path": npz(folder / "a.npz", X=inputs, y=LABELS)}


def in_compressed(folder: Path, inputs: NDArray[Any]) -> dict[str, Any]:
    np.savez_compressed(folder / "c.npz", features=inputs, label=LABELS)
    return {"path": folder / "c.npz"}


def in_npy(folder: Path, inputs: NDArray[Any]) -> dict[str, Any]:
    np.save(folder / "x.npy", inputs)
    np.save(folder / "y.npy", LABELS)
    return {"path": folder / "x.npy", "targets_path": str(folder / "y.npy")}


def in_fortran(folder: Path, inputs: NDArray[Any]) -> dict[str, Any]:
    return in_npz(folder, np.asfortranarray(inputs))


def in_safetensors(folder: Path, inputs: NDArray[Any]) -> dict[str, Any]:
    save_file({"other": LABELS, "x": inputs, "targets": LABELS}, folder / "a.safetensors", {"by": "hand"})
    return {"path": folder / "a.safetensors"}


WRITERS = (in_npz, in_compressed, in_npy, in_safetensors)


KINDS = ("float32", "float64", "int16", "uint8", "bool")


@pytest.mark.parametrize(
    ("write", "kind"), [*((write, kind) for write in WRITERS for kind in KINDS), (in_fortran, "float64")]
)
@pytest.mark.parametrize("limit", [0, 1e6], ids=["mapped", "memory"])
def test_arrays_are_read_as_they_were_written(
    tmp_path: Path, write: Callable[..., dict[str, Any]], kind: str, limit: float
) -> None:
    expected = (SIGNALS * 40 + 100).astype(kind)
    found = source(**write(tmp_path, expected), in_memory_bytes=limit)
    inputs, targets = found.read()[:2]
    assert (found.name, found.task, found.rows, found.input_shape) == ("arrays", "multiclass", 30, (5, 2))
    assert found.classes == ("0", "1", "2")
    assert isinstance(inputs, OnDemand) == (limit == 0 and write is not in_compressed)
    order = np.array([7, 0, 29, 7])
    np.testing.assert_array_equal(inputs[order], expected[order])
    np.testing.assert_array_equal(targets, LABELS)
    if isinstance(inputs, OnDemand):
        kept = {"float32": "f4", "float64": "f8", "int16": "f4", "uint8": "u1", "bool": "f4"}[kind]
        assert inputs[order].dtype == inputs.dtype == kept
        np.testing.assert_array_equal(inputs.part(order)[1:3], expected[[0, 29]])
    else:
        assert inputs.dtype == (np.uint8 if kind == "uint8" else np.float64)


@pytest.mark.parametrize("standardise", [True, "channels"])
def test_a_mapped_array_has_the_standard_of_one_in_memory(tmp_path: Path, standardise: Any) -> None:
    path = npz(tmp_path / "a.npz", x=(SIGNALS * 5 + 900).astype(np.float32), y=LABELS)
    splits = [
        prepare(
            source(path, in_memory_bytes=limit),
            split=shares(0.2, 0.1),
            standardise=standardise,
            seed=3,
            debug=WHOLE,
        )
        for limit in (0, 1e6)
    ]
    numbers = np.load(path)["x"].astype(np.float64)
    of_training = splits[0].in_units(splits[0].train)
    assert (of_training[:, None] == numbers).all(axis=(2, 3)).any(axis=1).all()
    axis = (0, 1) if standardise == "channels" else 0
    for split in splits:
        mean, scale = (
            np.broadcast_to(each, (5, 2)) for each in (of_training.mean(axis), of_training.std(axis))
        )
        np.testing.assert_allclose(split.input_mean, mean, rtol=1e-12)
        np.testing.assert_allclose(split.input_scale, scale, rtol=1e-9)


def test_parts_are_told_by_the_names(tmp_path: Path) -> None:
    parts = {"train": slice(0, 20), "val": slice(20, 24), "test": slice(24, 30)}
    named = {f"{part}_images": SIGNALS[rows] for part, rows in parts.items()}
    named |= {f"{part}_labels": LABELS[rows][:, None] for part, rows in parts.items()}
    found = source(npz(tmp_path / "a.npz", **named))
    assert (found.rows, found.validation_rows, found.test_rows) == (30, 4, 6)
    np.testing.assert_array_equal(found.read()[0], SIGNALS)
    np.testing.assert_array_equal(found.labels(), LABELS)
    assert found.notes[0] == (
        "data.path: its arrays are the parts: train_images (20), val_images (4), test_images (6)."
    )


@pytest.mark.parametrize(
    ("targets", "task", "classes"),
    [
        (LABELS * 5, "multiclass", ("0", "5", "10")),
        (LABELS == 1, "binary", ("False", "True")),
        (np.array(["große", "klein"])[LABELS % 2], "binary", ("große", "klein")),
        (np.arange(30), "regression", ()),
        (LABELS / 2, "regression", ()),
        (SIGNALS[:, 0], "regression", ()),
    ],
)
def test_the_task_is_told_by_the_targets(
    tmp_path: Path, targets: Any, task: str, classes: tuple[str, ...]
) -> None:
    found = source(npz(tmp_path / "a.npz", x=SIGNALS, y=targets))
    assert (found.task, found.classes) == (task, classes)
    read = found.read()[1]
    if classes:
        assert [classes[number] for number in read] == [str(each) for each in targets]
    else:
        np.testing.assert_array_equal(read, np.asarray(targets, float).reshape(30, -1))
        assert found.target_width == read.shape[1]


def test_a_task_that_is_asked_for(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=SIGNALS, y=LABELS.astype(float))
    assert source(path, task="multiclass").classes == ("0", "1", "2")
    assert source(path, task="regression").classes == ()


@pytest.mark.parametrize(
    ("channels", "shape"), [("last", (3, 4, 5)), ("first", (4, 5, 3)), ("none", (3, 4, 5, 1))]
)
def test_channels_come_last(tmp_path: Path, channels: str, shape: tuple[int, ...]) -> None:
    images = DRAWS.normal(size=(30, 3, 4, 5))
    path = npz(tmp_path / "a.npz", x=images, y=LABELS)
    expected = {"last": images, "first": images.transpose(0, 2, 3, 1), "none": images[..., None]}[channels]
    for limit in (0, 1e6):
        found = source(path, channels=channels, in_memory_bytes=limit)
        assert found.input_shape == shape
        np.testing.assert_array_equal(found.read()[0][np.arange(30)], expected)


def test_weights_and_vectors_and_tokens(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=np.arange(30) % 4, y=LABELS, w=LABELS + 0.5)
    found = source(path, weights="w", tokens=4)
    inputs, _, weights = found.read()  # type: ignore[misc]  # It is weighted.
    assert (found.weighted, found.tokens, inputs.shape) == (True, 4, (30, 1))
    np.testing.assert_array_equal(weights, LABELS + 0.5)


# Wrong


def refused(path: Path | str | None, **keywords: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        source(path, **keywords)
    return str(error.value)


@pytest.mark.parametrize(
    ("named", "keywords", "sentence"),
    [
        (
            {"x": SIGNALS[:9], "y": LABELS},
            {},
            "data.targets: must have as many rows as the inputs, which have 9. Received: 30.",
        ),
        (
            {"x": SIGNALS},
            {},
            "must hold inputs and targets, and has one array. Name that of the targets by data.targets_path=FILE",
        ),
        (
            {"x": SIGNALS, "other": LABELS},
            {},
            "data.targets: must name one of the arrays, because none is called targets, target, y",
        ),
        (
            {"x": SIGNALS, "X": SIGNALS, "y": LABELS},
            {},
            "data.inputs: must name one of the arrays, because x, X could all be meant",
        ),
        (
            {"x": SIGNALS, "y": LABELS},
            {"inputs": "xx"},
            "data.inputs: there is no array of that name. Received: xx. ",
        ),
        (
            {"x": SIGNALS[:0], "y": LABELS[:0]},
            {},
            "data.inputs: must hold at least one number. Received: an array of shape (0, 5, 2)",
        ),
        (
            {"x": SIGNALS, "y": LABELS * 0},
            {},
            "data.targets: must have at least two classes, or there is nothing to tell apart. Received: 0",
        ),
        (
            {"x": SIGNALS, "y": LABELS * 0.0},
            {},
            "data.targets: must differ between rows, or there is nothing to learn. Received: 0 in every",
        ),
        (
            {"x": np.where(SIGNALS[4, 3, 1] == SIGNALS, np.nan, SIGNALS), "y": LABELS},
            {},
            "NaN or infinity in 1 of 30 rows, the first of them row 4 at (3, 1)",
        ),
        (
            {"x": SIGNALS, "y": np.where(LABELS == 1, np.inf, 0.5)},
            {},
            "data.targets: must hold finite numbers only. Received: NaN or infinity in 10 of 30 rows",
        ),
        (
            {"x": SIGNALS, "y": SIGNALS},
            {},
            "data.targets: must hold one value for each row, or one row of values. Received: an array of shape (30, 5, 2)",
        ),
        (
            {"x": np.array(["a"] * 30), "y": LABELS},
            {},
            "data.inputs: must hold numbers. Received: values of type <U1.",
        ),
        (
            {"x": SIGNALS + 1j, "y": LABELS},
            {},
            "x must hold numbers, truth values or words. Received: values of type complex128.",
        ),
        (
            {"x": SIGNALS, "y": LABELS, "w": -LABELS},
            {"weights": "w"},
            "data.weights: must hold finite numbers of at least 0. Received: -2.",
        ),
        (
            {"x": SIGNALS, "y": LABELS},
            {"task": "binary"},
            "must have two classes, because data.task is binary. Received: 3: 0, 1, 2.",
        ),
        (
            {"x": SIGNALS, "y": LABELS / 2},
            {"task": "multiclass"},
            "must hold whole numbers, words or truth values for classes. Received: 0.5.",
        ),
        (
            {"x": SIGNALS, "y": SIGNALS[:, 0]},
            {"task": "multiclass"},
            "must hold one class for each row. Received: 2 values for each row.",
        ),
        (
            {"x": np.float64(3.0), "y": LABELS},
            {},
            "data.inputs: must have one row for each example. Received: a single number.",
        ),
        (
            {"x_train": SIGNALS, "y_train": LABELS[:4]},
            {},
            "x_train and y_train must have as many rows as each other",
        ),
    ],
)
def test_arrays_that_cannot_be_learnt(tmp_path: Path, named: Any, keywords: Any, sentence: str) -> None:
    assert sentence in refused(npz(tmp_path / "a.npz", **named), **keywords)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    ragged = np.array([[1.0], [1.0, 2.0]], dtype=object)
    np.save(tmp_path / "x.npy", ragged, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=ragged, y=LABELS)  # type: ignore[arg-type]  # It is written as a pickle.
    np.savez_compressed(tmp_path / "c.npz", x=ragged, y=LABELS)  # type: ignore[arg-type]  # The same.
    for name in ("x.npy", "a.npz", "c.npz"):
        said = refused(tmp_path / name)
        assert (
            f"{name} holds Python objects, which are read as a pickle, and a pickle can run any program."
            in said
        )
        assert "Save plain arrays: rows of one length" in said


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"")
    for name in ("x.npy", "a.npz", "a.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        assert f"{name} is damaged or of another kind: " in refused(tmp_path / name)
    assert "must name a file of the kinds .npy, .npz, .safetensors. Received: a.pt." in refused(
        tmp_path / "a.pt"
    )
    assert "Received: a folder." in refused(tmp_path)
    assert "Did you mean x.npy?" in refused(tmp_path / "y.npy")
    assert "data.path: must name a file of arrays: .npy, .npz, .safetensors. Received: null." in refused(None)


def test_a_file_of_tensors_that_ends_too_early(tmp_path: Path) -> None:
    path = in_safetensors(tmp_path, SIGNALS)["path"]
    path.write_bytes(path.read_bytes()[:-8])
    assert "it ends before its array" in refused(path)
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert "x is of type BF16, which NumPy does not have; save it as F32" in refused(path)


# Functions


OWN = Component(target="my_data.signals", arguments={}, key="data")


def given(made: Any) -> Source:
    return own.as_source(made, OWN)


def batches(size: int) -> Iterator[tuple[Any, Any]]:
    for first in range(0, 30, size):
        yield SIGNALS[first : first + size], LABELS[first : first + size]


@pytest.mark.parametrize(
    "made",
    [
        lambda: (SIGNALS, LABELS),
        lambda: [SIGNALS.tolist(), LABELS.tolist()],
        lambda: (torch.tensor(SIGNALS), torch.tensor(LABELS)),
        lambda: zip(SIGNALS, LABELS, strict=True),
        lambda: batches(7),
        lambda: torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.tensor(SIGNALS), torch.tensor(LABELS)), batch_size=4
        ),
        lambda: {
            "train": (SIGNALS[:20], LABELS[:20]),
            "test": (SIGNALS[20:], LABELS[20:]),
        },
    ],
    ids=["arrays", "lists", "tensors", "rows", "batches", "loader", "parts"],
)
def test_what_a_function_may_return(made: Callable[[], Any]) -> None:
    found = given(made())
    inputs, targets = found.read()[:2]
    assert (found.name, found.task, found.input_shape, found.classes) == (
        "signals",
        "multiclass",
        (5, 2),
        ("0", "1", "2"),
    )
    np.testing.assert_array_equal(inputs, SIGNALS)
    np.testing.assert_array_equal(targets, LABELS)


def test_a_frame_and_the_name_of_its_target() -> None:
    frame = pandas.DataFrame({"a": [1, 2, 3], "kind": ["x", "y", "x"], "b": [0.5, 1.5, 2.5]})
    found = given((frame, "kind"))
    assert (found.classes, found.labels().tolist()) == (("x", "y"), [0, 1, 0])
    np.testing.assert_array_equal(found.read()[0], [[1, 0.5], [2, 1.5], [3, 2.5]])


def test_parts_of_a_function_are_its_own_and_weights_go_along() -> None:
    parts = {
        "test": (SIGNALS[25:], LABELS[25:], LABELS[25:] + 1.0),
        "train": (SIGNALS[:20], LABELS[:20], LABELS[:20] + 1.0),
        "val": (SIGNALS[20:25], LABELS[20:25], LABELS[20:25] + 1.0),
    }
    found = given(parts)
    assert (found.validation_rows, found.test_rows, found.weighted) == (5, 5, True)
    np.testing.assert_array_equal(found.read()[2], LABELS + 1.0)  # type: ignore[misc]  # It is weighted.


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            None,
            "must return a runner.data.Source, (inputs, targets) or (inputs, targets, weights), a mapping",
        ),
        (SIGNALS, "Received: ndarray."),
        ((SIGNALS,), "Received: 1 values."),
        (
            (SIGNALS, LABELS[:4]),
            "data._target_, targets: must have as many rows as the inputs, which have 30. Received: 4.",
        ),
        (([[1], [1, 2]], [0, 1]), "data._target_: must return rows of one length."),
        (
            (np.array([{}, {}]), [0, 1]),
            "must return arrays of numbers, truth values or words. Received: an array of type object.",
        ),
        (
            {"training": (SIGNALS, LABELS), "holdout": (SIGNALS, LABELS)},
            "must name its parts train, validation and test",
        ),
        ({}, "Received: an empty mapping."),
        (
            {"train": (SIGNALS, LABELS), "test": (SIGNALS[:, :2], LABELS)},
            "rows of one shape in all parts. Received: train (5, 2), test (2, 2).",
        ),
        (
            {"train": (SIGNALS, LABELS, LABELS), "test": (SIGNALS, LABELS)},
            "weights in every part or in none. Received: weights in 1 of 2",
        ),
        (iter([]), "must yield at least one row. Received: an iterator that is empty."),
        (
            iter([SIGNALS]),
            "must yield (inputs, targets), of one row or of a batch. Received: ndarray as number 0.",
        ),
        (
            iter([(SIGNALS[0], 1), (SIGNALS[0, :2], 0)]),
            "must yield rows of one shape. Received: (2, 2), (5, 2).",
        ),
        (pandas.DataFrame({"a": [1]}), "must return a DataFrame together with the name of its target."),
        ((pandas.DataFrame({"a": [1]}), "b"), "the name of one of its columns. Received: b. Columns: a."),
        (
            (pandas.DataFrame({"a": ["x"], "b": [1]}), "b"),
            "a DataFrame of numbers beside its target. Received: a. Write the frame to a file",
        ),
        ((SIGNALS, LABELS * 0), "data._target_, targets: must have at least two classes"),
    ],
)
def test_what_a_function_may_not_return(made: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        given(made)
    assert sentence in str(error.value)


def test_rows_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_MOST_BYTES", 1000)
    with pytest.raises(
        ConfigurationError, match="yields more than the 1e-06 GB that are collected in memory"
    ):
        given((SIGNALS[0], 1) for _ in iter(int, 1))


# Trained


MODULE = """
import numpy as np

calls = []

def signals(*, waves, seed):
    calls.append(seed)
    draws = np.random.default_rng(seed)
    classes = draws.integers(0, 2, 60)
    steps = np.arange(8)
    for each in classes:
        yield np.sin(waves * steps * (1 + each) + draws.normal())[:, None], ("slow", "fast")[each]
"""


def test_both_backends_learn_mapped_arrays_and_functions_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_waves.py").write_text(MODULE)
    one_tensorflow_thread()
    path = npz(tmp_path / "a.npz", x=SIGNALS.astype(np.float32), y=LABELS)
    short = (
        "training.epochs=2",
        "training.batch_size=8",
        "training.precision=64",
        "plots=none",
        "tracking=none",
    )
    network = ("architecture=rnn", "architecture.units=[4]", "architecture.cell=gru")
    chosen = {
        "mapped": ("data=arrays", f"data.path={path}", "data.in_memory_bytes=0"),
        "own": ("data._target_=my_waves.signals", "+data.waves=0.3"),
    }
    for name, data in chosen.items():
        results = {
            backend: trained(f"backend={backend}", *data, *network, *short)[0]
            for backend in ("torch", "keras")
        }
        for metric in ("train/loss", "validation/loss", "gradient_norm"):
            found, expected = (curve(results[each], metric) for each in ("keras", "torch"))
            np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=name)


def test_a_function_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_waves.py").write_text(MODULE)
    experiment("data._target_=my_waves.signals", "+data.waves=0.3", "architecture=rnn")
    import my_waves

    assert my_waves.calls == [0]
    experiment("data._target_=my_waves.signals", "+data.waves=0.3", "architecture=rnn", "seed=1")
    assert my_waves.calls == [0, 1]


def test_numbers_of_few_bits_stay_exact(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=np.arange(60, dtype=">i2").reshape(30, 2) * 500, y=LABELS)
    inputs = source(path, in_memory_bytes=0).read()[0]
    assert isinstance(inputs, Converted)
    np.testing.assert_array_equal(
        inputs[:],
        np.arange(60).reshape(30, 2) * 500,
    )
