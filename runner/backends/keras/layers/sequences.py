"""Layers for sequences, (rows, length, channels)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from keras import ops

from runner import layers
from runner.backends.keras import kernels
from runner.backends.keras.layers.arrays import OwnLayer
from runner.layers import Shape

Apply = Callable[[Any], Any]
State = tuple[Any, ...]
Cell = Callable[[State, Any, Any], State]


def embedding(layer: layers.Embedding, shape: Shape) -> Apply:
    """The rows of a table by whole numbers, which come as the training's numbers."""
    # Mixed precision would round the tokens before they are looked up: bfloat16 has no 257.
    return _Embedding(layer, shape, autocast=False)


def positional_embedding(layer: layers.PositionalEmbedding, shape: Shape) -> Apply:
    """A table added to every sequence."""
    return _PositionalEmbedding(layer, shape)


def recurrent(layer: layers.Recurrent, shape: Shape) -> Apply:
    """A cell carried along the sequence, and back where it is bidirectional."""
    return _Recurrent(layer, shape)


def self_attention(layer: layers.SelfAttention, shape: Shape) -> Apply:
    """Every place looks at every other."""
    return _SelfAttention(layer, shape)


class _Embedding(OwnLayer[layers.Embedding]):
    def call(self, inputs: Any) -> Any:
        rows = kernels.row(ops.convert_to_tensor(self.table), ops.cast(inputs, "int64"))
        return ops.cast(rows, self.compute_dtype)


class _PositionalEmbedding(OwnLayer[layers.PositionalEmbedding]):
    def call(self, inputs: Any) -> Any:
        return inputs + self.table


class _Recurrent(OwnLayer[layers.Recurrent]):
    """The equations themselves: Keras' own layers have other orders of gates and other biases."""

    def call(self, inputs: Any) -> Any:
        whole = self.record.returns == "all"
        states = [self._direction(inputs, prefix) for prefix in self.record.prefixes]
        if not whole:
            # The backward cell has walked from the end to the first place.
            states = [each[0 if number else -1] for number, each in enumerate(states)]
        joined = ops.concatenate(states, axis=-1)
        outputs = ops.transpose(joined, (1, 0, 2)) if whole else joined
        return ops.reshape(outputs, (-1, *self.record.output_shape(self.shape)))

    def _direction(self, inputs: Any, prefix: str) -> Any:
        """Returns the states h of one cell, (length, rows, units)."""
        kernel, bias, recurrent_kernel = (
            ops.convert_to_tensor(getattr(self, prefix + word))
            for word in ("kernel", "bias", "recurrent_kernel")
        )
        start = ops.zeros((ops.shape(inputs)[0], self.record.units), inputs.dtype)
        steps = ops.transpose(ops.tensordot(inputs, kernel, 1) + bias, (1, 0, 2))
        first: State = (start,)
        cell: Cell
        match self.record:
            case layers.Lstm():
                cell, first = _lstm, (start, start)
            case layers.Gru():
                cell = partial(_gru, bias=ops.convert_to_tensor(getattr(self, f"{prefix}recurrent_bias")))
            case _:
                cell = _simple
        return kernels.scan(
            lambda state, x: cell(state, x, state[0] @ recurrent_kernel),
            steps,
            first=first,
            reverse=prefix != "",
        )


def _simple(state: State, from_input: Any, from_state: Any) -> State:
    return (ops.tanh(from_input + from_state),)


def _lstm(state: State, from_input: Any, from_state: Any) -> State:
    i, f, g, o = ops.split(from_input + from_state, 4, axis=-1)
    carried = ops.sigmoid(f) * state[1] + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(carried), carried


def _gru(state: State, from_input: Any, from_state: Any, *, bias: Any) -> State:
    r, z, n = ops.split(from_input, 3, axis=-1)
    r_state, z_state, n_state = ops.split(from_state + bias, 3, axis=-1)
    reset, update = ops.sigmoid(r + r_state), ops.sigmoid(z + z_state)
    candidate = ops.tanh(n + reset * n_state)
    return ((1 - update) * candidate + update * state[0],)


class _SelfAttention(OwnLayer[layers.SelfAttention]):
    """Keras' own layer keeps its factor in float32."""

    def call(self, inputs: Any) -> Any:
        length, features = self.shape
        query, key, value = (self._split(self._affine(inputs, role)) for role in ("query", "key", "value"))
        width = features // self.record.heads
        scores = query @ ops.swapaxes(key, -1, -2) * ops.convert_to_tensor(width**-0.5, inputs.dtype)
        if self.record.causal:
            visible = ops.tril(ops.ones((length, length), "bool"))
            scores = ops.where(visible, scores, ops.convert_to_tensor(float("-inf"), inputs.dtype))
        seen = ops.transpose(ops.softmax(scores) @ value, (0, 2, 1, 3))
        return self._affine(ops.reshape(seen, (-1, length, features)), "output")

    def _affine(self, inputs: Any, role: str) -> Any:
        outputs = ops.tensordot(inputs, ops.convert_to_tensor(getattr(self, f"{role}_kernel")), 1)
        bias = getattr(self, f"{role}_bias", None)
        return outputs if bias is None else outputs + bias

    def _split(self, features: Any) -> Any:
        """Returns (rows, heads, length, features of one head)."""
        length, width = self.shape
        heads = self.record.heads
        parts = ops.reshape(features, (-1, length, heads, width // heads))
        return ops.transpose(parts, (0, 2, 1, 3))
