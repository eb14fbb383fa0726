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


def warmup_cosine(number: int, total: int, warmup: int, *, minimum_factor: float) -> float:
    """A line through 1 / warmup at step 0 and 1 at step warmup - 1, then half a cosine over the rest."""
    if number < warmup:
        return (number + 1) / warmup
    return cosine(number - warmup, total - warmup, minimum_factor=minimum_factor)
