"""What a user's own function of data may return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data import gathered
from runner.data.gathered import Gathered, Keys
from runner.data.records import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.layers import describe
from runner.suggestions import listed

# Whole numbers of more different values than that are numbers to predict, unless a Source says otherwise.
_MOST_CLASSES = 100
# What rows that come one after the other may take in memory.
_MOST_BYTES = 4_000_000_000
_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_MAY = (
    "must return a runner.data.Source, (inputs, targets) or (inputs, targets, weights), a mapping of these by train,"
    " validation and test, (a pandas DataFrame, the name of its target), or an iterator of (inputs, targets)"
)


def as_source(made: Any, data: Component) -> Source:
    """Returns what a component made, as a data set.

    Args:
        made: a Source; inputs and targets as arrays, and weights; a mapping of these by train, validation and test; a pandas
            DataFrame and the name of its target; or an iterator of inputs and targets, row by row or batch by batch.
        data: the component.

    Raises:
        ConfigurationError: it is none of these, or what it holds cannot be learnt.
    """
    if isinstance(made, Source):
        if made.embedded and [each.column for each in made.embedded] != _last_columns(made):
            rule = "must have the embedded inputs as the last columns of its rows, in order"
            columns = listed([str(each.column) for each in made.embedded])
            received = f"columns {columns} of inputs {describe(made.input_shape)}"
            raise ConfigurationError([Fault(f"{data.key}._target_", rule, received)])
        return made
    key = f"{data.key}._target_"
    found = _gathered(made, key)
    return gathered.source(
        data.name,
        found,
        keys=Keys(f"{key}, inputs", f"{key}, targets", f"{key}, weights"),
        task=None,
        most_classes=_MOST_CLASSES,
        tokens=None,
        # What a function mapped from a file is meant to stay there.
        in_memory_bytes=0,
    )


def _gathered(made: Any, key: str) -> Gathered:
    if isinstance(made, Mapping):
        return _of_parts(made, key)
    if _is_frame(made):
        rule = "must return a DataFrame together with the name of its target"
        raise ConfigurationError([Fault(key, rule, "a DataFrame alone", remedy="Return (frame, 'target').")])
    if isinstance(made, Iterator):
        return _collected(made, key)
    if isinstance(made, tuple | list) and 2 <= len(made) <= 3:
        return (
            _of_frame(made[0], made[1], key)
            if _is_frame(made[0]) and isinstance(made[1], str)
            else _of_arrays(made, key)
        )
    if isinstance(made, Iterable) and not isinstance(made, tuple | list | str | bytes | np.ndarray):
        return _collected(iter(made), key)
    received = f"{len(made)} values" if isinstance(made, tuple | list) else type(made).__name__
    raise ConfigurationError([Fault(key, _MAY, received)])


def _of_arrays(made: Any, key: str) -> Gathered:
    inputs, targets, *more = (_array(each, key) for each in made)
    return Gathered(inputs, targets, more[0] if more else None)


def _array(values: Any, key: str) -> NDArray[Any]:
    """Returns values as an array of NumPy; a frame, a series and a tensor become one without a copy where they can."""
    if isinstance(values, np.ndarray):
        array: NDArray[Any] = values
    else:
        values = values.detach().cpu() if hasattr(values, "detach") else values
        try:
            array = np.asarray(values)
        except (ValueError, TypeError) as error:
            rule = "must return rows of one length"
            raise ConfigurationError([Fault(key, rule, str(error).partition(".")[0])]) from error
    if array.dtype.kind == "O" and all(isinstance(each, str) for each in array.flat):
        return array.astype(str)
    if array.dtype.kind not in "biufU":
        rule = "must return arrays of numbers, truth values or words"
        raise ConfigurationError([Fault(key, rule, f"an array of type {array.dtype}")])
    return array


def _of_frame(frame: Any, target: str, key: str) -> Gathered:
    columns = [str(name) for name in frame.columns]
    if target not in columns:
        rule = "must return a DataFrame and the name of one of its columns"
        raise ConfigurationError([Fault(key, rule, target, remedy=f"Columns: {listed(columns)}.")])
    inputs = frame.drop(columns=target)
    strange = [str(name) for name, kind in inputs.dtypes.items() if kind.kind not in "biuf"]
    if strange or inputs.empty:
        rule = "must return a DataFrame of numbers beside its target"
        remedy = "Write the frame to a file and take data=table, which makes numbers of words and dates."
        raise ConfigurationError([Fault(key, rule, listed(strange) or "no other column", remedy=remedy)])
    return Gathered(inputs.to_numpy(np.float64), _array(frame[target].to_numpy(), key))


def _is_frame(value: Any) -> bool:
    return type(value).__name__ == "DataFrame" and hasattr(value, "columns")


def _of_parts(made: Mapping[Any, Any], key: str) -> Gathered:
    known = {word: part for part, words in _PARTS.items() for word in words}
    unknown = [name for name in made if str(name).lower() not in known]
    parts = {known[str(name).lower()]: each for name, each in made.items() if name not in unknown}
    if unknown or "train" not in parts:
        rule = "must name its parts train, validation and test, the first of them at least"
        raise ConfigurationError([Fault(key, rule, listed(map(str, made)) or "an empty mapping")])
    found = {part: _gathered(parts[part], key) for part in _PARTS if part in parts}
    shapes = {part: each.inputs.shape[1:] for part, each in found.items()}
    if len(set(shapes.values())) > 1:
        rule = "must have rows of one shape in all parts"
        raise ConfigurationError(
            [Fault(key, rule, listed(f"{part} {shape}" for part, shape in shapes.items()))]
        )
    weights = [each.weights for each in found.values() if each.weights is not None]
    if weights and len(weights) < len(found):
        rule = "must have weights in every part or in none"
        raise ConfigurationError([Fault(key, rule, f"weights in {len(weights)} of {len(found)} parts")])
    sizes = {part: len(each.inputs) for part, each in found.items()}
    return Gathered(
        np.concatenate([each.inputs for each in found.values()]),
        np.concatenate([each.targets for each in found.values()]),
        np.concatenate(weights) if weights else None,
        sizes.get("validation", 0),
        sizes.get("test", 0),
    )


def _collected(rows: Iterator[Any], key: str) -> Gathered:
    """Returns what an iterator yields, rows or batches of them, one behind the other."""
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    size = 0
    for number, each in enumerate(rows):
        if not isinstance(each, tuple | list) or len(each) != 2:
            rule = "must yield (inputs, targets), of one row or of a batch"
            raise ConfigurationError([Fault(key, rule, f"{type(each).__name__} as number {number}")])
        first, second = (_array(part, key) for part in each)
        if inputs and (first.ndim, second.ndim) != (inputs[0].ndim, targets[0].ndim):
            rule = "must yield rows or batches of one shape"
            raise ConfigurationError([Fault(key, rule, f"{first.shape} after {inputs[0].shape}")])
        inputs.append(first)
        targets.append(second)
        size += first.nbytes + second.nbytes
        if size > _MOST_BYTES:
            rule = f"yields more than the {_MOST_BYTES / 1e9:g} GB that are collected in memory"
            remedy = "Write an array to a file and take data=arrays, which reads it from the disk."
            raise ConfigurationError([Fault(key, rule, f"{number + 1:,} so far", remedy=remedy)])
    if not inputs:
        raise ConfigurationError([Fault(key, "must yield at least one row", "an iterator that is empty")])
    are_batches = (
        targets[0].ndim > 0
        and inputs[0].ndim > 0
        and len(targets[0]) == len(inputs[0])
        and inputs[0].ndim > 1
    )
    join = np.concatenate if are_batches else np.stack
    shapes = {each.shape[1:] if are_batches else each.shape for each in inputs}
    if len(shapes) > 1:
        rule = "must yield rows of one shape"
        raise ConfigurationError([Fault(key, rule, listed(str(shape) for shape in sorted(shapes)))])
    return Gathered(join(inputs), join(targets))


def _last_columns(made: Source) -> list[int]:
    if len(made.input_shape) != 1:
        return []
    width = made.input_shape[0]
    return list(range(width - len(made.embedded), width))
