"""First weights and orders of rows as Keras and TensorFlow draw them."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner import layers
from runner.layers import Parameter, Sequence, Shape
from runner.results import Weights


def first_weights(*, tree: Sequence, input_shape: Shape, seed: int) -> Weights:
    """Returns kernels as Glorot and Bengio draw them, orthogonal recurrent ones, tables from U(-0.05, 0.05), biases of 0.

    A bias of an LSTM is 1 at its forget gate.
    """
    draws = keras.random.SeedGenerator(seed)
    weights = {}
    for row in layers.rows(tree, input_shape):
        for word, parameter in row.layer.parameters(row.input_shape).items():
            values = _first_values(word, parameter, draws)
            if isinstance(row.layer, layers.Lstm) and word.endswith("bias"):
                values[row.layer.units : 2 * row.layer.units] = 1
            weights[f"{row.layer.name}/{word}"] = values
    return weights


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """Returns the rows as TensorFlow's stateless_shuffle orders them for (seed, epoch)."""
    order: NDArray[np.int64] = tf.random.experimental.stateless_shuffle(
        tf.range(rows, dtype=tf.int64), seed=[seed, epoch]
    ).numpy()
    return order


def _first_values(word: str, parameter: Parameter, draws: keras.random.SeedGenerator) -> NDArray[np.float64]:
    if parameter.constant is not None:
        return np.full(parameter.shape, parameter.constant)
    values = _initializer(word, parameter, draws)(parameter.shape, dtype="float32")
    return np.array(values.numpy(), np.float64)


def _initializer(
    word: str, parameter: Parameter, draws: keras.random.SeedGenerator
) -> keras.initializers.Initializer:
    if parameter.deviation is not None:
        return keras.initializers.RandomUniform(-0.05, 0.05, seed=draws)
    if word.endswith("recurrent_kernel"):
        return keras.initializers.Orthogonal(seed=draws)
    if word.endswith("kernel"):
        return keras.initializers.GlorotUniform(seed=draws)
    return keras.initializers.Zeros()
