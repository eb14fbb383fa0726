"""The equations of TensorFlow's kernels in Keras' own operations, for another engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops
from numpy.typing import NDArray


def apply_momentum(
    variable: Any, buffer: Any, *, rate: Any, gradient: Any, momentum: float, nesterov: bool
) -> None:
    """b <- momentum b + g; w <- w - rate b, or with nesterov w - rate (g + momentum b)."""
    buffer.assign(momentum * buffer + gradient)
    direction = gradient + momentum * buffer if nesterov else buffer.value
    variable.assign(variable - rate * direction)


def apply_adam(
    variable: Any,
    mean: Any,
    square: Any,
    *,
    rate: Any,
    gradient: Any,
    beta1: float,
    beta2: float,
    epsilon: Any,
) -> None:
    """m <- m + (g - m) (1 - beta1); v <- v + (g^2 - v) (1 - beta2); w <- w - rate m / (sqrt(v) + epsilon)."""
    _move_moments(mean, square, gradient, beta1, beta2)
    variable.assign(variable - rate * mean / (ops.sqrt(square) + epsilon))


def apply_amsgrad(
    variable: Any,
    mean: Any,
    square: Any,
    largest: Any,
    *,
    rate: Any,
    gradient: Any,
    beta1: float,
    beta2: float,
    epsilon: Any,
) -> None:
    """m and v as in Adam; x <- max(x, v); w <- w - rate m / (sqrt(x) + epsilon)."""
    _move_moments(mean, square, gradient, beta1, beta2)
    largest.assign(ops.maximum(largest, square))
    variable.assign(variable - rate * mean / (ops.sqrt(largest) + epsilon))


def apply_adagrad(variable: Any, total: Any, *, rate: Any, gradient: Any, epsilon: float) -> None:
    """s <- s + g^2; w <- w - rate g / (sqrt(s) + epsilon)."""
    total.assign(total + ops.square(gradient))
    variable.assign(variable - rate * gradient / (ops.sqrt(total) + epsilon))


def apply_adadelta(
    variable: Any,
    square: Any,
    squared_step: Any,
    *,
    rate: Any,
    gradient: Any,
    memory: float,
    epsilon: float,
) -> None:
    """v <- memory v + (1 - memory) g^2; d = sqrt(s + epsilon) / sqrt(v + epsilon) g; s likewise of d^2; w <- w - rate d."""
    share = _rest(memory, gradient)
    square.assign(memory * square + share * ops.square(gradient))
    step = ops.sqrt(squared_step + epsilon) / ops.sqrt(square + epsilon) * gradient
    squared_step.assign(memory * squared_step + share * ops.square(step))
    variable.assign(variable - rate * step)


def dense(gradient: Any) -> Any:
    """Returns a gradient as one array: that of a table comes as rows, and what several of them say of one row is added."""
    return gradient


def half_square(array: Any) -> Any:
    """|a|^2 / 2."""
    return ops.sum(ops.square(array)) / 2


def row(table: Any, place: Any) -> Any:
    """Returns one row of a table."""
    return table[place]


def bias_add(features: Any, bias: Any) -> Any:
    """Adds one number to each channel."""
    return features + bias


def values(variable: Any) -> NDArray[Any]:
    """Returns a copy of the numbers of a variable of Keras."""
    numbers: NDArray[Any] = ops.convert_to_numpy(variable.value)
    return numbers


def softplus(x: Any) -> Any:
    """ln(1 + exp(x))."""
    # Keras' own on torch returns x itself above 20, off by 2e-9 there.
    return -ops.log_sigmoid(-x)


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    return 1 - ops.erf(x)


def scan(cell: Callable[[Any, Any], Any], steps: Any, *, first: Any, reverse: bool) -> Any:
    """Returns the first array of every state that the cell makes of (state, step), in the order of the steps."""

    def carried(state: Any, step: Any) -> tuple[Any, Any]:
        following = cell(state, step)
        return following, following

    return ops.scan(carried, first, steps, reverse=reverse)[1][0]


def _move_moments(mean: Any, square: Any, gradient: Any, beta1: float, beta2: float) -> None:
    mean.assign(mean + (gradient - mean) * _rest(beta1, gradient))
    square.assign(square + (ops.square(gradient) - square) * _rest(beta2, gradient))


def _rest(memory: float, like: Any) -> Any:
    """Returns 1 - memory as the kernels have it, which round the memory first."""
    return 1 - ops.convert_to_tensor(memory, like.dtype)
