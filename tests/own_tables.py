"""Tables for tests: two numbers and the numbers of two categories, and rare classes that follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runner.data import Embedded, Source
from runner.experiment import Component

ROWS = 200
EMBEDDED = (Embedded(column=2, categories=5, width=3), Embedded(column=3, categories=3, width=2))


def source(*, seed: int) -> Source:
    """Returns the table as a data set whose two last inputs are looked up in tables that are learnt."""
    inputs, targets = arrays()
    classes = ("common", "rare", "rarest")
    return Source("own", "multiclass", (4,), classes, ROWS, lambda: (inputs, targets), embedded=EMBEDDED)


def arrays() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns inputs and class numbers."""
    draws = np.random.default_rng(11)
    numbers = draws.normal(40.0, 7.0, (ROWS, 2))
    codes = np.stack([draws.integers(0, 5, ROWS), draws.integers(0, 3, ROWS)], axis=1)
    score = (numbers[:, 0] - 40) / 7 + np.array([0.0, 2.0, -1.0, 0.5, -2.0])[codes[:, 0]] + codes[:, 1]
    targets = np.searchsorted(np.quantile(score, [0.75, 0.93]), score)
    return np.hstack([numbers, codes.astype(np.float64)]), targets.astype(np.int64)


def component() -> Component:
    """Returns what an experiment has for it."""
    return Component(target="own_tables.source", arguments={}, key="data")
