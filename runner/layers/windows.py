"""Layers that move a window over a sequence or an image.

``same`` padding gives ceil(side / stride) outputs along a side, the odd zero at the end; ``valid`` has none.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from runner.layers.base import (
    Leaf,
    Parameter,
    Shape,
    ShapeError,
    affine,
    refused,
    require_sides,
)
from runner.quantities import PositiveCount

Padding = Literal["same", "valid"]
_KINDS = {1: "sequences of length x channels", 2: "images of height x width x channels"}


@dataclass(frozen=True, kw_only=True)
class Window(Leaf, ABC):
    """A window of one length along every side; what it does with its numbers is the matter of its kinds."""

    stride: PositiveCount
    padding: Padding

    @property
    @abstractmethod
    def reach(self) -> int:
        """Returns how many neighbouring places the window spans along a side."""

    def pads(self, side: int) -> tuple[int, int]:
        """Returns how many places are added before and after a side."""
        if self.padding == "valid":
            return (0, 0)
        total = max((math.ceil(side / self.stride) - 1) * self.stride + self.reach - side, 0)
        return (total // 2, total - total // 2)

    def outputs(self, sides: Shape, input_shape: Shape) -> Shape:
        """Returns how often the window fits along each side."""
        if self.padding == "valid" and min(sides) < self.reach:
            rule = f"must get sides of at least {self.reach}, the window's own, because its padding is valid"
            raise refused(rule, input_shape)
        return tuple((side + sum(self.pads(side)) - self.reach) // self.stride + 1 for side in sides)


@dataclass(frozen=True, kw_only=True)
class Convolution(Window):
    """Cross-correlation: y_f(p) = b_f + sum over places u and channels c of x_c(stride p + dilation u) W_f(u, c).

    The kernel has the shape (kernel_size, ..., channels / groups, filters): group g of the filters sees group g of the
    channels only.
    """

    dimensions: ClassVar[int]

    filters: PositiveCount
    kernel_size: PositiveCount
    stride: PositiveCount = 1
    dilation: PositiveCount = 1
    groups: PositiveCount = 1
    bias: bool = True

    @property
    def reach(self) -> int:
        return (self.kernel_size - 1) * self.dilation + 1

    def output_shape(self, input_shape: Shape) -> Shape:
        _require(input_shape, self.dimensions)
        if self.filters % self.groups:
            received = f"{self.filters} filters and {self.groups} groups"
            raise ShapeError("must have filters that its groups divide", received)
        if input_shape[-1] % self.groups:
            raise refused(f"must get channels that its {self.groups} groups divide", input_shape)
        return (*self.outputs(input_shape[:-1], input_shape), self.filters)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        area = self.kernel_size**self.dimensions
        channels = input_shape[-1] // self.groups
        return affine(
            (*[self.kernel_size] * self.dimensions, channels, self.filters),
            bias=self.bias,
            fan_in=area * channels,
            fan_out=area * self.filters // self.groups,
        )


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A convolution along a sequence, its kernel (kernel_size, channels / groups, filters)."""

    dimensions = 1


@dataclass(frozen=True, kw_only=True)
class Conv2d(Convolution):
    """A convolution over an image, its kernel (kernel_size, kernel_size, channels / groups, filters)."""

    dimensions = 2


@dataclass(frozen=True, kw_only=True)
class Conv2dTranspose(Leaf):
    """Each pixel puts its kernel onto the output, ``stride`` apart: y_f(stride p + u) = b_f + sum x_c(p) W(u, c, f).

    The kernel has the shape (kernel_size, kernel_size, channels, filters). A side becomes (side - 1) stride + kernel_size
    with valid padding. With same padding it becomes side stride, and the layer is the transpose of a conv2d with the same
    stride and padding: what such a conv2d pads is cut off.
    """

    filters: PositiveCount
    kernel_size: PositiveCount
    stride: PositiveCount = 1
    padding: Padding
    bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        _require(input_shape, 2)
        height, width = (self.side(side) for side in input_shape[:-1])
        return (height, width, self.filters)

    def side(self, side: int) -> int:
        """Returns the side of the output."""
        if self.padding == "same":
            return side * self.stride
        return (side - 1) * self.stride + self.kernel_size

    @property
    def cut(self) -> int:
        """Returns how many rows and columns are cut off at the top and the left."""
        return max(self.kernel_size - self.stride, 0) // 2 if self.padding == "same" else 0

    @property
    def beyond(self) -> int:
        """Returns how many rows and columns the kernels leave free at the bottom and the right."""
        return max(self.stride - self.kernel_size, 0) if self.padding == "same" else 0

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        channels, area = input_shape[-1], self.kernel_size**2
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        return affine(shape, bias=self.bias, fan_in=area * channels, fan_out=area * self.filters)


@dataclass(frozen=True, kw_only=True)
class Pool(Window):
    """A window moved over each channel of a sequence or an image; padding adds places that are not looked at."""

    size: PositiveCount
    padding: Padding = "valid"

    @property
    def reach(self) -> int:
        return self.size

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*self.outputs(require_sides(input_shape), input_shape), input_shape[-1])


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The largest value in each window."""


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """The mean of each window."""


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Leaf):
    """One number for each channel of a sequence or an image."""

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sides(input_shape)
        return input_shape[-1:]


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(GlobalPool):
    """The largest value of each channel."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePool(GlobalPool):
    """The mean of each channel."""


def _require(shape: Shape, dimensions: int) -> None:
    if len(shape) != dimensions + 1:
        raise refused(f"must get {_KINDS[dimensions]}", shape)
