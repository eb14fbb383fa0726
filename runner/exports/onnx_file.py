"""A trained network as one ONNX file, from and to the units of the data; carried out by ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.exports import onnx_layers
from runner.exports.graph import Graph
from runner.network_reading import StoredNetwork

# The newest operators that are needed are those of 2022; runtimes of since then carry them out.
_OPERATORS, _FORM = 18, 9
INPUTS, ROWS = "inputs", "rows"


def write(network: StoredNetwork, path: Path) -> None:
    """Writes the network: float64 in and out, any number of rows, float32 inside.

    Args:
        network: read from its files.
        path: where to.
    """
    from onnx import TensorProto, helper

    graph = Graph()
    standardised = graph.node("Sub", INPUTS, graph.constant(network.input_mean))
    standardised = graph.node("Div", standardised, graph.constant(network.input_scale))
    x = graph.node("Cast", standardised, to=TensorProto.FLOAT)
    tree = network.tree("runner.backends.none")
    x = onnx_layers.sequence(graph, x, tree, network.input_shape, network.weights)
    name = _answered(graph, graph.node("Cast", x, to=TensorProto.DOUBLE), network)
    (width,) = tree.output_shape(network.input_shape)
    inputs = helper.make_tensor_value_info(INPUTS, TensorProto.DOUBLE, [ROWS, *network.input_shape])
    outputs = helper.make_tensor_value_info(name, TensorProto.DOUBLE, [ROWS, width])
    made = helper.make_graph(graph.nodes, "network", [inputs], [outputs], graph.constants)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", _OPERATORS)],
        ir_version=_FORM,
        producer_name="runner",
    )
    helper.set_model_props(model, {"classes": json.dumps(network.classes)})
    path.write_bytes(model.SerializeToString())


def carried_out(path: Path) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Returns what gives the answers of the network in a file, by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def answer(inputs: NDArray[Any]) -> NDArray[np.float64]:
        (found,) = session.run(None, {INPUTS: np.asarray(inputs, np.float64)})
        return np.asarray(found, np.float64)

    return answer


def _answered(graph: Graph, logits: str, network: StoredNetwork) -> str:
    """Returns the name of probabilities, or of values in the units of the data."""
    match network.output:
        case "softmax":
            return graph.node("Softmax", logits, axis=-1)
        case "sigmoid":
            return graph.node("Sigmoid", logits)
        case "exponential":
            return graph.node("Exp", logits)
        case "identity":
            scaled = graph.node("Mul", logits, graph.constant(network.target_scale))
            return graph.node("Add", scaled, graph.constant(network.target_mean))
