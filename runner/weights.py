"""Weights at the border: NumPy arrays by canonical name, drawn once, saved as safetensors and never as a pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.initializers import Initializer
from runner.layers import Parameter, Sequence, Shape, describe, parameters
from runner.randomness import generator
from runner.results import Weights

WEIGHTS = "weights.safetensors"


def draw(tree: Sequence, input_shape: Shape, initializer: Initializer, seed: int) -> Weights:
    """Returns the first weights of a network, each drawn from (seed, its name) and so independent of the others."""
    return {
        name: _first_values(name, parameter, initializer, seed)
        for name, parameter in parameters(tree, input_shape).items()
    }


def _first_values(
    name: str, parameter: Parameter, initializer: Initializer, seed: int
) -> NDArray[np.float64]:
    draws = generator(seed, "weights", name)
    if parameter.constant is not None:
        return np.full(parameter.shape, parameter.constant)
    if parameter.deviation is not None:
        return parameter.deviation * draws.normal(parameter.shape)
    rule = initializer.kernel if name.endswith("kernel") else initializer.bias
    return rule(parameter, draws)


def is_kernel(name: str) -> bool:
    """Returns whether an array multiplies what comes in, by its canonical name: a kernel or a table."""
    return name.endswith(("kernel", "table"))


def digest(weights: Mapping[str, NDArray[np.float64]]) -> str:
    """Returns a SHA-256 of names, shapes and float64 values, in hexadecimal."""
    total = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name], dtype="<f8")
        total.update(f"{name}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def differences(there: Mapping[str, Shape], here: Mapping[str, Shape]) -> list[str]:
    """Returns in words which arrays of two networks differ, by name and shape: ``dense0/bias is 4 there and 8 here``."""

    def shown(shape: Shape | None, place: str) -> str:
        return f"not {place}" if shape is None else f"{describe(shape)} {place}"

    return [
        f"{name} is {shown(there.get(name), 'there')} and {shown(here.get(name), 'here')}"
        for name in dict.fromkeys([*here, *there])
        if there.get(name) != here.get(name)
    ]


def are_finite(weights: Mapping[str, NDArray[np.float64]]) -> bool:
    """Says whether every number of every array is finite."""
    return all(bool(np.isfinite(array).all()) for array in weights.values())


def save(
    weights: Mapping[str, NDArray[np.float64]],
    path: Path,
    *,
    precision: int | str,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Writes arrays as safetensors, in the precision in which they were trained.

    Args:
        weights: arrays by name.
        path: the file; it is replaced as a whole, so that a reader never meets half of it.
        precision: 64, or 32 and bf16-mixed, whose weights are float32.
        texts: what the header of the file says besides, or None.
    """
    from safetensors.numpy import save_file

    kind = np.float64 if precision == 64 else np.float32
    whole = path.with_name(path.name + ".part")
    arrays = {name: np.ascontiguousarray(array, dtype=kind) for name, array in weights.items()}
    save_file(arrays, whole, metadata=dict(texts) if texts else None)
    whole.replace(path)


def read(path: Path) -> Weights:
    """Returns the weights in a safetensors file, as float64."""
    from safetensors.numpy import load_file

    return {name: np.asarray(array, dtype=np.float64) for name, array in load_file(path).items()}
