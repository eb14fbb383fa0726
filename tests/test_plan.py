"""The order of rows and the weights at the border."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner import weights
from runner.dropout import layer_key, mix, threshold
from runner.initializers import glorot_uniform
from runner.layers import BatchNorm, Dense, Sequence, named
from runner.plan import Plan, steps_in_epoch
from runner.randomness import generator


def plan(rows: int = 10, batch_size: int = 4, seed: int = 0) -> Plan:
    steps = steps_in_epoch(rows, batch_size, None)
    return Plan(seed, rows, batch_size, 2, steps, np.ones(2 * steps))


def test_every_row_is_met_once_in_an_epoch() -> None:
    batches = plan().batches(0)
    assert [len(rows) for rows in batches] == [4, 4, 2] == plan().batch_sizes().tolist()
    assert sorted(np.concatenate(batches)) == list(range(10))


def test_order_follows_from_seed_and_epoch_alone() -> None:
    assert plan().order(1).tolist() == plan().order(1).tolist()
    assert plan(100).order(0).tolist() != plan(100).order(1).tolist()
    assert plan(100).order(0).tolist() != plan(100, seed=1).order(0).tolist()
    assert plan().digest() != plan(seed=1).digest()


@pytest.mark.parametrize(("limit", "steps"), [(None, 3), (2, 2), (9, 3)])
def test_steps_of_an_epoch(limit: int | None, steps: int) -> None:
    assert steps_in_epoch(10, 4, limit) == steps


def test_draws_are_what_pcg64_gives() -> None:
    raw = np.random.PCG64(np.random.SeedSequence([3, 5])).random_raw(4)
    assert generator(3, 5).uniform((4,)).tolist() == [int(word) // 2048 / 2**53 for word in raw]


def test_normal_draws_have_the_normal_moments() -> None:
    draws = generator(0, "test").normal((200_000,))
    assert abs(draws.mean()) < 0.01
    assert abs(draws.std() - 1) < 0.01
    assert abs((draws**4).mean() - 3) < 0.1


def test_a_weight_depends_on_its_name_and_not_on_its_neighbours() -> None:
    small = named(Sequence((Dense(units=4),)))
    large = named(Sequence((Dense(units=4), BatchNorm(momentum=0.1, epsilon=1e-5), Dense(units=2))))
    first, second = (weights.draw(tree, (3,), glorot_uniform(), 0) for tree in (small, large))
    np.testing.assert_array_equal(first["dense0/kernel"], second["dense0/kernel"])
    assert set(second) == {
        "dense0/kernel",
        "dense0/bias",
        "dense1/kernel",
        "dense1/bias",
        "batch_norm0/scale",
        "batch_norm0/shift",
        "batch_norm0/running_mean",
        "batch_norm0/running_variance",
    }
    np.testing.assert_array_equal(second["batch_norm0/running_variance"], np.ones(4))


def test_saved_weights_are_read_back(tmp_path: Path) -> None:
    drawn = weights.draw(named(Sequence((Dense(units=4),))), (3,), glorot_uniform(), 0)
    weights.save(drawn, tmp_path / "weights.safetensors", precision=64)
    back = weights.read(tmp_path / "weights.safetensors")
    assert weights.digest(back) == weights.digest(drawn)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_one_changed_number_changes_the_digest() -> None:
    drawn = {"dense0/kernel": np.zeros((2, 2))}
    changed = {"dense0/kernel": np.array([[0.0, 0.0], [0.0, 1e-300]])}
    assert weights.digest(drawn) != weights.digest(changed)
    assert not weights.are_finite({"dense0/kernel": np.array([np.inf])})


def test_dropout_keeps_the_share_that_it_should_and_neighbours_are_independent() -> None:
    index = np.arange(1_000_000, dtype=np.int64)
    key = layer_key(0, "dropout0")
    kept = mix((index * 0x7FEB352D + mix(key)) & 0xFFFFFFFF) >= threshold(0.3)
    assert abs(kept.mean() - 0.7) < 0.002
    assert abs(np.corrcoef(kept[:-1], kept[1:])[0, 1]) < 0.005
    assert layer_key(0, "dropout0") != layer_key(0, "dropout1") != layer_key(1, "dropout1")
