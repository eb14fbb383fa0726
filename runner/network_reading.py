"""A trained network read back from its files, whoever wrote them: layers by their words, arrays by their names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from runner import forward, layers, training_state
from runner import weights as weight_files
from runner.errors import Fault, UsageError
from runner.experiment import Component, Output
from runner.layers import Layer, Shape
from runner.network_file import NETWORK
from runner.results import Weights
from runner.suggestions import listed

_OUTPUTS = ("softmax", "sigmoid", "identity", "exponential")
_ADDED = {"pads", "sides", "cut"}
_SHOWN, _LONGEST_REASON = 3, 200


class Units(Protocol):
    """Between the units of the data and the numbers of a network; see :class:`runner.data.Splits`."""

    @property
    def input_mean(self) -> NDArray[np.float64]: ...

    @property
    def input_scale(self) -> NDArray[np.float64]: ...

    @property
    def target_mean(self) -> NDArray[np.float64]: ...

    @property
    def target_scale(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class StoredNetwork:
    """A trained network as its files describe it; nothing of it was carried out to read them.

    Args:
        described: the content of ``network.json``.
        weights: every array by canonical name.
        precision: in which it was trained: 64, or 32 for everything else.
    """

    described: Mapping[str, Any]
    weights: Weights
    precision: Literal[32, 64]

    @property
    def input_shape(self) -> Shape:
        """The shape of one example."""
        return tuple(self.described["input_shape"])

    @property
    def output(self) -> Output:
        """What makes probabilities or values of the last layer's numbers."""
        return cast(Output, self.described["output"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for a regression."""
        return tuple(self.described["classes"])

    @property
    def input_mean(self) -> NDArray[np.float64]:
        """What is subtracted from an input, of the shape of one example."""
        return np.asarray(self.described["input_mean"], np.float64)

    @property
    def input_scale(self) -> NDArray[np.float64]:
        """What an input is divided by then."""
        return np.asarray(self.described["input_scale"], np.float64)

    @property
    def target_mean(self) -> NDArray[np.float64]:
        """What is added to each value at last, in the units of the data."""
        return np.asarray(self.described["target_mean"], np.float64)

    @property
    def target_scale(self) -> NDArray[np.float64]:
        """What each value is multiplied with before."""
        return np.asarray(self.described["target_scale"], np.float64)

    def tree(self, package: str) -> layers.Sequence:
        """Returns the named layer tree, with the activation functions of a backend's package."""
        return _tree(self.described["layers"], package)

    def answered(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns probabilities, or values in the units of the data, of what the last layer gives."""
        return forward.answered(self.described, logits)


def read(network: Path, weights: Path) -> StoredNetwork:
    """Returns a network from its two files.

    Args:
        network: its ``network.json``.
        weights: its ``weights.safetensors``.

    Raises:
        ConfigurationError: a file is not there or damaged, or they do not belong together.
    """
    described = _described(network)
    try:
        header = training_state.header(weights)
    except (ValueError, OSError) as error:
        raise _refusal(weights, f"is no safetensors file: {error}") from error
    try:
        tree = _tree(described["layers"], "runner.backends.none")
        arrays = layers.parameters(tree, tuple(described["input_shape"]))
    except (layers.ShapeError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _damaged(network, error) from error
    different = weight_files.differences(header.shapes, {name: array.shape for name, array in arrays.items()})
    if different:
        raise _refusal(weights, f"has other arrays than {NETWORK} says: {listed(different, _SHOWN)}")
    return StoredNetwork(described, weight_files.read(weights), 64 if _is_double(weights) else 32)


def _described(path: Path) -> Mapping[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(described, Mapping):
            raise TypeError("it is no mapping")
        _require(described)
        unknown = sorted(_unknown(described["layers"]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error
    if unknown:
        rule = f"has functions of a person's own, which are not carried out from files: {listed(unknown)}"
        raise _refusal(path, rule)
    return cast(Mapping[str, Any], described)


def _require(described: Mapping[str, Any]) -> None:
    """Raises what is wrong with everything but the layers."""
    shape = tuple(described["input_shape"])
    for name in ("input_mean", "input_scale"):
        if np.asarray(described[name], np.float64).shape != shape:
            raise ValueError(f"{name} has another shape than one example")
    for name in ("target_mean", "target_scale"):
        if np.asarray(described[name], np.float64).ndim != 1:
            raise ValueError(f"{name} is no row of numbers")
    if described["output"] not in _OUTPUTS:
        raise ValueError(f"there is no output {described['output']}")
    if not all(isinstance(each, str) for each in described["classes"]):
        raise TypeError("its classes are no texts")


def _unknown(nodes: Any) -> set[str]:
    """Returns the activation functions anywhere in a description that are none of the project's."""
    if isinstance(nodes, Mapping):
        function = nodes.get("function")
        own = {str(function)} if function is not None and function not in forward.ACTIVATIONS else set()
        return own.union(*(_unknown(each) for each in nodes.values()))
    return set().union(*(_unknown(each) for each in nodes)) if isinstance(nodes, list) else set()


def _tree(nodes: Sequence[Any], package: str) -> layers.Sequence:
    return layers.Sequence(tuple(_layer(node, package) for node in nodes))


def _layer(node: Mapping[str, Any], package: str) -> Layer:
    ((word, arguments),) = node.items()
    match word:
        case "sequence":
            return _tree(arguments, package)
        case "residual" if isinstance(arguments, Mapping):
            return layers.Residual(_tree(arguments["body"], package), _tree(arguments["shortcut"], package))
        case "residual":
            return layers.Residual(_tree(arguments, package))
        case "concatenate":
            return layers.Concatenate(tuple(_tree(each, package) for each in arguments))
        case "activation":
            function = Component(
                target=f"{package}.activations.{arguments['function']}",
                arguments=arguments["arguments"],
                key="activation",
            )
            return layers.Activation(name=arguments["name"], function=function)
    # What the file says besides is worked out from the record and the shape.
    return layers.VOCABULARY[word](**{name: each for name, each in arguments.items() if name not in _ADDED})


def _is_double(path: Path) -> bool:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return any(file.get_slice(name).get_dtype() == "F64" for name in file.keys())  # noqa: SIM118  # No mapping.


def _damaged(path: Path, error: Exception) -> UsageError:
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return _refusal(path, f"describes no network: {reason[:_LONGEST_REASON]}")


def _refusal(path: Path, rule: str) -> UsageError:
    return UsageError([Fault(str(path), rule)])
