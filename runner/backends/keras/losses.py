"""Losses from logits as Keras carries them out: each maps (logits, targets, weights) to a number.

Without weights that is the mean over the batch. With weights w, (rows,), it is L = sum_i w_i l_i / sum_i w_i, where l_i is
the mean over the outputs of row i; where all weights of a batch are 0, it is 0 and has no gradient.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from keras import backend, ops

from runner.backends.keras import kernels
from runner.quantities import BelowOne, Positive


class Loss(Protocol):
    """A function from (logits, targets, weights) to a number; without weights all rows count alike."""

    def __call__(self, logits: Any, targets: Any, weights: Any = None, /) -> Any: ...


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln softmax(z_i)_k.

    q_ik = (1 - s) [k = y_i] + s / K for label smoothing s and K classes; w_i = class_weights[y_i], or 1, times the weight
    of the row, where it has one.
    """

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        if class_weights is not None:
            of_rows = ops.take(ops.convert_to_tensor(class_weights, logits.dtype), targets, axis=0)
            weights = of_rows if weights is None else weights * of_rows
        return _mean(_cross_entropies(logits, targets, label_smoothing), weights)

    return loss


def kl_divergence(*, label_smoothing: BelowOne) -> Loss:
    """L = mean of sum_k q_k (ln q_k - ln p_k) with p = softmax(z) and 0 ln 0 = 0.

    q_k = (1 - s) [k = y] + s / K for label smoothing s and K classes.
    """

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        cross = _cross_entropies(logits, targets, label_smoothing)
        classes = logits.shape[-1]
        other = label_smoothing / classes
        own = 1 - label_smoothing + other
        negative_entropy = own * math.log(own) + (classes - 1) * other * math.log(other or 1.0)
        return _mean(cross + negative_entropy, weights)

    return loss


def cosine() -> Loss:
    """L = mean of 1 - z . y / (|z| |y|), y the one-hot vector of a class or a vector of numbers; 1 where z or y is 0."""

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        directions = targets
        if backend.is_int_dtype(targets.dtype):
            directions = ops.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
        return _mean(1 - ops.sum(_unit(logits) * _unit(directions), axis=-1), weights)

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne, positive_weight: Positive) -> Loss:
    """L = mean of -w q ln p - (1 - q) ln(1 - p) with p = sigmoid(z) and w = positive_weight.

    q = y (1 - s) + s / 2 for label smoothing s.
    """

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        smoothed = ops.cast(targets, logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        ones, zeros = kernels.softplus(-logits[:, 0]), kernels.softplus(logits[:, 0])
        return _mean(positive_weight * smoothed * ones + (1 - smoothed) * zeros, weights)

    return loss


def hinge() -> Loss:
    """L = mean of max(0, 1 - t z) with t = 1 for class 1 and -1 for class 0. Source: Cortes and Vapnik, 1995."""

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        signs = 2 * ops.cast(targets, logits.dtype) - 1
        return _mean(ops.relu(1 - signs * logits[:, 0]), weights)

    return loss


def mse() -> Loss:
    """L = mean of (z - y)^2."""
    return lambda logits, targets, weights=None: _mean(ops.square(logits - targets), weights)


def mae() -> Loss:
    """L = mean of |z - y|."""
    return lambda logits, targets, weights=None: _mean(ops.abs(logits - targets), weights)


def huber(*, delta: Positive) -> Loss:
    """L = mean of r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) otherwise, with r = z - y. Source: Huber, 1964."""

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        distance = ops.abs(logits - targets)
        near, far = 0.5 * ops.square(distance), delta * (distance - 0.5 * delta)
        return _mean(ops.where(distance <= delta, near, far), weights)

    return loss


def log_cosh() -> Loss:
    """L = mean of ln cosh(z - y)."""

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        # ln cosh r = |r| + ln(1 + exp(-2 |r|)) - ln 2 does not overflow.
        distance = ops.abs(logits - targets)
        return _mean(distance + ops.log1p(ops.exp(-2 * distance)) - math.log(2), weights)

    return loss


def poisson() -> Loss:
    """L = mean of exp(z) - y z: z is the logarithm of the expected count."""
    return lambda logits, targets, weights=None: _mean(ops.exp(logits) - targets * logits, weights)


def _cross_entropies(logits: Any, targets: Any, label_smoothing: float) -> Any:
    """Returns the cross-entropy of each row."""
    if label_smoothing == 0:
        return ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    classes = logits.shape[-1]
    sharp = ops.one_hot(targets, classes, dtype=logits.dtype)
    smoothed = sharp * (1 - label_smoothing) + label_smoothing / classes
    return ops.categorical_crossentropy(smoothed, logits, from_logits=True)


def _mean(elements: Any, weights: Any) -> Any:
    """Returns the mean of elements, (rows,) or (rows, outputs), by the weights of their rows."""
    if weights is None:
        return ops.mean(elements)
    total = ops.sum(weights)
    rows = elements if len(elements.shape) == 1 else ops.mean(elements, axis=-1)
    return ops.sum(weights * rows) / ops.where(total > 0, total, ops.ones_like(total))


def _unit(vectors: Any) -> Any:
    """Returns each row divided by its length; a row of zeros stays one, with a gradient of 0."""
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    length = ops.sqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))
    return ops.where(squares > 0, vectors / length, ops.zeros_like(vectors))
