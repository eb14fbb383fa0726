"""Activation functions as PyTorch carries them out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from runner.quantities import Finite, NotNegative, Positive

Activation = Callable[[Tensor], Tensor]
LearnedActivation = Callable[[Tensor, Tensor], Tensor]


def relu() -> Activation:
    """f(x) = max(0, x)."""
    return functional.relu


def relu6() -> Activation:
    """f(x) = min(max(0, x), 6). Source: Krizhevsky, 2010."""
    return functional.relu6


def sigmoid() -> Activation:
    """f(x) = 1 / (1 + exp(-x))."""
    return torch.sigmoid


def tanh() -> Activation:
    """f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return torch.tanh


def softmax(*, axis: int) -> Activation:
    """f(x)_i = exp(x_i) / sum_j exp(x_j), over one axis.

    Args:
        axis: counted within one example, the channels last: 0 is the first, -1 the last.
    """
    # The batch comes before the axes of an example.
    return lambda x: torch.softmax(x, dim=axis if axis < 0 else axis + 1)


def leaky_relu(*, negative_slope: NotNegative) -> Activation:
    """f(x) = x for x > 0, negative_slope x otherwise."""
    return lambda x: functional.leaky_relu(x, negative_slope)


def elu(*, alpha: Positive) -> Activation:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al., 2016."""
    return lambda x: functional.elu(x, alpha)


def celu(*, alpha: Positive) -> Activation:
    """f(x) = x for x > 0, alpha (exp(x / alpha) - 1) otherwise. Source: Barron, 2017."""
    # functional.celu keeps 1 / alpha as float32.
    return lambda x: alpha * functional.elu(x / alpha)


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


def softsign() -> Activation:
    """f(x) = x / (1 + |x|). Source: Bergstra et al., 2009."""
    return functional.softsign


def log_sigmoid() -> Activation:
    """f(x) = -ln(1 + exp(-x))."""
    return functional.logsigmoid


def hard_tanh(*, minimum: Finite, maximum: Finite) -> Activation:
    """f(x) = min(max(x, minimum), maximum), with f' = 0 at both ends. Source: Collobert, 2004."""
    return lambda x: functional.hardtanh(x, minimum, maximum)


def hard_sigmoid() -> Activation:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    # hardsigmoid's own gradient is the float32 number 1/6, even in float64.
    return lambda x: functional.relu6(x + 3) / 6


def hard_silu() -> Activation:
    """f(x) = x min(max(x + 3, 0), 6) / 6, also called hardswish. Source: Howard et al., 2019."""
    return functional.hardswish


def identity() -> Activation:
    """f(x) = x."""
    return lambda x: x


def glu() -> Activation:
    """f(a, b) = a sigmoid(b) for the two halves of the last axis. Source: Dauphin et al., 2017."""
    return lambda x: functional.glu(x, dim=-1)


def prelu(*, channels: bool, initial_slope: Finite) -> LearnedActivation:
    """f(x) = x for x > 0, slope x otherwise, with a learned slope. Source: He et al., 2015.

    Args:
        channels: whether each channel learns a slope of its own; the layer that holds the slopes reads it.
        initial_slope: the slope before the first step, likewise.
    """
    return lambda x, slope: torch.where(x > 0, x, slope * x)
