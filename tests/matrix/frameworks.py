"""What both frameworks answer: values with gradients, a network's step, an optimizer's steps."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matrix.case import Floats
from runner import component, layers
from runner.backend import Job
from runner.experiment import Clipping
from runner.results import Weights

Steps = list[list[NDArray[Any]]]


def function(backend: str, module: str, name: str) -> Any:
    """Returns a function of a backend: ``("torch", "losses", "mse")``."""
    return getattr(importlib.import_module(f"runner.backends.{backend}.{module}"), name)


def tensor(backend: str, array: NDArray[Any]) -> Any:
    """Returns an array as the framework has it."""
    if backend == "torch":
        import torch

        return torch.tensor(array)
    import tensorflow as tf

    return tf.constant(array)


def pullback(
    backend: str, equation: Callable[[Any], Any], x: NDArray[Any], upstream: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns f(x) and the gradient of sum(upstream f(x)), by the framework's own differentiation."""
    if backend == "torch":
        import torch

        point = torch.tensor(x, requires_grad=True)
        value = equation(point)
        value.backward(torch.tensor(upstream))
        assert point.grad is not None
        return value.detach().numpy(), point.grad.numpy()
    import tensorflow as tf

    constant = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(constant)
        answer = equation(constant)
    return answer.numpy(), tape.gradient(answer, constant, tf.constant(upstream)).numpy()


@contextmanager
def keras_precision(dtype: str, policy: str) -> Iterator[None]:
    """Sets the precision of Keras' arrays and layers, which is one for the whole process, and puts it back."""
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def network_step(
    backend: str,
    tree: layers.Sequence,
    weights: Weights,
    x: NDArray[Any],
    upstream: NDArray[Any],
    *,
    training: bool,
    step: int = 0,
    mixed: bool = False,
) -> dict[str, NDArray[Any]]:
    """Returns outputs, gradients, and untrained arrays afterwards: ``outputs``, ``inputs'``, ``dense0/kernel'``, ...

    What is not a number to reckon with has no gradient. ``mixed`` multiplies in bfloat16.
    """
    if backend == "torch":
        import torch

        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return _torch_step(tree, weights, x, upstream, training, step)
    with keras_precision(str(x.dtype), "mixed_bfloat16" if mixed else str(x.dtype)):
        return _keras_step(tree, weights, x, upstream, training, step)


def _torch_step(
    tree: layers.Sequence, weights: Weights, x: Floats, upstream: Floats, training: bool, step: int
) -> dict[str, NDArray[Any]]:
    import torch

    from runner.backends.torch.layers import Network

    network = Network(tree=tree, input_shape=x.shape[1:], seed=0)
    network.to(torch.from_numpy(x).dtype).train(training).load(weights)
    network.begin_step(step)
    point = torch.tensor(x, requires_grad=True)
    outputs = network(point)
    gradients: Weights = {}
    if outputs.requires_grad:
        outputs.backward(torch.tensor(upstream))
        gradients = network.gradients()
    slope = None if point.grad is None else point.grad.numpy()
    return _told(outputs.detach().numpy(), slope, gradients, network.weights())


def _keras_step(
    tree: layers.Sequence, weights: Weights, x: Floats, upstream: Floats, training: bool, step: int
) -> dict[str, NDArray[Any]]:
    import tensorflow as tf

    from runner.backends.keras.layers import Network, network

    model = network(Network, tree=tree, input_shape=x.shape[1:], seed=0)
    model.load_by_name(weights)
    model.step.assign(step)
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        outputs = model(point, training=training)
    trained = [variable.value for variable in model.trainable_variables]
    slope, gradients = tape.gradient(outputs, (point, trained), tf.constant(upstream))
    return _told(
        outputs.numpy(),
        None if slope is None else slope.numpy(),
        model.gradients_by_name([tf.convert_to_tensor(each).numpy() for each in gradients]),
        model.weights_by_name(),
    )


def _told(
    outputs: NDArray[Any], slope: NDArray[Any] | None, gradients: Weights, weights: Weights
) -> dict[str, NDArray[Any]]:
    found = {"outputs": outputs} | ({} if slope is None else {"inputs'": slope})
    found |= {f"{name}'": gradient for name, gradient in gradients.items()}
    return found | {name: array for name, array in weights.items() if name not in gradients}


