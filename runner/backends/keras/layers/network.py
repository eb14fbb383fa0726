"""A whole network, put together from its tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from runner import layers
from runner.backends.keras import kernels
from runner.backends.keras.layers import plain, sequences, windows, written
from runner.dropout import layer_key
from runner.experiment import Component
from runner.results import Weights

_BUILDERS: Mapping[type[layers.Leaf], Callable[[Any, layers.Shape], plain.Apply]] = {
    layers.Dense: plain.dense,
    layers.Flatten: plain.flatten,
    layers.Reshape: plain.reshape,
    layers.Activation: plain.activation,
    layers.BatchNorm: plain.batch_norm,
    layers.LayerNorm: plain.layer_norm,
    layers.GroupNorm: plain.group_norm,
    layers.Conv1d: windows.convolution,
    layers.Conv2d: windows.convolution,
    layers.Conv2dTranspose: windows.transposed,
    layers.MaxPool: windows.max_pool,
    layers.AveragePool: windows.average_pool,
    layers.GlobalMaxPool: windows.global_max_pool,
    layers.GlobalAveragePool: windows.global_average_pool,
    layers.Embedding: sequences.embedding,
    layers.PositionalEmbedding: sequences.positional_embedding,
    layers.SimpleRnn: sequences.recurrent,
    layers.Lstm: sequences.recurrent,
    layers.Gru: sequences.recurrent,
    layers.SelfAttention: sequences.self_attention,
    layers.Select: plain.select,
}
# What Keras' own layers call their arrays where it is not what we call them.
_VARIABLES = {
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
    own: Mapping[str, Any]

    def weights_by_name(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return {name: kernels.values(self._variable(name)).astype(np.float64) for name in self.names}

    def load_by_name(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name; a network of the user's own keeps its first values where there are none."""
        for name in self.names:
            if weights or not self.own:
                self._variable(name).assign(weights[name])

    def activation_inputs(self, function: Component) -> list[Any]:
        """Returns the symbolic tensors that enter the layers of one activation function."""
        return [self.get_layer(name).input for name, each in self.activations.items() if each == function]

    def arrays(self) -> list[Any]:
        """Returns the variables that hold the arrays."""
        return [self._variable(name) for name in self.names]

    def arrays_by_name(self, values: Sequence[NDArray[Any]]) -> Weights:
        """Returns what :meth:`arrays` held at some time, by canonical name and in canonical layout."""
        return {name: np.asarray(value, np.float64) for name, value in zip(self.names, values, strict=True)}

    def gradients_by_name(self, gradients: Sequence[NDArray[Any]]) -> Weights:
        """Returns the gradients of the trainable variables, in their order, by canonical name and in canonical layout."""
        return {
            name: np.asarray(gradients[place], np.float64) for name, place in self.gradient_places().items()
        }

    def in_order(self, arrays: Mapping[str, NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Returns arrays by canonical name in the order of the trainable variables; nothing where there are none."""
        places = self.gradient_places()
        return [arrays[name] for name in sorted(places, key=places.__getitem__)] if arrays else []

    def gradient_places(self) -> dict[str, int]:
        """Returns the place of every trained array, by canonical name, among the trainable variables."""
        places = {id(variable): place for place, variable in enumerate(self.trainable_variables)}
        found = {name: places.get(id(self._variable(name))) for name in self.names}
        return {name: place for name, place in found.items() if place is not None}

    def _variable(self, name: str) -> Any:
        if name in self.own:
            return self.own[name]
        layer, _, word = name.rpartition("/")
        return getattr(self.get_layer(layer), _VARIABLES.get(word, word))


def network(
    kind: type[Network],
    *,
    tree: layers.Sequence,
    input_shape: layers.Shape,
    seed: int,
    native: frozenset[str] = frozenset(),
    ranks: Any = None,
) -> Network:
    """Returns the model of a named layer tree.

    Args:
        kind: Network or a subclass, the class of the model.
        tree: the named layer tree.
        input_shape: shape of one example.
        seed: the experiment's seed, for dropout masks.
        native: the differences of :mod:`runner.semantics` that are left to Keras.
        ranks: the processes that share each batch; None where there is this one alone.
    """
    step = keras.Variable(0, trainable=False, dtype="int64", name="step")
    inputs = keras.Input(input_shape)
    interpreter = _Interpreter(seed, step, native, ranks)
    outputs = interpreter.sequence(tree, inputs, input_shape)
    model = kind(inputs=inputs, outputs=outputs, name="network")
    model.step = step
    model.names = (*layers.parameters(tree, input_shape), *interpreter.own)
    # Keras would count variables in a dictionary as the model's, once more.
    model.own = MappingProxyType(interpreter.own)
    model.activations = layers.activations(tree, input_shape)
    return model


class _Interpreter:
    """Applies layer records to symbolic tensors."""

    def __init__(self, seed: int, step: keras.Variable, native: frozenset[str], ranks: Any) -> None:
        self._seed = seed
        self._step = step
        self._native = native
        self._ranks = ranks
        self.own: dict[str, Any] = {}

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
                shortcut = self.sequence(layer.shortcut, inputs, shape) if layer.shortcut else inputs
                return keras.layers.Add()([shortcut, self.sequence(layer.body, inputs, shape)])
            case layers.Concatenate():
                branches = [self.sequence(branch, inputs, shape) for branch in layer.parts]
                return keras.layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
            case layers.NativeNetwork():
                outputs, self.own = written.apply(layer, inputs, shape, seed=self._seed)
                return outputs
            case layers.Dropout():
                return self._dropout(layer)(inputs)
            case layers.BatchNorm() if "batch_norm" in self._native:
                return plain.own_batch_norm(layer)(inputs)
            case layers.BatchNorm() if self._ranks is not None:
                return plain.shared_batch_norm(layer, ranks=self._ranks)(inputs)
            case layers.Leaf():
                return _BUILDERS[type(layer)](layer, shape)(inputs)

    def _dropout(self, layer: layers.Dropout) -> plain.Apply:
        key = layer_key(self._seed, layer.name)
        if "dropout_masks" in self._native:
            return plain.own_dropout(layer, key=key)
        return plain.dropout(layer, key=key, step=self._step, ranks=self._ranks)
