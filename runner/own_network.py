"""What both backends ask of a network that somebody wrote for one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from runner import component, weights
from runner.backend import Job
from runner.component import TARGET
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Experiment
from runner.layers import NativeNetwork, Shape, describe, is_native
from runner.signatures import signature
from runner.suggestions import listed

# How many differences of a file are told, and how many rows are tried.
_SHOWN, _ROWS = 3, 2
# What a network of one framework is derived from, and of either.
_BASES: Mapping[str, frozenset[str]] = {
    "torch": frozenset({"LightningModule", "Module"}),
    "keras": frozenset({"Functional", "Model"}),
}
_EITHER = frozenset({"Sequential"})
_ARCHITECTURE = "runner.architectures.native"


def maker(architecture: Component) -> Component | None:
    """Returns what makes a network of a framework's own, found in source text; None where layers make the network."""
    if architecture.target == _ARCHITECTURE:
        module = architecture.arguments.get("module")
        return module if isinstance(module, Component) else None
    bases = set(signature(architecture.target).bases)
    return architecture if bases & frozenset().union(_EITHER, *_BASES.values()) else None


def faults(experiment: Experiment) -> list[Fault]:
    """Returns what is wrong with a network of a framework's own, as far as its source text tells."""
    made_by, backend = maker(experiment.architecture), experiment.backend.name
    if made_by is None:
        return []
    found = []
    bases = set(signature(made_by.target).bases)
    for framework, kinds in _BASES.items():
        if bases & kinds and framework != backend:
            rule = f"must be a network of the framework of backend={backend}"
            remedy = f"Take backend={framework}."
            found.append(Fault(f"{made_by.key}.{TARGET}", rule, made_by.target, remedy=remedy))
    chosen = experiment.optimizer.arguments.get("decay_on")
    if chosen == "kernels":
        rule = "must be all, because the kernels of a network of a framework's own are not told from its other arrays"
        found.append(Fault(f"{experiment.optimizer.key}.decay_on", rule, chosen))
    return found


def build(layer: NativeNetwork, input_shape: Shape, kind: type[Any], words: str) -> Any:
    """Returns the network as its function or class makes it.

    Args:
        layer: the record.
        input_shape: of one example, in the framework's order of axes.
        kind: the framework's class.
        words: the class in words: ``torch.nn.Module with backend=torch``.

    Raises:
        ConfigurationError: it is no such network.
    """
    made = component.build(layer.module, input_shape=input_shape, outputs=layer.outputs, tokens=layer.tokens)
    if isinstance(made, kind):
        return made
    rule = f"must make a {words}"
    raise ConfigurationError([Fault(f"{layer.module.key}.{TARGET}", rule, type(made).__name__)])


def require_logits(layer: NativeNetwork, input_shape: Shape, answer: Callable[[Shape], Any]) -> None:
    """Tries a network on two examples.

    Args:
        layer: the record.
        input_shape: of one example, in the framework's order of axes.
        answer: returns what the network makes of zeros of a shape.

    Raises:
        ConfigurationError: it cannot take them, or returns something else than its logits.
    """
    expected = (_ROWS, layer.outputs)
    try:
        found = answer((_ROWS, *input_shape))
    except Exception as error:
        # Somebody's own code may raise anything.
        told = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        rule = f"must take a batch of shape {describe((_ROWS, *input_shape))}"
        raise ConfigurationError([Fault(layer.module.key, rule, told)]) from error
    shape = tuple(getattr(found, "shape", ()))
    if shape != expected:
        rule = f"must return logits of shape rows x {layer.outputs}, as data and loss ask for"
        received = f"{describe(shape)} of {_ROWS} rows" if shape else type(found).__name__
        remedy = "It may take the argument outputs, which is that number."
        raise ConfigurationError([Fault(layer.module.key, rule, received, remedy=remedy)])


def require_arrays(job: Job, there: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Compares what a training starts from with the arrays of a network that is built.

    Raises:
        ConfigurationError: they are others.
    """
    if not is_native(job.tree) or job.experiment.training.start_from is None:
        return
    shapes = ({name: array.shape for name, array in arrays.items()} for arrays in (job.weights, there))
    found = weights.differences(*shapes)
    if found:
        rule = f"has other arrays than the network: {listed(found, _SHOWN)}"
        raise ConfigurationError([Fault("training.start_from", rule, job.experiment.training.start_from)])
