"""Every layer of both backends against the oracle: outputs, input gradients and running values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import layers as oracle
from support import one_tensorflow_thread

from runner import layers
from runner.results import Weights


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


Floats = NDArray[np.float64]

ROWS = 4
ROW, IMAGE = (5,), (6, 5, 3)
MOMENTUM, EPSILON = 0.3, 0.01
BACKENDS = ["torch", "keras"]


@pytest.fixture(params=["float64", "float32"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    """The precision; Keras' layers take it from a setting of the whole process, which is put back."""
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def tree_of(layer: layers.Leaf) -> layers.Sequence:
    """The layer alone, its output laid flat, since images have another order inside torch."""
    return layers.named(layers.Sequence((layer, layers.Flatten())))


def weights_of(tree: layers.Sequence, shape: layers.Shape) -> Weights:
    draws = np.random.default_rng(1)
    # Above 0, so that they can be variances too.
    return {
        name: draws.uniform(0.5, 1.5, parameter.shape)
        for name, parameter in layers.parameters(tree, shape).items()
    }


def run_torch(
    tree: layers.Sequence, weights: Weights, x: NDArray[Any], upstream: NDArray[Any], training: bool
) -> tuple[Floats, Floats, Weights]:
    import torch

    from runner.backends.torch.layers import Network

    network = Network(tree=tree, input_shape=x.shape[1:], seed=0)
    network.to(torch.from_numpy(x).dtype).train(training).load(weights)
    point = torch.tensor(x, requires_grad=True)
    outputs = network(point)
    outputs.backward(torch.tensor(upstream))
    assert point.grad is not None
    return outputs.detach().numpy(), point.grad.numpy(), network.weights()


def run_keras(
    tree: layers.Sequence, weights: Weights, x: NDArray[Any], upstream: NDArray[Any], training: bool
) -> tuple[Floats, Floats, Weights]:
    import tensorflow as tf

    from runner.backends.keras.layers import Network, network

    model = network(Network, tree=tree, input_shape=x.shape[1:], seed=0)
    model.load_by_name(weights)
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        outputs = model(point, training=training)
    gradient = tape.gradient(outputs, point, tf.constant(upstream))
    return outputs.numpy(), gradient.numpy(), model.weights_by_name()


RUN = {"torch": run_torch, "keras": run_keras}


def slopes(function: Callable[[Floats], Floats], x: Floats, upstream: Floats) -> Floats:
    """The gradient of sum(upstream f(x)) by central differences."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        change = (function(x + step) - function(x - step)).reshape(len(x), -1)
        gradient[index] = (upstream * change).sum() / 2e-5
    return gradient


def assert_near(actual: Floats, expected: Floats, tolerance: float) -> None:
    """Compares relative to the largest number, since a sum rounds by the size of its terms."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def rounding(dtype: str) -> float:
    return 1e-12 if dtype == "float64" else 1e-5


def convolution(size: int, stride: int, padding: str) -> tuple[Any, ...]:
    layer = layers.Convolution(filters=2, kernel_size=size, stride=stride, padding=padding)  # type: ignore[arg-type]
    options: dict[str, Any] = {"stride": stride, "padding": padding}
    return layer, IMAGE, False, lambda x, w: oracle.convolution(x, w["kernel"], w["bias"], **options)


def batch_norm(shape: layers.Shape, training: bool) -> tuple[Any, ...]:
    def trained(x: Floats, w: Weights) -> Floats:
        return oracle.batch_norm_training(x, **w, momentum=MOMENTUM, epsilon=EPSILON)[0]

    def evaluated(x: Floats, w: Weights) -> Floats:
        return oracle.batch_norm_evaluation(x, **w, epsilon=EPSILON)

    layer = layers.BatchNorm(momentum=MOMENTUM, epsilon=EPSILON)
    return layer, shape, training, trained if training else evaluated


def layer_norm(shape: layers.Shape) -> tuple[Any, ...]:
    layer = layers.LayerNorm(epsilon=EPSILON)
    return layer, shape, False, lambda x, w: oracle.layer_norm(x, **w, epsilon=EPSILON)


CASES: dict[str, tuple[Any, ...]] = {
    "dense": (layers.Dense(units=3), ROW, False, lambda x, w: oracle.dense(x, w["kernel"], w["bias"])),
    "dense without bias": (
        layers.Dense(units=3, bias=False),
        ROW,
        False,
        lambda x, w: oracle.dense(x, w["kernel"], np.zeros(3)),
    ),
    # Sides of 6 and 5 have an even and an odd padding.
    "convolution same": convolution(3, 1, "same"),
    "convolution same, stride 2": convolution(3, 2, "same"),
    "convolution same, even kernel": convolution(2, 1, "same"),
    "convolution same, kernel below the stride": convolution(1, 2, "same"),
    "convolution valid": convolution(3, 1, "valid"),
    "convolution valid, stride 2": convolution(2, 2, "valid"),
    "max pool": (
        layers.MaxPool(size=2, stride=2),
        IMAGE,
        False,
        lambda x, w: oracle.max_pool(x, size=2, stride=2),
    ),
    "max pool, overlapping": (
        layers.MaxPool(size=3, stride=1),
        IMAGE,
        False,
        lambda x, w: oracle.max_pool(x, size=3, stride=1),
    ),
    "average pool": (
        layers.AveragePool(size=2, stride=2),
        IMAGE,
        False,
        lambda x, w: oracle.average_pool(x, size=2, stride=2),
    ),
    "average pool, overlapping": (
        layers.AveragePool(size=3, stride=2),
        IMAGE,
        False,
        lambda x, w: oracle.average_pool(x, size=3, stride=2),
    ),
    "flatten": (layers.Flatten(), IMAGE, False, lambda x, w: x.reshape(len(x), -1)),
    "batch norm of rows, training": batch_norm(ROW, True),
    "batch norm of rows, evaluation": batch_norm(ROW, False),
    "batch norm of images, training": batch_norm(IMAGE, True),
    "batch norm of images, evaluation": batch_norm(IMAGE, False),
    "layer norm of rows": layer_norm(ROW),
    "layer norm of images": layer_norm(IMAGE),
}


