"""Trained networks written by hand, for the verbs that use one: a run's folder without a training."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import experiment

from runner import layers, network_file, weights
from runner.blueprint import blueprint
from runner.data import Rows, Splits
from runner.experiment import Output
from runner.network_file import NETWORK, Network
from runner.network_reading import StoredNetwork, read
from runner.weights import WEIGHTS

KERNEL = np.array([[1.0, -1.0, 0.25], [0.5, 2.0, -0.5]])
MEAN, SCALE = np.array([1.0, 2.0]), np.array([2.0, 0.5])
CLASSES = ("no", "yes", "may, be")
TARGET_MEAN, TARGET_SCALE = 10.0, 4.0


def write(
    folder: Path,
    tree: layers.Sequence,
    shape: layers.Shape,
    arrays: dict[str, NDArray[np.float64]],
    *,
    output: Output = "identity",
    classes: tuple[str, ...] = (),
    scaled: bool = False,
    precision: int = 64,
) -> StoredNetwork:
    """Writes a network and its weights into a folder, and reads them back."""
    folder.mkdir(exist_ok=True)
    mean = np.full(shape, 0.5) if scaled else np.zeros(shape)
    scale = np.full(shape, 2.0) if scaled else np.ones(shape)
    (width,) = tree.output_shape(shape)
    targets = (np.full(width, TARGET_MEAN), np.full(width, TARGET_SCALE))
    rows = Rows(np.ones((1, *shape)), np.ones((1, 1)))
    splits = Splits(
        train=rows,
        validation=rows,
        test=rows,
        input_mean=mean,
        input_scale=scale,
        target_mean=targets[0] if output == "identity" else np.zeros(1),
        target_scale=targets[1] if output == "identity" else np.ones(1),
        sha256="",
    )
    network = Network(tree=tree, input_shape=shape, output=output, classes=classes, splits=splits)
    network_file.save(network, folder / NETWORK)
    weights.save(arrays, folder / WEIGHTS, precision=precision)
    return read(folder / NETWORK, folder / WEIGHTS)


def classifier(folder: Path) -> Path:
    """Writes a network of one dense layer, from two numbers to three classes, and returns its folder."""
    tree = layers.named(layers.Sequence((layers.Dense(units=3, bias=False),)))
    write(folder, tree, (2,), {"dense0/kernel": KERNEL}, output="softmax", classes=CLASSES)
    described = json.loads((folder / NETWORK).read_text()) | {
        "input_mean": MEAN.tolist(),
        "input_scale": SCALE.tolist(),
    }
    (folder / NETWORK).write_text(json.dumps(described))
    return folder


def probabilities(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The equation of :func:`classifier`."""
    powers = np.exp((x - MEAN) / SCALE @ KERNEL)
    return powers / powers.sum(axis=1, keepdims=True)


def regression(folder: Path) -> Path:
    """Writes y = 4 (x1 + 2 x2 + 3 x3) + 10 and returns its folder."""
    tree = layers.named(layers.Sequence((layers.Dense(units=1, bias=False),)))
    write(folder, tree, (3,), {"dense0/kernel": np.array([[1.0], [2.0], [3.0]])})
    return folder


def untrained(folder: Path, *overrides: str, precision: int = 64) -> StoredNetwork:
    """Writes the network of an experiment with weights that were drawn."""
    known = experiment(*overrides)
    drawing = blueprint(known)
    draws = np.random.default_rng(1)
    arrays = {
        name: np.abs(values) + 0.5 if "variance" in name else values
        for name, array in layers.parameters(drawing.tree, drawing.input_shape).items()
        for values in [draws.normal(scale=0.3, size=array.shape)]
    }
    return write(
        folder,
        drawing.tree,
        drawing.input_shape,
        arrays,
        output=known.output,
        classes=drawing.source.classes,
        scaled=drawing.source.tokens is None,
        precision=precision,
    )


def table(path: Path, columns: dict[str, Any]) -> Path:
    """Writes a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path
