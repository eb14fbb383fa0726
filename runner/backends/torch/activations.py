"""Activation functions as PyTorch carries them out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from runner.quantities import NotNegative, Positive

Activation = Callable[[Tensor], Tensor]


def relu() -> Activation:
    """f(x) = max(0, x)."""
    return functional.relu


def sigmoid() -> Activation:
    """f(x) = 1 / (1 + exp(-x))."""
    return torch.sigmoid


def tanh() -> Activation:
    """f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return torch.tanh


def softmax() -> Activation:
    """f(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis."""
    return lambda x: torch.softmax(x, dim=-1)


def leaky_relu(*, negative_slope: NotNegative) -> Activation:
    """f(x) = x for x > 0, negative_slope x otherwise."""
    return lambda x: functional.leaky_relu(x, negative_slope)


def elu(*, alpha: Positive) -> Activation:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al., 2016."""
    return lambda x: functional.elu(x, alpha)


def selu() -> Activation:
    """f(x) = 1.0507 elu(x, alpha = 1.6733). Source: Klambauer et al., 2017."""
    return functional.selu


def gelu() -> Activation:
    """f(x) = x Phi(x), Phi the normal distribution function itself, not a tanh. Source: Hendrycks and Gimpel, 2016."""
    return functional.gelu


def silu() -> Activation:
    """f(x) = x sigmoid(x). Source: Elfwing et al., 2018."""
    return functional.silu


def mish() -> Activation:
    """f(x) = x tanh(ln(1 + exp(x))). Source: Misra, 2020."""
    return functional.mish


def softplus() -> Activation:
    """f(x) = ln(1 + exp(x))."""
    # functional.softplus returns x itself above its threshold, off by 2e-9 at 20, and without one it overflows.
    return lambda x: -functional.logsigmoid(-x)


def hard_sigmoid() -> Activation:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    # hardsigmoid's own gradient is the float32 number 1/6, even in float64.
    return lambda x: functional.relu6(x + 3) / 6


def identity() -> Activation:
    """f(x) = x."""
    return lambda x: x
