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


def exponential(*, factor: Positive) -> Schedule:
    """f = factor ^ epoch.

    Args:
        factor: what the rate is multiplied by after each epoch, above 0.
    """
    return Schedule(lambda epochs, steps: np.power(float(factor), _epochs(epochs, steps)))


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
        total, warmup = epochs * steps, round(warmup_epochs * steps)
        time = np.arange(total, dtype=np.float64)
        progress = np.clip((time - warmup) / max(total - warmup, 1), 0.0, 1.0)
        decayed = minimum_factor + (1 - minimum_factor) * (1 + np.cos(np.pi * progress)) / 2
        return np.where(time < warmup, (time + 1) / max(warmup, 1), decayed)

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


def _epochs(epochs: int, steps: int) -> NDArray[np.int64]:
    """Returns the epoch of every step."""
    return np.repeat(np.arange(epochs), steps)
