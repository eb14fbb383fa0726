"""Layers, element by element where that is plainest; channels come last, (rows, height, width, channels).

They take complex numbers as well, so that a complex step tells their gradients.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dense(x: Floats, kernel: Floats, bias: Floats) -> Floats:
    """y = x W + b, with W (inputs, outputs)."""
    return np.asarray(np.einsum("n...i,io->n...o", x, kernel) + bias)


def same_padding(side: int, size: int, stride: int) -> tuple[int, int]:
    """Returns the zeros before and after a side that give ceil(side / stride) outputs, the odd one after."""
    total = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def convolution(
    x: Floats,
    kernel: Floats,
    bias: Floats,
    *,
    stride: int,
    padding: str,
    dilation: int = 1,
    groups: int = 1,
) -> Floats:
    """y_f(p) = b_f + sum_uc x_c(stride p + dilation u) W_f(u, c), W (window, channels / groups, filters).

    Source: Dumoulin and Visin, A guide to convolution arithmetic, 2016, for the sides.
    """
    dimensions = kernel.ndim - 2
    reach = (kernel.shape[0] - 1) * dilation + 1
    if padding == "same":
        sides = [same_padding(side, reach, stride) for side in x.shape[1:-1]]
        x = np.pad(x, [(0, 0), *sides, (0, 0)])
    counts = [(side - reach) // stride + 1 for side in x.shape[1:-1]]
    y = np.zeros((len(x), *counts, kernel.shape[-1]), np.result_type(x, kernel, bias)) + bias
    seen, told = kernel.shape[-2], kernel.shape[-1] // groups
    for place in np.ndindex(*kernel.shape[:dimensions]):
        spots = [
            slice(u * dilation, u * dilation + stride * (count - 1) + 1, stride)
            for u, count in zip(place, counts, strict=True)
        ]
        for group in range(groups):
            channels = x[(slice(None), *spots, slice(group * seen, (group + 1) * seen))]
            filters = slice(group * told, (group + 1) * told)
            y[..., filters] += np.einsum("n...c,cf->n...f", channels, kernel[place][:, filters])
    return y


def conv2d_transpose(x: Floats, kernel: Floats, bias: Floats, *, stride: int, padding: str) -> Floats:
    """Each pixel adds its kernel to the output, ``stride`` apart; W (size, size, channels, filters)."""
    size = kernel.shape[0]
    sides = [side * stride if padding == "same" else (side - 1) * stride + size for side in x.shape[1:3]]
    # What a convolution from the output to the input would have padded.
    start = same_padding(sides[0], size, stride)[0] if padding == "same" else 0
    shape = (len(x), *[side + size + stride for side in sides], kernel.shape[-1])
    whole = np.zeros(shape, np.result_type(x, kernel))
    for i, j in np.ndindex(*x.shape[1:3]):
        spot = np.einsum("nc,uvcf->nuvf", x[:, i, j], kernel)
        whole[:, i * stride : i * stride + size, j * stride : j * stride + size] += spot
    return whole[:, start : start + sides[0], start : start + sides[1]] + bias


def max_pool(x: Floats, *, size: int, stride: int, padding: str = "valid") -> Floats:
    """The largest value of each window."""
    return _over_windows(x, size, stride, padding, lambda window: window.max(axis=_places(window)))


def average_pool(x: Floats, *, size: int, stride: int, padding: str = "valid") -> Floats:
    """The mean of each window, of what lies in the input."""
    return _over_windows(x, size, stride, padding, lambda window: window.mean(axis=_places(window)))


def batch_norm_training(
    x: Floats,
    scale: Floats,
    shift: Floats,
    running_mean: Floats,
    running_variance: Floats,
    *,
    momentum: float,
    epsilon: float,
) -> tuple[Floats, Floats, Floats]:
    """Returns y over all axes but the last, and the running mean and variance after the batch.

    y uses the biased variance, the running variance takes the unbiased one.
    """
    axes = tuple(range(x.ndim - 1))
    count = x.size // x.shape[-1]
    mean = x.mean(axis=axes)
    variance = ((x - mean) ** 2).mean(axis=axes)
    y = scale * (x - mean) / np.sqrt(variance + epsilon) + shift
    unbiased = variance * count / (count - 1)
    return (
        y,
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_variance + momentum * unbiased,
    )


def batch_norm_evaluation(
    x: Floats,
    scale: Floats,
    shift: Floats,
    running_mean: Floats,
    running_variance: Floats,
    *,
    epsilon: float,
) -> Floats:
    """y = scale (x - running mean) / sqrt(running variance + epsilon) + shift."""
    return scale * (x - running_mean) / np.sqrt(running_variance + epsilon) + shift


def layer_norm(x: Floats, scale: Floats, shift: Floats, *, epsilon: float) -> Floats:
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis of each example."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return np.asarray(scale * (x - mean) / np.sqrt(variance + epsilon) + shift)


def group_norm(x: Floats, scale: Floats, shift: Floats, *, groups: int, epsilon: float) -> Floats:
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over each group of channels of each example."""
    parts = []
    for group in np.split(x, groups, axis=-1):
        axes = tuple(range(1, x.ndim))
        mean = group.mean(axis=axes, keepdims=True)
        variance = ((group - mean) ** 2).mean(axis=axes, keepdims=True)
        parts.append((group - mean) / np.sqrt(variance + epsilon))
    return np.asarray(scale * np.concatenate(parts, axis=-1) + shift)


def glu(x: Floats) -> Floats:
    """f(a, b) = a / (1 + exp(-b)) for the two halves of the last axis."""
    half = x.shape[-1] // 2
    return np.asarray(x[..., :half] / (1 + np.exp(-x[..., half:])))


def prelu(x: Floats, slope: Floats) -> Floats:
    """f(x) = max(0, x) + slope min(0, x)."""
    return np.asarray(np.maximum(0, x) + slope * np.minimum(0, x))


def dropout(x: Floats, *, rate: float, seed: int, name: str, step: int) -> Floats:
    """y_k = x_k / (1 - rate), or 0 where the hash of element k, of this layer and step, is below rate 2^32."""

    def mixed(value: int) -> int:
        value ^= value >> 15
        value = value * 0x2C1B3C6D % 2**32
        value ^= value >> 12
        value = value * 0x297A2D39 % 2**32
        return value ^ (value >> 15)

    key = mixed((mixed(seed) ^ zlib.crc32(name.encode())) % 2**32)
    of_step = mixed((step * 0x7FEB352D + key) % 2**32)
    hashes = np.array([mixed((k * 0x7FEB352D + of_step) % 2**32) for k in range(x.size)]).reshape(x.shape)
    return np.where(hashes >= round(rate * 2**32), x / (1 - rate), 0.0)


def _over_windows(
    x: Floats, size: int, stride: int, padding: str, function: Callable[[Floats], Floats]
) -> Floats:
    """Returns a function of every window, cut off where it would leave the input."""
    starts = []
    for side in x.shape[1:-1]:
        before, after = same_padding(side, size, stride) if padding == "same" else (0, 0)
        starts.append(range(-before, side + after - size + 1, stride))
    values = [
        function(x[(slice(None), *[slice(max(start, 0), start + size) for start in corner])])
        for corner in itertools.product(*starts)
    ]
    return np.stack(values, axis=1).reshape(len(x), *map(len, starts), x.shape[-1])


def _places(x: Floats) -> tuple[int, ...]:
    return tuple(range(1, x.ndim - 1))
