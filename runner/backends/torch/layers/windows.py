"""Layers that move a window over a sequence or an image."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from runner import layers
from runner.backends.torch.layers.places import Built, affine, channels_first, without_arrays
from runner.layers import Shape

_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}
_MAXIMA = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
_MEANS = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
# The canonical kernel has the window first, then channels and filters; torch's has filters and channels first.
_AXES = {1: (2, 1, 0), 2: (3, 2, 0, 1)}


def convolution(
    layer: layers.Convolution, shape: Shape, *, pads: list[tuple[int, int]] | None = None
) -> Built:
    """Cross-correlation along a sequence or over an image, padded as its record says unless ``pads`` are given."""
    pads = pads or [layer.pads(side) for side in shape[:-1]]
    symmetric = all(before == after for before, after in pads)
    kind: Callable[..., nn.Module] = _CONVOLUTIONS[layer.dimensions]
    inner = kind(
        shape[-1],
        layer.filters,
        layer.kernel_size,
        stride=layer.stride,
        padding=tuple(before for before, _ in pads) if symmetric else 0,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
    )
    module = inner if symmetric else nn.Sequential(_Pad(pads, 0.0), inner)
    return Built(channels_first(module, len(shape)), affine(inner, _AXES[layer.dimensions]))


def transposed(layer: layers.Conv2dTranspose, shape: Shape) -> Built:
    """The transpose of a convolution, cut to its sides."""
    inner = nn.ConvTranspose2d(
        shape[-1],
        layer.filters,
        layer.kernel_size,
        stride=layer.stride,
        output_padding=layer.beyond,
        bias=layer.bias,
    )
    height, width, _ = layer.output_shape(shape)
    return Built(nn.Sequential(inner, _Cut(layer.cut, height, width)), affine(inner, (2, 3, 0, 1)))


def max_pool(layer: layers.MaxPool, shape: Shape) -> Built:
    """The largest value in each window."""
    pads = [layer.pads(side) for side in shape[:-1]]
    pool = _MAXIMA[len(pads)](layer.size, layer.stride)
    padded = nn.Sequential(_Pad(pads, -math.inf), pool) if _any(pads) else pool
    return without_arrays(channels_first(padded, len(shape)))


def average_pool(layer: layers.AveragePool, shape: Shape) -> Built:
    """The mean of each window, what is padded left aside."""
    pads = [layer.pads(side) for side in shape[:-1]]
    pool = _MEANS[len(pads)](layer.size, layer.stride)
    padded = _PaddedMean(pool, pads, shape[:-1]) if _any(pads) else pool
    return without_arrays(channels_first(padded, len(shape)))


def global_max_pool(layer: layers.GlobalMaxPool, shape: Shape) -> Built:
    """The largest value of each channel."""
    return without_arrays(_GlobalMax(_places(shape)))


def global_average_pool(layer: layers.GlobalAveragePool, shape: Shape) -> Built:
    """The mean of each channel."""
    return without_arrays(_GlobalMean(_places(shape)))


def _any(pads: list[tuple[int, int]]) -> bool:
    return any(before + after for before, after in pads)


def _places(shape: Shape) -> tuple[int, ...]:
    """Returns the axes along which an example has its places, as it stands inside."""
    return (2, 3) if len(shape) == 3 else (1,)


class _Pad(nn.Module):
    def __init__(self, pads: list[tuple[int, int]], value: float) -> None:
        super().__init__()
        # torch counts the sides from the last.
        self._pads = [zeros for side in reversed(pads) for zeros in side]
        self._value = value

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.pad(inputs, self._pads, value=self._value)


class _Cut(nn.Module):
    def __init__(self, start: int, height: int, width: int) -> None:
        super().__init__()
        self._rows, self._columns = slice(start, start + height), slice(start, start + width)

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, :, self._rows, self._columns]


class _PaddedMean(nn.Module):
    """Zeros take part in each mean, which is divided by the share of places that are none."""

    def __init__(self, pool: nn.Module, pads: list[tuple[int, int]], sides: Shape) -> None:
        super().__init__()
        self.padded_pool = nn.Sequential(_Pad(pads, 0.0), pool)
        shares = self.padded_pool(torch.ones((1, 1, *sides), dtype=torch.float64))
        self.register_buffer("shares", shares, persistent=False)
        self.shares: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        means: Tensor = self.padded_pool(inputs)
        return means / self.shares


class _GlobalMax(nn.Module):
    def __init__(self, places: tuple[int, ...]) -> None:
        super().__init__()
        self._places = places

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.amax(self._places)


class _GlobalMean(nn.Module):
    def __init__(self, places: tuple[int, ...]) -> None:
        super().__init__()
        self._places = places

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.mean(self._places)
