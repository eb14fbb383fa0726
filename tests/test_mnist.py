"""The real MNIST and Fashion-MNIST, where this machine has them: in the folder that RUNNER_MNIST names, or in the cache.

RUNNER_MNIST=folder/with/the/four/files pytest tests/test_mnist.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from shares import shares
from support import curve, one_tensorflow_thread, trained

from runner.data import Source, images, prepare
from runner.experiment import Debug

ALL = Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)
FOLDER = os.environ.get("RUNNER_MNIST")
SPLIT = shares(0.15, 0.15)


def real(root: str | None = FOLDER, *, memory_map: bool = False) -> Source:
    source = images.mnist(root=root, memory_map=memory_map)
    assert source.files is not None
    if source.files.missing():
        pytest.skip(f"MNIST is not in {source.files.folder}; RUNNER_MNIST can name a folder that has it")
    return source


def fashion() -> Source:
    source = images.fashion_mnist(root=None, memory_map=False)
    assert source.files is not None
    if source.files.missing():
        pytest.skip(f"Fashion-MNIST is not in {source.files.folder}")
    return source


# What is known of them without a file


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_what_is_downloaded_is_named_in_full(name: str) -> None:
    files = getattr(images, name)(root=None, memory_map=False).files
    assert [file.name for file in files.files] == [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ]
    digests = [digest for file in files.files for digest in (file.packed_sha256, file.sha256) if digest]
    assert len(digests) == len(set(digests)) == (8 if name == "mnist" else 4)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert len(files.mirrors) == 2
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in files.mirrors)
    assert files.folder.parts[-2:] == ("runner", name)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_folder_may_begin_at_home(name: str) -> None:
    files = getattr(images, name)(root="~/images", memory_map=True).files
    assert files.folder.is_absolute()
    assert files.folder.name == "images"


# What is in them


def test_the_digits_are_the_published_ones() -> None:
    """The figures that everybody who normalises MNIST writes down: mean 0.1307 and deviation 0.3081 of 60,000 images."""
    inputs, targets = real().read()[:2]
    assert (inputs.shape, inputs.dtype) == ((70_000, 28, 28, 1), np.uint8)
    pixels = inputs[:60_000] / np.float32(255)
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert targets[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert targets[60_000:60_010].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(targets[60_000:]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_clothes_are_a_tenth_of_each_kind() -> None:
    inputs, targets = fashion().read()[:2]
    assert (inputs.shape, inputs.dtype) == ((70_000, 28, 28, 1), np.uint8)
    assert np.bincount(targets[:60_000]).tolist() == [6000] * 10
    assert np.bincount(targets[60_000:]).tolist() == [1000] * 10


def test_the_test_rows_are_those_of_the_test_file() -> None:
    source = real()
    inputs, targets = source.read()[:2]
    parts = [prepare(source, split=SPLIT, standardise=False, seed=seed, debug=ALL) for seed in (0, 1)]
    for splits in parts:
        assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [
            51_000,
            9_000,
            10_000,
        ]
        np.testing.assert_array_equal(splits.test.inputs[:], inputs[60_000:])
        np.testing.assert_array_equal(splits.test.targets, targets[60_000:])
    assert (parts[0].train.targets != parts[1].train.targets).any()


def test_a_mapped_file_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "cache", lambda: tmp_path)
    plain, mapped = (real(memory_map=choice).read()[0] for choice in (False, True))
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, plain)


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_one_epoch_is_the_same_and_learns(backend: str) -> None:
    """The first epoch of chapter/mnist_mlp; 0.3383 on torch."""
    real()
    if backend == "keras":
        one_tensorflow_thread()
    root = [] if FOLDER is None else [f"data.root={FOLDER}"]
    chosen = ("experiment=chapter/mnist_mlp", "training.epochs=1", "schedule=constant", "plots=none")
    result, _ = trained(*chosen, *root, f"backend={backend}", "tracking=none")
    assert curve(result, "train/loss") == pytest.approx([0.3383], abs=2e-3)
    assert result.metrics["test/accuracy"] > 0.95
