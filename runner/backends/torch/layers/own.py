"""Layers as torch has them when it is left to itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from runner import layers, semantics
from runner.backends.torch.layers import plain, sequences, windows
from runner.backends.torch.layers.places import Built, Place, SumPlace, without_arrays
from runner.layers import Shape

Builder = Callable[[Any, Shape], Built]


def builders(native: frozenset[str]) -> dict[type[layers.Leaf], Builder]:
    """Returns what builds the layers of some kinds where the differences that are named are left to torch."""
    return {kind: build for name in native for kind, build in _BUILDERS.get(name, {}).items()}


def _dropout(layer: layers.Dropout, shape: Shape) -> Built:
    """torch's own, which draws from its global generator."""
    return without_arrays(nn.Dropout(layer.rate))


def _convolution(layer: layers.Convolution, shape: Shape) -> Built:
    """Zeros at both ends alike, where that gives the same sides."""
    if not semantics.pads_both_ends(layer, shape):
        return windows.convolution(layer, shape)
    both = layer.dilation * (layer.kernel_size // 2)
    return windows.convolution(layer, shape, pads=[(both, both) for _ in shape[:-1]])


def _flatten(layer: layers.Flatten, shape: Shape) -> Built:
    """Channel after channel."""
    return without_arrays(nn.Flatten()) if len(shape) == 3 else plain.flatten(layer, shape)


def _recurrent(layer: layers.Recurrent, shape: Shape) -> Built:
    """Both biases trained, so that their sum moves twice as far."""
    built = sequences.recurrent(layer, shape)
    places, more = dict(built.places), {}
    for prefix in layer.prefixes:
        first, second = f"{prefix}bias", f"{prefix}recurrent_bias"
        zeros = torch.zeros_like(getattr(built.module, first))
        built.module.register_parameter(second, nn.Parameter(zeros))
        places[first] = SumPlace(built.module, first, (0,), second)
        more[second] = Place(built.module, second, (0,))
    return Built(built.module, places, more)


_BUILDERS: Mapping[str, Mapping[type[layers.Leaf], Builder]] = {
    "dropout_masks": {layers.Dropout: _dropout},
    "padding": {layers.Conv1d: _convolution, layers.Conv2d: _convolution},
    "flatten_order": {layers.Flatten: _flatten},
    "recurrent_bias": {layers.SimpleRnn: _recurrent, layers.Lstm: _recurrent},
}
