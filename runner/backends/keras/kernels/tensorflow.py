"""TensorFlow's kernels, whose equations stand in :mod:`runner.backends.keras.kernels.equations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray


def apply_momentum(
    variable: Any, buffer: Any, *, rate: Any, gradient: Any, momentum: float, nesterov: bool
) -> None:
    """b <- momentum b + g; w <- w - rate b, or with nesterov w - rate (g + momentum b)."""
    tf.raw_ops.ResourceApplyMomentum(
        var=variable.handle,
        accum=buffer.value.handle,
        lr=rate,
        grad=gradient,
        momentum=tf.constant(momentum, variable.dtype),
        use_nesterov=nesterov,
    )


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
    tf.raw_ops.ResourceApplyAdam(
        **_adam_arguments(variable, mean, square, rate, gradient, beta1, beta2, epsilon)
    )


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
    tf.raw_ops.ResourceApplyAdamWithAmsgrad(
        vhat=largest.value.handle,
        **_adam_arguments(variable, mean, square, rate, gradient, beta1, beta2, epsilon),
    )


def apply_adagrad(variable: Any, total: Any, *, rate: Any, gradient: Any, epsilon: float) -> None:
    """s <- s + g^2; w <- w - rate g / (sqrt(s) + epsilon)."""
    tf.raw_ops.ResourceApplyAdagradV2(
        var=variable.handle,
        accum=total.value.handle,
        lr=rate,
        epsilon=tf.constant(epsilon, variable.dtype),
        grad=gradient,
    )


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
    tf.raw_ops.ResourceApplyAdadelta(
        var=variable.handle,
        accum=square.value.handle,
        accum_update=squared_step.value.handle,
        lr=rate,
        rho=tf.constant(memory, variable.dtype),
        epsilon=tf.constant(epsilon, variable.dtype),
        grad=gradient,
    )


def dense(gradient: Any) -> Any:
    """Returns a gradient as one array: that of a table comes as rows, and what several of them say of one row is added."""
    return tf.convert_to_tensor(gradient)


def half_square(array: Any) -> Any:
    """|a|^2 / 2."""
    return tf.nn.l2_loss(array)


def row(table: Any, place: Any) -> Any:
    """Returns one row of a table."""
    return tf.gather(table, place)


def bias_add(features: Any, bias: Any) -> Any:
    """Adds one number to each channel."""
    return tf.nn.bias_add(features, bias)


def values(variable: Any) -> NDArray[Any]:
    """Returns a copy of the numbers of a variable of Keras."""
    numbers: NDArray[Any] = variable.value.numpy()
    return numbers.copy()


def softplus(x: Any) -> Any:
    """ln(1 + exp(x))."""
    return tf.math.softplus(x)


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    return tf.math.erfc(x)


def scan(cell: Callable[[Any, Any], Any], steps: Any, *, first: Any, reverse: bool) -> Any:
    """Returns the first array of every state that the cell makes of (state, step), in the order of the steps."""
    return tf.scan(cell, steps, initializer=first, reverse=reverse)[0]


def _adam_arguments(
    variable: Any,
    mean: Any,
    square: Any,
    rate: Any,
    gradient: Any,
    beta1: float,
    beta2: float,
    epsilon: Any,
) -> dict[str, Any]:
    zero = tf.constant(0, variable.dtype)
    return {
        "var": variable.handle,
        "m": mean.value.handle,
        "v": square.value.handle,
        # Powers of 0 leave the bias correction to the rate and to epsilon.
        "beta1_power": zero,
        "beta2_power": zero,
        "lr": rate,
        "beta1": tf.constant(beta1, variable.dtype),
        "beta2": tf.constant(beta2, variable.dtype),
        "epsilon": epsilon,
        "grad": gradient,
    }
