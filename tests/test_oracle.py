"""The oracle itself, against differences, hand-computed figures and loops: a truth should be doubted once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from matrix import networks
from matrix.activations import KINKS
from matrix.layers import SETTINGS
from oracle import activations, layers, losses, optimizers, sequences

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": activations.identity,
    "relu": activations.relu,
    "relu6": activations.relu6,
    "leaky_relu": partial(activations.leaky_relu, negative_slope=0.2),
    "elu": partial(activations.elu, alpha=1.5),
    "celu": partial(activations.celu, alpha=1.5),
    "selu": activations.selu,
    "sigmoid": activations.sigmoid,
    "hard_sigmoid": activations.hard_sigmoid,
    "hard_tanh": partial(activations.hard_tanh, minimum=-1.5, maximum=0.5),
    "hard_silu": activations.hard_silu,
    "tanh": activations.tanh,
    "softplus": activations.softplus,
    "softsign": activations.softsign,
    "log_sigmoid": activations.log_sigmoid,
    "silu": activations.silu,
    "mish": activations.mish,
    "gelu": activations.gelu,
}


def slopes(function: Callable[[Any], float], point: Any) -> Any:
    """Central differences of a number with respect to every element."""
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[index] = 1e-5
        gradient[index] = (function(point + step) - function(point - step)) / 2e-5
    return gradient


@pytest.mark.parametrize(
    ("name", "at_minus_2", "at_1"),
    [
        ("identity", -2.0, 1.0),
        ("relu", 0.0, 1.0),
        ("relu6", 0.0, 1.0),
        ("leaky_relu", -0.4, 1.0),
        ("elu", 1.5 * (math.exp(-2) - 1), 1.0),
        ("celu", 1.5 * (math.exp(-4 / 3) - 1), 1.0),
        ("selu", -1.5201664685956948, 1.0507009873554805),
        ("sigmoid", 1 / (1 + math.exp(2)), 0.7310585786300049),
        ("hard_sigmoid", 1 / 6, 4 / 6),
        ("hard_tanh", -1.5, 0.5),
        ("hard_silu", -1 / 3, 2 / 3),
        ("tanh", -0.9640275800758169, 0.7615941559557649),
        ("softplus", math.log(1 + math.exp(-2)), math.log(1 + math.e)),
        ("softsign", -2 / 3, 0.5),
        ("log_sigmoid", -math.log(1 + math.exp(2)), -math.log(1 + math.exp(-1))),
        ("silu", -2 / (1 + math.exp(2)), 0.7310585786300049),
        ("mish", -2 * math.tanh(math.log(1 + math.exp(-2))), math.tanh(math.log(1 + math.e))),
        # The normal distribution function: Phi(-2) = 0.02275, Phi(1) = 0.84134.
        ("gelu", -2 * 0.02275013194817921, 0.8413447460685429),
    ],
)
def test_activations_have_their_values(name: str, at_minus_2: float, at_1: float) -> None:
    value, _ = ACTIVATIONS[name](np.array([-2.0, 1.0]))
    np.testing.assert_allclose(value, [at_minus_2, at_1], rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_their_slopes(name: str) -> None:
    # No point is at a kink.
    x = np.linspace(-6.03, 6.02, 80)
    above, below = (ACTIVATIONS[name](x + step)[0] for step in (1e-6, -1e-6))
    np.testing.assert_allclose(ACTIVATIONS[name](x)[1], (above - below) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_survive_large_numbers(name: str) -> None:
    for values in ACTIVATIONS[name](np.array([-1e3, 1e3])):
        assert np.isfinite(values).all()


def test_activations_have_torchs_slopes_at_their_kinks() -> None:
    slopes_there = {
        "relu": [0.0],
        "relu6": [0.0, 0.0],
        "leaky_relu": [0.25],
        "elu": [1.5],
        "celu": [1.0],
        "selu": [1.6732632423543772 * 1.0507009873554805],
        "softsign": [1.0],
        "hard_tanh": [0.0, 0.0],
        "hard_sigmoid": [0.0, 0.0],
        "hard_silu": [0.0, 1.0],
    }
    assert slopes_there.keys() == {name for name, _, _ in KINKS}
    for name, arguments, kinks in KINKS:
        _, derivative = getattr(activations, name)(np.array(kinks), **arguments)
        np.testing.assert_allclose(derivative, slopes_there[name], rtol=1e-15)


def test_softmax_by_hand() -> None:
    value, jacobian = activations.softmax(np.array([[2.0, 1.0, 0.1]]))
    np.testing.assert_allclose(value, [[0.6590011388859679, 0.2424329707047139, 0.0985658904093182]])
    for column in range(3):

        def probability(x: Any, column: int = column) -> float:
            return float(activations.softmax(x)[0][0, column])

        expected = slopes(probability, np.array([[2.0, 1.0, 0.1]]))
        np.testing.assert_allclose(jacobian[0, column], expected[0], atol=1e-9)


def test_losses_by_hand() -> None:
    logits, targets = np.array([[2.0, 1.0, 0.1], [0.5, 2.5, 0.2]]), np.array([0, 1])
    plain, _ = losses.cross_entropy(logits, targets, label_smoothing=0.0, class_weights=None)
    assert plain == pytest.approx(0.3143, abs=5e-5)
    # -ln p_y is the logarithm of the sum of e^(z - z_y).
    rows = [math.log(1 + math.exp(-1) + math.exp(-1.9)), math.log(1 + math.exp(-2) + math.exp(-2.3))]
    weighted, _ = losses.cross_entropy(logits, targets, label_smoothing=0.0, class_weights=[1.0, 3.0, 9.0])
    assert weighted == pytest.approx((rows[0] + 3 * rows[1]) / 4, rel=1e-12)
    # Smoothing by s takes s (z_y - mean z) from the confidence of a row.
    smoothed, _ = losses.cross_entropy(logits, targets, label_smoothing=0.3, class_weights=None)
    confidence = [2.0 - 3.1 / 3, 2.5 - 3.2 / 3]
    assert smoothed == pytest.approx(np.mean(rows) + 0.3 * np.mean(confidence), rel=1e-12)
    # q = 0.9 for class 1: -0.9 ln p - 0.1 ln(1 - p) at p = 3/4, that is z = ln 3.
    binary, _ = losses.binary_cross_entropy(
        np.array([[math.log(3)]]), np.array([1]), label_smoothing=0.2, positive_weight=2.0
    )
    assert binary == pytest.approx(-2 * 0.9 * math.log(0.75) - 0.1 * math.log(0.25))
    # The entropy of q = 0.9, 0.05, 0.05 is what the cross-entropy has more.
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.05)
    divergence, _ = losses.kl_divergence(logits, targets, label_smoothing=0.15)
    cross, _ = losses.cross_entropy(logits, targets, label_smoothing=0.15, class_weights=None)
    assert divergence == pytest.approx(cross - entropy, rel=1e-12)
    # 3 of the length 5, and a right angle.
    assert losses.cosine(np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([0, 0]))[0] == pytest.approx(
        (0.4 + 1) / 2
    )
    # Margins 0.5 (half too little), 2 (enough) and -1 (2 too little).
    margins, sides = np.array([[0.5], [-2.0], [1.0]]), np.array([1, 0, 0])
    assert losses.hinge(margins, sides)[0] == pytest.approx((0.5 + 0 + 2) / 3)
    outputs, values = np.array([[2.5], [3.8], [1.2]]), np.array([[3.0], [4.0], [1.0]])
    assert losses.mse(outputs, values)[0] == pytest.approx(0.11)
    assert losses.mae(outputs, values)[0] == pytest.approx(0.3)
    # Residuals -0.5 (beyond 0.25), -0.2 and 0.2: 0.25 (0.5 - 0.125), 0.02, 0.02.
    assert losses.huber(outputs, values, delta=0.25)[0] == pytest.approx((0.09375 + 0.04) / 3)
    # cosh ln 2 is 5 / 4.
    assert losses.log_cosh(np.array([[math.log(2)]]), np.zeros((1, 1)))[0] == pytest.approx(math.log(1.25))
    # A rate of 2 for a count of 3: 2 - 3 ln 2.
    assert losses.poisson(np.array([[math.log(2)]]), np.array([[3.0]]))[0] == pytest.approx(
        2 - 3 * math.log(2)
    )


@pytest.mark.parametrize(
    ("loss", "columns"),
    [
        (partial(losses.cross_entropy, label_smoothing=0.0, class_weights=None), 4),
        (partial(losses.cross_entropy, label_smoothing=0.2, class_weights=[1.0, 0.5, 2.0, 3.0]), 4),
        (partial(losses.kl_divergence, label_smoothing=0.2), 4),
        (losses.cosine, 4),
        (losses.cosine, 2),
        (partial(losses.binary_cross_entropy, label_smoothing=0.1, positive_weight=3.0), 1),
        (losses.hinge, 1),
        (losses.log_cosh, 2),
        (losses.poisson, 2),
        (losses.mse, 2),
        (losses.mae, 2),
        (partial(losses.huber, delta=0.7), 2),
    ],
)
def test_losses_have_their_slopes(loss: Any, columns: int) -> None:
    draws = np.random.default_rng(0)
    logits = 2 * draws.normal(size=(5, columns))
    targets = draws.normal(size=(5, 2)) if columns == 2 else draws.integers(0, max(columns, 2), 5)
    np.testing.assert_allclose(
        loss(logits, targets)[1], slopes(lambda x: loss(x, targets)[0], logits), atol=1e-9
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Weight 1, gradients 2 then 2, learning rate 0.1.
        (optimizers.sgd(momentum=0.0, nesterov=False), [0.8, 0.6]),
        (optimizers.sgd(momentum=0.5, nesterov=False), [0.8, 0.5]),
        (optimizers.sgd(momentum=0.5, nesterov=True), [0.7, 0.35]),
        # Equal gradients: m' / sqrt(v') is 1 at every step.
        (optimizers.adam(beta1=0.9, beta2=0.999, epsilon=1e-12), [0.9, 0.8]),
        (optimizers.adam(beta1=0.9, beta2=0.999, epsilon=2.0), [0.95, 0.9]),
        # Never falling, v is the largest so far.
        (optimizers.amsgrad(beta1=0.9, beta2=0.999, epsilon=2.0), [0.95, 0.9]),
        # c = 1/4; m = 1, then 3/2: (2 + 4/15) / 2, (8/5 + 3/2 16/63) / 2.
        (
            optimizers.nadam(beta1=0.5, beta2=0.999, momentum_decay=0.0, epsilon=1e-12),
            [1 - 17 / 150, 1 - 17 / 150 - 0.1 * (0.8 + 4 / 21)],
        ),
        (optimizers.adamax(beta1=0.9, beta2=0.999, epsilon=1e-12), [0.9, 0.8]),
        (optimizers.adamax(beta1=0.9, beta2=0.999, epsilon=2.0), [0.95, 0.9]),
        # v = 3, then 3.75: 2 / sqrt(3), 2 / sqrt(3.75).
        (
            optimizers.rmsprop(decay=0.25, momentum=0.0, centered=False, epsilon=1e-12),
            [1 - 0.2 / 3**0.5, 1 - 0.2 / 3**0.5 - 0.2 / 3.75**0.5],
        ),
        (
            optimizers.rmsprop(decay=0.25, momentum=1.0, centered=False, epsilon=1e-12),
            [1 - 0.2 / 3**0.5, 1 - 0.4 / 3**0.5 - 0.2 / 3.75**0.5],
        ),
        # a = 1.5, then 1.875.
        (
            optimizers.rmsprop(decay=0.25, momentum=0.0, centered=True, epsilon=1e-12),
            [1 - 0.2 / 0.75**0.5, 1 - 0.2 / 0.75**0.5 - 0.2 / 0.234375**0.5],
        ),
        # v = 1, then 1.75; s = 0, then 1/2.
        (
            optimizers.adadelta(decay=0.75, epsilon=1.0),
            [1 - 0.1 * 2**0.5, 1 - 0.1 * 2**0.5 - 0.2 * (1.5 / 2.75) ** 0.5],
        ),
        (optimizers.lion(beta1=0.9, beta2=0.99), [0.9, 0.8]),
        # s = 16, then 20.
        (
            optimizers.adagrad(initial_accumulator=12.0, epsilon=1.0),
            [1 - 0.2 / 5, 1 - 0.2 / 5 - 0.2 / (20**0.5 + 1)],
        ),
    ],
)
def test_optimizers_by_hand(rule: optimizers.Rule, expected: list[float]) -> None:
    optimizer = optimizers.Optimizer(rule)
    weights, seen = [np.array([1.0])], []
    for _ in range(2):
        weights = optimizer.step(weights, [np.array([2.0])], 0.1)
        seen.append(float(weights[0][0]))
    assert seen == pytest.approx(expected)


def test_what_earlier_gradients_leave_behind_by_hand() -> None:
    # v = 4, then 3.25, but the largest stays 4: 1 / sqrt(4 / 0.4375).
    largest = optimizers.Optimizer(optimizers.amsgrad(beta1=0.0, beta2=0.75, epsilon=1e-12))
    (first,) = largest.step([np.array([1.0])], [np.array([4.0])], 0.1)
    (second,) = largest.step([first], [np.array([1.0])], 0.1)
    assert [*first, *second] == pytest.approx([0.9, 0.9 - 0.05 * 0.4375**0.5])
    # m = 2, then 0.5: the signs of 2, of 1 - 0.5 and of 0.25 - 3.25 decide.
    sign = optimizers.Optimizer(optimizers.lion(beta1=0.5, beta2=0.5))
    weights = [np.array([1.0])]
    for gradient, expected in ((4.0, 0.9), (-1.0, 0.8), (-6.5, 0.9)):
        weights = sign.step(weights, [np.array([gradient])], 0.1)
        assert weights[0] == pytest.approx([expected])


def test_decay_and_clipping_by_hand() -> None:
    plain = optimizers.sgd(momentum=0.0, nesterov=False)
    decayed = optimizers.Optimizer(plain, l2=0.5, decoupled_weight_decay=2.0)
    # 1 shrinks to 0.8; the gradient 2 becomes 2.4.
    assert decayed.step([np.array([1.0])], [np.array([2.0])], 0.1)[0] == pytest.approx([0.56])
    first_only = optimizers.Optimizer(plain, l2=0.5, decoupled_weight_decay=2.0, decayed=frozenset({0}))
    pair = first_only.step([np.array([1.0])] * 2, [np.array([2.0])] * 2, 0.1)
    assert np.concatenate(pair) == pytest.approx([0.56, 0.8])
    by_norm = optimizers.Optimizer(plain, clip_global_norm=1.0)
    gradients = [np.array([3.0]), np.array([0.0, 4.0])]
    assert np.concatenate(by_norm.clipped(gradients)) == pytest.approx([0.6, 0, 0.8], rel=1e-6)
    assert np.concatenate(by_norm.clipped([np.array([0.1])])) == pytest.approx([0.1], rel=1e-15)
    by_value = optimizers.Optimizer(plain, clip_value=3.5)
    assert np.concatenate(by_value.clipped(gradients)).tolist() == [3.0, 0.0, 3.5]


@pytest.mark.parametrize(
    ("side", "size", "stride", "pads"),
    [(8, 3, 1, (1, 1)), (8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (5, 2, 1, (0, 1)), (4, 1, 2, (0, 0))],
)
def test_same_padding_by_hand(side: int, size: int, stride: int, pads: tuple[int, int]) -> None:
    assert layers.same_padding(side, size, stride) == pads


def test_convolution_by_hand() -> None:
    x = np.arange(1.0, 6.0).reshape(1, 5, 1)
    kernel, bias = np.array([[[1.0]], [[10.0]]]), np.zeros(1)
    y = layers.convolution(x, kernel, bias, stride=1, padding="same", dilation=2)
    # One zero before and one after: 0 1 2 3 4 5 0.
    assert y.ravel().tolist() == [20.0, 31.0, 42.0, 53.0, 4.0]
    two = np.concatenate([x, 100 * x], axis=-1)
    y = layers.convolution(two, np.ones((1, 1, 2)), bias, stride=2, padding="valid", groups=2)
    assert y.tolist() == [[[1.0, 100.0], [3.0, 300.0], [5.0, 500.0]]]


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (4, 2), (2, 3)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_transposed_convolution_is_the_transpose(size: int, stride: int, padding: str) -> None:
    """The inner product of y with the convolution of x is that of the transposed y with x."""
    draws = np.random.default_rng(0)
    kernel, y = draws.normal(size=(size, size, 2, 3)), draws.normal(size=(1, 4, 3, 2))
    back = layers.conv2d_transpose(y, kernel, np.zeros(3), stride=stride, padding=padding)
    x = draws.normal(size=back.shape)
    turned = kernel.transpose(0, 1, 3, 2)
    forth = layers.convolution(x, turned, np.zeros(2), stride=stride, padding=padding)
    assert np.sum(forth * y) == pytest.approx(np.sum(x * back))


def test_padded_pools_by_hand() -> None:
    x = np.arange(1.0, 6.0).reshape(1, 5, 1)
    options = {"size": 2, "stride": 2, "padding": "same"}
    assert layers.max_pool(x, **options).ravel().tolist() == [2.0, 4.0, 5.0]
    assert layers.average_pool(x, **options).ravel().tolist() == [1.5, 3.5, 5.0]


def test_cells_by_hand() -> None:
    """With every number 0 but one bias, gates stand at 1/2."""
    x = np.zeros((2, 1))
    lstm = {"kernel": np.zeros((1, 4)), "recurrent_kernel": np.zeros((1, 4))}
    lstm["bias"] = np.array([0.0, 0.0, 1.0, 0.0])
    # c = tanh(1) / 2, then 3 / 4 of tanh(1).
    expected = [math.tanh(math.tanh(1) / 2) / 2, math.tanh(0.75 * math.tanh(1)) / 2]
    assert sequences.lstm(x, lstm).ravel().tolist() == pytest.approx(expected)
    gru = {word: np.zeros((1, 3)) for word in ("kernel", "recurrent_kernel")}
    gru |= {"bias": np.zeros(3), "recurrent_bias": np.array([0.0, 0.0, 2.0])}
    assert sequences.gru(x, gru).ravel().tolist() == pytest.approx([math.tanh(1) / 2, 0.75 * math.tanh(1)])


def test_attention_of_equal_keys_is_the_mean() -> None:
    x = np.array([[[2.0, 0.0], [4.0, 6.0], [9.0, 3.0]]])
    w = {f"{role}_kernel": np.zeros((2, 2)) for role in ("query", "key")}
    w |= {f"{role}_kernel": np.eye(2) for role in ("value", "output")}
    w |= {f"{role}_bias": np.zeros(2) for role in ("query", "value", "output")}
    full = sequences.self_attention(x, w, heads=2, causal=False)
    assert full.tolist() == [[[5.0, 3.0]] * 3]
    causal = sequences.self_attention(x, w, heads=1, causal=True)
    assert causal.tolist() == [[[2.0, 0.0], [3.0, 3.0], [5.0, 3.0]]]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_complex_step_tells_what_differences_tell(name: str) -> None:
    _, tree, shape, _, equation, _ = SETTINGS[name]
    x, weights = networks.inputs_of(tree, shape), networks.weights_of(tree, shape)
    for word, array in weights.items():

        def changed(each: Any, word: str = word) -> Any:
            return equation(x, weights | {word: each})

        upstream = np.random.default_rng(0).normal(size=changed(array).shape)
        expected = slopes(lambda each, f=changed, along=upstream: float(np.sum(along * f(each))), array)
        np.testing.assert_allclose(networks.slopes(changed, array, upstream), expected, rtol=1e-6, atol=1e-8)


def test_convolution_by_loops() -> None:
    draws = np.random.default_rng(0)
    x, kernel, bias = draws.normal(size=(2, 5, 4, 3)), draws.normal(size=(3, 3, 3, 2)), draws.normal(size=2)
    y = layers.convolution(x, kernel, bias, stride=2, padding="same")
    assert y.shape == (2, 3, 2, 2)
    for n, i, j, f in np.ndindex(y.shape):
        total = bias[f]
        for u, v, c in np.ndindex(3, 3, 3):
            # A side of 5 has a zero before and after, a side of 4 one after.
            row, column = 2 * i + u - 1, 2 * j + v
            if 0 <= row < 5 and 0 <= column < 4:
                total += x[n, row, column, c] * kernel[u, v, c, f]
        assert y[n, i, j, f] == pytest.approx(total)


def test_pools_by_hand() -> None:
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    assert layers.max_pool(x, size=2, stride=2)[0, ..., 0].tolist() == [[6, 8], [16, 18]]
    assert layers.average_pool(x, size=2, stride=3)[0, ..., 0].tolist() == [[3, 6], [18, 21]]


def test_norms_by_hand() -> None:
    x = np.array([[1.0, 10.0], [3.0, 10.0]])
    one, zero = np.ones(2), np.zeros(2)
    y, mean, variance = layers.batch_norm_training(x, 2 * one, one, zero, one, momentum=0.25, epsilon=3.0)
    # Deviations of -1 and 1, divided by sqrt(1 + 3), doubled, plus 1; the unbiased variance is 2.
    assert y.tolist() == [[0, 1], [2, 1]]
    assert mean.tolist() == [0.5, 2.5]
    assert variance.tolist() == [1.25, 0.75]
    evaluated = layers.batch_norm_evaluation(x, 2 * one, one, mean, variance, epsilon=0.0)
    assert evaluated[0] == pytest.approx([1 + 2 * 0.5 / 1.25**0.5, 1 + 2 * 7.5 / 0.75**0.5])
    # The first row deviates by -4.5 and 4.5.
    normed = layers.layer_norm(x, one, zero, epsilon=0.0)
    assert normed.tolist() == [[-1, 1], [-1, 1]]
    assert layers.dense(x, np.array([[1.0], [2.0]]), np.array([0.5])).tolist() == [[21.5], [23.5]]