def test_every_layer_with_numbers_of_its_own_is_here() -> None:
    met = {type(case[0]) for case in CASES.values()}
    # An activation is a function, tested with the equations; dropout is a mask, tested with its counter.
    assert met == {*layers.VOCABULARY.values()} - {layers.Activation, layers.Dropout}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_layer(backend: str, name: str, dtype: str) -> None:
    layer, shape, training, equation = CASES[name]
    tree = tree_of(layer)
    draws = np.random.default_rng(0)
    x = draws.normal(size=(ROWS, *shape)).astype(dtype)
    upstream = draws.normal(size=(ROWS, *tree.output_shape(shape))).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, shape).items()}
    outputs, gradient, _ = RUN[backend](tree, weights, x, upstream, training)

    own = {key.rpartition("/")[2]: value for key, value in weights.items()}
    exact = x.astype(np.float64)
    assert outputs.dtype == dtype
    assert_near(outputs, equation(exact, own).reshape(ROWS, -1), rounding(dtype))
    # Differences are no better than 1e-9 themselves.
    expected = slopes(lambda point: equation(point, own), exact, upstream)
    assert_near(gradient, expected, max(rounding(dtype), 1e-8))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [ROW, IMAGE], ids=["rows", "images"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_running_values(
    backend: str, shape: layers.Shape, training: bool, dtype: str
) -> None:
    tree = tree_of(layers.BatchNorm(momentum=MOMENTUM, epsilon=EPSILON))
    x = (3 * np.random.default_rng(2).normal(size=(ROWS, *shape)) + 1).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, shape).items()}
    upstream = np.ones((ROWS, *tree.output_shape(shape)), dtype)
    _, _, after = RUN[backend](tree, weights, x, upstream, training)
    own = {key.rpartition("/")[2]: value for key, value in weights.items()}
    expected = [own["running_mean"], own["running_variance"]]
    if training:
        exact = x.astype(np.float64)
        _, *expected = oracle.batch_norm_training(exact, **own, momentum=MOMENTUM, epsilon=EPSILON)
    for word, value in zip(("running_mean", "running_variance"), expected, strict=True):
        assert_near(after[f"batch_norm0/{word}"], value, rounding(dtype))


@pytest.mark.parametrize("backend", BACKENDS)
def test_residual_and_concatenation(backend: str, dtype: str) -> None:
    tree = layers.named(
        layers.Sequence(
            (
                layers.Residual(layers.Sequence((layers.Dense(units=5),))),
                layers.Concatenation(
                    (layers.Sequence((layers.Dense(units=2),)), layers.Sequence((layers.Dense(units=3),)))
                ),
            )
        )
    )
    draws = np.random.default_rng(0)
    x = draws.normal(size=(ROWS, *ROW)).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, ROW).items()}
    outputs, _, _ = RUN[backend](tree, weights, x, np.ones((ROWS, 5), dtype), False)
    hidden, left, right = [(weights[f"dense{i}/kernel"], weights[f"dense{i}/bias"]) for i in range(3)]
    middle = x + oracle.dense(x.astype(np.float64), *hidden)
    expected = np.concatenate([oracle.dense(middle, *left), oracle.dense(middle, *right)], axis=1)
    assert_near(outputs, expected, rounding(dtype))


@pytest.mark.parametrize("backend", BACKENDS)
def test_images_of_several_channels_join_and_add_by_channel(backend: str, dtype: str) -> None:
    def filters(count: int) -> layers.Sequence:
        return layers.Sequence((layers.Convolution(filters=count, kernel_size=3, stride=1, padding="same"),))

    tree = layers.named(
        layers.Sequence(
            (
                layers.Residual(filters(IMAGE[2])),
                layers.Concatenation((filters(2), filters(1))),
                layers.Flatten(),
            )
        )
    )
    x = np.random.default_rng(0).normal(size=(ROWS, *IMAGE)).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, IMAGE).items()}
    upstream = np.ones((ROWS, *tree.output_shape(IMAGE)), dtype)
    outputs, _, _ = RUN[backend](tree, weights, x, upstream, False)

    def convolved(image: Floats, number: int) -> Floats:
        kernel, bias = (weights[f"convolution{number}/{word}"] for word in ("kernel", "bias"))
        return oracle.convolution(image, kernel, bias, stride=1, padding="same")

    middle = x + convolved(x.astype(np.float64), 0)
    expected = np.concatenate([convolved(middle, 1), convolved(middle, 2)], axis=-1)
    assert_near(outputs, expected.reshape(ROWS, -1), rounding(dtype))
