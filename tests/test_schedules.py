"""Schedules against torch's own, and figures worked out by hand; the matrix has their equations."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch.optim import lr_scheduler

from runner import schedules

CONF = Path(__file__).parents[1] / "conf" / "schedule"
OPTIONS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CONF.glob("*.yaml"))}
EPOCHS, STEPS = 12, 7


def made(name: str) -> schedules.Schedule:
    arguments = {key: value for key, value in OPTIONS[name].items() if key != "_target_"}
    schedule: schedules.Schedule = getattr(schedules, name)(**arguments)
    return schedule


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def torchs(kind: Any, updates: int, **arguments: Any) -> list[float]:
    """The learning rate before each of torch's updates, from a rate of 1."""
    carrier = optimizer()
    scheduler = kind(carrier, **arguments)
    rates = []
    for _ in range(updates):
        rates.append(carrier.param_groups[0]["lr"])
        carrier.step()
        scheduler.step()
    return rates


def test_every_option_gives_one_factor_for_each_step() -> None:
    assert len(OPTIONS) == 11
    for name, node in OPTIONS.items():
        assert node["_target_"] == f"runner.schedules.{name}"
        factors = made(name).factors(EPOCHS, STEPS)
        assert factors.shape == (EPOCHS * STEPS,)
        assert factors.dtype == np.float64
        assert factors.min() >= 0
        # The peak of a cycle may lie between two steps.
        assert factors.max() == 1 or (name == "one_cycle" and 0.998 < factors.max() < 1)


def test_only_reduce_on_plateau_reacts() -> None:
    standstill = [1.0] * 100
    assert {name for name in OPTIONS if made(name).reaction(standstill) != 1} == {"reduce_on_plateau"}


def test_step_is_torchs() -> None:
    factors = schedules.step(factor=0.3, every_epochs=5).factors(EPOCHS, STEPS)
    epochs = torchs(lr_scheduler.StepLR, EPOCHS, step_size=5, gamma=0.3)
    np.testing.assert_allclose(factors, np.repeat(epochs, STEPS), rtol=1e-14)


def test_exponential_is_torchs() -> None:
    factors = schedules.exponential(factor=0.9).factors(EPOCHS, STEPS)
    epochs = torchs(lr_scheduler.ExponentialLR, EPOCHS, gamma=0.9)
    np.testing.assert_allclose(factors, np.repeat(epochs, STEPS), rtol=1e-14)


@pytest.mark.parametrize("minimum", [0.0, 0.1, 1.0])
def test_cosine_is_torchs_step_by_step(minimum: float) -> None:
    total = EPOCHS * STEPS
    factors = schedules.cosine(minimum_factor=minimum).factors(EPOCHS, STEPS)
    theirs = torchs(lr_scheduler.CosineAnnealingLR, total, T_max=total, eta_min=minimum)
    np.testing.assert_allclose(factors, theirs, rtol=1e-11)


@pytest.mark.parametrize("epochs", [[3], [2, 7, 8], [9, 4], [5, 5], [20], []])
def test_multi_step_is_torchs(epochs: list[int]) -> None:
    factors = schedules.multi_step(epochs=epochs, factor=0.3).factors(EPOCHS, STEPS)
    theirs = torchs(lr_scheduler.MultiStepLR, EPOCHS, milestones=epochs, gamma=0.3)
    np.testing.assert_allclose(factors, np.repeat(theirs, STEPS), rtol=1e-14)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0, 3.7])
def test_polynomial_is_torchs_step_by_step(power: float) -> None:
    total = EPOCHS * STEPS
    factors = schedules.polynomial(power=power, minimum_factor=0.0).factors(EPOCHS, STEPS)
    theirs = torchs(lr_scheduler.PolynomialLR, total, total_iters=total, power=power)
    np.testing.assert_allclose(factors, theirs, rtol=1e-11)


def test_polynomial_by_hand() -> None:
    factors = schedules.polynomial(power=2.0, minimum_factor=0.2).factors(2, 2)
    assert factors == pytest.approx([1, 0.2 + 0.8 * 9 / 16, 0.2 + 0.8 / 4, 0.2 + 0.8 / 16])


@pytest.mark.parametrize(("first", "factor"), [(1, 1), (3, 1), (2, 2), (1, 3), (20, 2)])
@pytest.mark.parametrize("minimum", [0.0, 0.1])
def test_cosine_restarts_is_torchs_step_by_step(first: int, factor: int, minimum: float) -> None:
    schedule = schedules.cosine_restarts(
        first_period_epochs=first, period_factor=factor, minimum_factor=minimum
    )
    factors, total = schedule.factors(EPOCHS, STEPS), EPOCHS * STEPS
    arguments = {"T_0": first * STEPS, "T_mult": factor, "eta_min": minimum}
    theirs = torchs(lr_scheduler.CosineAnnealingWarmRestarts, total, **arguments)
    np.testing.assert_allclose(factors, theirs, rtol=1e-11)


