"""Networks that learn to give back their own inputs, and the data set that this makes of any other."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np

from runner import component, own_network
from runner.data import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.layers import Reconstruction


def learned(source: Source, architecture: Component, activation: Component) -> Source:
    """Returns the data set that a network learns: the source, or the same with its inputs as targets, (rows, width).

    Args:
        source: the chosen data set.
        architecture: what makes the body of the network.
        activation: of its hidden layers.

    Raises:
        ShapeError: where a layer cannot take what the layer before gives.
        ConfigurationError: where the component's arguments do not fit, or tokens or categories were to be given back.
    """
    if own_network.maker(architecture) is not None:
        return source
    width = math.prod(source.input_shape)
    body = component.build(
        architecture,
        input_shape=source.input_shape,
        tokens=source.tokens,
        activation=activation,
        outputs=width,
    )
    if not isinstance(body, Reconstruction):
        return source
    if source.tokens is not None:
        rule = f"{architecture.name} gives back numbers, and data={source.name} has tokens"
        raise ConfigurationError([Fault(architecture.key, rule, remedy="Take other data.")])
    if source.embedded:
        rule = f"{architecture.name} gives back numbers, and data={source.name} has categories that are looked up"
        raise ConfigurationError([Fault(architecture.key, rule, remedy="Take the categories as one_hot.")])
    return replace(
        source,
        task="regression",
        classes=(),
        read=partial(_read, source),
        target_width=width,
        reconstructs=True,
    )


def _read(source: Source) -> Arrays:
    inputs, _, *weights = source.read()
    targets = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    return (inputs, targets, weights[0]) if weights else (inputs, targets)
