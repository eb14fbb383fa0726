"""Losses of one row and of several, of moderate and of large logits, of rows that weigh alike or differently."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import shipped
from numpy.typing import NDArray
from oracle import losses as oracle

from matrix.case import Arrays, Case, exact
from matrix.frameworks import function, pullback, tensor

# Columns of the losses whose targets are class numbers.
CLASSES = {"cross_entropy": 4, "kl_divergence": 4, "cosine": 4, "binary_cross_entropy": 1, "hinge": 1}
FURTHER: list[tuple[str, dict[str, Any]]] = [
    ("cross_entropy", {"label_smoothing": 0.1, "class_weights": None}),
    ("cross_entropy", {"label_smoothing": 0.0, "class_weights": [0.5, 1.0, 2.0, 4.0]}),
    ("cross_entropy", {"label_smoothing": 0.3, "class_weights": [3.0, 1.0, 2.0, 0.1]}),
    ("binary_cross_entropy", {"label_smoothing": 0.2, "positive_weight": 3.0}),
    ("kl_divergence", {"label_smoothing": 0.3}),
    ("huber", {"delta": 0.4}),
]
# Some rows weigh nothing; equal weights change nothing; where nothing weighs anything there is nothing to learn.
WEIGHTS = {
    "different": np.array([0.25, 0.0, 3.0, 1.0, 0.5, 0.0, 2.0, 7.0, 1.5]),
    "equal": np.full(9, 0.375),
    "no": np.zeros(9),
}


def _case(
    name: str,
    arguments: dict[str, Any],
    logits: NDArray[Any],
    targets: NDArray[Any],
    setting: str,
    weights: NDArray[Any] | None = None,
) -> Case:
    def run(backend: str, dtype: str) -> Arrays:
        loss = function(backend, "losses", name)(**arguments)
        known = tensor(backend, targets if targets.dtype.kind == "i" else targets.astype(dtype))
        weighing = None if weights is None else tensor(backend, weights.astype(dtype))
        one = np.ones((), dtype)
        value, gradient = pullback(backend, lambda z: loss(z, known, weighing), logits.astype(dtype), one)
        return {"value": value, "gradient": gradient}

    def truth() -> Arrays:
        rule = partial(getattr(oracle, name), **arguments)
        if weights is None:
            value, gradient = rule(logits, targets)
        else:
            # A class has a weight of its own, which stays when the row is alone.
            of_classes = np.array(arguments.get("class_weights") or np.ones(8))
            share = weights * (of_classes[targets] if targets.dtype.kind == "i" else 1.0)
            value, gradient = oracle.weighted(rule, logits, targets, share)
        return {"value": np.array(value), "gradient": gradient}

    words = ", ".join([*(f"{key} {value}" for key, value in arguments.items()), setting])
    return Case("loss", name, words, run, truth)


def drawn(name: str, rows: int, size: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns logits and targets that a loss takes."""
    draws, columns = np.random.default_rng(rows), CLASSES.get(name, 2)
    logits = exact(size * draws.normal(size=(rows, columns)))
    if name == "poisson" and size > 1:
        # Logarithms of counts: a large one is e^5, not e^300.
        logits = exact(5 * np.tanh(logits))
    if name in CLASSES:
        return logits, draws.integers(0, max(columns, 2), rows)
    targets = exact(draws.normal(size=(rows, columns)))
    logits[0, 0] = targets[0, 0]
    return logits, targets


def _vectors(size: float) -> tuple[NDArray[Any], NDArray[Any]]:
    draws = np.random.default_rng(0)
    outputs, targets = (exact(size * draws.normal(size=(6, 3))) for _ in range(2))
    # A vector without a direction stands at a right angle to every other and pulls nowhere.
    outputs[1] = targets[2] = 0
    return outputs, targets


def _cases() -> list[Case]:
    found = [*shipped.components("loss", "output"), *FURTHER]
    binary = {"label_smoothing": 0.0, "positive_weight": 3.0}
    zeros, both = np.zeros((2, 1)), np.array([0, 1])
    return [
        *(
            _case(name, arguments, *drawn(name, rows, size), f"rows {rows}, logits of {size:g}")
            for name, arguments in found
            for rows in (1, 9)
            for size in (1.0, 300.0)
        ),
        *(
            _case(name, arguments, *drawn(name, 9, size), f"{kind} weights, logits of {size:g}", weights)
            for name, arguments in found
            for kind, weights in WEIGHTS.items()
            for size in (1.0, 300.0)
        ),
        # |z| and max(0, -z) have a kink at 0, the loss has none; where weights begin at 0, the first logits are there.
        _case("binary_cross_entropy", binary, zeros, both, "logits of 0"),
        _case("binary_cross_entropy", binary, zeros, both, "logits of 0, weighted", np.array([1.0, 3.0])),
        *(_case("cosine", {}, *_vectors(size), f"of vectors of {size:g}") for size in (1.0, 300.0)),
    ]


CASES = _cases()
