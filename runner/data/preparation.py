"""From a data set to training, validation and test rows: read, split, standardise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data import splitting
from runner.data.on_demand import Indices, OnDemand, Selected, blocks
from runner.data.records import Inputs, Rows, Source, Splits, Standard
from runner.errors import ConfigurationError, Fault
from runner.experiment import Debug, Split, Standardise
from runner.layers import describe

Floats = NDArray[np.float64]


def prepare(source: Source, *, split: Split, standardise: Standardise, seed: int, debug: Debug) -> Splits:
    """Returns the rows of a data set in three parts, the same ones for the same seed.

    Args:
        source: the data set.
        split: how the rows are divided; see :func:`runner.data.splitting.parts`.
        standardise: whether each input element x becomes (x - mean) / standard deviation, both taken over the
            training rows; the targets of a regression likewise, column by column, or as the inputs where they are these.
            What is constant there is divided by 1, tokens and inputs that are prepared are left as they are; weights have
            no part in it. With "channels" all elements of a channel, which is the last side of an input, have one mean and
            one standard deviation.
        seed: decides which row goes where.
        debug: ``rows`` limits how many rows there are before they are split, and how many test rows of its own.

    Raises:
        ConfigurationError: the data are not what the source promised, or no row is left for training.
    """
    rows = _read(source)
    divided = splitting.parts(source, split, seed, debug.rows)
    numbers = {"train": divided.train, "validation": divided.validation, "test": divided.test}
    parts = tuple(rows.part(part) for part in numbers.values())
    standard = Standard(np.zeros(source.input_shape), np.ones(source.input_shape))
    scales = bool(standardise) and source.tokens is None and not source.is_prepared
    if scales:
        standard = _standard(parts[0].inputs, together=standardise == "channels")
    if rows.inputs.dtype == np.uint8 or (scales and isinstance(rows.inputs, OnDemand)):
        parts = tuple(replace(part, standard=standard) for part in parts)
    elif scales:
        parts = tuple(replace(part, inputs=replace(part, standard=standard).numbers()) for part in parts)
    mean, scale = np.zeros(source.target_width), np.ones(source.target_width)
    if standardise and source.task == "regression":
        given_back = source.reconstructs
        mean, scale = (
            (standard.mean.ravel(), standard.scale.ravel()) if given_back else _statistics(parts[0].targets)
        )
        parts = tuple(replace(part, targets=(part.targets - mean) / scale) for part in parts)
    return Splits(
        *parts,
        input_mean=standard.mean,
        input_scale=standard.scale,
        target_mean=mean,
        target_scale=scale,
        sha256=_sha256(rows),
        rows_sha256={name: _digest(part) for name, part in numbers.items()},
    )


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
    elif isinstance(inputs, OnDemand):
        found = _statistics_of_blocks(inputs, together)
    else:
        values = inputs[:]
        found = _statistics(values.reshape(-1, shape[-1]) if together else values)
    mean, scale = (np.broadcast_to(each, shape).copy() for each in found)
    return Standard(mean, scale)


def _statistics_of_bytes(values: Inputs, together: bool) -> tuple[Floats, Floats]:
    """Returns the same of rows that stay bytes; their sums are whole numbers, exact in any order and block by block."""
    count, sums = len(values), np.zeros((2, *values.shape[1:]), np.int64)
    for each in blocks(values):
        block = each.astype(np.uint16)
        sums += [power.sum(axis=0, dtype=np.int64) for power in (block, block * block)]
    if together:
        count *= sums[0].size // sums.shape[-1]
        sums = sums.reshape(2, -1, sums.shape[-1]).sum(axis=1)
    total, squares = sums.astype(object)
    # n² times the variance, n sum x² - (sum x)², as whole numbers of any length.
    spread = (count * squares - total**2).astype(np.float64)
    return sums[0] / count, np.where(spread == 0, 1.0, np.sqrt(spread) / count)


def _statistics_of_blocks(values: OnDemand, together: bool) -> tuple[Floats, Floats]:
    """Returns the same of rows that are not all in memory: first the means, then the deviations from them."""

    def numbers() -> Iterator[Floats]:
        for block in blocks(values):
            yield (
                block.astype(np.float64).reshape(-1, block.shape[-1])
                if together
                else block.astype(np.float64)
            )

    count = sum(len(block) for block in numbers())
    mean: Floats = sum(block.sum(axis=0) for block in numbers()) / count
    spread: Floats = sum(((block - mean) ** 2).sum(axis=0) for block in numbers()) / count
    low = np.minimum.reduce([block.min(axis=0) for block in numbers()])
    high = np.maximum.reduce([block.max(axis=0) for block in numbers()])
    return mean, np.where(low == high, 1.0, np.sqrt(spread))


def _sha256(rows: Rows) -> str:
    total = hashlib.sha256()
    for array in (rows.inputs, rows.targets, *([] if rows.weights is None else [rows.weights])):
        total.update(str(array.shape).encode())
        for block in blocks(array):
            # Little-endian everywhere, so that a data set has one digest on every machine.
            total.update(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).data)
    return total.hexdigest()


def _digest(numbers: Indices) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers, "<i8").data).hexdigest()


def _read(source: Source) -> Rows:
    """Returns all rows of a source after comparing them with what it promised."""
    inputs, targets, *more = source.read()
    if isinstance(inputs, np.memmap):
        inputs = Selected(inputs, np.arange(len(inputs)))
    regression = source.task == "regression"
    faults = [
        *_shape_faults("inputs", inputs, (source.rows, *source.input_shape)),
        *_shape_faults(
            "targets", targets, (source.rows, source.target_width) if regression else (source.rows,)
        ),
        *_weight_faults(source, more),
    ]
    stays = inputs.dtype == np.uint8 or isinstance(inputs, OnDemand)
    if not _are_finite(inputs) or not np.isfinite(targets).all():
        faults.append(Fault("data", "must hold finite numbers only", "NaN or infinity"))
    elif not regression and not np.isin(targets, np.arange(len(source.classes))).all():
        faults.append(
            Fault(
                "data",
                f"must number its {len(source.classes)} classes from 0 to {len(source.classes) - 1}",
                f"{targets.min()} to {targets.max()}",
            )
        )
    elif source.tokens is not None:
        faults += _token_faults(inputs, source.tokens)
    if faults:
        raise ConfigurationError(faults)
    return Rows(
        inputs if stays else np.asarray(inputs, np.float64),
        np.asarray(targets, np.float64 if regression else np.int64),
        np.asarray(more[0], np.float64) if source.weighted else None,
    )


def _are_finite(inputs: Inputs) -> bool:
    return inputs.dtype.kind in "iub" or all(np.isfinite(block).all() for block in blocks(inputs))


def _token_faults(inputs: Inputs, tokens: int) -> Iterator[Fault]:
    for block in blocks(inputs):
        if not np.isin(block, np.arange(tokens)).all():
            rule = f"must hold tokens, whole numbers from 0 to {tokens - 1}"
            yield Fault("data", rule, f"{block.min():g} to {block.max():g}")
            return


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


def _shape_faults(what: str, values: Inputs, expected: tuple[int, ...]) -> list[Fault]:
    if values.shape == expected:
        return []
    rule = f"must have {what} of shape {describe(expected)}, as its function says"
    return [Fault("data", rule, describe(values.shape))]
