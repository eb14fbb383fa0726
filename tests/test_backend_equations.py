"""Every activation, loss and optimizer of both backends against the oracle."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from oracle import activations as oracle_activations
from oracle import losses as oracle_losses
from oracle import optimizers as oracle_optimizers
from support import one_tensorflow_thread

from runner.experiment import Clipping


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


Floats = NDArray[np.floating[Any]]
Cases = list[tuple[str, dict[str, Any]]]

CONF = Path(__file__).parents[1] / "conf"
BACKENDS = ["torch", "keras"]
# Relative and absolute: rounding is relative, except after a subtraction of numbers near 1.
TOLERANCES = {"float64": (1e-12, 1e-13), "float32": (1e-5, 1e-6)}
NO_CLIPPING = Clipping(global_norm=None, value=None)

both = pytest.mark.parametrize("backend", BACKENDS)
precisions = pytest.mark.parametrize("dtype", TOLERANCES)


def shipped(group: str, *left_out: str) -> Cases:
    """The components of a group with the arguments of their YAML."""
    cases = []
    for path in sorted((CONF / group).glob("*.yaml")):
        node = yaml.safe_load(path.read_text())
        if "_target_" in node:
            name = node.pop("_target_").rpartition(".")[2]
            cases.append((name, {key: value for key, value in node.items() if key not in left_out}))
    return cases


def component(backend: str, module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"runner.backends.{backend}.{module}"), name)


def pullback(
    backend: str, function: Callable[[Any], Any], x: Floats, upstream: Floats
) -> tuple[Floats, Floats]:
    """Returns f(x) and the gradient of sum(upstream f(x)), by the framework's own differentiation."""
    if backend == "torch":
        import torch

        point = torch.tensor(x, requires_grad=True)
        value = function(point)
        value.backward(torch.tensor(upstream))
        assert point.grad is not None
        return value.detach().numpy(), point.grad.numpy()
    import tensorflow as tf

    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return value.numpy(), tape.gradient(value, point, tf.constant(upstream)).numpy()


def tensor(backend: str, array: NDArray[Any]) -> Any:
    if backend == "torch":
        import torch

        return torch.tensor(array)
    import tensorflow as tf

    return tf.constant(array)


def assert_close(actual: Any, expected: Any, dtype: str) -> None:
    relative, absolute = TOLERANCES[dtype]
    assert np.asarray(actual).dtype == dtype
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=absolute)


# Activations

# Their layer halves a width or holds slopes: they are tested with the layers.
LAYERS_OWN = {"glu", "prelu"}
ACTIVATIONS = [case for case in shipped("activation") if case[0] not in LAYERS_OWN]
MODERATE = np.concatenate([np.linspace(-8, 8, 161), [1e-3, -1e-3]])
LARGE = np.array([-1000.0, -200.0, -60.0, -20.5, 20.5, 60.0, 200.0, 1000.0])


def test_every_activation_has_an_equation() -> None:
    assert len(ACTIVATIONS) == 19
    for backend in BACKENDS:
        module = importlib.import_module(f"runner.backends.{backend}.activations")
        own = inspect.getmembers(module, inspect.isfunction)
        names = {name for name, function in own if function.__module__ == module.__name__ and name[0] != "_"}
        assert names == {name for name, _ in ACTIVATIONS} | LAYERS_OWN


@both
@precisions
@pytest.mark.parametrize("points", [MODERATE, LARGE], ids=["moderate", "large"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *ACTIVATIONS,
        ("leaky_relu", {"negative_slope": 0.3}),
        ("elu", {"alpha": 1.7}),
        ("celu", {"alpha": 1.7}),
        ("hard_tanh", {"minimum": -0.5, "maximum": 2.25}),
    ],
)
def test_activation(backend: str, dtype: str, points: Floats, name: str, arguments: dict[str, float]) -> None:
    x = points.astype(dtype)
    upstream = np.random.default_rng(0).normal(size=x.shape).astype(dtype)
    function = component(backend, "activations", name)(**arguments)
    value, gradient = pullback(backend, function, x, upstream)
    expected, derivative = getattr(oracle_activations, name)(x.astype(np.float64), **arguments)
    assert_close(value, expected, dtype)
    along = upstream @ derivative if name == "softmax" else upstream * derivative
    assert_close(gradient, along, dtype)


