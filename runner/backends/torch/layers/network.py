"""A whole network, put together from its tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runner import layers
from runner.backends.torch.layers import own, plain, sequences, windows, written
from runner.backends.torch.layers.places import Built, Place
from runner.backends.torch.ranks import Ranks
from runner.dropout import layer_key
from runner.experiment import Component
from runner.place import ALONE
from runner.results import Weights

_BUILDERS: Mapping[type[layers.Leaf], Callable[[Any, layers.Shape], Built]] = {
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


class Network(nn.Module):
    """A whole network; images come as (batch, height, width, channels) and are turned inside to torch's order.

    Args:
        tree: the named layer tree.
        input_shape: shape of one example.
        seed: the experiment's seed, for dropout masks.
        native: the differences of :mod:`runner.semantics` that are left to torch.
        ranks: the processes that share each batch; None where there is this one alone.
    """

    def __init__(
        self,
        *,
        tree: layers.Sequence,
        input_shape: layers.Shape,
        seed: int,
        native: frozenset[str] = frozenset(),
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self._ranks = ranks or Ranks(ALONE)
        self._own = own.builders(native)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64), persistent=False)
        self.step: Tensor
        # A plain dictionary and not a submodule: every layer is already a submodule of the tree.
        self._places: dict[str, Place] = {}
        self._more: dict[str, Place] = {}
        self.leaves: dict[str, nn.Module] = {}
        self._seed = seed
        self.has_dropout = any(
            isinstance(row.layer, layers.Dropout) for row in layers.rows(tree, input_shape)
        )
        self.is_native = layers.is_native(tree)
        self.body = self._sequence(tree, input_shape)
        self._images = len(input_shape) == 3

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = inputs.permute(0, 3, 1, 2) if self._images else inputs
        outputs: Tensor = self.body(inputs)
        return outputs

    def begin_step(self, step: int) -> None:
        """Tells the dropout layers, if there are any, which step of the training comes."""
        if self.has_dropout:
            self.step.fill_(step)

    def named_arrays(self) -> list[tuple[str, nn.Parameter]]:
        """Returns every trained array with its canonical name, in the order of the layers."""
        tensors = {name: place.tensor() for name, place in (self._places | self._more).items()}
        return [(name, tensor) for name, tensor in tensors.items() if isinstance(tensor, nn.Parameter)]

    def gradient_norms(self) -> dict[str, float]:
        """Returns the Euclidean norm of every trained array's gradient by canonical name."""
        gradients = {name: place.gradient() for name, place in self._places.items()}
        return {
            name: float(gradient.double().norm())
            for name, gradient in gradients.items()
            if gradient is not None
        }

    def gradients(self) -> Weights:
        """Returns copies of the gradients of all trained arrays by canonical name and in canonical layout."""
        found = {name: place.read_gradient() for name, place in self._places.items()}
        return {name: gradient for name, gradient in found.items() if gradient is not None}

    def functions(self, function: Component) -> list[nn.Module]:
        """Returns the modules that carry out one activation function, in the order of the layers."""
        found = (each for each in self.modules() if isinstance(each, plain.Function))
        return [each for each in found if each.component == function]

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return {name: place.read() for name, place in self._places.items()}

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name; a network of the user's own keeps its first values where there are none."""
        for name, place in self._places.items():
            if weights or not self.is_native:
                place.write(weights[name])

    def canonical(self, name: str, tensor: Tensor) -> NDArray[np.float64]:
        """Returns a copy, in canonical layout, of a tensor that is laid out as the array of a name."""
        return (self._places | self._more)[name].canonical(tensor)

    def native(self, name: str, array: NDArray[np.float64]) -> Tensor:
        """Returns a tensor of its own that is laid out as the array of a name, and lies where that does."""
        return (self._places | self._more)[name].native(array)

    def _sequence(self, tree: layers.Sequence, shape: layers.Shape) -> nn.Sequential:
        modules = []
        for layer in tree.layers:
            modules.append(self._module(layer, shape))
            shape = layer.output_shape(shape)
        return nn.Sequential(*modules)

    def _module(self, layer: layers.Layer, shape: layers.Shape) -> nn.Module:
        match layer:
            case layers.Sequence():
                return self._sequence(layer, shape)
            case layers.Residual():
                shortcut = self._sequence(layer.shortcut, shape) if layer.shortcut else nn.Identity()
                return _Residual(self._sequence(layer.body, shape), shortcut)
            case layers.Concatenate():
                # Inside, the channels of images come first.
                axis = 1 if len(layer.output_shape(shape)) == 3 else -1
                return _Concatenate([self._sequence(branch, shape) for branch in layer.parts], axis)
            case layers.Leaf():
                return self._leaf(layer, shape)

    def _leaf(self, layer: layers.Leaf, shape: layers.Shape) -> nn.Module:
        if type(layer) in self._own:
            built = self._own[type(layer)](layer, shape)
        elif isinstance(layer, layers.NativeNetwork):
            built = written.native(layer, shape, seed=self._seed)
        elif isinstance(layer, layers.Dropout):
            key = layer_key(self._seed, layer.name)
            built = plain.dropout(layer, shape, key=key, step=lambda: self.step, ranks=self._ranks)
        elif isinstance(layer, layers.BatchNorm) and self._ranks.are_several:
            built = plain.shared_batch_norm(layer, shape, ranks=self._ranks)
        else:
            built = _BUILDERS[type(layer)](layer, shape)
        self.leaves[layer.name] = built.module
        self._places |= {f"{layer.name}/{word}": place for word, place in built.places.items()}
        self._more |= {f"{layer.name}/{word}": place for word, place in built.more.items()}
        return built.module


class _Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.shortcut(inputs) + self.body(inputs)
        return outputs


class _Concatenate(nn.Module):
    def __init__(self, branches: list[nn.Sequential], axis: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self._axis = axis

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat([branch(inputs) for branch in self.branches], dim=self._axis)
