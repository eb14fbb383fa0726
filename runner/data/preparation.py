"""From a data set to training, validation and test rows: read, split, standardise."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Arrays, Rows, Source, Splits
from runner.errors import ConfigurationError, Fault
from runner.experiment import Debug, Split
from runner.layers import describe
from runner.randomness import generator

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def prepare(source: Source, *, split: Split, standardise: bool, seed: int, debug: Debug) -> Splits:
    """Returns the rows of a data set in three parts, the same ones for the same seed.

    Args:
        source: the data set.
        split: the shares kept for validation and for test; a share above 0 gives at least one row.
        standardise: whether each input element x becomes (x - mean) / standard deviation, both taken over the
            training rows; the targets of a regression likewise. What is constant there is divided by 1, tokens are left
            as they are.
        seed: decides which row goes where.
        debug: ``rows`` limits how many rows there are before they are split.

    Raises:
        ConfigurationError: the data are not what the source promised, or no row is left for training.
    """
    inputs, targets = _read(source)
    order = _order(targets, source.task == "regression", seed)[: debug.rows]
    parts = tuple(Rows(inputs[part], targets[part]) for part in _parts(order, split))
    input_mean, input_scale = np.zeros(source.input_shape), np.ones(source.input_shape)
    mean, scale = 0.0, 1.0
    if standardise and source.tokens is None:
        input_mean, input_scale = _statistics(parts[0].inputs)
        parts = tuple(Rows((part.inputs - input_mean) / input_scale, part.targets) for part in parts)
    if standardise and source.task == "regression":
        mean, scale = (float(statistic[0]) for statistic in _statistics(parts[0].targets))
        parts = tuple(Rows(part.inputs, (part.targets - mean) / scale) for part in parts)
    train, validation, test = parts
    return Splits(train, validation, test, input_mean, input_scale, mean, scale, _sha256(inputs, targets))


def sizes(rows: int, split: Split) -> tuple[int, int, int]:
    """Returns how many rows are for training, validation and test; fewer than 1 for training is too few."""
    validation, test = _share(rows, split.validation), _share(rows, split.test)
    return rows - validation - test, validation, test


def _statistics(values: Floats) -> tuple[Floats, Floats]:
    """Returns the mean and the standard deviation of each element over the rows, 1 where it is constant."""
    # Rounding gives a constant such as 0.1 a deviation just above 0: compare the values themselves.
    constant = values.min(axis=0) == values.max(axis=0)
    return values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0))


def _sha256(*arrays: NDArray[Any]) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(str(array.shape).encode())
        # Little-endian everywhere, so that a data set has one digest on every machine.
        total.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return total.hexdigest()


def _order(targets: NDArray[Any], plain: bool, seed: int) -> Indices:
    """Returns the rows in random order, the classes spread so that every stretch holds them in proportion.

    Row k of a class of n rows stands at (k + 1/2) / n of the way; so a class of few rows is never all in one
    end, and no class needs a row in each part.
    """
    shuffled = generator(seed, "split").permutation(len(targets))
    if plain:
        return shuffled
    position = np.empty(len(targets))
    for label in np.unique(targets):
        members = np.flatnonzero(targets[shuffled] == label)
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(position, kind="stable")]


def _parts(order: Indices, split: Split) -> tuple[Indices, Indices, Indices]:
    train, validation, test = sizes(len(order), split)
    if train < 1:
        raise ConfigurationError(
            [
                Fault(
                    "split",
                    "must leave at least one row for training",
                    f"{len(order)} rows, of which {validation} are for validation and {test} for test",
                    remedy="Make split.validation or split.test smaller, or debug.rows larger.",
                )
            ]
        )
    return order[validation + test :], order[test : validation + test], order[:test]


def _share(rows: int, fraction: float) -> int:
    return max(1, round(rows * fraction)) if fraction > 0 else 0


def _read(source: Source) -> Arrays:
    """Returns the arrays of a source after comparing them with what it promised."""
    inputs, targets = source.read()
    regression = source.task == "regression"
    faults = [
        *_shape_faults("inputs", inputs, (source.rows, *source.input_shape)),
        *_shape_faults("targets", targets, (source.rows, 1) if regression else (source.rows,)),
    ]
    if not np.isfinite(inputs).all() or not np.isfinite(targets).all():
        faults.append(Fault("data", "must hold finite numbers only", "NaN or infinity"))
    elif not regression and not np.isin(targets, np.arange(len(source.classes))).all():
        faults.append(
            Fault(
                "data",
                f"must number its {len(source.classes)} classes from 0 to {len(source.classes) - 1}",
                f"{targets.min()} to {targets.max()}",
            )
        )
    elif source.tokens is not None and not np.isin(inputs, np.arange(source.tokens)).all():
        rule = f"must hold tokens, whole numbers from 0 to {source.tokens - 1}"
        faults.append(Fault("data", rule, f"{inputs.min():g} to {inputs.max():g}"))
    if faults:
        raise ConfigurationError(faults)
    return np.asarray(inputs, np.float64), np.asarray(targets, np.float64 if regression else np.int64)


def _shape_faults(what: str, values: NDArray[Any], expected: tuple[int, ...]) -> list[Fault]:
    if values.shape == expected:
        return []
    rule = f"must have {what} of shape {describe(expected)}, as its function says"
    return [Fault("data", rule, describe(values.shape))]
