"""Arrays that are there already, as a data set: looked at, their task told, and kept on the disk where they are large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data import labels
from runner.data.leakage import LARGEST, alike
from runner.data.on_demand import Indices, OnDemand, Selected
from runner.data.records import Arrays, Inputs, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task


@dataclass(frozen=True)
class Gathered:
    """Arrays of one number of rows each: those to be divided, then the validation rows, then the test rows.

    Args:
        inputs: (rows, ...).
        targets: (rows,) or (rows, width).
        weights: what each row counts, (rows,), or None.
        validation_rows: how many are the data set's own validation rows.
        test_rows: how many are its own test rows.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    weights: NDArray[Any] | None = None
    validation_rows: int = 0
    test_rows: int = 0


@dataclass(frozen=True)
class Keys:
    """The config keys that a person may have to change, or what stands in their place.

    Args:
        inputs: of the inputs.
        targets: of the targets.
        weights: of the weights.
    """

    inputs: str
    targets: str
    weights: str


class Converted(Selected):
    """Rows of an array on the disk whose numbers become those of another type when they are read.

    Args:
        array: all rows, mapped from a file.
        order: the numbers of those that are meant, (rows,).
        dtype: of the numbers.
    """

    def __init__(self, array: NDArray[Any], order: Indices, dtype: np.dtype[Any]) -> None:
        super().__init__(array, order)
        self.dtype = dtype

    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the rows of these numbers from 0, in memory."""
        return super().rows(numbers).astype(self.dtype)

    def part(self, numbers: Indices) -> Converted:
        """Returns only the rows of these numbers, in their order."""
        return Converted(self._array, self._order[numbers], self.dtype)


def source(
    name: str,
    found: Gathered,
    *,
    keys: Keys,
    task: Task | None,
    most_classes: int,
    tokens: int | None,
    in_memory_bytes: float,
    notes: tuple[str, ...] = (),
) -> Source:
    """Returns arrays as a data set.

    Args:
        name: what a person calls it.
        found: the arrays.
        keys: the config keys of these.
        task: what is predicted, or None to tell it from the targets.
        most_classes: how many different whole numbers are classes at most, where ``task`` is None.
        tokens: how many different whole numbers the inputs hold, or None where they are numbers to reckon with.
        in_memory_bytes: inputs of more bytes than that stay on the disk, where they are.
        notes: what was found out already, a sentence each.

    Raises:
        ConfigurationError: they cannot be learnt.
    """
    inputs = found.inputs[:, None] if found.inputs.ndim == 1 else found.inputs
    faults = _faults(found, inputs, keys)
    if faults:
        raise ConfigurationError(faults)
    known = labels.read(np.asarray(found.targets), task=task, most_classes=most_classes, key=keys.targets)
    stays = isinstance(inputs, np.memmap) and inputs.nbytes > in_memory_bytes
    kept: Inputs = _on_demand(inputs) if stays else _in_memory(inputs, keys.inputs)
    shape = " x ".join(str(side) for side in inputs.shape)
    told = f"{keys.inputs}: {shape} of type {inputs.dtype}, {'read from the disk as needed' if stays else 'in memory'}."
    return Source(
        name,
        known.task,
        inputs.shape[1:],
        known.classes,
        len(inputs),
        lambda: _read(kept, known.targets, found.weights),
        tokens=tokens,
        target_width=known.width,
        weighted=found.weights is not None,
        validation_rows=found.validation_rows,
        test_rows=found.test_rows,
        targets=lambda: known.targets,
        notes=(*notes, told, known.note),
        alike=(lambda: alike(inputs)) if inputs.size <= LARGEST else None,
    )


def _read(inputs: Inputs, targets: NDArray[Any], weights: NDArray[Any] | None) -> Arrays:
    return (
        (inputs, targets)
        if weights is None
        else (inputs, targets, np.asarray(weights, np.float64).reshape(-1))
    )


def _on_demand(inputs: NDArray[Any]) -> OnDemand:
    """Returns an array on the disk as rows on demand, of a type that both frameworks have."""
    kind, size = inputs.dtype.kind, inputs.dtype.itemsize
    dtype = inputs.dtype.newbyteorder("=")
    if inputs.dtype != np.uint8 and (kind != "f" or size < 4):
        # Whole numbers of up to 16 bits are float32 exactly.
        dtype = np.dtype(np.float32 if size <= 2 else np.float64)
    everything = np.arange(len(inputs))
    return Selected(inputs, everything) if dtype == inputs.dtype else Converted(inputs, everything, dtype)


def _in_memory(inputs: NDArray[Any], key: str) -> NDArray[Any]:
    if inputs.dtype == np.uint8:
        return np.array(inputs)
    numbers = np.array(inputs, np.float64)
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        rows = len(np.unique(wrong[:, 0]))
        place = ", ".join(map(str, wrong[0][1:]))
        received = f"NaN or infinity in {rows} of {len(numbers)} rows, the first of them row {wrong[0][0]} at ({place})"
        remedy = "Fill or leave out what is missing; rows are numbered from 0."
        raise ConfigurationError([Fault(key, "must hold finite numbers only", received, remedy=remedy)])
    return numbers


def _faults(found: Gathered, inputs: NDArray[Any], keys: Keys) -> list[Fault]:
    if found.inputs.ndim == 0 or found.targets.ndim == 0:
        key = keys.inputs if found.inputs.ndim == 0 else keys.targets
        return [Fault(key, "must have one row for each example", "a single number")]
    if inputs.dtype.kind not in "biuf":
        return [Fault(keys.inputs, "must hold numbers", f"values of type {inputs.dtype}")]
    if 0 in inputs.shape:
        return [Fault(keys.inputs, "must hold at least one number", f"an array of shape {inputs.shape}")]
    faults = []
    counted = {keys.targets: found.targets, keys.weights: found.weights}
    for key, array in counted.items():
        if array is not None and len(array) != len(inputs):
            rule = f"must have as many rows as the inputs, which have {len(inputs):,}"
            remedy = "One row of each belongs to one example." if array.ndim else None
            faults.append(Fault(key, rule, f"{len(array):,}", remedy=remedy))
    weights = found.weights
    if weights is not None and not faults:
        if weights.size != len(inputs) or weights.dtype.kind not in "biuf":
            faults.append(
                Fault(keys.weights, "must hold one number for each row", f"an array of shape {weights.shape}")
            )
        elif not np.isfinite(weights).all() or weights.min() < 0:
            faults.append(Fault(keys.weights, "must hold finite numbers of at least 0", f"{weights.min():g}"))
    return faults
