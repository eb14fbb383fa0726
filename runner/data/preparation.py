"""From a data set to training, validation and test rows: read, split, standardise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Inputs, Rows, Source, Splits, Standard
from runner.errors import ConfigurationError, Fault
from runner.experiment import Debug, Split, Standardise
from runner.layers import describe
from runner.randomness import generator

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# Rows that are summed up at once.
_BLOCK = 1024


def prepare(source: Source, *, split: Split, standardise: Standardise, seed: int, debug: Debug) -> Splits:
    """Returns the rows of a data set in three parts, the same ones for the same seed.

    Args:
        source: the data set.
        split: the shares kept for validation and for test; a share above 0 gives at least one row. Where the source has
            test rows of its own, those are the test rows, and the share for test does not apply.
        standardise: whether each input element x becomes (x - mean) / standard deviation, both taken over the
            training rows; the targets of a regression likewise, column by column, or as the inputs where they are these.
            What is constant there is divided by 1, tokens are left as they are; weights have no part in it. With "channels"
            all elements of a channel, which is the last side of an input, have one mean and one standard deviation.
        seed: decides which row goes where.
        debug: ``rows`` limits how many rows there are before they are split, and how many test rows of its own.

    Raises:
        ConfigurationError: the data are not what the source promised, or no row is left for training.
    """
    rows = _read(source)
    parts = tuple(rows.part(part) for part in _parts(source, rows.targets, split, seed, debug.rows))
    standard = Standard(np.zeros(source.input_shape), np.ones(source.input_shape))
    if standardise and source.tokens is None:
        standard = _standard(parts[0].inputs, together=standardise == "channels")
    if rows.inputs.dtype == np.uint8:
        parts = tuple(replace(part, standard=standard) for part in parts)
    elif standardise and source.tokens is None:
        parts = tuple(replace(part, inputs=replace(part, standard=standard).numbers()) for part in parts)
    mean, scale = np.zeros(source.target_width), np.ones(source.target_width)
    if standardise and source.task == "regression":
        given_back = source.reconstructs
        mean, scale = (
            (standard.mean.ravel(), standard.scale.ravel()) if given_back else _statistics(parts[0].targets)
        )
        parts = tuple(replace(part, targets=(part.targets - mean) / scale) for part in parts)
    train, validation, test = parts
    return Splits(train, validation, test, standard.mean, standard.scale, mean, scale, _sha256(rows))


def sizes(source: Source, split: Split, limit: int | None) -> tuple[int, int, int]:
    """Returns how many rows are for training, validation and test; fewer than 1 for training is too few.

    Args:
        source: the data set.
        split: the shares for validation and for test.
        limit: how many rows are split at most, and of test rows of its own are taken at most; None for all.
    """
    divided = _at_most(source.rows - source.test_rows, limit)
    validation = _share(divided, split.validation)
    if source.test_rows:
        return divided - validation, validation, _at_most(source.test_rows, limit)
    test = _share(divided, split.test)
    return divided - validation - test, validation, test


def _statistics(values: NDArray[Any]) -> tuple[Floats, Floats]:
    """Returns the mean and the standard deviation of each element over the rows, 1 where it is constant."""
    # Rounding gives a constant such as 0.1 a deviation just above 0: compare the values themselves.
    constant = values.min(axis=0) == values.max(axis=0)
    return values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0))


def _standard(inputs: Inputs, *, together: bool) -> Standard:
    """Returns mean and scale of each element, or with ``together`` those of its channel."""
    shape = inputs.shape[1:]
    if inputs.dtype == np.uint8:
        found = _statistics_of_bytes(inputs, together)
    else:
        values = inputs[:]
        found = _statistics(values.reshape(-1, shape[-1]) if together else values)
    mean, scale = (np.broadcast_to(each, shape).copy() for each in found)
    return Standard(mean, scale)


def _statistics_of_bytes(values: Inputs, together: bool) -> tuple[Floats, Floats]:
    """Returns the same of rows that stay bytes; their sums are whole numbers, exact in any order and block by block."""
    count, sums = len(values), np.zeros((2, *values.shape[1:]), np.int64)
    for first in range(0, count, _BLOCK):
        block = values[first : first + _BLOCK].astype(np.uint16)
        sums += [each.sum(axis=0, dtype=np.int64) for each in (block, block * block)]
    if together:
        count *= sums[0].size // sums.shape[-1]
        sums = sums.reshape(2, -1, sums.shape[-1]).sum(axis=1)
    total, squares = sums.astype(object)
    # n² times the variance, n sum x² - (sum x)², as whole numbers of any length.
    spread = (count * squares - total**2).astype(np.float64)
    return sums[0] / count, np.where(spread == 0, 1.0, np.sqrt(spread) / count)


def _sha256(rows: Rows) -> str:
    total = hashlib.sha256()
    for array in (rows.inputs, rows.targets, *([] if rows.weights is None else [rows.weights])):
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


def _parts(
    source: Source, targets: NDArray[Any], split: Split, seed: int, limit: int | None
) -> tuple[Indices, Indices, Indices]:
    train, validation, test = sizes(source, split, limit)
    divided = source.rows - source.test_rows
    order = _order(targets[:divided], source.task == "regression", seed)[:limit]
    if train < 1:
        of_these = f"{len(order)} rows, of which {validation} are for validation"
        raise ConfigurationError(
            [
                Fault(
                    "split",
                    "must leave at least one row for training",
                    of_these if source.test_rows else f"{of_these} and {test} for test",
                    remedy="Make split.validation or split.test smaller, or debug.rows larger.",
                )
            ]
        )
    if source.test_rows:
        return order[validation:], order[:validation], np.arange(divided, divided + test)
    return order[validation + test :], order[test : validation + test], order[:test]


def _at_most(rows: int, limit: int | None) -> int:
    return rows if limit is None else min(rows, limit)


def _share(rows: int, fraction: float) -> int:
    return max(1, round(rows * fraction)) if fraction > 0 else 0


def _read(source: Source) -> Rows:
    """Returns all rows of a source after comparing them with what it promised."""
    inputs, targets, *more = source.read()
    regression = source.task == "regression"
    faults = [
        *_shape_faults("inputs", inputs, (source.rows, *source.input_shape)),
        *_shape_faults(
            "targets", targets, (source.rows, source.target_width) if regression else (source.rows,)
        ),
        *_weight_faults(source, more),
    ]
    stays_bytes = inputs.dtype == np.uint8
    if not (stays_bytes or np.isfinite(inputs).all()) or not np.isfinite(targets).all():
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
    return Rows(
        inputs if stays_bytes else np.asarray(inputs, np.float64),
        np.asarray(targets, np.float64 if regression else np.int64),
        np.asarray(more[0], np.float64) if source.weighted else None,
    )


def _weight_faults(source: Source, found: list[NDArray[Any]]) -> Iterator[Fault]:
    if len(found) != source.weighted:
        expected = "inputs, targets and weights" if source.weighted else "inputs and targets alone"
        rule = f"must read {expected}, because weighted is {str(source.weighted).lower()} in its Source"
        yield Fault("data", rule, f"{2 + len(found)} arrays")
        return
    for weights in found:
        yield from _shape_faults("weights", weights, (source.rows,))
        if not np.isfinite(weights).all():
            yield Fault("data", "must have finite weights only", "NaN or infinity")
        elif (weights < 0).any():
            yield Fault("data", "must have weights of at least 0", f"{weights.min():g}")


def _shape_faults(what: str, values: NDArray[Any], expected: tuple[int, ...]) -> list[Fault]:
    if values.shape == expected:
        return []
    rule = f"must have {what} of shape {describe(expected)}, as its function says"
    return [Fault("data", rule, describe(values.shape))]
