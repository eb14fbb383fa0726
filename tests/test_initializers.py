"""Initializers against the papers' variances, statistics of many draws, and torch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from oracle.initializers import variance
from scipy import stats

from runner import initializers
from runner.errors import ConfigurationError
from runner.layers import Conv2d, Dense, Gru, Parameter
from runner.randomness import generator

CONF = Path(__file__).parents[1] / "conf" / "initializer"
OPTIONS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CONF.glob("*.yaml"))}
UNIFORM = ["glorot_uniform", "he_uniform", "lecun_uniform", "torch_linear"]
NORMAL = ["glorot_normal", "he_normal", "lecun_normal"]
KERNEL = Dense(units=150).parameters((400,))["kernel"]
BIAS = Dense(units=150).parameters((400,))["bias"]


def made(name: str) -> initializers.Initializer:
    arguments = {key: value for key, value in OPTIONS[name].items() if key != "_target_"}
    initializer: initializers.Initializer = getattr(initializers, name)(**arguments)
    return initializer


def test_every_option_draws_float64_in_the_shape_asked_for() -> None:
    assert len(OPTIONS) == 11
    filters = Conv2d(filters=6, kernel_size=3, stride=1, padding="same").parameters((8, 8, 2))
    for name, node in OPTIONS.items():
        assert node["_target_"] == f"runner.initializers.{name}"
        for parameter in (KERNEL, filters["kernel"]):
            values = made(name).kernel(parameter, generator(0, name))
            assert values.shape == parameter.shape
            assert values.dtype == np.float64
            again = made(name).kernel(parameter, generator(0, name))
            np.testing.assert_array_equal(values, again)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_families_fill_their_interval(name: str) -> None:
    values = made(name).kernel(KERNEL, generator(1, name)).reshape(-1)
    # U(-l, l) has the variance l^2 / 3.
    limit = math.sqrt(3 * variance(name, 400, 150))
    assert -limit <= values.min() < -0.999 * limit
    assert 0.999 * limit < values.max() <= limit
    assert stats.kstest(values, "uniform", args=(-limit, 2 * limit)).pvalue > 0.01


@pytest.mark.parametrize("name", NORMAL)
def test_normal_families_are_plain_normal(name: str) -> None:
    values = made(name).kernel(KERNEL, generator(1, name)).reshape(-1)
    deviation = math.sqrt(variance(name, 400, 150))
    assert stats.kstest(values, "norm", args=(0, deviation)).pvalue > 0.01
    # A truncated normal has nothing past two deviations; the plain one has 4.6 % there.
    assert np.mean(np.abs(values) > 2 * deviation) == pytest.approx(0.0455, rel=0.1)


def test_the_fans_of_a_convolution_count_its_area() -> None:
    layer = Conv2d(filters=64, kernel_size=3, stride=1, padding="same")
    values = made("he_normal").kernel(layer.parameters((8, 8, 16))["kernel"], generator(0, "area"))
    assert np.var(values) == pytest.approx(2 / (3 * 3 * 16), rel=0.05)


def test_the_fans_of_groups_and_of_gates_count_one_of_them() -> None:
    grouped = Conv2d(filters=64, kernel_size=3, stride=1, padding="same", groups=4).parameters((8, 8, 16))
    assert (grouped["kernel"].fan_in, grouped["kernel"].fan_out) == (9 * 4, 9 * 16)
    gru = Gru(units=5, returns="last").parameters((8, 3))
    assert {word: (each.shape, each.fan_in, each.fan_out) for word, each in gru.items()} == {
        "kernel": ((3, 15), 3, 5),
        "bias": ((15,), 3, 5),
        "recurrent_kernel": ((5, 15), 5, 5),
        "recurrent_bias": ((15,), 5, 5),
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_torch_linear_is_torchs_interval_for_kernel_and_bias(seed: int) -> None:
    torch.manual_seed(seed)
    layer = torch.nn.Linear(400, 150)
    initializer = made("torch_linear")
    for theirs, ours in (
        (layer.weight, initializer.kernel(KERNEL, generator(seed, "kernel"))),
        (layer.bias, initializer.bias(BIAS, generator(seed, "bias"))),
    ):
        values = theirs.detach().numpy().reshape(-1)
        assert stats.ks_2samp(values, ours.reshape(-1)).pvalue > 0.01
        assert np.abs(ours).max() <= 1 / 20


def test_all_other_biases_are_zero() -> None:
    others = [name for name in OPTIONS if name != "torch_linear"]
    assert len(others) == 10
    for name in others:
        np.testing.assert_array_equal(made(name).bias(BIAS, generator(0, name)), np.zeros(150))


def test_uniform_and_normal_take_their_numbers() -> None:
    flat = initializers.uniform(minimum=2.0, maximum=3.0).kernel(KERNEL, generator(0, "flat"))
    assert stats.kstest(flat.reshape(-1), "uniform", args=(2, 1)).pvalue > 0.01
    bell = initializers.normal(mean=-1.0, standard_deviation=0.5).kernel(KERNEL, generator(0, "bell"))
    assert stats.kstest(bell.reshape(-1), "norm", args=(-1, 0.5)).pvalue > 0.01


def test_an_interval_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"initializer.maximum: must be above .*, 1. Received: -1"):
        initializers.uniform(minimum=1.0, maximum=-1.0)


def test_zeros_are_zeros() -> None:
    assert not made("zeros").kernel(KERNEL, generator(0, "zeros")).any()


@pytest.mark.parametrize("shape", [(40, 25), (25, 40), (30, 30), (3, 3, 4, 8), (1, 5)])
def test_orthogonal_has_its_gain_as_every_singular_value(shape: tuple[int, ...]) -> None:
    draws = generator(0, "orthogonal", *shape)
    values = initializers.orthogonal(gain=1.5).kernel(Parameter(shape), draws)
    matrix = values.reshape(-1, shape[-1])
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 1.5, rtol=1e-12)


def test_orthogonal_prefers_no_sign() -> None:
    corners = [
        initializers.orthogonal(gain=1.0).kernel(Parameter((4, 4)), generator(seed, "sign"))[0, 0]
        for seed in range(200)
    ]
    # Without the correction of signs, LAPACK's reflections would make this corner negative far more often.
    assert 70 < sum(corner > 0 for corner in corners) < 130
