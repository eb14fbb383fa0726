"""Architectures that read an example as a sequence; they take any input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from runner.experiment import Component
from runner.layers import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePool,
    Gru,
    Layer,
    LayerNorm,
    Lstm,
    PositionalEmbedding,
    Recurrent,
    Reshape,
    Residual,
    SelfAttention,
    Sequence,
    Shape,
    SimpleRnn,
)
from runner.quantities import BelowOne, Positive, PositiveCount

_CELLS: Mapping[str, type[Recurrent]] = {"simple_rnn": SimpleRnn, "lstm": Lstm, "gru": Gru}


def rnn(
    *,
    input_shape: Shape,
    tokens: int | None,
    cell: Literal["simple_rnn", "lstm", "gru"],
    units: list[PositiveCount],
    bidirectional: bool,
    embedding: PositiveCount,
    dropout: BelowOne,
) -> Sequence:
    """Recurrent layers one upon the other, of which the last gives its last state; dropout after each if above 0.

    An image is read row by row, a row of features number by number, tokens through an embedding.
    """
    layers = list(_as_sequence(input_shape, tokens, embedding))
    for number, count in enumerate(units, 1):
        returns: Literal["last", "all"] = "last" if number == len(units) else "all"
        layers.append(_CELLS[cell](units=count, bidirectional=bidirectional, returns=returns))
        layers += _dropout(dropout)
    return Sequence(tuple(layers))


def transformer(
    *,
    input_shape: Shape,
    tokens: int | None,
    activation: Component,
    features: PositiveCount,
    heads: PositiveCount,
    depth: PositiveCount,
    feed_forward_factor: PositiveCount,
    dropout: BelowOne,
    layer_norm_epsilon: Positive,
) -> Sequence:
    """An encoder: x <- x + attention(norm(x)), x <- x + W f(norm(x) V), ``depth`` times, then the mean over all places.

    Its input is brought to ``features`` numbers at each place, to which a learned number of that place is added. An image
    is read row by row, a row of features number by number, tokens through an embedding.
    Source: Vaswani et al., 2017; Xiong et al., 2020, for the norm before each block.
    """
    layers: list[Layer] = [*_as_sequence(input_shape, tokens, features)]
    if tokens is None:
        layers.append(Dense(units=features))
    layers += [PositionalEmbedding(), *_dropout(dropout)]
    norm = LayerNorm(epsilon=layer_norm_epsilon)
    attention = Sequence((norm, SelfAttention(heads=heads), *_dropout(dropout)))
    widened = Dense(units=feed_forward_factor * features)
    feed_forward = Sequence(
        (norm, widened, Activation(function=activation), Dense(units=features), *_dropout(dropout))
    )
    layers += [Residual(attention), Residual(feed_forward)] * depth
    return Sequence((*layers, norm, GlobalAveragePool()))


def _as_sequence(input_shape: Shape, tokens: int | None, features: int) -> tuple[Layer, ...]:
    if tokens is not None:
        return (Embedding(vocabulary=tokens, features=features),)
    if len(input_shape) == 3:
        height, width, channels = input_shape
        return (Reshape(shape=[height, width * channels]),)
    return (Reshape(shape=[input_shape[0], 1]),) if len(input_shape) == 1 else ()


def _dropout(rate: float) -> list[Layer]:
    return [Dropout(rate=rate)] if rate > 0 else []
