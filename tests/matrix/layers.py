"""Layers and blocks: outputs, the gradients of their input and of every array, and what batch norm remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import layers as oracle
from oracle import sequences

from matrix.case import Floats
from matrix.networks import STEP, Equation, Setting, alone, case, flat
from runner import layers
from runner.experiment import Component
from runner.results import Weights

ROW, SEQUENCE, IMAGE = (5,), (5, 4), (6, 5, 3)
MOMENTUM, EPSILON = 0.3, 0.01


NO_BIAS = np.zeros(1)


def dense(shape: layers.Shape, *, bias: bool = True) -> Setting:
    layer = layers.Dense(units=3, bias=bias)
    return alone(layer, shape, lambda x, w: oracle.dense(x, w["kernel"], w.get("bias", NO_BIAS)))


def convolution(
    kind: type[layers.Convolution], size: int, stride: int, padding: str, *, bias: bool = True, **more: int
) -> Setting:
    options: dict[str, Any] = {"stride": stride, "padding": padding, **more}
    layer = kind(filters=2 * more.get("groups", 1), kernel_size=size, bias=bias, **options)
    shape = SEQUENCE if kind is layers.Conv1d else IMAGE

    def equation(x: Floats, w: Weights) -> Floats:
        return oracle.convolution(x, w["kernel"], w.get("bias", NO_BIAS), **options)

    return alone(layer, shape, equation)


def transposed(size: int, stride: int, padding: str, *, bias: bool = True) -> Setting:
    options: dict[str, Any] = {"stride": stride, "padding": padding}
    layer = layers.Conv2dTranspose(filters=2, kernel_size=size, bias=bias, **options)

    def equation(x: Floats, w: Weights) -> Floats:
        return oracle.conv2d_transpose(x, w["kernel"], w.get("bias", NO_BIAS), **options)

    return alone(layer, (3, 2, 3), equation)


def pool(word: str, shape: layers.Shape, size: int, stride: int, padding: str = "valid") -> Setting:
    options: dict[str, Any] = {"size": size, "stride": stride, "padding": padding}
    equation = getattr(oracle, word)
    return alone(layers.VOCABULARY[word](**options), shape, lambda x, w: equation(x, **options))


def batch_norm(shape: layers.Shape, training: bool) -> Setting:
    layer = layers.BatchNorm(momentum=MOMENTUM, epsilon=EPSILON)

    def trained(x: Floats, w: Weights) -> tuple[Floats, Floats, Floats]:
        words = {name.rpartition("/")[2]: array for name, array in w.items()}
        return oracle.batch_norm_training(x, **words, momentum=MOMENTUM, epsilon=EPSILON)

    def after(x: Floats, w: Weights) -> Weights:
        _, mean, variance = trained(x, w)
        return {"batch_norm0/running_mean": mean, "batch_norm0/running_variance": variance}

    if training:
        return Setting("batch_norm", flat(layer), shape, True, lambda x, w: trained(x, w)[0], after)
    return alone(layer, shape, lambda x, w: oracle.batch_norm_evaluation(x, **w, epsilon=EPSILON))


def layer_norm(shape: layers.Shape) -> Setting:
    layer = layers.LayerNorm(epsilon=EPSILON)
    return alone(layer, shape, lambda x, w: oracle.layer_norm(x, **w, epsilon=EPSILON))


def group_norm(shape: layers.Shape, groups: int) -> Setting:
    layer = layers.GroupNorm(groups=groups, epsilon=EPSILON)
    return alone(layer, shape, lambda x, w: oracle.group_norm(x, **w, groups=groups, epsilon=EPSILON))


def recurrent(cell: str, *, bidirectional: bool, returns: str) -> Setting:
    options: dict[str, Any] = {"bidirectional": bidirectional, "returns": returns}
    layer = layers.VOCABULARY[cell](units=3, **options)
    return alone(layer, SEQUENCE, lambda x, w: sequences.recurrent(x, w, cell=cell, **options))


def attention(*, heads: int, causal: bool) -> Setting:
    layer = layers.SelfAttention(heads=heads, causal=causal)
    return alone(layer, SEQUENCE, lambda x, w: sequences.self_attention(x, w, heads=heads, causal=causal))


def function(word: str, shape: layers.Shape, equation: Equation, **arguments: Any) -> Setting:
    target = f"runner.backends.torch.activations.{word}"
    component = Component(target=target, arguments=arguments, key="activation")
    return alone(layers.Activation(function=component), shape, equation)


def prelu(shape: layers.Shape, *, channels: bool) -> Setting:
    options = {"channels": channels, "initial_slope": 0.25}
    return function("prelu", shape, lambda x, w: oracle.prelu(x, w["slope"]), **options)


def dropout(shape: layers.Shape, rate: float, *, training: bool) -> Setting:
    options: dict[str, Any] = {"rate": rate, "seed": 0, "name": "dropout0", "step": STEP}

    def equation(x: Floats, w: Weights) -> Floats:
        return oracle.dropout(x, **options) if training else x

    return alone(layers.Dropout(rate=rate), shape, equation, training=training)


def branch(units: int) -> layers.Sequence:
    return layers.Sequence((layers.Dense(units=units),))


def affine(x: Floats, w: Weights, number: int) -> Floats:
    return oracle.dense(x, w[f"dense{number}/kernel"], w[f"dense{number}/bias"])


def chain(x: Floats, w: Weights) -> Floats:
    return affine(affine(x, w, 0), w, 1)


def residual() -> Setting:
    tree = flat(layers.Residual(branch(ROW[0])))
    return Setting("residual", tree, ROW, False, lambda x, w: x + affine(x, w, 0))


def shortcut() -> Setting:
    tree = flat(layers.Residual(branch(2), branch(2)))
    return Setting("residual", tree, ROW, False, lambda x, w: affine(x, w, 0) + affine(x, w, 1))


def concatenation() -> Setting:
    def equation(x: Floats, w: Weights) -> Floats:
        return np.concatenate([affine(x, w, 0), affine(x, w, 1)], axis=-1)

    return Setting("concatenate", flat(layers.Concatenate((branch(2), branch(3)))), ROW, False, equation)


def filters(count: int) -> layers.Sequence:
    return layers.Sequence((layers.Conv2d(filters=count, kernel_size=3, padding="same"),))


def images(
    member: str, block: layers.Layer, equation: Callable[[Floats, Callable[[int], Floats]], Floats]
) -> Setting:
    """A block of convolutions, whose equation takes the input and what gives the convolution of a number."""

    def whole(x: Floats, w: Weights) -> Floats:
        def convolved(number: int) -> Floats:
            kernel, bias = (w[f"conv2d{number}/{word}"] for word in ("kernel", "bias"))
            return oracle.convolution(x, kernel, bias, stride=1, padding="same")

        return equation(x, convolved)

    return Setting(member, flat(block), IMAGE, False, whole)


SETTINGS: dict[str, Setting] = {
    "dense": dense(ROW),
    "dense without bias": dense(ROW, bias=False),
    "dense of sequences": dense(SEQUENCE),
    # Sides of 6 and 5 have an even and an odd padding.
    "conv2d same": convolution(layers.Conv2d, 3, 1, "same"),
    "conv2d same, stride 2": convolution(layers.Conv2d, 3, 2, "same"),
    "conv2d same, even kernel": convolution(layers.Conv2d, 2, 1, "same"),
    "conv2d same, kernel below the stride": convolution(layers.Conv2d, 1, 2, "same"),
    "conv2d valid": convolution(layers.Conv2d, 3, 1, "valid"),
    "conv2d valid, stride 2": convolution(layers.Conv2d, 2, 2, "valid"),
    "conv2d in groups": convolution(layers.Conv2d, 3, 1, "same", groups=3),
    "conv2d dilated": convolution(layers.Conv2d, 2, 1, "same", dilation=2),
    "conv2d dilated, in groups, with stride": convolution(layers.Conv2d, 2, 2, "valid", dilation=3, groups=3),
    "conv2d without bias": convolution(layers.Conv2d, 3, 1, "same", bias=False),
    "conv1d same": convolution(layers.Conv1d, 3, 1, "same"),
    "conv1d same, stride 2, even kernel": convolution(layers.Conv1d, 4, 2, "same"),
    "conv1d valid": convolution(layers.Conv1d, 2, 2, "valid"),
    "conv1d dilated, in groups": convolution(layers.Conv1d, 2, 1, "same", dilation=2, groups=2),
    "conv1d without bias, in groups": convolution(layers.Conv1d, 3, 1, "valid", bias=False, groups=4),
    "conv2d_transpose same": transposed(3, 1, "same"),
    "conv2d_transpose same, stride 2": transposed(3, 2, "same"),
    "conv2d_transpose same, even kernel": transposed(4, 2, "same"),
    "conv2d_transpose same, kernel below the stride": transposed(2, 3, "same"),
    "conv2d_transpose valid": transposed(3, 2, "valid"),
    "conv2d_transpose valid, kernel below the stride": transposed(1, 2, "valid"),
    "conv2d_transpose without bias": transposed(2, 1, "same", bias=False),
    "max pool": pool("max_pool", IMAGE, 2, 2),
    "max pool, overlapping": pool("max_pool", IMAGE, 3, 1),
    "max pool same": pool("max_pool", IMAGE, 2, 2, "same"),
    "max pool same, overlapping": pool("max_pool", IMAGE, 3, 2, "same"),
    "max pool of sequences": pool("max_pool", SEQUENCE, 2, 2),
    "max pool same of sequences": pool("max_pool", SEQUENCE, 2, 2, "same"),
    "average pool": pool("average_pool", IMAGE, 2, 2),
    "average pool, overlapping": pool("average_pool", IMAGE, 3, 2),
    "average pool same": pool("average_pool", IMAGE, 2, 2, "same"),
    "average pool same, overlapping": pool("average_pool", IMAGE, 3, 1, "same"),
    "average pool of sequences": pool("average_pool", SEQUENCE, 3, 2),
    "average pool same of sequences": pool("average_pool", SEQUENCE, 3, 2, "same"),
    "global max pool of images": alone(layers.GlobalMaxPool(), IMAGE, lambda x, w: x.max(axis=(1, 2))),
    "global max pool of sequences": alone(layers.GlobalMaxPool(), SEQUENCE, lambda x, w: x.max(axis=1)),
    "global average pool of images": alone(
        layers.GlobalAveragePool(), IMAGE, lambda x, w: x.mean(axis=(1, 2))
    ),
    "global average pool of sequences": alone(
        layers.GlobalAveragePool(), SEQUENCE, lambda x, w: x.mean(axis=1)
    ),
    "flatten": alone(layers.Flatten(), IMAGE, lambda x, w: x.reshape(len(x), -1)),
    "reshape images to sequences": alone(
        layers.Reshape(shape=[6, 15]), IMAGE, lambda x, w: x.reshape(len(x), -1)
    ),
    "reshape sequences to images": alone(
        layers.Reshape(shape=[2, 5, 2]), SEQUENCE, lambda x, w: x.reshape(len(x), -1)
    ),
    "reshape images": alone(layers.Reshape(shape=[3, 6, 5]), IMAGE, lambda x, w: x.reshape(len(x), -1)),
    "select": alone(layers.Select(first=1, count=3), ROW, lambda x, w: x[:, [1, 2, 3]]),
    "batch norm of rows, training": batch_norm(ROW, True),
    "batch norm of rows, evaluation": batch_norm(ROW, False),
    "batch norm of sequences, training": batch_norm(SEQUENCE, True),
    "batch norm of sequences, evaluation": batch_norm(SEQUENCE, False),
    "batch norm of images, training": batch_norm(IMAGE, True),
    "batch norm of images, evaluation": batch_norm(IMAGE, False),
    "layer norm of rows": layer_norm(ROW),
    "layer norm of sequences": layer_norm(SEQUENCE),
    "layer norm of images": layer_norm(IMAGE),
    "group norm of rows": group_norm((6,), 2),
    "group norm of sequences": group_norm(SEQUENCE, 2),
    "group norm of images": group_norm((4, 3, 6), 3),
    "group norm of images, one group": group_norm(IMAGE, 1),
    "embedding": alone(
        layers.Embedding(vocabulary=4, features=3), ROW, lambda x, w: sequences.embedding(x, w["table"])
    ),
    "positional embedding": alone(layers.PositionalEmbedding(), SEQUENCE, lambda x, w: x + w["table"]),
    **{
        f"{cell}, {'bidirectional' if bidirectional else 'forward'}, {returns}": recurrent(
            cell, bidirectional=bidirectional, returns=returns
        )
        for cell in sequences.CELLS
        for bidirectional in (False, True)
        for returns in ("last", "all")
    },
    "self attention": attention(heads=1, causal=False),
    "self attention, causal": attention(heads=2, causal=True),
    "self attention, as many heads as channels": attention(heads=4, causal=False),
    "glu of rows": function("glu", (6,), lambda x, w: oracle.glu(x)),
    "glu of sequences": function("glu", SEQUENCE, lambda x, w: oracle.glu(x)),
    "glu of images": function("glu", (3, 2, 4), lambda x, w: oracle.glu(x)),
    "prelu of rows": prelu(ROW, channels=False),
    "prelu of rows, by channel": prelu(ROW, channels=True),
    "prelu of sequences, by channel": prelu(SEQUENCE, channels=True),
    "prelu of images": prelu(IMAGE, channels=False),
    "prelu of images, by channel": prelu(IMAGE, channels=True),
    "dropout of rows": dropout(ROW, 0.4, training=True),
    "dropout of sequences": dropout(SEQUENCE, 0.7, training=True),
    "dropout of images": dropout(IMAGE, 0.25, training=True),
    "dropout, evaluation": dropout(ROW, 0.4, training=False),
    "residual": residual(),
    "residual with a shortcut": shortcut(),
    "residual of images": images("residual", layers.Residual(filters(3)), lambda x, own: x + own(0)),
    "concatenate": concatenation(),
    "concatenate of images": images(
        "concatenate",
        layers.Concatenate((filters(2), filters(1))),
        lambda x, own: np.concatenate([own(0), own(1)], axis=-1),
    ),
    "sequence": Setting(
        "sequence", flat(layers.Sequence((layers.Dense(units=2), layers.Dense(units=3)))), ROW, False, chain
    ),
}
CASES = [case(words, setting) for words, setting in SETTINGS.items()]
