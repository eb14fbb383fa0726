"""The derivative of every activation function by its formula, in plain NumPy.

At a kink it is the derivative from the left, and 0 at both ends of a function that is flat beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from runner import forward

Floats = NDArray[np.float64]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def polynomial(coefficients: Sequence[float]) -> list[float]:
    """Returns the coefficients of the derivative of sum_k c_k x^k: those of sum_k k c_k x^(k-1)."""
    return [power * coefficient for power, coefficient in enumerate(coefficients)][1:] or [0.0]


def relu(x: Floats) -> Floats:
    """f'(x) = 1 for x > 0, 0 otherwise."""
    return np.where(x > 0, 1.0, 0.0)


def relu6(x: Floats) -> Floats:
    """f'(x) = 1 for 0 < x < 6, 0 otherwise."""
    return np.where((x > 0) & (x < 6), 1.0, 0.0)


def leaky_relu(x: Floats, *, negative_slope: float) -> Floats:
    """f'(x) = 1 for x > 0, negative_slope otherwise."""
    return np.where(x > 0, 1.0, negative_slope)


def elu(x: Floats, *, alpha: float) -> Floats:
    """f'(x) = 1 for x > 0, alpha exp(x) otherwise."""
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def celu(x: Floats, *, alpha: float) -> Floats:
    """f'(x) = 1 for x > 0, exp(x / alpha) otherwise."""
    return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0.0) / alpha))


def selu(x: Floats) -> Floats:
    """f'(x) = 1.0507 for x > 0, 1.0507 * 1.6733 exp(x) otherwise."""
    return _SELU_SCALE * elu(x, alpha=_SELU_ALPHA)


def sigmoid(x: Floats) -> Floats:
    """f'(x) = f(x) (1 - f(x))."""
    # 1 - f(x) is f(-x), which keeps its digits where f(x) is nearly 1.
    return forward.sigmoid(x) * forward.sigmoid(-x)


def hard_sigmoid(x: Floats) -> Floats:
    """f'(x) = 1/6 for -3 < x < 3, 0 otherwise."""
    return np.where((x > -3) & (x < 3), 1 / 6, 0.0)


def tanh(x: Floats) -> Floats:
    """f'(x) = 1 - f(x)^2."""
    return np.asarray(1 - np.tanh(x) ** 2)


def hard_tanh(x: Floats, *, minimum: float, maximum: float) -> Floats:
    """f'(x) = 1 for minimum < x < maximum, 0 otherwise."""
    return np.where((x > minimum) & (x < maximum), 1.0, 0.0)


def softplus(x: Floats) -> Floats:
    """f'(x) = 1 / (1 + exp(-x))."""
    return forward.sigmoid(x)


def softsign(x: Floats) -> Floats:
    """f'(x) = 1 / (1 + |x|)^2."""
    return np.asarray(1 / (1 + np.abs(x)) ** 2)


def log_sigmoid(x: Floats) -> Floats:
    """f'(x) = 1 / (1 + exp(x))."""
    return forward.sigmoid(-x)


def silu(x: Floats) -> Floats:
    """f'(x) = s(x) + x s(x) (1 - s(x)), s being the sigmoid."""
    return forward.sigmoid(x) + x * sigmoid(x)


def hard_silu(x: Floats) -> Floats:
    """f'(x) = (2 x + 3) / 6 for -3 < x < 3, 0 below, 1 above."""
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))


def mish(x: Floats) -> Floats:
    """f'(x) = t + x (1 - t^2) s(x), t = tanh(ln(1 + exp(x))), s being the sigmoid."""
    t = np.tanh(forward.softplus(x))
    return np.asarray(t + x * (1 - t**2) * forward.sigmoid(x))


def gelu(x: Floats) -> Floats:
    """f'(x) = Phi(x) + x phi(x), Phi and phi the normal distribution function and density."""
    from scipy.special import ndtr

    return np.asarray(ndtr(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def identity(x: Floats) -> Floats:
    """f'(x) = 1."""
    return np.ones_like(x)


def prelu(x: Floats, *, channels: bool, initial_slope: float) -> Floats:
    """f'(x) = 1 for x > 0, the slope before the first step otherwise."""
    return np.where(x > 0, 1.0, initial_slope)


def softmax(x: Floats, *, axis: int) -> Floats:
    """df_i / dx_j = f_i ([i = j] - f_j), of one vector."""
    values = forward.softmax(x)
    return np.diag(values) - np.outer(values, values)


def glu(x: Floats) -> Floats:
    """df_i / da_j = s(b_i) [i = j] and df_i / db_j = a_i s(b_i) (1 - s(b_i)) [i = j], of one vector (a, b)."""
    a, b = np.split(x, 2)
    return np.hstack([np.diag(forward.sigmoid(b)), np.diag(a * sigmoid(b))])


# Of one number, element by element.
ACTIVATIONS: Mapping[str, Callable[..., Floats]] = {
    "relu": relu,
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "celu": celu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "softsign": softsign,
    "sigmoid": sigmoid,
    "log_sigmoid": log_sigmoid,
    "tanh": tanh,
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": hard_tanh,
    "hard_silu": hard_silu,
    "identity": identity,
    "prelu": prelu,
}
# Of a whole vector x, (n,): the matrix of all derivatives, (outputs, n).
VECTOR_ACTIVATIONS: Mapping[str, Callable[..., Floats]] = {"softmax": softmax, "glu": glu}
