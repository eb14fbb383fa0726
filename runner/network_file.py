"""A trained network as ``network.json``: its layers, its output, and what standardises its inputs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import layers
from runner.data import Splits
from runner.experiment import Component, Output
from runner.forward import ACTIVATIONS
from runner.layers import Sequence, Shape

NETWORK = "network.json"


@dataclass(frozen=True)
class Network:
    """Everything that a prediction needs besides the weights.

    Args:
        tree: the named layer tree with its output layer.
        input_shape: shape of one example.
        output: what makes probabilities or values of the last layer's numbers.
        classes: the names of the classes; empty for a regression.
        splits: the rows, for their units and for one example.
    """

    tree: Sequence
    input_shape: Shape
    output: Output
    classes: tuple[str, ...]
    splits: Splits


def unknown_functions(tree: Sequence, input_shape: Shape) -> list[Component]:
    """Returns the functions and networks that plain NumPy does not know, each once: those that a user wrote."""
    leaves = [row.layer for row in layers.rows(tree, input_shape)]
    functions = [leaf.function for leaf in leaves if isinstance(leaf, layers.Activation)]
    functions += [leaf.module for leaf in leaves if isinstance(leaf, layers.NativeNetwork)]
    return list({each.target: each for each in functions if not _is_known(each)}.values())


def save(network: Network, path: Path) -> None:
    """Writes ``network.json``; a function of :func:`unknown_functions` stands there by its whole target."""
    splits = network.splits
    example = splits.in_units(splits.train.part(slice(1)))
    content = {
        "format": 1,
        "input_shape": network.input_shape,
        "output": network.output,
        "classes": network.classes,
        "input_mean": splits.input_mean.tolist(),
        "input_scale": splits.input_scale.tolist(),
        "target_mean": splits.target_mean.tolist(),
        "target_scale": splits.target_scale.tolist(),
        "example": _rounded(example).tolist(),
        "layers": _sequence(network.tree, network.input_shape),
    }
    path.write_text(json.dumps(content, default=_node) + "\n", encoding="utf-8")


def _is_known(function: Component) -> bool:
    return function.is_of_backend and function.name in ACTIVATIONS


def _node(component: Component) -> dict[str, Any]:
    """Returns a component among a function's arguments as YAML states it."""
    return {"_target_": component.target, **component.arguments}


def _rounded(example: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns an example without the last digits that standardising and its reverse have left."""
    numbers = [float(f"{number:.12g}") for number in example.ravel()]
    return np.reshape(numbers, example.shape)


def _sequence(tree: Sequence, shape: Shape) -> list[dict[str, Any]]:
    written = []
    for layer in tree.layers:
        written.append(_layer(layer, shape))
        shape = layer.output_shape(shape)
    return written


def _layer(layer: layers.Layer, shape: Shape) -> dict[str, Any]:
    match layer:
        case Sequence():
            return {"sequence": _sequence(layer, shape)}
        case layers.Residual():
            body = _sequence(layer.body, shape)
            if layer.shortcut is None:
                return {"residual": body}
            return {"residual": {"body": body, "shortcut": _sequence(layer.shortcut, shape)}}
        case layers.Concatenate():
            return {"concatenate": [_sequence(branch, shape) for branch in layer.parts]}
        case layers.Activation():
            function = layer.function
            name = function.name if _is_known(function) else function.target
            arguments = dict(function.arguments)
            return {"activation": {"name": layer.name, "function": name, "arguments": arguments}}
        case layers.Window():
            pads = [layer.pads(side) for side in shape[:-1]]
            return {layers.word(layer): {**dataclasses.asdict(layer), "pads": pads}}
        case layers.Conv2dTranspose():
            sides = layer.output_shape(shape)[:-1]
            return {layers.word(layer): {**dataclasses.asdict(layer), "sides": sides, "cut": layer.cut}}
        case layers.Leaf():
            return {layers.word(layer): dataclasses.asdict(layer)}