def optimizer_steps(
    backend: str,
    optimizer: Any,
    clipping: Clipping,
    weights: dict[str, NDArray[Any]],
    gradients: Sequence[list[NDArray[Any]]],
    rates: Floats,
) -> Steps:
    """Returns the weights after every step.

    Args:
        backend: torch or keras.
        optimizer: what the function of that backend returned.
        clipping: of the gradients.
        weights: the first ones, by canonical name.
        gradients: one array for each weight, at every step.
        rates: the learning rate of every step.
    """
    steps = {"torch": _torch_steps, "keras": _keras_steps}[backend]
    return steps(optimizer, clipping, weights, gradients, rates)


def _torch_steps(
    optimizer: Any,
    clipping: Clipping,
    weights: dict[str, NDArray[Any]],
    gradients: Sequence[list[NDArray[Any]]],
    rates: Floats,
) -> Steps:
    import torch

    from runner.backends.torch.updates import clip

    parameters = [torch.nn.Parameter(torch.tensor(weight)) for weight in weights.values()]
    built = optimizer(zip(weights, parameters, strict=True))
    seen = []
    for rate, slopes in zip(rates, gradients, strict=True):
        for group in built.param_groups:
            group["lr"] = float(rate)
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = torch.tensor(slope)
        clip(parameters, clipping)
        built.step()
        seen.append([parameter.detach().numpy().copy() for parameter in parameters])
    return seen


def _keras_steps(
    optimizer: Any,
    clipping: Clipping,
    weights: dict[str, NDArray[Any]],
    gradients: Sequence[list[NDArray[Any]]],
    rates: Floats,
) -> Steps:
    import keras
    import tensorflow as tf

    variables = [keras.Variable(weight, dtype=str(weight.dtype)) for weight in weights.values()]
    built = optimizer(rates, clipping)
    built.build(variables)
    built.know_places({name: place for place, name in enumerate(weights)})

    @tf.function
    def apply(slopes: list[Any]) -> None:
        built.apply(slopes, variables)

    seen = []
    for slopes in gradients:
        apply([tf.constant(slope) for slope in slopes])
        seen.append([variable.numpy().copy() for variable in variables])
    return seen


def learning_rates(backend: str, job: Job, factors: Floats) -> Floats:
    """Returns how far a gradient of 1 moves a weight of 0 at every update of a job, by plain descent.

    Args:
        backend: torch or keras.
        job: its learning rates, and its number of updates in an epoch.
        factors: what the rates of each epoch are multiplied by besides.
    """
    rates = {"torch": _torch_rates, "keras": _keras_rates}[backend]
    return np.array(rates(job, np.repeat(factors, job.plan.updates_per_epoch)))


def _torch_rates(job: Job, factors: Floats) -> list[float]:
    import torch

    from runner.backends.torch.layers import Network
    from runner.backends.torch.updates import Updates

    network = Network(tree=job.tree, input_shape=job.input_shape, seed=0).double()
    updates, seen = Updates(network, job), []
    for step, factor in enumerate(factors):
        updates.rate_factor = float(factor)
        for parameter in network.parameters():
            parameter.data.zero_()
            parameter.grad = torch.ones_like(parameter)
        updates.take(step)
        seen.append(-next(network.parameters()).flatten()[0].item())
    return seen


def _keras_rates(job: Job, factors: Floats) -> list[float]:
    import keras
    import tensorflow as tf

    variable = keras.Variable(np.zeros(1), dtype="float64")
    experiment = job.experiment
    factory = component.build(experiment.optimizer)
    optimizer = factory(job.plan.learning_rates, experiment.training.clipping)
    optimizer.build([variable])
    optimizer.know_places({"dense0/kernel": 0})

    @tf.function
    def move() -> None:
        variable.assign(np.zeros(1))
        optimizer.apply([tf.constant(np.ones(1))], [variable])

    seen = []
    for factor in factors:
        optimizer.scale_learning_rates(float(factor))
        move()
        seen.append(-float(variable.numpy()[0]))
    return seen
