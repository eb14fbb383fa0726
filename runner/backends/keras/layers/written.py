"""A network that somebody wrote for Keras."""

from __future__ import annotations

from typing import Any

import keras

from runner import layers, own_network
from runner.layers import Shape


def _built(layer: layers.NativeNetwork, shape: Shape, *, seed: int) -> keras.Model:
    """The model, with its own first values."""
    keras.utils.set_random_seed(seed)
    made = own_network.build(layer, shape, keras.Model, "keras.Model with backend=keras")
    own_network.require_logits(layer, shape, lambda size: _apply(made, layer, keras.ops.zeros(size)))
    return made


def apply(layer: layers.NativeNetwork, inputs: Any, shape: Shape, *, seed: int) -> tuple[Any, dict[str, Any]]:
    """Returns what the model makes of symbolic inputs, and its arrays by canonical name.

    The arrays have the names and the layout that the model has for them itself.
    """
    made = _built(layer, shape, seed=seed)
    outputs = _apply(made, layer, inputs)
    return outputs, {f"{layer.name}/{variable.path}": variable for variable in made.weights}


def _apply(model: keras.Model, layer: layers.NativeNetwork, inputs: Any) -> Any:
    return model(keras.ops.cast(inputs, "int32") if layer.tokens is not None else inputs)
