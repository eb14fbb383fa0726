"""Rows that stand for all where there are very many: drawn once, by the seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from runner.data import Rows
from runner.randomness import generator
from runner.results import Predictions


def numbers(rows: int, limit: int | None, seed: int) -> NDArray[np.int64] | None:
    """Returns which rows stand for all, in their order, each as likely as any other; None where all are few enough.

    Args:
        rows: how many there are.
        limit: how many are taken at most, or None for all.
        seed: of the experiment.
    """
    if limit is None or rows <= limit:
        return None
    return np.sort(generator(seed, "sample").permutation(rows)[:limit])


def of_rows(rows: Rows, limit: int | None, seed: int) -> Rows:
    """Returns at most so many of the rows; see :func:`numbers`."""
    chosen = numbers(len(rows), limit, seed)
    return rows if chosen is None else rows.part(chosen)


def of_predictions(shown: Predictions, rows: int, limit: int | None, seed: int) -> Predictions:
    """Returns at most so many of the predictions, and of how many rows they are if not of all; see :func:`numbers`.

    Args:
        shown: what was predicted.
        rows: how many the split has, of which these may be a sample already.
        limit: how many are kept at most, or None for all.
        seed: of the experiment.
    """
    chosen = numbers(len(shown.targets), limit, seed)
    if chosen is not None:
        weights = None if shown.weights is None else shown.weights[chosen]
        shown = Predictions(shown.targets[chosen], shown.outputs[chosen], weights)
    return shown if len(shown.targets) == rows else replace(shown, of=rows)
