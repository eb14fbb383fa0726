"""Layers for sequences of length x channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from runner.layers.base import Leaf, Parameter, Shape, affine, refused, require_sequence
from runner.quantities import PositiveCount


@dataclass(frozen=True, kw_only=True)
class Embedding(Leaf):
    """y_t = table[x_t]: a learned row of ``features`` numbers for each whole number below ``vocabulary``.

    First values: N(0, 1), whatever the initializer.
    """

    vocabulary: PositiveCount
    features: PositiveCount

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise refused("must get one row of tokens", input_shape)
        return (input_shape[0], self.features)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        return {"table": Parameter((self.vocabulary, self.features), deviation=1.0)}


@dataclass(frozen=True, kw_only=True)
class PositionalEmbedding(Leaf):
    """y_t = x_t + table[t], with a learned table of length x channels; first values: N(0, 0.02 squared)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        require_sequence(input_shape)
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        return {"table": Parameter(input_shape, deviation=0.02)}


@dataclass(frozen=True, kw_only=True)
class Recurrent(Leaf):
    """A cell carried along a sequence from the state 0; ``returns`` says whether all its states are kept or the last.

    Bidirectional: a second cell with arrays of its own goes from the end to the beginning, and its states are joined to
    those of the first; its last state is the one at the beginning. The gates stand beside each other in the last axis of
    the arrays.
    """

    gates: ClassVar[int]
    second_bias: ClassVar[bool] = False

    units: PositiveCount
    bidirectional: bool = False
    returns: Literal["last", "all"]

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Returns what stands before the names of the arrays of each direction."""
        return ("", "backward_") if self.bidirectional else ("",)

    def output_shape(self, input_shape: Shape) -> Shape:
        length, _ = require_sequence(input_shape)
        width = self.units * len(self.prefixes)
        return (length, width) if self.returns == "all" else (width,)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        inputs, width = input_shape[-1], self.gates * self.units
        first = affine((inputs, width), bias=True, fan_in=inputs, fan_out=self.units)
        second = affine((self.units, width), bias=self.second_bias, fan_in=self.units, fan_out=self.units)
        arrays = first | {f"recurrent_{word}": array for word, array in second.items()}
        return {f"{prefix}{word}": array for prefix in self.prefixes for word, array in arrays.items()}


@dataclass(frozen=True, kw_only=True)
class SimpleRnn(Recurrent):
    """h <- tanh(x W + h U + b). Source: Elman, 1990."""

    gates = 1


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """c <- s(f) c + s(i) tanh(g), h <- s(o) tanh(c), with (i, f, g, o) = x W + h U + b and the sigmoid s.

    Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000, for f.
    """

    gates = 4


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """h <- (1 - z) n + z h with (r, z) = s(x W + b + h U + d), n = tanh(x W + b + r (h U + d)) and the sigmoid s.

    The gates stand in the order r, z, n; d is ``recurrent_bias``. Source: Cho et al., 2014, with r after the product.
    """

    gates = 3
    second_bias = True


@dataclass(frozen=True, kw_only=True)
class SelfAttention(Leaf):
    """y = concat over heads of softmax(q k^T / sqrt(features / heads)) v, times the output kernel, plus its bias.

    q, k and v are x W + b, head h taking the h-th part of their features. The key has no bias: the softmax would not see
    it, and its gradient would be exactly zero. Causal: no place looks at a later one. Source: Vaswani et al., 2017.
    """

    heads: PositiveCount
    causal: bool = False

    def output_shape(self, input_shape: Shape) -> Shape:
        _, features = require_sequence(input_shape)
        if features % self.heads:
            raise refused(f"must get channels that its {self.heads} heads divide", input_shape)
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        features = input_shape[-1]
        return {
            f"{role}_{word}": array
            for role in ("query", "key", "value", "output")
            for word, array in affine(
                (features, features), bias=role != "key", fan_in=features, fan_out=features
            ).items()
        }
