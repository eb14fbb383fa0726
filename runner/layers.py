"""The layer vocabulary: frozen records with shape inference, the same for every backend.

Shapes leave out the batch: ``(features,)`` or, for images, ``(height, width, channels)``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from runner.experiment import Component
from runner.quantities import BelowOne, OpenUnitInterval, Positive, PositiveCount

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """A layer met an input that it cannot take; the text is the rule and what was received."""


@dataclass(frozen=True)
class Parameter:
    """One array of a layer: its shape, whether it is trained, and the fans that scale its first values."""

    shape: Shape
    trainable: bool = True
    fan_in: int = 1
    fan_out: int = 1

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A layer without layers inside; ``name`` is its canonical path, given by :func:`named`."""

    name: str = ""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the layer's output; by default that of its input."""
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Returns the layer's arrays by their last name: ``kernel``, ``bias``, ..."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Dense(Leaf):
    """y = x W + b with W of shape (inputs, units)."""

    units: PositiveCount
    bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        _require_flat(input_shape, "dense")
        return (self.units,)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        (inputs,) = input_shape
        return _affine((inputs, self.units), bias=self.bias, fan_in=inputs, fan_out=self.units)


@dataclass(frozen=True, kw_only=True)
class Convolution(Leaf):
    """Two-dimensional cross-correlation with a square kernel of shape (size, size, channels, filters).

    ``same`` padding gives ceil(side / stride), the odd row and column of zeros at the bottom and the right.
    """

    filters: PositiveCount
    kernel_size: PositiveCount
    stride: PositiveCount
    padding: Literal["same", "valid"]
    bias: bool = True

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = _require_image(input_shape, "convolution")
        sides = [self._side(side) for side in (height, width)]
        if min(sides) < 1:
            raise ShapeError(
                f"a convolution with kernel_size {self.kernel_size} and valid padding needs an image"
                f" at least as large as its kernel, not {height} x {width}"
            )
        return (sides[0], sides[1], self.filters)

    def _side(self, side: int) -> int:
        if self.padding == "same":
            return math.ceil(side / self.stride)
        return (side - self.kernel_size) // self.stride + 1

    def pads(self, side: int) -> tuple[int, int]:
        """Returns the zeros before and after one side of ``side`` pixels."""
        if self.padding == "valid":
            return (0, 0)
        total = max((math.ceil(side / self.stride) - 1) * self.stride + self.kernel_size - side, 0)
        return (total // 2, total - total // 2)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        channels = input_shape[-1]
        area = self.kernel_size**2
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        return _affine(shape, bias=self.bias, fan_in=area * channels, fan_out=area * self.filters)


@dataclass(frozen=True, kw_only=True)
class Pool(Leaf):
    """A square window moved over an image without padding."""

    size: PositiveCount
    stride: PositiveCount

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = _require_image(input_shape, "pooling")
        if min(height, width) < self.size:
            raise ShapeError(
                f"pooling with size {self.size} needs an image at least that large, not {height} x {width}"
            )
        return (
            (height - self.size) // self.stride + 1,
            (width - self.size) // self.stride + 1,
            channels,
        )


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """The largest value in each window."""


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """The mean of each window."""


@dataclass(frozen=True, kw_only=True)
class Flatten(Leaf):
    """An image as one row of numbers: height, then width, then channels."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)


@dataclass(frozen=True, kw_only=True)
class Activation(Leaf):
    """An activation function applied to every element; softmax over the last axis."""

    function: Component


@dataclass(frozen=True, kw_only=True)
class Dropout(Leaf):
    """In training, each element is 0 with probability ``rate``, the others divided by 1 - rate."""

    rate: BelowOne


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Leaf):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the batch, channels last.

    Running values: running <- (1 - momentum) running + momentum value, with the unbiased variance.
    """

    momentum: OpenUnitInterval
    epsilon: Positive

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        shape = (input_shape[-1],)
        return {
            "scale": Parameter(shape),
            "shift": Parameter(shape),
            "running_mean": Parameter(shape, trainable=False),
            "running_variance": Parameter(shape, trainable=False),
        }


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Leaf):
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis of each example."""

    epsilon: Positive

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        shape = (input_shape[-1],)
        return {"scale": Parameter(shape), "shift": Parameter(shape)}


@dataclass(frozen=True)
class Sequence:
    """Layers one after the other."""

    layers: tuple[Layer, ...]

    def output_shape(self, input_shape: Shape) -> Shape:
        for layer in self.layers:
            input_shape = layer.output_shape(input_shape)
        return input_shape


@dataclass(frozen=True)
class Residual:
    """y = x + body(x)."""

    body: Sequence

    def output_shape(self, input_shape: Shape) -> Shape:
        output_shape = self.body.output_shape(input_shape)
        if output_shape != input_shape:
            raise ShapeError(
                "a residual block must return the shape that it receives,"
                f" {describe(input_shape)}, not {describe(output_shape)}"
            )
        return output_shape


@dataclass(frozen=True)
class Concatenation:
    """The outputs of several branches of the same input, joined along the last axis."""

    branches: tuple[Sequence, ...]

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = [branch.output_shape(input_shape) for branch in self.branches]
        if len({shape[:-1] for shape in shapes}) > 1:
            raise ShapeError(
                "the branches of a concatenation may differ in their last axis only, not as "
                + ", ".join(describe(shape) for shape in shapes)
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


Layer = Leaf | Sequence | Residual | Concatenation

VOCABULARY: Mapping[str, type[Leaf]] = {
    "dense": Dense,
    "convolution": Convolution,
    "max_pool": MaxPool,
    "average_pool": AveragePool,
    "flatten": Flatten,
    "activation": Activation,
    "dropout": Dropout,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
}
_WORDS = {kind: word for word, kind in VOCABULARY.items()}


@dataclass(frozen=True)
class LayerRow:
    """One leaf at its place in a network: what it receives, what it gives, and its arrays by canonical name."""

    layer: Leaf
    input_shape: Shape
    output_shape: Shape
    parameters: Mapping[str, Parameter]


def named(tree: Sequence) -> Sequence:
    """Returns the tree with a canonical name on every leaf: its word and its number of that kind, ``dense0``."""
    seen: Counter[str] = Counter()

    def visit(layer: Layer) -> Layer:
        if isinstance(layer, Leaf):
            word = _WORDS[type(layer)]
            seen[word] += 1
            return replace(layer, name=f"{word}{seen[word] - 1}")
        if isinstance(layer, Residual):
            return Residual(visit_sequence(layer.body))
        if isinstance(layer, Concatenation):
            return Concatenation(tuple(visit_sequence(branch) for branch in layer.branches))
        return visit_sequence(layer)

    def visit_sequence(sequence: Sequence) -> Sequence:
        return Sequence(tuple(visit(layer) for layer in sequence.layers))

    return visit_sequence(tree)


def rows(tree: Layer, input_shape: Shape) -> Iterator[LayerRow]:
    """Yields every leaf in the order in which data meets it.

    Raises:
        ShapeError: where a layer cannot take what the layer before gives.
    """
    if isinstance(tree, Leaf):
        output_shape = tree.output_shape(input_shape)
        arrays = {f"{tree.name}/{word}": array for word, array in tree.parameters(input_shape).items()}
        yield LayerRow(tree, input_shape, output_shape, arrays)
    elif isinstance(tree, Residual):
        tree.output_shape(input_shape)
        yield from rows(tree.body, input_shape)
    elif isinstance(tree, Concatenation):
        tree.output_shape(input_shape)
        for branch in tree.branches:
            yield from rows(branch, input_shape)
    else:
        for layer in tree.layers:
            yield from rows(layer, input_shape)
            input_shape = layer.output_shape(input_shape)


def parameters(tree: Sequence, input_shape: Shape) -> dict[str, Parameter]:
    """Returns every array of the network by its canonical name, in the order of the layers."""
    return {name: array for row in rows(tree, input_shape) for name, array in row.parameters.items()}


def activations(tree: Sequence, input_shape: Shape) -> dict[str, Component]:
    """Returns the function of every activation layer by the layer's name, in the order of the layers."""
    leaves = [row.layer for row in rows(tree, input_shape)]
    return {leaf.name: leaf.function for leaf in leaves if isinstance(leaf, Activation)}


def word(layer: Leaf) -> str:
    """Returns the name of a layer in YAML: ``dense``."""
    return _WORDS[type(layer)]


def describe(shape: Shape) -> str:
    """Returns a shape as a person writes it: ``8 x 8 x 1``."""
    return " x ".join(str(side) for side in shape)


def _affine(kernel: Shape, *, bias: bool, fan_in: int, fan_out: int) -> dict[str, Parameter]:
    arrays = {"kernel": Parameter(kernel, fan_in=fan_in, fan_out=fan_out)}
    if bias:
        arrays["bias"] = Parameter(kernel[-1:], fan_in=fan_in, fan_out=fan_out)
    return arrays


def _require_flat(shape: Shape, layer: str) -> None:
    if len(shape) != 1:
        raise ShapeError(
            f"a {layer} layer needs one row of features, not {describe(shape)}; put a flatten layer before it"
        )


def _require_image(shape: Shape, layer: str) -> Shape:
    if len(shape) != 3:
        raise ShapeError(
            f"a {layer} layer needs images of height x width x channels, not {describe(shape)} features"
        )
    return shape