def test_cosine_restarts_by_hand() -> None:
    schedule = schedules.cosine_restarts(first_period_epochs=1, period_factor=2, minimum_factor=0.0)
    high, low = (2 + 2**0.5) / 4, (2 - 2**0.5) / 4
    assert schedule.factors(4, 2) == pytest.approx(
        [1, 0.5, 1, high, 0.5, low, 1, (1 + np.cos(np.pi / 8)) / 2]
    )


@pytest.mark.parametrize("peak", [0.001, 0.25, 0.3, 0.5, 0.97])
def test_one_cycle_is_torchs_step_by_step(peak: float) -> None:
    total, arguments = EPOCHS * STEPS, {"start_factor": 0.04, "end_factor": 0.002}
    factors = schedules.one_cycle(peak_position=peak, **arguments).factors(EPOCHS, STEPS)
    # torch measures the end by the start.
    theirs = torchs(
        lr_scheduler.OneCycleLR,
        total,
        max_lr=1.0,
        total_steps=total,
        pct_start=peak,
        div_factor=25,
        final_div_factor=20,
        cycle_momentum=False,
    )
    np.testing.assert_allclose(factors, theirs, rtol=1e-10)


def test_one_cycle_by_hand() -> None:
    # Eight steps: up over three from 0.2, down over four to 0.1.
    factors = schedules.one_cycle(peak_position=0.5, start_factor=0.2, end_factor=0.1).factors(4, 2)
    middle = 0.55 + 0.45 * 0.5**0.5
    assert factors == pytest.approx([0.2, 0.4, 0.8, 1, middle, 0.55, 1.1 - middle, 0.1])
    # One step alone is the last, or where the peak is on it, the peak.
    assert schedules.one_cycle(peak_position=0.5, start_factor=0.2, end_factor=0.1).factors(1, 1) == [0.1]
    assert schedules.one_cycle(peak_position=0.5, start_factor=0.2, end_factor=0.1).factors(1, 2)[0] == 1


def test_inverse_square_root_by_hand() -> None:
    factors = schedules.inverse_square_root(warmup_epochs=1.0).factors(4, 2)
    assert factors == pytest.approx(
        [0.5, 1, (2 / 3) ** 0.5, 0.5**0.5, 0.4**0.5, 3**-0.5, (2 / 7) ** 0.5, 0.5]
    )


def test_warmup_cosine_by_hand() -> None:
    factors = schedules.warmup_cosine(warmup_epochs=1.0, minimum_factor=0.0).factors(3, 2)
    assert factors == pytest.approx([1 / 2, 1, 1, (1 + 0.5**0.5) / 2, 1 / 2, (1 - 0.5**0.5) / 2])


def test_a_warmup_longer_than_the_training_is_not_finished() -> None:
    factors = schedules.warmup_cosine(warmup_epochs=4.0, minimum_factor=0.0).factors(2, 2)
    assert factors == pytest.approx([1 / 8, 2 / 8, 3 / 8, 4 / 8])


def test_reduce_on_plateau_by_hand() -> None:
    schedule = schedules.reduce_on_plateau(
        factor=0.5, patience=1, cooldown_epochs=1, minimum_improvement=0.1, minimum_factor=0.3
    )
    history = [1.0, 0.95, 0.92, 0.91, 0.7, 0.7, 0.7, 0.7, 0.7]
    # 0.95 and 0.92 are two epochs without an improvement; 0.91 is let pass after the reduction; 0.7 improves.
    expected = [1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    reactions = [schedule.reaction(history[: epochs + 1]) for epochs in range(len(history))]
    assert reactions == pytest.approx(expected)
    assert schedule.reaction([]) == 1


@pytest.mark.parametrize("seed", range(40))
def test_reduce_on_plateau_is_torchs(seed: int) -> None:
    draws = np.random.default_rng(seed)
    patience, cooldown = (int(count) for count in draws.integers(0, 4, 2))
    improvement, minimum = float(draws.choice([0.0, 0.05])), float(draws.choice([0.0, 0.1]))
    history = (np.linspace(1, 0.5, 60) + 0.1 * draws.normal(size=60)).tolist()
    if seed % 4 == 0:
        history[20] = nan
    carrier = optimizer()
    theirs = lr_scheduler.ReduceLROnPlateau(
        carrier,
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        threshold=improvement,
        threshold_mode="abs",
        min_lr=minimum,
        eps=0,
    )
    ours = schedules.reduce_on_plateau(
        factor=0.5,
        patience=patience,
        cooldown_epochs=cooldown,
        minimum_improvement=improvement,
        minimum_factor=minimum,
    )
    for epochs, metric in enumerate(history, start=1):
        theirs.step(metric)
        assert ours.reaction(history[:epochs]) == pytest.approx(carrier.param_groups[0]["lr"], rel=1e-12)
    assert ours.reaction(history) < 1
