"""The architectures that come with the project."""

from __future__ import annotations

from typing import Literal

from runner.experiment import Component
from runner.layers import (
    Activation,
    BatchNorm,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Sequence,
    Shape,
)
from runner.quantities import BelowOne, Count, OpenUnitInterval, Positive, PositiveCount


def linear(*, input_shape: Shape) -> Sequence:
    """No hidden layer: y = x W + b."""
    return Sequence(_flattened(input_shape))


def mlp(
    *,
    input_shape: Shape,
    activation: Component,
    hidden_sizes: list[PositiveCount],
    dropout: BelowOne,
    batch_norm: bool,
    batch_norm_momentum: OpenUnitInterval,
    batch_norm_epsilon: Positive,
) -> Sequence:
    """Dense layers, each followed by batch norm (if asked for), the activation, and dropout (if above 0).

    h <- dropout(f(norm(h W + b))), once for each hidden size. With batch norm the bias is left out: the norm's
    shift takes its place, and a bias before it would have a gradient of exactly zero.
    """
    norm = BatchNorm(momentum=batch_norm_momentum, epsilon=batch_norm_epsilon) if batch_norm else None
    layers = list(_flattened(input_shape))
    for units in hidden_sizes:
        layers += _block(Dense(units=units, bias=norm is None), norm, activation, dropout)
    return Sequence(tuple(layers))


def cnn(
    *,
    activation: Component,
    filters: list[PositiveCount],
    kernel_size: PositiveCount,
    stride: PositiveCount,
    padding: Literal["same", "valid"],
    pool_size: Count,
    hidden_sizes: list[PositiveCount],
    dropout: BelowOne,
    batch_norm: bool,
    batch_norm_momentum: OpenUnitInterval,
    batch_norm_epsilon: Positive,
) -> Sequence:
    """Convolutions with activation and max pooling, then dense layers; a pool_size of 0 leaves the pooling out.

    Dropout follows the dense layers only.
    """
    norm = BatchNorm(momentum=batch_norm_momentum, epsilon=batch_norm_epsilon) if batch_norm else None
    layers: list[Layer] = []
    for count in filters:
        convolution = Convolution(
            filters=count, kernel_size=kernel_size, stride=stride, padding=padding, bias=norm is None
        )
        layers += _block(convolution, norm, activation, 0.0)
        if pool_size > 0:
            layers.append(MaxPool(size=pool_size, stride=pool_size))
    layers.append(Flatten())
    for units in hidden_sizes:
        layers += _block(Dense(units=units, bias=norm is None), norm, activation, dropout)
    return Sequence(tuple(layers))


def _flattened(input_shape: Shape) -> tuple[Layer, ...]:
    return (Flatten(),) if len(input_shape) > 1 else ()


def _block(layer: Layer, norm: BatchNorm | None, activation: Component, dropout: float) -> list[Layer]:
    layers = [layer, norm, Activation(function=activation), Dropout(rate=dropout) if dropout > 0 else None]
    return [each for each in layers if each is not None]
