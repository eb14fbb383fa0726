"""Every layer of both backends against the oracle: outputs, gradients of inputs and arrays, and running values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import layers as oracle
from oracle import sequences
from support import one_tensorflow_thread

from runner import layers
from runner.experiment import Component
from runner.results import Weights


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


Floats = NDArray[np.float64]
Equation = Callable[[Floats, Weights], Floats]

ROWS = 4
ROW, SEQUENCE, IMAGE = (5,), (5, 4), (6, 5, 3)
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


class Run(NamedTuple):
    """What came of one step: outputs, gradients, and all arrays after it."""

    outputs: Floats
    input_gradient: Floats | None
    gradients: dict[str, Floats]
    weights: Weights


def tree_of(layer: layers.Leaf) -> layers.Sequence:
    """The layer alone, its output laid flat, since images have another order inside torch."""
    return layers.named(layers.Sequence((layer, layers.Flatten())))


def of_backend(layer: layers.Leaf, backend: str) -> layers.Leaf:
    """The layer with the function of a backend, where it has one."""
    if not isinstance(layer, layers.Activation):
        return layer
    target = f"runner.backends.{backend}.activations.{layer.function.name}"
    return replace(layer, function=replace(layer.function, target=target))


def weights_of(tree: layers.Sequence, shape: layers.Shape) -> Weights:
    """Arrays that float32 holds exactly; those that are variances above 0."""
    draws = np.random.default_rng(1)
    return {
        name: exact(draws.uniform(0.5 if "variance" in name else -1.0, 1.5, parameter.shape))
        for name, parameter in layers.parameters(tree, shape).items()
    }


def inputs_of(layer: layers.Leaf, shape: layers.Shape) -> Floats:
    """Examples that float32 holds exactly: tokens, some of them twice, where the layer wants them."""
    draws = np.random.default_rng(0)
    if isinstance(layer, layers.Embedding):
        return draws.integers(0, layer.vocabulary, (ROWS, *shape)).astype(np.float64)
    return exact(draws.normal(size=(ROWS, *shape)))


def exact(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def own(weights: Weights) -> Weights:
    """The arrays of the only layer by their last name."""
    return {name.rpartition("/")[2]: array for name, array in weights.items()}


def run_torch(
    tree: layers.Sequence, weights: Weights, x: NDArray[Any], upstream: NDArray[Any], training: bool
) -> Run:
    import torch

    from runner.backends.torch.layers import Network

    network = Network(tree=tree, input_shape=x.shape[1:], seed=0)
    network.to(torch.from_numpy(x).dtype).train(training).load(weights)
    point = torch.tensor(x, requires_grad=True)
    outputs = network(point)
    gradients: Weights = {}
    if outputs.requires_grad:
        outputs.backward(torch.tensor(upstream))
        gradients = network.gradients()
    gradient = None if point.grad is None else point.grad.numpy()
    return Run(outputs.detach().numpy(), gradient, gradients, network.weights())


def run_keras(
    tree: layers.Sequence, weights: Weights, x: NDArray[Any], upstream: NDArray[Any], training: bool
) -> Run:
    import tensorflow as tf

    from runner.backends.keras.layers import Network, network

    model = network(Network, tree=tree, input_shape=x.shape[1:], seed=0)
    model.load_by_name(weights)
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        outputs = model(point, training=training)
    trained = [variable.value for variable in model.trainable_variables]
    gradient, gradients = tape.gradient(outputs, (point, trained), tf.constant(upstream))
    return Run(
        outputs.numpy(),
        None if gradient is None else gradient.numpy(),
        model.gradients_by_name([tf.convert_to_tensor(each).numpy() for each in gradients]),
        model.weights_by_name(),
    )


RUN = {"torch": run_torch, "keras": run_keras}


def slopes(function: Callable[[Floats], Floats], x: Floats, upstream: Floats) -> Floats:
    """The gradient of sum(upstream f(x)) by central differences."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        change = (function(x + step) - function(x - step)).reshape(len(upstream), -1)
        gradient[index] = (upstream * change).sum() / 2e-5
    return gradient


