"""The oracle itself, against differences, hand-computed figures and loops: a truth should be doubted once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from oracle import activations, layers, losses, optimizers

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": activations.identity,
    "relu": activations.relu,
    "leaky_relu": partial(activations.leaky_relu, negative_slope=0.2),
    "elu": partial(activations.elu, alpha=1.5),
    "selu": activations.selu,
    "sigmoid": activations.sigmoid,
    "hard_sigmoid": activations.hard_sigmoid,
    "tanh": activations.tanh,
    "softplus": activations.softplus,
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
        ("leaky_relu", -0.4, 1.0),
        ("elu", 1.5 * (math.exp(-2) - 1), 1.0),
        ("selu", -1.5201664685956948, 1.0507009873554805),
        ("sigmoid", 1 / (1 + math.exp(2)), 0.7310585786300049),
        ("hard_sigmoid", 1 / 6, 4 / 6),
        ("tanh", -0.9640275800758169, 0.7615941559557649),
        ("softplus", math.log(1 + math.exp(-2)), math.log(1 + math.e)),
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
    binary, _ = losses.binary_cross_entropy(np.array([[math.log(3)]]), np.array([1]), label_smoothing=0.2)
    assert binary == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))
    outputs, values = np.array([[2.5], [3.8], [1.2]]), np.array([[3.0], [4.0], [1.0]])
    assert losses.mse(outputs, values)[0] == pytest.approx(0.11)
    assert losses.mae(outputs, values)[0] == pytest.approx(0.3)
    # Residuals -0.5 (beyond 0.25), -0.2 and 0.2: 0.25 (0.5 - 0.125), 0.02, 0.02.
    assert losses.huber(outputs, values, delta=0.25)[0] == pytest.approx((0.09375 + 0.04) / 3)


@pytest.mark.parametrize(
    ("loss", "columns"),
    [
        (partial(losses.cross_entropy, label_smoothing=0.0, class_weights=None), 4),
        (partial(losses.cross_entropy, label_smoothing=0.2, class_weights=[1.0, 0.5, 2.0, 3.0]), 4),
        (partial(losses.binary_cross_entropy, label_smoothing=0.1), 1),
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
        # v = 3, then 3.75: 2 / sqrt(3), 2 / sqrt(3.75).
        (
            optimizers.rmsprop(decay=0.25, momentum=0.0, epsilon=1e-12),
            [1 - 0.2 / 3**0.5, 1 - 0.2 / 3**0.5 - 0.2 / 3.75**0.5],
        ),
        (
            optimizers.rmsprop(decay=0.25, momentum=1.0, epsilon=1e-12),
            [1 - 0.2 / 3**0.5, 1 - 0.4 / 3**0.5 - 0.2 / 3.75**0.5],
        ),
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


def test_decay_and_clipping_by_hand() -> None:
    plain = optimizers.sgd(momentum=0.0, nesterov=False)
    decayed = optimizers.Optimizer(plain, l2=0.5, decoupled_weight_decay=2.0)
    # 1 shrinks to 0.8; the gradient 2 becomes 2.4.
    assert decayed.step([np.array([1.0])], [np.array([2.0])], 0.1)[0] == pytest.approx([0.56])
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
