"""Data sets made from a formula and a seed, each the smallest that asks its question."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.quantities import Count, NotNegative, OpenUnitInterval, Positive, PositiveCount
from runner.randomness import Draws, generator

Floats = NDArray[np.float64]


def moons(*, samples: PositiveCount, noise: NotNegative, seed: Count) -> Source:
    """Two half circles that hold each other: (cos t, sin t) and (1 - cos t, 1/2 - sin t), t from 0 to pi.

    Args:
        samples: how many rows, half of each class.
        noise: standard deviation of the normal noise on both coordinates.
        seed: decides the noise.
    """
    return _classification("moons", 2, 2, samples, partial(_moons, samples, noise, seed))


def _moons(samples: int, noise: float, seed: int) -> Arrays:
    upper, lower = (_evenly(size) * np.pi for size in _sizes(samples, 2))
    points = np.concatenate(
        [_columns(np.cos(upper), np.sin(upper)), _columns(1 - np.cos(lower), 0.5 - np.sin(lower))]
    )
    return _noisy(points, noise, generator(seed, "data", "moons")), _labels(samples, 2)


def circles(
    *, samples: PositiveCount, noise: NotNegative, inner_radius: OpenUnitInterval, seed: Count
) -> Source:
    """A circle of radius 1 (class 0) around a smaller one (class 1).

    Args:
        samples: how many rows, half of each class.
        noise: standard deviation of the normal noise on both coordinates.
        inner_radius: radius of the inner circle, above 0 and below 1.
        seed: decides the noise.
    """
    return _classification("circles", 2, 2, samples, partial(_circles, samples, noise, inner_radius, seed))


def _circles(samples: int, noise: float, inner_radius: float, seed: int) -> Arrays:
    rings = [
        radius * _on_circle(np.arange(size) / size)
        for size, radius in zip(_sizes(samples, 2), (1.0, inner_radius), strict=True)
    ]
    return _noisy(np.concatenate(rings), noise, generator(seed, "data", "circles")), _labels(samples, 2)


def spirals(
    *, samples: PositiveCount, classes: PositiveCount, turns: Positive, noise: NotNegative, seed: Count
) -> Source:
    """Arms of a spiral around each other: arm c is r (cos a, sin a) with a = 2 pi (turns r + c / classes).

    Args:
        samples: how many rows, divided evenly among the classes.
        classes: how many arms, at least 2.
        turns: how often an arm goes round before it reaches the radius 1.
        noise: standard deviation of the normal noise on both coordinates.
        seed: decides the noise.

    Source: Lang and Witbrock, 1988, for two arms.
    """
    read = partial(_spirals, samples, classes, turns, noise, seed)
    return _classification("spirals", 2, classes, samples, read)


def _spirals(samples: int, classes: int, turns: float, noise: float, seed: int) -> Arrays:
    radii = [(np.arange(size) + 1) / size for size in _sizes(samples, classes)]
    arms = [
        radius[:, None] * _on_circle(turns * radius + number / classes) for number, radius in enumerate(radii)
    ]
    points = np.concatenate(arms)
    return _noisy(points, noise, generator(seed, "data", "spirals")), _labels(samples, classes)


def blobs(
    *,
    samples: PositiveCount,
    features: PositiveCount,
    classes: PositiveCount,
    spread: Positive,
    box: Positive,
    seed: Count,
) -> Source:
    """Normal clouds around centres drawn from U(-box, box).

    Args:
        samples: how many rows, divided evenly among the classes.
        features: how many inputs.
        classes: how many clouds, at least 2.
        spread: standard deviation of a cloud in each direction.
        box: half the side of the cube that the centres are drawn from.
        seed: decides the centres and the clouds.
    """
    read = partial(_blobs, samples, features, classes, spread, box, seed)
    return _classification("blobs", features, classes, samples, read)


def _blobs(samples: int, features: int, classes: int, spread: float, box: float, seed: int) -> Arrays:
    draws = generator(seed, "data", "blobs")
    centres = (2 * draws.uniform((classes, features)) - 1) * box
    labels = _labels(samples, classes)
    return _noisy(centres[labels], spread, draws), labels


def xor(*, samples: PositiveCount, noise: NotNegative, seed: Count) -> Source:
    """Points of U(-1, 1) squared; class 1 where the two coordinates differ in sign.

    Args:
        samples: how many rows.
        noise: standard deviation of the normal noise that is added once the class is decided.
        seed: decides the points and the noise.

    Source: Minsky and Papert, 1969, for the problem.
    """
    return _classification("xor", 2, 2, samples, partial(_xor, samples, noise, seed))


def _xor(samples: int, noise: float, seed: int) -> Arrays:
    draws = generator(seed, "data", "xor")
    points = 2 * draws.uniform((samples, 2)) - 1
    labels = np.asarray((points[:, 0] < 0) != (points[:, 1] < 0), np.int64)
    return _noisy(points, noise, draws), labels


def random_classes(
    *, samples: PositiveCount, features: PositiveCount, classes: PositiveCount, seed: Count
) -> Source:
    """Standard normal inputs with classes drawn at random: there is nothing to learn.

    Args:
        samples: how many rows.
        features: how many inputs.
        classes: how many classes, at least 2.
        seed: decides everything.
    """
    read = partial(_random_classes, samples, features, classes, seed)
    return _classification("random", features, classes, samples, read)


def _random_classes(samples: int, features: int, classes: int, seed: int) -> Arrays:
    draws = generator(seed, "data", "random")
    inputs = draws.normal((samples, features))
    return inputs, np.asarray(draws.uniform((samples,)) * classes, np.int64)


def sine(*, samples: PositiveCount, waves: Positive, noise: NotNegative, seed: Count) -> Source:
    """A regression: y = sin(2 pi waves x) plus noise, with x from U(0, 1).

    Args:
        samples: how many rows.
        waves: how many whole waves there are between 0 and 1.
        noise: standard deviation of the normal noise on y.
        seed: decides x and the noise.
    """
    return Source("sine", "regression", (1,), (), samples, partial(_sine, samples, waves, noise, seed))


def _sine(samples: int, waves: float, noise: float, seed: int) -> Arrays:
    draws = generator(seed, "data", "sine")
    inputs = draws.uniform((samples, 1))
    return inputs, _noisy(np.sin(2 * np.pi * waves * inputs), noise, draws)


def adding(*, samples: PositiveCount, length: PositiveCount, seed: Count) -> Source:
    """A regression on sequences: numbers of U(0, 1), two of them marked by a 1 beside them; y is the sum of these two.

    Args:
        samples: how many rows.
        length: how many numbers stand in a row, at least 2.
        seed: decides the numbers and the marks.

    Source: Hochreiter and Schmidhuber, 1997.
    """
    if length < 2:
        raise ConfigurationError([Fault("data.length", "must be at least 2", str(length))])
    read = partial(_adding, samples, length, seed)
    return Source("adding", "regression", (length, 2), (), samples, read)


def _adding(samples: int, length: int, seed: int) -> Arrays:
    draws = generator(seed, "data", "adding")
    numbers = draws.uniform((samples, length))
    marked = np.argsort(draws.uniform((samples, length)), axis=1) < 2
    return np.stack([numbers, marked], axis=-1), (numbers * marked).sum(axis=1, keepdims=True)


def brackets(*, samples: PositiveCount, length: PositiveCount, kinds: PositiveCount, seed: Count) -> Source:
    """Strings of brackets as tokens, 2 k for the opening bracket of kind k and 2 k + 1 for its closing one: balanced?

    A string of class 0 is a balanced one whose brackets were shuffled, so that counting them does not tell the classes
    apart. The same string may occur twice.

    Args:
        samples: how many rows, half of each class.
        length: how many brackets stand in a row, even.
        kinds: how many kinds of brackets there are.
        seed: decides the strings.
    """
    if length % 2:
        raise ConfigurationError([Fault("data.length", "must be even", str(length))])
    read = partial(_brackets, samples, length, kinds, seed)
    classes = ("unbalanced", "balanced")
    return Source("brackets", "binary", (length,), classes, samples, read, tokens=2 * kinds)


def _brackets(samples: int, length: int, kinds: int, seed: int) -> Arrays:
    draws = generator(seed, "data", "brackets")
    labels = _labels(samples, 2)
    strings = [_balanced(length, kinds, draws) for _ in range(samples)]
    for number in np.flatnonzero(labels == 0):
        while _is_balanced(strings[number]):
            strings[number] = strings[number][draws.permutation(length)]
    return np.stack(strings).astype(np.float64), labels


def _balanced(length: int, kinds: int, draws: Draws) -> NDArray[np.int64]:
    """Returns a balanced string, each of them as likely as any other. Source: Arnold and Sleep, 1980."""
    chances, choices = draws.uniform((2, length))
    string: list[int] = []
    still_open: list[int] = []
    for place in range(length):
        left, depth = length - place, len(still_open)
        if chances[place] < (left - depth) * (depth + 2) / (2 * left * (depth + 1)):
            still_open.append(int(choices[place] * kinds))
            string.append(2 * still_open[-1])
        else:
            string.append(2 * still_open.pop() + 1)
    return np.array(string)


def _is_balanced(string: NDArray[np.int64]) -> bool:
    still_open: list[int] = []
    for kind, closes in zip(*np.divmod(string, 2), strict=True):
        if not closes:
            still_open.append(kind)
        elif not still_open or still_open.pop() != kind:
            return False
    return not still_open


def _classification(
    name: str, features: int, classes: int, samples: int, read: Callable[[], Arrays]
) -> Source:
    faults = []
    if classes < 2:
        faults.append(Fault("data.classes", "must be at least 2", str(classes)))
    if samples < classes:
        rule = f"must be at least the number of classes, {classes}"
        faults.append(Fault("data.samples", rule, str(samples)))
    if faults:
        raise ConfigurationError(faults)
    task: Task = "binary" if classes == 2 else "multiclass"
    names = tuple(str(number) for number in range(classes))
    return Source(name, task, (features,), names, samples, read)


def _sizes(samples: int, classes: int) -> list[int]:
    """Returns the number of rows of each class, the first ones a row larger where they do not divide."""
    return [samples // classes + (number < samples % classes) for number in range(classes)]


def _labels(samples: int, classes: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(classes), _sizes(samples, classes))


def _evenly(size: int) -> Floats:
    return np.linspace(0.0, 1.0, size)


def _on_circle(turn: Floats) -> Floats:
    return _columns(np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn))


def _columns(first: Floats, second: Floats) -> Floats:
    return np.stack([first, second], axis=1)


def _noisy(values: Floats, noise: float, draws: Draws) -> Floats:
    return values + noise * draws.normal(values.shape)
