"""Activation functions that Keras has in a way of its own; the others are TensorFlow's already."""

from __future__ import annotations

import keras
import tensorflow as tf

from runner.backends.keras.activations import Activation
from runner.quantities import Finite, NotNegative, Positive


def leaky_relu(*, negative_slope: NotNegative) -> Activation:
    """Keras' leaky_relu, which keeps its slope in float32."""
    return lambda x: keras.activations.leaky_relu(x, negative_slope=negative_slope)


def celu(*, alpha: Positive) -> Activation:
    """Keras' celu, with its own slope at 0."""
    return lambda x: keras.activations.celu(x, alpha=alpha)


def selu() -> Activation:
    """Keras' selu, with its own slope at 0."""
    return keras.activations.selu


def gelu() -> Activation:
    """Keras' gelu without its approximation, which keeps its constants in float32."""
    return lambda x: keras.activations.gelu(x, approximate=False)


def hard_tanh(*, minimum: Finite, maximum: Finite) -> Activation:
    """TensorFlow's clip_by_value, as in Keras' hard_tanh, with a slope of 1 at both ends."""
    return lambda x: tf.clip_by_value(x, tf.constant(minimum, x.dtype), tf.constant(maximum, x.dtype))