def assert_near(actual: Floats, expected: Floats, tolerance: float) -> None:
    """Compares relative to the largest number, since a sum rounds by the size of its terms."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1e-3))


def rounding(dtype: str) -> float:
    return 1e-12 if dtype == "float64" else 1e-5


class Case(NamedTuple):
    """A layer, the shape of its examples, whether it is in training, and its equation."""

    layer: layers.Leaf
    shape: layers.Shape
    training: bool
    equation: Equation


def case(layer: layers.Leaf, shape: layers.Shape, equation: Equation) -> Case:
    return Case(layer, shape, False, equation)


def convolution(kind: type[layers.Convolution], size: int, stride: int, padding: str, **more: int) -> Case:
    filters = 2 * more.get("groups", 1)
    options: dict[str, Any] = {"stride": stride, "padding": padding, **more}
    layer = kind(filters=filters, kernel_size=size, **options)
    shape = SEQUENCE if kind is layers.Conv1d else IMAGE
    return case(layer, shape, lambda x, w: oracle.convolution(x, w["kernel"], w["bias"], **options))


def transposed(size: int, stride: int, padding: str) -> Case:
    options: dict[str, Any] = {"stride": stride, "padding": padding}
    layer = layers.Conv2dTranspose(filters=2, kernel_size=size, **options)
    return case(layer, (3, 2, 3), lambda x, w: oracle.conv2d_transpose(x, w["kernel"], w["bias"], **options))


def pool(word: str, shape: layers.Shape, size: int, stride: int, padding: str = "valid") -> Case:
    options: dict[str, Any] = {"size": size, "stride": stride, "padding": padding}
    equation = getattr(oracle, word)
    return case(layers.VOCABULARY[word](**options), shape, lambda x, w: equation(x, **options))


def batch_norm(shape: layers.Shape, training: bool) -> Case:
    def trained(x: Floats, w: Weights) -> Floats:
        return oracle.batch_norm_training(x, **w, momentum=MOMENTUM, epsilon=EPSILON)[0]

    def evaluated(x: Floats, w: Weights) -> Floats:
        return oracle.batch_norm_evaluation(x, **w, epsilon=EPSILON)

    layer = layers.BatchNorm(momentum=MOMENTUM, epsilon=EPSILON)
    return Case(layer, shape, training, trained if training else evaluated)


def layer_norm(shape: layers.Shape) -> Case:
    layer = layers.LayerNorm(epsilon=EPSILON)
    return case(layer, shape, lambda x, w: oracle.layer_norm(x, **w, epsilon=EPSILON))


def group_norm(shape: layers.Shape, groups: int) -> Case:
    layer = layers.GroupNorm(groups=groups, epsilon=EPSILON)
    return case(layer, shape, lambda x, w: oracle.group_norm(x, **w, groups=groups, epsilon=EPSILON))


def recurrent(cell: str, *, bidirectional: bool, returns: str) -> Case:
    options: dict[str, Any] = {"bidirectional": bidirectional, "returns": returns}
    layer = layers.VOCABULARY[cell](units=3, **options)
    return case(layer, SEQUENCE, lambda x, w: sequences.recurrent(x, w, cell=cell, **options))


def attention(*, heads: int, causal: bool) -> Case:
    layer = layers.SelfAttention(heads=heads, causal=causal)
    return case(layer, SEQUENCE, lambda x, w: sequences.self_attention(x, w, heads=heads, causal=causal))


def function(word: str, shape: layers.Shape, equation: Equation, **arguments: Any) -> Case:
    target = f"runner.backends.torch.activations.{word}"
    component = Component(target=target, arguments=arguments, key="activation")
    return case(layers.Activation(function=component), shape, equation)


def prelu(shape: layers.Shape, *, channels: bool) -> Case:
    options = {"channels": channels, "initial_slope": 0.25}
    return function("prelu", shape, lambda x, w: oracle.prelu(x, w["slope"]), **options)


CASES: dict[str, Case] = {
    "dense": case(layers.Dense(units=3), ROW, lambda x, w: oracle.dense(x, w["kernel"], w["bias"])),
    "dense without bias": case(
        layers.Dense(units=3, bias=False), ROW, lambda x, w: oracle.dense(x, w["kernel"], np.zeros(3))
    ),
    "dense of sequences": case(
        layers.Dense(units=3), SEQUENCE, lambda x, w: oracle.dense(x, w["kernel"], w["bias"])
    ),
    # Sides of 6 and 5 have an even and an odd padding.
    "conv2d same": convolution(layers.Conv2d, 3, 1, "same"),
    "conv2d same, stride 2": convolution(layers.Conv2d, 3, 2, "same"),
    "conv2d same, even kernel": convolution(layers.Conv2d, 2, 1, "same"),
    "conv2d same, kernel below the stride": convolution(layers.Conv2d, 1, 2, "same"),
    "conv2d valid": convolution(layers.Conv2d, 3, 1, "valid"),
    "conv2d valid, stride 2": convolution(layers.Conv2d, 2, 2, "valid"),
    "conv2d in groups": convolution(layers.Conv2d, 3, 1, "same", groups=3),
    "conv2d dilated": convolution(layers.Conv2d, 2, 1, "same", dilation=2),
    "conv2d dilated, in groups, with stride": convolution(layers.Conv2d, 2, 2, "valid", dilation=3, groups=3),
    "conv1d same": convolution(layers.Conv1d, 3, 1, "same"),
    "conv1d same, stride 2, even kernel": convolution(layers.Conv1d, 4, 2, "same"),
    "conv1d valid": convolution(layers.Conv1d, 2, 2, "valid"),
    "conv1d dilated, in groups": convolution(layers.Conv1d, 2, 1, "same", dilation=2, groups=2),
    "conv2d_transpose same": transposed(3, 1, "same"),
    "conv2d_transpose same, stride 2": transposed(3, 2, "same"),
    "conv2d_transpose same, even kernel": transposed(4, 2, "same"),
    "conv2d_transpose same, kernel below the stride": transposed(2, 3, "same"),
    "conv2d_transpose valid": transposed(3, 2, "valid"),
    "conv2d_transpose valid, kernel below the stride": transposed(1, 2, "valid"),
    "max pool": pool("max_pool", IMAGE, 2, 2),
    "max pool, overlapping": pool("max_pool", IMAGE, 3, 1),
    "max pool same": pool("max_pool", IMAGE, 2, 2, "same"),
    "max pool same, overlapping": pool("max_pool", IMAGE, 3, 2, "same"),
    "max pool of sequences": pool("max_pool", SEQUENCE, 2, 2),
    "max pool same of sequences": pool("max_pool", SEQUENCE, 2, 2, "same"),
    "average pool": pool("average_pool", IMAGE, 2, 2),
    "average pool, overlapping": pool("average_pool", IMAGE, 3, 2),
    "average pool same": pool("average_pool", IMAGE, 2, 2, "same"),
    "average pool same, overlapping": pool("average_pool", IMAGE, 3, 1, "same"),
    "average pool of sequences": pool("average_pool", SEQUENCE, 3, 2),
    "average pool same of sequences": pool("average_pool", SEQUENCE, 3, 2, "same"),
    "global max pool of images": case(layers.GlobalMaxPool(), IMAGE, lambda x, w: x.max(axis=(1, 2))),
    "global max pool of sequences": case(layers.GlobalMaxPool(), SEQUENCE, lambda x, w: x.max(axis=1)),
    "global average pool of images": case(
        layers.GlobalAveragePool(), IMAGE, lambda x, w: x.mean(axis=(1, 2))
    ),
    "global average pool of sequences": case(
        layers.GlobalAveragePool(), SEQUENCE, lambda x, w: x.mean(axis=1)
    ),
    "flatten": case(layers.Flatten(), IMAGE, lambda x, w: x.reshape(len(x), -1)),
    "reshape images to sequences": case(
        layers.Reshape(shape=[6, 15]), IMAGE, lambda x, w: x.reshape(len(x), -1)
    ),
    "reshape sequences to images": case(
        layers.Reshape(shape=[2, 5, 2]), SEQUENCE, lambda x, w: x.reshape(len(x), -1)
    ),
    "reshape images": case(layers.Reshape(shape=[3, 6, 5]), IMAGE, lambda x, w: x.reshape(len(x), -1)),
    "batch norm of rows, training": batch_norm(ROW, True),
    "batch norm of rows, evaluation": batch_norm(ROW, False),
    "batch norm of sequences, training": batch_norm(SEQUENCE, True),
    "batch norm of sequences, evaluation": batch_norm(SEQUENCE, False),
    "batch norm of images, training": batch_norm(IMAGE, True),
    "batch norm of images, evaluation": batch_norm(IMAGE, False),
    "layer norm of rows": layer_norm(ROW),
    "layer norm of sequences": layer_norm(SEQUENCE),
    "layer norm of images": layer_norm(IMAGE),
    "group norm of rows": group_norm((6,), 2),
    "group norm of sequences": group_norm(SEQUENCE, 2),
    "group norm of images": group_norm((4, 3, 6), 3),
    "group norm of images, one group": group_norm(IMAGE, 1),
    "embedding": case(
        layers.Embedding(vocabulary=4, features=3), ROW, lambda x, w: sequences.embedding(x, w["table"])
    ),
    "positional embedding": case(layers.PositionalEmbedding(), SEQUENCE, lambda x, w: x + w["table"]),
    **{
        f"{cell}, {'bidirectional' if bidirectional else 'forward'}, {returns}": recurrent(
            cell, bidirectional=bidirectional, returns=returns
        )
        for cell in sequences.CELLS
        for bidirectional in (False, True)
        for returns in ("last", "all")
    },
    "self attention": attention(heads=1, causal=False),
    "self attention, causal": attention(heads=2, causal=True),
    "self attention, as many heads as channels": attention(heads=4, causal=False),
    "glu of rows": function("glu", (6,), lambda x, w: oracle.glu(x)),
    "glu of sequences": function("glu", SEQUENCE, lambda x, w: oracle.glu(x)),
    "glu of images": function("glu", (3, 2, 4), lambda x, w: oracle.glu(x)),
    "prelu of rows": prelu(ROW, channels=False),
    "prelu of rows, by channel": prelu(ROW, channels=True),
    "prelu of sequences, by channel": prelu(SEQUENCE, channels=True),
    "prelu of images": prelu(IMAGE, channels=False),
    "prelu of images, by channel": prelu(IMAGE, channels=True),
}


def test_every_layer_with_numbers_of_its_own_is_here() -> None:
    met = {type(each.layer) for each in CASES.values()}
    # Dropout is a mask, tested with its counter; other activations with the equations.
    assert met == {*layers.VOCABULARY.values()} - {layers.Dropout}


@cache
def truth(name: str) -> tuple[Floats, Floats, dict[str, Floats]]:
    """Returns the outputs of a case, and the gradients of sum(upstream outputs) by differences."""
    layer, shape, _, equation = CASES[name]
    x, weights = inputs_of(layer, shape), own(weights_of(tree_of(layer), shape))
    upstream = upstream_of(layer, shape)
    gradients = {
        word: slopes(lambda each, word=word: equation(x, weights | {word: each}), array, upstream)
        for word, array in weights.items()
        if layer.parameters(shape)[word].trainable
    }
    has_slope = not isinstance(layer, layers.Embedding)
    slope = slopes(lambda point: equation(point, weights), x, upstream) if has_slope else x
    return equation(x, weights).reshape(ROWS, -1), slope, gradients


def upstream_of(layer: layers.Leaf, shape: layers.Shape) -> Floats:
    return exact(np.random.default_rng(3).normal(size=(ROWS, *tree_of(layer).output_shape(shape))))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_layer(backend: str, name: str, dtype: str) -> None:
    layer, shape, training, _ = CASES[name]
    tree = tree_of(of_backend(layer, backend))
    x, upstream = inputs_of(layer, shape).astype(dtype), upstream_of(layer, shape).astype(dtype)
    found = RUN[backend](tree, weights_of(tree, shape), x, upstream, training)

    outputs, input_gradient, gradients = truth(name)
    assert found.outputs.dtype == dtype
    assert_near(found.outputs, outputs, rounding(dtype))
    # Differences are no better than 1e-9 themselves.
    tolerance = max(rounding(dtype), 1e-8)
    if isinstance(layer, layers.Embedding):
        assert found.input_gradient is None
    else:
        assert found.input_gradient is not None
        assert_near(found.input_gradient, input_gradient, tolerance)
    assert own(found.gradients).keys() == gradients.keys()
    for word, gradient in own(found.gradients).items():
        assert_near(gradient, gradients[word], tolerance)


@pytest.mark.parametrize("name", CASES)
def test_both_backends_have_the_same_gradients(name: str) -> None:
    """To rounding: differences tell less."""
    layer, shape, training, _ = CASES[name]
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    runs = []
    for backend in BACKENDS:
        tree = tree_of(of_backend(layer, backend))
        x, upstream = inputs_of(layer, shape), upstream_of(layer, shape)
        runs.append(RUN[backend](tree, weights_of(tree, shape), x, upstream, training))
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])
    assert runs[0].gradients.keys() == runs[1].gradients.keys()
    for word, gradient in runs[0].gradients.items():
        assert_near(gradient, runs[1].gradients[word], 1e-13)
    if runs[0].input_gradient is not None:
        assert runs[1].input_gradient is not None
        assert_near(runs[0].input_gradient, runs[1].input_gradient, 1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [ROW, SEQUENCE, IMAGE], ids=["rows", "sequences", "images"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_running_values(
    backend: str, shape: layers.Shape, training: bool, dtype: str
) -> None:
    tree = tree_of(layers.BatchNorm(momentum=MOMENTUM, epsilon=EPSILON))
    x = (3 * np.random.default_rng(2).normal(size=(ROWS, *shape)) + 1).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, shape).items()}
    upstream = np.ones((ROWS, *tree.output_shape(shape)), dtype)
    after = RUN[backend](tree, weights, x, upstream, training).weights
    words = own(weights)
    expected = [words["running_mean"], words["running_variance"]]
    if training:
        exact = x.astype(np.float64)
        _, *expected = oracle.batch_norm_training(exact, **words, momentum=MOMENTUM, epsilon=EPSILON)
    for word, value in zip(("running_mean", "running_variance"), expected, strict=True):
        assert_near(after[f"batch_norm0/{word}"], value, rounding(dtype))


@pytest.mark.parametrize("backend", BACKENDS)
def test_residual_and_concatenate(backend: str, dtype: str) -> None:
    tree = layers.named(
        layers.Sequence(
            (
                layers.Residual(layers.Sequence((layers.Dense(units=5),))),
                layers.Concatenate(
                    (layers.Sequence((layers.Dense(units=2),)), layers.Sequence((layers.Dense(units=3),)))
                ),
            )
        )
    )
    draws = np.random.default_rng(0)
    x = draws.normal(size=(ROWS, *ROW)).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, ROW).items()}
    outputs = RUN[backend](tree, weights, x, np.ones((ROWS, 5), dtype), False).outputs
    hidden, left, right = [(weights[f"dense{i}/kernel"], weights[f"dense{i}/bias"]) for i in range(3)]
    middle = x + oracle.dense(x.astype(np.float64), *hidden)
    expected = np.concatenate([oracle.dense(middle, *left), oracle.dense(middle, *right)], axis=1)
    assert_near(outputs, expected, rounding(dtype))


@pytest.mark.parametrize("backend", BACKENDS)
def test_images_of_several_channels_join_and_add_by_channel(backend: str, dtype: str) -> None:
    def filters(count: int) -> layers.Sequence:
        return layers.Sequence((layers.Conv2d(filters=count, kernel_size=3, stride=1, padding="same"),))

    tree = layers.named(
        layers.Sequence(
            (
                layers.Residual(filters(IMAGE[2])),
                layers.Concatenate((filters(2), filters(1))),
                layers.Flatten(),
            )
        )
    )
    x = np.random.default_rng(0).normal(size=(ROWS, *IMAGE)).astype(dtype)
    weights = {key: value.astype(dtype).astype(float) for key, value in weights_of(tree, IMAGE).items()}
    upstream = np.ones((ROWS, *tree.output_shape(IMAGE)), dtype)
    outputs = RUN[backend](tree, weights, x, upstream, False).outputs

    def convolved(image: Floats, number: int) -> Floats:
        kernel, bias = (weights[f"conv2d{number}/{word}"] for word in ("kernel", "bias"))
        return oracle.convolution(image, kernel, bias, stride=1, padding="same")

    middle = x + convolved(x.astype(np.float64), 0)
    expected = np.concatenate([convolved(middle, 1), convolved(middle, 2)], axis=-1)
    assert_near(outputs, expected.reshape(ROWS, -1), rounding(dtype))


@pytest.mark.parametrize("backend", BACKENDS)
def test_mixed_precision_looks_up_the_very_token(backend: str) -> None:
    """Rounded to bfloat16, 257 would be 256."""
    tree = tree_of(layers.Embedding(vocabulary=300, features=1))
    weights = {"embedding0/table": (np.arange(300.0) % 2)[:, None]}
    x = np.array([[255.0, 256.0, 257.0, 258.0]], dtype=np.float32)
    if backend == "torch":
        import torch

        with torch.autocast("cpu", torch.bfloat16):
            outputs = run_torch(tree, weights, x, np.ones((1, 4), np.float32), False).outputs
    else:
        import keras

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        outputs = run_keras(tree, weights, x, np.ones((1, 4), np.float32), False).outputs
        keras.config.set_dtype_policy(before)
    assert outputs.astype(np.float32).tolist() == [[1.0, 0.0, 1.0, 0.0]]


def test_a_shortcut_takes_the_place_of_the_input(dtype: str) -> None:
    body, shortcut = (layers.Sequence((layers.Dense(units=2),)) for _ in range(2))
    tree = layers.named(layers.Sequence((layers.Residual(body, shortcut),)))
    weights, x = weights_of(tree, ROW), inputs_of(layers.Dense(units=2), ROW)
    expected = sum(oracle.dense(x, weights[f"dense{i}/kernel"], weights[f"dense{i}/bias"]) for i in range(2))
    for backend in BACKENDS:
        run = RUN[backend](tree, weights, x.astype(dtype), np.ones((ROWS, 2), dtype), False)
        assert_near(run.outputs, np.asarray(expected), rounding(dtype))
