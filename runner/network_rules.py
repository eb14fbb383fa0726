"""What a network cannot take, layer by layer, and what is odd about it but not wrong."""

from __future__ import annotations

from collections.abc import Iterable

from runner import network_file, own_network, semantics
from runner.blueprint import Blueprint, blueprint
from runner.data import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment
from runner.layers import (
    Activation,
    BatchNorm,
    Embedding,
    NativeNetwork,
    ShapeError,
    entrances,
    is_native,
    neighbours,
    rows,
)


def draw(experiment: Experiment, source: Source) -> tuple[Blueprint | None, list[Fault]]:
    """Returns the network of an experiment, or None where it cannot be drawn, and what is wrong with it."""
    try:
        drawing = blueprint(experiment)
    except ShapeError as error:
        return None, [_fault(experiment, source, error)]
    except ConfigurationError as error:
        return None, list(error.faults)
    wrong = (_fault(experiment, source, error) for error in _token_errors(drawing))
    return drawing, [*wrong, *_function_faults(drawing), *own_network.faults(experiment)]


def warnings(experiment: Experiment, drawing: Blueprint) -> list[str]:
    """Returns what rarely should be done."""
    return [
        *_native(experiment, drawing),
        *_softmax_inside(drawing),
        *_idle_biases(experiment, drawing),
        *_no_model(experiment, drawing),
    ]


def _place(experiment: Experiment, path: str) -> tuple[str, str]:
    """Returns the key of a layer, and what it is called beside it where the layers are not written out."""
    architecture = experiment.architecture
    if "layers" in architecture.arguments:
        return f"architecture.layers{path}", ""
    return "architecture", f"layers{path} of {architecture.name} "


def _fault(experiment: Experiment, source: Source, error: ShapeError) -> Fault:
    key, layer = _place(experiment, error.path)
    received = f"{error.received} on data={source.name}" if layer else error.received
    return Fault(key, f"{layer}{error.rule}", received, remedy=error.remedy)


def _token_errors(drawing: Blueprint) -> Iterable[ShapeError]:
    source = drawing.source
    first = dict(entrances(drawing.written))
    for path, leaf in first.items():
        if source.tokens is not None and not isinstance(leaf, Embedding | NativeNetwork):
            rule = "must be an embedding, because its input is tokens"
            remedy = "Take architecture=rnn or architecture=transformer."
            yield ShapeError(rule, f"{source.tokens} tokens", remedy, path)
        elif source.tokens is not None and isinstance(leaf, Embedding) and leaf.vocabulary < source.tokens:
            rule = f"must have a vocabulary of at least {source.tokens}, because there are so many tokens"
            yield ShapeError(rule, f"vocabulary {leaf.vocabulary}", path=path)
    for path, leaf, _ in neighbours(drawing.written):
        if isinstance(leaf, Embedding) and (source.tokens is None or path not in first):
            yield ShapeError("must be the first layer of data that are tokens", "numbers", path=path)


def _idle_biases(experiment: Experiment, drawing: Blueprint) -> Iterable[str]:
    for path, leaf, following in neighbours(drawing.written):
        if isinstance(following, BatchNorm) and getattr(leaf, "bias", False):
            key, layer = _place(experiment, path)
            yield (
                f"{key}: {layer}has a bias directly before a batch_norm, whose gradient is zero but for rounding,"
                " which Adam turns into steps; write bias: false."
            )


def _function_faults(drawing: Blueprint) -> list[Fault]:
    """Returns what our activation functions cannot do with their arguments or with what reaches them, each once."""
    found: dict[Fault, None] = {}
    for row in rows(drawing.tree, drawing.input_shape):
        function = row.layer.function if isinstance(row.layer, Activation) else None
        if function is None or not function.is_of_backend:
            continue
        axis, axes = function.arguments.get("axis", 0), len(row.input_shape)
        if function.name == "softmax" and not -axes <= axis < axes:
            there = f"{axes} {'axis' if axes == 1 else 'axes'}"
            rule = f"must be from {-axes} to {axes - 1}, because an example has {there} there"
            found[Fault(f"{function.key}.axis", rule, str(axis))] = None
        if function.name == "hard_tanh" and function.arguments["minimum"] >= function.arguments["maximum"]:
            rule = f"must be below {function.key}.maximum, which is {function.arguments['maximum']:g}"
            found[Fault(f"{function.key}.minimum", rule, f"{function.arguments['minimum']:g}")] = None
    return list(found)


def _native(experiment: Experiment, drawing: Blueprint) -> list[str]:
    if not is_native(drawing.tree):
        return []
    embedded = len(drawing.source.embedded)
    return [
        *(
            [
                f"architecture: a network of one framework's own receives the {embedded} embedded categories as their"
                " numbers, in the last columns; tables for them are its own affair."
            ]
            if embedded
            else []
        ),
        "architecture: a network of one framework's own has no parity with the other; its first values are its own, so"
        " initializer and activation do not reach it.",
    ]


def _softmax_inside(drawing: Blueprint) -> list[str]:
    leaves = (row.layer for row in rows(drawing.tree, drawing.input_shape))
    names = {leaf.function.name for leaf in leaves if isinstance(leaf, Activation)}
    if "softmax" not in names:
        return []
    return [
        "activation: softmax inside a network makes the units of a layer compete, so it learns slowly;"
        " the output layer needs none, its probabilities follow from the loss."
    ]


def _no_model(experiment: Experiment, drawing: Blueprint) -> Iterable[str]:
    tracking = experiment.tracking
    if not tracking.enabled or tracking.model != "numpy":
        return
    for function in network_file.unknown_functions(drawing.tree, drawing.input_shape):
        yield (
            f"{function.key}: MLflow will have no model, because plain NumPy does not know {function.target};"
            " tracking.model=native keeps one."
        )
    if semantics.moves_arrays(experiment, drawing.tree, drawing.input_shape):
        yield (
            "backend.semantics: MLflow will have no model, because plain NumPy does not know PyTorch's own padding and"
            " order of a flattened image; tracking.model=native keeps one."
        )
