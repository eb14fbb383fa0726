"""Looking into a network, a function or a loss by TensorFlow's own automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner import component
from runner.backends.keras.model import KerasModel
from runner.data import Rows
from runner.experiment import Component
from runner.results import Weights

Floats = NDArray[np.float64]


def function(*, function: Component, inputs: Floats) -> tuple[Floats, Floats]:
    """Returns f(x) and its derivatives for each row of inputs by itself, in float64.

    Args:
        function: an activation function; one that learns its slope has the first one.
        inputs: rows of x, (rows, n).

    Returns:
        values, (rows, m), and df_i / dx_j, (rows, m, n).
    """
    points = tf.constant(inputs, tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(points)
        values = _applied(function, points)
        columns = tf.unstack(values, axis=1)
    derivatives = [
        tape.gradient(each, points, unconnected_gradients=tf.UnconnectedGradients.ZERO) for each in columns
    ]
    return values.numpy(), tf.stack(derivatives, axis=1).numpy()


def polynomial(*, coefficients: list[float], inputs: Floats) -> tuple[Floats, Floats]:
    """Returns p(x) = sum_k c_k x^k by Horner's rule and p'(x) at each of the inputs, in float64."""
    points = tf.constant(inputs, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = tf.zeros_like(points)
        for coefficient in reversed(coefficients):
            values = values * points + tf.constant(coefficient, tf.float64)
    return values.numpy(), tape.gradient(values, points).numpy()


def loss(*, function: Component, predictions: Floats, targets: NDArray[Any]) -> tuple[Floats, Floats]:
    """Returns the loss of each of several predictions of the same targets, and its gradient, in float64.

    Args:
        function: the loss.
        predictions: logits, (variants, rows, units).
        targets: class numbers, (rows,), or numbers, (rows, units) or (rows,).

    Returns:
        losses, (variants,), and dL / dz, (variants, rows, units).
    """
    carried_out = component.build(function)
    expected = tf.constant(targets)

    def with_gradient(logits: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = carried_out(logits, expected)
        return value, tape.gradient(value, logits)

    # Compiled once: a landscape has more than a thousand variants.
    rows = tf.TensorSpec(predictions.shape[1:], tf.float64)
    compiled = tf.function(with_gradient, input_signature=[rows], jit_compile=False)
    losses, gradients = np.empty(len(predictions)), np.empty(predictions.shape)
    for place, each in enumerate(predictions):
        value, gradient = compiled(tf.constant(each, tf.float64))
        losses[place], gradients[place] = float(value), gradient.numpy()
    return losses, gradients


def outputs(*, model: KerasModel, names: Sequence[str], inputs: Floats) -> dict[str, Floats]:
    """Returns what each named layer gives, channels last, in evaluation mode and the run's precision."""
    layers = {name: model.network.get_layer(name).output for name in names}
    answers = keras.Model(model.network.input, layers)(inputs.astype(model.dtype), training=False)
    return {name: tf.cast(answer, tf.float64).numpy() for name, answer in answers.items()}


def gradients(*, model: KerasModel, rows: Rows) -> tuple[float, Weights]:
    """Returns the mean loss of rows in evaluation mode, and its gradient by canonical name and layout."""
    network = model.network
    inputs, targets, weights = model.tensors(rows)
    with tf.GradientTape() as tape:
        value = model.loss(network(inputs, training=False), targets, weights)
    found = tape.gradient(value, network.trainable_variables, unconnected_gradients="zero")
    return float(value), network.gradients_by_name([tf.convert_to_tensor(each).numpy() for each in found])


def _applied(function: Component, points: Any) -> Any:
    carried_out = component.build(function)
    slope = function.arguments.get("initial_slope")
    return carried_out(points) if slope is None else carried_out(points, tf.constant(slope, points.dtype))
