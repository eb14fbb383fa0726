"""Layers for sequences, (rows, length, channels)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from runner import layers
from runner.backends.torch.layers.places import Built, Place, affine
from runner.layers import Shape


def embedding(layer: layers.Embedding, shape: Shape) -> Built:
    """The rows of a table by whole numbers, which come as the training's numbers."""
    module = _Embedding(layer.vocabulary, layer.features)
    return Built(module, {"table": Place(module, "weight", (0, 1))})


def positional_embedding(layer: layers.PositionalEmbedding, shape: Shape) -> Built:
    """A table added to every sequence."""
    module = _PositionalEmbedding(shape)
    return Built(module, {"table": Place(module, "table", (0, 1))})


def recurrent(layer: layers.Recurrent, shape: Shape) -> Built:
    """A cell carried along the sequence, and back where it is bidirectional."""
    module = _Recurrent(layer, shape)
    places = {
        word: Place(module, word, (1, 0) if word.endswith("kernel") else (0,))
        for word in layer.parameters(shape)
    }
    return Built(module, places)


def self_attention(layer: layers.SelfAttention, shape: Shape) -> Built:
    """Every place looks at every other."""
    module = _SelfAttention(shape[-1], layer.heads, layer.causal)
    places = {
        f"{role}_{word}": place
        for role in ("query", "key", "value", "output")
        for word, place in affine(getattr(module, role), (1, 0)).items()
    }
    return Built(module, places)


class _Embedding(nn.Embedding):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.long())


class _PositionalEmbedding(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.table


class _Recurrent(nn.Module):
    """torch's own cells with the arrays of the layer: its modules train a second bias even where it changes nothing."""

    def __init__(self, layer: layers.Recurrent, shape: Shape) -> None:
        super().__init__()
        self._layer = layer
        for word, array in layer.parameters(shape).items():
            self.register_parameter(word, nn.Parameter(torch.zeros(array.shape[::-1])))

    def forward(self, inputs: Tensor) -> Tensor:
        directions = len(self._layer.prefixes)
        start = inputs.new_zeros(directions, inputs.shape[0], self._layer.units)
        # With biases, one layer, no dropout inside; the rows come first.
        options = (True, 1, 0.0, self.training, self._layer.bidirectional, True)
        states: Tensor
        last: Tensor
        match self._layer:
            case layers.Lstm():
                states, last, _ = torch.lstm(inputs, (start, start), self._arrays(), *options)
            case layers.Gru():
                states, last = torch.gru(inputs, start, self._arrays(), *options)
            case _:
                states, last = torch.rnn_tanh(inputs, start, self._arrays(), *options)
        if self._layer.returns == "all":
            return states
        return last.transpose(0, 1).flatten(1)

    def _arrays(self) -> list[Tensor]:
        """Returns the arrays in torch's order: for each direction both kernels, then both biases."""
        arrays: list[Tensor] = []
        for prefix in self._layer.prefixes:
            kernel, bias, recurrent_kernel = (
                getattr(self, prefix + word) for word in ("kernel", "bias", "recurrent_kernel")
            )
            second = getattr(self, f"{prefix}recurrent_bias", None)
            arrays += [kernel, recurrent_kernel, bias, torch.zeros_like(bias) if second is None else second]
        return arrays


class _SelfAttention(nn.Module):
    def __init__(self, features: int, heads: int, causal: bool) -> None:
        super().__init__()
        self._heads, self._causal = heads, causal
        self.query, self.value, self.output = (nn.Linear(features, features) for _ in range(3))
        self.key = nn.Linear(features, features, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        query, key, value = (self._split(each(inputs)) for each in (self.query, self.key, self.value))
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=self._causal)
        outputs: Tensor = self.output(seen.transpose(1, 2).flatten(2))
        return outputs

    def _split(self, features: Tensor) -> Tensor:
        """Returns (rows, heads, length, features of one head)."""
        parts: Tensor = features.unflatten(-1, (self._heads, -1))
        return parts.transpose(1, 2)
