"""Small networks with their equation: what both frameworks and plain NumPy make of them, gradients included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matrix.case import Arrays, Case, Floats, exact
from matrix.frameworks import network_step
from runner import layers
from runner.results import Weights

Equation = Callable[[Floats, Weights], Floats]

ROWS = 4
STEP = 3


class Setting(NamedTuple):
    """A network whose output is laid flat, since images have another order inside torch.

    Args:
        member: the layer or block that it is about.
        tree: with canonical names.
        shape: of an example.
        training: whether it is in training.
        equation: (inputs, arrays by canonical name) -> outputs.
        after: the same -> the untrained arrays afterwards; None where they stay.
    """

    member: str
    tree: layers.Sequence
    shape: layers.Shape
    training: bool
    equation: Equation
    after: Callable[[Floats, Weights], Weights] | None = None


def flat(*parts: layers.Layer) -> layers.Sequence:
    """Returns layers one after the other, named, and their output as one row."""
    return layers.named(layers.Sequence((*parts, layers.Flatten())))


def own(weights: Weights) -> Weights:
    """Returns the arrays of the only layer by their last name."""
    return {name.rpartition("/")[2]: array for name, array in weights.items()}


def alone(layer: layers.Leaf, shape: layers.Shape, equation: Equation, *, training: bool = False) -> Setting:
    """Returns the setting of one layer, whose equation takes its arrays by their last name."""
    return Setting(layers.word(layer), flat(layer), shape, training, lambda x, w: equation(x, own(w)))


def weights_of(tree: layers.Sequence, shape: layers.Shape) -> Weights:
    """Returns arrays that float32 holds exactly; those that are variances above 0."""
    draws = np.random.default_rng(1)
    return {
        name: exact(draws.uniform(0.5 if "variance" in name else -1.0, 1.5, parameter.shape))
        for name, parameter in layers.parameters(tree, shape).items()
    }


def inputs_of(tree: layers.Sequence, shape: layers.Shape) -> Floats:
    """Returns examples that float32 holds exactly: tokens, some of them twice, where the first layer wants them."""
    draws, first = np.random.default_rng(0), tree.layers[0]
    if isinstance(first, layers.Embedding):
        return draws.integers(0, first.vocabulary, (ROWS, *shape)).astype(np.float64)
    return exact(draws.normal(size=(ROWS, *shape)))


def slopes(function: Callable[[NDArray[np.complex128]], Floats], x: Floats, upstream: Floats) -> Floats:
    """Returns the gradient of sum(upstream f(x)) by a complex step, which subtracts nothing and so loses nothing.

    Source: Squire and Trapp, Using complex variables to estimate derivatives of real functions, 1998.
    """
    gradient, length = np.zeros_like(x), 1e-30
    for index in np.ndindex(x.shape):
        point = x.astype(np.complex128)
        point[index] += 1j * length
        gradient[index] = np.sum(upstream * np.imag(function(point)).reshape(upstream.shape)) / length
    return gradient


def case(words: str, setting: Setting) -> Case:
    """Returns the case of a setting."""

    def run(backend: str, dtype: str) -> Arrays:
        tree = _of_backend(setting.tree, backend)
        weights = weights_of(tree, setting.shape)
        x, upstream = inputs_of(tree, setting.shape).astype(dtype), _upstream(setting).astype(dtype)
        return network_step(backend, tree, weights, x, upstream, training=setting.training, step=STEP)

    return Case("layer", setting.member, words, run, cache(lambda: _truth(setting)), by_element=False)


def _upstream(setting: Setting) -> Floats:
    width = setting.tree.output_shape(setting.shape)
    return exact(np.random.default_rng(3).normal(size=(ROWS, *width)))


def _truth(setting: Setting) -> Arrays:
    tree, shape, equation = setting.tree, setting.shape, setting.equation
    x, weights, upstream = inputs_of(tree, shape), weights_of(tree, shape), _upstream(setting)
    known = layers.parameters(tree, shape)
    trained = {name: array for name, array in weights.items() if known[name].trainable}
    others = {name: array for name, array in weights.items() if name not in trained}
    found = {"outputs": equation(x, weights).reshape(upstream.shape)}
    if not isinstance(tree.layers[0], layers.Embedding):
        found["inputs'"] = slopes(lambda point: equation(point, weights), x, upstream)
    for name, array in trained.items():
        found[f"{name}'"] = slopes(
            lambda each, name=name: equation(x, weights | {name: each}), array, upstream
        )
    return found | (others if setting.after is None else setting.after(x, weights))


def _of_backend(tree: layers.Sequence, backend: str) -> layers.Sequence:
    """Returns the tree with the functions of a backend."""

    def of_backend(layer: layers.Layer) -> layers.Layer:
        if not isinstance(layer, layers.Activation):
            return layer
        target = f"runner.backends.{backend}.activations.{layer.function.name}"
        return replace(layer, function=replace(layer.function, target=target))

    return layers.Sequence(tuple(of_backend(layer) for layer in tree.layers))
