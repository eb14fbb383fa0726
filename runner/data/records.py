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
        tokens: how many different whole numbers, from 0, the inputs hold; None where they are numbers to reckon with.
            Tokens are never standardised.
    """

    name: str
    task: Task
    input_shape: Shape
    classes: tuple[str, ...]
    rows: int
    read: Callable[[], Arrays]
    tokens: int | None = None


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

    An input x of the data stands here as (x - input_mean) / input_scale, element by element, and a target t
    as (t - target_mean) / target_scale; these are 0 and 1 where inputs or targets were left alone.

    Args:
        train: what is learnt from.
        validation: what decides which epoch is the best.
        test: what is kept for the end.
        input_mean: of the shape of one example.
        input_scale: of the shape of one example.
        target_mean: in the units of the data.
        target_scale: in the units of the data.
        sha256: of the shapes and values of all inputs and targets as they were read, in hexadecimal.
    """

    train: Rows
    validation: Rows
    test: Rows
    input_mean: NDArray[np.float64]
    input_scale: NDArray[np.float64]
    target_mean: float
    target_scale: float
    sha256: str
