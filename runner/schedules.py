"""The learning rate over time: functions that return the factor on ``optimizer.learning_rate`` of every step.

Steps and epochs are numbered from 0 here; an epoch has the same number of steps each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.quantities import Count, NotNegative, OpenUnitInterval, Positive, PositiveCount, UnitInterval

Floats = NDArray[np.float64]


def _no_reaction(history: Sequence[float]) -> float:
    return 1.0


@dataclass(frozen=True)
class Schedule:
    """A learning rate over time.

    Args:
        factors: (epochs, steps in an epoch) -> the factor of every step, float64 (epochs * steps,).
        reaction: (monitored metric of each epoch so far, lower is better) -> the further factor from here on.
    """

    factors: Callable[[int, int], Floats]
    reaction: Callable[[Sequence[float]], float] = _no_reaction


def constant() -> Schedule:
    """f = 1."""
    return Schedule(_ones)


def step(*, factor: Positive, every_epochs: PositiveCount) -> Schedule:
    """f = factor ^ floor(epoch / every_epochs).

    Args:
        factor: what the rate is multiplied by each time, above 0.
        every_epochs: epochs between two changes.
    """
    return Schedule(lambda epochs, steps: np.power(float(factor), _epochs(epochs, steps) // every_epochs))


def multi_step(*, epochs: list[PositiveCount], factor: Positive) -> Schedule:
    """f = factor ^ (how many of the listed epochs are over).

    Args:
        epochs: after how many epochs the rate changes, in any order; one that is listed twice counts twice.
        factor: what the rate is multiplied by each time, above 0.

    Source: torch.optim.lr_scheduler.MultiStepLR.
    """
    changes = np.sort(np.asarray(epochs, dtype=np.int64))

    def factors(total_epochs: int, steps: int) -> Floats:
        over = np.searchsorted(changes, _epochs(total_epochs, steps), side="right")
        return np.power(float(factor), over)

    return Schedule(factors)


def exponential(*, factor: Positive) -> Schedule:
    """f = factor ^ epoch.

    Args:
        factor: what the rate is multiplied by after each epoch, above 0.
    """
    return Schedule(lambda epochs, steps: np.power(float(factor), _epochs(epochs, steps)))


def polynomial(*, power: Positive, minimum_factor: UnitInterval) -> Schedule:
    """f = m + (1 - m) (1 - t / T)^power at step t of T.

    Args:
        power: 1 for a straight line; above 1 the rate falls fast and then slowly.
        minimum_factor: m, from 0 to 1, which step T, one past the end, would have.

    Source: torch.optim.lr_scheduler.PolynomialLR, whose m is 0.
    """

    def factors(epochs: int, steps: int) -> Floats:
        left = 1 - _time(epochs, steps) / (epochs * steps)
        return minimum_factor + (1 - minimum_factor) * left**power

    return Schedule(factors)


def cosine(*, minimum_factor: UnitInterval) -> Schedule:
    """f = m + (1 - m) (1 + cos(pi t / T)) / 2 at step t of T.

    Args:
        minimum_factor: m, from 0 to 1, which step T, one past the end, would have.

    Source: Loshchilov and Hutter, 2017, without restarts.
    """
    return warmup_cosine(warmup_epochs=0, minimum_factor=minimum_factor)


def warmup_cosine(*, warmup_epochs: NotNegative, minimum_factor: UnitInterval) -> Schedule:
    """f = (t + 1) / W for the first W steps, then a cosine from 1 to m over the other T - W.

    f = m + (1 - m) (1 + cos(pi (t - W) / (T - W))) / 2 at step t from W on, W being warmup_epochs in steps.

    Args:
        warmup_epochs: length of the linear warm-up in epochs, a fraction or not, rounded to whole steps.
        minimum_factor: m, from 0 to 1, which step T, one past the end, would have.

    Source: Goyal et al., 2017, for the warm-up.
    """

    def factors(epochs: int, steps: int) -> Floats:
        time, warmup = _time(epochs, steps), round(warmup_epochs * steps)
        progress = np.clip((time - warmup) / max(len(time) - warmup, 1), 0.0, 1.0)
        decayed = minimum_factor + (1 - minimum_factor) * (1 + np.cos(np.pi * progress)) / 2
        return np.where(time < warmup, (time + 1) / max(warmup, 1), decayed)

    return Schedule(factors)


def cosine_restarts(
    *, first_period_epochs: PositiveCount, period_factor: PositiveCount, minimum_factor: UnitInterval
) -> Schedule:
    """f = m + (1 - m) (1 + cos(pi u / P)) / 2 at the u-th step of a period of P steps, the first being the 0-th.

    Args:
        first_period_epochs: length of the first period in epochs.
        period_factor: how much longer each period is than the one before.
        minimum_factor: m, from 0 to 1, which the step past the end of a period would have.

    Source: Loshchilov and Hutter, 2017; torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, step by step.
    """

    def factors(epochs: int, steps: int) -> Floats:
        progress = np.empty(epochs * steps)
        start, period = 0, first_period_epochs * steps
        while start < len(progress):
            part = progress[start : start + period]
            part[:] = np.arange(len(part)) / period
            start, period = start + period, period * period_factor
        return minimum_factor + (1 - minimum_factor) * (1 + np.cos(np.pi * progress)) / 2

    return Schedule(factors)


def one_cycle(
    *, peak_position: OpenUnitInterval, start_factor: UnitInterval, end_factor: UnitInterval
) -> Schedule:
    """f = a + (1 - a) (1 - cos(pi t / p)) / 2 up to step p, then b + (1 - b) (1 + cos(pi (t - p) / (T - 1 - p))) / 2.

    p = peak_position T - 1 of T steps, a fraction or not; only the rate has a cycle, no momentum.

    Args:
        peak_position: the share of the run after which the factor is 1, between 0 and 1.
        start_factor: a, of the first step, from 0 to 1.
        end_factor: b, of the last step, from 0 to 1.

    Source: Smith and Topin, 2019; torch.optim.lr_scheduler.OneCycleLR.
    """

    def factors(epochs: int, steps: int) -> Floats:
        time = _time(epochs, steps)
        peak = peak_position * len(time) - 1
        rising = time / peak if peak > 0 else np.ones_like(time)
        falling = (time - peak) / (len(time) - 1 - peak)
        up = start_factor + (1 - start_factor) * (1 - np.cos(np.pi * rising)) / 2
        down = end_factor + (1 - end_factor) * (1 + np.cos(np.pi * falling)) / 2
        return np.where(time <= peak, up, down)

    return Schedule(factors)


def inverse_square_root(*, warmup_epochs: NotNegative) -> Schedule:
    """f = min((t + 1) / W, sqrt(W / (t + 1))) at step t, W being warmup_epochs in steps, at least 1.

    Args:
        warmup_epochs: length of the linear warm-up in epochs, a fraction or not, rounded to whole steps.

    Source: Vaswani et al., 2017.
    """

    def factors(epochs: int, steps: int) -> Floats:
        share = (_time(epochs, steps) + 1) / max(round(warmup_epochs * steps), 1)
        return np.minimum(share, share**-0.5)

    return Schedule(factors)


def reduce_on_plateau(
    *,
    factor: OpenUnitInterval,
    patience: Count,
    cooldown_epochs: Count,
    minimum_improvement: NotNegative,
    minimum_factor: UnitInterval,
) -> Schedule:
    """f <- max(factor f, minimum_factor), from 1 on, after more than ``patience`` epochs without improvement.

    An epoch improves when its metric is below the best so far by more than ``minimum_improvement``.

    Args:
        factor: what the rate is multiplied by each time, between 0 and 1.
        patience: epochs without improvement that are let pass.
        cooldown_epochs: epochs after a reduction that are not counted.
        minimum_improvement: absolute, in the metric's own unit.
        minimum_factor: where reductions end, from 0 to 1.

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau with threshold_mode="abs".
    """

    def reaction(history: Sequence[float]) -> float:
        current, best, waited, cooldown = 1.0, math.inf, 0, 0
        for metric in history:
            improved = metric < best - minimum_improvement
            best = metric if improved else best
            waited = 0 if improved or cooldown else waited + 1
            cooldown = max(cooldown - 1, 0)
            if waited > patience:
                current, waited, cooldown = max(current * factor, minimum_factor), 0, cooldown_epochs
        return current

    return Schedule(_ones, reaction)


def _ones(epochs: int, steps: int) -> Floats:
    return np.ones(epochs * steps)


def _time(epochs: int, steps: int) -> Floats:
    """Returns the number of every step."""
    return np.arange(epochs * steps, dtype=np.float64)


def _epochs(epochs: int, steps: int) -> NDArray[np.int64]:
    """Returns the epoch of every step."""
    return np.repeat(np.arange(epochs), steps)
