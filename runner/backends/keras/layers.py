"""The layer tree as a Keras functional model, and its weights in the canonical names and layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner import component, layers
from runner.dropout import (
    FIRST_MULTIPLIER,
    INDEX_MULTIPLIER,
    MASK,
    SECOND_MULTIPLIER,
    layer_key,
    threshold,
)
from runner.experiment import Component
from runner.results import Weights

_VARIABLES = {
    "kernel": "kernel",
    "bias": "bias",
    "scale": "gamma",
    "shift": "beta",
    "running_mean": "moving_mean",
    "running_variance": "moving_variance",
}


class Network(keras.Model):
    """A whole network, made by :func:`network`; images are (batch, height, width, channels)."""

    step: Any
    names: tuple[str, ...]
    activations: dict[str, Component]

    def weights_by_name(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return {name: np.array(self._variable(name).value.numpy(), dtype=np.float64) for name in self.names}

    def load_by_name(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""
        for name in self.names:
            self._variable(name).assign(weights[name])

    def activation_inputs(self, function: Component) -> list[Any]:
        """Returns the symbolic tensors that enter the layers of one activation function."""
        return [self.get_layer(name).input for name, each in self.activations.items() if each == function]

    def gradient_places(self) -> dict[str, int]:
        """Returns the place of every trained array, by canonical name, among the trainable variables."""
        places = {id(variable): place for place, variable in enumerate(self.trainable_variables)}
        found = {name: places.get(id(self._variable(name))) for name in self.names}
        return {name: place for name, place in found.items() if place is not None}

    def _variable(self, name: str) -> Any:
        layer, _, word = name.rpartition("/")
        return getattr(self.get_layer(layer), _VARIABLES[word])


def network(kind: type[Network], *, tree: layers.Sequence, input_shape: layers.Shape, seed: int) -> Network:
    """Returns the model of a named layer tree.

    Args:
        kind: Network or a subclass, the class of the model.
        tree: the named layer tree.
        input_shape: shape of one example.
        seed: the experiment's seed, for dropout masks.
    """
    step = tf.Variable(0, trainable=False, dtype=tf.int64, name="step")
    inputs = keras.Input(input_shape)
    outputs = _Interpreter(seed, step).sequence(tree, inputs, input_shape)
    model = kind(inputs=inputs, outputs=outputs, name="network")
    model.step = step
    model.names = tuple(layers.parameters(tree, input_shape))
    model.activations = layers.activations(tree, input_shape)
    return model


class _Interpreter:
    """Applies layer records to symbolic tensors."""

    def __init__(self, seed: int, step: tf.Variable) -> None:
        self._seed = seed
        self._step = step

    def sequence(self, tree: layers.Sequence, inputs: Any, shape: layers.Shape) -> Any:
        for layer in tree.layers:
            inputs = self._apply(layer, inputs, shape)
            shape = layer.output_shape(shape)
        return inputs

    def _apply(self, layer: layers.Layer, inputs: Any, shape: layers.Shape) -> Any:
        match layer:
            case layers.Sequence():
                return self.sequence(layer, inputs, shape)
            case layers.Residual():
                return keras.layers.Add()([inputs, self.sequence(layer.body, inputs, shape)])
            case layers.Concatenation():
                branches = [self.sequence(branch, inputs, shape) for branch in layer.branches]
                return keras.layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
            case layers.Convolution():
                return self._convolution(layer, inputs, shape)
            case _:
                return self._leaf(layer)(inputs)

    def _leaf(self, layer: layers.Leaf) -> Any:
        match layer:
            case layers.Dense():
                return keras.layers.Dense(layer.units, use_bias=layer.bias, name=layer.name)
            case layers.MaxPool():
                return keras.layers.MaxPooling2D(layer.size, layer.stride, name=layer.name)
            case layers.AveragePool():
                return keras.layers.AveragePooling2D(layer.size, layer.stride, name=layer.name)
            case layers.Flatten():
                return keras.layers.Flatten(name=layer.name)
            case layers.Activation():
                return keras.layers.Activation(component.build(layer.function), name=layer.name)
            case layers.Dropout():
                key = layer_key(self._seed, layer.name)
                return _Dropout(layer.rate, key, self._step, name=layer.name)
            case layers.BatchNorm():
                return _BatchNorm(momentum=1 - layer.momentum, epsilon=layer.epsilon, name=layer.name)
            case layers.LayerNorm():
                return keras.layers.LayerNormalization(epsilon=layer.epsilon, name=layer.name)
        raise TypeError(f"no Keras layer for {layer!r}")

    def _convolution(self, layer: layers.Convolution, inputs: Any, shape: layers.Shape) -> Any:
        pads = layer.pads(shape[0]), layer.pads(shape[1])
        if layer.padding == "same":
            inputs = keras.layers.ZeroPadding2D(pads)(inputs)
        return keras.layers.Conv2D(
            layer.filters,
            layer.kernel_size,
            strides=layer.stride,
            padding="valid",
            use_bias=layer.bias,
            name=layer.name,
        )(inputs)


class _BatchNorm(keras.layers.BatchNormalization):
    """Batch norm whose running variance is the unbiased one."""

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        mean, variance = super()._moments(inputs, mask)
        self._rows = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        return mean, variance

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not training:
            return super().call(inputs, training=training, mask=mask)
        kept = tf.constant(self.momentum, self.moving_variance.dtype) * self.moving_variance
        outputs = super().call(inputs, training=training, mask=mask)
        # Keras has added (1 - momentum) times the biased variance; the unbiased one is n / (n - 1) of that.
        added = self.moving_variance - kept
        self.moving_variance.assign(kept + added * self._rows / (self._rows - 1))
        return outputs


class _Dropout(keras.layers.Layer):
    """Dropout whose mask is a function of (seed, layer, step, element)."""

    def __init__(self, rate: float, key: int, step: tf.Variable, *, name: str) -> None:
        super().__init__(name=name)
        self._rate = rate
        self._key = key
        self._step = step

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        step_key = _mix((self._step * INDEX_MULTIPLIER + self._key) & MASK)
        index = tf.range(tf.size(inputs, out_type=tf.int64), dtype=tf.int64)
        hashes = tf.reshape(_mix((index * INDEX_MULTIPLIER + step_key) & MASK), tf.shape(inputs))
        kept = tf.cast(hashes >= threshold(self._rate), inputs.dtype)
        return inputs * kept / tf.constant(1 - self._rate, inputs.dtype)


def _mix(value: Any) -> Any:
    """:func:`runner.dropout.mix` for TensorFlow, whose integers have no shift operator."""
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    value = xor(value, shift(value, tf.constant(15, tf.int64)))
    value = (value * FIRST_MULTIPLIER) & MASK
    value = xor(value, shift(value, tf.constant(12, tf.int64)))
    value = (value * SECOND_MULTIPLIER) & MASK
    return xor(value, shift(value, tf.constant(15, tf.int64)))
