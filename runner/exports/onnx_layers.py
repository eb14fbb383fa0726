"""Layers as nodes of ONNX, the same from either backend: each by its equation in :mod:`runner.forward`.

Values have the channels last, as everywhere here; where an operator wants them first they are turned there and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import layers
from runner.exports.graph import Graph
from runner.exports.onnx_activations import activation
from runner.layers import Layer, Shape

Arrays = Mapping[str, NDArray[np.float64]]
Write = Callable[[Graph, str, Any, Shape, Arrays], str]

# Where ONNX has the gates of ours: i, o, f, c of i, f, g, o; z, r, h of r, z, n.
_GATES: Mapping[type[layers.Recurrent], tuple[str, Sequence[int]]] = {
    layers.SimpleRnn: ("RNN", (0,)),
    layers.Lstm: ("LSTM", (0, 3, 1, 2)),
    layers.Gru: ("GRU", (1, 0, 2)),
}


def sequence(graph: Graph, x: str, tree: layers.Sequence, shape: Shape, weights: Arrays) -> str:
    """Adds layers one after the other, in evaluation mode, and returns the name of what the last one gives.

    Args:
        graph: what they are added to.
        x: the name of the examples, (rows, *shape).
        tree: the named layers.
        shape: of one example.
        weights: every array by canonical name.
    """
    for layer in tree.layers:
        x = _layer(graph, x, layer, shape, weights)
        shape = layer.output_shape(shape)
    return x


def _layer(graph: Graph, x: str, layer: Layer, shape: Shape, weights: Arrays) -> str:
    match layer:
        case layers.Sequence():
            return sequence(graph, x, layer, shape, weights)
        case layers.Residual():
            other = sequence(graph, x, layer.shortcut, shape, weights) if layer.shortcut else x
            return graph.node("Add", other, sequence(graph, x, layer.body, shape, weights))
        case layers.Concatenate():
            branches = [sequence(graph, x, branch, shape, weights) for branch in layer.parts]
            return graph.node("Concat", *branches, axis=-1)
        case layers.Leaf():
            prefix = f"{layer.name}/"
            own = {
                name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)
            }
            return LAYERS[type(layer)](graph, x, layer, shape, own)


def _dense(graph: Graph, x: str, layer: layers.Dense, shape: Shape, arrays: Arrays) -> str:
    return _affine(graph, x, arrays["kernel"], arrays.get("bias"))


def _affine(graph: Graph, x: str, kernel: NDArray[Any], bias: NDArray[Any] | None) -> str:
    y = graph.node("MatMul", x, graph.numbers(kernel))
    return y if bias is None else graph.node("Add", y, graph.numbers(bias))


def _reshape(graph: Graph, x: str, layer: Layer, shape: Shape, arrays: Arrays) -> str:
    return graph.reshaped(x, layer.output_shape(shape))


def _select(graph: Graph, x: str, layer: layers.Select, shape: Shape, arrays: Arrays) -> str:
    first, last = graph.whole([layer.first]), graph.whole([layer.first + layer.count])
    return graph.node("Slice", x, first, last, graph.whole([1]))


def _activation(graph: Graph, x: str, layer: layers.Activation, shape: Shape, arrays: Arrays) -> str:
    return activation(graph, x, layer.function.name, layer.function.arguments, arrays)


def _nothing(graph: Graph, x: str, layer: Layer, shape: Shape, arrays: Arrays) -> str:
    return x


def _first(graph: Graph, x: str, shape: Shape) -> str:
    """Returns images or sequences with the channels first."""
    sides = len(shape) - 1
    return graph.node("Transpose", x, perm=[0, sides + 1, *range(1, sides + 1)])


def _last(graph: Graph, x: str, shape: Shape) -> str:
    """Returns the same with the channels last again."""
    return graph.node("Transpose", x, perm=[0, *range(2, len(shape) + 1), 1])


def _convolution(graph: Graph, x: str, layer: layers.Convolution, shape: Shape, arrays: Arrays) -> str:
    sides = layer.dimensions
    kernel = arrays["kernel"].transpose(sides + 1, sides, *range(sides))
    bias = [graph.numbers(arrays["bias"])] if "bias" in arrays else []
    y = graph.node(
        "Conv",
        _first(graph, x, shape),
        graph.numbers(kernel),
        *bias,
        pads=_pads(layer, shape),
        strides=[layer.stride] * sides,
        dilations=[layer.dilation] * sides,
        group=layer.groups,
    )
    return _last(graph, y, shape)


def _transposed(graph: Graph, x: str, layer: layers.Conv2dTranspose, shape: Shape, arrays: Arrays) -> str:
    # What is beyond the cut at the top and the left, and beyond the sides.
    ends = [
        max((side - 1) * layer.stride + layer.kernel_size - layer.cut - layer.side(side), 0)
        for side in shape[:-1]
    ]
    bias = [graph.numbers(arrays["bias"])] if "bias" in arrays else []
    y = graph.node(
        "ConvTranspose",
        _first(graph, x, shape),
        graph.numbers(arrays["kernel"].transpose(2, 3, 0, 1)),
        *bias,
        pads=[layer.cut, layer.cut, *ends],
        strides=[layer.stride] * 2,
        output_padding=[layer.beyond] * 2,
    )
    return _last(graph, y, shape)


def _pool(word: str, **settings: int) -> Write:
    def write(graph: Graph, x: str, layer: layers.Pool, shape: Shape, arrays: Arrays) -> str:
        sides = len(shape) - 1
        y = graph.node(
            word,
            _first(graph, x, shape),
            kernel_shape=[layer.size] * sides,
            pads=_pads(layer, shape),
            strides=[layer.stride] * sides,
            **settings,
        )
        return _last(graph, y, shape)

    return write


def _pads(layer: layers.Window, shape: Shape) -> list[int]:
    """Returns what is added before every side, then after every side."""
    before, after = zip(*(layer.pads(side) for side in shape[:-1]), strict=True)
    return [*before, *after]


def _global(word: str) -> Write:
    def write(graph: Graph, x: str, layer: Layer, shape: Shape, arrays: Arrays) -> str:
        return graph.node(word, x, graph.whole(range(1, len(shape))), keepdims=0)

    return write


def _batch_norm(graph: Graph, x: str, layer: layers.BatchNorm, shape: Shape, arrays: Arrays) -> str:
    centred = graph.node("Sub", x, graph.numbers(arrays["running_mean"]))
    factor = arrays["scale"] / np.sqrt(arrays["running_variance"] + layer.epsilon)
    scaled = graph.node("Mul", centred, graph.numbers(factor))
    return graph.node("Add", scaled, graph.numbers(arrays["shift"]))


def _layer_norm(graph: Graph, x: str, layer: layers.LayerNorm, shape: Shape, arrays: Arrays) -> str:
    scale, shift = graph.numbers(arrays["scale"]), graph.numbers(arrays["shift"])
    return graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=layer.epsilon)


def _group_norm(graph: Graph, x: str, layer: layers.GroupNorm, shape: Shape, arrays: Arrays) -> str:
    grouped = graph.reshaped(x, [math.prod(shape[:-1]), layer.groups, shape[-1] // layer.groups])
    axes = graph.whole([1, 3])
    centred = graph.node("Sub", grouped, graph.node("ReduceMean", grouped, axes, keepdims=1))
    squares = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes, keepdims=1)
    deviation = graph.node("Sqrt", graph.node("Add", squares, graph.numbers(layer.epsilon)))
    normal = graph.reshaped(graph.node("Div", centred, deviation), shape)
    scaled = graph.node("Mul", normal, graph.numbers(arrays["scale"]))
    return graph.node("Add", scaled, graph.numbers(arrays["shift"]))


def _embedding(graph: Graph, x: str, layer: layers.Embedding, shape: Shape, arrays: Arrays) -> str:
    from onnx import TensorProto

    tokens = graph.node("Cast", x, to=TensorProto.INT64)
    return graph.node("Gather", graph.numbers(arrays["table"]), tokens, axis=0)


def _positional(graph: Graph, x: str, layer: layers.PositionalEmbedding, shape: Shape, arrays: Arrays) -> str:
    return graph.node("Add", x, graph.numbers(arrays["table"]))


def _recurrent(graph: Graph, x: str, layer: layers.Recurrent, shape: Shape, arrays: Arrays) -> str:
    word, order = _GATES[type(layer)]
    gates = len(order)

    def ordered(role: str) -> NDArray[np.float64]:
        """Returns an array of each direction, its gates where ONNX has them."""
        width = gates * layer.units
        both = [arrays.get(prefix + role, np.zeros(width)) for prefix in layer.prefixes]
        turned = [np.split(each.T, gates, axis=0) for each in both]
        return np.stack([np.concatenate([parts[gate] for gate in order]) for parts in turned])

    biases = np.concatenate([ordered("bias"), ordered("recurrent_bias")], axis=1)
    settings = {"linear_before_reset": 1} if word == "GRU" else {}
    keeps_all = layer.returns == "all"
    y = graph.node(
        word,
        graph.node("Transpose", x, perm=[1, 0, 2]),
        graph.numbers(ordered("kernel")),
        graph.numbers(ordered("recurrent_kernel")),
        graph.numbers(biases),
        results=1 if keeps_all else 2,
        hidden_size=layer.units,
        direction="bidirectional" if layer.bidirectional else "forward",
        **settings,
    )
    # (length, directions, rows, units), or (directions, rows, units).
    rows_first = graph.node("Transpose", y, perm=[2, 0, 1, 3] if keeps_all else [1, 0, 2])
    return graph.reshaped(rows_first, layer.output_shape(shape))


def _self_attention(graph: Graph, x: str, layer: layers.SelfAttention, shape: Shape, arrays: Arrays) -> str:
    length, features = shape
    width = features // layer.heads

    def split(role: str, order: Sequence[int]) -> str:
        y = _affine(graph, x, arrays[f"{role}_kernel"], arrays.get(f"{role}_bias"))
        return graph.node("Transpose", graph.reshaped(y, [length, layer.heads, width]), perm=order)

    scores = graph.node("MatMul", split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]))
    scores = graph.node("Mul", scores, graph.numbers(1.0 / math.sqrt(width)))
    if layer.causal:
        later = np.where(np.tri(length, dtype=bool), 0.0, -np.inf)
        scores = graph.node("Add", scores, graph.numbers(later))
    shares = graph.node("Softmax", scores, axis=-1)
    seen = graph.node("MatMul", shares, split("value", [0, 2, 1, 3]))
    joined = graph.reshaped(graph.node("Transpose", seen, perm=[0, 2, 1, 3]), [length, features])
    return _affine(graph, joined, arrays["output_kernel"], arrays["output_bias"])


LAYERS: Mapping[type[layers.Leaf], Write] = {
    layers.Dense: _dense,
    layers.Flatten: _reshape,
    layers.Reshape: _reshape,
    layers.Activation: _activation,
    layers.Dropout: _nothing,
    layers.Conv1d: _convolution,
    layers.Conv2d: _convolution,
    layers.Conv2dTranspose: _transposed,
    layers.MaxPool: _pool("MaxPool"),
    layers.AveragePool: _pool("AveragePool", count_include_pad=0),
    layers.GlobalMaxPool: _global("ReduceMax"),
    layers.GlobalAveragePool: _global("ReduceMean"),
    layers.BatchNorm: _batch_norm,
    layers.LayerNorm: _layer_norm,
    layers.GroupNorm: _group_norm,
    layers.Embedding: _embedding,
    layers.PositionalEmbedding: _positional,
    layers.SimpleRnn: _recurrent,
    layers.Lstm: _recurrent,
    layers.Gru: _recurrent,
    layers.SelfAttention: _self_attention,
    layers.Select: _select,
}
