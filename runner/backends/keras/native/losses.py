"""Losses that Keras has in a way of its own; the others are the same in TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from runner.backends.keras.losses import Loss
from runner.quantities import BelowOne, Positive


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """Keras' CategoricalCrossentropy with the weights of the classes as weights of the rows, divided by the rows."""
    rule = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def loss(logits: Any, targets: Any) -> Any:
        weights = None
        if class_weights is not None:
            weights = tf.gather(tf.constant(class_weights, logits.dtype), targets)
        classes = tf.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
        return rule(classes, logits, sample_weight=weights)

    return loss
