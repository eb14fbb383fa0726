"""Activation functions as nodes of ONNX: each by its equation in :mod:`runner.forward`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from runner.exports.graph import Graph

Write = Callable[[Graph, str, Mapping[str, Any], Mapping[str, NDArray[Any]]], str]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def activation(
    graph: Graph, x: str, name: str, arguments: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> str:
    """Adds an activation function and returns the name of its values.

    Args:
        graph: what it is added to.
        x: the name of its inputs, channels last.
        name: of the function.
        arguments: as YAML has them.
        arrays: what it has learned, by the last name.
    """
    return ACTIVATIONS[name](graph, x, arguments, arrays)


def _operator(word: str, **settings: str) -> Write:
    """Returns what writes one operator, whose settings are arguments of the function."""

    def write(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
        given: dict[str, Any] = {
            setting: float(arguments[argument]) for setting, argument in settings.items()
        }
        return graph.node(word, x, **given)

    return write


def _relu6(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Clip", x, graph.numbers(0.0), graph.numbers(6.0))


def _softmax(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    axis = int(arguments["axis"])
    return graph.node("Softmax", x, axis=axis if axis < 0 else axis + 1)


def _selu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Selu", x, alpha=_SELU_ALPHA, gamma=_SELU_SCALE)


def _gelu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """f(x) = x (1 + erf(x / sqrt(2))) / 2."""
    erf = graph.node("Erf", graph.node("Mul", x, graph.numbers(math.sqrt(0.5))))
    half = graph.node("Mul", x, graph.numbers(0.5))
    return graph.node("Mul", half, graph.node("Add", erf, graph.numbers(1.0)))


def _silu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _mish(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))


def _log_sigmoid(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Neg", graph.node("Softplus", graph.node("Neg", x)))


def _hard_sigmoid(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    clipped = graph.node(
        "Clip", graph.node("Add", x, graph.numbers(3.0)), graph.numbers(0.0), graph.numbers(6.0)
    )
    return graph.node("Div", clipped, graph.numbers(6.0))


def _hard_tanh(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Clip", x, graph.numbers(arguments["minimum"]), graph.numbers(arguments["maximum"]))


def _hard_silu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("Mul", x, _hard_sigmoid(graph, x, arguments, arrays))


def _identity(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return x


def _glu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """f(a, b) = a sigmoid(b) for the two halves of the last axis."""
    a, b = graph.halves(x)
    return graph.node("Mul", a, graph.node("Sigmoid", b))


def _prelu(graph: Graph, x: str, arguments: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    return graph.node("PRelu", x, graph.numbers(arrays["slope"]))


ACTIVATIONS: Mapping[str, Write] = {
    "relu": _operator("Relu"),
    "relu6": _relu6,
    "sigmoid": _operator("Sigmoid"),
    "tanh": _operator("Tanh"),
    "softmax": _softmax,
    "leaky_relu": _operator("LeakyRelu", alpha="negative_slope"),
    "elu": _operator("Elu", alpha="alpha"),
    "celu": _operator("Celu", alpha="alpha"),
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "log_sigmoid": _log_sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "hard_tanh": _hard_tanh,
    "hard_silu": _hard_silu,
    "identity": _identity,
    "glu": _glu,
    "prelu": _prelu,
}
