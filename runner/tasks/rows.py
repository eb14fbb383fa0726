"""Rows of a split, as a task that looks at a few of them names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from runner.blueprint import Blueprint
from runner.data import Rows, Splits, sizes
from runner.errors import Fault
from runner.experiment import Experiment
from runner.results import SPLITS

SplitName = Literal["train", "validation", "test"]


def faults(
    experiment: Experiment, drawing: Blueprint, split: SplitName, numbers: Sequence[int]
) -> Iterator[Fault]:
    """Yields what is wrong with the rows that are asked for."""
    rows = sizes(drawing.source, experiment.split, experiment.seed, experiment.debug.rows)[
        SPLITS.index(split)
    ]
    if not numbers:
        yield Fault("task.rows", "must name at least one row", "[]")
    elif rows < 1:
        yield Fault("task.split", f"has no rows, because split.{split} is 0", split)
    elif max(numbers) >= rows:
        rule = f"must be from 0 to {rows - 1}, because the {split} rows are {rows}"
        yield Fault("task.rows", rule, str(max(numbers)))


def taken(splits: Splits, split: SplitName, numbers: Sequence[int]) -> Rows:
    """Returns the rows of these numbers."""
    rows: Rows = getattr(splits, split)
    return rows.part(np.array(numbers))
