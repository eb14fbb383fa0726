"""Architectures for rows of features and for images."""

from __future__ import annotations

from typing import Literal

from runner.experiment import Component
from runner.layers import (
    Activation,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Reconstruction,
    Residual,
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


def autoencoder(
    *,
    input_shape: Shape,
    activation: Component,
    hidden_sizes: list[PositiveCount],
    code_size: PositiveCount,
    dropout: BelowOne,
    batch_norm: bool,
    batch_norm_momentum: OpenUnitInterval,
    batch_norm_epsilon: Positive,
) -> Reconstruction:
    """Dense layers to a code of few numbers, c = h W + b, and the same layers in reverse from there to the inputs.

    The hidden layers are those of the mlp. Without any, and with the squared error, the codes span the space of the first
    principal components. Source: Baldi and Hornik, 1989; Hinton and Salakhutdinov, 2006.
    """
    norm = BatchNorm(momentum=batch_norm_momentum, epsilon=batch_norm_epsilon) if batch_norm else None

    def blocks(sizes: list[int]) -> list[Layer]:
        return [
            layer
            for units in sizes
            for layer in _block(Dense(units=units, bias=norm is None), norm, activation, dropout)
        ]

    there, back = blocks(hidden_sizes), blocks(hidden_sizes[::-1])
    return Reconstruction(Sequence((*_flattened(input_shape), *there, Dense(units=code_size), *back)))


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
        convolution = Conv2d(
            filters=count, kernel_size=kernel_size, stride=stride, padding=padding, bias=norm is None
        )
        layers += _block(convolution, norm, activation, 0.0)
        if pool_size > 0:
            layers.append(MaxPool(size=pool_size, stride=pool_size))
    layers.append(Flatten())
    for units in hidden_sizes:
        layers += _block(Dense(units=units, bias=norm is None), norm, activation, dropout)
    return Sequence(tuple(layers))


def resnet(
    *,
    activation: Component,
    stages: list[PositiveCount],
    blocks: PositiveCount,
    kernel_size: PositiveCount,
    batch_norm_momentum: OpenUnitInterval,
    batch_norm_epsilon: Positive,
) -> Sequence:
    """Residual blocks of two convolutions with batch norm, in stages that halve the sides; then the mean over all pixels.

    h <- f(shortcut(h) + norm(W f(norm(V h)))); where a block changes the shape, its shortcut is a convolution with a
    kernel of 1 and batch norm, otherwise h itself. Source: He et al., 2016, the networks for CIFAR-10.
    """
    norm = BatchNorm(momentum=batch_norm_momentum, epsilon=batch_norm_epsilon)
    function = Activation(function=activation)

    def convolution(filters: int, size: int, stride: int) -> list[Layer]:
        return [Conv2d(filters=filters, kernel_size=size, stride=stride, padding="same", bias=False), norm]

    layers: list[Layer] = [*convolution(stages[0], kernel_size, 1), function]
    before = stages[0]
    for stage, filters in enumerate(stages):
        for number in range(blocks):
            stride = 2 if stage > 0 and number == 0 else 1
            first, second = (convolution(filters, kernel_size, step) for step in (stride, 1))
            body = (*first, function, *second)
            changes = stride > 1 or filters != before
            shortcut = Sequence(tuple(convolution(filters, 1, stride))) if changes else None
            layers += [Residual(Sequence(body), shortcut), function]
            before = filters
    return Sequence((*layers, GlobalAveragePool()))


def _flattened(input_shape: Shape) -> tuple[Layer, ...]:
    return (Flatten(),) if len(input_shape) > 1 else ()


def _block(layer: Layer, norm: BatchNorm | None, activation: Component, dropout: float) -> list[Layer]:
    layers = [layer, norm, Activation(function=activation), Dropout(rate=dropout) if dropout > 0 else None]
    return [each for each in layers if each is not None]
