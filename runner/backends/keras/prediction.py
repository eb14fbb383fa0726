"""A trained network read back from its files, as Keras carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.backends.keras import precision
from runner.backends.keras.layers import Network
from runner.backends.keras.layers import network as assembled
from runner.network_reading import StoredNetwork


def predictor(*, network: StoredNetwork) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Returns what gives the last layer's numbers, (rows, units), of examples in the units of the data.

    Args:
        network: read from its files; it is carried out in the precision in which it was trained.
    """
    built, dtype = restored(network), "float64" if network.precision == 64 else "float32"

    def carried_out(inputs: Any) -> Any:
        standardised = (inputs - network.input_mean) / network.input_scale
        return tf.cast(built(tf.cast(standardised, dtype), training=False), tf.float64)

    rows = tf.TensorSpec((None, *network.input_shape), tf.float64)
    compiled = tf.function(carried_out, input_signature=[rows], autograph=False, jit_compile=False)

    def answer(inputs: NDArray[Any]) -> NDArray[np.float64]:
        return compiled(tf.constant(inputs, tf.float64)).numpy()

    return answer


def restored(network: StoredNetwork) -> Network:
    """Returns the network with its arrays, in its own precision."""
    precision.choose(network.precision)
    tree = network.tree("runner.backends.keras")
    built = assembled(Network, tree=tree, input_shape=network.input_shape, seed=0)
    built.load_by_name(network.weights)
    return built
