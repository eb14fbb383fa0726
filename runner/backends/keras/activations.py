"""Activation functions as Keras carries them out, on whichever engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from runner.backends.keras import kernels
from runner.quantities import Finite, NotNegative, Positive

Activation = Callable[[Any], Any]
LearnedActivation = Callable[[Any, Any], Any]


def relu() -> Activation:
    """f(x) = max(0, x)."""
    return ops.relu


def relu6() -> Activation:
    """f(x) = min(max(0, x), 6). Source: Krizhevsky, 2010."""
    return ops.relu6


def sigmoid() -> Activation:
    """f(x) = 1 / (1 + exp(-x))."""
    return ops.sigmoid


def tanh() -> Activation:
    """f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return ops.tanh


def softmax(*, axis: int) -> Activation:
    """f(x)_i = exp(x_i) / sum_j exp(x_j), over one axis.

    Args:
        axis: counted within one example, the channels last: 0 is the first, -1 the last.
    """
    # The batch comes before the axes of an example.
    place = axis if axis < 0 else axis + 1

    def function(x: Any) -> Any:
        # Keras' own warns of an axis of one number.
        powers = ops.exp(x - ops.stop_gradient(ops.max(x, axis=place, keepdims=True)))
        return powers / ops.sum(powers, axis=place, keepdims=True)

    return function


def leaky_relu(*, negative_slope: NotNegative) -> Activation:
    """f(x) = x for x > 0, negative_slope x otherwise."""
    # That of TensorFlow keeps its slope as float32.
    return lambda x: ops.where(x > 0, x, x * ops.convert_to_tensor(negative_slope, x.dtype))


def elu(*, alpha: Positive) -> Activation:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al., 2016."""
    return lambda x: ops.where(x > 0, x, _below(x) * ops.convert_to_tensor(alpha, x.dtype))


def celu(*, alpha: Positive) -> Activation:
    """f(x) = x for x > 0, alpha (exp(x / alpha) - 1) otherwise. Source: Barron, 2017."""

    def function(x: Any) -> Any:
        scale = ops.convert_to_tensor(alpha, x.dtype)
        return scale * ops.elu(x / scale)

    return function


def selu() -> Activation:
    """f(x) = 1.0507 elu(x, alpha = 1.6733). Source: Klambauer et al., 2017."""
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    # TensorFlow's own has the slope of the positive side at 0, torch that of the negative one.
    def function(x: Any) -> Any:
        below = _below(x) * ops.convert_to_tensor(alpha, x.dtype)
        return ops.where(x > 0, x, below) * ops.convert_to_tensor(scale, x.dtype)

    return function


def gelu() -> Activation:
    """f(x) = x Phi(x), Phi the normal distribution function itself, not a tanh. Source: Hendrycks and Gimpel, 2016."""

    # TensorFlow's own rounds its constants to float32.
    def function(x: Any) -> Any:
        return 0.5 * x * kernels.erfc(-x * ops.convert_to_tensor(0.5**0.5, x.dtype))

    return function


def silu() -> Activation:
    """f(x) = x sigmoid(x). Source: Elfwing et al., 2018."""
    return ops.silu


def mish() -> Activation:
    """f(x) = x tanh(ln(1 + exp(x))). Source: Misra, 2020."""
    return lambda x: x * ops.tanh(kernels.softplus(x))


def softplus() -> Activation:
    """f(x) = ln(1 + exp(x))."""
    return kernels.softplus


def softsign() -> Activation:
    """f(x) = x / (1 + |x|). Source: Bergstra et al., 2009."""
    return ops.softsign


def log_sigmoid() -> Activation:
    """f(x) = -ln(1 + exp(-x))."""
    return ops.log_sigmoid


def hard_tanh(*, minimum: Finite, maximum: Finite) -> Activation:
    """f(x) = min(max(x, minimum), maximum), with f' = 0 at both ends. Source: Collobert, 2004."""

    # A clip has the slope 1 at the ends themselves.
    def function(x: Any) -> Any:
        low, high = ops.convert_to_tensor(minimum, x.dtype), ops.convert_to_tensor(maximum, x.dtype)
        return ops.where(x <= low, low, ops.where(x >= high, high, x))

    return function


def hard_sigmoid() -> Activation:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    return lambda x: ops.relu6(x + 3) / 6


def hard_silu() -> Activation:
    """f(x) = x min(max(x + 3, 0), 6) / 6, also called hardswish. Source: Howard et al., 2019."""
    return lambda x: x * ops.relu6(x + 3) / 6


def identity() -> Activation:
    """f(x) = x."""
    return lambda x: x


def glu() -> Activation:
    """f(a, b) = a sigmoid(b) for the two halves of the last axis. Source: Dauphin et al., 2017."""

    def function(x: Any) -> Any:
        a, b = ops.split(x, 2, axis=-1)
        return a * ops.sigmoid(b)

    return function


def prelu(*, channels: bool, initial_slope: Finite) -> LearnedActivation:
    """f(x) = x for x > 0, slope x otherwise, with a learned slope. Source: He et al., 2015.

    Args:
        channels: whether each channel learns a slope of its own; the layer that holds the slopes reads it.
        initial_slope: the slope before the first step, likewise.
    """
    return lambda x, slope: ops.where(x > 0, x, slope * x)


def _below(x: Any) -> Any:
    """Returns exp(x) - 1 up to 0, with a slope of 1 there, and 0 above."""
    return ops.elu(ops.where(x > 0, ops.zeros_like(x), x))
