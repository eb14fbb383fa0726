"""First values of the weights: functions that return how a kernel and a bias are drawn, in float64.

The normal families are the plain normal distributions of the papers, not the truncated ones that Keras draws.
A convolution's fans count its kernel's area: fan_in = area x channels, fan_out = area x filters, both of one group.
A recurrent cell's count one gate: fan_in = what comes in, fan_out = units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.errors import ConfigurationError, Fault
from runner.layers import Parameter
from runner.quantities import Finite, Positive
from runner.randomness import Draws

Floats = NDArray[np.float64]
Draw = Callable[[Parameter, Draws], Floats]


@dataclass(frozen=True)
class Initializer:
    """How the first values of a kernel and of a bias are drawn, each in the shape of its parameter."""

    kernel: Draw
    bias: Draw


def glorot_uniform() -> Initializer:
    """W ~ U(-l, l) with l = sqrt(6 / (fan_in + fan_out)), b = 0. Source: Glorot and Bengio, 2010."""
    return _uniform(lambda parameter: math.sqrt(6 / (parameter.fan_in + parameter.fan_out)))


def glorot_normal() -> Initializer:
    """W ~ N(0, 2 / (fan_in + fan_out)), b = 0. Source: Glorot and Bengio, 2010."""
    return _normal(lambda parameter: math.sqrt(2 / (parameter.fan_in + parameter.fan_out)))


def he_uniform() -> Initializer:
    """W ~ U(-l, l) with l = sqrt(6 / fan_in), b = 0. Source: He et al., 2015."""
    return _uniform(lambda parameter: math.sqrt(6 / parameter.fan_in))


def he_normal() -> Initializer:
    """W ~ N(0, 2 / fan_in), b = 0. Source: He et al., 2015."""
    return _normal(lambda parameter: math.sqrt(2 / parameter.fan_in))


def lecun_uniform() -> Initializer:
    """W ~ U(-l, l) with l = sqrt(3 / fan_in), b = 0. Source: LeCun et al., 1998."""
    return _uniform(lambda parameter: math.sqrt(3 / parameter.fan_in))


def lecun_normal() -> Initializer:
    """W ~ N(0, 1 / fan_in), b = 0. Source: LeCun et al., 1998."""
    return _normal(lambda parameter: math.sqrt(1 / parameter.fan_in))


def torch_linear() -> Initializer:
    """W and b ~ U(-l, l) with l = 1 / sqrt(fan_in). Source: what torch.nn.Linear and Conv2d do by default."""
    kernel = _uniform(lambda parameter: 1 / math.sqrt(parameter.fan_in)).kernel
    return Initializer(kernel, kernel)


def uniform(*, minimum: Finite, maximum: Finite) -> Initializer:
    """W ~ U(minimum, maximum), b = 0.

    Args:
        minimum: the lower end.
        maximum: the upper end, above the lower one.

    Raises:
        ConfigurationError: the ends are not in order.
    """
    if maximum <= minimum:
        rule = f"must be above initializer.minimum, {minimum:g}"
        raise ConfigurationError([Fault("initializer.maximum", rule, f"{maximum:g}")])

    def kernel(parameter: Parameter, draws: Draws) -> Floats:
        return minimum + (maximum - minimum) * draws.uniform(parameter.shape)

    return Initializer(kernel, _zero)


def normal(*, mean: Finite, standard_deviation: Positive) -> Initializer:
    """W ~ N(mean, standard_deviation squared), b = 0.

    Args:
        mean: the centre.
        standard_deviation: above 0.
    """

    def kernel(parameter: Parameter, draws: Draws) -> Floats:
        return mean + standard_deviation * draws.normal(parameter.shape)

    return Initializer(kernel, _zero)


def zeros() -> Initializer:
    """W = 0, b = 0: units of a layer that start alike stay alike."""
    return Initializer(_zero, _zero)


def orthogonal(*, gain: Positive) -> Initializer:
    """W = gain Q with orthonormal columns in Q, or orthonormal rows if these are fewer; b = 0.

    Q, of shape (inputs, outputs), is the orthogonal factor of a standard normal matrix, with the signs that
    make the other factor's diagonal positive.

    Args:
        gain: above 0; every singular value of W.

    Source: Saxe, McClelland and Ganguli, 2014.
    """

    def kernel(parameter: Parameter, draws: Draws) -> Floats:
        outputs = parameter.shape[-1]
        inputs = parameter.size // outputs
        tall = draws.normal((max(inputs, outputs), min(inputs, outputs)))
        factor, triangle = np.linalg.qr(tall)
        columns = factor * np.where(np.diag(triangle) < 0, -1.0, 1.0)
        return gain * (columns if inputs >= outputs else columns.T).reshape(parameter.shape)

    return Initializer(kernel, _zero)


def _zero(parameter: Parameter, draws: Draws) -> Floats:
    return np.zeros(parameter.shape)


def _uniform(limit: Callable[[Parameter], float]) -> Initializer:
    def kernel(parameter: Parameter, draws: Draws) -> Floats:
        return limit(parameter) * (2 * draws.uniform(parameter.shape) - 1)

    return Initializer(kernel, _zero)


def _normal(deviation: Callable[[Parameter], float]) -> Initializer:
    def kernel(parameter: Parameter, draws: Draws) -> Floats:
        return deviation(parameter) * draws.normal(parameter.shape)

    return Initializer(kernel, _zero)
