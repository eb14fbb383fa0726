"""Regressions made from a formula and a seed: several numbers to predict, and noise that is not the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.quantities import Count, NotNegative, Positive, PositiveCount
from runner.randomness import generator

Floats = NDArray[np.float64]


def robot_arm(
    *, samples: PositiveCount, upper_arm: Positive, forearm: Positive, noise: NotNegative, seed: Count
) -> Source:
    """Where the hand of an arm is: u (cos a, sin a) + f (cos(a + b), sin(a + b)), a and b from U(0, pi), plus noise.

    Args:
        samples: how many rows.
        upper_arm: the length u.
        forearm: the length f.
        noise: standard deviation of the normal noise on both coordinates.
        seed: decides the angles and the noise.

    Source: Bishop, Mixture density networks, 1994, for the way back.
    """
    read = partial(_robot_arm, samples, upper_arm, forearm, noise, seed)
    return Source("robot_arm", "regression", (2,), (), samples, read, target_width=2)


def _robot_arm(samples: int, upper_arm: float, forearm: float, noise: float, seed: int) -> Arrays:
    draws = generator(seed, "data", "robot_arm")
    angles = np.pi * draws.uniform((samples, 2))
    shoulder, elbow = angles[:, 0], angles.sum(axis=1)
    hand = [upper_arm * turn(shoulder) + forearm * turn(elbow) for turn in (np.cos, np.sin)]
    exact = np.stack(hand, axis=1)
    return angles, exact + noise * draws.normal(exact.shape)


def uneven_noise(
    *,
    samples: PositiveCount,
    test_samples: PositiveCount,
    waves: Positive,
    noisy_stretches: PositiveCount,
    least_noise: Positive,
    most_noise: Positive,
    weighted: bool,
    seed: Count,
) -> Source:
    """y = sin(2 pi waves x) plus noise of deviation s(x), x from U(0, 1), each row weighed by 1 / s(x)^2.

    s(x) = least (most / least)^(sin^2(pi m x)) for m noisy stretches. The test rows are exact and weigh the same, so that
    what was learnt with weights and without is told by one measure.

    Args:
        samples: how many rows are measured, for training and validation.
        test_samples: how many exact rows there are for the test.
        waves: how many whole waves there are between 0 and 1.
        noisy_stretches: how often the noise grows and falls between 0 and 1.
        least_noise: standard deviation of the normal noise between the noisy stretches.
        most_noise: that in the middle of each.
        weighted: whether the rows have their weights.
        seed: decides x and the noise.

    Source: Aitken, 1936, for the weights.
    """
    if most_noise < least_noise:
        rule = f"must be at least data.least_noise, which is {least_noise:g}"
        raise ConfigurationError([Fault("data.most_noise", rule, f"{most_noise:g}")])
    rows = samples + test_samples
    noise = partial(_deviation, noisy_stretches, least_noise, most_noise)
    read = partial(_uneven_noise, samples, test_samples, waves, noise, weighted, seed)
    return Source(
        "uneven_noise", "regression", (1,), (), rows, read, weighted=weighted, test_rows=test_samples
    )


def _uneven_noise(
    samples: int,
    test_samples: int,
    waves: float,
    deviation_at: Callable[[Floats], Floats],
    weighted: bool,
    seed: int,
) -> Arrays:
    draws = generator(seed, "data", "uneven_noise")
    inputs = draws.uniform((samples + test_samples, 1))
    measured = np.arange(len(inputs)) < samples
    deviation = deviation_at(inputs[:, 0])
    noise = np.where(measured, deviation * draws.normal((len(inputs),)), 0.0)
    targets = np.sin(2 * np.pi * waves * inputs) + noise[:, None]
    return (inputs, targets, np.where(measured, deviation**-2, 1.0)) if weighted else (inputs, targets)


def _deviation(stretches: int, least: float, most: float, x: Floats) -> Floats:
    return np.asarray(least * (most / least) ** np.sin(np.pi * stretches * x) ** 2)
