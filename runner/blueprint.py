"""An experiment's data source and network, known before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from runner import chosen_data, component, own_network, reconstruction
from runner.architectures import native
from runner.component import TARGET
from runner.data import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment, Output
from runner.layers import Dense, Flatten, Reconstruction, Sequence, Shape, is_native, looked_up, named


@dataclass(frozen=True)
class Blueprint:
    """What will be trained on what.

    Args:
        source: the data set, not yet read; with its inputs as targets where the network gives them back.
        tree: the whole network, named, with its output layer.
        input_shape: shape of one example.
        outputs: width of the output layer.
    """

    source: Source
    tree: Sequence
    input_shape: Shape
    outputs: int

    @property
    def written(self) -> Sequence:
        """The layers that the architecture gave, and the output layer: without the tables of categories before them."""
        is_widened = self.source.embedded and not is_native(self.tree)
        return Sequence(self.tree.layers[1:]) if is_widened else self.tree


def blueprint(experiment: Experiment) -> Blueprint:
    """Returns the blueprint of an experiment.

    Raises:
        ShapeError: where a layer cannot take what the layer before gives.
        ConfigurationError: where a component's arguments do not fit.
    """
    source = reconstruction.learned(
        chosen_data.of(experiment), experiment.architecture, experiment.activation
    )
    outputs = output_width(experiment.output, source)
    tables = _tables(source)
    shape = tables.output_shape(source.input_shape)
    body = _body(experiment, source, shape, outputs)
    if not is_native(body):
        body = Sequence((*tables.layers, *_with_output_layer(body, shape, outputs).layers))
    return Blueprint(source, named(body), source.input_shape, outputs)


def _tables(source: Source) -> Sequence:
    """Returns what looks the categories of the inputs up, as the first layers of the network; none where there are none."""
    if not source.embedded:
        return Sequence(())
    numbers = source.input_shape[0] - len(source.embedded)
    return Sequence((looked_up(numbers, [(each.categories, each.width) for each in source.embedded]),))


def _body(experiment: Experiment, source: Source, input_shape: Shape, outputs: int) -> Sequence:
    architecture = experiment.architecture
    module = own_network.maker(architecture)
    if module is not None:
        # Not made here: that would import the framework.
        return native(module=module, outputs=outputs, tokens=source.tokens)
    body = component.build(
        architecture,
        input_shape=input_shape,
        tokens=source.tokens,
        activation=experiment.activation,
        outputs=outputs,
    )
    if isinstance(body, Reconstruction):
        return body.body
    if not isinstance(body, Sequence):
        rule = (
            "must return a runner.layers.Sequence, or be a class derived from torch.nn.Module or keras.Model"
        )
        remedy = "Where a function makes your network, name runner.architectures.native, and the function by module."
        raise ConfigurationError([Fault(f"architecture.{TARGET}", rule, type(body).__name__, remedy=remedy)])
    return body


def output_width(output: Output, source: Source) -> int:
    """Returns the units of the output layer: one for each class, one for a probability, or one for each value."""
    if output == "softmax":
        return len(source.classes)
    return 1 if output == "sigmoid" else source.target_width


def _with_output_layer(body: Sequence, input_shape: Shape, outputs: int) -> Sequence:
    flatten = (Flatten(),) if len(body.output_shape(input_shape)) > 1 else ()
    return Sequence((*body.layers, *flatten, Dense(units=outputs)))
