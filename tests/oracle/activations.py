"""Activation functions: each returns its value and its derivative at x, element by element.

The derivative at a kink is torch's: the one from the left, and 0 at both ends of a function that is flat beyond them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def identity(x: Floats) -> Pair:
    """f = x."""
    return x, np.ones_like(x)


def relu(x: Floats) -> Pair:
    """f = max(0, x)."""
    return np.maximum(x, 0), np.where(x > 0, 1.0, 0.0)


def relu6(x: Floats) -> Pair:
    """f = min(max(0, x), 6)."""
    return np.clip(x, 0, 6), np.where((x > 0) & (x < 6), 1.0, 0.0)


def leaky_relu(x: Floats, *, negative_slope: float) -> Pair:
    """f = x above 0, negative_slope x below."""
    slope = np.where(x > 0, 1.0, negative_slope)
    return slope * x, slope


def elu(x: Floats, *, alpha: float) -> Pair:
    """f = x above 0, alpha (e^x - 1) below."""
    below = np.minimum(x, 0)
    return np.where(x > 0, x, alpha * np.expm1(below)), np.where(x > 0, 1.0, alpha * np.exp(below))


def celu(x: Floats, *, alpha: float) -> Pair:
    """f = x above 0, alpha (e^(x / alpha) - 1) below; the slope at 0 is 1 from both sides."""
    below = np.minimum(x, 0) / alpha
    return np.maximum(x, 0) + alpha * np.expm1(below), np.where(x > 0, 1.0, np.exp(below))


def selu(x: Floats) -> Pair:
    """f = scale elu(x); the constants keep mean 0 and variance 1. Source: Klambauer et al., 2017."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    value, derivative = elu(x, alpha=alpha)
    return scale * value, scale * derivative


def sigmoid(x: Floats) -> Pair:
    """f = 1 / (1 + e^-x); f' = f (1 - f)."""
    small = np.exp(-np.abs(x))
    value = np.where(x >= 0, 1, small) / (1 + small)
    return value, small / (1 + small) ** 2


def hard_sigmoid(x: Floats) -> Pair:
    """f = min(max(x + 3, 0), 6) / 6."""
    return np.clip(x + 3, 0, 6) / 6, np.where((x > -3) & (x < 3), 1 / 6, 0.0)


def hard_tanh(x: Floats, *, minimum: float, maximum: float) -> Pair:
    """f = min(max(x, minimum), maximum)."""
    return np.clip(x, minimum, maximum), np.where((x > minimum) & (x < maximum), 1.0, 0.0)


def hard_silu(x: Floats) -> Pair:
    """f = 0 up to -3, x (x + 3) / 6 between, x from 3 on."""
    value = np.where(x <= -3, 0.0, np.where(x >= 3, x, x * (x + 3) / 6))
    return value, np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))


def tanh(x: Floats) -> Pair:
    """f = tanh x; f' = 1 / cosh^2 x."""
    small = np.exp(-2 * np.abs(x))
    return np.tanh(x), 4 * small / (1 + small) ** 2


def softplus(x: Floats) -> Pair:
    """f = ln(1 + e^x)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid(x)[0]


def softsign(x: Floats) -> Pair:
    """f = x / (1 + |x|); f' = 1 / (1 + |x|)^2."""
    return x / (1 + np.abs(x)), 1 / (1 + np.abs(x)) ** 2


def log_sigmoid(x: Floats) -> Pair:
    """f = -ln(1 + e^-x); f' = sigmoid(-x)."""
    return -softplus(-x)[0], sigmoid(-x)[0]


def silu(x: Floats) -> Pair:
    """f = x sigmoid(x)."""
    gate, slope = sigmoid(x)
    return x * gate, gate + x * slope


def mish(x: Floats) -> Pair:
    """f = x tanh(ln(1 + e^x))."""
    inner, inner_slope = softplus(x)
    gate, slope = tanh(inner)
    return x * gate, gate + x * slope * inner_slope


def gelu(x: Floats) -> Pair:
    """f = x Phi(x) with the exact normal distribution function Phi."""
    distribution = 0.5 * np.vectorize(math.erfc)(-x / math.sqrt(2))
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return x * distribution, distribution + x * density


def softmax(x: Floats, *, axis: int = -1) -> Pair:
    """f_i = e^x_i / sum_j e^x_j over the last axis; the derivative is the matrix f_i ([i = j] - f_j)."""
    assert axis == -1
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    value = powers / powers.sum(axis=-1, keepdims=True)
    jacobian = value[..., :, None] * (np.eye(x.shape[-1]) - value[..., None, :])
    return value, jacobian
