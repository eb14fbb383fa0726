"""What every layer's record is made of: shapes, arrays, and the refusal of a shape that a layer cannot take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """A layer met what it cannot take.

    Args:
        rule: what must hold, as a clause: ``must get one row of features``.
        received: what there is instead.
        remedy: what to do, as a sentence, or None.
        path: the layer's place in its tree, ``[3].conv2d``.
    """

    def __init__(self, rule: str, received: str, remedy: str | None = None, path: str = "") -> None:
        super().__init__(f"{path} {rule}, not {received}".lstrip())
        self.rule = rule
        self.received = received
        self.remedy = remedy
        self.path = path


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Puts ``place`` before the path of a ShapeError that comes from within."""
    try:
        yield
    except ShapeError as error:
        raise ShapeError(error.rule, error.received, error.remedy, place + error.path) from None


@dataclass(frozen=True)
class Parameter:
    """One array of a layer: its shape, whether it is trained, and where its first values come from.

    The initializer draws them by the fans, unless ``constant`` is their value or ``deviation`` the standard deviation of
    a normal distribution around 0.
    """

    shape: Shape
    trainable: bool = True
    fan_in: int = 1
    fan_out: int = 1
    constant: float | None = None
    deviation: float | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A layer without layers inside; ``name`` is its canonical path, given by :func:`runner.layers.named`."""

    name: str = ""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the layer's output; by default that of its input."""
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Returns the layer's arrays by their last name: ``kernel``, ``bias``, ..."""
        return {}


def affine(kernel: Shape, *, bias: bool, fan_in: int, fan_out: int) -> dict[str, Parameter]:
    """Returns a kernel whose last axis is the outputs', and a bias for each of them if asked for."""
    arrays = {"kernel": Parameter(kernel, fan_in=fan_in, fan_out=fan_out)}
    if bias:
        arrays["bias"] = Parameter(kernel[-1:], fan_in=fan_in, fan_out=fan_out)
    return arrays


def describe(shape: Shape) -> str:
    """Returns a shape as a person writes it: ``8 x 8 x 1``."""
    return " x ".join(str(side) for side in shape)


def refused(rule: str, shape: Shape, remedy: str | None = None) -> ShapeError:
    """Returns the error of a layer that cannot take a shape."""
    return ShapeError(rule, f"shape {describe(shape)}", remedy)


def require_sequence(shape: Shape) -> tuple[int, int]:
    """Returns length and channels.

    Raises:
        ShapeError: the shape is no sequence's.
    """
    if len(shape) != 2:
        raise refused("must get sequences of length x channels", shape)
    return shape[0], shape[1]


def require_sides(shape: Shape) -> Shape:
    """Returns the sides of an image, or the length of a sequence.

    Raises:
        ShapeError: the shape is neither's.
    """
    if len(shape) not in (2, 3):
        rule = "must get images of height x width x channels, or sequences of length x channels"
        raise refused(rule, shape)
    return shape[:-1]
