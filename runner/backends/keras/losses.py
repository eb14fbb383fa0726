"""Losses from logits as TensorFlow carries them out: each maps (logits, targets) to the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from runner.quantities import BelowOne, Positive

Loss = Callable[[Any, Any], Any]


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln softmax(z_i)_k.

    q_ik = (1 - s) [k = y_i] + s / K for label smoothing s and K classes; w_i = class_weights[y_i], or 1.
    """

    def row_losses(logits: Any, targets: Any) -> Any:
        if label_smoothing == 0:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
        classes = logits.shape[-1]
        smoothed = tf.one_hot(
            targets,
            classes,
            on_value=tf.constant(1 - label_smoothing + label_smoothing / classes, logits.dtype),
            off_value=tf.constant(label_smoothing / classes, logits.dtype),
        )
        return tf.nn.softmax_cross_entropy_with_logits(labels=smoothed, logits=logits)

    def loss(logits: Any, targets: Any) -> Any:
        rows = row_losses(logits, targets)
        if class_weights is None:
            return tf.reduce_mean(rows)
        weights = tf.gather(tf.constant(class_weights, logits.dtype), targets)
        return tf.reduce_sum(weights * rows) / tf.reduce_sum(weights)

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne) -> Loss:
    """L = mean of -q ln p - (1 - q) ln(1 - p) with p = sigmoid(z) and q = y (1 - s) + s / 2 for label smoothing s."""

    def loss(logits: Any, targets: Any) -> Any:
        keep = tf.constant(1 - label_smoothing, logits.dtype)
        half = tf.constant(label_smoothing / 2, logits.dtype)
        smoothed = tf.cast(targets, logits.dtype) * keep + half
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=smoothed, logits=logits[:, 0]))

    return loss


def mse() -> Loss:
    """L = mean of (z - y)^2."""
    return lambda logits, targets: tf.reduce_mean(tf.math.squared_difference(logits, targets))


def mae() -> Loss:
    """L = mean of |z - y|."""
    return lambda logits, targets: tf.reduce_mean(tf.abs(logits - targets))


def huber(*, delta: Positive) -> Loss:
    """L = mean of r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) otherwise, with r = z - y. Source: Huber, 1964."""

    def loss(logits: Any, targets: Any) -> Any:
        bound = tf.constant(delta, logits.dtype)
        distance = tf.abs(logits - targets)
        return tf.reduce_mean(
            tf.where(distance <= bound, 0.5 * distance**2, bound * (distance - 0.5 * bound))
        )

    return loss