@both
@precisions
@pytest.mark.parametrize(
    ("name", "arguments", "kinks", "slopes"),
    [
        ("relu", {}, [0.0], [0.0]),
        ("relu6", {}, [0.0, 6.0], [0.0, 0.0]),
        ("leaky_relu", {"negative_slope": 0.25}, [0.0], [0.25]),
        ("elu", {"alpha": 1.5}, [0.0], [1.5]),
        ("celu", {"alpha": 1.5}, [0.0], [1.0]),
        ("selu", {}, [0.0], [1.6732632423543773 * 1.0507009873554805]),
        ("softsign", {}, [0.0], [1.0]),
        ("hard_tanh", {"minimum": -1.0, "maximum": 2.0}, [-1.0, 2.0], [0.0, 0.0]),
        ("hard_sigmoid", {}, [-3.0, 3.0], [0.0, 0.0]),
        ("hard_silu", {}, [-3.0, 3.0], [0.0, 1.0]),
    ],
)
def test_the_slope_at_a_kink_is_torchs(
    backend: str, dtype: str, name: str, arguments: dict[str, float], kinks: list[float], slopes: list[float]
) -> None:
    x = np.array(kinks, dtype)
    _, gradient = pullback(backend, component(backend, "activations", name)(**arguments), x, np.ones_like(x))
    assert_close(gradient, slopes, dtype)
    _, derivative = getattr(oracle_activations, name)(x.astype(np.float64), **arguments)
    np.testing.assert_allclose(derivative, slopes, rtol=1e-15)


@both
@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_softmax_counts_the_axes_of_an_example(backend: str, axis: int) -> None:
    draws = np.random.default_rng(0)
    x, upstream = draws.normal(size=(5, 2, 3, 4)), draws.normal(size=(5, 2, 3, 4))
    function = component(backend, "activations", "softmax")(axis=axis)
    value, gradient = pullback(backend, function, x, upstream)
    along = axis % 3 + 1
    # The axis turned to the end and back.
    turned, received = np.moveaxis(x, along, -1), np.moveaxis(upstream, along, -1)
    expected, jacobian = oracle_activations.softmax(turned)
    assert_close(value, np.moveaxis(expected, -1, along), "float64")
    pulled = np.einsum("...i,...ij->...j", received, jacobian)
    assert_close(gradient, np.moveaxis(pulled, -1, along), "float64")


# Losses

LOSSES: Cases = [
    *shipped("loss", "output"),
    ("cross_entropy", {"label_smoothing": 0.1, "class_weights": None}),
    ("cross_entropy", {"label_smoothing": 0.0, "class_weights": [0.5, 1.0, 2.0, 4.0]}),
    ("cross_entropy", {"label_smoothing": 0.3, "class_weights": [3.0, 1.0, 2.0, 0.1]}),
    ("binary_cross_entropy", {"label_smoothing": 0.2, "positive_weight": 3.0}),
    ("kl_divergence", {"label_smoothing": 0.3}),
    ("huber", {"delta": 0.4}),
]
COLUMNS = {"cross_entropy": 4, "kl_divergence": 4, "cosine": 4, "binary_cross_entropy": 1, "hinge": 1}


def test_every_loss_has_an_equation() -> None:
    assert len(LOSSES) == 10 + 6
    for name, _ in LOSSES:
        assert hasattr(oracle_losses, name)


@both
@precisions
@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("size", [1.0, 300.0])
@pytest.mark.parametrize(("name", "arguments"), LOSSES)
def test_loss(backend: str, dtype: str, rows: int, size: float, name: str, arguments: dict[str, Any]) -> None:
    draws = np.random.default_rng(rows)
    columns = COLUMNS.get(name, 2)
    logits = (size * draws.normal(size=(rows, columns))).astype(dtype)
    if name == "poisson" and size > 1:
        # Logarithms of counts: a large one is e^5, not e^300.
        logits = np.asarray(5 * np.tanh(logits), dtype)
    if name in COLUMNS:
        targets: Any = draws.integers(0, max(columns, 2), rows)
    else:
        targets = draws.normal(size=(rows, columns)).astype(dtype)
        logits[0, 0] = targets[0, 0]
    loss = component(backend, "losses", name)(**arguments)
    one = np.ones((), dtype)
    value, gradient = pullback(backend, lambda z: loss(z, tensor(backend, targets)), logits, one)
    exact = targets if name in COLUMNS else targets.astype(np.float64)
    expected, slope = getattr(oracle_losses, name)(logits.astype(np.float64), exact, **arguments)
    assert value.shape == ()
    assert_close(value, expected, dtype)
    assert_close(gradient, slope, dtype)


@both
@precisions
@pytest.mark.parametrize("size", [1.0, 300.0])
def test_cosine_of_vectors(backend: str, dtype: str, size: float) -> None:
    draws = np.random.default_rng(0)
    outputs, targets = ((size * draws.normal(size=(6, 3))).astype(dtype) for _ in range(2))
    # A vector without a direction stands at a right angle to every other and pulls nowhere.
    outputs[1] = targets[2] = 0
    loss = component(backend, "losses", "cosine")()
    one = np.ones((), dtype)
    value, gradient = pullback(backend, lambda z: loss(z, tensor(backend, targets)), outputs, one)
    expected, slope = oracle_losses.cosine(outputs.astype(np.float64), targets.astype(np.float64))
    assert_close(value, expected, dtype)
    assert_close(gradient, slope, dtype)


# Optimizers

