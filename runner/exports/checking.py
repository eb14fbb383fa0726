"""Whether what was written says the same as the run: both answer the same examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner import layers
from runner.exports.formats import Answer, Format
from runner.network_reading import StoredNetwork
from runner.prediction import Predictor

# Relative to the largest answer: what a few layers of rounding come to.
_FLOORS = {32: 1e-5, 64: 1e-10}
_ROWS, _SEED = 32, 0


@dataclass(frozen=True)
class Check:
    """How far two answers lie apart at most, and how far they may.

    Args:
        rows: how many examples were answered.
        difference: the largest, in the units of the answers.
        floor: what it may be.
    """

    rows: int
    difference: float
    floor: float

    @property
    def passed(self) -> bool:
        """Whether they are the same to rounding."""
        return self.difference <= self.floor


def check(form: Format, answer: Answer, predictor: Predictor) -> Check:
    """Returns how far what was written lies from what answers for the run.

    Args:
        form: in which it was written.
        answer: what carries it out.
        predictor: of the run.
    """
    network = predictor.network
    rows = examples(network)
    expected, found = predictor(rows), answer(rows)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return Check(len(rows), float("inf"), 0.0)
    floor = _FLOORS[min(form.precision(network), network.precision)]
    largest = float(np.abs(expected).max())
    return Check(len(rows), float(np.abs(found - expected).max()), floor * max(largest, 1e-30))


def examples(network: StoredNetwork) -> NDArray[np.float64]:
    """Returns the example of the training and some that are spread as its inputs are, in the units of the data."""
    draws = np.random.default_rng(_SEED)
    shape = (_ROWS, *network.input_shape)
    tokens = _tokens(network)
    if tokens is None:
        drawn = network.input_mean + network.input_scale * draws.normal(size=shape)
    else:
        drawn = draws.integers(0, tokens, shape).astype(np.float64)
    for column, count in layers.categories(network.tree("runner.backends.none")).items():
        drawn[:, column] = draws.integers(0, count, len(drawn))
    for place, count in layers.categories(network.tree("runner.backends.none")).items():
        drawn[:, place] = draws.integers(0, count, _ROWS)
    own = np.asarray(network.described["example"], np.float64).reshape(1, *network.input_shape)
    return np.concatenate([own, drawn])


def _tokens(network: StoredNetwork) -> int | None:
    """Returns how many different whole numbers a network takes; None where it takes numbers to reckon with."""
    found = [
        leaf.vocabulary
        for _, leaf in layers.entrances(network.tree("runner.backends.none"))
        if isinstance(leaf, layers.Embedding)
    ]
    return min(found, default=None)
