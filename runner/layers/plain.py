"""Layers that look at each row, each place or each number by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runner.experiment import Component
from runner.layers.base import Leaf, Parameter, Shape, affine, refused
from runner.quantities import BelowOne, Count, PositiveCount

# Where the functions of a backend lie, whichever it is: runner.backends.torch.activations.glu.
_PACKAGE, _MODULE = "runner.backends.", "activations"


@dataclass(frozen=True, kw_only=True)
class Dense(Leaf):
    """y = x W + b with W of shape (inputs, units); at each place of a sequence the same."""

    units: PositiveCount
    bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) not in (1, 2):
            rule = "must get one row of features, or a sequence of them"
            raise refused(rule, input_shape, "Put a flatten layer before it.")
        return (*input_shape[:-1], self.units)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        inputs = input_shape[-1]
        return affine((inputs, self.units), bias=self.bias, fan_in=inputs, fan_out=self.units)


@dataclass(frozen=True, kw_only=True)
class Flatten(Leaf):
    """All numbers of an example as one row: height, then width, then channels."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)


@dataclass(frozen=True, kw_only=True)
class Reshape(Leaf):
    """The same numbers, in the same order, as another shape of one to three sides."""

    shape: list[PositiveCount]

    def output_shape(self, input_shape: Shape) -> Shape:
        wanted = tuple(self.shape)
        if not 1 <= len(wanted) <= 3 or math.prod(wanted) != math.prod(input_shape):
            count = math.prod(input_shape)
            raise refused(f"must have one to three sides whose product is {count}", wanted)
        return wanted


@dataclass(frozen=True, kw_only=True)
class Select(Leaf):
    """Some of the numbers of a row: ``count`` of them from number ``first`` on, which counts from 0."""

    first: Count
    count: PositiveCount

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1 or self.first + self.count > input_shape[0]:
            rule = f"must get one row of at least {self.first + self.count} features"
            raise refused(rule, input_shape)
        return (self.count,)


@dataclass(frozen=True, kw_only=True)
class Activation(Leaf):
    """An activation function, which sees its input with the channels last; glu halves them, prelu learns its slopes."""

    function: Component

    @property
    def own(self) -> str | None:
        """Returns the function's name where it is one of the backends', or None."""
        package, _, name = self.function.target.rpartition(".")
        is_own = package.startswith(_PACKAGE) and package.rpartition(".")[2] == _MODULE
        return name if is_own else None

    def output_shape(self, input_shape: Shape) -> Shape:
        if self.own != "glu":
            return input_shape
        if input_shape[-1] % 2:
            raise refused("must get an even last axis, which glu halves", input_shape)
        return (*input_shape[:-1], input_shape[-1] // 2)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        if self.own != "prelu":
            return {}
        slopes = input_shape[-1] if self.function.arguments["channels"] else 1
        return {"slope": Parameter((slopes,), constant=float(self.function.arguments["initial_slope"]))}


@dataclass(frozen=True, kw_only=True)
class Dropout(Leaf):
    """In training, each element is 0 with probability ``rate``, the others divided by 1 - rate."""

    rate: BelowOne
