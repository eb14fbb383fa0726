"""What is learnt, told from the targets themselves: classes or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.suggestions import listed


@dataclass(frozen=True)
class Labels:
    """Targets as a network learns them.

    Args:
        task: what is predicted.
        classes: the names of the classes in the order of their numbers; empty for a regression.
        targets: class numbers, int64 (rows,), or float64 (rows, width).
        note: what was found, a sentence.
    """

    task: Task
    classes: tuple[str, ...]
    targets: NDArray[Any]
    note: str

    @property
    def width(self) -> int:
        """How many numbers a regression predicts for each row."""
        return 1 if self.classes else int(self.targets.shape[1])


def read(values: NDArray[Any], *, task: Task | None, most_classes: int, key: str) -> Labels:
    """Returns targets as classes or as numbers.

    Words and truth values are classes, and so are whole numbers of few different values; all others are numbers to predict.

    Args:
        values: one for each row, (rows,) or (rows, 1), or for a regression of several numbers (rows, width).
        task: what is predicted, or None to tell it from the values.
        most_classes: how many different whole numbers are classes at most, where ``task`` is None.
        key: the config key that names the targets.

    Raises:
        ConfigurationError: they can be learnt neither way.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        rule = "must hold one value for each row, or one row of values"
        raise ConfigurationError([Fault(key, rule, f"an array of shape {values.shape}")])
    if values.dtype.kind not in "biufUT":
        rule = "must hold numbers, words or truth values"
        raise ConfigurationError([Fault(key, rule, f"values of type {values.dtype}")])
    if _are_numbers(values, task, most_classes):
        return _numbers(values, key)
    return _classes(values, task, key)


def _are_numbers(values: NDArray[Any], task: Task | None, most_classes: int) -> bool:
    if task is not None:
        return task == "regression"
    if values.ndim == 2 or values.dtype.kind == "f":
        return True
    return values.dtype.kind in "iu" and len(np.unique(values)) > most_classes


def _numbers(values: NDArray[Any], key: str) -> Labels:
    if values.dtype.kind in "UT":
        rule = "must hold numbers for a regression"
        raise ConfigurationError([Fault(key, rule, f"words, as {str(values.flat[0])!r}")])
    targets = np.asarray(values, np.float64).reshape(len(values), -1)
    wrong = np.flatnonzero(~np.isfinite(targets).all(axis=1))
    if len(wrong):
        rule = "must hold finite numbers only"
        received = f"NaN or infinity in {len(wrong)} of {len(values)} rows, the first of them row {wrong[0]}"
        raise ConfigurationError([Fault(key, rule, received, remedy="Rows are numbered from 0.")])
    if (targets.min(axis=0) == targets.max(axis=0)).any():
        rule = "must differ between rows, or there is nothing to learn"
        raise ConfigurationError([Fault(key, rule, f"{targets[0].min():g} in every row")])
    width = targets.shape[1]
    what = f"{width} numbers" if width > 1 else f"a number from {targets.min():g} to {targets.max():g}"
    return Labels("regression", (), targets, f"{key}: regression, {what} for each row.")


def _classes(values: NDArray[Any], task: Task | None, key: str) -> Labels:
    if values.ndim == 2:
        rule = "must hold one class for each row"
        remedy = "Write one class number for each row, or data.task=regression."
        raise ConfigurationError([Fault(key, rule, f"{values.shape[1]} values for each row", remedy=remedy)])
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        rule = "must hold whole numbers, words or truth values for classes"
        received = f"{values[~(values == np.floor(values))][0]:g}"
        raise ConfigurationError([Fault(key, rule, received, remedy="Take data.task=regression.")])
    found, targets = np.unique(values, return_inverse=True)
    names = tuple(f"{each:g}" if values.dtype.kind == "f" else str(each) for each in found)
    if len(names) < 2:
        rule = "must have at least two classes, or there is nothing to tell apart"
        raise ConfigurationError([Fault(key, rule, f"{listed(names)} in every row")])
    if task == "binary" and len(names) > 2:
        remedy = "Take data.task=multiclass, or leave it at null."
        rule = "must have two classes, because data.task is binary"
        raise ConfigurationError([Fault(key, rule, f"{len(names)}: {listed(names, 8)}", remedy=remedy)])
    chosen: Task = task if task is not None else "binary" if len(names) == 2 else "multiclass"
    return Labels(chosen, names, targets.astype(np.int64), f"{key}: {chosen}, {_told(names)}.")


def _told(names: tuple[str, ...]) -> str:
    return f"{len(names)} classes ({listed(names, 8)})"
