"""Layers that look at each row, each place or each number by itself, and the norms."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from runner import component, layers
from runner.backends.torch.layers.places import (
    Built,
    Place,
    affine,
    channels_first,
    channels_last,
    without_arrays,
)
from runner.backends.torch.ranks import Ranks
from runner.dropout import INDEX_MULTIPLIER, MASK, mix, threshold
from runner.experiment import Component
from runner.layers import Shape


def dense(layer: layers.Dense, shape: Shape) -> Built:
    """y = x W + b."""
    linear = nn.Linear(shape[-1], layer.units, bias=layer.bias)
    return Built(linear, affine(linear, (1, 0)))


def flatten(layer: layers.Flatten, shape: Shape) -> Built:
    """Height, then width, then channels: Keras' order, so that a dense kernel means the same in both."""
    return without_arrays(_Reshape(shape, layer.output_shape(shape)))


def reshape(layer: layers.Reshape, shape: Shape) -> Built:
    """The same numbers in the same order."""
    return without_arrays(_Reshape(shape, layer.output_shape(shape)))


def select(layer: layers.Select, shape: Shape) -> Built:
    """Some of the numbers of a row."""
    return without_arrays(_Select(layer.first, layer.count))


def activation(layer: layers.Activation, shape: Shape) -> Built:
    """The function, and its slopes where it learns them."""
    arrays = layer.parameters(shape)
    function = Function(layer.function, {name: array.shape for name, array in arrays.items()})
    places = {name: Place(function, name, (0,)) for name in arrays}
    return Built(channels_last(function, len(shape)), places)


def batch_norm(layer: layers.BatchNorm, shape: Shape) -> Built:
    """The batch's values in training, the running ones otherwise."""
    kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    norm = kind(shape[-1], eps=layer.epsilon, momentum=layer.momentum)
    return _batch_norm(norm, shape)


def shared_batch_norm(layer: layers.BatchNorm, shape: Shape, *, ranks: Ranks) -> Built:
    """The same where each process has a share of the batch: the values are those of the whole batch."""
    norm = _SharedBatchNorm(shape[-1], layer.epsilon, layer.momentum, ranks)
    return _batch_norm(norm, shape)


def layer_norm(layer: layers.LayerNorm, shape: Shape) -> Built:
    """Over the channels."""
    norm = nn.LayerNorm(shape[-1], eps=layer.epsilon)
    return Built(channels_last(norm, len(shape)), _norm_places(norm))


def group_norm(layer: layers.GroupNorm, shape: Shape) -> Built:
    """Over each group of channels."""
    norm = nn.GroupNorm(layer.groups, shape[-1], eps=layer.epsilon)
    return Built(channels_first(norm, len(shape)), _norm_places(norm))


def dropout(
    layer: layers.Dropout, shape: Shape, *, key: int, step: Callable[[], Tensor], ranks: Ranks
) -> Built:
    """Dropout whose mask is a function of (seed, layer, step, element).

    Args:
        layer: the record.
        shape: shape of one example.
        key: the layer's own, from its name and the seed.
        step: returns the number of the step.
        ranks: the processes that share each batch.
    """
    return without_arrays(channels_last(_Dropout(layer.rate, key, step, ranks), len(shape)))


def _batch_norm(norm: nn.Module, shape: Shape) -> Built:
    running = {
        "running_mean": Place(norm, "running_mean", (0,)),
        "running_variance": Place(norm, "running_var", (0,)),
    }
    return Built(channels_first(norm, len(shape)), _norm_places(norm) | running)


def _norm_places(norm: nn.Module) -> dict[str, Place]:
    return {"scale": Place(norm, "weight", (0,)), "shift": Place(norm, "bias", (0,))}


class Function(nn.Module):
    """An activation; it looks at the channels as the last axis.

    Args:
        function: what YAML states.
        arrays: the shapes of what it learns, by the name under which its function takes them.
    """

    def __init__(self, function: Component, arrays: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.component = function
        self._function: Callable[..., Tensor] = component.build(function)
        self._names = tuple(arrays)
        for name, shape in arrays.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def forward(self, inputs: Tensor) -> Tensor:
        return self._function(inputs, *[getattr(self, name) for name in self._names])


class _Reshape(nn.Module):
    """The same numbers, read with the channels last, in another shape."""

    def __init__(self, before: Shape, after: Shape) -> None:
        super().__init__()
        self._before, self._after = before, after

    def forward(self, inputs: Tensor) -> Tensor:
        if len(self._before) == 3:
            inputs = inputs.permute(0, 2, 3, 1)
        outputs = inputs.reshape(-1, *self._after)
        return outputs.permute(0, 3, 1, 2) if len(self._after) == 3 else outputs


class _Select(nn.Module):
    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        self._first, self._count = first, count

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, self._first : self._first + self._count]


class _SharedBatchNorm(nn.BatchNorm1d):
    """Batch norm by the mean and variance of the whole batch, of which this process has some rows."""

    def __init__(self, features: int, epsilon: float, momentum: float, ranks: Ranks) -> None:
        super().__init__(features, eps=epsilon, momentum=momentum)
        self._ranks = ranks

    def _check_input_dim(self, input: Tensor) -> None:
        """Images are as welcome as rows."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)
        share = self._ranks.share
        turned = inputs.to(self.weight.dtype).movedim(1, -1)
        count = share.rows * turned[0, ..., 0].numel()
        if count == 1:
            raise ValueError("batch norm needs more than one number of each channel in a batch")
        own, axes = turned[: share.own], list(range(turned.dim() - 1))
        mean = self._ranks.sum(own.sum(axes)) / count
        variance = self._ranks.sum((own - mean).square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        outputs = (turned - mean) / (variance + self.eps).sqrt() * self.weight + self.bias
        return outputs.movedim(-1, 1).to(inputs.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class _Dropout(nn.Module):
    def __init__(self, rate: float, key: int, step: Callable[[], Tensor], ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks
        self._rate = rate
        self._key = key
        self._step = step

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        step_key = mix((self._step() * INDEX_MULTIPLIER + self._key) & MASK)
        first = self._ranks.share.first * inputs[0].numel()
        index = torch.arange(first, first + inputs.numel(), dtype=torch.int64, device=inputs.device)
        hashes = mix((index * INDEX_MULTIPLIER + step_key) & MASK).reshape(inputs.shape)
        return inputs * (hashes >= threshold(self._rate)).to(inputs.dtype) / (1 - self._rate)
