"""What a data set is: where its rows come from, and its parts once it is split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.experiment import Task
from runner.layers import Shape

Arrays = tuple[NDArray[np.float64], NDArray[Any]]


@dataclass(frozen=True)
class Source:
    """A data set that is known but not yet read.

    Args:
        name: what a person calls it.
        task: what is predicted.
        input_shape: the shape of one example.
        classes: the names of the classes in the order of their numbers; empty for a regression.
        rows: how many examples there are.
        read: returns inputs, float64 (rows, *input_shape), and targets: int64 (rows,) class numbers from 0,
            or float64 (rows, 1) for a regression.
    """

    name: str
    task: Task
    input_shape: Shape
    classes: tuple[str, ...]
    rows: int
    read: Callable[[], Arrays]


@dataclass(frozen=True)
class Rows:
    """Examples and their targets, row by row; there may be none."""

    inputs: NDArray[np.float64]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set, ready for training.

    A target t of the data stands here as (t - target_mean) / target_scale; these are 0 and 1 where the
    targets were left alone.
    """

    train: Rows
    validation: Rows
    test: Rows
    target_mean: float
    target_scale: float
