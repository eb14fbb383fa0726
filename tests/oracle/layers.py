"""Layers, element by element where that is plainest; images are (rows, height, width, channels)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dense(x: Floats, kernel: Floats, bias: Floats) -> Floats:
    """y = x W + b, with W (inputs, outputs)."""
    return np.asarray(np.einsum("ni,io->no", x, kernel) + bias)


def same_padding(side: int, size: int, stride: int) -> tuple[int, int]:
    """Returns the zeros before and after a side that give ceil(side / stride) outputs, the odd one after."""
    total = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def convolution(x: Floats, kernel: Floats, bias: Floats, *, stride: int, padding: str) -> Floats:
    """y_nijf = b_f + sum_uvc x_n,(i s + u),(j s + v),c W_uvcf, W (size, size, channels, filters)."""
    size = kernel.shape[0]
    if padding == "same":
        sides = [same_padding(side, size, stride) for side in x.shape[1:3]]
        x = np.pad(x, [(0, 0), *sides, (0, 0)])
    return _over_windows(x, size, stride, lambda window: np.einsum("nuvc,uvcf->nf", window, kernel) + bias)


def max_pool(x: Floats, *, size: int, stride: int) -> Floats:
    """The largest value of each window, without padding."""
    return _over_windows(x, size, stride, lambda window: window.max(axis=(1, 2)))


def average_pool(x: Floats, *, size: int, stride: int) -> Floats:
    """The mean of each window, without padding."""
    return _over_windows(x, size, stride, lambda window: window.mean(axis=(1, 2)))


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
    mean, variance = x.mean(axis=axes), x.var(axis=axes)
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


def _over_windows(x: Floats, size: int, stride: int, function: Callable[[Floats], Floats]) -> Floats:
    def starts(side: int) -> Iterator[int]:
        return iter(range(0, side - size + 1, stride))

    return np.stack(
        [
            np.stack([function(x[:, i : i + size, j : j + size]) for j in starts(x.shape[2])], axis=1)
            for i in starts(x.shape[1])
        ],
        axis=1,
    )