DECAYS = ("l2", "decoupled_weight_decay")
OPTIMIZERS: Cases = [
    *shipped("optimizer"),
    *(
        (name, {**arguments, "l2": 0.03, "decoupled_weight_decay": 0.2, "decay_on": "kernels"})
        for name, arguments in shipped("optimizer")
    ),
    ("sgd", {"momentum": 0.9, "nesterov": False, "l2": 0.03, "decoupled_weight_decay": 0.2}),
    ("sgd", {"momentum": 0.9, "nesterov": False}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"momentum": 0.0, "nesterov": True}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.01}),
    ("amsgrad", {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01}),
    ("nadam", {"beta1": 0.8, "beta2": 0.9, "momentum_decay": 0.5, "epsilon": 0.01}),
    ("adamax", {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.7, "momentum": 0.8, "centered": False, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.7, "momentum": 0.0, "centered": True, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.9, "momentum": 0.8, "centered": True, "epsilon": 0.01}),
    ("adadelta", {"decay": 0.6, "epsilon": 0.01}),
    ("lion", {"beta1": 0.6, "beta2": 0.7}),
    ("adagrad", {"initial_accumulator": 0.3, "epsilon": 0.01}),
]
CLIPPINGS = [
    NO_CLIPPING,
    Clipping(global_norm=1.0, value=None),
    Clipping(global_norm=None, value=0.5),
]
NAMES = ("dense0/kernel", "dense0/bias")
# The rate changes, so that a momentum buffer that holds it would show.
RATES = np.array([0.1, 0.1, 0.05, 0.2, 0.01] * 10)


def gradients_of(weights: list[NDArray[Any]], step: int) -> list[NDArray[Any]]:
    """Gradients of every size, and some elements that are always zero."""
    draws = np.random.default_rng(step)
    gradients = [draws.normal(size=weight.shape) * 10.0 ** draws.integers(-3, 1) for weight in weights]
    gradients[0][0] = 0
    return gradients


def steps_of_torch(
    name: str, arguments: dict[str, Any], clipping: Clipping, weights: list[NDArray[Any]], steps: int
) -> list[list[NDArray[Any]]]:
    import torch

    from runner.backends.torch.updates import clip

    parameters = [torch.nn.Parameter(torch.tensor(weight)) for weight in weights]
    optimizer = component("torch", "optimizers", name)(**arguments)(zip(NAMES, parameters, strict=True))
    seen = []
    for step, rate in enumerate(RATES[:steps]):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        for parameter, gradient in zip(parameters, gradients_of(weights, step), strict=True):
            parameter.grad = torch.tensor(gradient.astype(weights[0].dtype))
        clip(parameters, clipping)
        optimizer.step()
        seen.append([parameter.detach().numpy().copy() for parameter in parameters])
    return seen


def steps_of_keras(
    name: str, arguments: dict[str, Any], clipping: Clipping, weights: list[NDArray[Any]], steps: int
) -> list[list[NDArray[Any]]]:
    import keras
    import tensorflow as tf

    variables = [keras.Variable(weight, dtype=str(weight.dtype)) for weight in weights]
    optimizer = component("keras", "optimizers", name)(**arguments)(RATES, clipping)
    optimizer.build(variables)
    optimizer.know_places({name: place for place, name in enumerate(NAMES)})
    apply = tf.function(lambda gradients: optimizer.apply(gradients, variables))
    seen = []
    for step in range(steps):
        apply([tf.constant(g.astype(weights[0].dtype)) for g in gradients_of(weights, step)])
        seen.append([variable.numpy().copy() for variable in variables])
    return seen


def test_every_optimizer_has_an_equation() -> None:
    assert len(OPTIMIZERS) == 10 + 10 + 14
    for name, _ in OPTIMIZERS:
        assert hasattr(oracle_optimizers, name)


@both
@precisions
@pytest.mark.parametrize("clipping", CLIPPINGS, ids=["free", "norm", "value"])
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS)
def test_optimizer(
    backend: str, dtype: str, clipping: Clipping, name: str, arguments: dict[str, Any]
) -> None:
    draws = np.random.default_rng(0)
    weights = [draws.normal(size=shape).astype(dtype) for shape in ((3, 2), (2,))]
    given = {"learning_rate": 0.1, "l2": 0.0, "decoupled_weight_decay": 0.0, "decay_on": "all"} | arguments
    steps = len(RATES) if clipping == NO_CLIPPING else 7
    seen = {"torch": steps_of_torch, "keras": steps_of_keras}[backend](name, given, clipping, weights, steps)
    inner = {key: value for key, value in given.items() if key not in (*DECAYS, "decay_on", "learning_rate")}
    oracle = oracle_optimizers.Optimizer(
        getattr(oracle_optimizers, name)(**inner),
        **{key: given[key] for key in DECAYS},
        clip_global_norm=clipping.global_norm,
        clip_value=clipping.value,
        decayed=frozenset({0}) if given["decay_on"] == "kernels" else None,
    )
    expected = [weight.astype(np.float64) for weight in weights]
    assert len(seen) == steps
    for step, (rate, actual) in enumerate(zip(RATES, seen, strict=False)):
        rounded = [g.astype(dtype).astype(np.float64) for g in gradients_of(weights, step)]
        expected = oracle.step(expected, rounded, float(rate))
        for ours, theirs in zip(actual, expected, strict=True):
            assert_close(ours, theirs, dtype)
