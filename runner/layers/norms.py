"""Layers that bring numbers to mean 0 and variance 1, then to a learned scale and shift."""

from __future__ import annotations

from dataclasses import dataclass

from runner.layers.base import Leaf, Parameter, Shape, refused
from runner.quantities import OpenUnitInterval, Positive, PositiveCount


@dataclass(frozen=True, kw_only=True)
class Norm(Leaf):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift, with one scale and shift for each channel."""

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        channels = input_shape[-1:]
        return {"scale": Parameter(channels, constant=1.0), "shift": Parameter(channels, constant=0.0)}


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Norm):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the batch and all places, channel by channel.

    Running values: running <- (1 - momentum) running + momentum value, with the unbiased variance.
    """

    momentum: OpenUnitInterval
    epsilon: Positive

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        channels = input_shape[-1:]
        return super().parameters(input_shape) | {
            "running_mean": Parameter(channels, trainable=False, constant=0.0),
            "running_variance": Parameter(channels, trainable=False, constant=1.0),
        }


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Norm):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis of each example."""

    epsilon: Positive


@dataclass(frozen=True, kw_only=True)
class GroupNorm(Norm):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over each group of channels, at all places of an example."""

    groups: PositiveCount
    epsilon: Positive

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[-1] % self.groups:
            raise refused(f"must get channels that its {self.groups} groups divide", input_shape)
        return input_shape
