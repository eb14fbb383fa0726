"""Weights at the border: NumPy arrays by canonical name, drawn once, saved as safetensors and never as a pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.initializers import Initializer
from runner.layers import Parameter, Sequence, Shape, parameters
from runner.randomness import generator
from runner.results import Weights

_CONSTANTS = {"scale": 1.0, "shift": 0.0, "running_mean": 0.0, "running_variance": 1.0}


def draw(tree: Sequence, input_shape: Shape, initializer: Initializer, seed: int) -> Weights:
    """Returns the first weights of a network, each drawn from (seed, its name) and so independent of the others."""
    return {
        name: _first_values(name, parameter, initializer, seed)
        for name, parameter in parameters(tree, input_shape).items()
    }


def _first_values(
    name: str, parameter: Parameter, initializer: Initializer, seed: int
) -> NDArray[np.float64]:
    last = name.rpartition("/")[2]
    if last in _CONSTANTS:
        return np.full(parameter.shape, _CONSTANTS[last])
    rule = initializer.kernel if last == "kernel" else initializer.bias
    return rule(parameter, generator(seed, "weights", name))


def digest(weights: Mapping[str, NDArray[np.float64]]) -> str:
    """Returns a SHA-256 of names, shapes and float64 values, in hexadecimal."""
    total = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f8")
        total.update(f"{name}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def are_finite(weights: Mapping[str, NDArray[np.float64]]) -> bool:
    """Says whether every number of every array is finite."""
    return all(bool(np.isfinite(array).all()) for array in weights.values())


def save(weights: Mapping[str, NDArray[np.float64]], path: Path, *, precision: int | str) -> None:
    """Writes the weights as safetensors, in the precision in which they were trained.

    Args:
        weights: arrays by canonical name.
        path: the file; it is replaced as a whole, so that a reader never meets half of it.
        precision: 64, or 32 and bf16-mixed, whose weights are float32.
    """
    from safetensors.numpy import save_file

    kind = np.float64 if precision == 64 else np.float32
    whole = path.with_name(path.name + ".part")
    save_file({name: np.ascontiguousarray(array, dtype=kind) for name, array in weights.items()}, whole)
    whole.replace(path)


def read(path: Path) -> Weights:
    """Returns the weights in a safetensors file, as float64."""
    from safetensors.numpy import load_file

    return {name: np.asarray(array, dtype=np.float64) for name, array in load_file(path).items()}
