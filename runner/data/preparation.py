"""From a data set to training, validation and test rows: read, split, standardise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data import moments, splitting
from runner.data.moments import Moments
from runner.data.on_demand import Indices, OnDemand, Selected, blocks
from runner.data.records import Embedded, Inputs, Rows, Source, Splits, Standard, Units
from runner.errors import ConfigurationError, Fault
from runner.experiment import Debug, Split, Standardise
from runner.layers import describe

Floats = NDArray[np.float64]

_NOT_FINITE = Fault("data", "must hold finite numbers only", "NaN or infinity")


def prepare(
    source: Source,
    *,
    split: Split,
    standardise: Standardise,
    seed: int,
    debug: Debug,
    units: Units | None = None,
) -> Splits:
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
        units: means and scales that were learnt before, in the place of those of the training rows; None learns them.

    Raises:
        ConfigurationError: the data are not what the source promised, or no row is left for training.
    """
    rows = _read(source)
    divided = splitting.parts(source, split, seed, debug.rows)
    numbers = {"train": divided.train, "validation": divided.validation, "test": divided.test}
    parts = tuple(rows.part(part) for part in numbers.values())
    standard = Standard(np.zeros(source.input_shape), np.ones(source.input_shape))
    scales = bool(standardise) and source.tokens is None and not source.is_prepared
    learnt = moments.of(rows.inputs.dtype, source.input_shape, together=standardise == "channels")
    sha256 = _looked_at(source, rows.inputs, divided.train, learnt if scales and units is None else None)
    if scales:
        together = standardise == "channels"
        standard = units.inputs if units else _standard(parts[0].inputs, learnt, together=together)
        standard = _but_for_codes(standard, source.embedded)
    if rows.inputs.dtype == np.uint8 or (scales and isinstance(rows.inputs, OnDemand)):
        parts = tuple(replace(part, standard=standard) for part in parts)
    elif scales:
        parts = tuple(replace(part, inputs=replace(part, standard=standard).numbers()) for part in parts)
    mean, scale = np.zeros(source.target_width), np.ones(source.target_width)
    if standardise and source.task == "regression":
        given_back = source.reconstructs
        if units is not None:
            mean, scale = units.target_mean, units.target_scale
        elif given_back:
            mean, scale = standard.mean.ravel(), standard.scale.ravel()
        else:
            mean, scale = _statistics(parts[0].targets)
        parts = tuple(replace(part, targets=(part.targets - mean) / scale) for part in parts)
    train, validation, test = parts
    return Splits(
        train,
        validation,
        test,
        input_mean=standard.mean,
        input_scale=standard.scale,
        target_mean=mean,
        target_scale=scale,
        sha256=_with_targets(sha256, rows),
        rows_sha256={name: _digest(part) for name, part in numbers.items()},
    )


def _statistics(values: NDArray[Any]) -> tuple[Floats, Floats]:
    """Returns the mean and the standard deviation of each element over the rows, 1 where it is constant."""
    # Rounding gives a constant such as 0.1 a deviation just above 0: compare the values themselves.
    constant = values.min(axis=0) == values.max(axis=0)
    return values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0))


def _standard(inputs: Inputs, learnt: Moments, *, together: bool) -> Standard:
    """Returns mean and scale of each element, or with ``together`` those of its channel.

    Args:
        inputs: of the training rows.
        learnt: what is known of them already where they are on demand, and nothing otherwise.
        together: whether all elements of a channel have one mean and one scale.
    """
    if isinstance(inputs, OnDemand):
        return Standard(*learnt.standard())
    if inputs.dtype == np.uint8:
        for block in blocks(inputs):
            learnt.add(block)
        return Standard(*learnt.standard())
    shape = inputs.shape[1:]
    found = _statistics(inputs.reshape(-1, shape[-1]) if together else inputs)
    return Standard(*(np.broadcast_to(each, shape).copy() for each in found))


def _but_for_codes(standard: Standard, embedded: tuple[Embedded, ...]) -> Standard:
    """Returns a standard that leaves the numbers of categories as they are."""
    mean, scale = standard.mean.copy(), standard.scale.copy()
    for each in embedded:
        mean[each.column], scale[each.column] = 0.0, 1.0
    return Standard(mean, scale)


def _looked_at(source: Source, inputs: Inputs, training: Indices, learnt: Moments | None) -> Any:
    """Goes through all inputs once and returns the SHA-256 of them so far.

    Those on demand are looked at here, where each of their rows is read or made anew: that all are sound, and, where
    moments are asked for, those of the training rows. Nobody goes through those whose digest is known: whoever wrote
    them has.

    Raises:
        ConfigurationError: they are no finite numbers, or not the tokens that were promised.
    """
    total = hashlib.sha256(str(inputs.shape).encode())
    if not isinstance(inputs, OnDemand):
        for block in blocks(inputs):
            total.update(_bytes(block))
        return total
    if inputs.sha256 is not None and learnt is None:
        total.update(bytes.fromhex(inputs.sha256))
        return total
    is_learnt = np.zeros(len(inputs), np.bool_)
    is_learnt[training] = True
    first = 0
    for block in inputs.blocks():
        faults = list(_value_faults(block, source))
        if faults:
            raise ConfigurationError(faults)
        total.update(_bytes(block))
        if learnt is not None:
            learnt.add(block[is_learnt[first : first + len(block)]])
        first += len(block)
    return total


def _with_targets(total: Any, rows: Rows) -> str:
    """Returns the SHA-256 of the shapes and values of all inputs, targets and weights, in hexadecimal."""
    for array in (rows.targets, *([] if rows.weights is None else [rows.weights])):
        total.update(str(array.shape).encode())
        total.update(_bytes(array))
    digest: str = total.hexdigest()
    return digest


def _bytes(values: NDArray[Any]) -> memoryview:
    # Little-endian everywhere, so that a data set has one digest on every machine.
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data


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
    # Rows on demand are looked at when all of them are gone through, once.
    here = None if isinstance(inputs, OnDemand) else inputs
    if (here is not None and not _is_finite(here)) or not np.isfinite(targets).all():
        faults.append(_NOT_FINITE)
    elif not regression and not np.isin(targets, np.arange(len(source.classes))).all():
        faults.append(
            Fault(
                "data",
                f"must number its {len(source.classes)} classes from 0 to {len(source.classes) - 1}",
                f"{targets.min()} to {targets.max()}",
            )
        )
    elif here is not None and not faults:
        faults += _value_faults(here, source)
    if faults:
        raise ConfigurationError(faults)
    return Rows(
        inputs if stays else np.asarray(inputs, np.float64),
        np.asarray(targets, np.float64 if regression else np.int64),
        np.asarray(more[0], np.float64) if source.weighted else None,
    )


def _is_finite(inputs: NDArray[Any]) -> bool:
    return inputs.dtype.kind in "iub" or bool(np.isfinite(inputs).all())


def _value_faults(inputs: NDArray[Any], source: Source) -> Iterator[Fault]:
    if not _is_finite(inputs):
        yield _NOT_FINITE
        return
    if source.tokens is not None:
        yield from _token_faults(inputs, source.tokens)
    for each in source.embedded:
        yield from _token_faults(inputs[:, each.column], each.categories, "categories")


def _token_faults(inputs: NDArray[Any], tokens: int, what: str = "tokens") -> Iterator[Fault]:
    if not np.isin(inputs, np.arange(tokens)).all():
        rule = f"must hold {what}, whole numbers from 0 to {tokens - 1}"
        yield Fault("data", rule, f"{inputs.min():g} to {inputs.max():g}")


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
