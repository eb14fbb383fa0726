"""An experiment's data source and network, known before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from runner import component
from runner.data import Source
from runner.experiment import Experiment, Output
from runner.layers import Dense, Flatten, Sequence, Shape, named


@dataclass(frozen=True)
class Blueprint:
    """What will be trained on what.

    Args:
        source: the data set, not yet read.
        tree: the whole network, named, with its output layer.
        input_shape: shape of one example.
        outputs: width of the output layer.
    """

    source: Source
    tree: Sequence
    input_shape: Shape
    outputs: int


def blueprint(experiment: Experiment) -> Blueprint:
    """Returns the blueprint of an experiment.

    Raises:
        ShapeError: where a layer cannot take what the layer before gives.
        ConfigurationError: where a component's arguments do not fit.
    """
    source = component.build(experiment.data, seed=experiment.seed)
    body = component.build(
        experiment.architecture,
        input_shape=source.input_shape,
        tokens=source.tokens,
        activation=experiment.activation,
    )
    outputs = output_width(experiment.output, source)
    tree = named(_with_output_layer(body, source.input_shape, outputs))
    return Blueprint(source, tree, source.input_shape, outputs)


def output_width(output: Output, source: Source) -> int:
    """Returns the units of the output layer: one for each class, or one for a probability or a value."""
    return len(source.classes) if output == "softmax" else 1


def _with_output_layer(body: Sequence, input_shape: Shape, outputs: int) -> Sequence:
    flatten = (Flatten(),) if len(body.output_shape(input_shape)) > 1 else ()
    return Sequence((*body.layers, *flatten, Dense(units=outputs)))
