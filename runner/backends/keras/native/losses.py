"""Losses as Keras weighs them: the sum of the weighted rows is divided by how many they are."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from runner.backends.keras import losses
from runner.backends.keras.losses import Loss
from runner.quantities import BelowOne, Positive


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """Keras' CategoricalCrossentropy with the weights of the classes as weights of the rows, divided by the rows."""
    rule = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def loss(logits: Any, targets: Any, weights: Any = None) -> Any:
        if class_weights is not None:
            of_rows = ops.take(ops.convert_to_tensor(class_weights, logits.dtype), targets, axis=0)
            weights = of_rows if weights is None else weights * of_rows
        classes = ops.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
        return rule(classes, logits, sample_weight=weights)

    return loss


def kl_divergence(*, label_smoothing: BelowOne) -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.kl_divergence(label_smoothing=label_smoothing))


def cosine() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.cosine())


def binary_cross_entropy(*, label_smoothing: BelowOne, positive_weight: Positive) -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(
        losses.binary_cross_entropy(label_smoothing=label_smoothing, positive_weight=positive_weight)
    )


def hinge() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.hinge())


def mse() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.mse())


def mae() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.mae())


def huber(*, delta: Positive) -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.huber(delta=delta))


def log_cosh() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.log_cosh())


def poisson() -> Loss:
    """L = sum_i w_i l_i / rows, l_i as in ours."""
    return _by_rows(losses.poisson())


def _by_rows(loss: Loss) -> Loss:
    """Returns a loss whose mean by weights is divided by the rows in the place of the sum of the weights."""

    def divided(logits: Any, targets: Any, weights: Any = None) -> Any:
        mean = loss(logits, targets, weights)
        return mean if weights is None else mean * ops.mean(weights)

    return divided
