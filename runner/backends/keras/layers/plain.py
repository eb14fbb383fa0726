"""Layers that look at each row, each place or each number by itself, and the norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from runner import component, layers
from runner.backends.keras.layers.arrays import OwnLayer
from runner.dropout import FIRST_MULTIPLIER, INDEX_MULTIPLIER, MASK, SECOND_MULTIPLIER, threshold
from runner.layers import Shape

Apply = Callable[[Any], Any]


def dense(layer: layers.Dense, shape: Shape) -> Apply:
    """y = x W + b."""
    return keras.layers.Dense(layer.units, use_bias=layer.bias, name=layer.name)


def flatten(layer: layers.Flatten, shape: Shape) -> Apply:
    """Height, then width, then channels."""
    return keras.layers.Flatten(name=layer.name)


def reshape(layer: layers.Reshape, shape: Shape) -> Apply:
    """The same numbers in the same order."""
    return keras.layers.Reshape(layer.output_shape(shape), name=layer.name)


def select(layer: layers.Select, shape: Shape) -> Apply:
    """Some of the numbers of a row."""
    # They may be numbers of categories, which mixed precision would round: bfloat16 has no 257.
    return _Select(layer, shape, autocast=False)


def activation(layer: layers.Activation, shape: Shape) -> Apply:
    """The function, and its slopes where it learns them."""
    return _Function(layer, shape)


def batch_norm(layer: layers.BatchNorm, shape: Shape) -> Apply:
    """The batch's values in training, the running ones otherwise."""
    return _BatchNorm(momentum=1 - layer.momentum, epsilon=layer.epsilon, name=layer.name)


def shared_batch_norm(layer: layers.BatchNorm, *, ranks: Any) -> Apply:
    """The same where each process has a share of the batch: the values are those of the whole batch."""
    return _SharedBatchNorm(ranks, momentum=1 - layer.momentum, epsilon=layer.epsilon, name=layer.name)


def layer_norm(layer: layers.LayerNorm, shape: Shape) -> Apply:
    """Over the channels."""
    return keras.layers.LayerNormalization(epsilon=layer.epsilon, name=layer.name)


def group_norm(layer: layers.GroupNorm, shape: Shape) -> Apply:
    """Over each group of channels."""
    return keras.layers.GroupNormalization(layer.groups, epsilon=layer.epsilon, name=layer.name)


def dropout(layer: layers.Dropout, *, key: int, step: keras.Variable, ranks: Any) -> Apply:
    """Dropout whose mask is a function of (seed, layer, step, element).

    Args:
        layer: the record.
        key: the layer's own, from its name and the seed.
        step: the number of the step.
        ranks: the processes that share each batch; None where there is this one alone.
    """
    return _Dropout(layer.rate, key, step, ranks, name=layer.name)


def own_batch_norm(layer: layers.BatchNorm) -> Apply:
    """Keras' own, whose running variance is the biased one."""
    return keras.layers.BatchNormalization(
        momentum=1 - layer.momentum, epsilon=layer.epsilon, name=layer.name
    )


def own_dropout(layer: layers.Dropout, *, key: int) -> Apply:
    """Keras' own, with a generator that is seeded by ``key``."""
    return keras.layers.Dropout(layer.rate, seed=key, name=layer.name)


class _Function(OwnLayer[layers.Activation]):
    def __init__(self, record: layers.Activation, shape: Shape) -> None:
        super().__init__(record, shape)
        self._function: Callable[..., Any] = component.build(record.function)
        self._names = tuple(record.parameters(shape))

    def call(self, inputs: Any) -> Any:
        return self._function(inputs, *[ops.convert_to_tensor(getattr(self, name)) for name in self._names])


class _Select(OwnLayer[layers.Select]):
    def call(self, inputs: Any) -> Any:
        return inputs[:, self.record.first : self.record.first + self.record.count]


class _BatchNorm(keras.layers.BatchNormalization):
    """Batch norm whose running variance is the unbiased one."""

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        mean, variance = super()._moments(inputs, mask)
        self._rows = ops.cast(ops.size(inputs) / ops.shape(inputs)[-1], variance.dtype)
        return mean, variance

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not training:
            return super().call(inputs, training=training, mask=mask)
        kept = ops.convert_to_tensor(self.momentum, self.moving_variance.dtype) * self.moving_variance
        outputs = super().call(inputs, training=training, mask=mask)
        # Keras has added (1 - momentum) times the biased variance; the unbiased one is n / (n - 1) of that.
        added = self.moving_variance - kept
        self.moving_variance.assign(kept + added * self._rows / (self._rows - 1))
        return outputs


class _SharedBatchNorm(_BatchNorm):
    """Batch norm by the mean and variance of the whole batch, of which this process has some rows."""

    def __init__(self, ranks: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._ranks = ranks

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        own, axes = inputs[: self._ranks.own], self._reduction_axes
        places = ops.size(inputs[0]) // ops.shape(inputs)[-1]
        self._rows = ops.cast(self._ranks.rows * places, inputs.dtype)
        mean = self._ranks.sum(ops.sum(own, axis=axes)) / self._rows
        return mean, self._ranks.sum(ops.sum(ops.square(own - mean), axis=axes)) / self._rows


class _Dropout(keras.layers.Layer):
    def __init__(self, rate: float, key: int, step: keras.Variable, ranks: Any, *, name: str) -> None:
        super().__init__(name=name)
        self._ranks = ranks
        self._rate = rate
        self._key = key
        self._step = step

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        step_key = _mix((ops.convert_to_tensor(self._step) * INDEX_MULTIPLIER + self._key) & MASK)
        index = ops.arange(ops.size(inputs), dtype="int64")
        if self._ranks is not None:
            index = index + ops.cast(self._ranks.first * ops.size(inputs[0]), "int64")
        hashes = ops.reshape(_mix((index * INDEX_MULTIPLIER + step_key) & MASK), ops.shape(inputs))
        kept = ops.cast(hashes >= threshold(self._rate), inputs.dtype)
        return inputs * kept / ops.convert_to_tensor(1 - self._rate, inputs.dtype)


def _mix(value: Any) -> Any:
    """:func:`runner.dropout.mix` for tensors: those of TensorFlow have no shift operator."""
    shift, xor = ops.bitwise_right_shift, ops.bitwise_xor
    value = xor(value, shift(value, 15))
    value = (value * FIRST_MULTIPLIER) & MASK
    value = xor(value, shift(value, 12))
    value = (value * SECOND_MULTIPLIER) & MASK
    return xor(value, shift(value, 15))
