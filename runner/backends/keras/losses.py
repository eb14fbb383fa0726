"""Losses from logits as TensorFlow carries them out: each maps (logits, targets) to the mean over the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from runner.quantities import BelowOne, Positive

Loss = Callable[[Any, Any], Any]


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln softmax(z_i)_k.

    q_ik = (1 - s) [k = y_i] + s / K for label smoothing s and K classes; w_i = class_weights[y_i], or 1.
    """

    def loss(logits: Any, targets: Any) -> Any:
        rows = _cross_entropies(logits, targets, label_smoothing)
        if class_weights is None:
            return tf.reduce_mean(rows)
        weights = tf.gather(tf.constant(class_weights, logits.dtype), targets)
        return tf.reduce_sum(weights * rows) / tf.reduce_sum(weights)

    return loss


def kl_divergence(*, label_smoothing: BelowOne) -> Loss:
    """L = mean of sum_k q_k (ln q_k - ln p_k) with p = softmax(z) and 0 ln 0 = 0.

    q_k = (1 - s) [k = y] + s / K for label smoothing s and K classes.
    """

    def loss(logits: Any, targets: Any) -> Any:
        cross = tf.reduce_mean(_cross_entropies(logits, targets, label_smoothing))
        classes = logits.shape[-1]
        other = label_smoothing / classes
        own = 1 - label_smoothing + other
        negative_entropy = own * math.log(own) + (classes - 1) * other * math.log(other or 1.0)
        return cross + tf.constant(negative_entropy, logits.dtype)

    return loss


def cosine() -> Loss:
    """L = mean of 1 - z . y / (|z| |y|), y the one-hot vector of a class or a vector of numbers; 1 where z or y is 0."""

    def loss(logits: Any, targets: Any) -> Any:
        directions = targets
        if not targets.dtype.is_floating:
            directions = tf.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
        return tf.reduce_mean(1 - tf.reduce_sum(_unit(logits) * _unit(directions), axis=-1))

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne, positive_weight: Positive) -> Loss:
    """L = mean of -w q ln p - (1 - q) ln(1 - p) with p = sigmoid(z) and w = positive_weight.

    q = y (1 - s) + s / 2 for label smoothing s.
    """

    def loss(logits: Any, targets: Any) -> Any:
        keep = tf.constant(1 - label_smoothing, logits.dtype)
        half = tf.constant(label_smoothing / 2, logits.dtype)
        smoothed = tf.cast(targets, logits.dtype) * keep + half
        weight = tf.constant(positive_weight, logits.dtype)
        return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(smoothed, logits[:, 0], weight))

    return loss


def hinge() -> Loss:
    """L = mean of max(0, 1 - t z) with t = 1 for class 1 and -1 for class 0. Source: Cortes and Vapnik, 1995."""

    def loss(logits: Any, targets: Any) -> Any:
        signs = 2 * tf.cast(targets, logits.dtype) - 1
        return tf.reduce_mean(tf.nn.relu(1 - signs * logits[:, 0]))

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


def log_cosh() -> Loss:
    """L = mean of ln cosh(z - y)."""

    def loss(logits: Any, targets: Any) -> Any:
        # ln cosh r = |r| + ln(1 + exp(-2 |r|)) - ln 2 does not overflow.
        distance = tf.abs(logits - targets)
        logarithm = tf.constant(math.log(2), logits.dtype)
        return tf.reduce_mean(distance + tf.math.log1p(tf.exp(-2 * distance)) - logarithm)

    return loss


def poisson() -> Loss:
    """L = mean of exp(z) - y z: z is the logarithm of the expected count."""
    return lambda logits, targets: tf.reduce_mean(tf.nn.log_poisson_loss(targets, logits))


def _cross_entropies(logits: Any, targets: Any, label_smoothing: float) -> Any:
    """Returns the cross-entropy of each row."""
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


def _unit(vectors: Any) -> Any:
    """Returns each row divided by its length; a row of zeros stays one, with a gradient of 0."""
    squares = tf.reduce_sum(vectors**2, axis=-1, keepdims=True)
    length = tf.sqrt(tf.where(squares > 0, squares, tf.ones_like(squares)))
    return tf.where(squares > 0, vectors / length, tf.zeros_like(vectors))
