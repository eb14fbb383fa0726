"""Schedules: the factor on the learning rate at one step, counted from 0."""

from __future__ import annotations

import math


def step(number: int, steps_per_epoch: int, *, factor: float, every_epochs: int) -> float:
    """factor multiplied once for each ``every_epochs`` epochs that are over."""
    epochs_over = number // steps_per_epoch
    return math.prod([factor] * (epochs_over // every_epochs))


def exponential(number: int, steps_per_epoch: int, *, factor: float) -> float:
    """factor multiplied once for each epoch that is over."""
    return math.prod([factor] * (number // steps_per_epoch))


def cosine(number: float, total: int, *, minimum_factor: float) -> float:
    """Half a cosine from 1 at step 0 to the minimum at step ``total``."""
    return minimum_factor + (1 - minimum_factor) * math.cos(math.pi * number / total / 2) ** 2


def polynomial(number: int, total: int, *, power: float, minimum_factor: float) -> float:
    """From 1 at step 0 to the minimum at step ``total`` as a power of what is left."""
    return minimum_factor + (1 - minimum_factor) * ((total - number) / total) ** power


def multi_step(number: int, steps_per_epoch: int, *, epochs: list[int], factor: float) -> float:
    """factor multiplied once for each listed epoch that is over."""
    return math.prod(factor for epoch in epochs if number // steps_per_epoch >= epoch)


def cosine_restarts(number: int, first: int, *, period_factor: int, minimum_factor: float) -> float:
    """Half a cosine over ``first`` steps, then over ``period_factor`` times as many, and so on."""
    while number >= first:
        number, first = number - first, first * period_factor
    return cosine(number, first, minimum_factor=minimum_factor)


def one_cycle(number: int, total: int, *, peak: float, start: float, end: float) -> float:
    """Half a cosine from ``start`` up to 1 at ``peak`` total - 1, another down to ``end`` at the last step."""
    top = peak * total - 1
    if number <= top:
        return cosine(number - top, top, minimum_factor=start) if top > 0 else 1.0
    return cosine(number - top, total - 1 - top, minimum_factor=end)


def inverse_square_root(number: int, warmup: int) -> float:
    """A line to 1 at step warmup - 1, then one over the root of the step, both counted from 1."""
    return (number + 1) / warmup if number < warmup else math.sqrt(warmup) / math.sqrt(number + 1)


def warmup_cosine(number: int, total: int, warmup: int, *, minimum_factor: float) -> float:
    """A line through 1 / warmup at step 0 and 1 at step warmup - 1, then half a cosine over the rest."""
    if number < warmup:
        return (number + 1) / warmup
    return cosine(number - warmup, total - warmup, minimum_factor=minimum_factor)


def reduce_on_plateau(
    history: list[float],
    *,
    factor: float,
    patience: int,
    cooldown_epochs: int,
    minimum_improvement: float,
    minimum_factor: float,
) -> float:
    """factor, but no less than the minimum, multiplied once for each time that patience came to its end."""
    reductions, counted, resting = 0, 0, 0
    best = math.inf
    for metric in history:
        if metric < best - minimum_improvement:
            best, counted = metric, 0
        elif resting > 0:
            counted = 0
        else:
            counted += 1
        resting -= 1
        if counted == patience + 1:
            reductions, counted, resting = reductions + 1, 0, cooldown_epochs
    return max(factor**reductions, minimum_factor) if reductions else 1.0
